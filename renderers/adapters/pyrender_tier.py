"""Colour by pyrender, an OpenGL rasteriser: an adapter for whoever compares with it. Labels never come from here.

What it leaves out: mirrored surroundings (it knows lamps alone), subsurface, fine relief, transparent shells.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from meshes.errors import UsageError
from meshes.surface import Material, Surface
from renderers import exact
from renderers.adapters.lamps import Lamps, lamps
from renderers.adapters.opengl import platform
from renderers.adapters.samples import mean_of_samples
from renderers.camera import Camera, supersampled, to_opengl, transform_points
from renderers.kernels.terms import NEAR_M
from renderers.light import EnvironmentLight, check_light
from renderers.occlusion import lit_share
from renderers.picture import Image, Quality, View

SAMPLES = 2
"""Samples a pixel and side; EGL takes four more inside each."""
MAX_SIDE_SAMPLES = 16_384
"""Side of the largest frame that OpenGL drivers of today promise."""
LAMPS = 4
"""Most lamps of one kind that pyrender's shader loops over."""
SMOOTHEST = 0.55
"""A lamp stands for a wide part of the surroundings, so that its highlight is spread as theirs would be."""
GAMMA = 2.2
"""What pyrender's shader encodes linear light with."""
CUT_AFTER = "    // Compute specular and diffuse colors\n"
"""Line of pyrender's shader before which the surface's colour and alpha are known."""


class Frame(NamedTuple):
    """What OpenGL drew, a value a sample.

    Attributes:
        rgb: (H, W, 3) float32, linear, premultiplied.
        alpha: (H, W) float32.
        depth_axis_m: (H, W) float32, 0 without surface; EGL resolves it from other places than the pixel's centre.
    """

    rgb: np.ndarray
    alpha: np.ndarray
    depth_axis_m: np.ndarray


class Lit(NamedTuple):
    """A surface and pyrender's scene of it, lamps included and without a camera."""

    surface: Surface
    scene: Any


def check() -> None:
    """Raises UsageError where pyrender is missing or cannot draw without a window."""
    platform()


def render_views(
    surface: Surface, light: EnvironmentLight, views: tuple[View, ...], quality: Quality
) -> tuple[Image, ...]:
    """One picture a view, over nothing; see `renderers.picture.Tier`.

    Lenses are left to the film, and `quality` to tiers that trace paths.

    Raises:
        UsageError: pyrender cannot draw here.
        GeometryError: as `renderers.exact.rasterize`.
        LightError: radiance that is not finite.
    """
    lit = light_up(surface, light)
    return tuple(_picture(lit, view.camera) for view in views)


def _picture(lit: Lit, camera: Camera) -> Image:
    n = SAMPLES if SAMPLES * max(camera.height, camera.width) <= MAX_SIDE_SAMPLES else 1
    frame = draw(lit, supersampled(camera, n))
    return mean_of_samples(frame.rgb, frame.alpha, n)


def light_up(surface: Surface, light: EnvironmentLight) -> Lit:
    """What all views share; errors as `render_views`."""
    platform()
    check_light(light)
    return Lit(surface, _scene(surface, light))


def draw(lit: Lit, camera: Camera) -> Frame:
    """One frame of one sample a pixel, as OpenGL resolves it; errors as `render_views`."""
    exact.check(lit.surface, camera)
    near_m, far_m = _depth_range_m(lit.surface, camera)
    node = _add_camera(lit.scene, camera, near_m, far_m)
    with _renderer(camera, cutting=bool(lit.surface.cutouts)) as renderer:
        code, depth = renderer.render(lit.scene, flags=_gl().RenderFlags.RGBA)
    lit.scene.remove_node(node)
    return _frame(code, _axis(depth, camera, near_m, far_m))


def _gl() -> Any:
    """pyrender, imported once PyOpenGL knows its platform."""
    import pyrender

    return pyrender


@contextmanager
def _renderer(camera: Camera, cutting: bool) -> Iterator[Any]:
    """An OpenGL context as large as the camera's frame, closed at the end; with shaders that cut where needed."""
    renderer = _gl().OffscreenRenderer(camera.width, camera.height)
    try:
        with tempfile.TemporaryDirectory() as folder:
            if cutting:
                _cut_by_alpha(renderer, Path(folder) / "shaders")
            yield renderer
    finally:
        renderer.delete()


def _cut_by_alpha(renderer: Any, folder: Path) -> None:
    """Has the renderer drop fragments whose alpha is below a half, which pyrender's own shader draws as solid."""
    from pyrender.shader_program import ShaderProgramCache

    shutil.copytree(Path(_gl().__file__).parent / "shaders", folder)
    text = (folder / "mesh.frag").read_text()
    if CUT_AFTER not in text:
        raise UsageError(
            f"--colour pyrender: expected the shader of pyrender-maintained 1.0, got that of {_gl().__version__}; "
            "pip install 'perspective-portraits[pyrender]'."
        )
    (folder / "mesh.frag").write_text(text.replace(CUT_AFTER, "    if (base_color.a < 0.5) discard;\n" + CUT_AFTER))
    renderer._renderer._program_cache = ShaderProgramCache(shader_dir=str(folder))


def _scene(surface: Surface, light: EnvironmentLight) -> Any:
    lit = lamps(light, LAMPS)
    scene = _gl().Scene(bg_color=np.zeros(4), ambient_light=lit.glow)
    _add_lamps(scene, lit)
    color = surface.color * lit_share(surface, light)
    primitives = [_primitive(surface, color, *key) for key in _groups(surface)]
    if primitives:
        scene.add(_gl().Mesh(primitives))
    return scene


