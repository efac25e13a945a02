"""Skin from melanin and blood, and its folds and relief: physics in the right direction, maps exact and repeatable."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshes.atlas import SHAPE
from meshes.folds import face_folds
from meshes.look import sample_look
from meshes.makehuman_template import template
from meshes.skin_chart import CELL_MM, face_chart, stroke, texel_points, texel_values
from meshes.skin_relief import STEP_M, at_size, fold_maps, skin_relief
from meshes.skin_tone import BLOOD, MELANIN, on_scale, reflectance, skin_colour, typology_angle_deg
from renderers.srgb import linear_from_signal

NM = np.arange(400, 721, 10)
SHARES = st.floats(0.0, 1.0)


def look(seed: int, age: float = 0.6, **changes: float) -> dict[str, float]:
    rng = np.random.Generator(np.random.Philox(key=seed))
    return sample_look(rng, gender=0.5, age=age, african=0.3, asian=0.3, caucasian=0.4) | changes


@given(SHARES, SHARES, st.floats(0.0, 0.4))
def test_skin_returns_less_than_it_gets_and_more_of_red(melanin: float, blood: float, red_melanin: float) -> None:
    spectrum = reflectance(on_scale(melanin, MELANIN), on_scale(blood, BLOOD), red_melanin)
    red, green, blue = skin_colour(on_scale(melanin, MELANIN), on_scale(blood, BLOOD), red_melanin)
    assert 0.0 < spectrum.min() < spectrum.max() < 0.9
    assert 0.9 > red > green > blue > 0.0


@given(SHARES, SHARES)
def test_melanin_darkens_and_blood_reddens(melanin: float, blood: float) -> None:
    m, b = on_scale(melanin, MELANIN), on_scale(blood, BLOOD)
    assert (skin_colour(1.3 * m, b) < skin_colour(m, b)).all()
    redder, plain = skin_colour(m, 1.5 * b), skin_colour(m, b)
    assert redder[0] / redder[1] > plain[0] / plain[1]


def test_blood_shows_where_haemoglobin_absorbs_most() -> None:
    spectrum = reflectance(MELANIN[0], BLOOD[1])
    dips = [n for n in range(1, 32) if spectrum[n] < min(spectrum[n - 1], spectrum[n + 1])]
    assert NM[dips].tolist() == [420, 540, 580]


def test_typology_angle_of_known_colours() -> None:
    """L* = 50 is 0 degrees; a yellow of L* = 50 + b* is 45. Independent: scikit-image's CIELAB."""
    color = pytest.importorskip("skimage.color")
    signal = np.random.default_rng(0).uniform(0.15, 0.9, (50, 3))
    lab = color.rgb2lab(signal)
    expected = np.degrees(np.arctan2(lab[:, 0] - 50, lab[:, 2]))
    np.testing.assert_allclose(typology_angle_deg(linear_from_signal(signal)), expected, atol=0.2)


def test_texels_show_the_points_of_the_faces_that_hold_them() -> None:
    skin = template().skin
    points = texel_points(skin)
    # The middle of a face is well inside it; the texel that holds it lies within a texel's width of it on the head.
    chosen = np.flatnonzero((skin.masks["face"][skin.faces] > 0.5).all(axis=1))[::97]
    middle, uv = skin.rest[skin.faces[chosen]].mean(axis=1), skin.uv[skin.faces[chosen]].mean(axis=1)
    row, column = ((1.0 - uv[:, 1]) * SHAPE[0]).astype(int), (uv[:, 0] * SHAPE[1]).astype(int)
    away = np.linalg.norm(points[row, column] - middle, axis=1)
    assert np.nanmax(away) < 0.0016
    assert np.median(away) < 0.0004
    assert np.isnan(points[0, 300]).all()


def test_texel_values_are_those_of_the_vertices() -> None:
    skin = template().skin
    flat = texel_values(skin, np.full(len(skin.rest), 0.25))
    assert set(np.unique(flat)) == {0.0, 0.25}
    assert (flat > 0).sum() == (~np.isnan(texel_points(skin)[..., 0])).sum()


