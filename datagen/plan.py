"""A plan: everything random about one sample, decided by pure functions and small enough to print as JSON.

A scene (person, expression, pose, light) is keyed by its own index, so the steps of a dolly share it.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from datagen.film import ShotPlan, plan_shots
from datagen.heads import open_model
from datagen.randomness import generator
from datagen.recipe import Range, Recipe
from datagen.roster import drawn_person, identity_of
from datagen.style import sample_style
from meshes.arkit import sample_expression
from meshes.elementary import arcsin, arctan2, cos, norm, product, sin
from meshes.head import HeadModel, Identity, OwnExpressions, Pose, Style
from meshes.skinning import rotation
from renderers.background import Kind
from renderers.environment import packaged_maps

NECK_LIMIT_RAD = math.radians(35.0)
"""No neck turns further about one axis here; the shoulders turn the rest."""
EYE_OFFSET_M = 0.0315
"""Half an adult's inter-pupillary distance, for aiming the eyes."""
GAZE_LIMIT_RAD = (math.radians(35.0), math.radians(25.0))
"""Largest yaw and pitch of an eyeball."""
ANY_BACKGROUND: tuple[Kind, ...] = ("environment", "indoor", "outdoor")
"""What a recipe with any background draws from."""
STUDIO_TURN_RAD = math.radians(30.0)
"""Largest turn of a procedural light about the person."""


@dataclass(frozen=True)
class LightPlan:
    """Which light, turned by how much about +Y, and the level it gives a grey card."""

    kind: str
    yaw_rad: float
    level: float


@dataclass(frozen=True)
class CameraPlan:
    """The dolly pair before it meets the posed head; focal lengths are 35 mm equivalents before the crop."""

    near_m: float
    far_m: float
    near_focal_mm35: float
    crop: float
    principal_shift: tuple[float, float]
    view_rotation: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Plan:
    """One sample, decided. `scene` and `step` place it in its dolly sequence.

    The person is draw `person` of `people_seed`: the run's seed, or its roster's. `plate` is the key of an indoor or
    outdoor background.
    """

    seed: int
    index: int
    scene: int
    step: int
    steps: int
    head: str
    people_seed: int
    person: int
    identity: Identity
    expression: dict[str, float]
    pose: Pose
    style: Style
    camera: CameraPlan
    light: LightPlan
    background: Kind
    background_rgb: tuple[int, int, int]
    plate: int
    near_shot: ShotPlan
    far_shot: ShotPlan

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        plan = asdict(self)
        plan["camera"]["far_m"] = None if math.isinf(self.camera.far_m) else self.camera.far_m
        return plan


def plan_sample(recipe: Recipe, seed: int, index: int) -> Plan:
    """Decides sample `index` of a run; depends on nothing but its arguments."""
    scene, step = divmod(index, recipe.steps)
    people_seed, person = drawn_person(recipe, seed, scene)
    head = _choice(generator(people_seed, person, "head"), recipe.heads)
    model = open_model(head)
    turn = _turn(recipe, generator(seed, scene, "pose"))
    neck = np.clip(recipe.neck_share * turn, -NECK_LIMIT_RAD, NECK_LIMIT_RAD)
    camera = _camera(recipe, seed, scene, step, product(rotation(*neck), rotation(*turn).T))
    identity = identity_of(model, head, people_seed, person)
    distances_m = scene_distances_m(recipe, seed, scene)
    near_shot, far_shot = plan_shots(recipe, seed, scene, index)
    return Plan(
        seed=seed,
        index=index,
        scene=scene,
        step=step,
        steps=recipe.steps,
        head=head,
        people_seed=people_seed,
        person=person,
        identity=identity,
        expression=_expression(recipe, model, generator(seed, scene, "expression")),
        pose=_pose(
            recipe,
            model,
            neck,
            turn,
            max(distances_m),
            generator(seed, scene, "gaze"),
        ),
        style=sample_style(recipe, model, identity, seed, scene, min(distances_m)),
        camera=camera,
        light=_light(recipe, generator(seed, scene, "light")),
        background=_background_kind(recipe, generator(seed, scene, "background kind")),
        background_rgb=_background(recipe, generator(seed, scene, "background")),
        plate=int(generator(seed, scene, "plate").integers(1 << 62)),
        near_shot=near_shot,
        far_shot=far_shot,
    )


def gaze_towards(target_m: np.ndarray, eye_m: np.ndarray) -> tuple[float, float]:
    """(yaw, pitch) that turn an eyeball at `eye_m` towards `target_m`, both (3,) in the skull's own axes, clipped."""
    x, y, z = (target_m - eye_m) / norm(target_m - eye_m)
    yaw, pitch = float(arctan2(x, z)), -float(arcsin(y))
    limit_yaw, limit_pitch = GAZE_LIMIT_RAD
    return float(np.clip(yaw, -limit_yaw, limit_yaw)), float(np.clip(pitch, -limit_pitch, limit_pitch))