def _groups(surface: Surface) -> list[tuple[int, int]]:
    """Pairs of material and cutout that some visible face has."""
    pairs = np.stack([surface.material.astype(int), np.maximum(surface.cutout, -1).astype(int)], axis=1)
    return [(int(m), int(c)) for m, c in np.unique(pairs[surface.face_label], axis=0)]


def _primitive(surface: Surface, color: np.ndarray, material: int, cutout: int) -> Any:
    wanted = (surface.material == material) & (np.maximum(surface.cutout, -1) == cutout)
    used, corners = np.unique(surface.faces[wanted], return_inverse=True)
    alpha = surface.cutouts[cutout] if cutout >= 0 else None
    return _gl().Primitive(
        positions=surface.vertices[used],
        normals=surface.normals[used],
        texcoord_0=surface.uv[used],
        color_0=color[used],
        indices=corners.reshape(-1, 3),
        material=_paint(surface.materials[material], alpha),
    )


def _paint(material: Material, alpha: np.ndarray | None) -> Any:
    sheet = _sheet(material.texture, alpha)
    texture = None if sheet is None else _gl().Texture(source=sheet, source_channels="RGBA")
    return _gl().MetallicRoughnessMaterial(
        name=material.name,
        metallicFactor=0.0,
        roughnessFactor=max(material.roughness, SMOOTHEST),
        baseColorTexture=texture,
        doubleSided=True,
    )


def _sheet(texture: np.ndarray | None, alpha: np.ndarray | None) -> np.ndarray | None:
    """(h, w, 4) uint8 of an albedo map and an alpha map, the smaller one repeated; None without either."""
    if texture is None and alpha is None:
        return None
    texture = np.full((1, 1, 3), 255, np.uint8) if texture is None else texture
    alpha = np.full((1, 1), 255, np.uint8) if alpha is None else alpha
    size = (max(texture.shape[0], alpha.shape[0]), max(texture.shape[1], alpha.shape[1]))
    rows, columns = (
        np.ix_(*(np.arange(n) * side // n for n, side in zip(size, map_.shape, strict=False)))
        for map_ in (texture, alpha)
    )
    return np.concatenate([texture[rows], alpha[columns][..., None]], axis=-1)


def _add_lamps(scene: Any, lit: Lamps) -> None:
    for number, (toward, power) in enumerate(zip(lit.toward, lit.power, strict=True)):
        if power.any():
            pose = np.eye(4)
            pose[:3, :3] = _frame_with_z(toward)
            lamp = _gl().DirectionalLight(color=power / power.max(), intensity=power.max())
            scene.add_node(_numbered_node(number)(light=lamp, matrix=pose))


def _numbered_node(number: int) -> Any:
    """pyrender's node with a number for its hash.

    Lamps are summed in the order of a set: by the addresses of the nodes, sums would round differently each time.
    """
    return type("NumberedNode", (_gl().Node,), {"__hash__": lambda node: number})


def _frame_with_z(toward: np.ndarray) -> np.ndarray:
    """(3, 3) float64 rotation whose third column is a unit vector."""
    helper = np.eye(3)[np.argmin(np.abs(toward))]
    x = np.cross(helper, toward) / np.linalg.norm(np.cross(helper, toward))
    return np.stack([x, np.cross(toward, x), toward], axis=1)


def _add_camera(scene: Any, camera: Camera, near_m: float, far_m: float) -> Any:
    view, projection = to_opengl(camera, near_m, far_m)
    eye = _gl().IntrinsicsCamera(*camera.K[[0, 1, 0, 1], [0, 1, 2, 2]], znear=near_m, zfar=far_m)
    # One matrix for every camera: pyrender's own orthographic one has no principal point.
    eye.get_projection_matrix = lambda width, height: projection
    return scene.add(eye, pose=np.linalg.inv(view))


def _depth_range_m(surface: Surface, camera: Camera) -> tuple[float, float]:
    """Depths between which everything lies, a little widened; the nearer the better for 24 bits of depth."""
    z = transform_points(camera.T_camera_head, surface.vertices)[:, 2]
    near_m = max(float(z.min(initial=1.0)) - 1e-3, NEAR_M)
    return near_m, max(float(z.max(initial=1.0)) + 1e-3, 2 * near_m)


def _axis(depth: np.ndarray, camera: Camera, near_m: float, far_m: float) -> np.ndarray:
    """Depth along +Z of what pyrender took for a perspective picture's depth whatever the camera."""
    if not camera.orthographic:
        return depth
    seen = depth > 0
    device = (far_m + near_m - 2 * near_m * far_m / np.where(seen, depth, 1.0)) / (far_m - near_m)
    return np.where(seen, ((far_m - near_m) * device + far_m + near_m) / 2, 0.0).astype(np.float32)


def _frame(code: np.ndarray, depth_axis_m: np.ndarray) -> Frame:
    """Linear light from pyrender's encoded colours; OSMesa gives no alpha, but one sample that hits or misses."""
    hit = depth_axis_m > 0
    alpha = code[..., 3] / np.float32(255) if code.shape[2] == 4 else hit.astype(np.float32)
    # Samples were averaged as codes over black, so codes are divided by alpha before they become light.
    code = code[..., :3] / np.float32(255) / np.maximum(alpha, np.float32(1 / 255))[..., None]
    return Frame(np.minimum(code, 1) ** np.float32(GAMMA) * alpha[..., None], alpha, depth_axis_m)
