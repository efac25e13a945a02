"""What is shown of whom: the rules every source is measured by.

Everybody stands in the passport view of `datagen.faces.passport`; the first few also in ten views that each
differ from it in one thing; everybody once more turned, evenly over a quarter circle, for the detector, which
also looks at pairs as the database has them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from benchmark.realism.people import Person, choose
from datagen.faces import find_face
from datagen.faces.passport import LIGHTS, STANDARD, View
from datagen.faces.shots import Shot, Studio
from datagen.heads import open_model
from datagen.plan import plan_sample
from datagen.presets import PRESETS
from datagen.render import label_scene, render_pictures
from datagen.scene import build_scene

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
class Sighting:
    """Whether the face in one picture of a generated pair is found.

    Attributes:
        picture: which one, for people ("pair 3, near, 31 cm").
        view: "near" or "far".
        found: by the detector.
    """

    picture: str
    view: str
    found: bool


@dataclass(frozen=True)
class Settings:
    """How much is measured.

    Attributes:
        people: in the passport view, and turned.
        same: of them in every condition.
        pairs: of the database, for the detector.
        folder: where shots are kept.
        colour: the tier that takes all pictures, as in `Recipe.colour`.
    """

    people: int
    same: int
    pairs: int
    folder: Path
    colour: str = "preview"


@dataclass(frozen=True, eq=False)
class Gathered:
    """All shots of a source.

    Attributes:
        source: its name.
        people: in the order of the shots.
        standard: in the passport view, one a person.
        turned: at the yaws of `turns`, one a person.
        conditions: of the first few people by condition and name.
        sightings: in pairs as `datagen generate` makes them.
    """

    source: str
    people: list[Person]
    standard: list[Shot]
    turned: list[Shot]
    conditions: dict[tuple[str, str], list[Shot]]
    sightings: list[Sighting]


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

    views = [(kind, name, view) for kind, named in CONDITIONS.items() for name, view in named.items()]
    gathered = Gathered(source, people, [], [], {(kind, name): [] for kind, name, _ in views}, [])

    def shoot(person: Person, view: View, shots: list[Shot]) -> None:
        shots.append(studio.shoot(person.identity, replace(view, colour=settings.colour)))
        tick()

    # Everything of one person in a row: a new person costs more than another view of the last one.
    for place, (person, turned) in enumerate(zip(people, turns(len(people)), strict=True)):
        shoot(person, STANDARD, gathered.standard)
        shoot(person, turned, gathered.turned)
        for kind, name, view in views if place < settings.same else ():
            shoot(person, view, gathered.conditions[kind, name])
    for index in range(settings.pairs):
        gathered.sightings.extend(sightings(source, index, tick, settings.colour))
    return gathered


def sightings(source: str, index: int, tick: Callable[[], None], colour: str = "preview") -> Iterator[Sighting]:
    """Both pictures of pair `index` of the portrait recipe at seed 0, its faces turned by up to 45 degrees."""
    turned = replace(PRESETS["portrait"], heads=(source,), yaw_deg=(-TURNED_DEG, TURNED_DEG))
    recipe = replace(turned, colour=colour)  # type: ignore[arg-type]
    scene = build_scene(recipe, plan_sample(recipe, 0, index))
    pictures = render_pictures(recipe, scene, label_scene(scene))
    for view, picture in (("near", pictures.near), ("far", pictures.far)):
        distance_m = getattr(scene.plan.camera, f"{view}_m")
        found = find_face(picture.rgb) is not None
        yield Sighting(f"pair {index}, {view}, {100 * distance_m:.0f} cm", view, found)
        tick()


def shots_of(settings: Settings) -> int:
    """How many shots a source with enough people takes."""
    return 2 * (settings.people + settings.pairs) + min(settings.same, settings.people) * sum(
        map(len, CONDITIONS.values())
    )
