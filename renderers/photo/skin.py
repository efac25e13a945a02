"""Light that spreads inside skin: along the surface in the image, and through thin parts from behind.

Both are one diffusion profile, R(x) = (exp(-x / s) + exp(-x / 3s)) / (8 pi s x), whose integral over a plane is 1.
Source: Christensen & Burley, "Approximate Reflectance Profiles for Efficient Subsurface Scattering", Pixar 2015.
"""

from functools import lru_cache
from typing import NamedTuple

import mitsuba as mi
import numba
import numpy as np

from meshes.surface import Surface
from renderers.camera import Camera
from renderers.light import EnvironmentLight, irradiance
from renderers.occlusion import light_directions
from renderers.photo.materials import scatters

SPREAD_M = (1.12e-3, 0.48e-3, 0.31e-3)
"""Parameter s of the profile for red, green and blue: from the absorption and scattering that Jensen et al., "A
Practical Model for Subsurface Light Transport", SIGGRAPH 2001, measured on light skin. Melanin lies above the layer in
which light spreads: it colours light that enters and leaves (the albedo), and shortens no way inside."""

TAPS = 80
"""Points at which the light around a pixel is read."""

THICKEST_M = 0.015
"""Beyond this, what comes through is below a hundredth even of red."""

RAYS = 12
"""Ways through the tissue that stand for all, per vertex."""

LAMPS = 48
"""Directions that stand for the light that falls on the far side."""

_LITTLE = np.float32(1e-6)
_CLOSED_M = 0.012  # A wall this near to where light leaves sends it back.
_OPPOSITE = 0.3  # A way that leaves more obliquely has only cut a corner, around which `scatter` brings the light.
_STEP_M = 5e-5  # Ways start a little off the face that they come from.


class Glow(NamedTuple):
    """What thin parts of the skin exchange with their other side.

    Attributes:
        light: (V, 3) float32, light from behind that leaves here, as irradiance / pi.
        kept: (V, 3) float32 in [0.5, 1], share of the light from before that leaves here too.
    """

    light: np.ndarray
    kept: np.ndarray


def scatter(
    irradiance: np.ndarray, position: np.ndarray, normal: np.ndarray, coverage: np.ndarray, camera: Camera
) -> np.ndarray:
    """Spreads the light of skin along its surface. An even field stays what it is.

    Each pixel is the mean of what points around it receive, weighted by the profile of their distance in space, so
    that light does not leap from the nose to the cheek behind it.

    Args:
        irradiance: (H, W, 3) float32, irradiance / pi of the skin in each pixel.
        position: (H, W, 3) float32 metres, head frame, mean over the skin of the pixel.
        normal: (H, W, 3) float32, the same of the unit normal.
        coverage: (H, W) float32 in [0, 1], skin's share of the pixel; where it is 0 the others may hold anything.
        camera: the view; without distortion.

    Returns:
        (H, W, 3) float32; 0 without skin.
    """
    pixel_m = metres_a_pixel(position, coverage, camera)
    light, points, share = (np.ascontiguousarray(a, np.float32) for a in (irradiance, position, coverage))
    return _scatter(light, points, share, pixel_m, spiral(), np.array(SPREAD_M, np.float32))


def metres_a_pixel(position: np.ndarray, coverage: np.ndarray, camera: Camera) -> np.ndarray:
    """(H, W) float32: how far apart two pixels are on a surface that faces the camera; 1 without skin."""
    T = camera.T_camera_head
    depth_m = position @ T[2, :3] + T[2, 3]
    size_m = 1.0 / camera.K[0, 0] if camera.orthographic else depth_m / camera.K[0, 0]
    return np.where(coverage > 0, size_m, 1.0).astype(np.float32)


