"""A sample before both cameras, its surface in a device's memory, whoever posed it."""

from dataclasses import dataclass

from datagen.device.drafts import Draft, LightName
from datagen.plan import Plan
from datagen.recipe import Recipe
from datagen.scene import PosedScene, cameras, lenses
from meshes.device import looks
from meshes.device.poser import DeviceHead
from meshes.head import Asset, Head
from meshes.latest import Latest
from meshes.surface import Surface
from renderers.camera import Camera
from renderers.cuda.machine import Machine
from renderers.cuda.people import scene_of
from renderers.cuda.views import DeviceScene, upload
from renderers.preview import PreparedLight


@dataclass(frozen=True, eq=False)
class Shape:
    """A posed person in a device's memory.

    Attributes:
        head: whoever posed it.
        surface: as the kernels have it.
        looks: where pictures are taken, the same on the host, whose points and normals nobody reads.
    """

    head: Head | DeviceHead
    surface: DeviceScene
    looks: Surface | None


@dataclass(frozen=True, eq=False)
class Placed:
    """A sample before both cameras; a `datagen.record.Recordable`.

    Attributes:
        plan, near, far, light, exposure, assets: as in `datagen.scene.PosedScene`.
        shape: the person.
    """

    plan: Plan
    shape: Shape
    near: Camera
    far: Camera
    light: LightName | PreparedLight
    exposure: float
    assets: tuple[Asset, ...]

    @property
    def head(self) -> Head | DeviceHead:
        """The person, for the record."""
        return self.shape.head


def posed_there(machine: Machine, head: DeviceHead, pictured: bool) -> Shape:
    """A person whom the device posed."""
    return Shape(head, scene_of(machine, head), looks.looks(head) if pictured else None)


def posed_here(machine: Machine, head: Head) -> Shape:
    """A person whom a processor posed."""
    return Shape(head, upload(machine.kernels, head.surface), head.surface)


def place(recipe: Recipe, draft: Draft, shape: Shape) -> Placed:
    """The person of a draft before its cameras."""
    posed = draft.posed
    near, far = cameras(recipe, draft.plan, shape.head.eye_midpoint) if posed is None else (posed.near, posed.far)
    return Placed(draft.plan, shape, near, far, draft.light, draft.exposure, draft.assets)


def to_host(placed: Placed) -> PosedScene:
    """The whole of it on the host, for what no kernel does; `placed.light` has to be a prepared one."""
    assert isinstance(placed.light, PreparedLight), "lights are prepared where pictures are taken"
    head = _brought(placed.head) if isinstance(placed.head, DeviceHead) else placed.head
    light, views = placed.light.light, (placed.near, placed.far)
    return PosedScene(
        placed.plan, head, *views, *lenses(placed.plan, head, *views), light, placed.exposure, placed.assets
    )  # fmt: skip


_brought = Latest(looks.to_host)
