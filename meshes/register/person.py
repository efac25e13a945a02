"""The whole way from a scan to a person: fit, warp, neutral face, colour, and the figures that judge them.

A scan that does not fit is refused with the figure that says so.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial import cKDTree

from meshes.appearance import paint
from meshes.elementary import log
from meshes.geometry import fit_sphere, rotate
from meshes.head import MeshError
from meshes.ict import Ict, average_look
from meshes.register.bake import complete, photograph, skin_faces, surface_colour
from meshes.register.fit import EXPRESSIONS, FACE, OUTSIDE, SHELL, Basis, Fit, fit_model, place
from meshes.register.target import Closest, Target, closest, target
from meshes.register.texels import SHAPE, draw_atlas
from meshes.register.warp import warp
from meshes.scan import Scan

GRAIN_M = 1e-6
"""Neutral points are rounded to this: equal scans give equal people whatever sums of a solver's threads do."""

MEDIAN_M, P95_M = 0.001, 0.005
"""A registration farther off over the face is refused; real faces reach 0.0002 and 0.001 to 0.0025."""

MODEL_MEDIAN_M = 0.0025
"""So is one that the model alone, before the last millimetres, cannot come closer to; real faces reach 0.0007."""

UNUSUAL = 2.0
"""So is a shape whose coefficients, ~ N(0, 1) over people, have a greater root mean square; real faces reach 1.0."""

LEAST_COVER = 0.35
"""Part of the model's face that the scan must show."""

_SOCKETS = ((13294, 13678), (13678, 14062))
_EYES = ((21451, 23021), (23021, 24591))
_MOUTH = (11248, 13294)
_TEETH = (14062, 21451)
_LASHES = (25351, 26719)
_NEIGHBOURS = 4
_CLOSED_CONTRAST = 0.45
_HOLE_M = 0.001


@dataclass(frozen=True)
class Residual:
    """Distances between the registered model and the scan, metres.

    Attributes:
        face_median_m, face_p95_m: from the model's face to the scan, where the scan is.
        skull_median_m, skull_p95_m: likewise ears to neck; hair counts.
        back_median_m, back_p95_m: from the scan's face to the model.
        model_median_m: from the face of the fitted model, before it was warped.
        cover: part of the model's face that lies on the scan.
    """

    face_median_m: float
    face_p95_m: float
    skull_median_m: float
    skull_p95_m: float
    back_median_m: float
    back_p95_m: float
    model_median_m: float
    cover: float

    def __str__(self) -> str:
        mm = {name: 1e3 * value for name, value in vars(self).items()}
        return (
            f"face {mm['face_median_m']:.2f} mm median, {mm['face_p95_m']:.2f} mm p95 "
            f"(scan to model {mm['back_median_m']:.2f} and {mm['back_p95_m']:.2f} mm); "
            f"rest of the head {mm['skull_median_m']:.2f} and {mm['skull_p95_m']:.2f} mm; "
            f"{100 * self.cover:.0f} % of the face is in the scan"
        )


@dataclass(frozen=True, eq=False)
class Registration:
    """A scan as a person of the model.

    Attributes:
        neutral_m: (26719, 3) float64 metres, head frame: upstream's points, at rest, eyes open.
        skin: (h, w, 3) uint8 sRGB albedo on the model's atlas.
        shell_m: (14062, 3) float64 metres, scan's head frame: the shell as it lies on the scan.
        eyes_closed: what the scan's eyes were taken for.
        residual: how well it fits.
    """

    neutral_m: np.ndarray
    skin: np.ndarray
    shell_m: np.ndarray
    eyes_closed: bool
    residual: Residual


