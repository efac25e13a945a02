"""The device's half of samples: people posed in one go, labels by the kernels, layers stacked as tensors."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from datagen.device.drafts import Draft, Drafts, poses
from datagen.device.pictures import tier_on
from datagen.photograph import Pictures, film_of, photograph
from datagen.plan import Plan
from datagen.record import Lit, record
from datagen.render import picture_layers
from datagen.scene import PosedScene, build_scene, cameras, refuse_touching, scene_around
from meshes.device.poser import DeviceHead, Figure, Poser, to_host
from meshes.head import Asset, Marked
from renderers.camera import Camera
from renderers.cuda import labels as kernel
from renderers.cuda.machine import Machine
from renderers.cuda.people import scene_of
from renderers.kernels.terms import SEEN
from renderers.labels import PairLabels, ViewLabels, to_layers
from renderers.layers import LAYERS

PEOPLE = 64
"""People that a device keeps: some 500 MB of its memory."""


@dataclass(frozen=True, eq=False)
class Placed:
    """A sample before both cameras; a `datagen.record.Recordable`.

    Attributes:
        plan, head, near, far, light, exposure, assets: as in `datagen.scene.PosedScene`.
        surface: in the device's memory.
        scene: the whole of it on the host, where pictures are taken.
    """

    plan: Plan
    head: Marked
    near: Camera
    far: Camera
    light: Lit
    exposure: float
    assets: tuple[Asset, ...]
    surface: kernel.DeviceScene
    scene: PosedScene | None = None


@dataclass(frozen=True, eq=False)
class Labelled:
    """Labels of a pair in the device's memory, and which landmarks each view sees, (2, L) bool there."""

    near: ViewLabels
    far: ViewLabels
    pair: PairLabels
    marks: Any


class Maker:
    """Makes batches of one run on one device.

    Args:
        machine: the device.
        drafts: the run, and who poses.
        recipe_name: preset the recipe started from, for the record.
    """

    def __init__(self, machine: Machine, drafts: Drafts, recipe_name: str):
        self.machine, self.recipe, self.recipe_name = machine, drafts.recipe, recipe_name
        self.on_device = drafts.on_device
        self.take = tier_on(machine.kernels) if self.recipe.takes_pictures else None
        self.poser = Poser(machine.name, PEOPLE, painted=self.recipe.takes_pictures)

    def batch(self, drafts: Sequence[Draft]) -> dict[str, Any]:
        """Layers as tensors (N, H, W, ...) on the device, and "meta", the records; as `datagen.live.stream` yields."""
        placed = self._placed(drafts)
        labelled = [label(self.machine, one) for one in placed]
        pictures = [self._pictures(*both) for both in zip(placed, labelled, strict=True)]
        seen = _fetched(self.machine, [one.marks for one in labelled])
        layers = [self._layers(*both) for both in zip(labelled, pictures, strict=True)]
        stacked = {name: torch.stack([one[name] for one in layers]) for name in layers[0]}
        return {**stacked, "meta": [self._record(*all) for all in zip(placed, seen, pictures, strict=True)]}

    def _placed(self, drafts: Sequence[Draft]) -> list[Placed]:
        heads = self._posed([draft.plan for draft in drafts if self.on_device and poses(draft.plan)])
        if self.recipe.takes_pictures:
            return [self._whole(draft.plan, heads.get(draft.plan.scene)) for draft in drafts]
        placed = [self._before_cameras(draft, heads.get(draft.plan.scene)) for draft in drafts]
        _check_clearance([one for one in placed if isinstance(one.head, DeviceHead)])
        return placed

    def _posed(self, plans: Sequence[Plan]) -> dict[int, DeviceHead]:
        """Heads by scene: the pairs of a scene show one and the same."""
        scenes = {plan.scene: Figure(plan.identity, plan.expression, plan.pose, plan.style) for plan in plans}
        return dict(zip(scenes, self.poser(list(scenes.values())), strict=True)) if scenes else {}

    def _before_cameras(self, draft: Draft, head: DeviceHead | None) -> Placed:
        if draft.posed is not None:
            posed = draft.posed
            scene = kernel.upload(self.machine.kernels, posed.head.surface)
            return _placed(draft, posed.head, (posed.near, posed.far), scene)
        assert head is not None, "a draft is posed by the worker or by the device"
        views = cameras(self.recipe, draft.plan, head.eye_midpoint)
        return _placed(draft, head, views, scene_of(self.machine, head))

    def _whole(self, plan: Plan, head: DeviceHead | None) -> Placed:
        """With its scene on the host: lens, light and film are processors' work."""
        scene = build_scene(self.recipe, plan) if head is None else scene_around(self.recipe, plan, to_host(head))
        surface = kernel.upload(self.machine.kernels, scene.head.surface)
        return Placed(
            scene.plan, scene.head, scene.near, scene.far, scene.light, scene.exposure, scene.assets, surface, scene
        )

    def _pictures(self, placed: Placed, labels: Labelled) -> Pictures | None:
        if placed.scene is None:
            return None
        near, far = kernel.to_host(self.machine.kernels, (labels.near, labels.far))
        return photograph(self.recipe, placed.scene, near, far, self.take)

    def _layers(self, labels: Labelled, pictures: Pictures | None) -> dict[str, torch.Tensor]:
        """The layers that the recipe asks for, in table order."""
        drawn = to_layers(labels.near, labels.far, labels.pair)
        taken = {} if pictures is None else picture_layers(pictures)
        wanted = [name for name in LAYERS if name in self.recipe.layers]
        return {
            name: torch.from_numpy(taken[name]).to(self.machine.name)
            if name in taken
            else self.machine.tensor(drawn[name])
            for name in wanted
        }

    def _record(self, placed: Placed, seen: np.ndarray, pictures: Pictures | None) -> dict[str, Any]:
        film = None
        if pictures is not None and placed.scene is not None:
            film = film_of(self.recipe, placed.scene, pictures)
        return record(self.recipe_name, self.recipe, placed, {"near": seen[0], "far": seen[1]}, film)


