"""Rosters: who is accepted, what the file holds, what a recipe makes of it, and what is refused."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import datagen
from datagen import faces, roster
from datagen.cli import main
from datagen.generate import run_of
from datagen.heads import open_model
from datagen.plan import plan_sample
from datagen.presets import PRESETS
from datagen.recipe import Recipe, RecipeError
from datagen.record import person_id
from datagen.roster import Chosen, Roster, drawn_person, identity_of, packaged_rosters, pinned, read_roster
from meshes.errors import UserError

PORTRAIT = PRESETS["portrait"]


class _Numbers:
    """A head model of nothing but one number a person."""

    def sample_identity(self, rng):
        from meshes.head import Identity

        return Identity({"shape": float(rng.random())}, {})


@pytest.fixture
def written(tmp_path, monkeypatch):
    """A roster of draws 1, 4 and 6 of the stand-in model at seed 5, and the file it is in."""
    monkeypatch.setattr(roster, "open_model", lambda source: _Numbers())
    accepted = (1, 4, 6)
    made = Roster(
        heads="makehuman",
        seed=5,
        limit=0.75,
        accepted=accepted,
        drawn=7,
        without_face=(2,),
        networks={"sface": "ab", "yunet": "cd"},
        people=roster.fingerprint(_Numbers(), "makehuman", 5, accepted),
        version=datagen.__version__,
    )
    path = tmp_path / "people@home.json"
    path.write_text(made.to_text())
    read_roster.cache_clear()
    roster.roster_sha256.cache_clear()
    return made, path


def _unit(*values):
    return np.array(values) / np.linalg.norm(values)


def test_look_alikes_and_the_faceless_are_passed_over():
    chosen = Chosen(limit=0.75)
    for number, vector in enumerate([_unit(1, 0), _unit(1, 0.1), np.zeros(0), _unit(0, 1), _unit(1, 1), _unit(-1, 0)]):
        chosen = chosen.considering(number, vector)
    assert chosen.accepted == (0, 3, 4, 5)  # 45 degrees are a cosine of .71.
    assert chosen.without_face == (2,)


@given(st.integers(0, 1000), st.floats(0.1, 0.95))
def test_no_two_accepted_are_more_alike_than_the_limit(seed, limit):
    rng = np.random.Generator(np.random.Philox(key=seed))
    vectors = [_unit(*rng.normal(size=3)) for _ in range(40)]
    chosen = Chosen(limit)
    for number, vector in enumerate(vectors):
        chosen = chosen.considering(number, vector)
    kept = [vectors[n] for n in chosen.accepted]
    alike = np.array(kept) @ np.array(kept).T - 2 * np.eye(len(kept))
    assert alike.max() <= limit + 1e-12
    for n in set(range(40)) - set(chosen.accepted):  # Nobody is passed over without a reason.
        assert max(vectors[n] @ vectors[m] for m in chosen.accepted if m < n) > limit


def test_a_file_reads_back_equal(written):
    made, path = written
    assert read_roster(str(path)) == made


def test_a_recipe_names_the_content_of_its_roster(written):
    _, path = written
    recipe = pinned(replace(PORTRAIT, roster=str(path)))
    assert recipe.people == 3
    assert recipe.roster == f"{path}@{roster.roster_sha256(str(path))}"
    assert pinned(recipe) == recipe
    assert Recipe.from_json(recipe.to_json()) == recipe
    assert pinned(PORTRAIT) == PORTRAIT
    run = run_of("portrait", replace(PORTRAIT, roster=str(path)), seed=0, pairs=2, shard_pairs=1)
    assert run.recipe == recipe.to_json()


def test_person_i_is_the_ith_accepted_draw_whatever_the_run(written):
    _, path = written
    recipe = pinned(replace(PORTRAIT, roster=str(path)))
    assert [drawn_person(recipe, 9, scene) for scene in range(4)] == [(5, 1), (5, 4), (5, 6), (5, 1)]
    assert drawn_person(replace(recipe, people=2), 9, 2) == (5, 1)
    assert drawn_person(replace(PORTRAIT, people=4), 9, 6) == (9, 2)


def test_more_people_than_the_roster_has_are_refused(written):
    _, path = written
    with pytest.raises(RecipeError, match=r"--people: expected at most the 3 people of --roster .*, got 4\. Lower it"):
        pinned(replace(PORTRAIT, roster=str(path), people=4))
    assert pinned(replace(PORTRAIT, roster=str(path), people=2)).people == 2


def test_other_heads_are_refused(written):
    _, path = written
    with pytest.raises(RecipeError, match="expected --heads makehuman alone, got makehuman ict"):
        pinned(replace(PORTRAIT, roster=str(path), heads=("makehuman", "ict")))


def test_a_changed_file_is_refused(written):
    made, path = written
    recipe = pinned(replace(PORTRAIT, roster=str(path)))
    path.write_text(replace(made, accepted=(1, 4, 7)).to_text())
    with pytest.raises(RecipeError, match=r"expected the file of sha256 .*, got another; restore it"):
        read_roster(recipe.roster)


def test_a_model_that_draws_others_by_now_is_refused(written):
    made, path = written
    path.write_text(replace(made, people="0" * 64).to_text())
    with pytest.raises(
        RecipeError, match=r"expected the people that makehuman draws.*Make it again with datagen people"
    ):
        read_roster(str(path))


@pytest.mark.parametrize(
    "damage",
    [
        lambda values: [],
        lambda values: None,
        lambda values: {**values, "format": "another"},
        lambda values: {k: v for k, v in values.items() if k != "seed"},
        lambda values: {**values, "accepted": []},
        lambda values: {**values, "accepted": [3, 1]},
        lambda values: {**values, "accepted": [1, -4]},
        lambda values: {**values, "accepted": "147"},
        lambda values: {**values, "accepted": [True]},
        lambda values: {**values, "seed": "5"},
        lambda values: {**values, "heads": 3},
        lambda values: {**values, "without_face": None},
        lambda values: {**values, "more": 1},
    ],
)
def test_a_damaged_file_is_refused_with_a_reason(written, damage):
    made, path = written
    path.write_text(json.dumps(damage({"format": roster.FORMAT, **asdict(made)})))
    with pytest.raises(RecipeError, match="expected a roster made by datagen people, got"):
        read_roster(str(path))


def test_a_file_cut_short_is_refused_with_a_reason(written):
    made, path = written
    text = made.to_text()
    for end in range(0, len(text) - 2, 7):
        path.write_text(text[:end])
        read_roster.cache_clear()
        with pytest.raises(RecipeError, match="expected a roster made by datagen people, got"):
            read_roster(str(path))


@pytest.mark.parametrize("name", packaged_rosters())
def test_packaged_rosters_are_of_the_people_drawn_today(name):
    kept = json.loads((roster.PACKAGED / f"{name}.json").read_text())
    try:
        open_model(kept["heads"])
    except UserError as error:
        pytest.skip(str(error))
    made = read_roster(name)
    assert made.drawn > made.accepted[-1]
    assert len(made.accepted) >= 100


def test_no_such_file_is_one_message(capsys, tmp_path):
    argv = ["generate", str(tmp_path / "out"), "--recipe", "portrait", "--pairs", "1", "--roster", "absent.json"]
    assert main(argv) == 2
    told = capsys.readouterr().err
    assert "error: --roster: expected a file made by datagen people" in told
    assert "which is no file. `datagen people --out" in told
    assert not (tmp_path / "out").exists()


def test_impossible_arguments_are_refused(capsys, tmp_path):
    assert main(["people", "--out", str(tmp_path / "p.json"), "--count", "0"]) == 2
    assert "expected --count 1 or more and --limit within 0 to 1, got 0 and 0.75" in capsys.readouterr().err


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Four people of the embedded model, by the command, with a limit that passes somebody over."""
    reason = faces.why_not_measured("yunet", "sface")
    if reason:
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("people")
    options = ["people", "--count", "4", "--limit", "0.45", "--shots", str(folder / "shots")]
    assert main([*options, "--out", str(folder / "a.json")]) == 0
    return folder, options


