"""A recipe: every choice that shapes a set of pairs, as one frozen dataclass.

It is at once the configuration, the command line, the help and the record kept with the data.
"""

import dataclasses
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from meshes.errors import UsageError
from meshes.wear.sampling import GARMENTS
from renderers.film.exposure import Metering
from renderers.film.white import Balance
from renderers.layers import LAYERS, PICTURED

Range = tuple[float, float]
Background = Literal["black", "flat", "environment", "indoor", "outdoor", "any"]
Colour = Literal["preview", "photo", "blender", "pyrender", "pytorch3d"]
SensorName = Literal["phone", "full-frame"]


class RecipeError(UsageError):
    """A recipe field with an impossible value; names the field."""


@dataclass(frozen=True)
class Recipe:
    """What to generate. Every field can be overridden by its own option. Ranges are LOW HIGH, drawn uniformly."""

    heads: tuple[str, ...] = ("makehuman",)
    """Where people come from: makehuman, ict (needs the assets ict and valid), ict:ccby (lee-perry-smith too),
    ict:painted or ict:PATH (ICT alone, painted skins), valid, valid:avatars (docs/valid.md), scan:PATH
    (docs/scans.md), flame:PATH and other licensed models (docs/models.md). Several are drawn from evenly.
    docs/people.md compares them."""
    people: int = 1_000_000
    """How many different people there are; person i appears in scenes i, i + people, ..."""
    roster: str = ""
    """File of `datagen people`, or a packaged roster: only its people appear, all different (docs/realism.md)."""
    expression: Range = (0.0, 1.0)
    """Strength of the expression: 0 is neutral, 1 extreme."""
    yaw_deg: Range = (-30.0, 30.0)
    """Turn of the face to the person's left, relative to the camera."""
    pitch_deg: Range = (-15.0, 15.0)
    """Nod of the face downwards, relative to the camera."""
    roll_deg: Range = (-10.0, 10.0)
    """Tilt of the crown to the person's right, relative to the camera."""
    neck_share: float = 0.5
    """Share of the turn that the neck makes (up to 35 degrees an axis); the shoulders turn the rest."""
    gaze_at_camera: float = 0.7
    """Share of scenes whose eyes look at the near camera; the others look elsewhere."""
    gaze_deg: float = 20.0
    """Largest angle of a gaze that looks elsewhere."""

    clothes: tuple[str, ...] = ("crew", "v-neck", "polo", "turtleneck", "hoodie", "tank")
    """Garments drawn from evenly: crew, v-neck, polo, turtleneck, hoodie, tank, wardrobe (the outfits of the asset
    makehuman-wardrobe), or none (bare shoulders)."""
    hair_varies: bool = False
    """Draw another cut of a person's hair for every scene; colour and hairline stay."""
    hair_cards: float = 0.0
    """Share of scenes whose hair is cards of the asset makehuman-wardrobe instead of grown strands."""
    brow_cards: float = 0.0
    """Share of scenes whose brows are cards of the asset makehuman-wardrobe; photographed skins keep their own."""
    glasses: float = 0.2
    """Share of scenes with glasses, some of them dark."""
    hats: float = 0.06
    """Share of scenes with a cap, a beanie or a brimmed hat."""
    earrings: float = 0.15
    """Share of scenes with earrings; women's twice, men's none."""
    headphones: float = 0.03
    """Share of scenes with headphones, which take the place of hats, earrings and what is held."""
    held: float = 0.03
    """Share of scenes with a phone or a hand before a part of the face."""

    near_m: Range = (0.18, 1.60)
    """Distance of the near camera to the eye midpoint; drawn uniformly in 1/distance."""
    near_sequence_m: tuple[float, ...] = ()
    """Instead of near_m: a dolly through these distances of one posed head, one pair each."""
    distances: int = 1
    """Pairs of each posed person, at so many distances within near_m: a ladder, even in 1/distance. More of them cost
    less, because person and light are made once."""
    far_m: float = 1.60
    """Distance of the far camera; inf is a camera at infinity (orthographic)."""
    mm35_per_cm: float = 0.80
    """The framing rule: 35 mm-equivalent focal length per centimetre of distance."""
    focal_mm35: Range | None = None
    """Free focal length of the near camera instead of the framing rule; the far camera follows the dolly rule."""
    crop: Range = (1.0, 1.0)
    """Share of the 3:2 frame's 24 mm height that the image shows; below 1 zooms in."""
    principal_shift: Range = (0.0, 0.0)
    """Shift of the principal point off the image centre, as a share of the width (each axis and sign drawn)."""

    lights: tuple[str, ...] = ("studio", "maps")
    """Kinds of light drawn from evenly: studio (procedural), maps (any packaged), a map's name, a .hdr/.exr file."""
    light_level: Range = (0.16, 0.28)
    """Exposure: linear level of an 18 % grey card that faces the front of the person."""
    background: Background = "environment"
    """What is behind the person: black, flat (one colour), environment (the light's own surroundings), indoor or
    outdoor (a procedural place), or any (one of the last three, drawn for each scene)."""
    background_rgb: tuple[int, int, int] | None = None
    """sRGB colour of a flat background; drawn where None."""

    colour: Colour = "preview"
    """Who takes the pictures: preview (built in, quick), photo (Mitsuba 3), blender (Cycles), pyrender or pytorch3d
    (docs/renderers.md). Labels are the same whoever does."""
    spp: int = 16
    """Paths a pixel of the tiers that trace them, photo and blender."""
    denoise: bool = True
    """Clean the pictures of the tiers that trace paths."""

    lens_k1: Range = (0.0, 0.0)
    """Radial distortion of the near lens, OpenCV's k1: below 0 a barrel, above a pincushion. Where a frame cannot take
    it, all five numbers are weakened until it can; labels are exact all the same (docs/camera.md)."""
    lens_k2: Range = (0.0, 0.0)
    """The same, of the fourth power of the radius."""
    lens_k3: Range = (0.0, 0.0)
    """The same, of the sixth power."""
    lens_p1: Range = (0.0, 0.0)
    """Tangential distortion of the near lens, OpenCV's p1."""
    lens_p2: Range = (0.0, 0.0)
    """Tangential distortion of the near lens, OpenCV's p2."""
    far_distortion: bool = False
    """Draw a distortion for the far lens too; it is ideal otherwise."""
    far_film: bool = True
    """What follows holds for the far picture too; switched off, its camera is ideal: all sharp, no noise, no JPEG."""
    f_number: Range | None = None
    """Opening of the lens, 35 mm-equivalent: depth of field, focused on the nearer eye. All is sharp where None."""
    shake_px: Range = (0.0, 0.0)
    """Motion blur: length of the way that the picture moves during the exposure, in pixels."""
    chromatic_px: Range = (0.0, 0.0)
    """Chromatic aberration: pixels at the farthest corner by which red lies outside green and blue inside."""
    vignetting: Range = (0.0, 0.0)
    """Share of the natural falloff (fourth power of the cosine) that the lens has: 0 none, 1 all."""
    vignetting_edge: Range = (0.0, 0.0)
    """Share of light that the barrel of the lens takes at the farthest corner."""
    metering: Metering = "card"
    """What the exposure is measured on: card (a grey card, see light_level), average, centre, or face."""
    meter_each: bool = False
    """Each picture has its own exposure and white balance, as from two presses of the button; else both have those
    of the near one."""
    exposure_ev: Range = (0.0, 0.0)
    """Error of the exposure, in stops."""
    white_balance: Balance = "off"
    """How white is found: off (the light keeps its colour), card (on a grey card that faces the front of the person),
    or by the mean colour of the picture: grey-world or shades-of-grey."""
    white_balance_mired: Range = (0.0, 0.0)
    """Error of the white balance along daylight and bulbs; above 0 is warmer."""
    white_balance_duv: Range = (0.0, 0.0)
    """Error of the white balance across them; above 0 is greener, below pinker."""
    iso: Range | None = None
    """Sensor noise at a sensitivity, drawn uniformly in its logarithm; none where None."""
    sensor: SensorName = "phone"
    """Whose noise: a pixel that holds 6,000 electrons (phone) or 50,000 (full-frame)."""
    jpeg_quality: tuple[int, int] | None = None
    """Through JPEG of a quality within 1 to 100 and back; not where None."""

    licence: tuple[str, ...] = ()
    """Use only assets under these licences, SPDX names such as CC0-1.0 MIT; any where none is named."""

    size: int = 512
    """Image height in pixels."""
    aspect: float = 1.0
    """Image width over height."""
    extra_layers: tuple[str, ...] = ()
    """Layers beyond the default ones, e.g. near_triangle_id."""
    without_layers: tuple[str, ...] = ()
    """Default layers to leave out; without colours and coverage of both views no picture is taken, which saves most of
    the time."""

    @property
    def height(self) -> int:
        """Image height in pixels."""
        return self.size

    @property
    def width(self) -> int:
        """Image width in pixels."""
        return max(1, round(self.size * self.aspect))

    @property
    def steps(self) -> int:
        """Pairs a scene: the length of the dolly sequence, or the number of distances drawn."""
        return len(self.near_sequence_m) or self.distances

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the stored layers, in table order."""
        wanted = lambda name: LAYERS[name].default and name not in self.without_layers  # noqa: E731
        return tuple(name for name in LAYERS if wanted(name) or name in self.extra_layers)

    @property
    def takes_pictures(self) -> bool:
        """Whether any stored layer comes from a picture; labels alone need none, and no light."""
        return not PICTURED.isdisjoint(self.layers)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; infinity is the string "inf"."""
        return {name: _json(value) for name, value in dataclasses.asdict(self).items()}

    @staticmethod
    def from_json(values: dict[str, Any]) -> "Recipe":
        """Inverse of `to_json`; unknown fields raise RecipeError."""
        known = {field.name for field in dataclasses.fields(Recipe)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise RecipeError(
                f"recipe fields {sorted(known)} expected, got unknown {unknown}; was it made by a newer version?"
            )
        return Recipe(**{name: _unjson(value) for name, value in values.items()})


def _json(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_json(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _unjson(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_unjson(item) for item in value)
    return math.inf if value == "inf" else value


def _refuse(field: str, expected: str, got: object, hint: str = "") -> None:
    raise RecipeError(f"--{field.replace('_', '-')}: expected {expected}, got {got}. {hint}".strip())


def _check_range(recipe: Recipe, field: str, low: float, high: float, unit: str = "") -> None:
    value = getattr(recipe, field)
    if not all(map(math.isfinite, value)) or not low <= value[0] <= value[1] <= high:
        _refuse(field, f"LOW <= HIGH within {low:g} to {high:g}{unit}", " ".join(f"{v:g}" for v in value))


def _check_share(recipe: Recipe, field: str) -> None:
    if not 0.0 <= getattr(recipe, field) <= 1.0:
        _refuse(field, "a share within 0 to 1", getattr(recipe, field))


def _check_cameras(recipe: Recipe) -> None:
    _check_range(recipe, "near_m", 0.10, 100.0, " m")
    for distance_m in recipe.near_sequence_m:
        if not 0.10 <= distance_m <= 100.0:
            _refuse("near_sequence_m", "distances within 0.1 to 100 m", distance_m)
    if not 1 <= recipe.distances <= 1000:
        _refuse("distances", "1 to 1000 pairs of a posed person", recipe.distances)
    if recipe.near_sequence_m and recipe.distances != 1:
        _refuse("distances", "1 beside --near-sequence-m, which says how many", recipe.distances)
    nearest_far = max(recipe.near_sequence_m or recipe.near_m)
    if not recipe.far_m >= nearest_far:
        _refuse(
            "far_m",
            f"a distance no nearer than the near camera's {nearest_far:g} m",
            recipe.far_m,
            "Raise it, or lower --near-m.",
        )
    if not 0.01 <= recipe.mm35_per_cm <= 100.0:
        _refuse("mm35_per_cm", "0.01 to 100", recipe.mm35_per_cm)
    if recipe.focal_mm35 is not None:
        _check_range(recipe, "focal_mm35", 1.0, 10_000.0, " mm")
    _check_range(recipe, "crop", 0.05, 2.0)
    _check_range(recipe, "principal_shift", 0.0, 0.5)


def _check_picture(recipe: Recipe) -> None:
    if not 16 <= recipe.size <= 8192:
        _refuse("size", "16 to 8192 pixels", recipe.size)
    if not 0.1 <= recipe.aspect <= 10.0:
        _refuse("aspect", "width over height within 0.1 to 10", recipe.aspect)
    if not 1 <= recipe.spp <= 65_536:
        _refuse("spp", "1 to 65536 paths a pixel", recipe.spp)
    for field in ("extra_layers", "without_layers"):
        unknown = sorted(set(getattr(recipe, field)) - set(LAYERS))
        if unknown:
            _refuse(field, f"layer names out of {', '.join(LAYERS)}", ", ".join(unknown))
    if not recipe.layers:
        _refuse("without_layers", "at least one layer left to write", "none")
    if recipe.background_rgb is not None and not all(0 <= c <= 255 for c in recipe.background_rgb):
        _refuse("background_rgb", "three values within 0 to 255", recipe.background_rgb)


def _check_people(recipe: Recipe) -> None:
    if not recipe.heads:
        _refuse("heads", "at least one source of people, for example makehuman", "none", "docs/people.md lists them.")
    if recipe.people < 1:
        _refuse("people", "at least 1", recipe.people)
    _check_range(recipe, "expression", 0.0, 1.0)
    for field, limit in (("yaw_deg", 180.0), ("pitch_deg", 90.0), ("roll_deg", 180.0)):
        _check_range(recipe, field, -limit, limit, " degrees")
    for field in ("neck_share", "gaze_at_camera"):
        _check_share(recipe, field)
    if not 0.0 <= recipe.gaze_deg <= 35.0:
        _refuse("gaze_deg", "0 to 35 degrees", recipe.gaze_deg)


def _check_style(recipe: Recipe) -> None:
    for field in ("glasses", "hats", "earrings", "headphones", "held", "hair_cards", "brow_cards"):
        _check_share(recipe, field)
    unknown = sorted(set(recipe.clothes) - {*GARMENTS, "wardrobe", "none"})
    if unknown or not recipe.clothes:
        _refuse("clothes", f"garments out of {', '.join(GARMENTS)}, wardrobe, none", ", ".join(unknown) or "nothing")


def _check_light(recipe: Recipe) -> None:
    if not recipe.lights:
        _refuse("lights", "at least one of studio, maps, a map's name, a .hdr or .exr file", "none")
    # Darker and brighter pictures are blank or burnt out, which `datagen verify` calls damage.
    _check_range(recipe, "light_level", 0.01, 1.0)


_FILM_LIMITS = {
    "lens_k1": (-1.0, 1.0, ""),
    "lens_k2": (-1.0, 1.0, ""),
    "lens_k3": (-1.0, 1.0, ""),
    "lens_p1": (-0.1, 0.1, ""),
    "lens_p2": (-0.1, 0.1, ""),
    "f_number": (0.7, 64.0, ""),
    "shake_px": (0.0, 100.0, " pixels"),
    "vignetting": (0.0, 1.0, ""),
    "vignetting_edge": (0.0, 0.9, ""),
    "exposure_ev": (-4.0, 4.0, " stops"),
    "white_balance_mired": (-80.0, 300.0, " mired"),
    "white_balance_duv": (-0.05, 0.05, ""),
    "iso": (25.0, 102_400.0, ""),
    "jpeg_quality": (1, 100, ""),
}


def _check_film(recipe: Recipe) -> None:
    for field, (low, high, unit) in _FILM_LIMITS.items():
        if getattr(recipe, field) is not None:
            _check_range(recipe, field, low, high, unit)
    most = recipe.size / 20
    _check_range(recipe, "chromatic_px", -most, most, " pixels, a twentieth of --size")
    if recipe.far_distortion and math.isinf(recipe.far_m):
        _refuse("far_distortion", "a far camera with a lens", "one at infinity", "Lower --far-m, or leave it out.")


def _check_licence(recipe: Recipe) -> None:
    for name in recipe.licence:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.+-]*", name):
            _refuse("licence", "SPDX names such as CC0-1.0 or MIT", repr(name), "`datagen assets list` shows them.")


_CHECKS: tuple[Callable[[Recipe], None], ...] = (
    _check_people,
    _check_style,
    _check_cameras,
    _check_light,
    _check_film,
    _check_licence,
    _check_picture,
)


def validate(recipe: Recipe) -> Recipe:
    """The recipe itself, or RecipeError naming the first field that cannot be."""
    for check in _CHECKS:
        check(recipe)
    return recipe
