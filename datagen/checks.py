"""What must hold inside one sample: its layers against each other and its cameras, derived again.

Pure functions of arrays; each yields (kind, message) for what does not hold.
"""

import functools
from collections.abc import Callable, Iterator, Mapping

import numpy as np
from scipy import ndimage

from meshes.parts import Part
from renderers.camera import Camera, project, unproject

Issue = tuple[str, str]
Layers = Mapping[str, np.ndarray]

FLOAT32_STEP = 2.0**-23
"""Relative spacing of float32, the precision depth and flow are stored with."""
FLOW_SLACK_PX = 1e-6
"""Beyond what float32 storage explains; the label core itself is exact to this."""
BEHIND_M = 1e-3
"""Points nearer to a camera plane than this may or may not count as in front."""
UNIT_SLACK = 1e-6
DEPTH_SLACK_M = 0.01
"""A coarse depth test over 3 x 3 pixels must not contradict a visibility mask by more than this."""
THIN = (Part.HAIR, Part.BEARD, Part.BROWS, Part.LASHES, Part.GLASSES, Part.EARRINGS)
"""Parts that a point may be seen past though they cover every pixel centre around it."""
MIN_SURE = 20
"""Fewer pixels of one kind prove nothing."""
MIN_COVER, MIN_CONTRAST, MAX_CLIPPED = 0.002, 8, 0.9


def check_layers(layers: Layers, cameras: Mapping[str, Camera]) -> Iterator[Issue]:
    """Everything below, for the layers a sample has.

    Args:
        layers: decoded arrays by name; those a run left out are not checked.
        cameras: "near" and "far".
    """
    with np.errstate(all="ignore"):
        for name, array in layers.items():
            yield from _finite(name, array)
        for a, b in (("near", "far"), ("far", "near")):
            view = {_generic(name, a, b): array for name, array in layers.items() if _generic(name, a, b)}
            for needed, check in _VIEW_CHECKS:
                if set(needed) <= set(view):
                    yield from ((kind, f"{a}: {text}") for kind, text in check(*(view[n] for n in needed)))
            if {"surface", "depth"} <= set(view):
                yield from _relations(layers, view, cameras, a, b)


def _generic(name: str, a: str, b: str) -> str:
    """A layer's name without its view: "depth", "surface", "flow" ...; "" for the other view's."""
    if name == f"flow_{a}_to_{b}":
        return "flow"
    own = name.removeprefix(f"{a}_") if name.startswith(f"{a}_") else ""
    return {"depth_axis_m": "depth", f"inside_{b}": "inside", f"visible_in_{b}": "visible"}.get(own, own)


def _finite(name: str, array: np.ndarray) -> Iterator[Issue]:
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        yield "finite", f"{name}: expected finite numbers, got {_count(~np.isfinite(array))} others"


def _count(mask: np.ndarray) -> str:
    """How many, and the first place, as (row, column)."""
    places = np.argwhere(mask.any(axis=2) if mask.ndim == 3 else mask)
    return f"{len(places)} pixels, first {tuple(map(int, places[0]))}" if len(places) else "0 pixels"


def _zero_outside(name: str) -> Callable[..., Iterator[Issue]]:
    def check(surface: np.ndarray, array: np.ndarray) -> Iterator[Issue]:
        background = -1 if name == "triangle_id" else 0
        wrong = ~surface & (array != background).reshape(*surface.shape, -1).any(axis=2)
        if wrong.any():
            yield (
                "background",
                f"{name}: expected {background} without surface, got other values at {_count(wrong)}",
            )

    return check


def _person(surface: np.ndarray) -> Iterator[Issue]:
    if surface.mean() < MIN_COVER:
        yield "person", f"expected a person, got surface on {surface.mean():.2%} of the pixels"


def _masks(surface: np.ndarray, inside: np.ndarray, visible: np.ndarray) -> Iterator[Issue]:
    for text, wrong in (
        ("visible but not inside", visible & ~inside),
        ("inside without surface", inside & ~surface),
    ):
        if wrong.any():
            yield "mask", f"expected visible to imply inside to imply surface, got {text} at {_count(wrong)}"


def _depth(surface: np.ndarray, depth: np.ndarray) -> Iterator[Issue]:
    wrong = surface & ~(depth > 0)
    if wrong.any():
        yield "depth", f"expected depth above 0 on the surface, got others at {_count(wrong)}"


