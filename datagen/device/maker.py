"""The device's half of samples: people posed in one go, labels by the kernels, layers stacked as tensors."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from datagen.device.drafts import Draft, Drafts
from datagen.device.pictures import photograph_on
from datagen.device.placed import Placed, Shape, place, posed_here, posed_there
from datagen.photograph import Pictures, film_of
from datagen.plan import Plan
from datagen.record import record
from datagen.render import picture_layers
from datagen.scene import refuse_touching
from meshes.device.poser import DeviceHead, Figure, Poser
from renderers.cuda.clearance import clearance
from renderers.cuda.labels import Stack, label_pairs, landmarks_seen, to_host
from renderers.cuda.machine import Machine
from renderers.exact import GeometryError
from renderers.layers import LAYERS, PICTURED

PEOPLE = 64
"""People that a device keeps: some 500 MB of its memory."""


class Maker:
    """Makes batches of one run on one device.

    Args:
        machine: the device.
        drafts: the run, and who poses.
        recipe_name: preset the recipe started from, for the record.
    """

    def __init__(self, machine: Machine, drafts: Drafts, recipe_name: str):
        self.machine, self.recipe, self.recipe_name = machine, drafts.recipe, recipe_name
        self.poser = Poser(machine.name, PEOPLE, painted=self.recipe.takes_pictures)

    def batch(self, drafts: Sequence[Draft]) -> dict[str, Any]:
        """Layers as tensors (N, H, W, ...) on the device, and "meta", the records; as `datagen.live.stream` yields."""
        placed, device = self._placed(drafts), self.machine.kernels
        stack = label_pairs(device, [(one.shape.surface, one.near, one.far) for one in placed])
        self._check(placed, stack)
        marks = [(one.head.landmarks, one.head.landmark_face) for one in placed]
        seen = np.split(to_host(device, landmarks_seen(device, stack.views, marks * 2)), 2)
        pictures = [self._pictures(one, stack, n) for n, one in enumerate(placed)]
        records = [self._record(*all) for all in zip(placed, *seen, pictures, strict=True)]
        return {**self._layers(stack, pictures), "meta": records}

    def _placed(self, drafts: Sequence[Draft]) -> list[Placed]:
        asked = [draft.plan for draft in drafts if draft.posed is None]
        # The pairs of a scene share one shape, so that what depends on it alone is made once.
        there = {
            scene: posed_there(self.machine, head, self.recipe.takes_pictures)
            for scene, head in self._posed(asked).items()
        }
        return [place(self.recipe, draft, self._shape(draft, there)) for draft in drafts]

    def _shape(self, draft: Draft, there: Mapping[int, Shape]) -> Shape:
        return there[draft.plan.scene] if draft.posed is None else posed_here(self.machine, draft.posed.head)

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

    def _pictures(self, placed: Placed, stack: Stack, n: int) -> Pictures | None:
        if not self.recipe.takes_pictures:
            return None
        return photograph_on(self.machine.kernels, self.recipe, placed, stack, n)

    def _layers(self, stack: Stack, pictures: Sequence[Pictures | None]) -> dict[str, torch.Tensor]:
        """The layers that the recipe asks for, in table order."""
        drawn, taken = stack.layers(), [picture_layers(one) for one in pictures if one is not None]
        xp = self.machine.kernels.xp
        for name in PICTURED.intersection(self.recipe.layers):
            drawn[name] = xp.stack([xp.asarray(one[name]) for one in taken])
        return {name: self.machine.tensor(drawn[name]) for name in LAYERS if name in self.recipe.layers}

    def _record(
        self, placed: Placed, near_seen: np.ndarray, far_seen: np.ndarray, pictures: Pictures | None
    ) -> dict[str, Any]:
        film = None if pictures is None else film_of(self.recipe, placed.plan, pictures)
        marks = len(placed.head.landmark_face)
        return record(self.recipe_name, self.recipe, placed, {"near": near_seen[:marks], "far": far_seen[:marks]}, film)
