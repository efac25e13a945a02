"""The eyeball: closed tissue by tissue, sized like an eye, clear where it must be, painted by the look."""

import numpy as np
import pytest

from meshes.eyelids import lid_shade
from meshes.eyes import CORNEA, IRIS, LIMBUS_RADIUS, SCLERA, eye_materials, eyeball, paint_eye
from meshes.look import sample_look


def look(seed: int = 0, **changes: float) -> dict[str, float]:
    rng = np.random.Generator(np.random.Philox(key=seed))
    return sample_look(rng, gender=0.5, age=0.55, african=0.3, asian=0.3, caucasian=0.4) | changes


def luminance(color: np.ndarray) -> np.ndarray:
    return color @ np.array([0.2126, 0.7152, 0.0722])


def test_faces_point_outwards() -> None:
    eye = eyeball()
    corner = eye.vertices[eye.faces]
    normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    outward = np.einsum("fk,fk->f", normal, corner.mean(axis=1))
    assert (np.linalg.norm(normal, axis=1) > 1e-6).all()
    assert (outward[eye.tissue == SCLERA] > 0).mean() > 0.9  # All but the rim that turns in behind the limbus.
    assert (outward[eye.tissue != SCLERA] > 0).all()
    np.testing.assert_allclose(np.linalg.norm(eye.normals, axis=1), 1.0, atol=1e-6)


@pytest.mark.parametrize(("tissue", "open_edges"), [(SCLERA, 1), (IRIS, 1), (CORNEA, 1)])
def test_each_tissue_is_a_disc(tissue: int, open_edges: int) -> None:
    """V - E + F = 1: connected, no holes but the one rim, and every other edge shared by two faces."""
    eye = eyeball()
    faces = eye.faces[eye.tissue == tissue]
    edges = np.sort(np.stack([faces, np.roll(faces, -1, axis=1)], axis=-1).reshape(-1, 2), axis=1)
    unique, uses = np.unique(edges, axis=0, return_counts=True)
    assert set(uses) == {1, 2}
    assert len(np.unique(faces)) - len(unique) + len(faces) == open_edges


def test_tissues_share_no_vertex() -> None:
    eye = eyeball()
    assert (eye.vertex_tissue[eye.faces] == eye.tissue[:, None]).all()


def test_iris_lies_behind_the_cornea_and_inside_the_limbus() -> None:
    eye = eyeball()
    iris = eye.vertices[eye.vertex_tissue == IRIS]
    assert np.hypot(iris[:, 0], iris[:, 1]).max() < LIMBUS_RADIUS
    assert iris[:, 2].max() < eye.vertices[eye.vertex_tissue == CORNEA][:, 2].min()
    assert 1.05 < eye.apex < 1.12  # A real cornea stands out by a tenth of the globe's radius.


def test_cornea_alone_is_clear() -> None:
    assert [material.clear for material in eye_materials()] == [False, False, True]


def test_pupil_is_the_darkest_and_sclera_the_brightest() -> None:
    eye = eyeball()
    color = luminance(paint_eye(eye, look()))
    r = np.hypot(eye.vertices[:, 0], eye.vertices[:, 1]) / LIMBUS_RADIUS
    iris = eye.vertex_tissue == IRIS
    white = (eye.vertex_tissue == SCLERA) & (eye.vertices[:, 2] > 0.8) & (r > 1.2)
    assert color[iris & (r < 0.2)].max() < 0.5 * np.median(color[iris & (r > 0.6) & (r < 0.8)])
    assert color[iris].max() < np.median(color[white])


@pytest.mark.parametrize("pupil", [0.28, 0.5])
def test_pupil_size_follows_the_look(pupil: float) -> None:
    eye = eyeball()
    color = luminance(paint_eye(eye, look(pupil=pupil)))
    r = np.hypot(eye.vertices[:, 0], eye.vertices[:, 1]) / LIMBUS_RADIUS
    # The darkest of the fibres are darker than half the iris; the pupil is darker than all of them.
    iris = eye.vertex_tissue == IRIS
    assert color[iris & (r < pupil - 0.05)].max() < 0.004
    assert np.median(color[iris & (r > pupil + 0.06) & (r < 0.75)]) > 0.006


def test_eyes_of_one_person_are_alike_but_not_copies() -> None:
    eye, person = eyeball(), look()
    left, right = paint_eye(eye, person, 0), paint_eye(eye, person, 1)
    assert not np.array_equal(left, right)
    np.testing.assert_allclose(left.mean(axis=0), right.mean(axis=0), rtol=0.05)
    assert np.array_equal(left, paint_eye(eye, person, 0))


def lids(upper_deg: float, lower_deg: float) -> np.ndarray:
    """Points round an almond-shaped opening of a unit eye that reaches 45 degrees to either side."""
    aside = np.radians(np.linspace(-70, 70, 141))[:, None]
    open_part = np.clip(1 - (aside / np.radians(45)) ** 2, 0, None)
    steps = np.radians(np.arange(0, 45, 2.0))
    height = np.concatenate([np.radians(upper_deg) * open_part + steps, np.radians(lower_deg) * open_part - steps], 1)
    aside = np.broadcast_to(aside, height.shape)
    away = np.stack([np.sin(aside) * np.cos(height), np.sin(height), np.cos(aside) * np.cos(height)], axis=-1)
    return 1.02 * away.reshape(-1, 3)


def ahead(aside_deg: float, up_deg: float) -> np.ndarray:
    a, u = np.radians(aside_deg), np.radians(up_deg)
    return np.array([[np.sin(a) * np.cos(u), np.sin(u), np.cos(a) * np.cos(u)]])


def test_lids_shade_the_eye_below_their_edges_and_in_the_corners() -> None:
    around = lids(14.0, -16.0)
    middle, top, bottom, corner = (lid_shade(ahead(*at), around)[0] for at in ((0, -4), (0, 12), (0, -15), (42, -1)))
    assert 0.8 < middle <= 1.0
    assert top < 0.5 < bottom < 0.75
    assert corner < 0.4


def test_the_shade_comes_down_with_the_lid() -> None:
    wide, narrow = (lid_shade(ahead(0, 2), lids(upper, -16.0))[0] for upper in (18.0, 5.0))
    assert narrow < 0.6 * wide


def test_a_shut_eye_is_dark_and_finite() -> None:
    shade = lid_shade(eyeball().vertices, lids(-8.0, -8.0))
    assert np.isfinite(shade).all()
    assert lid_shade(ahead(0, 0), lids(-8.0, -8.0))[0] < 0.5
    assert np.isfinite(lid_shade(eyeball().vertices, np.zeros((0, 3)))).all()