def test_the_command_finds_people_who_differ(drawn):
    folder, _ = drawn
    made = read_roster(str(folder / "a.json"))
    assert len(made.accepted) == 4
    assert made.accepted[0] == 0
    assert made.drawn == made.accepted[-1] + 1 > 4
    assert set(made.networks) == {"yunet", "sface"}


def test_a_second_run_gives_equal_bytes_without_looking_again(drawn):
    folder, options = drawn
    shots = sorted(path.stat().st_mtime_ns for path in (folder / "shots").iterdir())
    assert main([*options, "--out", str(folder / "b.json")]) == 0
    assert (folder / "b.json").read_bytes() == (folder / "a.json").read_bytes()
    assert sorted(path.stat().st_mtime_ns for path in (folder / "shots").iterdir()) == shots


def test_a_damaged_shot_is_taken_again(drawn):
    folder, options = drawn
    shot = min((folder / "shots").iterdir())
    shot.write_bytes(shot.read_bytes()[:1000])
    assert main([*options, "--out", str(folder / "c.json")]) == 0
    assert (folder / "c.json").read_bytes() == (folder / "a.json").read_bytes()
    assert shot.stat().st_size > 1000


def test_plans_and_names_follow_the_roster(drawn):
    folder, _ = drawn
    made = read_roster(str(folder / "a.json"))
    recipe = pinned(replace(PORTRAIT, roster=str(folder / "a.json")))
    plan = plan_sample(recipe, 77, 5)
    assert (plan.people_seed, plan.person) == (made.seed, made.accepted[1])
    assert plan.identity == identity_of(open_model("makehuman"), "makehuman", made.seed, made.accepted[1])
    assert person_id(plan, ()) == f"makehuman-0-{made.accepted[1]:06d}"


def test_a_model_without_so_many_faces_is_one_message(drawn, capsys, monkeypatch):
    folder, _ = drawn
    monkeypatch.setattr(roster, "DRAWS_A_PERSON", 3)
    argv = ["people", "--count", "2", "--limit", "0.001", "--shots", str(folder / "shots"), "--out", str(folder / "d")]
    assert main(argv) == 2
    assert "expected 2 people of makehuman less alike than 0.001, got 1 in 6 draws" in capsys.readouterr().err


def test_a_folder_that_is_not_there_is_named_before_anybody_is_drawn(tmp_path, capsys):
    assert main(["people", "--out", str(tmp_path / "away" / "people.json")]) == 2
    assert f"make {tmp_path / 'away'} first" in capsys.readouterr().err
