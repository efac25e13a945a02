"""Things worn: fitted to any head, rigid on the skull, labelled exactly, lenses clear to labels."""

import os
from functools import lru_cache

import brute
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datagen.randomness import generator
from meshes.geometry import rotate
from meshes.head import Head, Pose
from meshes.makehuman import MakeHuman
from meshes.parts import Part
from meshes.wear import sampling
from meshes.wear.fit import measure
from meshes.wear.hats import rim_of
from meshes.wear.put_on import put_on
from meshes.wear.solids import bead, disc, grid, rounded_rectangle, slab, tube
from renderers.camera import Camera, intrinsics, look_at
from renderers.exact import rasterize

GLASSES = {"style": 1.0, "red": 0.02, "green": 0.02, "blue": 0.02, "tint": 0.0, "scale": 1.0}
HAT = {"style": 0.0, "low": 0.5, "red": 0.1, "green": 0.1, "blue": 0.3, "second": 0.8, "seed": 1.0}
HELD = {"side": 1.0, "red": 0.1, "green": 0.1, "blue": 0.1, "distance_m": 0.08, "tilt": 0.1}
PARTS = {
    "glasses": Part.GLASSES,
    "hat": Part.HAT,
    "earrings": Part.EARRINGS,
    "headphones": Part.HEADPHONES,
    "held": Part.HELD_OBJECT,
}


def draw(name: str, index: int) -> dict[str, float]:
    rng = generator(0, index, name)
    near = {"hat": (1.0,), "held": (1.0,)}.get(name, ())
    return getattr(sampling, f"sample_{name}")(rng, *near)


@lru_cache(maxsize=12)
def bare(index: int = 0, yaw: float = 0.0, model: str = "makehuman") -> Head:
    source = _model(model)
    person = source.sample_identity(generator(0, index, f"identity {model}"))
    return source.head(person, {}, Pose(yaw=yaw, pitch=0.2 * yaw))


def _model(name: str):
    if name == "makehuman":
        return MakeHuman()
    if not os.environ.get("DATAGEN_ASSETS"):
        pytest.skip(f"{name} needs DATAGEN_ASSETS, which is not set")
    from datagen.heads import open_model

    return open_model(name)


def things(head: Head, dressed: Head) -> np.ndarray:
    """(N, 3) vertices that were put on."""
    return dressed.surface.vertices[len(head.surface.vertices) :]


def view(head: Head, yaw_deg: float, size: int = 40, height_m: float = 0.30) -> Camera:
    from meshes.skinning import rotation

    K = intrinsics(size / height_m, (size / 2, size / 2))
    return Camera(K, look_at(head.eye_midpoint, 1.0, rotation(np.radians(yaw_deg), 0.0)), size, size)


@pytest.mark.parametrize("name", PARTS)
def test_every_thing_has_its_own_part_and_sound_triangles(name):
    head = bare(1)
    for index in range(4):
        dressed = put_on(head, {name: draw(name, index)})
        surface, first = dressed.surface, len(head.surface.vertices)
        on = surface.faces[surface.part == PARTS[name]]
        assert len(on)
        assert (on >= first).all()
        assert (on < len(surface.vertices)).all()
        assert np.isfinite(surface.vertices).all()
        normals = surface.normals[first:]
        np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1.0, atol=1e-5)
        assert (surface.uv[first:] >= 0).all()
        assert (surface.uv[first:] <= 1).all()
        assert (surface.color[first:] >= 0).all()
        assert (surface.color[first:] <= 1).all()
        arrays = (surface.part, surface.material, surface.cutout)
        assert {len(a) for a in arrays} == {len(surface.faces)}
        assert surface.material.max() < len(surface.materials)