def register(
    scan: Scan,
    ict: Ict,
    eyes_closed: bool | None = None,
    name: str = "scan",
    texels: tuple[int, int] = SHAPE,
) -> Registration:
    """Registers a scan to the model's topology.

    Args:
        scan: placed in the head frame, metres.
        ict: the model.
        eyes_closed: of the scan; None looks at its colours.
        name: of the scan, for messages.
        texels: rows and columns of the skin.

    Raises:
        MeshError: the scan is no face that the model can come close to; says by how much.
    """
    basis, surface = Basis(ict), scan.rest.surface
    found = target(surface.vertices, surface.faces)
    fit = fit_model(basis, found, start(basis, ict))
    if eyes_closed is None:
        eyes_closed = _eyes_closed(ict, basis, fit, scan, found)
    if eyes_closed:
        fit = fit_model(basis, found, replace(start(basis, ict), blink=1.0))
    shell = warp(basis, found, fit)
    residual = measure(basis, found, fit, shell)
    check(residual, name)
    check_shape(fit.shape, name)
    atlas = draw_atlas(ict.layout.template.uv, skin_faces(ict.layout), texels)
    photo = photograph(ict.layout, atlas, shell, basis.normals(shell), found, surface)
    skin = complete(ict.layout, atlas, photo, paint(ict.layout.template, average_look()).astype(np.float64))
    return Registration(_rounded(at_rest(basis, ict, fit, shell)), skin, shell, eyes_closed, residual)


def start(basis: Basis, ict: Ict) -> Fit:
    """The mean head with its eye midpoint at the origin of the head frame."""
    eyes = np.mean([fit_sphere(ict.mean_m[white])[0] for white in ict.layout.white], axis=0)
    return Fit(
        shape=np.zeros(len(basis.names)),
        expression=np.zeros(len(EXPRESSIONS)),
        blink=0.0,
        R=np.eye(3),
        t=basis.origin - eyes,
    )


def at_rest(basis: Basis, ict: Ict, fit: Fit, shell: np.ndarray) -> np.ndarray:
    """(26719, 3) float64 metres, head frame: the whole person, without what the face did during the scan.

    Eyes, teeth and lashes are the fitted model's own, moved along with the skin around them.
    """
    smile = np.einsum("e,evd->vd", fit.expression, basis.moves) + fit.blink * basis.blinks
    neutral = rotate(shell - fit.t, fit.R.T) - smile + basis.origin
    model = ict.mean_m.copy()
    for weight, mode in zip(fit.shape, basis.names, strict=True):
        model += np.float64(weight / 100.0) * ict.modes_cm[mode]
    moved = neutral - model[:SHELL]
    points = model.copy()
    points[:SHELL] = neutral
    for rows, around in ((_EYES[0], _SOCKETS[0]), (_EYES[1], _SOCKETS[1]), (_TEETH, _MOUTH)):
        points[slice(*rows)] += moved[slice(*around)].mean(axis=0)
    lashes = model[slice(*_LASHES)]
    distance, near = cKDTree(model[:OUTSIDE]).query(lashes, k=_NEIGHBOURS)
    weight = 1.0 / (distance + 1e-4)
    points[slice(*_LASHES)] += np.einsum("nk,nkd->nd", weight / weight.sum(axis=1, keepdims=True), moved[near])
    return ict.rested(points)


def _rounded(points: np.ndarray) -> np.ndarray:
    return np.rint(points / GRAIN_M) * GRAIN_M


def _eyes_closed(ict: Ict, basis: Basis, fit: Fit, scan: Scan, found: Target) -> bool:
    """True where what lies between the lids of the open model has the colour of the skin around.

    Where scanners left a hole the eye was open: it is wet, lids are not.
    """
    placed = place(fit, basis.points(fit))
    upper, lower = np.moveaxis(ict.layout.lid_pairs.reshape(-1, 2), 1, 0)
    between = np.concatenate([placed[upper] + s * (placed[lower] - placed[upper]) for s in (0.3, 0.45, 0.6)])
    around = np.concatenate([placed[lower] - [0.0, 0.008, 0.0], placed[upper] + [0.0, 0.005, 0.0]])
    eye, skin = (closest(found, points, np.broadcast_to([0.0, 0.0, 1.0], points.shape)) for points in (between, around))
    if (eye.rim_m < _HOLE_M).mean() > 0.5:
        return False
    colours = [_log_colour(scan, hit) for hit in (eye, skin)]
    return bool(np.median(np.abs(colours[0] - np.median(colours[1], axis=0)).max(axis=1)) < _CLOSED_CONTRAST)