@lru_cache(maxsize=1)
def spiral(taps: int = TAPS) -> np.ndarray:
    """(taps, 3) float32: radius in metres and direction (cos, sin) of points that red's profile holds equally dense.

    Their radii are quantiles of 1 - exp(-r / s) / 4 - 3 exp(-r / 3s) / 4, the share of the profile within r.
    """
    share = (np.arange(taps) + 0.5) / taps
    r = np.linspace(0.0, 30.0, 30_001)
    radius_m = SPREAD_M[0] * np.interp(share, 1.0 - 0.25 * np.exp(-r) - 0.75 * np.exp(-r / 3.0), r)
    angle = np.arange(taps) * np.pi * (3.0 - np.sqrt(5.0))
    return np.stack([radius_m, np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)


kernel = numba.njit(cache=True, nogil=True, error_model="numpy")


@kernel
def _density(x: np.float32, s: np.float32) -> np.float32:
    """2 pi x R(x): what the profile sends to a distance, all directions together."""
    far = np.exp(-x / (np.float32(3) * s))
    return (far * far * far + far) / (np.float32(4) * s)


@kernel
def _stretch(position: np.ndarray, r: int, c: int, dy: int, dx: int, pixel_m: np.float32) -> np.float32:
    """How much farther apart two pixels are in space than on a surface that faces the camera."""
    if dx == 0 and dy == 0:
        return np.float32(1)
    far2 = np.float32(0)
    for k in range(3):
        step = position[r + dy, c + dx, k] - position[r, c, k]
        far2 += step * step
    return max(np.sqrt(far2) / (pixel_m * np.sqrt(np.float32(dx * dx + dy * dy))), np.float32(0.5))


@kernel
def _scatter(
    irradiance: np.ndarray, position: np.ndarray, coverage: np.ndarray, pixel_m: np.ndarray, taps: np.ndarray,
    spread: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Per pixel the mean of the taps, each weighted by R x area: the readable twin is in the tests."""
    rows, columns = coverage.shape
    out = np.zeros((rows, columns, 3), np.float32)
    total, weights = np.zeros(3, np.float32), np.zeros(3, np.float32)
    for r in range(rows):
        for c in range(columns):
            if not coverage[r, c] > 0:
                continue
            # The pixel itself counts a little, so that one without neighbours stays what it is.
            total[:], weights[:] = _LITTLE * irradiance[r, c], _LITTLE
            for t in range(len(taps)):
                radius = taps[t, 0]
                reach = radius / pixel_m[r, c]
                dy, dx = int(np.rint(reach * taps[t, 2])), int(np.rint(reach * taps[t, 1]))
                if not (0 <= r + dy < rows and 0 <= c + dx < columns) or not coverage[r + dy, c + dx] > 0:
                    continue
                stretch = _stretch(position, r, c, dy, dx, pixel_m[r, c])
                share = coverage[r + dy, c + dx] / (stretch * _density(radius, spread[0]))
                for k in range(3):
                    weight = share * _density(radius * stretch, spread[k])
                    total[k] += weight * irradiance[r + dy, c + dx, k]
                    weights[k] += weight
            for k in range(3):
                out[r, c, k] = total[k] / weights[k]
    return out


def transmittance(thickness_m: np.ndarray) -> np.ndarray:
    """Share of light that a sheet, lit evenly on one side, lets out on the other: the profile summed over that side.

    The integral of R over a plane at the distance d is (exp(-d / s) + 3 exp(-d / 3s)) / 4.

    Args:
        thickness_m: (...,) metres; inf is allowed.

    Returns:
        (..., 3) float32 for red, green and blue.
    """
    depth = np.asarray(thickness_m, np.float64)[..., None] / np.array(SPREAD_M)
    return (0.25 * np.exp(-depth) + 0.75 * np.exp(-depth / 3.0)).astype(np.float32)


def glow(surface: Surface, light: EnvironmentLight) -> Glow:
    """Light through ears, nose wings and other thin skin.

    What enters a sheet leaves on both its sides in the proportion 1 : T, T its transmittance: together never more
    than arrives. Where the other side is closed off, as in the mouth, what leaves there comes back.

    Args:
        surface: the scene.
        light: what falls on it.
    """
    result = Glow(np.zeros((len(surface.vertices), 3), np.float32), np.ones((len(surface.vertices), 3), np.float32))
    skin, faces = _solids(surface)
    if not skin.any():
        return result
    vertices, scene = np.unique(faces[skin]), _scene(surface.vertices, faces)
    straight = _exits(scene, surface, faces, vertices, np.array([[0.0, 0.0, 1.0]]))
    thin = vertices[straight.length_m[:, 0] < THICKEST_M]
    if not len(thin):
        return result
    ways = _cone(RAYS)
    out = _exits(scene, surface, faces, thin, ways)
    out.length_m[~skin[out.face] | (out.beyond_m < _CLOSED_M) | (out.cosine < _OPPOSITE)] = np.inf
    # Between parallel sides this is how far they are apart; between others, nearly the way's whole length.
    passed = transmittance(out.length_m * np.maximum(ways[:, 2], out.cosine))
    left = np.unique(out.face[np.isfinite(out.length_m)])
    if not len(left):
        return result
    received = _received(surface, light, faces[left])
    there = np.einsum("vrk,vrkc->vrc", out.weights, received[faces[out.face]])
    kept = 1.0 / (1.0 + passed.mean(axis=1))
    result.kept[thin], result.light[thin] = kept, kept * (passed * there).mean(axis=1)
    return result


def _solids(surface: Surface) -> tuple[np.ndarray, np.ndarray]:
    """Which of the faces that no light passes straight are skin (G,), and those faces (G, 3)."""
    fibre, skin = (np.array(a, bool) for a in zip(*((m.fibre, scatters(m)) for m in surface.materials), strict=True))
    solid = surface.face_label & (surface.cutout < 0) & ~fibre[surface.material]
    return skin[surface.material[solid]], surface.faces[solid]


def _scene(vertices: np.ndarray, faces: np.ndarray) -> "mi.Scene":
    """Faces alone as a scene to send rays through; its primitives are numbered as they are."""
    mesh = mi.Mesh("skin", len(vertices), len(faces))
    params = mi.traverse(mesh)
    params["vertex_positions"] = np.ascontiguousarray(vertices, np.float32).ravel()
    params["faces"] = np.ascontiguousarray(faces, np.uint32).ravel()
    params.update()
    return mi.load_dict({"type": "scene", "skin": mesh})


def _cone(count: int) -> np.ndarray:
    """(count, 3) float64 unit vectors about +Z, within 60 degrees, dense as the cosine: at equal steps of sine^2."""
    sine2 = 0.75 * (np.arange(count) + 0.5) / count
    angle = np.arange(count) * np.pi * (3.0 - np.sqrt(5.0))
    across = np.sqrt(sine2)
    return np.stack([across * np.cos(angle), across * np.sin(angle), np.sqrt(1.0 - sine2)], axis=1)


class _Exits(NamedTuple):
    """Where N x R ways through the tissue come out.

    Attributes:
        length_m: (N, R) float64, inf where a way finds no exit.
        face: (N, R) the face it leaves by; weights: (N, R, 3) of that face's corners.
        cosine: (N, R) float64, of the way to that face's normal.
        beyond_m: (N, R) float64, how far the way is free behind its exit.
    """

    length_m: np.ndarray
    face: np.ndarray
    weights: np.ndarray
    cosine: np.ndarray
    beyond_m: np.ndarray


def _exits(scene: "mi.Scene", surface: Surface, faces: np.ndarray, vertices: np.ndarray, ways: np.ndarray) -> _Exits:
    """Follows ways (R, 3), unit vectors about +Z for the inward normal, from some vertices (N,) of a scene's faces."""
    inward = -surface.normals[vertices].astype(np.float64)
    helper = np.where(np.abs(inward[:, :1]) < 0.9, [[1.0, 0.0, 0.0]], [[0.0, 1.0, 0.0]])
    right = np.cross(helper, inward)
    right /= np.linalg.norm(right, axis=1, keepdims=True)
    frames = np.stack([right, np.cross(inward, right), inward], axis=1)
    toward = np.einsum("rk,nkc->nrc", ways, frames)
    start = np.repeat((surface.vertices[vertices] + _STEP_M * inward)[:, None], len(ways), axis=1)
    length_m, face, weights = _cast(scene, start, toward)
    a, b, c = (surface.vertices[faces[face][..., k]] for k in range(3))
    normal = np.cross(b - a, c - a)
    cosine = np.einsum("nrk,nrk->nr", normal, toward) / np.maximum(np.linalg.norm(normal, axis=-1), 1e-20)
    leaves = np.isfinite(length_m) & (cosine > 0)
    beyond_m = np.zeros_like(length_m)
    behind = start[leaves] + (length_m[leaves] + _STEP_M)[:, None] * toward[leaves]
    beyond_m[leaves] = _cast(scene, behind, toward[leaves])[0]
    return _Exits(np.where(leaves, length_m + _STEP_M, np.inf), face, weights, cosine, beyond_m)


def _cast(scene: "mi.Scene", start: np.ndarray, toward: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """First hits of rays (..., 3): distance (...), inf without one; face (...), 0 without; its corners' weights."""
    o, d = (np.ascontiguousarray(a.reshape(-1, 3), np.float32) for a in (start, toward))
    if str(mi.variant()).startswith("scalar"):
        hits = [scene.ray_intersect_preliminary(mi.Ray3f(p, w)) for p, w in zip(o.tolist(), d.tolist(), strict=True)]
        rows = np.array([(h.t, h.prim_index, h.prim_uv.x, h.prim_uv.y) for h in hits]).reshape(-1, 4).T
    else:
        hit = scene.ray_intersect_preliminary(mi.Ray3f(mi.Point3f(o.T), mi.Vector3f(d.T)))
        with np.errstate(invalid="ignore"):  # Rays that meet nothing leave numbers that are none.
            rows = np.array([np.array(a, np.float64) for a in (hit.t, hit.prim_index, hit.prim_uv.x, hit.prim_uv.y)])
    length_m, face, u, v = np.where(np.isfinite(rows[0]), rows, np.array([[np.inf], [0.0], [0.0], [0.0]]))
    weights = np.stack([1.0 - u - v, u, v], axis=-1)
    return (
        length_m.reshape(start.shape[:-1]),
        face.astype(np.int64).reshape(start.shape[:-1]),
        weights.reshape(start.shape),
    )


def _received(surface: Surface, light: EnvironmentLight, faces: np.ndarray) -> np.ndarray:
    """(V, 3) float64, irradiance / pi that arrives at the vertices of some faces past all else; 0 at other vertices."""
    used, received = np.unique(faces), np.zeros((len(surface.vertices), 3))
    normals = surface.normals[used].astype(np.float64)
    toward, power = light_directions(light, LAMPS)
    cosine = np.maximum(np.einsum("vk,dk->vd", normals, toward), 0.0)
    vertex, lamp = np.nonzero(cosine)
    if not len(vertex):
        return received
    everything = _scene(surface.vertices, surface.faces[surface.face_label & (surface.cutout < 0)])
    start = surface.vertices[used] + 4.0 * _STEP_M * normals
    free = np.zeros_like(cosine)
    free[vertex, lamp] = np.isinf(_cast(everything, start[vertex], toward[lamp])[0])
    lit, unshadowed = (np.einsum("vd,dc->vc", part, power) for part in (cosine * free, cosine))
    received[used] = irradiance(light, normals) / np.pi * lit / np.maximum(unshadowed, 1e-20)
    return received
