"""One posed scene for other renderers: exact arrays (.npz), glTF (.glb) to look at, Mitsuba's XML (.xml) to render.

Equal scenes give equal bytes; a file appears whole or not at all.
"""

import io
import json
import math
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, astuple, replace
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from PIL import Image
from trimesh.exchange.gltf import export_glb
from trimesh.visual import TextureVisuals
from trimesh.visual.material import PBRMaterial

from datagen.database import explained, write_file
from datagen.scene_files.mitsuba_scene import mitsuba_beside
from meshes.errors import UsageError
from meshes.surface import Material, Surface
from renderers.camera import Camera, transform_points
from renderers.lens import Distortion
from renderers.light import EnvironmentLight, irradiance

_GL_NEAREST, _GL_CLAMP_TO_EDGE = 9728, 33071
_CLEAR_ALPHA = 0.05
_GLTF_FROM_OPENCV = np.diag([1.0, -1.0, -1.0, 1.0])


class SceneError(UsageError):
    """A scene that cannot be written; the message says expected, got, next step."""


def export_scene(
    surface: Surface, light: EnvironmentLight, near: Camera, far: Camera, out: Path, extra: dict[str, Any]
) -> None:
    """Writes a scene, replacing a file of that name only once the new one is whole.

    Args:
        surface: the posed triangles, metres, head frame.
        light: what falls on them.
        near, far: the two views, of equal size.
        out: ends in .npz (see `scene_arrays`), .glb (see `scene_glb`) or .xml, which gets a folder of files beside it
            (see `datagen.scene_files.mitsuba_scene`).
        extra: the sample's record, JSON values; travels inside the file.

    Raises:
        SceneError: unknown suffix, a folder in the way, or a record that is not JSON.
        UsageError: .xml without Mitsuba.
        DatabaseError: the file cannot be written.
    """
    encoders = {".npz": npz_bytes, ".glb": scene_glb}
    suffix = out.suffix.lower()
    if suffix not in (*encoders, ".xml"):
        raise SceneError(f"{out}: expected a name that ends in .npz, .glb or .xml, got {out.suffix!r}; rename it.")
    if out.is_dir():
        raise SceneError(f"{out}: expected a file name, got a folder; name a file inside it.")
    _check(near, far, extra)
    with explained(out):
        if suffix == ".xml":
            with mitsuba_beside(surface, light, _ideal(near), _ideal(far), out, _note(near, far, extra)) as xml:
                write_file(out, xml)
        else:
            write_file(out, encoders[suffix](surface, light, near, far, extra))


def _ideal(camera: Camera) -> Camera:
    return replace(camera, distortion=None)


def _note(near: Camera, far: Camera, extra: dict[str, Any]) -> dict[str, str]:
    """What Mitsuba has no place for: the record, who is credited, and lenses that its cameras do not have."""
    note = {"record": json.dumps(extra, sort_keys=True)}
    if credits := _credits(extra):
        note["credits"] = credits
    for name, camera in (("near", near), ("far", far)):
        if camera.distortion:
            note[f"{name}, lens distortion left out"] = json.dumps(asdict(camera.distortion))
    return note


def _credits(extra: dict[str, Any]) -> str:
    return "; ".join(asset["credit"] for asset in extra.get("assets", ()) if asset.get("credit"))


