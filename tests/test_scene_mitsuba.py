"""A scene as Mitsuba's XML: opened by Mitsuba itself it gives the photo tier's picture; equal scenes, equal files."""

from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
import trimesh
from test_photo_hair import grown

from datagen.scene_export import export_scene
from datagen.scene_files.encode import pfm_bytes, ply_bytes
from datagen.scene_files.mitsuba_scene import mitsuba_files, mitsuba_scene
from meshes.errors import UsageError
from meshes.hair.ribbons import hair_material
from meshes.parts import Part
from meshes.surface import Material, Surface
from renderers.camera import Camera, dolly_camera, intrinsics, look_at
from renderers.lens import Distortion
from renderers.light import EnvironmentLight
from renderers.picture import Quality, View
from renderers.standard_scenes import make_surface, uv_sphere

pytest.importorskip("mitsuba")


def sky():
    """Bright on the person's left and above, in three colours."""
    rows, columns = np.mgrid[0:16, 0:32]
    radiance = np.stack([1.0 + (columns < 16), 1.0 + (rows < 8), np.ones((16, 32))], axis=-1)
    return EnvironmentLight(radiance.astype(np.float32), "two halves")


def scene() -> Surface:
    """A painted ball with a hole cut into it, a plain one, and some hair."""
    direction, uv, ball = uv_sphere(24, 16)
    hair, _ = grown([(60, 5)], seed=4, half_m=0.002)
    places = np.array([[-0.04, 0.0, 0.0], [0.05, 0.01, -0.02]])
    vertices = np.concatenate([0.05 * direction + place for place in places] + [0.3 * hair.vertices])
    faces = np.concatenate([ball, ball + len(direction), hair.faces + 2 * len(direction)])
    kind = np.repeat([0, 1, 2], [len(ball), len(ball), len(hair.faces)])
    surface = make_surface(
        vertices, faces, np.where(kind == 2, Part.HAIR, Part.FACE), material=kind,
        uv=np.concatenate([uv, uv, hair.uv]), cutout=np.where(kind == 0, 0, -1),
        cutouts=(np.where(np.add.outer(np.arange(8), np.arange(8)) % 8 == 0, 0, 255).astype(np.uint8),),
    )  # fmt: skip
    texture = np.random.default_rng(2).integers(60, 255, (16, 32, 3), np.uint8)
    materials = (Material("painted", texture=texture), Material("plain", roughness=0.3), hair_material())
    color = np.concatenate([0.4 + 0.3 * direction, np.full((len(direction), 3), 0.5), 0.2 * hair.color])
    return replace(surface, materials=materials, color=color.astype(np.float32))


def views(size=32):
    near = Camera(intrinsics(70.0, (18.0, 13.0)), look_at(np.zeros(3), 0.35, np.eye(3)), size, size)
    centred = replace(near, K=intrinsics(70.0, (16.0, 16.0)))
    far = dolly_camera(centred, np.zeros(3), np.inf)
    return near, replace(far, K=far.K + np.array([[0, 0, 3.0], [0, 0, -4.0], [0, 0, 0]]))


@pytest.fixture(scope="module")
def mi():
    from renderers.photo import variants

    return variants.mitsuba()


def test_mitsuba_renders_the_file_as_the_photo_tier_renders_the_scene(mi, tmp_path):
    from renderers import photo

    surface, light, (near, far) = scene(), sky(), views()
    export_scene(surface, light, near, far, tmp_path / "s.xml", {"index": 1})
    loaded = mi.load_file(str(tmp_path / "s.xml"))
    own = photo.render_views(surface, light, (View(near), View(far)), Quality(spp=256, denoise=False))
    for sensor, picture in enumerate(own):
        theirs = np.array(mi.render(loaded, sensor=sensor, spp=256))
        assert np.abs(theirs[..., 3] - picture.alpha).mean() < 0.006
        assert picture.alpha.mean() > 0.1
        whole = (theirs[..., 3] == 1) & (picture.alpha == 1)
        level = theirs[whole][:, :3].mean(axis=0) / picture.rgb[whole].mean(axis=0)
        np.testing.assert_allclose(level, 1.0, atol=0.02)
        noise = np.abs(theirs[whole][:, :3] - picture.rgb[whole]).mean() / picture.rgb[whole].mean()
        assert noise < 0.06