def _normal(surface: np.ndarray, normal: np.ndarray) -> Iterator[Issue]:
    slack = UNIT_SLACK if normal.dtype == np.float32 else 2e-3
    square = np.einsum("rck,rck->rc", normal, normal, dtype=np.float64)
    wrong = surface & ~(abs(square - 1) <= 2 * slack)
    if wrong.any():
        yield "normal", f"expected unit normals on the surface, got others at {_count(wrong)}"


def _part(surface: np.ndarray, part: np.ndarray) -> Iterator[Issue]:
    wrong = surface & ~np.isin(part, [p.value for p in Part if p != Part.BACKGROUND])
    if wrong.any():
        yield "part", f"expected ids of meshes.parts.Part on the surface, got others at {_count(wrong)}"


def _alpha(surface: np.ndarray, alpha: np.ndarray) -> Iterator[Issue]:
    """Deep inside the surface coverage is full, far from it there is none; thin hair may differ."""
    deep, empty = (
        ndimage.binary_erosion(surface, iterations=2),
        ~ndimage.binary_dilation(surface, iterations=2),
    )
    for text, where, wrong in (("full", deep, alpha < 128), ("no", empty, alpha >= 128)):
        if (wrong & where).sum() > 0.01 * where.sum():
            yield (
                "alpha",
                f"expected {text} coverage two pixels from the edge, got other at {_count(wrong & where)}",
            )


def _colour(surface: np.ndarray, rgb: np.ndarray) -> Iterator[Issue]:
    seen = rgb[surface]
    if not len(seen):
        return
    contrast = int(np.ptp(seen, axis=0).max())
    if contrast < MIN_CONTRAST:
        yield "blank", f"expected a picture of a person, got one of contrast {contrast}/255"
    for text, share in (
        ("white", (seen == 255).all(axis=1).mean()),
        ("black", (seen == 0).all(axis=1).mean()),
    ):
        if share > MAX_CLIPPED and contrast >= MIN_CONTRAST:
            yield "saturated", f"expected an exposed person, got {share:.0%} of it {text}"


def _barycentric(surface: np.ndarray, weights: np.ndarray) -> Iterator[Issue]:
    wrong = surface & ~((abs(weights.sum(axis=2) - 1) < 1e-9) & (weights > -1e-9).all(axis=2))
    if wrong.any():
        yield "barycentric", f"expected weights >= 0 of sum 1 on the surface, got others at {_count(wrong)}"


def _triangle(surface: np.ndarray, triangle_id: np.ndarray) -> Iterator[Issue]:
    wrong = surface & (triangle_id < 0)
    if wrong.any():
        yield "triangle", f"expected a face on the surface, got none at {_count(wrong)}"


_VIEW_CHECKS: tuple[tuple[tuple[str, ...], Callable[..., Iterator[Issue]]], ...] = (
    *(
        (("surface", name), _zero_outside(name))
        for name in ("depth", "normal", "uv", "part", "flow", "triangle_id", "barycentric")
    ),
    (("surface",), _person),
    (("surface", "inside", "visible"), _masks),
    (("surface", "depth"), _depth),
    (("surface", "normal"), _normal),
    (("surface", "part"), _part),
    (("surface", "alpha"), _alpha),
    (("surface", "rgb"), _colour),
    (("surface", "barycentric"), _barycentric),
    (("surface", "triangle_id"), _triangle),
)


def _relations(layers: Layers, view: Layers, cameras: Mapping[str, Camera], a: str, b: str) -> Iterator[Issue]:
    """Flow and masks of a direction, re-derived from depth and cameras."""
    surface, depth = view["surface"], view["depth"][view["surface"]].astype(np.float64)
    px, depth_b, slack_px = reprojected(cameras[a], cameras[b], surface, depth)
    clear = abs(depth_b) > BEHIND_M  # Elsewhere float32 depth cannot tell front from behind.
    front = depth_b > 0
    if "flow" in view:
        centres = np.argwhere(surface)[:, ::-1] + 0.5
        error = _larger(view["flow"][surface] - np.where(front[:, None], px - centres, 0))
        slack = slack_px + FLOAT32_STEP * _larger(view["flow"][surface])
        yield from _off(
            "flow",
            f"flow_{a}_to_{b}: expected p_{b}(X) - p_{a}(X)",
            surface,
            clear & ~(error <= slack),
            error,
        )
    if "inside" in view:
        size = np.array([cameras[b].width, cameras[b].height])
        margin = np.minimum(px, size - px).min(axis=1)  # Above 0 inside the frame.
        wrong = clear & (view["inside"][surface] != (front & (margin > 0))) & ~(front & (abs(margin) <= slack_px))
        yield from _off("inside", f"{a}_inside_{b}: expected the projection into {b}", surface, wrong)
    if "visible" in view and f"{b}_depth_axis_m" in layers:
        depth_map = layers[f"{b}_depth_axis_m"]
        solid = without_thin(depth_map, layers.get(f"{b}_part"))
        yield from _visible(view["visible"][surface], px, depth_b, depth_map, solid, a, b)


