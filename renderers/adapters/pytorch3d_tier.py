"""Colour by PyTorch3D, a differentiable rasteriser: an adapter for whoever compares with it, and no source of labels.

It shades matt surfaces alone, by the light's irradiance at the vertices; on a CPU it takes minutes a picture.
"""

import importlib.util
from typing import Any

import numpy as np

from meshes.errors import UsageError
from meshes.surface import Surface
from renderers import exact, srgb
from renderers.adapters.samples import mean_of_samples
from renderers.camera import Camera, supersampled, to_pytorch3d
from renderers.exact import Hits
from renderers.light import EnvironmentLight, check_light, irradiance
from renderers.occlusion import lit_share
from renderers.picture import Image, Quality, View

SAMPLES = 2
"""Samples a pixel and side."""
CARDS_DEEP = 4
"""Faces looked through at one sample where some are cut by alpha maps."""
VERTICES_AT_ONCE = 4096
"""Vertices whose irradiance is summed up at a time, for the sake of memory."""
EDGE = 1e-5
"""How far past its edges a face reaches, in halves of the picture's shorter side."""
HELP = "docs/renderers.md says how it is built"


def check() -> None:
    """Raises UsageError where PyTorch3D cannot be imported."""
    if importlib.util.find_spec("pytorch3d") is None:
        raise UsageError(f"--colour pytorch3d: expected the package pytorch3d, got none; {HELP}.")
    try:
        import torch  # noqa: F401, I001  PyTorch3D links against libraries that torch loads.
        import pytorch3d._C  # noqa: F401
    except (ImportError, OSError) as error:
        raise UsageError(f"--colour pytorch3d: expected PyTorch3D built for this torch, got {error}; {HELP}.") from None


def device() -> str:
    """Where torch puts the work: "cuda" with a GPU, else "cpu"."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def render_views(
    surface: Surface, light: EnvironmentLight, views: tuple[View, ...], quality: Quality
) -> tuple[Image, ...]:
    """One picture a view, over nothing; see `renderers.picture.Tier`.

    Lenses are left to the film, and `quality` to tiers that trace paths.

    Raises:
        UsageError: PyTorch3D cannot be imported.
        GeometryError: as `renderers.exact.rasterize`.
        LightError: radiance that is not finite.
    """
    check()
    check_light(light)
    color = surface.color * _received(surface, light)
    return tuple(_picture(surface, color, view.camera) for view in views)


def rasterize(surface: Surface, camera: Camera) -> Hits:
    """What PyTorch3D sees at every pixel centre, in float32, in the terms of `renderers.exact.rasterize`."""
    exact.check(surface, camera)
    labelled = np.flatnonzero(surface.face_label)
    deep = CARDS_DEEP if surface.cutouts else 1
    face, weights, depth = _fragments(surface, labelled, camera, deep)
    face = np.where(face >= 0, labelled[face], -1) if len(labelled) else face
    layer = _first_kept(surface, face, weights)[..., None]
    face = np.take_along_axis(face, layer, axis=-1)[..., 0]
    weights = np.take_along_axis(weights, layer[..., None], axis=2)[..., 0, :]
    depth = np.take_along_axis(depth, layer, axis=-1)[..., 0]
    seen = face >= 0
    return Hits(
        face.astype(np.int32),
        np.where(seen[..., None], weights, 0.0).astype(np.float64),
        np.where(seen, depth, 0.0).astype(np.float64),
    )


def _picture(surface: Surface, color: np.ndarray, camera: Camera) -> Image:
    hits = rasterize(surface, supersampled(camera, SAMPLES))
    seen = hits.triangle_id >= 0
    rgb = np.zeros((*seen.shape, 3))
    rgb[seen] = _shaded(surface, color, hits.triangle_id[seen], hits.barycentric[seen])
    return mean_of_samples(rgb, seen.astype(np.float32), SAMPLES)


def _received(surface: Surface, light: EnvironmentLight) -> np.ndarray:
    """(V, 3) light that a white matt surface sends out from each vertex: irradiance / pi x the share that arrives."""
    parts = np.array_split(surface.normals.astype(np.float64), len(surface.normals) // VERTICES_AT_ONCE + 1)
    return np.concatenate([irradiance(light, part) for part in parts]) / np.pi * lit_share(surface, light)


def _shaded(surface: Surface, color: np.ndarray, face: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(N, 3) light from points of faces: vertex colours between the corners, times the texture."""
    corners = surface.faces[face]
    rgb = np.einsum("nk,nkc->nc", weights, color[corners])
    uv = np.einsum("nk,nkc->nc", weights, surface.uv[corners])
    for number, material in enumerate(surface.materials):
        if material.texture is not None:
            here = surface.material[face] == number
            rgb[here] *= _texels(material.texture, uv[here])
    return rgb