def test_the_dict_holds_the_same_scene_as_the_file(mi, tmp_path):
    surface, light, (near, far) = scene(), sky(), views()
    export_scene(surface, light, near, far, tmp_path / "s.xml", {})
    from_file = mi.load_file(str(tmp_path / "s.xml"))
    from_dict = mi.load_dict(mitsuba_scene(surface, light, near, far, tmp_path))
    pictures = [np.array(mi.render(one, sensor=0, spp=4, seed=3)) for one in (from_file, from_dict)]
    np.testing.assert_allclose(*pictures, atol=1e-3)


def test_equal_scenes_give_equal_files(mi, tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        export_scene(scene(), sky(), *views(), tmp_path / name / "s.xml", {"index": 1})
    files = [sorted(p.relative_to(tmp_path / n) for p in (tmp_path / n).rglob("*")) for n in ("a", "b")]
    assert files[0] == files[1]
    assert len(files[0]) > 6
    for file in files[0]:
        if (tmp_path / "a" / file).is_file():
            assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes(), file


def test_a_new_scene_takes_the_place_of_the_old_one_and_its_files(mi, tmp_path):
    surface, light, (near, far) = scene(), sky(), views()
    (tmp_path / "s-holiday").mkdir()
    export_scene(surface, light, near, far, tmp_path / "s.xml", {})
    (old,) = tmp_path.glob("s-*[0-9]*")
    moved = replace(surface, vertices=surface.vertices + 0.01)
    export_scene(moved, light, near, far, tmp_path / "s.xml", {})
    left = sorted(path.name for path in tmp_path.iterdir())
    assert len(left) == 3
    assert "s-holiday" in left
    assert old.name not in left
    named = {
        node.get("value") for node in ElementTree.parse(tmp_path / "s.xml").iter() if node.get("name") == "filename"
    }
    assert all((tmp_path / name).is_file() for name in named)


def test_a_lens_is_left_out_and_said(mi, tmp_path):
    surface, light, (near, far) = scene(), sky(), views()
    bent = replace(near, distortion=Distortion(k1=-0.05))
    export_scene(surface, light, near, far, tmp_path / "a.xml", {})
    export_scene(surface, light, bent, far, tmp_path / "b.xml", {"assets": [{"credit": "Scan by A. Person"}]})
    text = (tmp_path / "b.xml").read_text()
    assert 'near, lens distortion left out: {"k1": -0.05' in text
    assert "credits: Scan by A. Person" in text
    assert "distortion" not in (tmp_path / "a.xml").read_text()
    sensors = [ElementTree.parse(tmp_path / name).find("sensor") for name in ("a.xml", "b.xml")]
    assert ElementTree.tostring(sensors[0]) == ElementTree.tostring(sensors[1])


def test_pixels_that_are_not_square_are_refused(mi):
    near, far = views()
    wide = replace(near, K=np.diag([80.0, 70.0, 1.0]))
    with pytest.raises(UsageError, match="expected square pixels, got fx 80 and fy 70; resample"):
        mitsuba_files(scene(), sky(), wide, far)


def test_a_failure_leaves_nothing_behind(mi, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("datagen.scene_export.write_file", full)
    with pytest.raises(ValueError, match="No space left"):
        export_scene(scene(), sky(), *views(), tmp_path / "s.xml", {})
    assert list(tmp_path.iterdir()) == []


def test_meshes_read_back_with_normals_and_corners(tmp_path):
    surface = scene()
    chosen = np.flatnonzero(surface.material == 1)[3:9]
    (tmp_path / "m.ply").write_bytes(ply_bytes(surface, chosen))
    mesh = trimesh.load(tmp_path / "m.ply", process=False)
    np.testing.assert_allclose(mesh.triangles, surface.vertices[surface.faces[chosen]], atol=1e-7)
    np.testing.assert_allclose(mesh.vertex_normals[mesh.faces], surface.normals[surface.faces[chosen]], atol=1e-6)


@pytest.mark.parametrize("channels", [1, 3])
def test_maps_read_back(mi, tmp_path, channels):
    pixels = np.random.default_rng(0).random((3, 5, channels), np.float32)
    (tmp_path / "m.pfm").write_bytes(pfm_bytes(pixels))
    read = np.array(mi.Bitmap(str(tmp_path / "m.pfm"))).reshape(pixels.shape)
    np.testing.assert_array_equal(read, pixels)