def _placed(draft: Draft, head: Marked, views: tuple[Camera, Camera], surface: kernel.DeviceScene) -> Placed:
    return Placed(draft.plan, head, *views, draft.light, draft.exposure, draft.assets, surface)


def label(machine: Machine, placed: Placed) -> Labelled:
    """All labels of a pair, in the device's memory."""
    device, scene, xp = machine.kernels, placed.surface, machine.kernels.xp
    views = kernel.place(device, scene, placed.near), kernel.place(device, scene, placed.far)
    near, far = (kernel.view_labels(device, scene, view) for view in views)
    bare = kernel.without_facial_hair(scene)
    points = xp.asarray(np.ascontiguousarray(placed.head.landmarks, np.float64))
    face = xp.asarray(np.ascontiguousarray(placed.head.landmark_face, np.int32))
    marks = [kernel.visibility(device, bare, view, kernel.see(device, view, points), face) == SEEN for view in views]
    return Labelled(near, far, kernel.pair_labels(device, scene, views, (near, far)), xp.stack(marks))


def _fetched(machine: Machine, arrays: Sequence[Any]) -> list[np.ndarray]:
    """Small arrays (2, L) on the host, all brought over in one go."""
    xp = machine.kernels.xp
    every = xp.concatenate(arrays, axis=1)
    host = every if xp is np else xp.asnumpy(every)
    return np.split(host, np.cumsum([array.shape[1] for array in arrays])[:-1], axis=1)


def _check_clearance(placed: Sequence[Placed]) -> None:
    """Refuses cameras on or in a head that was posed on the device, as `datagen.scene.build_scene` does.

    Raises:
        RecipeError: says which sample.
    """
    found = [_nearest(one.head, one.near) for one in placed if isinstance(one.head, DeviceHead)]
    if found:
        for one, (distance_m, ahead) in zip(placed, torch.stack(found).tolist(), strict=True):
            refuse_touching(one.plan, distance_m, ahead > 0)


def _nearest(head: DeviceHead, camera: Camera) -> torch.Tensor:
    """(2,): distance in metres of the solid vertex nearest a camera, and how far the camera is along its normal."""
    R, t = camera.T_camera_head[:3, :3], camera.T_camera_head[:3, 3]
    to_camera = torch.from_numpy(-R.T @ t).to(head.vertices.device) - head.vertices
    away = (to_camera * to_camera).sum(-1).sqrt()
    corners = head.tables.faces.long()
    least = torch.where(head.tables.solid[:, None], away[corners], torch.inf)
    nearest = corners.flatten()[least.flatten().argmin()]
    return torch.stack([away[nearest], (to_camera[nearest] * head.normals[nearest].double()).sum()])
