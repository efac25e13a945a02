"""A user's own scan as a head model: read, check, find the eyes, bring to metres and to the head frame.

One person with one expression; the head turns rigidly. Labels, flow and masks are as exact as on any other head.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from meshes.arkit import check_expression
from meshes.digest import sha256_of
from meshes.elementary import product
from meshes.geometry import rotate, weld
from meshes.head import PLAIN, Asset, Head, Identity, MeshError, Pose, Style
from meshes.normals import vertex_normals
from meshes.parts import Part
from meshes.scan_face import MEAN_IPD_M, FaceFit, fit_face
from meshes.scan_files import RawScan, read_scan
from meshes.scan_points import read_eyes
from meshes.skinning import rotation
from meshes.srgb import LINEAR_OF_CODE
from meshes.surface import Material, Surface

NECK_PIVOT_M = np.array([0.0, -0.076, -0.084])
"""The whole scan turns about this point of the head frame, the joint below the skull of the mean head."""

MEAN_HEAD_CENTRE_M = np.array([0.0, -0.032, -0.063])
"""Midway between the ears of the mean head; a scan may have none."""

ADULT_IPD_M = (0.050, 0.075)
"""Distances between the eyes that adults have."""

_POSSIBLE_IPD_M = (0.030, 0.090)  # Nobody is outside this, newborns included.
_UNITS = {"metres": 1.0, "centimetres": 0.01, "millimetres": 0.001, "micrometres": 1e-6, "inches": 0.0254}
_EYE_DEPTH_M = 0.012
"""From the middle of the lids back to the centre of the globe."""

_EYE_GAP_M = 0.03
"""Farthest that a marked eye may lie from the nearest vertex: scanners leave holes where eyes are wet."""

_MISFIT_M = 0.0045
"""Real faces stay below (measured: 1.9 to 3.7 mm), spheres, boxes and the backs of heads above (5.8 mm and more)."""

_FILES = ("texture", "landmarks")
_AXES = {f"{sign}{name}": s * np.eye(3)[k] for k, name in enumerate("xyz") for sign, s in (("+", 1.0), ("-", -1.0))}


@dataclass(frozen=True)
class ScanOptions:
    """What a user may say about a scan; whatever is left out is measured.

    docs/scans.md shows them at work.

    Attributes:
        texture: image file to use in place of what the scan names.
        metres_per_unit: scale of the file, for example 0.001 for millimetres; or
        ipd_m: distance between the person's eyes; gives the scale of a scan in an arbitrary unit.
        age_years: of the person; children's eyes are closer together than the limits for adults allow.
        up, front: axis of the file ("+y", "-z" ...) that points to the crown, and out of the face.
        eyes: the two pupils (or closed lids) as points of the scan; or
        landmarks: a .ljson or .pts file of 68 points that has them.
        flip_v: turn the texture upside down: for files whose rows run the other way round than their format says,
            as those of some GLB exporters do. Not guessed: seams of plain skin fit together either way.
        licence: SPDX expression of the scan.
        credit: the line that must travel with renders.
    """

    texture: Path | None = None
    metres_per_unit: float | None = None
    ipd_m: float | None = None
    age_years: float | None = None
    up: str | None = None
    front: str | None = None
    eyes: tuple[tuple[float, float, float], tuple[float, float, float]] | None = None
    landmarks: Path | None = None
    flip_v: bool = False
    licence: str = "LicenseRef-user"
    credit: str = ""


@dataclass(frozen=True, eq=False)
class _Placement:
    """x_head = metres_per_unit * R @ (x_scan - origin); `outward` is negative for triangles turned inside out."""

    metres_per_unit: float
    R: np.ndarray
    origin: np.ndarray
    ipd_m: float
    outward: float


class Scan:
    """A scan in the head frame; make one with `Scan.open`.

    Attributes:
        name, assets, expressions: see `meshes.head.HeadModel`; a scan has no expressions.
        rest: the unposed head. All faces carry `Part.FACE`; there are no landmarks.
        metres_per_unit: the scale that was given or found.
        ipd_m: distance between the eyes at that scale.
    """

    name = "scan"
    expressions: tuple[str, ...] = ()

    def __init__(self, rest: Head, asset: Asset, metres_per_unit: float, ipd_m: float):
        self.rest, self.assets = rest, (asset,)
        self.metres_per_unit, self.ipd_m = metres_per_unit, ipd_m

    @classmethod
    def open(cls, path: Path | str, options: ScanOptions | None = None, **named: object) -> "Scan":
        """Reads an .obj, .ply, .glb or .wrl scan, or a .json file that names one.

        Such a file holds `{"scan": "anna.glb", "texture": "anna.jpg", "ipd_m": 0.061, ...}`: the scan and any of
        `ScanOptions`, with paths from its own folder. It is how a recipe passes options.

        Args:
            path: the file.
            options: what is known about it; or
            named: the same by name, for example `Scan.open("anna.ply", metres_per_unit=0.001)`.

        Raises:
            MeshError: the file cannot be used, no face is found on it, or its size is implausible.
        """
        path = said_in = Path(path)
        if path.suffix.lower() == ".json":
            path, named = _read_description(path, named)
        options = _checked(options or _options(named, said_in.name), said_in.name)
        raw = read_scan(path, options.texture)
        placement = place(raw, options, path.name)
        asset = Asset(f"scan-{path.stem}-{_digest(path)}", options.licence, options.credit, path.name, sha256_of(path))
        rest = _head(raw, placement, options.flip_v)
        return cls(rest, asset, placement.metres_per_unit, placement.ipd_m)

    def sample_identity(self, rng: np.random.Generator) -> Identity:
        """The one person of the scan."""
        return Identity()

    def head(self, identity: Identity, expression: Mapping[str, float], pose: Pose, style: Style = PLAIN) -> Head:
        """The scan turned by the pose's yaw, pitch and roll about `NECK_PIVOT_M`; jaw and gaze cannot move.

        Raises:
            MeshError: an expression weight other than 0.
        """
        check_expression({name: weight for name, weight in expression.items() if weight}, self.expressions)
        R = rotation(pose.yaw, pose.pitch, pose.roll)
        return _turned(self.rest, R)


def _turned(head: Head, R: np.ndarray) -> Head:
    surface = head.surface
    posed = Surface(
        vertices=rotate(surface.vertices, R, NECK_PIVOT_M),
        faces=surface.faces,
        normals=rotate(surface.normals, R).astype(np.float32),
        uv=surface.uv,
        color=surface.color,
        part=surface.part,
        material=surface.material,
        materials=surface.materials,
        cutout=surface.cutout,
    )
    marks = rotate(np.stack([*head.eye_centres, head.nose_tip, head.head_centre]), R, NECK_PIVOT_M)
    return Head(posed, marks[:2], marks[2], marks[3], head.landmark_face, head.landmark_barycentric, R)


def _read_description(path: Path, named: Mapping[str, object]) -> tuple[Path, dict[str, object]]:
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
        scan = path.parent / tree.pop("scan")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise MeshError(
            f'{path}: expected JSON like {{"scan": "anna.glb", "ipd_m": 0.061}}, got {error!r}. Name the scan in it.'
        ) from error
    files = {key: path.parent / tree[key] for key in _FILES if isinstance(tree.get(key), str)}
    # What JSON calls null is what a user leaves out.
    said = {key: value for key, value in {**tree, **files, **named}.items() if value is not None}
    return scan, said


def _options(named: Mapping[str, object], said_in: str) -> ScanOptions:
    known = [field.name for field in fields(ScanOptions)]
    for name in named:
        if name not in known:
            raise MeshError(f"{said_in}: expected options among {', '.join(known)}, got {name!r}. Check its spelling.")
    files = {name: Path(value) for name in _FILES if isinstance(value := named.get(name), str)}
    return ScanOptions(**{**named, **files})  # type: ignore[arg-type]


def _checked(options: ScanOptions, said_in: str) -> ScanOptions:
    for name, expected, fits, step in _RULES:
        value = getattr(options, name)
        if value is not None and not fits(value):
            raise MeshError(f"{said_in}: expected {expected} for {name}, got {repr(value)[:60]}. {step}")
    for one, other in (("metres_per_unit", "ipd_m"), ("eyes", "landmarks")):
        if getattr(options, one) is not None and getattr(options, other) is not None:
            raise MeshError(f"{said_in}: expected {one} or {other}, got both. Keep the one you trust.")
    return options


def _is_length(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e30


def _is_axis(value: object) -> bool:
    return isinstance(value, str) and value in _AXES


def _are_eyes(value: object) -> bool:
    try:
        points = np.array(value, np.float64)
    except (TypeError, ValueError, OverflowError):
        return False
    return points.shape == (2, 3) and bool(np.isfinite(points).all()) and not np.array_equal(*points)


_MEASURE = "Leave it out to measure it."
_RULES: tuple[tuple[str, str, Callable[[object], bool], str], ...] = (
    *((name, "a positive number", _is_length, _MEASURE) for name in ("metres_per_unit", "ipd_m", "age_years")),
    *((name, f"one of {', '.join(_AXES)}", _is_axis, _MEASURE) for name in ("up", "front")),
    ("eyes", "two different eye points (x, y, z)", _are_eyes, "Mark both pupils."),
    *((name, "the path of a file", lambda v: isinstance(v, Path), "Quote it.") for name in _FILES),
    ("flip_v", "true or false", lambda v: isinstance(v, bool), "Write it without quotes."),
    ("licence", "an SPDX name", lambda v: isinstance(v, str) and bool(v.strip()), "Leave it out if it has none."),
    ("credit", "a line of text", lambda v: isinstance(v, str), "Quote it."),
)
"""Option, what it must be, whether a value is that, and what to do where it is not."""


def place(raw: RawScan, options: ScanOptions, name: str) -> _Placement:
    """Finds the eyes and from them rotation, origin and scale.

    Raises:
        MeshError: no face found, or a distance between the eyes that the options do not explain.
    """
    if options.eyes is not None or options.landmarks is not None:
        return _place_by_eyes(raw, options, name)
    fit = _best_fit(raw, options, name)
    ipd_units = MEAN_IPD_M * fit.scale
    metres_per_unit = _scale(ipd_units, options, name)
    return _Placement(metres_per_unit, fit.R.T, fit.origin, ipd_units * metres_per_unit, fit.outward)


def _place_by_eyes(raw: RawScan, options: ScanOptions, name: str) -> _Placement:
    eyes = np.array(options.eyes, np.float64) if options.eyes is not None else read_eyes(Path(options.landmarks or ""))
    R_scan_head = _guesses(options)[0]
    across = eyes[0] - eyes[1]
    across = across if product(across, R_scan_head[:, 0]) > 0 else -across
    ipd_units = float(np.sqrt(np.square(across).sum()))
    x = across / ipd_units
    y = R_scan_head[:, 1] - product(R_scan_head[:, 1], x) * x
    y /= np.sqrt(np.square(y).sum())
    z = np.cross(x, y)
    metres_per_unit = _scale(ipd_units, options, name)
    _check_eyes_on_scan(raw.vertices * metres_per_unit, eyes * metres_per_unit, name)
    origin = eyes.mean(axis=0) - z * (_EYE_DEPTH_M / metres_per_unit)
    return _Placement(metres_per_unit, np.stack([x, y, z]), origin, ipd_units * metres_per_unit, 1.0)


def _check_eyes_on_scan(vertices_m: np.ndarray, eyes_m: np.ndarray, name: str) -> None:
    gap_m = max(float(np.sqrt(np.square(vertices_m - eye).sum(axis=1).min())) for eye in eyes_m)
    if gap_m > _EYE_GAP_M:
        raise MeshError(
            f"{name}: expected eyes within {_EYE_GAP_M * 1e3:.0f} mm of the scan, got one {gap_m * 1e3:.4g} mm away. "
            "Mark them in the scan's own unit and axes."
        )


def _guesses(options: ScanOptions) -> list[np.ndarray]:
    """Rotations (head axes to scan axes) that the options allow: +Y up and +Z front first, the other ones after."""
    ups = [options.up] if options.up else dict.fromkeys(["+y", "+z", *_AXES])
    fronts = [options.front] if options.front else dict.fromkeys(["+z", "-y", *_AXES])
    pairs = [(_AXES[up], _AXES[front]) for up in ups for front in fronts if up[1] != front[1]]
    if not pairs:
        raise MeshError(
            f"Expected up and front along different axes, got {options.up} and {options.front}. Correct one of them."
        )
    return [np.stack([np.cross(y, z), y, z], axis=1) for y, z in pairs]


def _best_fit(raw: RawScan, options: ScanOptions, name: str) -> FaceFit:
    """The first orientation on which a face is found without doubt, in order of likelihood."""
    best = None
    for R in _guesses(options):
        fit = fit_face(raw.vertices, raw.faces, R)
        best = fit if best is None or fit.misfit_m < best.misfit_m else best
        if best.misfit_m <= _MISFIT_M:
            return best
    misfit = "nothing alike" if best is None else f"the best likeness is {best.misfit_m * 1e3:.1f} mm off"
    raise MeshError(
        f"{name}: expected a face (the mean face within {_MISFIT_M * 1e3:.1f} mm), found none: {misfit}. "
        "Pass up= and front= if the scan lies or faces another way, or mark the pupils with eyes= or landmarks=."
    )


def _limits(age_years: float | None) -> tuple[float, float]:
    """Plausible distances between the eyes in metres.

    The mean of children is from C. MacLachlan and H. Howland, "Normal values and standard deviations for pupil
    diameter and interpupillary distance in subjects aged 1 month to 19 years" (2002), both sexes together.
    """
    if age_years is None or age_years >= 19:
        return ADULT_IPD_M
    mean_m = 1e-3 * (42.56 + 1.777 * age_years - 0.043 * age_years**2)
    return ADULT_IPD_M[0] / MEAN_IPD_M * mean_m, ADULT_IPD_M[1] / MEAN_IPD_M * mean_m


def _scale(ipd_units: float, options: ScanOptions, name: str) -> float:
    """Metres per unit: given, or from a given eye distance, or the one common unit that makes a plausible person."""
    if options.metres_per_unit is not None or options.ipd_m is not None:
        scale = options.metres_per_unit or (options.ipd_m or 0.0) / ipd_units
        return _possible(ipd_units, scale, name)
    low, high = _limits(options.age_years)
    for scale in _UNITS.values():
        if low <= ipd_units * scale <= high:
            return scale
    tried = ", ".join(f"{ipd_units * scale * 1e3:.3g} mm if {unit}" for unit, scale in _UNITS.items())
    raise MeshError(
        f"{name}: expected eyes {low * 1e3:.0f} to {high * 1e3:.0f} mm apart, got {ipd_units:.4g} units: {tried}. "
        "Pass metres_per_unit= if you know the unit, ipd_m= if you know the eye distance (0.063 is the mean), "
        "or age_years= for a child; from the command line, in a .json description (docs/scans.md)."
    )


def _possible(ipd_units: float, scale: float, name: str) -> float:
    low, high = _POSSIBLE_IPD_M
    if not low <= ipd_units * scale <= high:
        raise MeshError(
            f"{name}: expected eyes {low * 1e3:.0f} to {high * 1e3:.0f} mm apart, got {ipd_units * scale * 1e3:.4g} mm "
            f"({ipd_units:.4g} units of {scale:.4g} m). Correct metres_per_unit= or ipd_m=."
        )
    return scale


def _head(raw: RawScan, placement: _Placement, flip_v: bool) -> Head:
    vertices = rotate((raw.vertices - placement.origin) * placement.metres_per_unit, placement.R)
    faces = (raw.faces if placement.outward >= 0 else raw.faces[:, ::-1]).astype(np.int32)
    _, owner = weld(raw.vertices)
    surface = Surface(
        vertices=vertices,
        faces=faces,
        normals=vertex_normals(vertices, faces, owner).astype(np.float32),
        uv=(raw.uv * [1.0, -1.0] + [0.0, 1.0] if flip_v else raw.uv).astype(np.float32),
        color=LINEAR_OF_CODE[raw.color],
        part=np.full(len(faces), Part.FACE, np.uint8),
        material=raw.material.astype(np.uint8),
        materials=tuple(
            Material(f"scan{k}", roughness=0.5, specular=0.028, subsurface=0.6, texture=texture)
            for k, texture in enumerate(raw.textures)
        ),
        cutout=np.full(len(faces), -1, np.int32),
    )
    half = np.array([placement.ipd_m / 2, 0.0, 0.0])
    return Head(
        surface=surface,
        eye_centres=np.stack([half, -half]),
        nose_tip=_nose_tip(vertices),
        head_centre=MEAN_HEAD_CENTRE_M,
        landmark_face=np.zeros(0, np.int32),
        landmark_barycentric=np.zeros((0, 3)),
        skull_rotation=np.eye(3),
    )


def _nose_tip(vertices: np.ndarray) -> np.ndarray:
    """(3,) the most protruding vertex of the middle of the face; the mean head's if the scan has a hole there."""
    middle = (np.abs(vertices[:, 0]) < 0.02) & (np.abs(vertices[:, 1] + 0.035) < 0.025) & (vertices[:, 2] > 0.0)
    if not middle.any():
        return np.array([0.0, -0.035, 0.045])
    return vertices[middle][vertices[middle, 2].argmax()]


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=4)).hexdigest()
