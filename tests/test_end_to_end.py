"""Exported scenes against the labels in the shards, by rays that know nothing of the renderer.

The judge below reads the .npz fields of `datagen scene` alone and imports nothing of `renderers` or `meshes`.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pytest

from datagen.cli import main
from datagen.reader import PairDataset

IDS = [f"{view}_{name}" for view in ("near", "far") for name in ("triangle_id", "barycentric")]
SETS = {
    "portrait with ids": ["--recipe", "portrait", "--extra-layers", *IDS],
    "selfie to infinity": ["--recipe", "selfie", "--far-m", "inf", "--seed", "3"],
    "tilted faces": ["--recipe", "usc2019", "--seed", "5"],
    "off centre, wide": ["--recipe", "headshot360", "--aspect", "1.5", "--principal-shift", "0.1", "0.2"],
    "all round to infinity": ["--recipe", "headshot360", "--far-m", "inf", "--seed", "2"],
    "dolly, close crop": ["--recipe", "cmdp", "--crop", "0.5", "0.5"],
    "bent lenses": [
        *(
            "--recipe",
            "portrait",
            "--lens-k1",
            "-0.2",
            "-0.15",
            "--lens-k2",
            "0.02",
            "0.03",
            "--lens-p1",
            "0.01",
            "0.02",
        ),
        *("--far-distortion", "--near-m", "0.3", "0.4", "--f-number", "4", "8", "--seed", "4", "--extra-layers", *IDS),
    ],
    "ict": ["--recipe", "portrait", "--heads", "ict", "--extra-layers", *IDS],
}
PIXELS = 400
NEAREST_M = 1e-4
"""Nothing nearer to a camera is seen."""


@dataclass(frozen=True)
class Rays:
    """Rays of N points of an image, in the camera frame; the parameter along them is the depth along +Z.

    Attributes:
        origin, direction: (N, 3) float64.
        flat: (N, 2) float64, where they pierce the plane z = 1 (any plane, where orthographic).
    """

    origin: np.ndarray
    direction: np.ndarray
    flat: np.ndarray


def bent(flat: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    """Points (N, 2) of the plane z = 1 behind a lens k1, k2, p1, p2, k3, as OpenCV's documentation writes it."""
    if not coefficients.any():
        return flat
    k1, k2, p1, p2, k3 = coefficients
    x, y = flat.T
    r2 = x * x + y * y
    radial = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3
    return np.stack(
        [x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x), y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y],
        axis=1,
    )


