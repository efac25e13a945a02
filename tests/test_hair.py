"""Hair as geometry: exact labels, no strand inside the head, no eye covered, the same bytes anywhere."""

import ast
import os
import subprocess
import sys

import numpy as np
import pytest
from brute import first_hits
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from meshes.hair import BEARDS, CUTS, STYLES, beard_look, style_look
from meshes.hair.bound import frames, nearest_on
from meshes.hair.field import CELL_M, read, space, spread
from meshes.hair.grow import SKIN_GAP_M
from meshes.hair.ribbons import strip_faces, strips
from meshes.hair.roots import beard_roots, scalp_roots, wisps
from meshes.hair.scalp import scalp_hair
from meshes.hair.style import cut_of, style_odds
from meshes.head import Head, Identity, MeshError, Pose, Style
from meshes.look import sample_look
from meshes.makehuman import MakeHuman
from meshes.makehuman_template import template
from meshes.parts import Part
from meshes.skinning import rotation
from meshes.surface import Material, Surface
from renderers.camera import Camera, intrinsics, look_at
from renderers.environment import packaged_light
from renderers.exact import rasterize
from renderers.light import normalize
from renderers.preview import light_up, render

HAIRS = (Part.HAIR, Part.BROWS, Part.LASHES, Part.BEARD)


def person(style: str, beard: str = "shaven", pose: Pose | None = None, **expression: float) -> Head:
    """One man or woman of fixed shape in a style, hairline full."""
    model = MakeHuman()
    who = model.sample_identity(np.random.Generator(np.random.Philox(key=11)))
    look = {**style_look(style), **beard_look(beard), "hair_recede": 0.0}
    return model.head(Identity(who.shape, who.look), expression, pose or Pose(), Style(look=look))


def faces_of(surface: Surface, *parts: Part) -> np.ndarray:
    return surface.faces[np.isin(surface.part, parts)]


def face_on(head: Head, size: int, span_m: float) -> Camera:
    """A camera before the face, 0.5 m away, that spans `span_m` at the eyes."""
    K = intrinsics(size * 0.5 / span_m, (size / 2, size / 2))
    return Camera(K, look_at(head.eye_midpoint, 0.5, rotation(0.0, 0.0)), size, size)


def look_of(style: str, seed: int = 1) -> dict[str, float]:
    return {"seed": float(seed), "hair_recede": 0.0, "hair_part_m": 0.0, **style_look(style)}


@pytest.mark.parametrize("style", [name for name in STYLES if CUTS[name].length_m > 0.0])
def test_no_strand_is_inside_the_canonical_head(style: str) -> None:
    """Measured on the grid that strands were grown in, and none reaches the window before the eyes."""
    skin = template().skin
    around = space(skin)
    for strands in scalp_hair(skin, look_of(style), 20_000):
        points = strands.path[:, 1:].reshape(-1, 3)
        away = read(around, around.distance_m[..., None].astype(np.float64), points)[:, 0]
        assert (away > 0.4 * SKIN_GAP_M).mean() > 0.995
        x, y, z = points.T
        assert not ((z > 0.0) & (np.abs(x) < 0.049) & (np.abs(y) < 0.014)).any()
        assert np.isfinite(strands.path).all()
        np.testing.assert_allclose(np.linalg.norm(strands.outward, axis=2), 1.0, atol=1e-6)


@pytest.mark.parametrize("style", ["crop", "long_straight", "bob_fringe", "afro"])
def test_strands_stay_outside_a_persons_own_skin(style: str) -> None:
    """Under 1 % of the middles of hair lie more than half a millimetre behind the nearest skin, posed or not."""
    skin_parts = (Part.FACE, Part.SCALP, Part.NECK, Part.TORSO, Part.EAR_LEFT, Part.EAR_RIGHT, Part.NOSE)
    for pose in (Pose(), Pose(yaw=0.5, pitch=0.2)):
        surface = person(style, pose=pose).surface
        skin, hair = faces_of(surface, *skin_parts), faces_of(surface, Part.HAIR)
        middle, normal = surface.vertices[skin].mean(axis=1), surface.normals[skin].mean(axis=1)
        points = surface.vertices[hair].mean(axis=1)
        nearest = cKDTree(middle).query(points)[1]
        height = ((points - middle[nearest]) * normal[nearest]).sum(axis=1)
        assert (height < -0.0005).mean() < 0.01


