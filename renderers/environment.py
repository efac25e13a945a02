"""Where light comes from: a procedural studio, packaged maps, a user's own .hdr or .exr file.

Shapes and directions are those of `renderers.light.EnvironmentLight`.
"""

from collections.abc import Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from meshes import assets
from meshes.assets.archive import open_archive
from meshes.digest import sha256_of
from meshes.elementary import cos, product, sin, tan
from meshes.head import Asset
from renderers.light import LUMINANCE, Detail, EnvironmentLight, directions, irradiance
from renderers.radiance import LightError, float_from_rgbe, parse_hdr, read_hdr

__all__ = [
    "LightError",
    "fetched_light",
    "fetched_maps",
    "lamp_light",
    "light_assets",
    "packaged_light",
    "packaged_maps",
    "read_light",
    "studio_light",
]

HEIGHT = 128
"""Rows of the map that shades, whatever a light is made of; a larger one is averaged down."""

DETAIL_HEIGHT = 512
"""Rows of a procedural light's finer map: a softbox in an eye has an edge of a third of a degree."""

DETAIL_LIMIT = 2048
"""Most rows kept of a file's finer map, 100 MB."""

FETCHED = "hdri-1k"
"""The asset whose maps are lights by name once it is fetched."""

WHITE_BALANCE = 0.7
"""How far a packaged map's overall tint is taken out, as a photographer would; 1 makes a grey card grey."""

PEAK = (1e-12, 1e12)
"""Radiance that the brightest pixel of a file may have: float32 sums and squares stay finite, in any unit in use."""

PACKED = Path(__file__).parent / "data" / "environments.npz"


class Lamp(NamedTuple):
    """A rectangle of light seen from the head.

    Attributes:
        azimuth_deg, elevation_deg: of its middle; azimuth from +Z towards +X.
        half_deg: half its width and half its height.
        kelvin: colour temperature.
        power: irradiance on a surface that faces it, roughly, before exposure.
        panes: columns and rows of a window's panes; (1, 1) is one even surface.
    """

    azimuth_deg: float
    elevation_deg: float
    half_deg: tuple[float, float]
    kelvin: float
    power: float
    panes: tuple[int, int] = (1, 1)


def studio_light(rng: np.random.Generator) -> EnvironmentLight:
    """A procedural light: a sky over a ground, and softboxes, a window, a sun or a rim light; needs no file.

    Args:
        rng: decides everything; equal generators give equal bytes.
    """
    kind = str(rng.choice(list(_SETUPS), p=[0.5, 0.2, 0.18, 0.12]))
    lamps, ambient = _SETUPS[kind](rng)
    return _painted(f"studio-{kind}", _draw_sky(rng, ambient), tuple(lamps))


def lamp_light(name: str, lamps: Sequence[Lamp], ambient: float) -> EnvironmentLight:
    """A set-up stated lamp by lamp, within an even surrounding; nothing about it is drawn.

    Args:
        name: recorded with pictures made under it.
        lamps: any number.
        ambient: irradiance of the white surrounding, in the unit of `Lamp.power`.
    """
    return _painted(name, ambient, tuple(lamps))


def _painted(name: str, surrounding: "Sky | float", lamps: tuple[Lamp, ...]) -> EnvironmentLight:
    """Lamps before a sky, or before white of an irradiance."""
    return EnvironmentLight(
        _paint(surrounding, lamps, HEIGHT), name, detail=Detail(partial(_paint, surrounding, lamps, DETAIL_HEIGHT))
    )


def _paint(surrounding: "Sky | float", lamps: tuple[Lamp, ...], height: int) -> np.ndarray:
    """(height, 2 height, 3) float32."""
    if isinstance(surrounding, Sky):
        radiance = _sky(surrounding, height)
    else:
        radiance = np.full((height, 2 * height, 3), surrounding / np.pi)
    for lamp in lamps:
        radiance = radiance + _rectangle(lamp, height)
    return radiance.astype(np.float32)


def packaged_maps() -> tuple[str, ...]:
    """Names of the maps that ship with the package."""
    with np.load(PACKED, allow_pickle=False) as maps:
        return tuple(sorted(maps.files))


@lru_cache(maxsize=32)
def packaged_light(name: str) -> EnvironmentLight:
    """One of the packaged photographs of real places (Poly Haven, CC0), its tint mostly taken out.

    Raises:
        LightError: no such map.
    """
    if name not in packaged_maps():
        known = ", ".join(packaged_maps())
        raise LightError(f"expected the name of a packaged map, got {name!r}; choose one of {known}")
    with np.load(PACKED, allow_pickle=False) as maps:
        radiance = float_from_rgbe(maps[name])
    return _white_balanced(EnvironmentLight(radiance, name, (f"polyhaven/{name}",)), WHITE_BALANCE)