def straightened(shown: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    """`bent` undone, by steps that shrink for every lens that does not fold."""
    flat = shown.copy()
    for _ in range(1500 if coefficients.any() else 0):
        flat += 0.5 * (shown - bent(flat, coefficients))
    return flat


@dataclass(frozen=True)
class Judge:
    """One view of an exported scene, in its camera frame.

    Attributes:
        scene: the arrays of the file.
        view: "near" or "far".
    """

    scene: Mapping[str, np.ndarray]
    view: str

    @property
    def orthographic(self) -> bool:
        return str(self.scene[f"{self.view}_kind"]) == "orthographic"

    def in_camera(self, points_head: np.ndarray) -> np.ndarray:
        T = self.scene[f"{self.view}_T_camera_head"]
        return points_head @ T[:3, :3].T + T[:3, 3]

    @property
    def lens(self) -> np.ndarray:
        return self.scene.get(f"{self.view}_distortion", np.zeros(5))

    def flat(self, points_camera: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore", invalid="ignore"):
            return (points_camera / (1.0 if self.orthographic else points_camera[:, 2:]))[:, :2]

    def pixel(self, points_camera: np.ndarray) -> np.ndarray:
        K = self.scene[f"{self.view}_K"]
        return bent(self.flat(points_camera), self.lens) * K[[0, 1], [0, 1]] + K[:2, 2]

    def rays(self, pixel: np.ndarray) -> Rays:
        K = self.scene[f"{self.view}_K"]
        flat = straightened((pixel - K[:2, 2]) / K[[0, 1], [0, 1]], self.lens)
        zero, one = np.zeros((len(pixel), 1)), np.ones((len(pixel), 1))
        if self.orthographic:
            return Rays(np.hstack([flat, zero]), np.hstack([zero, zero, one]), flat)
        return Rays(np.zeros((len(pixel), 3)), np.hstack([flat, one]), flat)


def moeller_trumbore(origin: np.ndarray, direction: np.ndarray, corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Parameter (F,) where a ray meets each triangle (F, 3, 3), inf where it does not, and weights (F, 3)."""
    edges = corners[:, 1:] - corners[:, :1]
    across = np.cross(direction, edges[:, 1])
    volume = np.einsum("fd,fd->f", edges[:, 0], across)
    offset = origin - corners[:, 0]
    turned = np.cross(offset, edges[:, 0])
    with np.errstate(divide="ignore", invalid="ignore"):
        b1, b2 = np.einsum("fd,fd->f", offset, across) / volume, turned @ direction / volume
        t = np.einsum("fd,fd->f", edges[:, 1], turned) / volume
    met = (volume != 0) & (b1 >= 0) & (b2 >= 0) & (b1 + b2 <= 1) & (t > NEAREST_M)
    return np.where(met, t, np.inf), np.stack([1 - b1 - b2, b1, b2], axis=1)


def stands(scene: Mapping[str, np.ndarray], face: int, weights: np.ndarray) -> bool:
    """Whether the alpha map of a face keeps the point: nearest texel at least 128, row 0 at v = 1."""
    cutout = int(scene["face_cutout"][face])
    if cutout < 0:
        return True
    alpha = scene[f"cutout_{cutout}"]
    height, width = alpha.shape
    u, v = weights @ scene["uv"][scene["faces"][face]].astype(np.float64)
    row, column = np.floor((1 - v) * height), np.floor(u * width)
    return bool(alpha[int(np.clip(row, 0, height - 1)), int(np.clip(column, 0, width - 1))] >= 128)


def meetings(judge: Judge, rays: Rays):
    """For each ray, every standing labelled face it meets: ids ascending, parameters and weights."""
    scene = judge.scene
    faces = np.flatnonzero(scene["face_label"])
    corners = judge.in_camera(scene["vertices"])[scene["faces"][faces]]
    outline = judge.flat(corners.reshape(-1, 3)).reshape(-1, 3, 2)
    low, high = outline.min(axis=1) - 1e-9, outline.max(axis=1) + 1e-9
    across = (corners[:, :, 2] <= NEAREST_M).any(axis=1) & (not judge.orthographic)  # Its outline means nothing.
    for origin, direction, flat in zip(rays.origin, rays.direction, rays.flat, strict=True):
        may = np.flatnonzero(across | ((low <= flat) & (flat <= high)).all(axis=1))
        t, weights = moeller_trumbore(origin, direction, corners[may])
        met = [i for i in np.flatnonzero(t < np.inf) if stands(scene, faces[may[i]], weights[i])]
        yield faces[may[met]], t[met], weights[met]


def first_meetings(judge: Judge, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Face (N,), -1 for none, depth (N,) and weights (N, 3) at pixel centres (N, 2) given as (row, column)."""
    face, depth, weights = np.full(len(pixels), -1), np.zeros(len(pixels)), np.zeros((len(pixels), 3))
    for n, (ids, t, w) in enumerate(meetings(judge, judge.rays(pixels[:, ::-1] + 0.5))):
        if len(ids):
            first = t.argmin()
            face[n], depth[n], weights[n] = ids[first], t[first], w[first]
    return face, depth, weights


def seen_by(judge: Judge, points_head: np.ndarray, own_face: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pixels (N, 2) of points (N, 3) on faces (N,), whether they are in the frame, and whether nothing hides them."""
    X = judge.in_camera(points_head)
    pixel = judge.pixel(X)
    size = np.array([judge.scene["width"], judge.scene["height"]])
    inside = (X[:, 2] > NEAREST_M) & (pixel >= 0).all(axis=1) & (pixel < size).all(axis=1)
    visible = inside.copy()
    todo = np.flatnonzero(inside)
    for n, (ids, t, _) in zip(todo, meetings(judge, judge.rays(pixel[todo])), strict=True):
        visible[n] = not ((t < X[n, 2] * (1 - 1e-9)) & (ids != own_face[n])).any()
    return pixel, inside, visible


def chosen_pixels(sample: Mapping[str, np.ndarray], a: str, b: str, rng: np.random.Generator) -> np.ndarray:
    """Pixels (N, 2) to judge: any, more on the person, and more where the other view is said not to see them."""
    surface = sample[f"{a}_surface"]
    hidden = surface & sample[f"{a}_inside_{b}"] & ~sample[f"{a}_visible_in_{b}"]
    kinds = ((np.ones_like(surface), PIXELS // 4), (surface, PIXELS // 2), (hidden, PIXELS // 4))
    places = [np.argwhere(kind) for kind, _ in kinds]
    picked = [p[rng.integers(len(p), size=count)] for p, (_, count) in zip(places, kinds, strict=True) if len(p)]
    return np.concatenate(picked)


@pytest.fixture(scope="module", params=SETS)
def judged(request, tmp_path_factory):
    """(name, sample, scene) of one pair, written and read through the commands a user has."""
    if request.param == "ict" and "DATAGEN_ASSETS" not in os.environ:
        pytest.skip("set DATAGEN_ASSETS to a folder with ict_facekit_f16.npz to judge ICT heads")
    out = tmp_path_factory.mktemp("end_to_end")
    assert main(["generate", str(out / "set"), "--pairs", "1", "--size", "128", *SETS[request.param]]) == 0
    assert main(["scene", str(out / "set"), "0", "--out", str(out / "scene.npz")]) == 0
    with np.load(out / "scene.npz", allow_pickle=False) as file:
        return request.param, PairDataset(out / "set")[0], dict(file)


VIEWS = pytest.mark.parametrize(("a", "b"), [("near", "far"), ("far", "near")])


@VIEWS
def test_stored_labels_are_what_rays_meet(judged, a, b):
    """0 wrong parts and masks; numbers within the rounding of float32."""
    _, sample, scene = judged
    pixels = chosen_pixels(sample, a, b, np.random.default_rng(7))
    stored = {layer: array[tuple(pixels.T)] for layer, array in sample.items() if layer != "meta"}
    face, depth, weights = first_meetings(Judge(scene, a), pixels)
    hit = face >= 0
    assert hit.sum() > PIXELS // 2
    corners, centres = scene["faces"][face], pixels[:, ::-1] + 0.5
    points, uv = (np.einsum("nk,nkd->nd", weights, scene[key][corners]) for key in ("vertices", "uv"))
    pixel, inside, visible = seen_by(Judge(scene, b), points, face)
    assert np.array_equal(stored[f"{a}_surface"], hit)
    assert np.array_equal(stored[f"{a}_part"], np.where(hit, scene["part"][face], 0))
    assert np.array_equal(stored[f"{a}_inside_{b}"], hit & inside)
    assert np.array_equal(stored[f"{a}_visible_in_{b}"], hit & visible)
    flow = np.where(hit[:, None], pixel - centres, 0.0)
    np.testing.assert_allclose(stored[f"flow_{a}_to_{b}"], flow, rtol=1e-7, atol=1e-6)
    np.testing.assert_allclose(stored[f"{a}_depth_axis_m"], depth, rtol=1e-7, atol=0)
    np.testing.assert_allclose(stored[f"{a}_uv"], np.where(hit[:, None], uv, 0.0), atol=1e-6)


@VIEWS
def test_stored_normals_and_ids_are_what_rays_meet(judged, a, b):
    """Normals in the camera frame; faces and weights where the set was asked for them."""
    name, sample, scene = judged
    pixels = chosen_pixels(sample, a, b, np.random.default_rng(8))
    face, _, weights = first_meetings(Judge(scene, a), pixels)
    hit, at = face >= 0, tuple(pixels.T)
    smooth = np.einsum("nk,nkd->nd", weights, scene["normals"][scene["faces"][face]].astype(np.float64))[hit]
    turned = smooth @ scene[f"{a}_T_camera_head"][:3, :3].T
    normal = sample[f"{a}_normal"][at]
    np.testing.assert_allclose(normal[hit], turned / np.linalg.norm(turned, axis=1, keepdims=True), atol=1e-6)
    assert not normal[~hit].any()
    assert (f"{a}_triangle_id" in sample) == ("--extra-layers" in SETS[name])
    if f"{a}_triangle_id" in sample:
        assert np.array_equal(sample[f"{a}_triangle_id"][at], face)
        np.testing.assert_allclose(sample[f"{a}_barycentric"][at], weights, atol=1e-9)


@pytest.mark.parametrize("view", ["near", "far"])
def test_landmarks_and_cameras_of_the_record_are_those_of_the_scene(judged, view):
    _, sample, scene = judged
    marks, camera = sample["meta"]["landmarks"], sample["meta"]["cameras"][view]
    assert np.array_equal(camera["K"], scene[f"{view}_K"])
    lens = camera["distortion"] or {}
    assert np.array_equal([lens.get(name, 0.0) for name in ("k1", "k2", "p1", "p2", "k3")], Judge(scene, view).lens)
    assert np.array_equal(camera["T_camera_head"], scene[f"{view}_T_camera_head"])
    face = np.array(marks["face"])
    assert len(face) == 76
    corners = scene["vertices"][scene["faces"][face]]
    points = np.einsum("nk,nkd->nd", np.array(marks["barycentric"]), corners)
    # Lashes, brows and beards (14, 15, 21) grow on what is marked and hide no landmark.
    bare = {**scene, "face_label": scene["face_label"] & ~np.isin(scene["part"], (14, 15, 21))}
    pixel, _, visible = seen_by(Judge(bare, view), points, face)
    np.testing.assert_allclose(marks["points_m"], points, atol=1e-12)
    np.testing.assert_allclose(marks[f"{view}_px"], pixel, atol=1e-6)
    assert np.array_equal(marks[f"{view}_visible"], visible)


def test_the_scene_holds_what_makes_rays_hard(judged):
    """Strands, clear shells, and points that hide behind something in the other view."""
    _, sample, scene = judged
    assert np.isin(scene["part"], (14, 15, 16, 21)).sum() > 1000
    assert (~scene["face_label"]).sum() > 100
    hidden = [sample[f"{a}_inside_{b}"] & ~sample[f"{a}_visible_in_{b}"] for a, b in (("near", "far"), ("far", "near"))]
    assert sum(map(np.count_nonzero, hidden)) > 20