def test_hair_covers_no_eye_and_a_fringe_ends_above_it() -> None:
    for style in ("long_straight", "bob_fringe", "long_curly", "shag"):
        head = person(style)
        hits = rasterize(head.surface, face_on(head, 256, 0.20))
        bare = rasterize(person("bald").surface, face_on(head, 256, 0.20))
        eyes = (Part.EYE_LEFT, Part.EYE_RIGHT)
        seen, without = (
            np.isin(s.part[h.triangle_id], eyes) & (h.triangle_id >= 0)
            for s, h in ((head.surface, hits), (person("bald").surface, bare))
        )
        assert without.sum() > 200
        assert seen.sum() == without.sum()


def test_labels_of_hairs_equal_brute_force() -> None:
    """At the temple of a bearded man with wavy hair, pixel by pixel against every triangle."""
    head = person("long_wavy", "full")
    K = intrinsics(900.0, (24.0, 24.0))
    camera = Camera(K, look_at(head.landmarks[16] - np.array([0.0, 0.02, 0.0]), 0.6, rotation(0.7, 0.0)), 48, 48)
    hits = rasterize(head.surface, camera)
    pixels = np.argwhere(np.ones((48, 48), bool))
    face, _, depth = first_hits(head.surface, camera, pixels)
    seen = head.surface.part[face[face >= 0]]
    assert {Part.HAIR, Part.BEARD} <= set(seen.tolist())
    np.testing.assert_array_equal(hits.triangle_id.ravel(), face)
    np.testing.assert_allclose(hits.depth_axis_m.ravel(), depth, atol=1e-9)


