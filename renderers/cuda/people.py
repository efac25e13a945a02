"""People posed on a device by torch, as scenes of the label kernels: the same memory, never on the host."""

from meshes.device.poser import DeviceHead
from renderers.cuda.labels import DeviceScene, resident
from renderers.cuda.machine import Machine


def scene_of(machine: Machine, head: DeviceHead) -> DeviceScene:
    """A posed head as the kernels' scene."""
    tables = head.tables
    columns = (head.vertices, head.normals, tables.uv, tables.faces, tables.label, tables.part)
    return resident(machine.kernels, *(machine.array(column) for column in columns))