def read_light(path: Path) -> EnvironmentLight:
    """A latitude-longitude map from a .hdr (Radiance) or .exr (OpenEXR) file: zenith on top, twice as wide as high.

    The middle column of the file is taken as +Z, in front of the face, and columns to its left as the person's left:
    the map as a viewer sees it who stands at the head and looks where the face looks.

    Raises:
        LightError: a file that is missing, of another kind, cut short, not 2:1, without finite light or with
            an absurd level; or .exr without the package that reads it.
    """
    if path.suffix.lower() not in _READERS:
        raise LightError(f"{path}: expected an environment map ending in .hdr or .exr; convert it to one of them")
    if not path.is_file():
        raise LightError(f"{path}: expected an environment map, found no such file; check the path")
    status = path.stat()
    detail = partial(_file_map, path, (status.st_size, status.st_mtime_ns))
    return EnvironmentLight(_at_height(detail(), HEIGHT), path.stem, (f"user/{path.name}",), Detail(detail))


@lru_cache(maxsize=2)
def _file_map(path: Path, stamp: tuple[int, int]) -> np.ndarray:
    """A file's map, checked and turned, of at most `DETAIL_LIMIT` rows; read anew where the file's stamp changes."""
    return _turned_map(path, _READERS[path.suffix.lower()](path))


