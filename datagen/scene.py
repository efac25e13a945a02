"""A posed scene: the head, its two cameras and its light. No randomness is left in it."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from datagen.heads import open_model
from datagen.plan import CameraPlan, LightPlan, Plan
from datagen.randomness import generator
from datagen.recipe import Recipe
from meshes.head import Asset, Head
from renderers import environment
from renderers.camera import Camera, dolly_camera, focal_px_from_mm35, look_at
from renderers.light import EnvironmentLight, normalize, rotate


@dataclass(frozen=True, eq=False)
class PosedScene:
    """What any renderer needs to make the two views of one sample."""

    plan: Plan
    head: Head
    near: Camera
    far: Camera
    light: EnvironmentLight
    assets: tuple[Asset, ...]


def check_sources(recipe: Recipe) -> None:
    """Opens every head and light a recipe names, so that a bad one is one message before a run starts.

    Raises:
        MeshError, RecipeError, LightError: says which and why.
    """
    for head in recipe.heads:
        open_model(head)
    for kind in recipe.lights:
        if kind not in ("studio", "maps"):
            _light_source(kind)


def build_scene(recipe: Recipe, plan: Plan) -> PosedScene:
    """Poses the planned person and places cameras and light.

    Raises:
        MeshError, RecipeError, LightError: something the plan names cannot be opened.
    """
    model = open_model(plan.head)
    head = model.head(plan.identity, plan.expression, plan.pose)
    near, far = dolly_pair(plan.camera, head.eye_midpoint, recipe.height, recipe.width)
    light = build_light(plan.seed, plan.scene, plan.light)
    return PosedScene(plan, head, near, far, light, model.assets + environment.light_assets(light))


def dolly_pair(camera: CameraPlan, eye_midpoint_m: np.ndarray, height: int, width: int) -> tuple[Camera, Camera]:
    """Near and far cameras on one optical axis through the eye midpoint, f / distance equal in both.

    Returns:
        near (perspective) and far (orthographic where `camera.far_m` is infinite).
    """
    focal_px = focal_px_from_mm35(camera.near_focal_mm35, height, camera.crop)
    shift_x, shift_y = camera.principal_shift
    K = np.array([[focal_px, 0, width * (0.5 + shift_x)], [0, focal_px, height * 0.5 + width * shift_y], [0, 0, 1]])
    near = Camera(K, look_at(eye_midpoint_m, camera.near_m, np.array(camera.view_rotation)), height, width)
    return near, dolly_camera(near, eye_midpoint_m, camera.far_m)


def build_light(seed: int, scene: int, plan: LightPlan) -> EnvironmentLight:
    """The planned light, turned about +Y and scaled to its level."""
    if plan.kind == "studio":
        source = environment.studio_light(generator(seed, scene, "studio"))
    else:
        source = _light_source(plan.kind)
    return normalize(rotate(source, plan.yaw_rad), plan.level)[0]


@lru_cache(maxsize=32)
def _light_source(kind: str) -> EnvironmentLight:
    if kind in environment.packaged_maps():
        return environment.packaged_light(kind)
    return environment.read_light(Path(kind))
