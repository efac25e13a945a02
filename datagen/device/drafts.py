"""The processor's half of samples that a device makes: decided, and posed as well where the device cannot."""

from dataclasses import dataclass, replace

import numpy as np

from datagen.plan import Plan, plan_sample
from datagen.recipe import Recipe
from datagen.scene import build_scene, sources
from meshes.head import Asset, Head
from meshes.surface import Surface
from meshes.wear.wardrobe import from_wardrobe
from renderers.camera import Camera
from renderers.light import EnvironmentLight
from renderers.preview import PreparedLight, prepare


@dataclass(frozen=True)
class LightName:
    """A light of which nothing but the name is wanted."""

    name: str


@dataclass(frozen=True, eq=False)
class Posed:
    """A person posed by a processor before both cameras; without colours where nobody looks at them."""

    head: Head
    near: Camera
    far: Camera


@dataclass(frozen=True, eq=False)
class Draft:
    """A sample as far as a processor takes it; see `datagen.scene.PosedScene`.

    Attributes:
        light: as far as it is wanted: ready to shine where pictures are taken.
        posed: the person and the cameras, where the device is not to pose.
    """

    plan: Plan
    light: LightName | PreparedLight
    exposure: float
    assets: tuple[Asset, ...]
    posed: Posed | None


@dataclass(frozen=True)
class Drafts:
    """The drafts of a run as a map-style data set.

    Attributes:
        recipe, seed: the run.
        on_device: whether the device poses the people that it can.
    """

    recipe: Recipe
    seed: int
    on_device: bool

    def __getitem__(self, index: int) -> Draft:
        plan = plan_sample(self.recipe, self.seed, index)
        if self.on_device and poses(plan):
            light, exposure, assets = sources(self.recipe, plan)
            return Draft(plan, self._wanted(light), exposure, assets, None)
        scene = build_scene(self.recipe, plan, painted=self.recipe.takes_pictures)
        head = scene.head if self.recipe.takes_pictures else _bare(scene.head)
        posed = Posed(head, scene.near, scene.far)
        return Draft(scene.plan, self._wanted(scene.light), scene.exposure, scene.assets, posed)

    def _wanted(self, light: EnvironmentLight) -> LightName | PreparedLight:
        return prepare(light) if self.recipe.takes_pictures else LightName(light.name)


def can_draw(recipe: Recipe) -> bool:
    """Whether a device can take the recipe's pictures."""
    return recipe.colour == "preview"


def poses(plan: Plan) -> bool:
    """Whether a device can pose the person of a plan: a built-in one, in tailored clothes or none, nothing worn."""
    return plan.head == "makehuman" and not from_wardrobe(plan.style) and not plan.style.worn


def _bare(head: Head) -> Head:
    """The head as labels see it, so that no texture travels from a worker."""
    surface: Surface = head.surface
    materials = tuple(replace(m, texture=None, relief=None) for m in surface.materials)
    none, unshaded = np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32)
    return replace(head, surface=replace(surface, color=none, materials=materials, occluder_faces=unshaded))
