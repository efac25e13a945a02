"""A posed scene: the head, its two cameras and its light. No randomness is left in it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from datagen.colour import check_tier
from datagen.heads import open_model
from datagen.licences import credit_missing, not_allowed
from datagen.plan import CameraPlan, LightPlan, Plan, scene_distances_m
from datagen.randomness import generator
from datagen.recipe import Recipe, RecipeError
from meshes.elementary import product
from meshes.head import Asset, FormModel, Head, HeadModel, Identity, Pose, Style
from meshes.latest import Latest
from meshes.parts import Part
from meshes.wear.put_on import put_on
from meshes.wear.wardrobe import wardrobe_at_hand
from renderers import environment
from renderers.camera import (
    Camera,
    dolly_camera,
    focal_mm35_from_px,
    focal_px_from_mm35,
    look_at,
    transform_points,
)
from renderers.lens import Distortion, fits
from renderers.light import EnvironmentLight, normalize, rotate
from renderers.picture import ThinLens

CLEARANCE_M = 0.03
"""Nearest that a camera may come to any point of the person."""

LENS_MARGIN = 1.1
"""A lens must be able to show a frame this much larger about the principal point."""

LENS_TRIES = 40
"""After so many steps of a tenth little is left of a distortion, and it is given up."""


@dataclass(frozen=True, eq=False)
class PosedScene:
    """What any renderer needs to make the two views of one sample.

    Attributes:
        plan: what was decided.
        head: the posed person, head frame.
        near, far: the two cameras.
        near_lens, far_lens: what they look through; None is a pinhole.
        light: exposed: its radiance is the source's times `exposure`.
        exposure: the factor that brought the light to its planned level.
        assets: what head and light are made of.
    """

    plan: Plan
    head: Head
    near: Camera
    far: Camera
    near_lens: ThinLens | None
    far_lens: ThinLens | None
    light: EnvironmentLight
    exposure: float
    assets: tuple[Asset, ...]


def check_sources(recipe: Recipe) -> None:
    """Opens every head and light a recipe names, so that a bad one is one message before a run starts.

    Raises:
        MeshError, RecipeError, LightError: says which and why.
        UserError: the colour tier cannot work on this machine.
    """
    check_tier(recipe)
    for head in recipe.heads:
        _check_assets(recipe, f"--heads {head}", open_model(head).assets)
    _check_wardrobe(recipe)
    for kind in recipe.lights:
        if kind != "studio":
            # The packaged maps are one file under one licence: any of them stands for all.
            light = _light_source(environment.packaged_maps()[0] if kind == "maps" else kind)
            _check_assets(recipe, f"--lights {kind}", environment.light_assets(light))


def _check_wardrobe(recipe: Recipe) -> None:
    wanted = {
        "--clothes wardrobe": ("clothes", "wardrobe" in recipe.clothes),
        "--hair-cards": ("hair", recipe.hair_cards > 0),
        "--brow-cards": ("eyebrows", recipe.brow_cards > 0),
    }
    for option, (kind, drawn) in wanted.items():
        if drawn:
            _check_assets(recipe, option, wardrobe_at_hand(kind))


def _check_assets(recipe: Recipe, option: str, assets: tuple[Asset, ...]) -> None:
    """No run starts on data without its licence, without its credit, or outside the licences it may use."""
    records = [asdict(asset) for asset in assets]
    for missing in filter(None, map(credit_missing, records)):
        raise RecipeError(f"{option}: {missing}. State it where the data is named.")
    if refused := not_allowed(records, recipe.licence):
        raise RecipeError(f"{option}: {refused}. Name that licence too, or leave this out.")


def build_scene(recipe: Recipe, plan: Plan, *, painted: bool = True) -> PosedScene:
    """Poses the planned person and places cameras and light.

    Args:
        recipe, plan: what is planned.
        painted: whether anybody will look at the colours; without them all labels and the record are the same.

    Raises:
        MeshError, RecipeError, LightError: something the plan names cannot be opened.
    """
    head = _posed(plan.head, plan.identity, plan.expression, plan.pose, plan.style, painted)
    near, far = cameras(recipe, plan, head.eye_midpoint)
    _check_clearance(plan, head, near)
    plan, head = _with_things(recipe, plan, head, near)
    light, exposure, assets = sources(recipe, plan)
    return PosedScene(plan, head, near, far, *lenses(plan, head, near, far), light, exposure, assets)


def cameras(recipe: Recipe, plan: Plan, eye_midpoint_m: np.ndarray) -> tuple[Camera, Camera]:
    """Near and far cameras of a plan, behind their lenses, about the posed eye midpoint (3,)."""
    near, far = dolly_pair(plan.camera, eye_midpoint_m, recipe.height, recipe.width)
    return distorted(near, plan.near_shot.distortion), distorted(far, plan.far_shot.distortion)


def sources(recipe: Recipe, plan: Plan) -> tuple[EnvironmentLight, float, tuple[Asset, ...]]:
    """The light of a plan, its exposure, and what person and light are made of.

    Raises:
        RecipeError, LightError: the light cannot be opened, or a licence is not among the recipe's.
    """
    light, exposure = _scene_light(plan.seed, plan.scene, plan.light)
    assets = _person_assets(open_model(plan.head), plan) + environment.light_assets(light)
    _check_assets(recipe, f"sample {plan.index}", assets)
    return light, exposure, assets


@Latest
def _posed(
    spec: str, identity: Identity, expression: dict[str, float], pose: Pose, style: Style, painted: bool
) -> Head:
    """The pairs of a scene show one and the same head."""
    model = open_model(spec)
    if not painted and isinstance(model, FormModel):
        return model.form_head(identity, expression, pose, style)
    return model.head(identity, expression, pose, style)


@Latest
def _scene_light(seed: int, scene: int, plan: LightPlan) -> tuple[EnvironmentLight, float]:
    return build_light(seed, scene, plan)


def _person_assets(model: HeadModel, plan: Plan) -> tuple[Asset, ...]:
    """What this very person is made of, where the model can tell; else what all its people are."""
    assets_of = getattr(model, "assets_of", None)
    return assets_of(plan.identity, plan.style) if assets_of else model.assets


@Latest
def _dressed(head: Head, worn: Mapping[str, Mapping[str, float]]) -> Head:
    return put_on(head, worn)


def _with_things(recipe: Recipe, plan: Plan, head: Head, near: Camera) -> tuple[Plan, Head]:
    """Plan and head with the things worn, or without any where none fits or the scene's nearest camera touches one."""
    nearest_m = min(*scene_distances_m(recipe, plan.seed, plan.scene), plan.camera.near_m)
    dressed = _dressed(head, plan.style.worn)
    T = dolly_camera(near, head.eye_midpoint, nearest_m).T_camera_head
    things = dressed.surface.vertices[len(head.surface.vertices) :]
    away_m = np.sqrt(np.square(things + product(T[:3, :3].T, T[:3, 3])).sum(axis=1))
    if len(things) and away_m.min() >= CLEARANCE_M:
        return plan, dressed
    return replace(plan, style=replace(plan.style, worn={})), head


