"""The record of a sample: everything that made it and relates its views, as plain JSON values."""

import math
from dataclasses import asdict
from typing import Any, Protocol

import numpy as np

import datagen
from datagen.heads import open_model
from datagen.plan import Plan
from datagen.recipe import Recipe
from datagen.roster import roster_sha256
from datagen.splits import Named, Pooled, split_of
from meshes.elementary import norm, product
from meshes.head import Asset, Marked
from renderers.camera import Camera, focal_mm35_from_px, project


def person_id(plan: Plan, assets: tuple[Asset, ...]) -> str:
    """Stable name of the person: a scan is named by its content, a model's people by name, or by seed and draw."""
    kind = plan.head.partition(":")[0]
    model = open_model(plan.head)
    name = model.name_of(plan.identity) if isinstance(model, Named) else None
    if name is not None:
        return f"{kind}-{name}"
    return assets[0].id if kind in ("scan", "facescape") else f"{kind}-{plan.people_seed}-{plan.person:06d}"


class Lit(Protocol):
    """A light, of which the record wants the name."""

    @property
    def name(self) -> str: ...


class Recordable(Protocol):
    """What the record says of a scene; see `datagen.scene.PosedScene`."""

    @property
    def plan(self) -> Plan: ...

    @property
    def head(self) -> Marked: ...

    @property
    def near(self) -> Camera: ...

    @property
    def far(self) -> Camera: ...

    @property
    def light(self) -> Lit: ...

    @property
    def exposure(self) -> float: ...

    @property
    def assets(self) -> tuple[Asset, ...]: ...


def record(
    recipe_name: str,
    recipe: Recipe,
    scene: Recordable,
    landmarks_visible: dict[str, np.ndarray],
    film: dict[str, Any] | None,
) -> dict[str, Any]:
    """The record of one sample.

    Args:
        recipe_name: the preset the recipe started from.
        recipe: what the run asks for.
        scene: the posed scene, or what a device keeps of one.
        landmarks_visible: (L,) bool by view, "near" and "far".
        film: what the cameras did to the pictures beyond a pinhole's; None for nothing.
    """
    plan, head = scene.plan, scene.head
    person, pool = person_id(plan, scene.assets), _pool(plan)
    return {
        "index": plan.index,
        "key": f"{plan.index:08d}",
        "seed": plan.seed,
        "recipe": recipe_name,
        "version": datagen.__version__,
        "split": split_of(person, pool),
        "scene": {"index": plan.scene, "step": plan.step, "steps": plan.steps},
        "person": {
            "id": person,
            "model": plan.head.partition(":")[0],
            **({"pool": pool} if pool else {}),
            **_roster(recipe),
            **_plain(vars(plan.identity)),
        },
        "expression": _plain(plan.expression),
        "pose": _plain(vars(plan.pose)),
        "style": _plain(vars(plan.style)),
        "light": {"name": scene.light.name, "exposure": scene.exposure, **_plain(vars(plan.light))},
        "background": _background(plan),
        "colour": _colour(recipe),
        "film": film,
        "cameras": {
            "near": _camera(scene.near, head, plan, plan.camera.near_m),
            "far": _camera(scene.far, head, plan, plan.camera.far_m),
        },
        "eye_midpoint_m": head.eye_midpoint.tolist(),
        "landmarks": _landmarks(scene, landmarks_visible),
        "assets": [asdict(asset) for asset in scene.assets],
    }


def _pool(plan: Plan) -> str | None:
    """The split that the person's parents belong to, for people who are made of few."""
    model = open_model(plan.head)
    return model.pool_of(plan.identity) if isinstance(model, Pooled) else None


def _roster(recipe: Recipe) -> dict[str, str]:
    """Content of the roster that the person was taken from; nothing where there is none."""
    return {"roster_sha256": roster_sha256(recipe.roster)} if recipe.roster else {}


def _background(plan: Plan) -> dict[str, Any]:
    """What is behind the person; the colour of one that has one, the key of a procedural place."""
    kind = plan.background
    rgb = {"black": (0, 0, 0), "flat": plan.background_rgb}.get(kind)
    plate = {"plate": plan.plate} if kind in ("indoor", "outdoor") else {}
    return {"kind": kind, "rgb": list(rgb) if rgb else None, **plate}


def _colour(recipe: Recipe) -> dict[str, Any]:
    """Who took the pictures and what he could spend."""
    traced = {"spp": recipe.spp, "denoise": recipe.denoise} if recipe.colour in ("photo", "blender") else {}
    return {"tier": recipe.colour, **traced}


def _camera(camera: Camera, head: Marked, plan: Plan, distance_m: float) -> dict[str, Any]:
    focal_px = None if camera.orthographic else float(camera.K[0, 0])
    crop = plan.camera.crop
    return {
        "kind": camera.kind,
        "K": camera.K.tolist(),
        "T_camera_head": camera.T_camera_head.tolist(),
        "distortion": None if camera.distortion is None else asdict(camera.distortion),
        "height": camera.height,
        "width": camera.width,
        "distance_m": None if math.isinf(distance_m) else distance_m,
        "distance_nose_tip_m": _distance_m(camera, head.nose_tip),
        "distance_head_centre_m": _distance_m(camera, head.head_centre),
        "focal_px": focal_px,
        "focal_mm35": None if focal_px is None else focal_mm35_from_px(focal_px, camera.height, crop),
        "crop": crop,
    }


def _distance_m(camera: Camera, point_m: np.ndarray) -> float | None:
    R, t = camera.T_camera_head[:3, :3], camera.T_camera_head[:3, 3]
    return None if camera.orthographic else float(norm(product(R, point_m) + t))


def _landmarks(scene: Recordable, visible: dict[str, np.ndarray]) -> dict[str, Any]:
    points_m = scene.head.landmarks
    return {
        "points_m": points_m.tolist(),
        "face": scene.head.landmark_face.tolist(),
        "barycentric": scene.head.landmark_barycentric.tolist(),
        "near_px": project(scene.near, points_m)[0].tolist(),
        "far_px": project(scene.far, points_m)[0].tolist(),
        "near_visible": visible["near"].tolist(),
        "far_visible": visible["far"].tolist(),
    }


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value
