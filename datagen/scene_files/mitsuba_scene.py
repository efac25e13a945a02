"""One posed scene as Mitsuba reads it: an XML file and, in a folder beside it, meshes, hair, maps and the sky.

Equal scenes give equal bytes. Needs Mitsuba, since its plugins' names and maps are those of the photo tier.
"""

import contextlib
import hashlib
import math
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from datagen.scene_files.encode import Description, pfm_bytes, ply_bytes, png_bytes, scene_xml
from meshes.errors import UsageError
from meshes.surface import Material, Surface
from renderers import srgb
from renderers.camera import Camera, intrinsics
from renderers.exact import rasterize
from renderers.light import EnvironmentLight

_MITSUBA_FROM_OPENCV = np.diag([-1.0, -1.0, 1.0, 1.0])
_SPP, _DEPTH = 64, 12


def mitsuba_files(
    surface: Surface, light: EnvironmentLight, near: Camera, far: Camera
) -> tuple[Description, dict[str, bytes]]:
    """A scene as a description and the files that it names.

    It has two sensors, `near` and `far`, of the ideal cameras (no lens distortion), the photo tier's materials
    without light under the skin, hair as curves, and the light as an environment map.

    Raises:
        UsageError: Mitsuba is missing or does not run here, or pixels are not square.
    """
    from renderers.photo import variants

    variants.mitsuba()
    from renderers.photo import hair, scene
    from renderers.photo.strands import hairs_of, strands_of

    strands = strands_of(surface)
    files: dict[str, bytes] = {}
    shapes: Description = {}
    for name, look, cutout, faces in _groups(surface, ~strands.faces):
        files[f"{name}.ply"] = ply_bytes(surface, faces)
        bsdf = _bsdf(surface, look, cutout, faces)
        shapes[name] = {"type": "ply", "filename": f"{name}.ply", "bsdf": bsdf}
    hairs = hairs_of(strands)
    if len(hairs.albedo):
        files["hair.txt"] = hair.curve_text(*hair.control_points(hairs))
        shapes["hair"] = {"type": "bsplinecurve", "filename": "hair.txt", "bsdf": hair.hair_bsdf(hairs)}
    description = {
        "type": "scene",
        "integrator": {"type": "path", "max_depth": _DEPTH, "hide_emitters": True},
        "near": sensor(near),
        "far": sensor(far),
        "sky": scene.sky(light),
        **shapes,
    }
    return _with_files(description, "scene", files), files


def mitsuba_scene(surface: Surface, light: EnvironmentLight, near: Camera, far: Camera, folder: Path) -> Description:
    """A scene for `mitsuba.load_dict`, with its files written into a folder that exists; errors as `mitsuba_files`."""
    import mitsuba

    description, files = mitsuba_files(surface, light, near, far)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    loadable: Description = _changed(
        description,
        lambda value: mitsuba.ScalarTransform4f(value) if isinstance(value, np.ndarray) else value,
        lambda name: str(folder / name),
    )
    return loadable


@contextlib.contextmanager
def mitsuba_beside(
    surface: Surface, light: EnvironmentLight, near: Camera, far: Camera, out: Path, note: Mapping[str, str]
) -> Iterator[bytes]:
    """Places the files of a scene in a folder beside `out`, and gives the XML that names them.

    The folder is called after `out` and what is in it, so that an older scene's XML keeps its own files until the
    new XML stands. What older scenes of that name left is removed at the end.

    Yields:
        The XML, to be written to `out`.
    """
    description, files = mitsuba_files(surface, light, near, far)
    digest = hashlib.sha256(b"".join(name.encode() + b"\0" + data for name, data in sorted(files.items())))
    folder = out.with_name(f"{out.stem}-{digest.hexdigest()[:12]}")
    new = not folder.is_dir()
    if new:
        _place(folder, files)
    try:
        yield scene_xml(_changed(description, lambda value: value, lambda name: f"{folder.name}/{name}"), note)
    except BaseException:
        if new:
            shutil.rmtree(folder)
        raise
    for other in out.parent.glob(f"{out.stem}-{'[0-9a-f]' * 12}"):
        if other != folder and (other / "sky.pfm").is_file():
            shutil.rmtree(other)


def _place(folder: Path, files: dict[str, bytes]) -> None:
    """A folder that appears with all its files or not at all."""
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as part:
        inside = Path(part) / folder.name
        inside.mkdir()
        for name, data in files.items():
            (inside / name).write_bytes(data)
        inside.replace(folder)