@pytest.mark.parametrize("name", PARTS)
def test_things_face_outwards(name):
    """Closed solids hold a positive volume; a mirrored hand is no glove turned inside out."""
    head = bare(1)
    for index in range(6):
        dressed = put_on(head, {name: draw(name, index)})
        surface = dressed.surface
        on = surface.faces[(surface.part == PARTS[name]) & surface.face_label]
        a, b, c = (surface.vertices[on[:, k]] - head.eye_midpoint for k in range(3))
        volume = np.einsum("nk,nk->", a, np.cross(b, c)) / 6
        normals = surface.normals[on].mean(axis=1)
        agree = np.einsum("nk,nk->n", np.cross(b - a, c - a), normals)
        assert (agree >= 0).mean() > 0.99
        assert volume > 0


@pytest.mark.parametrize("model", ["makehuman", "ict", "valid"])
@pytest.mark.parametrize("name", PARTS)
def test_things_are_rigid_on_the_skull(name, model):
    """Turned back with the skull, what is worn lies where it lay on the upright head."""
    upright, turned = bare(0, 0.0, model), bare(0, 0.4, model)
    worn = {name: draw(name, 0)}
    still, moved = things(upright, put_on(upright, worn)), things(turned, put_on(turned, worn))
    assert still.shape == moved.shape
    assert len(still)
    back = rotate(moved - turned.eye_midpoint, turned.skull_rotation.T)
    # The skin that things are fitted to is not quite rigid: lids and the edge of the jaw follow gaze and neck.
    np.testing.assert_allclose(back, still - upright.eye_midpoint, atol=0.003)