def _turned_map(path: Path, radiance: np.ndarray) -> np.ndarray:
    """A file's picture as a light's map. Raises LightError: not a whole sphere, or no usable light."""
    height, width = radiance.shape[:2]
    if width != 2 * height or height < 4:
        raise LightError(
            f"{path}: expected a latitude-longitude map twice as wide as high, got {width} x {height}; "
            "export the whole sphere"
        )
    if not np.isfinite(radiance).all() or not radiance.max() > 0:
        raise LightError(f"{path}: expected finite light, got NaN, infinite or only black pixels; export it again")
    if not PEAK[0] <= radiance.max() <= PEAK[1]:
        raise LightError(
            f"{path}: expected the brightest pixel within {PEAK[0]:g} to {PEAK[1]:g}, got {radiance.max():.3g}; "
            "it is damaged or in a strange unit, export it again"
        )
    # The file's columns run to the viewer's right, the map's to the person's left, from the middle.
    turned = np.roll(np.maximum(radiance, 0)[:, ::-1], -(width // 2), axis=1)
    return _at_height(turned, DETAIL_LIMIT) if height > DETAIL_LIMIT else turned


def fetched_maps() -> tuple[str, ...]:
    """Names of the maps that `datagen assets fetch hdri-1k` brings, whether they are on this machine or not."""
    return tuple(Path(file.path).stem for file in assets.card(FETCHED).files)


def fetched_light(name: str) -> EnvironmentLight:
    """One of the fetched maps, its tint mostly taken out as a packaged map's is; its detail has the file's 512 rows.

    Raises:
        AssetMissingError: not fetched yet; the message says how to.
        ArchiveError, LightError: the file is damaged.
    """
    detail = partial(_fetched_map, name, assets.find(FETCHED))
    return EnvironmentLight(_at_height(detail(), HEIGHT), name, (FETCHED,), Detail(detail))


@lru_cache(maxsize=2)
def _fetched_map(name: str, packed: Path) -> np.ndarray:
    with open_archive(packed) as archive:
        radiance = _turned_map(packed, parse_hdr(archive.read(f"{name}.hdr"), packed / f"{name}.hdr"))
    return _white_balanced(EnvironmentLight(radiance, name), WHITE_BALANCE).radiance


def light_assets(light: EnvironmentLight) -> tuple[Asset, ...]:
    """What a light is made of, for the record."""
    return tuple(_asset(asset_id) for asset_id in light.asset_ids)


def _asset(asset_id: str) -> Asset:
    if asset_id == FETCHED:
        return assets.asset(FETCHED)
    if asset_id.startswith("polyhaven/"):
        source = "Poly Haven, from the npm package @pmndrs/assets 1.7.0"
        return Asset(asset_id, "CC0-1.0", source=source, sha256=sha256_of(PACKED))
    return Asset(asset_id, "LicenseRef-user", source="a file of the user's")


def read_exr(path: Path) -> np.ndarray:
    """(h, w, 3) float32 linear pixels of an OpenEXR picture. Raises LightError, also where OpenEXR is missing."""
    try:
        import OpenEXR
    except ImportError:
        raise LightError(
            f"{path}: reading .exr needs the package OpenEXR, which is not installed; "
            "pip install 'perspective-portraits[exr]', or convert the map to .hdr"
        ) from None
    try:
        with OpenEXR.File(str(path)) as file:
            channels = file.channels()
            pixels = next(channels[name].pixels for name in ("RGB", "RGBA") if name in channels)
    except (RuntimeError, StopIteration, ValueError) as error:
        raise LightError(f"{path}: expected an OpenEXR picture with R, G and B ({error}); export it again") from None
    return np.asarray(pixels[..., :3], np.float32)


_READERS = {".hdr": read_hdr, ".exr": read_exr}


def _at_height(radiance: np.ndarray, height: int) -> np.ndarray:
    """The map with `height` rows, every new texel the mean over the angles it covers; any size in."""
    for axis, size in ((0, height), (1, 2 * height)):
        count = radiance.shape[axis]
        running = np.concatenate([np.zeros_like(radiance.take([0], axis)), radiance], axis, dtype=np.float64).cumsum(
            axis
        )
        position = np.arange(size + 1) * (count / size)
        low = np.minimum(position.astype(int), count - 1)
        part = (position - low).reshape([-1, 1, 1] if axis == 0 else [1, -1, 1])
        sums = running.take(low, axis) * (1 - part) + running.take(low + 1, axis) * part
        radiance = np.diff(sums, axis=axis) * (size / count)
    return radiance.astype(np.float32)


def _white_balanced(light: EnvironmentLight, strength: float) -> EnvironmentLight:
    """Scales the channels so that the mean irradiance of the six axes moves towards grey; luminance is kept."""
    tint = irradiance(light, np.concatenate([np.eye(3), -np.eye(3)])).mean(axis=0)
    grey = float(product(tint, LUMINANCE))
    gain = (grey / tint) ** strength
    gain *= grey / float(product(tint * gain, LUMINANCE))
    return EnvironmentLight((light.radiance * gain).astype(np.float32), light.name, light.asset_ids)


def _softboxes(rng: np.random.Generator) -> tuple[list[Lamp], float]:
    """A key light, often a fill on the other side, sometimes one from behind and one from above."""
    side = rng.choice([-1.0, 1.0])
    kelvin = rng.uniform(3800, 6800)
    lamps = [Lamp(side * rng.uniform(10, 65), rng.uniform(10, 50), _size(rng, 9, 26), kelvin, 1.0)]
    if rng.random() < 0.75:
        fill = rng.uniform(0.15, 0.6)
        lamps.append(Lamp(-side * rng.uniform(25, 80), rng.uniform(-5, 30), _size(rng, 12, 30), kelvin, fill))
    if rng.random() < 0.5:
        lamps.append(_behind(rng, rng.uniform(0.3, 1.0)))
    if rng.random() < 0.3:
        lamps.append(Lamp(rng.uniform(-30, 30), rng.uniform(60, 80), _size(rng, 10, 25), kelvin, 0.5))
    return lamps, rng.uniform(0.06, 0.35)


def _window(rng: np.random.Generator) -> tuple[list[Lamp], float]:
    """Daylight through a tall window at one side, and a dim room."""
    side = rng.choice([-1.0, 1.0])
    panes = (int(rng.integers(1, 4)), int(rng.integers(1, 4)))
    size = rng.uniform(14, 30), rng.uniform(20, 34)
    window = Lamp(side * rng.uniform(25, 95), rng.uniform(0, 22), size, rng.uniform(5500, 7500), 1.0, panes)
    return [window], rng.uniform(0.1, 0.3)


def _sun(rng: np.random.Generator) -> tuple[list[Lamp], float]:
    """A small bright sun and a wide sky."""
    elevation = rng.uniform(12, 65)
    kelvin = 3400 + 40 * elevation
    return [Lamp(rng.uniform(-110, 110), elevation, (2.0, 2.0), kelvin, rng.uniform(0.6, 1.6))], rng.uniform(0.3, 0.6)


def _rim(rng: np.random.Generator) -> tuple[list[Lamp], float]:
    """Light from behind on both sides and a weak one in front."""
    front = Lamp(rng.uniform(-40, 40), rng.uniform(0, 35), _size(rng, 15, 28), rng.uniform(4200, 6500), 0.45)
    return [_behind(rng, rng.uniform(0.5, 1.2), side) for side in (-1.0, 1.0)] + [front], rng.uniform(0.08, 0.25)


def _behind(rng: np.random.Generator, power: float, side: float = 0.0) -> Lamp:
    """A lamp behind the head, on a given side (+1 the person's left) or either."""
    side = side or rng.choice([-1.0, 1.0])
    size = rng.uniform(6, 16), rng.uniform(12, 28)
    return Lamp(side * rng.uniform(115, 165), rng.uniform(0, 40), size, rng.uniform(3500, 8500), power)


def _size(rng: np.random.Generator, low_deg: float, high_deg: float) -> tuple[float, float]:
    return rng.uniform(low_deg, high_deg), rng.uniform(low_deg, high_deg)


_SETUPS = {"softboxes": _softboxes, "window": _window, "sun": _sun, "rim": _rim}


class Sky(NamedTuple):
    """A gradient from ground over horizon to zenith, brighter on one side of the room.

    Attributes:
        ambient: its irradiance, roughly.
        zenith, horizon, ground: (3,) tints.
        rise: how far the zenith's tint replaces the horizon's.
        azimuth_rad: of the brighter side, from +Z towards +X.
        one_sided: by which part of the whole that side is brighter.
    """

    ambient: float
    zenith: np.ndarray
    horizon: np.ndarray
    ground: np.ndarray
    rise: float
    azimuth_rad: float
    one_sided: float


def _draw_sky(rng: np.random.Generator, ambient: float) -> Sky:
    zenith, horizon = _tint(rng.uniform(5000, 11000)), _tint(rng.uniform(4500, 7500))
    ground = _tint(rng.uniform(3000, 5500)) * rng.uniform(0.15, 0.6)
    return Sky(ambient, zenith, horizon, ground, rng.uniform(0.5, 1.5), rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.6))


def _sky(sky: Sky, height: int) -> np.ndarray:
    """(height, 2 height, 3) radiance."""
    direction = directions(height)
    up = direction[..., 1:2]
    upper = sky.horizon + np.sqrt(np.maximum(up, 0)) * (sky.rise * sky.zenith - sky.horizon)
    lower = sky.horizon + np.minimum(np.maximum(-up, 0) * 4, 1) * (sky.ground - sky.horizon)
    beside = direction[..., :1] * sin(sky.azimuth_rad) + direction[..., 2:] * cos(sky.azimuth_rad)
    return sky.ambient * np.where(up > 0, upper, lower) * (1 + sky.one_sided * beside) / np.pi


def _rectangle(lamp: Lamp, height: int) -> np.ndarray:
    """(height, 2 height, 3) radiance of one lamp; its edges are one texel soft, so that none flickers."""
    azimuth, elevation = np.radians(lamp.azimuth_deg), np.radians(lamp.elevation_deg)
    middle = np.array([sin(azimuth) * cos(elevation), sin(elevation), cos(azimuth) * cos(elevation)])
    right = np.array([cos(azimuth), 0.0, -sin(azimuth)])
    up = np.cross(middle, right)
    direction = directions(height)
    ahead, x, y = (np.einsum("hwk,k->hw", direction, axis) for axis in (middle, right, up))
    inside = np.ones(ahead.shape)
    for across, half_deg, panes in zip((x, y), lamp.half_deg, lamp.panes, strict=True):
        half = tan(np.radians(half_deg))
        position = across / np.maximum(ahead, 1e-6)
        inside *= np.clip((half - np.abs(position)) * height / np.pi + 0.5, 0, 1)
        inside *= _between_bars((position / half + 1) / 2 * panes, panes)
    inside *= ahead > 0
    solid_angle = 4 * np.prod(tan(np.radians(lamp.half_deg)))
    return inside[..., None] * _tint(lamp.kelvin) * (lamp.power / solid_angle)


def _between_bars(position: np.ndarray, panes: int) -> np.ndarray:
    """1 on the panes and 0 on the bars between them, along one direction in units of panes."""
    if panes == 1:
        return np.ones(position.shape)
    from_bar = np.abs(position - np.clip(np.rint(position), 1, panes - 1))
    return np.clip(from_bar * 12 - 0.3, 0, 1)


def _tint(kelvin: float) -> np.ndarray:
    """(3,) linear sRGB of luminance 1 and the chromaticity of a black body; 6500 K is near white.

    Source: the cubic fits of Kim et al., US patent 7024034 (2006), valid from 1667 to 25000 K.
    """
    t = 1000.0 / kelvin
    if kelvin < 4000:
        x = -0.2661239 * t**3 - 0.2343589 * t**2 + 0.8776956 * t + 0.179910
        y = -0.9549476 * x**3 - 1.37418593 * x**2 + 2.09137015 * x - 0.16748867
    else:
        x = -3.0258469 * t**3 + 2.1070379 * t**2 + 0.2226347 * t + 0.240390
        y = 3.0817580 * x**3 - 5.87338670 * x**2 + 3.75112997 * x - 0.37001483
    xyz = np.array([x / y, 1.0, (1 - x - y) / y])
    return np.maximum((XYZ_TO_SRGB * xyz).sum(axis=1), 0.0)


XYZ_TO_SRGB = np.array([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]], np.float64)
"""Linear sRGB from CIE XYZ, D65 (IEC 61966-2-1)."""
