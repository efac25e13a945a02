"""Skin, brows, lips, hair and lashes: plausible colours, exact repeatability, and each number doing what it says."""

import ast
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.sparse import csgraph

from meshes import appearance
from meshes.appearance import SkinTemplate, sample_look
from meshes.atlas import SHAPE
from meshes.makehuman_template import template
from meshes.noise import keyed, value_noise
from meshes.skin_regions import beard, hair_depth, zones
from meshes.skin_tone import typology_angle_deg


@pytest.fixture(scope="module")
def skin() -> SkinTemplate:
    return template().skin


def draw(seed: int, **who: float) -> dict[str, float]:
    mix = {"gender": 1.0, "age": 0.55, "african": 0.2, "asian": 0.3, "caucasian": 0.5} | who
    return sample_look(np.random.Generator(np.random.Philox(key=seed)), **mix)


def texture_of(skin: SkinTemplate, look: dict[str, float]) -> np.ndarray:
    return appearance.skin_texture(skin, look, appearance.skin_tone(look), appearance.hair_colour(look))


def test_look_is_plain_finite_floats_and_repeats() -> None:
    look = draw(3)
    assert all(type(value) is float for value in look.values())
    assert json.loads(json.dumps(look, allow_nan=False)) == look == draw(3)
    assert look != draw(4)


def test_same_names_whoever_is_drawn() -> None:
    names = {frozenset(draw(seed, gender=seed % 2, age=0.4 + 0.02 * seed)) for seed in range(30)}
    assert len(names) == 1


def test_ancestry_shifts_skin_broadly_without_fixing_it() -> None:
    only = {"african": 0.0, "asian": 0.0, "caucasian": 0.0}
    melanin = {k: [draw(s, **(only | {k: 1.0}))["melanin"] for s in range(200)] for k in only}
    assert np.mean(melanin["african"]) > np.mean(melanin["asian"]) > np.mean(melanin["caucasian"])
    assert max(melanin["caucasian"]) > min(melanin["asian"])
    assert np.std(melanin["african"]) > 0.05


def test_age_greys_and_women_grow_no_beard() -> None:
    old = [draw(s, age=0.95)["hair_grey"] for s in range(60)]
    young = [draw(s, age=0.5)["hair_grey"] for s in range(60)]
    assert np.mean(old) > 0.6
    assert max(young) == 0.0
    assert all(draw(s, gender=0.0)["stubble"] == 0.0 for s in range(60))


def test_skin_tones_span_light_to_very_dark() -> None:
    plain = draw(0) | {"redness": 0.5, "undertone": 0.0}
    light, dark = (appearance.skin_tone(plain | {"melanin": m}) for m in (0.0, 1.0))
    assert typology_angle_deg(light) > 55 - 3
    assert typology_angle_deg(dark) < -45
    assert light[0] > 4 * dark[0]


def test_sampled_tones_leave_no_gap_from_very_light_to_dark() -> None:
    """Classes of the typology angle (see `typology_angle_deg`), ancestry drawn as the head model draws it."""
    mixes = [np.random.Generator(np.random.Philox(key=[s, 1])).dirichlet([0.35] * 3) for s in range(600)]
    looks = [draw(s, **dict(zip(("african", "asian", "caucasian"), mix, strict=True))) for s, mix in enumerate(mixes)]
    angles = typology_angle_deg(np.array([appearance.skin_tone(look) for look in looks]))
    classes = np.histogram(angles, [-90, -30, 10, 28, 41, 55, 90])[0] / len(angles)
    assert classes.min() > 0.015
    assert classes.max() < 0.35
    assert np.histogram(angles, np.arange(-55, 56, 10))[0].min() > 0


@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0), st.floats(-1.0, 1.0))
def test_tone_is_warm_and_falls_with_melanin(melanin: float, redness: float, undertone: float) -> None:
    look = {"melanin": melanin, "redness": redness, "undertone": undertone}
    red, green, blue = appearance.skin_tone(look)
    assert 1.0 > red > green > blue > 0.0
    assert (appearance.skin_tone(look | {"melanin": min(1.0, melanin + 0.1)}) <= (red, green, blue)).all()


@given(st.integers(0, 2**31 - 1), st.floats(0.0, 1.0), st.floats(0.4, 1.0))
@settings(max_examples=8, deadline=None)
def test_paint_is_an_albedo(seed: int, gender: float, age: float) -> None:
    skin = template().skin
    color = appearance.paint(skin, draw(seed, gender=gender, age=age))
    assert color.shape == (len(skin.rest), 3)
    assert color.dtype == np.float32
    assert np.isfinite(color).all()
    assert color.min() >= 0.0
    assert color.max() < 0.9