def test_putting_on_is_pure():
    worn = {name: draw(name, 3) for name in ("glasses", "hat", "earrings")}
    first, again = (put_on(bare(0), worn).surface for _ in range(2))
    for name in ("vertices", "faces", "normals", "color", "part", "material"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    assert put_on(bare(0), {}) is bare(0)


def test_a_head_without_landmarks_is_left_alone():
    from dataclasses import replace

    head = replace(bare(0), landmark_face=np.zeros(0, np.int32), landmark_barycentric=np.zeros((0, 3)))
    assert put_on(head, {"glasses": GLASSES}) is head


def test_landmarks_stay_where_they_are():
    head = bare(2)
    dressed = put_on(head, {"hat": HAT, "glasses": GLASSES})
    np.testing.assert_array_equal(dressed.landmarks, head.landmarks)


def test_clear_lenses_pass_labels_and_dark_ones_do_not():
    head = bare(1)
    camera = view(head, 0.0, size=96, height_m=0.15)
    seen = {}
    for tint in (0.0, 1.0):
        dressed = put_on(head, {"glasses": {**GLASSES, "tint": tint}})
        hits = rasterize(dressed.surface, camera)
        seen[tint] = np.where(hits.triangle_id >= 0, dressed.surface.part[hits.triangle_id], 0)
    plain = rasterize(head.surface, camera)
    bare_part = np.where(plain.triangle_id >= 0, head.surface.part[plain.triangle_id], 0)
    frame = seen[0.0] == Part.GLASSES
    np.testing.assert_array_equal(seen[0.0][~frame], bare_part[~frame])
    eyes = np.isin(bare_part, (Part.EYE_LEFT, Part.EYE_RIGHT))
    assert eyes.sum() > 50
    assert not frame[eyes].any()
    assert (seen[1.0][eyes] == Part.GLASSES).all()
    assert (seen[1.0] == Part.GLASSES).sum() > 2 * frame.sum()


@pytest.mark.parametrize("yaw_deg", [0.0, 60.0])
def test_labels_equal_brute_force(yaw_deg):
    """Every id of a head in glasses, hat and earrings, with a hand before it."""
    head = bare(1)
    worn = {"glasses": GLASSES, "hat": HAT, "earrings": draw("earrings", 1), "held": {**HELD, "kind": 2.0}}
    surface = put_on(head, worn).surface
    camera = view(head, yaw_deg)
    hits = rasterize(surface, camera)
    face, _, _ = brute.first_hits(surface, camera, np.argwhere(np.ones(hits.triangle_id.shape, bool)))
    np.testing.assert_array_equal(hits.triangle_id.ravel(), face)
    assert {Part.GLASSES, Part.HAT} <= set(surface.part[face[face >= 0]].tolist())


@pytest.mark.parametrize("model", ["makehuman", "ict"])
@pytest.mark.parametrize("style", [0, 1, 2])
def test_no_skin_shows_through_a_hat(model, style):
    """From all around, whatever lies a finger above the rim is hat."""
    for index in range(2):
        head = bare(index, 0.0, model)
        worn = {**HAT, "style": float(style)}
        dressed = put_on(head, {"hat": worn})
        rim = rim_of(measure(head), worn)
        for yaw_deg in (0.0, 60.0, 120.0, 180.0):
            camera = view(head, yaw_deg, size=72, height_m=0.34)
            hits = rasterize(dressed.surface, camera)
            seen = hits.triangle_id >= 0
            ids = hits.triangle_id[seen]
            corners = dressed.surface.vertices[dressed.surface.faces[ids]]
            points = np.einsum("nk,nkd->nd", hits.barycentric[seen], corners) - head.eye_midpoint
            above = rim.height(points) > 0.018  # Below, one may look in under the edge.
            through = above & (dressed.surface.part[ids] != Part.HAT)
            assert above.sum() > 100
            assert not through.any()


def test_glasses_clear_eyes_and_face():
    """No part of a frame lies inside an eye, and the front clears brows and lids."""
    for index in range(6):
        head = bare(index)
        frame = things(head, put_on(head, {"glasses": draw("glasses", index)}))
        for centre in head.eye_centres:
            assert np.linalg.norm(frame - centre, axis=1).min() > 0.019


def test_measures_are_of_a_head():
    fit = measure(bare(0))
    assert 0.055 < fit.half_width(np.array([[0.0, -0.04]]), 1.0)[0] < 0.095
    assert 0.06 < fit.dome(np.array([[0.0, 1.0, 0.0]]))[0] < 0.16
    assert fit.skin_colour.min() > 0
    assert fit.skin_colour.max() < 1


@settings(max_examples=40)
@given(st.floats(0.001, 0.1), st.floats(0.001, 0.1), st.floats(0.001, 0.1))
def test_beads_and_slabs_hold_their_volume(a, b, c):
    def volume(shape) -> float:
        corners = shape.vertices[shape.faces]
        return float(np.einsum("nk,nk->", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])) / 6)

    mirror = np.diag([-1.0, 1.0, 1.0])
    for axes in (np.eye(3), mirror):
        ball = volume(bead(np.zeros(3), [a, b, c], axes, sides=32))
        assert 0.93 < ball / (4 / 3 * np.pi * a * b * c) < 1.0
        box = volume(slab(rounded_rectangle(a, b, 0.2 * min(a, b)), c, 0.05 * min(a, b, c), axes, np.zeros(3)))
        assert 0.85 < box / (2 * a * b * c) < 1.0


def test_tubes_and_discs_are_as_large_as_they_say():
    line = np.linspace([0, 0, 0], [0, 0, 1], 5)
    shape = tube(line, 0.1, 0.1, np.array([1.0, 0.0, 0.0]), sides=64)
    corners = shape.vertices[shape.faces]
    volume = np.einsum("nk,nk->", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])) / 6
    assert np.pi * 0.01 < volume < np.pi * 0.01 * 1.16
    angle = 2 * np.pi * np.arange(64) / 64
    flat = disc(np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1), np.zeros(3))
    a, b, c = (flat.vertices[flat.faces[:, k]] for k in range(3))
    area = np.cross(b - a, c - a) / 2
    assert area[:, 2].min() >= 0
    assert area[:, 2].sum() == pytest.approx(np.pi, rel=0.01)


def test_a_round_grid_is_closed():
    angle = 2 * np.pi * np.arange(7) / 7
    ring = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    shape = grid(np.stack([ring, ring + np.array([0, 0, 1])]), round_columns=True)
    assert len(shape.faces) == 14
    assert shape.twin.max() == 13
