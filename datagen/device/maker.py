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
from meshes.device import poser
from meshes.device.poser import DeviceHead, Figure, Poser
from meshes.head import Asset, Marked
from renderers.camera import Camera
from renderers.cuda.clearance import clearance
from renderers.cuda.labels import Stack, label_pairs, landmarks_seen, to_host
from renderers.cuda.machine import Machine
from renderers.cuda.people import scene_of
from renderers.cuda.views import DeviceScene, upload
from renderers.exact import GeometryError
from renderers.layers import LAYERS, PICTURED

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
    surface: DeviceScene
    scene: PosedScene | None = None


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
        placed, device = self._placed(drafts), self.machine.kernels
        stack = label_pairs(device, [(one.surface, one.near, one.far) for one in placed])
        self._check(placed, stack)
        marks = [(one.head.landmarks, one.head.landmark_face) for one in placed]
        seen = np.split(to_host(device, landmarks_seen(device, stack.views, marks * 2)), 2)
        pictures = [self._pictures(one, stack, n) for n, one in enumerate(placed)]
        records = [self._record(*all) for all in zip(placed, *seen, pictures, strict=True)]
        return {**self._layers(stack, pictures), "meta": records}

    def _placed(self, drafts: Sequence[Draft]) -> list[Placed]:
        heads = self._posed([draft.plan for draft in drafts if self.on_device and poses(draft.plan)])
        if self.recipe.takes_pictures:
            return [self._whole(draft.plan, heads.get(draft.plan.scene)) for draft in drafts]
        posed = {scene: (head, scene_of(self.machine, head)) for scene, head in heads.items()}
        return [self._before_cameras(draft, posed.get(draft.plan.scene)) for draft in drafts]

    def _check(self, placed: Sequence[Placed], stack: Stack) -> None:
        """Refuses cameras on or in a head that was posed on the device, as `datagen.scene.build_scene` does.

        Raises:
            GeometryError: a head was posed to where no number is.
            RecipeError: says which sample.
        """
        if not any(isinstance(one.head, DeviceHead) for one in placed):
            return
        device = self.machine.kernels
        found = to_host(device, clearance(device, stack.views, len(placed)))
        for one, (distance_m, ahead, broken) in zip(placed, found.tolist(), strict=True):
            if broken:
                raise GeometryError(
                    f"sample {one.plan.index}: expected finite vertices, got some on the device that are not; repair "
                    "what poses them"
                )
            if isinstance(one.head, DeviceHead):
                refuse_touching(one.plan, distance_m, ahead > 0)

    def _posed(self, plans: Sequence[Plan]) -> dict[int, DeviceHead]:
        """Heads by scene: the pairs of a scene show one and the same."""
        scenes = {plan.scene: Figure(plan.identity, plan.expression, plan.pose, plan.style) for plan in plans}
        return dict(zip(scenes, self.poser(list(scenes.values())), strict=True)) if scenes else {}

    def _before_cameras(self, draft: Draft, on_device: tuple[DeviceHead, DeviceScene] | None) -> Placed:
        if draft.posed is not None:
            posed = draft.posed
            return _placed(draft, posed.head, (posed.near, posed.far), upload(self.machine.kernels, posed.head.surface))
        assert on_device is not None, "a draft is posed by the worker or by the device"
        head, scene = on_device
        return _placed(draft, head, cameras(self.recipe, draft.plan, head.eye_midpoint), scene)

    def _whole(self, plan: Plan, head: DeviceHead | None) -> Placed:
        """With its scene on the host: lens, light and film are processors' work."""
        scene = build_scene(self.recipe, plan) if head is None else scene_around(self.recipe, plan, poser.to_host(head))
        surface = upload(self.machine.kernels, scene.head.surface)
        return Placed(
            scene.plan, scene.head, scene.near, scene.far, scene.light, scene.exposure, scene.assets, surface, scene
        )

    def _pictures(self, placed: Placed, stack: Stack, n: int) -> Pictures | None:
        if placed.scene is None:
            return None
        near, far, _ = to_host(self.machine.kernels, stack.pair(n))
        return photograph(self.recipe, placed.scene, near, far, self.take)

    def _layers(self, stack: Stack, pictures: Sequence[Pictures | None]) -> dict[str, torch.Tensor]:
        """The layers that the recipe asks for, in table order."""
        drawn, taken = stack.layers(), [picture_layers(one) for one in pictures if one is not None]
        return {
            name: torch.from_numpy(np.stack([one[name] for one in taken])).to(self.machine.name)
            if name in PICTURED
            else self.machine.tensor(drawn[name])
            for name in LAYERS
            if name in self.recipe.layers
        }

    def _record(
        self, placed: Placed, near_seen: np.ndarray, far_seen: np.ndarray, pictures: Pictures | None
    ) -> dict[str, Any]:
        film, marks = None, len(placed.head.landmark_face)
        if pictures is not None and placed.scene is not None:
            film = film_of(self.recipe, placed.scene, pictures)
        return record(self.recipe_name, self.recipe, placed, {"near": near_seen[:marks], "far": far_seen[:marks]}, film)


def _placed(draft: Draft, head: Marked, views: tuple[Camera, Camera], surface: DeviceScene) -> Placed:
    return Placed(draft.plan, head, *views, draft.light, draft.exposure, draft.assets, surface)