def _texels(texture: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """(N, 3) float32 linear colour of the nearest texels of a (h, w, 3) uint8 sRGB map."""
    return srgb.decode(texture[_nearest(texture.shape, uv)])


def _nearest(shape: tuple[int, ...], uv: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the texels at uv (..., 2); row 0 is v = 1."""
    height, width = shape[:2]
    rows = np.clip(np.floor((1.0 - uv[..., 1]) * height), 0, height - 1).astype(int)
    return rows, np.clip(np.floor(uv[..., 0] * width), 0, width - 1).astype(int)


def _first_kept(surface: Surface, face: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(H, W) layer of the nearest face that no alpha map cuts away there; the last layer where all are cut.

    Faces and weights are (H, W, K) and (H, W, K, 3), nearest first; a cut face is changed to -1 in place.
    """
    sheet = np.where(face >= 0, surface.cutout[face], -1) if len(surface.faces) else np.full(face.shape, -1)
    for number, alpha in enumerate(surface.cutouts):
        here = sheet == number
        uv = np.einsum("nk,nkc->nc", weights[here], surface.uv[surface.faces[face[here]]])
        face[here] = np.where(alpha[_nearest(alpha.shape, uv)] >= 128, face[here], -1)
    return np.where((face >= 0).any(axis=-1), (face >= 0).argmax(axis=-1), face.shape[-1] - 1)


def _fragments(surface: Surface, labelled: np.ndarray, camera: Camera, deep: int) -> tuple[np.ndarray, ...]:
    """PyTorch3D's face (H, W, K) into `labelled`, weights (H, W, K, 3) and depth (H, W, K) of the nearest K faces."""
    import torch
    from pytorch3d.renderer import MeshRasterizer, RasterizationSettings
    from pytorch3d.structures import Meshes

    where = device()
    mesh = Meshes(
        [torch.tensor(surface.vertices, dtype=torch.float32, device=where)],
        [torch.tensor(surface.faces[labelled].astype(np.int64), device=where)],
    )
    settings = RasterizationSettings(
        image_size=(camera.height, camera.width),
        faces_per_pixel=deep,
        perspective_correct=not camera.orthographic,
        # A centre on the edge of two faces would belong to neither: a crack along every diagonal of a grid.
        blur_radius=EDGE**2,
        clip_barycentric_coords=False,
        # Where a bin overflows, faces go missing without an error.
        max_faces_per_bin=max(len(labelled), 1),
    )
    with torch.no_grad():
        seen = MeshRasterizer(_camera(camera, where), settings)(mesh)
    return tuple(part[0].cpu().numpy() for part in (seen.pix_to_face, seen.bary_coords, seen.zbuf))


def _camera(camera: Camera, where: str) -> Any:
    import torch
    from pytorch3d.renderer import OrthographicCameras, PerspectiveCameras

    kind = OrthographicCameras if camera.orthographic else PerspectiveCameras
    fields = {name: torch.tensor(v, dtype=torch.float32) for name, v in to_pytorch3d(camera).items()}
    return kind(**fields, in_ndc=False, device=where)