def reprojected(
    a: Camera, b: Camera, surface: np.ndarray, depth_m: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where the pixels of view a appear in view b, from depth alone.

    Args:
        a, b: the cameras.
        surface: (H, W) bool with N pixels set.
        depth_m: (N,) float64, their depths along a's +Z.

    Returns:
        (N, 2) pixels and (N,) depth in b, and (N,) pixels by which one float32 step of the depth moves them.
    """
    centres = np.argwhere(surface)[:, ::-1] + 0.5
    px, depth_b = project(b, unproject(a, centres, depth_m))
    moved, _ = project(b, unproject(a, centres, depth_m * (1 + FLOAT32_STEP)))
    return px, depth_b, _larger(moved - px) + FLOW_SLACK_PX


def _off(
    kind: str, text: str, surface: np.ndarray, wrong: np.ndarray, error: np.ndarray | None = None
) -> Iterator[Issue]:
    if wrong.any():
        where = np.zeros(surface.shape, bool)
        where[surface] = wrong
        worst = f", off by up to {np.nanmax(error[wrong]):.3g} px" if error is not None else ""
        yield kind, f"{text}, got other values at {_count(where)}{worst}"


def _visible(
    visible: np.ndarray,
    px: np.ndarray,
    depth_b: np.ndarray,
    depth_map: np.ndarray,
    solid: np.ndarray,
    a: str,
    b: str,
) -> Iterator[Issue]:
    """A coarse depth test: where b's depth map leaves no doubt, most of the mask must agree; thin things may not."""
    nearest, farthest = depth_range(depth_map, px)
    _, farthest_solid = depth_range(solid, px)
    smooth = farthest - nearest < DEPTH_SLACK_M
    for text, sure, agrees in (
        ("visible", smooth & (nearest <= depth_b) & (depth_b <= farthest), visible),
        ("hidden", farthest_solid < depth_b - DEPTH_SLACK_M, ~visible),
    ):
        against, total = int((sure & ~agrees).sum()), int(sure.sum())
        if total > MIN_SURE and against > total / 2:
            message = f"expected {text} where {b}'s depth says so, got the contrary at {against} of {total} pixels"
            yield "visible", f"{a}_visible_in_{b}: {message}"


def without_thin(depth_map: np.ndarray, part: np.ndarray | None) -> np.ndarray:
    """The depth map without thin parts, or empty where parts are unknown.

    A point may be seen between strands that hide every pixel centre around it.

    Args:
        depth_map: (H, W) depths, 0 without surface.
        part: (H, W) part ids of the same view, or None where the set has no such layer.
    """
    return np.zeros_like(depth_map) if part is None else np.where(np.isin(part, THIN), 0, depth_map)


def depth_range(depth_map: np.ndarray, px: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Nearest and farthest depth over the 3 x 3 pixels around points.

    Args:
        depth_map: (H, W) depths, 0 without surface, which counts as infinitely far.
        px: (N, 2) pixels.

    Returns:
        Two (N,) float64 metres; (inf, inf) outside the frame.
    """
    far = np.pad(np.where(depth_map > 0, depth_map, np.inf), 1, mode="edge")
    column, row = np.floor(np.where(np.isfinite(px), px, -1)).clip(-1, max(depth_map.shape)).astype(int).T
    inside = (row >= 0) & (column >= 0) & (row < depth_map.shape[0]) & (column < depth_map.shape[1])
    row, column = np.where(inside, row, 0), np.where(inside, column, 0)
    around = [far[row + r, column + c] for r in range(3) for c in range(3)]
    nearest, farthest = functools.reduce(np.minimum, around), functools.reduce(np.maximum, around)
    return np.where(inside, nearest, np.inf), np.where(inside, farthest, np.inf)


def _larger(vectors: np.ndarray) -> np.ndarray:
    """(N,) larger magnitude of two components (N, 2); several times quicker than a reduction over a short axis."""
    return np.maximum(abs(vectors[:, 0]), abs(vectors[:, 1]))