def sensor(camera: Camera) -> Description:
    """The ideal camera as a Mitsuba sensor: same rays through the same places of the frame."""
    fx, fy = float(camera.K[0, 0]), float(camera.K[1, 1])
    if fx != fy:
        raise UsageError(f"camera: expected square pixels, got fx {fx:g} and fy {fy:g}; resample the picture first.")
    width, height = camera.width, camera.height
    off_x, off_y = width / 2 - float(camera.K[0, 2]), height / 2 - float(camera.K[1, 2])
    world_from_camera = np.linalg.inv(camera.T_camera_head)
    film = {
        "type": "hdrfilm",
        "width": width,
        "height": height,
        "pixel_format": "rgba",
        "rfilter": {"type": "box"},
    }
    common = {"sampler": {"type": "independent", "sample_count": _SPP}, "film": film}
    if camera.orthographic:
        half_m = width / 2 / fx
        moved = np.eye(4)
        moved[:2, 3] = off_x / fx, off_y / fx
        place = world_from_camera @ moved @ _MITSUBA_FROM_OPENCV @ np.diag([half_m, half_m, 1.0, 1.0])
        return {"type": "orthographic", "to_world": place, **common}
    return {
        "type": "perspective",
        "fov_axis": "x",
        "fov": 2.0 * math.degrees(math.atan(width / 2 / fx)),
        "principal_point_offset_x": off_x / width,
        "principal_point_offset_y": off_y / height,
        "to_world": world_from_camera @ _MITSUBA_FROM_OPENCV,
        **common,
    }


def _groups(surface: Surface, wanted: np.ndarray) -> Iterator[tuple[str, Material, int, np.ndarray]]:
    """Name, material, alpha map or -1, and faces of every mesh."""
    pairs = np.stack([surface.material.astype(np.int64), surface.cutout.astype(np.int64)], axis=1)
    for number, cutout in np.unique(pairs[wanted], axis=0).tolist():
        look = surface.materials[number]
        name = f"{number}_{look.name}".replace(" ", "_") + (f"_cutout_{cutout}" if cutout >= 0 else "")
        yield name, look, cutout, np.flatnonzero(wanted & (pairs == (number, cutout)).all(axis=1))


def _bsdf(surface: Surface, look: Material, cutout: int, faces: np.ndarray) -> Description:
    from renderers.photo import materials

    albedo: Any = {"type": "mesh_attribute", "name": "vertex_color"}
    if look.texture is not None:
        albedo = {"type": "bitmap", "bitmap": _painted(surface, look, faces), "wrap_mode": "clamp"}
    bsdf = materials.bsdf(look, albedo)
    if not materials.transmits(look):
        bsdf = {"type": "twosided", "nested": bsdf}
    if cutout < 0:
        return bsdf
    kept = (surface.cutouts[cutout] >= 128).astype(np.float32)[..., None]
    opacity = {"type": "bitmap", "bitmap": kept, "raw": True, "filter_type": "nearest", "wrap_mode": "clamp"}
    return {"type": "mask", "opacity": opacity, "nested": bsdf}


def _painted(surface: Surface, look: Material, faces: np.ndarray) -> np.ndarray:
    """(h, w, 3) uint8 sRGB: a material's texture times the vertex colours of its faces, drawn into the texture's plane.

    Mitsuba has no texture that is the product of two.
    """
    assert look.texture is not None
    height, width = look.texture.shape[:2]
    corners = surface.faces[faces]
    flat = np.concatenate([surface.uv * [1.0, -1.0] + [0.0, 1.0], np.ones((len(surface.uv), 1))], axis=1)
    K = intrinsics(1.0, (0.0, 0.0)) * np.array([[width], [height], [1.0]])
    plane = rasterize(_sheet(surface, flat, faces), Camera(K, np.eye(4), height, width, "orthographic"))
    seen = plane.triangle_id >= 0
    color = np.full((height, width, 3), surface.color[np.unique(corners)].mean(axis=0), np.float32)
    weights = plane.barycentric[seen][..., None]
    color[seen] = (weights * surface.color[corners[plane.triangle_id[seen]]]).sum(axis=1)
    if seen.any():
        # Beyond the seams of an atlas its own colours go on, so that no filter mixes in another.
        nearest = ndimage.distance_transform_edt(~seen, return_distances=False, return_indices=True)
        color = color[tuple(nearest)]
    return srgb.encode(srgb.decode(look.texture) * color)


def _sheet(surface: Surface, flat: np.ndarray, faces: np.ndarray) -> Surface:
    """Faces laid out where they lie in the texture, a metre a texture."""
    columns = {name: getattr(surface, name)[faces] for name in ("faces", "part", "material")}
    opaque = (Material("paint"),) * len(surface.materials)
    return replace(surface, vertices=flat, cutout=np.full(len(faces), -1, np.int32), materials=opaque, **columns)


def _with_files(value: Any, name: str, files: dict[str, bytes]) -> Any:
    """A description whose maps have become files, named after their place in it."""
    if not isinstance(value, dict):
        return value
    prefix = "" if value.get("type") == "scene" else f"{name}-"
    result = {key: _with_files(child, prefix + key, files) for key, child in value.items()}
    if "bitmap" in result and value.get("type") in ("bitmap", "envmap"):
        pixels = np.asarray(result.pop("bitmap"))
        file = f"{name}.png" if pixels.dtype == np.uint8 else f"{name}.pfm"
        files[file] = png_bytes(pixels) if pixels.dtype == np.uint8 else pfm_bytes(pixels)
        result["filename"] = file
    return result


def _changed(value: Any, leaf: Callable[[Any], Any], filename: Callable[[str], str]) -> Any:
    """A description with `leaf` applied to every value and `filename` to every file name."""
    if not isinstance(value, dict):
        return leaf(value)
    return {
        key: filename(child) if key == "filename" else _changed(child, leaf, filename) for key, child in value.items()
    }
