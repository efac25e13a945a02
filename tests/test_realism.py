"""The realism protocol's mathematics on known data, its choice of people, its page; no network and no head needed."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.realism import statistics
from benchmark.realism.__main__ import main
from benchmark.realism.landmarks import REGIONS, aligned, landmark_errors
from benchmark.realism.people import choose, donors_of, group_of, skins_of
from benchmark.realism.protocol import CONDITIONS, TURNED_DEG, Gathered, Sighting, turns
from benchmark.realism.report import BEGIN, END, inserted, judged, markdown
from benchmark.realism.results import analyse, histograms
from benchmark.realism.sheets import closest_pairs, people_sheet, same_people_sheet
from benchmark.realism.skin_tone import CLASSES, ita_deg, lab, tone_class
from datagen.faces.shots import THUMBNAIL_PX, Shot
from datagen.randomness import generator
from meshes.head import Identity

SIMILAR = np.array([[1, 0.1, 0.5, 0.2], [0.1, 1, 0.3, 0.9], [0.5, 0.3, 1, 0.4], [0.2, 0.9, 0.4, 1]])


def test_every_pair_counts_once():
    assert sorted(statistics.pair_values(SIMILAR)) == [0.1, 0.2, 0.3, 0.4, 0.5, 0.9]
    shared = statistics.same(["a", "b", "a", ""])
    assert statistics.pair_values(SIMILAR, shared).tolist() == [0.5]


def test_empty_labels_are_shared_with_nobody():
    assert not statistics.pair_values(SIMILAR, statistics.same(["", "", "", ""])).size


def test_the_closest_other_is_never_oneself():
    assert statistics.closest_other(SIMILAR).tolist() == [0.5, 0.9, 0.5, 0.9]


def test_spread_of_known_values():
    found = statistics.spread(np.arange(101.0))
    assert (found.count, found.median, found.p5, found.p95) == (101, 50.0, 5.0, 95.0)
    assert statistics.spread(np.zeros(0)) is None


def test_distances_are_euclidean():
    assert statistics.distances(np.array([[0.0, 0.0], [3.0, 4.0]])).tolist() == [[0, 5], [5, 0]]


def test_separation_and_d_prime_of_known_values():
    genuine, impostor = np.linspace(0.7, 0.9, 201), np.linspace(0.1, 0.5, 201)
    assert np.isclose(statistics.separation(genuine, impostor), 0.71 - 0.48)
    deviation = np.sqrt((genuine.var() + impostor.var()) / 2)
    assert np.isclose(statistics.d_prime(genuine, impostor), 0.5 / deviation)
    assert statistics.separation(impostor, genuine) < 0


def test_the_bootstrap_holds_the_median_and_narrows_with_people():
    def interval(n):
        rng = generator(0, n, "people")
        own = rng.normal(size=n)
        noise = np.triu(rng.normal(size=(n, n)), 1)
        return statistics.bootstrap_median(own[:, None] + own[None, :] + noise + noise.T, rng, rounds=300)

    (low, high), (low_many, high_many) = interval(12), interval(120)
    assert max(low, low_many) < 0.3  # The true median is 0.
    assert min(high, high_many) > -0.3
    assert high_many - low_many < 0.6 * (high - low)


def test_the_bootstrap_draws_people_and_not_pairs():
    """One odd person among 20 spoils 19 of 190 pairs; the median cannot see them, whoever is drawn."""
    matrix = np.full((20, 20), 0.2)
    matrix[0, :] = matrix[:, 0] = 0.9
    assert statistics.bootstrap_median(matrix, generator(0, 0, "odd"), rounds=200) == (0.2, 0.2)


@given(st.integers(2, 90))
def test_turns_are_even_over_the_quarter_circle(count):
    yaws = sorted(view.yaw_deg for view in turns(count))
    step = 2 * TURNED_DEG / count
    assert np.allclose(yaws, -TURNED_DEG + step * (np.arange(count) + 0.5))


def test_lab_of_known_colours():
    assert np.allclose(lab(np.array([1.0, 1.0, 1.0])), [100, 0, 0], atol=1e-3)
    assert np.allclose(lab(np.zeros(3)), 0, atol=1e-9)
    assert np.allclose(lab(np.array([1.0, 0.0, 0.0])), [53.24, 80.09, 67.20], atol=0.05)


@given(st.floats(0.02, 0.9), st.floats(1.05, 1.4))
def test_brighter_skin_has_a_greater_angle(level, gain):
    skin = np.array([0.45, 0.28, 0.2]) * level
    assert ita_deg(skin * gain) > ita_deg(skin)


def test_every_angle_has_a_class():
    assert [tone_class(low) for _, low, _ in CLASSES] == [name for name, *_ in CLASSES]
    assert tone_class(90.0) == "very light"
    assert tone_class(-90.0) == "dark"


def _faces(rng, n):
    """(n, 68, 2): a face of 68 points, turned, scaled and moved."""
    shape = rng.uniform(-1, 1, (68, 2))
    shape[36], shape[45] = (-0.5, 0.0), (0.5, 0.0)
    angle, scale = rng.uniform(-0.5, 0.5, n), rng.uniform(40, 90, n)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]).transpose(2, 0, 1)
    return scale[:, None, None] * (shape @ turn.transpose(0, 2, 1)) + rng.uniform(0, 300, (n, 1, 2)), scale, turn


def test_the_aligned_frame_has_the_eyes_at_half():
    points, _, _ = _faces(generator(0, 0, "faces"), 5)
    eyes = aligned(points, points)[:, [36, 45]]
    assert np.allclose(eyes, [[-0.5, 0.0], [0.5, 0.0]])


def test_a_constant_offset_is_wholly_definition():
    rng = generator(0, 1, "faces")
    true_px, scale, turn = _faces(rng, 10)
    offset = rng.normal(0, 0.05, (68, 2))
    shown = true_px + scale[:, None, None] * (offset @ turn.transpose(0, 2, 1))
    errors = landmark_errors(shown, true_px)
    for name, region in REGIONS.items():
        assert np.isclose(errors[name].raw, np.linalg.norm(offset[region], axis=1).mean())
        assert errors[name].without_offset < 1e-9
        assert np.isclose(errors[name].explained, 1.0)


def test_noise_is_not_explained_by_definition():
    rng = generator(0, 2, "faces")
    true_px, scale, _ = _faces(rng, 60)
    errors = landmark_errors(true_px + scale[:, None, None] * rng.normal(0, 0.03, true_px.shape), true_px)
    assert abs(errors["all"].explained) < 0.1
    assert np.isclose(errors["all"].raw, 0.03 * np.sqrt(np.pi / 2), rtol=0.05)


class _Drawn:
    """A model of nothing but identities: half women, three ancestries, every third a repeated face."""

    def sample_identity(self, rng):
        shape = {"gender": float(rng.random()), "age": 0.5}
        shape |= dict(zip(("african", "asian", "caucasian"), map(float, rng.dirichlet([0.3, 0.3, 0.3])), strict=True))
        skins = ("skin Asian_F_1", "skin Asian_M_3", "skin White_M_2", "skin MENA_F_2")
        return Identity(shape, {skins[int(rng.integers(4))]: 0.7})


def test_people_are_balanced_over_groups_and_numbered_by_draw():
    people = choose("drawn", _Drawn(), 24)
    groups = [person.group for person in people]
    assert {groups.count(group) for group in set(groups)} == {4}
    assert len(set(groups)) == 6
    numbers = [person.number for person in people]
    assert numbers == sorted(set(numbers))
    assert [p.number for p in choose("drawn", _Drawn(), 24)] == numbers


def test_no_avatar_face_comes_twice():
    people = choose("valid:avatars", _Drawn(), 60)
    assert sorted(min(person.skins) for person in people) == [2, 9, 13]


def test_a_scan_is_one_person():
    class Scan:
        def sample_identity(self, rng):
            return Identity()

    assert [person.number for person in choose("scan:a.obj", Scan(), 60)] == [0]


def test_avatars_tell_their_group():
    assert group_of(Identity({"X_NHPI_F_1": 1.2, "MENA_F_1": -0.2})) == "female NHPI"
    assert group_of(Identity({"White_M_3": 1.0})) == "male White"
    assert group_of(Identity({"identity000": 1.0})) == ""
    assert group_of(Identity({"identity000": 1.0}, {"skin_a": 4.0, "skin_b": 3.0})) == "female Black"


def test_the_skins_worn_are_clusters():
    assert skins_of(Identity({}, {"skin Asian_F_1": 0.3, "skin White_M_2": 0.7, "freckles": 1.0})) == {2, 13}
    assert donors_of(Identity({}, {"skin Asian_F_1": 0.3, "skin White_M_2": 0.7})) == ("White_M_2", "Asian_F_1")
    assert skins_of(Identity({}, {"skin_a": 4.0, "skin_b": 3.0})) == {3, 4}
    assert skins_of(Identity({}, {"freckles": 1.0})) == frozenset()
    shared = statistics.sharing([frozenset({1, 2}), frozenset({2}), frozenset()])
    assert shared.tolist() == [[True, True, False], [True, True, False], [False, False, False]]


def _shot(vector, found=True):
    rng = generator(0, int(1e6 * abs(vector[0])), "shot")
    true_px = rng.uniform(0, 512, (76, 2))
    return Shot(
        thumbnail=np.zeros((THUMBNAIL_PX, THUMBNAIL_PX, 3), np.uint8),
        found=np.array([found]),
        sface=(vector / np.linalg.norm(vector)).astype(np.float32) if found else np.zeros(0),
        dlib=vector if found else np.zeros(0),
        mesh_px=true_px[:68] + 1.0 if found else np.zeros(0),
        landmarks_px=true_px,
        albedo=np.array([0.45, 0.28, 0.2]) * rng.uniform(0.2, 1.5),
    )


def _gathered(missed=()):
    """12 people with their own directions; their conditions differ a little; some are not found."""
    rng = generator(0, 0, "gathered")
    people = choose("drawn", _Drawn(), 12)
    vectors = rng.normal(size=(12, 128))
    near = lambda i: _shot(vectors[i] + rng.normal(0, 0.2, 128), i not in missed)  # noqa: E731
    return Gathered(
        source="drawn",
        people=people,
        standard=[_shot(vector, i not in missed) for i, vector in enumerate(vectors)],
        turned=[near(i) for i in range(12)],
        conditions={(kind, name): [near(i) for i in range(4)] for kind, views in CONDITIONS.items() for name in views},
        sightings=[Sighting("pair 0, near, 31 cm", "near", True), Sighting("pair 0, far, 160 cm", "far", False)],
    )


def test_people_who_differ_are_told_apart():
    result = analyse(_gathered())
    assert abs(result.impostors.sface.median) < 0.1
    assert result.impostors.interval[0] <= result.impostors.sface.median <= result.impostors.interval[1]
    assert result.impostors.same_skin.count + result.impostors.other_skin.count == 66
    assert result.genuine.sface.count == 4 * 55
    assert result.genuine.by_change["light"].count == 4 * len(CONDITIONS["light"])
    assert result.genuine.separation > 0.5
    assert result.detection == replace(result.detection, shown=12 + 12 + 4 * 10, found=64, misses=[])
    assert set(result.landmarks) == {*REGIONS, "all"}
    assert result.in_pairs["near"].found == 1
    assert result.in_pairs["far"].misses == ["pair 0, far, 160 cm"]


def test_missed_faces_are_named_and_left_out_of_the_pairs():
    gathered = _gathered(missed=(2, 7))
    result = analyse(gathered)
    assert result.impostors.people == 10
    assert result.impostors.sface.count == 45
    assert result.detection.shown - result.detection.found == 2 + 2 + 10
    number = gathered.people[2].number
    assert f"person {number}, turned" in result.detection.misses
    assert result.genuine.sface.count == 3 * 55


def test_a_double_is_shown_and_left_out_of_the_second_row():
    gathered = _gathered()
    gathered.standard[9] = gathered.standard[4]
    result = analyse(gathered)
    assert np.isclose(result.impostors.closest.p95, 1.0, atol=0.1)
    assert result.accepted.people == 11
    assert result.accepted.closest.p95 < 0.5
    text = markdown([_plain(result)], {}, {}, "make realism")
    assert "| `drawn` | 12 |" in text
    assert "| `drawn`, with a roster | 11 |" in text


def test_nobody_found_is_not_measured():
    result = analyse(_gathered(missed=range(12)))
    assert result.impostors.sface is None
    assert result.genuine is None
    assert result.landmarks is None
    assert "0 of 64, **0.0 %** (≥ 99.5 %: not met)" in markdown([_plain(result)], {}, {}, "make realism")


def _plain(result):
    from dataclasses import asdict

    return json.loads(json.dumps(asdict(result)))


def test_histograms_count_everybody_once():
    gathered = _gathered()
    tables = histograms(gathered)
    assert set(tables) == {"skin tone", "age", "gender"}
    assert {sum(counts.values()) for counts in tables.values()} == {12}


def test_closest_pairs_come_in_order_and_share_nobody():
    assert closest_pairs(SIMILAR, 5) == [(1, 3), (0, 2)]


def test_sheets_have_a_cell_for_everybody():
    gathered = _gathered(missed=(1,))
    assert people_sheet(gathered).size == (10 * 136 + 8, 2 * 156 + 8)
    assert same_people_sheet(gathered).size == (11 * 136 + 8, 3 * 156 + 8)


def test_the_page_keeps_what_people_wrote():
    page = f"# Title\n\n{BEGIN}\nold\n{END}\n\nBy hand.\n"
    once = inserted(page, "new")
    assert once == f"# Title\n\n{BEGIN}\n\nnew\n\n{END}\n\nBy hand.\n"
    assert inserted(once, "new") == once
    with pytest.raises(match=r"expected the lines .* got neither"):
        inserted("# Title\n", "new")


def _measure_without_models(tmp_path, monkeypatch, *options):
    monkeypatch.setenv("DATAGEN_ASSETS", str(tmp_path))
    monkeypatch.setenv("DATAGEN_CACHE", str(tmp_path))
    page = tmp_path / "page.md"
    if not page.exists():
        page.write_text(f"# By hand\n\n{BEGIN}\n{END}\n")
    return main(["--sources", "makehuman", "--page", str(page), "--out", str(tmp_path), *options]), page


def test_without_the_networks_nothing_is_claimed(tmp_path, monkeypatch, capsys):
    status, page = _measure_without_models(tmp_path, monkeypatch)
    assert status == 1
    assert "makehuman: not measured: " in capsys.readouterr().out
    assert page.read_text().startswith("# By hand")
    assert "- `makehuman` not measured: " in page.read_text()
    assert json.loads(page.with_suffix(".json").read_text())["results"] == {}


def test_figures_of_other_sources_are_kept(tmp_path, monkeypatch):
    kept = {"results": {"drawn": _plain(analyse(_gathered()))}, "missing": {"ict": "no file."}, "pictures": {}}
    (tmp_path / "page.json").write_text(json.dumps(kept))
    _, page = _measure_without_models(tmp_path, monkeypatch)
    assert "| `drawn` | 12 |" in page.read_text()
    assert "- `ict` not measured: no file." in page.read_text()


def test_impossible_settings_are_refused(tmp_path, monkeypatch, capsys):
    assert _measure_without_models(tmp_path, monkeypatch, "--people", "3")[0] == 2
    assert "expected --people 4 or more, --same within them" in capsys.readouterr().err


def test_targets_stand_beside_results():
    assert judged(0.3, 0.32, at_most=True) == "**.300** (≤ .32: met)"
    assert judged(0.3, 0.32, at_most=False) == "**.300** (≥ .32: not met)"
    text = markdown([_plain(analyse(_gathered()))], {"ict": "no file."}, {"drawn": ["a.webp"]}, "make realism")
    assert "- `ict` not measured: no file." in text
    assert "(≥ .82: met)" in text
    assert "![drawn: people](a.webp)" in text
    assert "Empty: " in text
