"""People posed on a device by torch, as scenes of the label kernels: the same memory, never on the host."""

from meshes.device.poser import DeviceHead
from renderers.cuda.machine import Machine
from renderers.cuda.views import DeviceScene


def scene_of(machine: Machine, head: DeviceHead) -> DeviceScene:
    """A posed head as the kernels' scene."""
    tables, uncut = head.tables, head.tables.uncut
    columns = (
        head.vertices,
        head.normals,
        tables.uv,
        tables.faces,
        tables.label,
        tables.bare,
        tables.part,
        tables.solid,
    )
    return DeviceScene(*(machine.array(column) for column in (*columns, *uncut)))