def _check(near: Camera, far: Camera, extra: dict[str, Any]) -> None:
    sizes = (near.height, near.width), (far.height, far.width)
    if sizes[0] != sizes[1]:
        raise SceneError(f"cameras: expected equal image sizes, got {sizes[0]} and {sizes[1]}; export them apart.")
    try:
        json.dumps(extra, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise SceneError(f"extra: expected plain finite JSON values, got {error}; convert them first.") from None


def scene_arrays(
    surface: Surface, light: EnvironmentLight, near: Camera, far: Camera, extra: dict[str, Any]
) -> dict[str, np.ndarray]:
    """Everything a renderer needs, by name.

    Returns:
        vertices (V, 3) float64 metres head frame; faces (F, 3) int32; normals (V, 3), uv (V, 2), color (V, 3)
        float32 as in `Surface`; part, material (F,) uint8; near_K, far_K (3, 3), near_T_camera_head,
        far_T_camera_head (4, 4) float64; near_distortion, far_distortion (5,) float64 k1, k2, p1, p2, k3 as in
        `renderers.lens.Distortion`, 0 for a pinhole; near_kind, far_kind "perspective" or "orthographic" (K in
        pixels per metre, rays along +Z); height, width int64; light_radiance (h, 2h, 3) float32
        as in `EnvironmentLight`; light_name; face_label (F,) bool, False on transparent shells that
        labels pass through; face_cutout (F,) int32, -1 or i of the alpha map cutout_<i> (h, w) uint8, which
        keeps a hit where its nearest texel >= 128, row 0 at v = 1; material_name, _roughness, _specular,
        _subsurface, _clear, _fibre (M,), as in `Material`: strips of a fibre stand for round hairs; texture_<i>
        (h, w, 3) uint8 sRGB of material i where it has one; record, JSON text.
    """
    cameras = {
        f"{view}_{name}": value
        for view, camera in (("near", near), ("far", far))
        for name, value in (
            ("K", camera.K),
            ("T_camera_head", camera.T_camera_head),
            ("distortion", np.array(astuple(camera.distortion or Distortion()))),
            ("kind", np.array(camera.kind)),
        )
    }
    return {
        "vertices": surface.vertices,
        "faces": surface.faces,
        "normals": surface.normals,
        "uv": surface.uv,
        "color": surface.color,
        "part": surface.part,
        "material": surface.material,
        **cameras,
        "height": np.array(near.height, np.int64),
        "width": np.array(near.width, np.int64),
        "light_radiance": light.radiance,
        "light_name": np.array(light.name),
        "face_label": surface.face_label,
        "face_cutout": surface.cutout,
        **{f"cutout_{i}": alpha for i, alpha in enumerate(surface.cutouts)},
        **_material_arrays(surface.materials),
        "record": np.array(json.dumps(extra, sort_keys=True)),
    }


def _material_arrays(materials: tuple[Material, ...]) -> dict[str, np.ndarray]:
    fields = ("name", "roughness", "specular", "subsurface", "clear", "fibre")
    table = {f"material_{field}": np.array([getattr(m, field) for m in materials]) for field in fields}
    maps = {f"texture_{i}": m.texture for i, m in enumerate(materials) if m.texture is not None}
    return {**table, **maps}


def npz_bytes(surface: Surface, light: EnvironmentLight, near: Camera, far: Camera, extra: dict[str, Any]) -> bytes:
    """`scene_arrays` as an .npz file. Stored, not deflated: a compressor's version would change bytes."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in scene_arrays(surface, light, near, far, extra).items():
            archive.writestr(_member(f"{name}.npy"), _npy_bytes(array))
    return file.getvalue()


def _member(name: str) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    member.create_system = 3  # Unix, wherever it is written.
    member.external_attr = 0o644 << 16
    return member


def _npy_bytes(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asarray(array, order="C"), allow_pickle=False)
    return file.getvalue()


def scene_glb(surface: Surface, light: EnvironmentLight, near: Camera, far: Camera, extra: dict[str, Any]) -> bytes:
    """The scene as binary glTF 2.0: one mesh a material, two cameras, record and light in the scene's `extras`.

    glTF's axes are the head frame's (+Y up, +Z out of the face, metres). Positions become float32 and linear
    vertex colours 8-bit, so compare labels against the .npz. glTF cameras have no principal point: an
    off-centre one shifts the image by (K02 - width / 2, K12 - height / 2); each camera's `extras` hold K
    and its distortion, which glTF does not know. Nor has core glTF environments: `extras.light` holds the light's
    name and the irradiance on cards that face along the six axes.
    """
    scene = trimesh.Scene()
    for material, cutout, faces in _face_groups(surface):
        name = f"{material}_{surface.materials[material].name}" + (f"_cutout_{cutout}" if cutout >= 0 else "")
        mesh = _mesh(surface, faces, _pbr(surface, material, cutout, name))
        scene.add_geometry(mesh, geom_name=name, node_name=name)

    def complete(tree: dict[str, Any]) -> None:
        _complete_materials(tree, surface)
        _add_cameras(tree, surface, {"near": near, "far": far})
        tree["scenes"][0]["extras"] = {"record": extra, "light": _light_note(light)}
        tree["asset"] |= {"copyright": credits} if (credits := _credits(extra)) else {}

    return export_glb(scene, include_normals=True, unitize_normals=False, tree_postprocessor=complete)


def _light_note(light: EnvironmentLight) -> dict[str, Any]:
    axes = np.concatenate([np.eye(3), -np.eye(3)])
    names = ("+x", "+y", "+z", "-x", "-y", "-z")
    return {"name": light.name, "irradiance": dict(zip(names, irradiance(light, axes).tolist(), strict=True))}


def _face_groups(surface: Surface) -> Iterator[tuple[int, int, np.ndarray]]:
    """(material, cutout, face ids) of every combination that occurs, in order."""
    pairs = np.stack([surface.material.astype(np.int64), surface.cutout.astype(np.int64)], axis=1)
    kinds, group = np.unique(pairs, axis=0, return_inverse=True)
    for i, (material, cutout) in enumerate(kinds.tolist()):
        yield material, cutout, np.flatnonzero(group.ravel() == i)


def _mesh(surface: Surface, faces: np.ndarray, material: PBRMaterial) -> trimesh.Trimesh:
    used, local = np.unique(surface.faces[faces], return_inverse=True)
    visual = TextureVisuals(uv=surface.uv[used].astype(np.float64), material=material)
    opaque = np.full((len(used), 1), 255, np.uint8)
    levels = np.rint(np.clip(surface.color[used], 0, 1) * 255).astype(np.uint8)
    visual.vertex_attributes["color"] = np.hstack([levels, opaque])
    return trimesh.Trimesh(
        vertices=surface.vertices[used],
        faces=local.reshape(-1, 3),
        vertex_normals=surface.normals[used],
        visual=visual,
        process=False,
    )


def _pbr(surface: Surface, material: int, cutout: int, name: str) -> PBRMaterial:
    source = surface.materials[material]
    alpha = surface.cutouts[cutout] if cutout >= 0 else None
    factor = [1.0, 1.0, 1.0, _CLEAR_ALPHA if source.clear else 1.0]
    return PBRMaterial(
        name=name,
        baseColorFactor=factor,
        baseColorTexture=_base_texture(source.texture, alpha),
        metallicFactor=0.0,
        roughnessFactor=float(source.roughness),
        alphaMode="BLEND" if source.clear else "MASK" if alpha is not None else "OPAQUE",
        # Between texels 127, which is cut, and 128, which is kept.
        alphaCutoff=0.5 if alpha is not None else None,
        doubleSided=True,
    )


def _base_texture(texture: np.ndarray | None, alpha: np.ndarray | None) -> Image.Image | None:
    """sRGB texture with the alpha map as its fourth channel, in the size of the alpha map."""
    if alpha is None:
        return None if texture is None else Image.fromarray(texture)
    white = np.full((1, 1, 3), 255, np.uint8)
    image = Image.fromarray(white if texture is None else texture).resize(alpha.shape[::-1])
    image.putalpha(Image.fromarray(alpha))
    return image


def _complete_materials(tree: dict[str, Any], surface: Surface) -> None:
    """Adds what trimesh has no field for: nearest-texel cutouts, specular and subsurface strength."""
    tree["samplers"] = [
        {
            "magFilter": _GL_NEAREST,
            "minFilter": _GL_NEAREST,
            "wrapS": _GL_CLAMP_TO_EDGE,
            "wrapT": _GL_CLAMP_TO_EDGE,
        }
    ]
    for material in tree["materials"]:
        source = surface.materials[int(material["name"].partition("_")[0])]
        material["extras"] = {"specular": float(source.specular), "subsurface": float(source.subsurface)}
        if material["alphaMode"] == "MASK":
            texture = material["pbrMetallicRoughness"]["baseColorTexture"]["index"]
            tree["textures"][texture]["sampler"] = 0


def _add_cameras(tree: dict[str, Any], surface: Surface, cameras: dict[str, Camera]) -> None:
    tree["cameras"] = [_gltf_camera(name, camera, surface) for name, camera in cameras.items()]
    for index, (name, camera) in enumerate(cameras.items()):
        node_from_camera = np.linalg.inv(camera.T_camera_head) @ _GLTF_FROM_OPENCV
        tree["scenes"][0]["nodes"].append(len(tree["nodes"]))
        tree["nodes"].append({"name": name, "camera": index, "matrix": node_from_camera.T.ravel().tolist()})


def _gltf_camera(name: str, camera: Camera, surface: Surface) -> dict[str, Any]:
    """A glTF camera with the field of view of a centred frame, clipped a tenth outside the scene's depths."""
    depth_m = transform_points(camera.T_camera_head, surface.vertices)[:, 2]
    clip = {"znear": max(0.9 * float(depth_m.min()), 1e-3), "zfar": 1.1 * float(depth_m.max())}
    half_x, half_y = camera.width / 2 / camera.K[0, 0], camera.height / 2 / camera.K[1, 1]
    if camera.orthographic:
        lens = {"xmag": float(half_x), "ymag": float(half_y), **clip}
    else:
        lens = {"yfov": 2 * math.atan(half_y), "aspectRatio": float(half_x / half_y), **clip}
    extras: dict[str, Any] = {"K": camera.K.tolist(), "height": camera.height, "width": camera.width}
    if camera.distortion is not None:
        extras["distortion"] = asdict(camera.distortion)
    return {"name": name, "type": camera.kind, camera.kind: lens, "extras": extras}