def test_a_stroke_is_a_ridge_along_its_line_and_nothing_else() -> None:
    chart, field = face_chart(template().skin), np.zeros(SHAPE[0] * SHAPE[1], np.float32)
    line = np.array([[-20.0, 40.0], [20.0, 45.0]])
    stroke(field, chart, line, np.full(2, 1.5), np.full(2, 3.0))
    across = line[1] - line[0]
    t = np.clip((chart.place_mm - line[0]) @ across / (across @ across), 0, 1)
    away = np.linalg.norm(chart.place_mm - line[0] - t[:, None] * across, axis=1)
    height = field[chart.texel]
    assert height[away < 0.1].min() > 2.9
    assert (height[away > 1.5 * np.sqrt(6.0) + 1e-3] == 0).all()
    assert (np.diff(height[np.argsort(away)]) <= 1e-4).all()
    assert (height > 0).sum() > 500
    assert CELL_MM > 0


@given(st.integers(0, 2**31 - 1), st.floats(0.4, 1.0))
@settings(max_examples=15, deadline=None)
def test_folds_are_finite_and_lie_on_the_face(seed: int, age: float) -> None:
    for line_mm, width_mm, depth_um in face_folds(look(seed, age)):
        assert np.isfinite(line_mm).all()
        assert np.abs(line_mm[:, 0]).max() < 75
        assert -112 < line_mm[:, 1].min() < line_mm[:, 1].max() < 85
        assert width_mm.min() > 0.1
        assert np.abs(depth_um).max() < 3000


def test_folds_deepen_with_age_and_differ_from_side_to_side_and_between_people() -> None:
    skin = template().skin
    young, old = ([fold_maps(skin, look(seed, age)).depth_m.sum() for seed in range(8)] for age in (0.5, 0.95))
    assert np.mean(old) > 1.8 * np.mean(young)
    first, second = (fold_maps(skin, look(seed, 0.8)).depth_m for seed in (1, 2))
    assert np.corrcoef(first.ravel(), second.ravel())[0, 1] < 0.8
    folds = [fold for fold in face_folds(look(3, 0.9)) if np.abs(fold.line_mm[:, 0]).min() > 10]
    left, right = ([f.line_mm for f in folds if np.sign(f.line_mm[0, 0]) == side] for side in (1, -1))
    assert not any(np.allclose(a, b * (-1, 1)) for a in left for b in right)


def test_relief_codes_are_the_slopes_of_the_folds() -> None:
    """Without pores and furrows, summing the codes along a row gives back the depth of what was crossed."""
    skin, person = template().skin, look(4, 0.9, pores=0.0, lip_furrows=0.0)
    folds = fold_maps(skin, person)
    relief = skin_relief(skin, person, folds)
    height = folds.ridge_m - folds.depth_m
    expected = (height[1:-1, 2:] - height[1:-1, :-2]) / (2 * STEP_M)
    within = np.abs(expected) < 127
    assert np.abs(relief[1:-1, 1:-1, 0][within] - 128.0 - expected[within]).max() <= 0.51
    assert (np.abs(expected) > 20).sum() > 1000


def test_relief_is_level_off_the_skin_and_oily_on_nose_and_forehead() -> None:
    skin, person = template().skin, look(5, oil=0.8)
    relief = skin_relief(skin, person, fold_maps(skin, person))
    points = texel_points(skin)
    assert relief.shape == (*SHAPE, 3)
    assert relief.dtype == np.uint8
    assert (relief[0, 200:600, :2] == 128).all()
    nose = np.linalg.norm(points - (0.0, -0.032, 0.036), axis=2) < 0.008
    jaw = np.linalg.norm(points - (0.055, -0.07, -0.02), axis=2) < 0.008
    assert relief[nose, 2].mean() > 1.5 * relief[jaw, 2].mean()


def test_same_person_same_maps_whoever_came_before() -> None:
    skin = template().skin
    first = skin_relief(skin, look(6), fold_maps(skin, look(6)))
    skin_relief(skin, look(7), fold_maps(skin, look(7)))
    assert np.array_equal(first, skin_relief(skin, look(6), fold_maps(skin, look(6))))


@pytest.mark.parametrize(("rows", "columns"), [(64, 48), (16, 96), (32, 24)])
def test_a_slope_keeps_its_height_at_any_size(rows: int, columns: int) -> None:
    relief = np.tile(np.array([128 + 24, 128 - 32, 200], np.uint8), (32, 24, 1))
    other = at_size(relief, rows, columns)
    assert other.shape == (rows, columns, 3)
    assert abs((other[0, :, 0] - 128.0).sum() - 24 * 24) <= 0.5 * columns
    assert abs((other[:, 0, 1] - 128.0).sum() + 32 * 32) <= 0.5 * rows
    assert (other[..., 2] == 200).all()
