"""What is shown of whom: the rules every source is measured by.

Everybody stands in the passport view of `datagen.faces.passport`; the first few also in ten views that each
differ from it in one thing; everybody once more turned, evenly over a quarter circle, for the detector.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmark.realism.people import Person, choose
from datagen.faces.passport import LIGHTS, View
from datagen.faces.shots import Shot, Studio
from datagen.heads import open_model

TURNED_DEG = 45.0
EXPRESSIONS: dict[str, dict[str, float]] = {
    "smile": {"mouthSmileLeft": 0.8, "mouthSmileRight": 0.8, "cheekSquintLeft": 0.5, "cheekSquintRight": 0.5},
    "surprise": {"jawOpen": 0.4, "browInnerUp": 0.8, "browOuterUpLeft": 0.6, "browOuterUpRight": 0.6},
    "frown": {"browDownLeft": 0.8, "browDownRight": 0.8, "mouthFrownLeft": 0.5, "mouthFrownRight": 0.5},
    "pucker": {"mouthPucker": 0.7, "eyeSquintLeft": 0.4, "eyeSquintRight": 0.4},
}
CONDITIONS: dict[str, dict[str, View]] = {
    "light": {name: View(light=name) for name in list(LIGHTS)[1:]},
    "expression": {name: View(expression=weights) for name, weights in EXPRESSIONS.items()},
    "turn": {f"{yaw:+d} degrees": View(yaw_deg=yaw) for yaw in (-20, 20)},
}
"""By what changes: the views of one person that must still be that person."""


@dataclass(frozen=True)
class Settings:
    """How much is measured.

    Attributes:
        people: in the passport view, and turned.
        same: of them in every condition.
        folder: where shots are kept.
    """

    people: int
    same: int
    folder: Path


@dataclass(frozen=True, eq=False)
class Gathered:
    """All shots of a source.

    Attributes:
        source: its name.
        people: in the order of the shots.
        standard: in the passport view, one a person.
        turned: at the yaws of `turns`, one a person.
        conditions: of the first few people by condition and name.
    """

    source: str
    people: list[Person]
    standard: list[Shot]
    turned: list[Shot]
    conditions: dict[tuple[str, str], list[Shot]]


def turns(count: int) -> list[View]:
    """Yaws of `count` people, evenly over +-45 degrees and in no order of the people."""
    # A stride without a common factor visits every step once, so that neighbours in the draw differ in turn.
    stride = next(step for step in range(max(1, int(count * 0.618)), 2 * count + 2) if _coprime(step, count))
    steps = [(i * stride % count + 0.5) / count for i in range(count)]
    return [View(yaw_deg=TURNED_DEG * (2 * step - 1)) for step in steps]


def _coprime(a: int, b: int) -> bool:
    while b:
        a, b = b, a % b
    return a == 1


def gather(source: str, settings: Settings, tick: Callable[[], None]) -> Gathered:
    """Takes every shot of a source; `tick` after each.

    Raises:
        UserError: the source cannot be opened, or the detector cannot run.
    """
    model = open_model(source)
    studio = Studio(source, model, settings.folder)
    people = choose(source, model, settings.people)

    def shoot(person: Person, view: View) -> Shot:
        shot = studio.shoot(person.identity, view)
        tick()
        return shot

    return Gathered(
        source,
        people,
        standard=[shoot(person, View()) for person in people],
        turned=[shoot(person, view) for person, view in zip(people, turns(len(people)), strict=True)],
        conditions={
            (kind, name): [shoot(person, view) for person in people[: settings.same]]
            for kind, views in CONDITIONS.items()
            for name, view in views.items()
        },
    )


def shots_of(settings: Settings) -> int:
    """How many shots a source with enough people takes."""
    return 2 * settings.people + min(settings.same, settings.people) * sum(map(len, CONDITIONS.values()))