def test_paint_and_texture_depend_on_the_look_alone(skin: SkinTemplate) -> None:
    first = appearance.paint(skin, draw(5)), texture_of(skin, draw(5))
    appearance.paint(skin, draw(6)), texture_of(skin, draw(6))
    assert np.array_equal(first[0], appearance.paint(skin, draw(5)))
    assert np.array_equal(first[1], texture_of(skin, draw(5)))
    assert not np.array_equal(first[1], texture_of(skin, draw(6)))


_DIGEST = """
import hashlib, sys
import numpy as np
from meshes import appearance
from meshes.eyes import eyeball, paint_eye
from meshes.makehuman_template import template
def digest(seed):
    rng, skin = np.random.Generator(np.random.Philox(key=seed)), template().skin
    look = appearance.sample_look(rng, gender=1.0, age=0.55, african=0.2, asian=0.3, caucasian=0.5)
    hair, folds = appearance.hair_colour(look), appearance.fold_maps(skin, look)
    arrays = [appearance.paint(skin, look), appearance.displacement(skin, look), paint_eye(eyeball(), look),
              appearance.skin_texture(skin, look, appearance.skin_tone(look), hair, folds.shade),
              appearance.skin_relief(skin, look, folds)]
    return hashlib.blake2b(b"".join(np.ascontiguousarray(a).tobytes() for a in arrays)).hexdigest()
print({seed: digest(seed) for seed in map(int, sys.argv[1:])})
"""