def _uniform(rng: np.random.Generator, bounds: Range) -> float:
    return bounds[0] + (bounds[1] - bounds[0]) * float(rng.random())


def _choice(rng: np.random.Generator, options: tuple[str, ...]) -> str:
    return options[int(rng.integers(len(options)))]


def _turn(recipe: Recipe, rng: np.random.Generator) -> np.ndarray:
    bounds = (recipe.yaw_deg, recipe.pitch_deg, recipe.roll_deg)
    return np.radians([_uniform(rng, b) for b in bounds])


def _expression(recipe: Recipe, model: HeadModel, rng: np.random.Generator) -> dict[str, float]:
    strength = _uniform(rng, recipe.expression)
    if isinstance(model, OwnExpressions):
        return model.sample_expression(rng, strength) if strength else {}
    return sample_expression(rng, model.expressions, strength) if strength and model.expressions else {}


def _pose(
    recipe: Recipe, model: HeadModel, neck: np.ndarray, turn: np.ndarray, camera_m: float, rng: np.random.Generator
) -> Pose:
    yaw, pitch, roll = map(float, neck)
    if not (model.moves_eyes if isinstance(model, OwnExpressions) else model.expressions):
        return Pose(yaw=yaw, pitch=pitch, roll=roll)
    towards_camera = product(rotation(*turn).T, np.array([0.0, 0.0, camera_m]))
    left, right = (gaze_towards(towards_camera, np.array([x, 0.0, 0.0])) for x in (EYE_OFFSET_M, -EYE_OFFSET_M))
    at_camera, angle, radius = rng.random(3)
    if at_camera >= recipe.gaze_at_camera:
        reach = math.radians(recipe.gaze_deg) * math.sqrt(radius)
        left = right = (reach * float(cos(2 * math.pi * angle)), 0.6 * reach * float(sin(2 * math.pi * angle)))
    return Pose(yaw=yaw, pitch=pitch, roll=roll, gaze_left=left, gaze_right=right)


def scene_distances_m(recipe: Recipe, seed: int, scene: int) -> tuple[float, ...]:
    """Near distances of a scene's pairs, metres; drawn ones are a ladder, even in 1/distance, with a drawn offset."""
    return _distances_m(recipe, generator(seed, scene, "camera"))


def _distances_m(recipe: Recipe, rng: np.random.Generator) -> tuple[float, ...]:
    if recipe.near_sequence_m:
        return recipe.near_sequence_m
    nearest, farthest = recipe.near_m
    share, (low, high) = float(rng.random()), (1.0 / farthest, 1.0 / nearest)
    rungs = (low + (high - low) * (step + share) / recipe.steps for step in range(recipe.steps))
    return tuple(float(np.clip(1.0 / rung, nearest, farthest)) for rung in rungs)


def _camera(recipe: Recipe, seed: int, scene: int, step: int, view_rotation: np.ndarray) -> CameraPlan:
    rng = generator(seed, scene, "camera")
    near_m = _distances_m(recipe, rng)[step]
    framed_mm35 = recipe.mm35_per_cm * 100.0 * near_m
    focal_mm35 = framed_mm35 if recipe.focal_mm35 is None else _uniform(rng, recipe.focal_mm35)
    shift_x, shift_y = (_uniform(rng, recipe.principal_shift) * (1 if rng.random() < 0.5 else -1) for _ in range(2))
    return CameraPlan(
        near_m=near_m,
        far_m=recipe.far_m,
        near_focal_mm35=focal_mm35,
        crop=_uniform(rng, recipe.crop),
        principal_shift=(shift_x, shift_y),
        view_rotation=tuple(tuple(map(float, row)) for row in view_rotation),
    )


def _light(recipe: Recipe, rng: np.random.Generator) -> LightPlan:
    """Studio lights are arranged about the front of the person and turn little; maps turn all the way round."""
    kind = _choice(rng, recipe.lights)
    turn = STUDIO_TURN_RAD if kind == "studio" else math.pi
    if kind == "maps":
        kind = _choice(rng, packaged_maps())
    return LightPlan(kind=kind, yaw_rad=_uniform(rng, (-turn, turn)), level=_uniform(rng, recipe.light_level))


def _background_kind(recipe: Recipe, rng: np.random.Generator) -> Kind:
    return ANY_BACKGROUND[int(rng.integers(len(ANY_BACKGROUND)))] if recipe.background == "any" else recipe.background


def _background(recipe: Recipe, rng: np.random.Generator) -> tuple[int, int, int]:
    if recipe.background_rgb is not None:
        return recipe.background_rgb
    r, g, b = (int(c) for c in rng.integers(0, 256, 3))
    return r, g, b