def test_surfaces_with_hair_keep_their_contract() -> None:
    surface = person("long_curly", "long").surface
    assert surface.faces.dtype == np.int32
    assert surface.part.dtype == surface.material.dtype == np.uint8
    for array in (surface.normals, surface.uv, surface.color):
        assert array.dtype == np.float32
        assert len(array) == len(surface.vertices)
        assert np.isfinite(array).all()
    np.testing.assert_allclose(np.linalg.norm(surface.normals, axis=1), 1.0, atol=1e-5)
    assert surface.uv.min() >= 0.0
    assert surface.uv.max() <= 1.0
    assert surface.color.min() >= 0.0
    assert surface.color.max() <= 1.0
    assert {*HAIRS} <= set(surface.part.tolist())
    assert all(surface.materials[m].fibre for m in np.unique(surface.material[np.isin(surface.part, HAIRS)]))
    a, b, c = (surface.vertices[faces_of(surface, *HAIRS)[:, k]] for k in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    assert (area < 1e-12).mean() < 0.002


def test_bald_has_no_hair_and_shaven_no_beard() -> None:
    parts = set(person("bald").surface.part.tolist())
    assert {Part.HAIR, Part.BEARD}.isdisjoint(parts)
    assert {Part.BROWS, Part.LASHES} <= parts


_DIGEST = """
import hashlib, sys
sys.path.insert(0, "tests")
from test_hair import person
def digest(style):
    s = person(style, "goatee").surface
    arrays = (s.vertices, s.normals, s.uv, s.color, s.faces, s.part)
    return hashlib.blake2b(b"".join(a.tobytes() for a in arrays)).hexdigest()
print({style: digest(style) for style in sys.argv[1:]})
"""


def test_same_bytes_in_any_process_order_and_number_of_threads() -> None:
    def digests(*styles: str, threads: int) -> dict[str, str]:
        environment = os.environ | {"OPENBLAS_NUM_THREADS": str(threads), "NUMBA_NUM_THREADS": str(threads)}
        command = [sys.executable, "-c", _DIGEST, *styles]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return ast.literal_eval(done.stdout)

    assert digests("crop", "bun", threads=1) == digests("bun", "crop", threads=2)


def test_hair_of_the_skull_turns_rigidly_and_tips_stay_with_the_shoulders() -> None:
    still, turned = person("long_straight"), person("long_straight", pose=Pose(yaw=0.6))
    hair = np.unique(faces_of(still.surface, Part.HAIR))
    moved = np.linalg.norm(turned.surface.vertices[hair] - still.surface.vertices[hair], axis=1)
    before = still.surface.vertices[hair]
    high, low = before[:, 1] > 0.05, before[:, 1] < -0.15
    local = (turned.surface.vertices[hair] - turned.eye_midpoint) @ turned.skull_rotation
    np.testing.assert_allclose(local[high], before[high] - still.eye_midpoint, atol=1e-4)
    assert low.sum() > 100
    assert np.median(moved[low]) < 0.4 * np.median(moved[high & (before[:, 2] > -0.02)])


def test_shutting_an_eye_carries_its_lashes_and_opening_the_jaw_the_beard() -> None:
    rest, shut = person("bald", "full"), person("bald", "full", eyeBlinkLeft=1.0, jawOpen=0.7)
    lash, beard = (np.unique(faces_of(rest.surface, part)) for part in (Part.LASHES, Part.BEARD))
    drop = rest.surface.vertices[:, 1] - shut.surface.vertices[:, 1]
    left = rest.surface.vertices[lash, 0] > 0
    upper = rest.surface.vertices[lash, 1] > rest.eye_centres.mean(axis=0)[1] + 0.003
    assert drop[lash][left & upper].mean() > 0.004
    assert np.abs(drop[lash][~left]).max() < 0.001
    chin = rest.surface.vertices[beard, 1] < -0.10
    assert drop[beard][chin].mean() > 0.005


def test_brows_follow_raised_brows() -> None:
    rest, raised = person("bald"), person("bald", browInnerUp=1.0)
    brow = np.unique(faces_of(rest.surface, Part.BROWS))
    inner = np.abs(rest.surface.vertices[brow, 0]) < 0.02
    assert (raised.surface.vertices[brow, 1] - rest.surface.vertices[brow, 1])[inner].mean() > 0.002


def test_brows_stay_on_the_skin_at_rest() -> None:
    surface = person("bald").surface
    skin, brow = faces_of(surface, Part.FACE, Part.NOSE), np.unique(faces_of(surface, Part.BROWS))
    middle, normal = surface.vertices[skin].mean(axis=1), surface.normals[skin].mean(axis=1)
    away, nearest = cKDTree(middle).query(surface.vertices[brow])
    height = ((surface.vertices[brow] - middle[nearest]) * normal[nearest]).sum(axis=1)
    assert away.max() < 0.006
    assert np.percentile(height, 2) > -0.0006
    assert height.max() < 0.004


def test_a_budget_of_triangles_is_kept() -> None:
    skin = template().skin
    for style in ("crop", "long_curly", "ponytail"):
        for budget in (5_000, 30_000):
            faces = sum(len(s.path) * (2 * s.path.shape[1] - 3) for s in scalp_hair(skin, look_of(style), budget))
            assert 0.5 * budget < faces <= 1.01 * budget


@given(st.integers(0, 2**31 - 1), st.sampled_from([0.0, 0.3, 1.0]), st.sampled_from(["african", "asian", "caucasian"]))
@settings(max_examples=30, deadline=None)
def test_drawn_looks_name_a_cut_and_a_beard(seed: int, gender: float, ancestry: str) -> None:
    mix = {"african": 0.0, "asian": 0.0, "caucasian": 0.0} | {ancestry: 1.0}
    look = sample_look(np.random.Generator(np.random.Philox(key=seed)), gender=gender, age=0.6, **mix)
    assert all(type(value) is float for value in look.values())
    cut = cut_of(look)
    assert cut.comb == CUTS[STYLES[int(look["hair_style"])]].comb
    assert cut.length_m == look["hair_length_m"]
    assert gender > 0.5 or look["beard_style"] == 0.0
    assert 0 <= look["beard_style"] < len(BEARDS)


def test_every_cut_occurs_and_women_mostly_wear_it_longer() -> None:
    even = dict.fromkeys(("african", "asian", "caucasian"), 1.0 / 3.0)
    women, men = (style_odds(even, gender, 0.6) for gender in (0.0, 1.0))
    assert ((women > 0.0) | (men > 0.0)).all()
    long = np.array([CUTS[name].length_m > 0.06 for name in STYLES])
    assert women[long].sum() > 0.6
    assert men[long].sum() < 0.35


def test_styles_alone_change_the_hair_and_nothing_else() -> None:
    crop, bob = person("crop").surface, person("bob").surface
    own = ~np.isin(crop.part, HAIRS)
    count = int(own.sum())
    np.testing.assert_array_equal(crop.faces[own], bob.faces[~np.isin(bob.part, HAIRS)])
    used = np.unique(crop.faces[own])
    np.testing.assert_array_equal(crop.vertices[used], bob.vertices[used])
    assert count > 60_000


def test_a_fibre_looks_alike_from_both_sides_and_a_sheet_does_not() -> None:
    """One strip with leaning normals: turning its faces round shows whether the shader turned the normals too."""
    corners = np.array([[-0.1, -0.1, 0.0], [0.1, -0.1, 0.0], [0.1, 0.1, 0.0], [-0.1, 0.1, 0.0]])
    camera = Camera(intrinsics(64.0, (16.0, 16.0)), look_at(np.zeros(3), 0.5, rotation(0.0, 0.0)), 32, 32)
    light, _ = normalize(packaged_light("photostudio"))

    def shown(fibre: bool, faces: list[list[int]]) -> np.ndarray:
        surface = Surface(
            vertices=corners,
            faces=np.array(faces, np.int32),
            normals=np.tile(np.float32([0.0, 0.8, 0.6]), (4, 1)),
            uv=np.full((4, 2), 0.5, np.float32),
            color=np.full((4, 3), 0.4, np.float32),
            part=np.full(2, Part.HAIR, np.uint8),
            material=np.zeros(2, np.uint8),
            materials=(Material("strip", fibre=fibre),),
            cutout=np.full(2, -1, np.int32),
        )
        return render(light_up(surface, light, np.ones((4, 3), np.float32)), camera).rgb

    front, back = [[0, 1, 2], [0, 2, 3]], [[0, 2, 1], [0, 3, 2]]
    np.testing.assert_allclose(shown(True, front), shown(True, back), atol=1e-5)
    np.testing.assert_allclose(shown(True, front)[16, 16], shown(False, front)[16, 16], atol=1e-4)
    assert np.abs(shown(False, front) - shown(False, back)).max() > 0.02


@given(st.integers(0, 1000), st.integers(2, 9), st.integers(1, 5))
@settings(max_examples=25, deadline=None)
def test_strips_taper_to_one_tip_and_face_outward(seed: int, points: int, count: int) -> None:
    rng = np.random.Generator(np.random.Philox(key=seed))
    path = np.cumsum(rng.normal(0.0, 1.0, (count, points, 3)) - np.array([0.0, 4.0, 0.0]), axis=1)
    outward = np.broadcast_to([0.0, 0.0, 1.0], path.shape).copy()
    half = rng.uniform(0.1, 0.5, count)
    vertices, normals = strips(path, outward, half, np.zeros(count), 0.5, 1.0, 3.0)
    np.testing.assert_allclose(np.linalg.norm(normals, axis=2), 1.0, atol=1e-5)
    np.testing.assert_allclose(vertices[:, -1], path[:, -1], atol=1e-12)
    pairs = vertices[:, :-1].reshape(count, points - 1, 2, 3)
    np.testing.assert_allclose(pairs.mean(axis=2), path[:, :-1], atol=1e-12)
    assert (np.linalg.norm(pairs[:, :, 1] - pairs[:, :, 0], axis=2) <= 2.0 * half[:, None] + 1e-9).all()
    faces = strip_faces(count, points)
    assert faces.max() == vertices.reshape(-1, 3).shape[0] - 1
    assert len(np.unique(np.sort(faces, axis=1), axis=0)) == len(faces) == count * (2 * points - 3)


def test_distance_to_the_skin_is_signed_and_near_the_truth() -> None:
    skin = template().skin
    around = space(skin)
    roots = scalp_roots(skin)
    grid = around.distance_m[..., None].astype(np.float64)
    for height in (-0.003, 0.0, 0.004, 0.015):
        found = read(around, grid, roots.point + height * roots.normal)[:, 0]
        assert np.percentile(np.abs(found - height), 95) < 0.0015


def test_a_spread_field_takes_its_values_near_the_skin() -> None:
    """A linear field on the skin is found again beside it, to the width of the smoothing."""
    skin = template().skin
    field = spread(space(skin), skin.rest)
    roots = scalp_roots(skin)
    found = read(space(skin), field, roots.point)
    assert np.percentile(np.linalg.norm(found - roots.point, axis=1), 95) < CELL_M


def test_roots_lie_where_hair_grows_and_every_prefix_is_even() -> None:
    skin = template().skin
    scalp, beards = scalp_roots(skin), beard_roots(skin)
    assert (scalp.depth_m > -0.012).all()
    assert (beards.point[:, 1] < 0.01).all()
    for roots in (scalp, beards):
        corners = skin.rest[skin.faces[roots.face]]
        np.testing.assert_allclose(np.einsum("nk,nkd->nd", roots.weight, corners), roots.point, atol=1e-12)
    first, every = scalp[:1000].point, scalp.point
    np.testing.assert_allclose(first.mean(axis=0), every.mean(axis=0), atol=0.004)
    np.testing.assert_allclose(first.std(axis=0), every.std(axis=0), atol=0.004)


def test_guides_follow_themselves() -> None:
    points = np.random.Generator(np.random.Philox(key=2)).random((500, 3))
    guide = wisps(points, 20.0)
    assert guide.max() < 25
    np.testing.assert_array_equal(guide[:25], np.arange(25))


@given(st.integers(0, 10_000))
@settings(max_examples=10, deadline=None)
def test_nearest_skin_finds_points_of_faces_again(seed: int) -> None:
    skin = template().skin
    rng = np.random.Generator(np.random.Philox(key=seed))
    open_faces = skin.faces[~np.isin(skin.part, (Part.MOUTH_INTERIOR, Part.EYE_SOCKET))[skin.faces].any(axis=1)]
    corner = open_faces[rng.integers(len(open_faces), size=50)][:, None]
    weight = rng.dirichlet([1.0, 1.0, 1.0], (50, 1))
    point, frame = frames(corner, weight, skin.rest)
    found, weights = nearest_on(skin, point[:, 0])
    again = np.einsum("nk,nkd->nd", weights, skin.rest[found])
    assert np.percentile(np.linalg.norm(again - point[:, 0], axis=1), 90) < 1e-9
    np.testing.assert_allclose(
        np.einsum("nsij,nskj->nsik", frame, frame), np.broadcast_to(np.eye(3), frame.shape), atol=1e-9
    )


def test_a_look_without_a_style_has_a_cut_by_its_length() -> None:
    assert cut_of({"hair_length_m": 0.0}) == CUTS["bald"]
    assert cut_of({"hair_length_m": 0.02}).comb == CUTS["crop"].comb


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("hair_style", 99.0),
        ("hair_pitch_m", 0.0),
        ("hair_length_m", float("nan")),
        ("beard_length_m", 3.0),
        ("hair_lift", 1.5),
    ],
)
def test_numbers_out_of_range_are_refused_with_the_range(name: str, value: float) -> None:
    with pytest.raises(MeshError, match=rf"look {name}: expected a number in \[.*\], got .*\. Start from"):
        MakeHuman().head(
            Identity({}, {}), {}, Pose(), Style(look={**style_look("bob"), **beard_look("full"), name: value})
        )
