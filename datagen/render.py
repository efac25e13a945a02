"""From plan to sample: labels by the exact core, colour by the recipe's tier before its backdrop.

`render_sample` is pure: sample i alone is sample i of a run, in any process and any order.
"""

from dataclasses import dataclass

import numpy as np

from datagen.codecs import encode_layer
from datagen.colour import tier
from datagen.plan import plan_sample
from datagen.randomness import generator
from datagen.recipe import Recipe
from datagen.record import record
from datagen.sample import Sample
from datagen.scene import PosedScene, build_scene
from renderers import background, srgb
from renderers.camera import Camera
from renderers.labels import PairLabels, ViewLabels, pair_labels, point_visibility, to_layers, view_labels
from renderers.layers import LAYERS
from renderers.picture import Quality, View, over


@dataclass(frozen=True, eq=False)
class LabelledPair:
    """Both views of a scene and what relates them."""

    near: ViewLabels
    far: ViewLabels
    pair: PairLabels


@dataclass(frozen=True, eq=False)
class Photograph:
    """What a camera hands out.

    Attributes:
        rgb: (H, W, 3) uint8 sRGB.
        alpha: (H, W) float32 in [0, 1], the part of each pixel that the person covers; neither lens blur nor shake
            is in it.
    """

    rgb: np.ndarray
    alpha: np.ndarray


@dataclass(frozen=True, eq=False)
class Pictures:
    """The photographs of both views."""

    near: Photograph
    far: Photograph


def render_sample(recipe: Recipe, seed: int, index: int, recipe_name: str = "portrait") -> Sample:
    """Sample `index` of the run (recipe, seed)."""
    scene = build_scene(recipe, plan_sample(recipe, seed, index))
    labels = label_scene(scene)
    return sample_of(recipe, recipe_name, scene, labels, render_pictures(recipe, scene, labels))


def label_scene(scene: PosedScene) -> LabelledPair:
    """All labels of both views."""
    surface = scene.head.surface
    near, far = view_labels(surface, scene.near), view_labels(surface, scene.far)
    return LabelledPair(near, far, pair_labels(surface, near, far))


def render_pictures(recipe: Recipe, scene: PosedScene, labels: LabelledPair) -> Pictures:
    """Both photographs, taken by the recipe's tier under one light."""
    views = tuple(View(view.camera, view.hits) for view in (labels.near, labels.far))
    seed = int(generator(scene.plan.seed, scene.plan.index, "paths").integers(1 << 31))
    images = tier(recipe)(scene.head.surface, scene.light, views, Quality(recipe.spp, recipe.denoise, seed))
    near, far = (
        Photograph(srgb.encode(over(image, _backdrop(recipe, scene, view.camera))), image.alpha)
        for image, view in zip(images, views, strict=True)
    )
    return Pictures(near, far)


def _backdrop(recipe: Recipe, scene: PosedScene, camera: Camera) -> np.ndarray:
    if recipe.background == "environment":
        return background.surroundings(camera, scene.light)
    rgb = scene.plan.background_rgb if recipe.background == "flat" else (0, 0, 0)
    r, g, b = srgb.decode(np.array(rgb, np.uint8)).tolist()
    return background.flat(camera, (r, g, b))


def sample_of(recipe: Recipe, recipe_name: str, scene: PosedScene, labels: LabelledPair, pictures: Pictures) -> Sample:
    """Layers the recipe asks for, in table order and final dtypes, with their record."""
    layers = to_layers(labels.near, labels.far, labels.pair)
    for view, picture in (("near", pictures.near), ("far", pictures.far)):
        layers[f"{view}_rgb"] = picture.rgb
        layers[f"{view}_alpha"] = np.rint(picture.alpha * 255.0).astype(np.uint8)
    visible = {view: _landmarks_visible(scene, camera) for view, camera in (("near", scene.near), ("far", scene.far))}
    stored = {name: layers[name] for name in LAYERS if name in recipe.layers}
    return Sample(scene.plan.index, stored, record(recipe_name, recipe, scene, visible))


def encode(sample: Sample) -> dict[str, bytes]:
    """Stored bytes of every layer."""
    return {name: encode_layer(name, array) for name, array in sample.layers.items()}


def _landmarks_visible(scene: PosedScene, camera: Camera) -> np.ndarray:
    head = scene.head
    return point_visibility(head.surface, camera, head.landmarks, head.landmark_face)
