"""What is drawn about the lens and the film of both views: each number by its own purpose, so that none moves another.

A lens belongs to a scene, as all steps of a dolly are taken with it; what the hand and the camera's judgement do
belongs to one picture.
"""

import math
from dataclasses import dataclass, field

from datagen.randomness import generator
from datagen.recipe import Range, Recipe
from renderers.film.develop import Film
from renderers.lens import Distortion


@dataclass(frozen=True)
class ShotPlan:
    """One view's lens and film; as it stands, an ideal pinhole camera.

    Attributes:
        f_number: 35 mm-equivalent; None is a pinhole.
        distortion: of the lens, before it is limited to what the frame can take; None is without.
        film: everything after the lens's own picture.
    """

    f_number: float | None = None
    distortion: Distortion | None = None
    film: Film = field(default_factory=Film)


def plan_shots(recipe: Recipe, seed: int, scene: int, index: int) -> tuple[ShotPlan, ShotPlan]:
    """How the near and the far picture of sample `index` are taken."""
    near = ShotPlan(
        _f_number(recipe, seed, scene),
        _distortion(recipe, seed, scene, "near"),
        _film(recipe, seed, scene, index, "near"),
    )
    far_lens = _distortion(recipe, seed, scene, "far") if recipe.far_distortion else None
    if not recipe.far_film:
        return near, ShotPlan(distortion=far_lens)
    return near, ShotPlan(near.f_number, far_lens, _film(recipe, seed, scene, index, "far"))


def _drawn(bounds: Range, seed: int, index: int, purpose: str) -> float:
    """Uniform within bounds; bounds that leave no choice draw nothing."""
    low, high = bounds
    return low if low == high else low + (high - low) * float(generator(seed, index, purpose).random())


def _f_number(recipe: Recipe, seed: int, scene: int) -> float | None:
    return None if recipe.f_number is None else _drawn(recipe.f_number, seed, scene, "f_number")


def _distortion(recipe: Recipe, seed: int, scene: int, view: str) -> Distortion | None:
    names = ("k1", "k2", "p1", "p2", "k3")
    drawn = {name: _drawn(getattr(recipe, f"lens_{name}"), seed, scene, f"{view} lens {name}") for name in names}
    return Distortion(**drawn) if any(drawn.values()) else None


def _film(recipe: Recipe, seed: int, scene: int, index: int, view: str) -> Film:
    judged = view if recipe.meter_each else "near"
    shake = generator(seed, index, f"{view} shake").random(2) if recipe.shake_px[1] > 0 else (0.0, 0.5)
    iso, quality = recipe.iso, recipe.jpeg_quality
    return Film(
        shake_px=_drawn(recipe.shake_px, seed, index, f"{view} shake_px"),
        shake_rad=2 * math.pi * float(shake[0]),
        shake_bend=(float(shake[1]) - 0.5) / 2,
        chromatic_px=_drawn(recipe.chromatic_px, seed, scene, "chromatic_px"),
        vignetting=_drawn(recipe.vignetting, seed, scene, "vignetting"),
        vignetting_edge=_drawn(recipe.vignetting_edge, seed, scene, "vignetting_edge"),
        metering=recipe.metering,
        exposure_ev=_drawn(recipe.exposure_ev, seed, index, f"{judged} exposure_ev"),
        white_balance=recipe.white_balance,
        white_balance_mired=_drawn(recipe.white_balance_mired, seed, index, f"{judged} white_balance_mired"),
        white_balance_duv=_drawn(recipe.white_balance_duv, seed, index, f"{judged} white_balance_duv"),
        iso=None if iso is None else 2 ** _drawn((math.log2(iso[0]), math.log2(iso[1])), seed, scene, "iso"),
        sensor=recipe.sensor,
        jpeg_quality=None if quality is None else round(_drawn(quality, seed, index, f"{view} jpeg_quality")),
    )
