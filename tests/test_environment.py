"""Directions, energy and exposure of lights, where they come from, and what is said of a bad file."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshes.assets import AssetMissingError
from renderers.environment import (
    LightError,
    fetched_light,
    fetched_maps,
    light_assets,
    packaged_light,
    packaged_maps,
    read_light,
    studio_light,
)
from renderers.light import (
    EnvironmentLight,
    directions,
    finest,
    irradiance,
    normalize,
    rotate,
    shrink,
    solid_angles,
)
from renderers.prefilter import LOBES, blur, octahedral_directions, prefilter, to_octahedral
from renderers.radiance import float_from_rgbe, rgbe_from_float


def lamp(row: int, column: int, height: int = 64) -> EnvironmentLight:
    """Black but for one texel."""
    radiance = np.zeros((height, 2 * height, 3), np.float32)
    radiance[row, column] = 100.0
    return EnvironmentLight(radiance, "lamp")


def write_hdr(path: Path, radiance: np.ndarray) -> None:
    """A flat (not run-length coded) Radiance picture."""
    height, width = radiance.shape[:2]
    header = f"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y {height} +X {width}\n".encode()
    path.write_bytes(header + rgbe_from_float(radiance).tobytes())


def write_hdr_in_runs(path: Path, radiance: np.ndarray) -> None:
    """The same picture with every channel of every row coded as runs and literals."""
    height, width = radiance.shape[:2]
    out = io.BytesIO()
    out.write(f"#?RADIANCE\n\n-Y {height} +X {width}\n".encode())
    for row in rgbe_from_float(radiance):
        out.write(bytes([2, 2, width >> 8, width & 255]))
        for channel in row.T:
            values, starts = channel.tolist(), 0
            while starts < width:
                run = next((n for n in range(starts, min(width, starts + 127)) if values[n] != values[starts]), None)
                length = (run if run is not None else min(width, starts + 127)) - starts
                if length > 2:
                    out.write(bytes([128 + length, values[starts]]))
                else:
                    out.write(bytes([length, *values[starts : starts + length]]))
                starts += length
    path.write_bytes(out.getvalue())


def assert_lights_alike(fine: np.ndarray, light: EnvironmentLight) -> None:
    """A finer map sends the same light everywhere."""
    normals = np.concatenate([np.eye(3), -np.eye(3)])
    before = irradiance(light, normals)
    assert np.allclose(irradiance(EnvironmentLight(fine, "fine"), normals), before, rtol=0.03, atol=0.02 * before.max())


def gradient(height: int = 16) -> np.ndarray:
    rows, columns = np.mgrid[:height, : 2 * height]
    return np.stack([1 + rows, 0.5 + columns % 5, np.full(rows.shape, 3.0)], axis=-1).astype(np.float32)


def test_solid_angles_add_up_to_the_sphere() -> None:
    assert (solid_angles(32) * np.ones((1, 64))).sum() == pytest.approx(4 * np.pi, rel=1e-12)


def test_columns_run_from_the_front_to_the_persons_left() -> None:
    towards = directions(64)
    assert towards[32, 0, 2] > 0.99
    assert towards[32, 32, 0] > 0.99
    assert towards[0, 0, 1] > 0.99


@pytest.mark.parametrize(("column", "side"), [(32, 1.0), (96, -1.0)])
def test_a_lamp_on_one_side_lights_that_side(column: int, side: float) -> None:
    left, right = irradiance(lamp(31, column), np.array([[1.0, 0, 0], [-1.0, 0, 0]])).sum(axis=1)
    assert (left - right) * side > 0
    assert min(left, right) < 1e-3 * max(left, right)


def test_irradiance_of_a_white_map_is_pi() -> None:
    white = EnvironmentLight(np.ones((64, 128, 3), np.float32), "white")
    assert np.allclose(irradiance(white, np.eye(3)), np.pi, rtol=2e-3)


@given(st.floats(-7, 7))
@settings(max_examples=30)
def test_rotation_turns_irradiance_with_it(yaw: float) -> None:
    source = studio_light(np.random.default_rng(4))
    turn = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    normals = np.concatenate([np.eye(3), -np.eye(3)])
    before, after = irradiance(source, normals), irradiance(rotate(source, yaw), normals @ turn.T)
    assert np.allclose(before, after, rtol=0.02, atol=0.01 * before.max())
    assert rotate(source, yaw).radiance.sum() == pytest.approx(source.radiance.sum(), rel=1e-4)


def test_shrinking_keeps_energy() -> None:
    radiance = studio_light(np.random.default_rng(0)).radiance
    for height in (64, 32):
        small = shrink(radiance, height)
        before, after = (np.sum(m * solid_angles(len(m))[..., None], axis=(0, 1)) for m in (radiance, small))
        assert small.shape == (height, 2 * height, 3)
        assert np.allclose(before, after, rtol=1e-4)


@pytest.mark.parametrize("lobe", LOBES)
def test_blurring_is_the_weighted_mean_over_the_sphere(lobe: str) -> None:
    radiance, width = shrink(packaged_light("city").radiance, 32), 0.3
    towards, weight = directions(32), solid_angles(32)
    blurred = blur(radiance, lobe, width)
    for row, column in ((0, 3), (11, 40), (31, 63)):
        share = LOBES[lobe](np.clip(towards @ towards[row, column], -1, 1), width) * weight
        mean = np.einsum("hw,hwc->c", share, radiance) / share.sum()
        assert np.allclose(blurred[row, column], mean, rtol=1e-3)


def test_octahedral_samples_are_unit_vectors_of_the_map() -> None:
    towards = octahedral_directions(17)
    assert np.allclose(np.linalg.norm(towards, axis=-1), 1)
    assert np.allclose(towards[8, 8], [0, 1, 0])
    assert np.allclose(towards[0, 0], [0, -1, 0])
    as_map = to_octahedral(directions(128).astype(np.float32), 17)
    assert np.allclose(as_map, towards, atol=0.02)


def test_prefiltered_white_stays_white_and_black_black() -> None:
    for level in (1.0, 0.0):
        maps = prefilter(EnvironmentLight(np.full((128, 256, 3), level, np.float32), "even"))
        assert all(np.allclose(square, level, atol=1e-5) for square in maps)


def test_a_grey_card_gets_the_key_it_was_promised() -> None:
    front = lamp(28, 3)
    exposed, factor = normalize(front, 0.2)
    card = 0.18 / np.pi * irradiance(exposed, np.array([[0.0, 0, 1]])) @ np.array([0.2126, 0.7152, 0.0722])
    assert card[0] == pytest.approx(0.2, rel=1e-5)
    assert np.allclose(exposed.radiance, front.radiance * factor)


def test_back_light_is_not_brightened_into_front_light() -> None:
    exposed, _ = normalize(lamp(31, 64), 0.18)
    front, back = irradiance(exposed, np.array([[0.0, 0, 1], [0.0, 0, -1]])) @ np.array([0.2126, 0.7152, 0.0722])
    assert front < 1e-3
    assert 0.18 / np.pi * back == pytest.approx(0.18 / 0.4, rel=1e-5)


def test_black_cannot_be_exposed_and_is_left_alone() -> None:
    black = EnvironmentLight(np.zeros((32, 64, 3), np.float32), "black")
    exposed, factor = normalize(black)
    assert factor == 1.0
    assert not exposed.radiance.any()


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_studio_lights_are_finite_and_repeat(seed: int) -> None:
    first, again = (studio_light(np.random.default_rng(seed)) for _ in range(2))
    assert first.radiance.tobytes() == again.radiance.tobytes()
    assert first.radiance.shape == (128, 256, 3)
    assert np.isfinite(first.radiance).all()
    assert first.radiance.min() >= 0
    assert irradiance(first, np.array([[0.0, 0, 1]])).min() > 0


def test_studio_lights_vary() -> None:
    lights = [studio_light(np.random.default_rng(seed)) for seed in range(40)]
    assert {light.name for light in lights} == {"studio-softboxes", "studio-window", "studio-sun", "studio-rim"}
    assert len({light.radiance.tobytes() for light in lights}) == 40


@pytest.mark.parametrize("name", packaged_maps())
def test_packaged_maps_are_light(name: str) -> None:
    light = packaged_light(name)
    assert light.radiance.shape == (128, 256, 3)
    assert np.isfinite(light.radiance).all()
    assert light.radiance.min() >= 0 < light.radiance.max()
    (asset,) = light_assets(light)
    assert (asset.id, asset.licence) == (f"polyhaven/{name}", "CC0-1.0")


def test_an_unknown_map_names_those_there_are() -> None:
    with pytest.raises(LightError, match=r"packaged map, got 'nowhere'; choose one of apartment, bridge"):
        packaged_light("nowhere")


def test_packaged_maps_are_those_of_the_upstream_package() -> None:
    if "DATAGEN_ASSETS" not in os.environ:
        pytest.skip("DATAGEN_ASSETS names no folder with hdri_cc0_512_f16.npz")
    from renderers.environment import PACKED
    from renderers.environment_build import RENAMED

    upstream_names = {ours: theirs for theirs, ours in RENAMED.items()}
    with (
        np.load(Path(os.environ["DATAGEN_ASSETS"]) / "hdri_cc0_512_f16.npz", allow_pickle=False) as upstream,
        np.load(PACKED, allow_pickle=False) as ours,
    ):
        for name in ours.files:
            original = np.maximum(upstream[upstream_names.get(name, name)].astype(np.float32), 0)
            turned = np.roll(original[:, ::-1], -(original.shape[1] // 2), axis=1)
            error = np.abs(float_from_rgbe(ours[name]) - shrink(turned, 128))
            assert (error.max(axis=-1) <= shrink(turned, 128).max(axis=-1) / 128 + 1e-6).all()


def test_the_build_makes_the_packaged_file() -> None:
    if "PMNDRS_ASSETS_TARBALL" not in os.environ:
        pytest.skip("PMNDRS_ASSETS_TARBALL does not name pmndrs-assets-1.7.0.tgz")
    from renderers.environment import PACKED
    from renderers.environment_build import build

    rebuilt = io.BytesIO(build(Path(os.environ["PMNDRS_ASSETS_TARBALL"])))
    with np.load(rebuilt, allow_pickle=False) as new, np.load(PACKED, allow_pickle=False) as old:
        assert sorted(new.files) == sorted(old.files)
        assert all(np.array_equal(new[name], old[name]) for name in new.files)


@given(st.lists(st.floats(2.0**-100, 2.0**100, width=32), min_size=3, max_size=3))
def test_rgbe_keeps_each_channel_within_a_step_of_the_brightest(color: list[float]) -> None:
    linear = np.array(color, np.float32)
    assert np.abs(float_from_rgbe(rgbe_from_float(linear)) - linear).max() <= linear.max() / 128


def test_rgbe_keeps_black() -> None:
    assert not float_from_rgbe(rgbe_from_float(np.zeros((2, 3), np.float32))).any()


@pytest.mark.parametrize("write", [write_hdr, write_hdr_in_runs])
def test_hdr_files_are_read(tmp_path: Path, write) -> None:  # type: ignore[no-untyped-def]
    radiance = gradient()
    write(tmp_path / "light.hdr", radiance)
    light = read_light(tmp_path / "light.hdr")
    # 128 rows of the light lie on 16 of the file: its row 4 r is the file's row r / 2.
    assert light.radiance.shape == (128, 256, 3)
    assert np.allclose(light.radiance[::8, :, 0].mean(axis=1), radiance[:, 0, 0], rtol=0.01)
    assert light.asset_ids == ("user/light.hdr",)
    assert light_assets(light)[0].licence == "LicenseRef-user"


def test_the_middle_of_a_file_is_in_front_and_its_left_is_the_persons_left(tmp_path: Path) -> None:
    radiance = np.full((128, 256, 3), 1e-3, np.float32)
    radiance[60:68, 120:136] = 5.0  # The middle.
    radiance[60:68, 56:72] = 50.0  # A quarter of the width left of it.
    write_hdr(tmp_path / "two.hdr", radiance)
    light = read_light(tmp_path / "two.hdr")
    ahead, left, right = irradiance(light, np.array([[0.0, 0, 1], [1.0, 0, 0], [-1.0, 0, 0]])).sum(axis=1)
    assert left > ahead > right


def test_exr_files_are_read(tmp_path: Path) -> None:
    OpenEXR = pytest.importorskip("OpenEXR")
    radiance = gradient(128)
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    OpenEXR.File(header, {"RGB": radiance}).write(str(tmp_path / "light.exr"))
    write_hdr(tmp_path / "light.hdr", radiance)
    exr, hdr = (read_light(tmp_path / name).radiance for name in ("light.exr", "light.hdr"))
    assert np.allclose(exr, hdr, rtol=0.01, atol=0.5)
    assert np.allclose(exr[:, 0, 0], radiance[:, 0, 0])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.png", b"", "ending in .hdr or .exr"),
        ("a.hdr", b"GIF89a", "begins with '#\\?RADIANCE'"),
        ("a.hdr", b"#?RADIANCE\n\n+X 4 +Y 8\n", "size line '-Y height \\+X width'"),
        ("a.hdr", b"#?RADIANCE\n\n-Y 8 +X 16\n" + bytes(40), "ends early"),
        ("a.hdr", b"#?RADIANCE\n\n-Y 8 +X 16\n" + bytes([2, 2, 0, 16, 200, 1]), "ends early or holds a run"),
        ("a.hdr", b"#?RADIANCE\n\n-Y 8 +X 8\n" + bytes([9, 9, 9, 130] * 64), "twice as wide as high, got 8 x 8"),
        ("a.hdr", b"#?RADIANCE\n\n-Y 8 +X 16\n" + bytes(512), "only black pixels"),
    ],
)
def test_bad_files_say_what_to_do(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(LightError, match=message):
        read_light(tmp_path / name)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(LightError, match=r"nothing\.hdr: expected an environment map, found no such file"):
        read_light(tmp_path / "nothing.hdr")


def test_a_broken_exr_is_a_plain_error(tmp_path: Path) -> None:
    pytest.importorskip("OpenEXR")
    (tmp_path / "a.exr").write_bytes(b"not an exr file at all")
    with pytest.raises(LightError, match="expected an OpenEXR picture with R, G and B"):
        read_light(tmp_path / "a.exr")


def test_exr_without_its_package_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "OpenEXR", None)
    (tmp_path / "a.exr").write_bytes(b"v/1\x01")
    with pytest.raises(LightError, match=r"pip install 'perspective-portraits\[exr\]'"):
        read_light(tmp_path / "a.exr")


@pytest.mark.parametrize("seed", range(4))
def test_a_studio_in_detail_is_the_same_light(seed: int) -> None:
    light, _ = normalize(rotate(studio_light(np.random.default_rng(seed)), 1.0), 0.21)
    fine = finest(light)
    assert fine.shape == (512, 1024, 3)
    assert np.array_equal(fine, finest(light))
    assert_lights_alike(fine, light)


def test_detail_turns_and_is_exposed_with_its_light(tmp_path: Path) -> None:
    radiance = np.full((256, 512, 3), 1e-3, np.float32)
    radiance[120:136, 100:130] = 5.0
    write_hdr(tmp_path / "one.hdr", radiance)
    light, factor = normalize(rotate(rotate(read_light(tmp_path / "one.hdr"), 0.4), -1.7), 0.2)
    assert factor != 1
    assert finest(light).shape == (256, 512, 3)
    assert_lights_alike(finest(light), light)


def test_a_file_that_changed_is_read_again(tmp_path: Path) -> None:
    for level in (1.0, 4.0):
        write_hdr(tmp_path / "one.hdr", np.full((8, 16, 3), level, np.float32))
        os.utime(tmp_path / "one.hdr", ns=(int(level), int(level)))
        assert finest(read_light(tmp_path / "one.hdr")).max() == pytest.approx(level, rel=0.01)


def test_the_finest_map_of_a_packaged_light_is_its_own() -> None:
    light = packaged_light("city")
    assert finest(light) is light.radiance


def test_fetched_maps_keep_their_own_texels() -> None:
    if "DATAGEN_ASSETS" not in os.environ:
        pytest.skip("DATAGEN_ASSETS names no folder with hdri_cc0_1k.zip")
    light = fetched_light("royal_esplanade_1k")
    assert light.radiance.shape == (128, 256, 3)
    assert finest(light).shape == (512, 1024, 3)
    assert_lights_alike(finest(light), light)
    (asset,) = light_assets(light)
    assert (asset.id, asset.licence) == ("hdri-1k", "CC0-1.0")


def test_a_map_that_is_not_fetched_says_how(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATAGEN_ASSETS", str(tmp_path))
    monkeypatch.setenv("DATAGEN_CACHE", str(tmp_path))
    assert "quarry_01_1k" in fetched_maps()
    with pytest.raises(AssetMissingError, match="datagen assets fetch hdri-1k"):
        fetched_light("quarry_01_1k")
