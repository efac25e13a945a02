"""From plan to sample: labels by the exact core, photographs by the recipe's tier, lens and film.

`render_sample` is pure: sample i alone is sample i of a run, in any process and any order.
"""

from dataclasses import dataclass

import numpy as np

from datagen.codecs import encode_layer
from datagen.photograph import Pictures, film_of, photograph
from datagen.plan import plan_sample
from datagen.recipe import Recipe
from datagen.record import record
from datagen.sample import Sample
from datagen.scene import PosedScene, build_scene
from datagen.storage import COMPACT, Storage
from renderers.camera import Camera
from renderers.labels import PairLabels, ViewLabels, pair_labels, point_visibility, to_layers, view_labels
from renderers.layers import LAYERS


@dataclass(frozen=True, eq=False)
class LabelledPair:
    """Both views of a scene and what relates them."""

    near: ViewLabels
    far: ViewLabels
    pair: PairLabels


def render_sample(recipe: Recipe, seed: int, index: int, recipe_name: str = "portrait") -> Sample:
    """Sample `index` of the run (recipe, seed)."""
    scene = build_scene(recipe, plan_sample(recipe, seed, index), painted=recipe.takes_pictures)
    labels = label_scene(scene)
    pictures = render_pictures(recipe, scene, labels) if recipe.takes_pictures else None
    return sample_of(recipe, recipe_name, scene, labels, pictures)


def label_scene(scene: PosedScene) -> LabelledPair:
    """All labels of both views."""
    surface = scene.head.surface
    near, far = view_labels(surface, scene.near), view_labels(surface, scene.far)
    return LabelledPair(near, far, pair_labels(surface, near, far))


def render_pictures(recipe: Recipe, scene: PosedScene, labels: LabelledPair) -> Pictures:
    """Both photographs, by the recipe's tier, lens and film."""
    return photograph(recipe, scene, labels.near, labels.far)


def sample_of(
    recipe: Recipe, recipe_name: str, scene: PosedScene, labels: LabelledPair, pictures: Pictures | None
) -> Sample:
    """Layers the recipe asks for, in table order and final dtypes, with their record.

    `pictures` may be None where the recipe asks for labels alone.
    """
    layers = to_layers(labels.near, labels.far, labels.pair) | ({} if pictures is None else picture_layers(pictures))
    visible = {view: _landmarks_visible(scene, camera) for view, camera in (("near", scene.near), ("far", scene.far))}
    stored = {name: layers[name] for name in LAYERS if name in recipe.layers}
    film = None if pictures is None else film_of(recipe, scene.plan, pictures)
    return Sample(scene.plan.index, stored, record(recipe_name, recipe, scene, visible, film))


def picture_layers(pictures: Pictures) -> dict[str, np.ndarray]:
    """Colour and coverage of both views by layer name, in their final dtypes."""
    return {
        name: layer
        for view, picture in (("near", pictures.near), ("far", pictures.far))
        for name, layer in (
            (f"{view}_rgb", picture.rgb),
            (f"{view}_alpha", np.rint(picture.alpha * 255.0).astype(np.uint8)),
        )
    }


def encode(sample: Sample, storage: Storage = COMPACT) -> dict[str, bytes]:
    """Stored bytes of every layer."""
    return {name: encode_layer(name, array, storage) for name, array in sample.layers.items()}


def _landmarks_visible(scene: PosedScene, camera: Camera) -> np.ndarray:
    head = scene.head
    return point_visibility(head.surface, camera, head.landmarks, head.landmark_face)