def test_same_bytes_in_any_process_order_and_number_of_threads() -> None:
    def digests(*seeds: int, threads: int) -> dict[int, str]:
        environment = os.environ | {"OPENBLAS_NUM_THREADS": str(threads), "NUMBA_NUM_THREADS": str(threads)}
        command = [sys.executable, "-c", _DIGEST, *map(str, seeds)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return ast.literal_eval(done.stdout)

    one, two = digests(1, 2, threads=1), digests(2, 1, threads=2)
    assert one == two
    assert one[1] != one[2]


def test_zones_lie_where_they_are_named(skin: SkinTemplate) -> None:
    """Centres of mass, in millimetres of the canonical head, which looks along +z with its eyes at y = 0."""
    zone = zones(skin)

    def centre_mm(name: str) -> np.ndarray:
        return 1e3 * (zone[name][:, None] * skin.rest).sum(axis=0) / zone[name].sum()

    assert all(weight.min() >= 0.0 and weight.max() <= 1.0 for weight in zone.values())
    assert all(abs(centre_mm(name)[0]) < 2.5 for name in zone)  # Sums over vertices, which are not quite mirrored.
    assert -50 < centre_mm("nose")[1] < -30
    assert -75 < centre_mm("lips")[1] < -60
    assert -20 < centre_mm("under_eye")[1] < -8
    assert centre_mm("scalp")[1] > 30
    assert abs(skin.rest[zone["lash_line"] > 0.5, 0]).min() > 0.012


def test_lips_are_redder_than_the_skin_round_them(skin: SkinTemplate) -> None:
    color = appearance.paint(skin, draw(1) | {"melanin": 0.2, "stubble": 0.0})
    ratio = color[:, 0] / color[:, 1]
    zone = zones(skin)
    assert np.median(ratio[zone["lips"] > 0.9]) > 1.15 * np.median(ratio[zone["forehead"] > 0.5])


def test_stubble_darkens_the_beard_only(skin: SkinTemplate) -> None:
    shaved = draw(2) | {"stubble": 0.0, "melanin": 0.15}
    change = appearance.paint(skin, shaved) - appearance.paint(skin, shaved | {"stubble": 1.0})
    grows = beard(skin.rest)
    assert change[grows == 0.0].max() == 0.0
    assert change[(grows > 0.9) & (skin.masks["lips"] == 0.0) & (skin.masks["inside_mouth"] == 0.0)].min() > 0.0


def test_detail_only_darkens_and_stays_on_the_head(skin: SkinTemplate) -> None:
    texture = texture_of(skin, draw(7) | {"freckles": 1.0, "moles": 8.0, "stubble": 1.0, "hair_length_m": 0.002})
    assert texture.shape == (*SHAPE, 3)
    assert texture.dtype == np.uint8
    torso = texture[: SHAPE[0] - 1330, :130]
    assert (torso == 255).all()
    assert 0.05 < (texture < 200).any(axis=2).mean() < 0.9


def test_brows_stand_above_the_eyes(skin: SkinTemplate) -> None:
    """Darkest texels of a hairless, freckle-free face, found again on the skin."""
    look = draw(8) | {"stubble": 0.0, "freckles": 0.0, "moles": 0.0, "melanin": 0.1, "brow_density": 0.9}
    texture = texture_of(skin, look | {"hair_red": 0.01, "hair_green": 0.01, "hair_blue": 0.01})
    row = np.clip(((1.0 - skin.uv[:, 1]) * SHAPE[0]).astype(int), 0, SHAPE[0] - 1)
    column = np.clip((skin.uv[:, 0] * SHAPE[1]).astype(int), 0, SHAPE[1] - 1)
    dark = (texture[row, column].max(axis=1) < 130) & (skin.masks["face"] > 0.5) & (hair_depth(skin.rest) < -0.01)
    x, y = 1e3 * np.abs(skin.rest[dark, 0]), 1e3 * skin.rest[dark, 1]
    assert dark.sum() > 50
    assert (x > 4).all()
    assert (x < 62).all()
    assert (y > 2).all()
    assert (y < 26).all()
    assert (skin.rest[dark, 0] > 0).any()
    assert (skin.rest[dark, 0] < 0).any()


def test_displacement_is_small_off_the_hair(skin: SkinTemplate) -> None:
    look = draw(9) | {"hair_length_m": 0.010, "hair_recede": 0.0}
    relief = appearance.displacement(skin, look)
    assert relief.dtype == np.float32
    assert np.abs(relief[hair_depth(skin.rest) < 0.0]).max() < 1.5e-3
    assert relief.max() < 0.010


def test_atlas_islands_hold_whole_faces_and_do_not_overlap(skin: SkinTemplate) -> None:
    """Connected faces are one island; each claims the texels under its faces, and no texel has two owners."""
    texel = np.stack([skin.uv[:, 0] * SHAPE[1], (1.0 - skin.uv[:, 1]) * SHAPE[0]], axis=1)
    edges = np.concatenate([skin.faces[:, [0, 1]], skin.faces[:, [1, 2]]]).T
    graph = sparse.coo_array((np.ones(len(edges[0])), edges), shape=(len(texel), len(texel)))
    count, island = csgraph.connected_components(graph, directed=False)
    owner = np.full(SHAPE, -1)
    low = np.floor(texel[skin.faces].min(axis=1)).astype(int)
    high = np.floor(texel[skin.faces].max(axis=1)).astype(int) + 1
    assert count >= 4
    assert low.min() >= 0
    assert (high <= SHAPE[::-1]).all()
    mine = island[skin.faces[:, 0]]
    for y, x in np.ndindex(*(high - low).max(axis=0)[::-1]):
        column, row = low[:, 0] + x, low[:, 1] + y
        under = (column < high[:, 0]) & (row < high[:, 1])
        column, row, own = column[under], row[under], mine[under]
        assert ((owner[row, column] == -1) | (owner[row, column] == own)).all()
        owner[row, column] = own
        assert (owner[row, column] == own).all()


def test_materials_share_the_texture_of_the_skin_only() -> None:
    texture = np.full((4, 4, 3), 255, np.uint8)
    table = appearance.materials(texture)
    assert table["skin"].texture is texture
    assert {name for name, material in table.items() if material.texture is not None} == {"skin", "lips"}
    assert not any(material.clear for material in table.values())


@given(st.integers(0, 1000), st.floats(0.002, 0.05))
@settings(max_examples=20, deadline=None)
def test_noise_is_continuous_and_of_unit_size(key: int, wavelength_m: float) -> None:
    points = keyed(key, 0).uniform(-0.2, 0.2, (4000, 3))
    here, near = (value_noise(p, wavelength_m, 1, keyed(key, 1))[0] for p in (points, points + 1e-4 * wavelength_m))
    assert np.abs(here - near).max() < 0.01
    assert 0.8 < here.std() < 1.2
    assert abs(here.mean()) < 0.25


def noise_twin(points: np.ndarray, wavelength_m: float, count: int, rng: np.random.Generator) -> np.ndarray:
    """`value_noise` in numpy, all points at once."""
    lattice = rng.standard_normal((32**3, count), dtype=np.float32)
    cell = np.floor(points / wavelength_m)
    s = (points / wavelength_m - cell).astype(np.float32)
    t = s * s * s * (s * (s * np.float32(6.0) - np.float32(15.0)) + np.float32(10.0))
    total, power = np.zeros((len(points), count), np.float32), np.zeros((len(points), 1), np.float32)
    for step in np.ndindex(2, 2, 2):
        weight = np.where(np.array(step) == 1, t, 1.0 - t).prod(axis=1)[:, None]
        x, y, z = ((cell.astype(np.int64) + step) % 32).T
        total += weight * lattice[(x * 32 + y) * 32 + z]
        power += weight * weight
    return (total / np.sqrt(power)).T


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_noise_is_its_twin_in_numpy(dtype: type) -> None:
    points = (0.1 * keyed(1, 1).standard_normal((2000, 3))).astype(dtype)
    for count, wavelength_m in ((1, 0.01), (4, 0.003)):
        expected = noise_twin(points, wavelength_m, count, keyed(1, 2))
        np.testing.assert_array_equal(value_noise(points, wavelength_m, count, keyed(1, 2)), expected)