def _check_clearance(plan: Plan, head: Head, near: Camera) -> None:
    """A camera that stands in or on the head sees nothing a photograph could show."""
    R, t = near.T_camera_head[:3, :3], near.T_camera_head[:3, 3]
    to_camera_m = -product(R.T, t) - head.surface.vertices
    distance_m = np.sqrt(np.einsum("vk,vk->v", to_camera_m, to_camera_m))
    distance_m[~head.surface.vertex_solid] = np.inf
    nearest = int(distance_m.argmin())
    outside = product(to_camera_m[nearest], head.surface.normals[nearest]) > 0
    refuse_touching(plan, float(distance_m[nearest]), bool(outside))


def refuse_touching(plan: Plan, distance_m: float, outside: bool) -> None:
    """Raises RecipeError where the near camera is too near the person's nearest solid vertex, or behind its normal."""
    if distance_m < CLEARANCE_M or not outside:
        raise RecipeError(
            f"sample {plan.index}: expected the near camera at least {100 * CLEARANCE_M:.0f} cm off the person, got "
            f"{100 * distance_m:.1f} cm {'outside' if outside else 'inside'}, at "
            f"{100 * plan.camera.near_m:.1f} cm from the eye midpoint. "
            "Raise --near-m, or narrow --yaw-deg and --pitch-deg."
        )


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


def distorted(camera: Camera, distortion: Distortion | None) -> Camera:
    """The camera behind a lens, its distortion weakened until the frame can take it.

    An orthographic camera has none, nor has a frame so wide that no lens can show it.
    """
    if distortion is None or camera.orthographic:
        return camera
    # Chromatic aberration shows a little more than the frame.
    wider = camera.K / [[LENS_MARGIN, 1, 1], [1, LENS_MARGIN, 1], [1, 1, 1]]
    for _ in range(LENS_TRIES):
        if fits(distortion, wider, camera.height, camera.width):
            return replace(camera, distortion=distortion)
        distortion = distortion.scaled(0.9)
    return camera


def lenses(plan: Plan, head: Head, near: Camera, far: Camera) -> tuple[ThinLens | None, ThinLens | None]:
    """What both cameras of a plan look through at a posed head."""
    crop = plan.camera.crop
    return lens_of(near, head, crop, plan.near_shot.f_number), lens_of(far, head, crop, plan.far_shot.f_number)


def lens_of(camera: Camera, head: Head, crop: float, f_number: float | None) -> ThinLens | None:
    """The lens of a 35 mm-equivalent f-number, focused on the front of the nearer eye, or on where eyes should be.

    Its opening is the 35 mm-equivalent focal length over the f-number, as on the full-frame camera that takes the
    same picture. A camera at infinity has none.
    """
    if f_number is None or camera.orthographic:
        return None
    aperture_m = focal_mm35_from_px(float(camera.K[0, 0]), camera.height, crop) / 1000.0 / f_number
    eyes = head.surface.faces[np.isin(head.surface.part, (Part.EYE_LEFT, Part.EYE_RIGHT))]
    points = head.surface.vertices[np.unique(eyes)] if len(eyes) else head.eye_midpoint[None]
    return ThinLens(aperture_m, float(transform_points(camera.T_camera_head, points)[:, 2].min()))


def build_light(seed: int, scene: int, plan: LightPlan) -> tuple[EnvironmentLight, float]:
    """The planned light, turned about +Y and scaled to its level, and the factor of that scaling."""
    if plan.kind == "studio":
        source = environment.studio_light(generator(seed, scene, "studio"))
    else:
        source = _light_source(plan.kind)
    return normalize(rotate(source, plan.yaw_rad), plan.level)


@lru_cache(maxsize=32)
def _light_source(kind: str) -> EnvironmentLight:
    maps = environment.packaged_maps()
    if kind in maps:
        return environment.packaged_light(kind)
    if kind in environment.fetched_maps():
        return environment.fetched_light(kind)
    if not Path(kind).suffix:
        known = ", ".join((*maps, *environment.fetched_maps()))
        raise RecipeError(f"--lights: expected studio, maps, a .hdr or .exr file, or one of {known}, got {kind!r}.")
    return environment.read_light(Path(kind))