def _log_colour(scan: Scan, hit: Closest) -> np.ndarray:
    return log(surface_colour(scan.rest.surface, hit.face, hit.barycentric) + 0.01)


def measure(basis: Basis, scan: Target, fit: Fit, shell: np.ndarray) -> Residual:
    """Both directions, over what both have; hidden folds (mouth, nostrils) face no scan and do not count."""
    outside = np.arange(OUTSIDE)
    hit = closest(scan, shell[:OUTSIDE], basis.normals(shell)[:OUTSIDE])
    before = place(fit, basis.points(fit))
    start_hit = closest(scan, before[:OUTSIDE], basis.normals(before)[:OUTSIDE])
    there = (hit.rim_m > 0.002) & (hit.cosine > 0.5) & (hit.distance_m < 0.02)
    face = front(basis)
    model = target(shell, basis.faces)
    samples = scan.samples[:: len(scan.samples) // 20_000]
    back = closest(model, samples, scan.normals[scan.sample_face[:: len(scan.samples) // 20_000]])
    on_face = face[model.faces[back.face]].all(axis=1) & (back.distance_m < 0.02)
    return Residual(
        *_percentiles(hit.distance_m[there & face[:OUTSIDE]]),
        *_percentiles(hit.distance_m[there & ~face[:OUTSIDE]]),
        *_percentiles(back.distance_m[on_face]),
        model_median_m=_percentiles(start_hit.distance_m[there & face[:OUTSIDE]])[0],
        cover=float((there & (hit.distance_m < 0.005))[face[:OUTSIDE] & (outside < FACE)].mean()),
    )


def front(basis: Basis) -> np.ndarray:
    """(SHELL,) bool: the face proper, without ears, throat and what is inside."""
    points = basis.mean + basis.origin
    ict = basis.ict
    eyes = np.mean([fit_sphere(ict.mean_m[white])[0] for white in ict.layout.white], axis=0)
    x, y, z = (points - eyes).T
    return (np.arange(SHELL) < FACE) & (z > -0.03) & (y > -0.115) & (y < 0.065) & (np.abs(x) < 0.065)


def _percentiles(distance_m: np.ndarray) -> tuple[float, float]:
    if not len(distance_m):
        return float("inf"), float("inf")
    median, p95 = np.percentile(distance_m, [50, 95])
    return float(median), float(p95)


def check(residual: Residual, name: str) -> None:
    """Refuses a bad fit.

    Raises:
        MeshError: with the figure, the limit and what to try.
    """
    for figure, limit, what in (
        (residual.model_median_m, MODEL_MEDIAN_M, "median before warping"),
        (residual.face_median_m, MEDIAN_M, "median"),
        (residual.face_p95_m, P95_M, "95th percentile"),
        (residual.back_p95_m, P95_M, "95th percentile, seen from the scan"),
    ):
        if not figure <= limit:
            raise MeshError(
                f"{name}: expected the model's face within {1e3 * limit:.1f} mm of the scan ({what}), got "
                f"{1e3 * figure:.1f} mm. Mark the pupils with eyes= or landmarks=, check metres_per_unit=, or cut away "
                "what is no head."
            )
    if residual.cover < LEAST_COVER:
        raise MeshError(
            f"{name}: expected at least {100 * LEAST_COVER:.0f} % of a face in the scan, got "
            f"{100 * residual.cover:.0f} %. Scan more of it, or check that the scan is a face."
        )


def check_shape(shape: np.ndarray, name: str) -> None:
    """Refuses coefficients that no person has: the model was bent to something that is no face, or not to scale.

    Args:
        shape: (K,) float64, deviations from the average person.
        name: of the scan, for messages.

    Raises:
        MeshError: with the figure, the limit and what to try.
    """
    unusual = float(np.sqrt(np.square(shape).mean()))
    if not unusual <= UNUSUAL:
        raise MeshError(
            f"{name}: expected a face within {UNUSUAL:.1f} deviations of the average (root mean square over "
            f"{len(shape)} shape modes), got {unusual:.1f}. Check metres_per_unit= or ipd_m=, mark the pupils with "
            "eyes=, or cut away what is no head."
        )
