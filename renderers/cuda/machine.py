"""A device as two libraries see it: torch, which poses and batches, and the label kernels, which draw."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from meshes.errors import UsageError
from renderers.cuda.device import CudaDevice, Device


class MachineError(UsageError):
    """No such device for samples here; says expected, got, next step."""


@dataclass(frozen=True, eq=False)
class Machine:
    """One device.

    Attributes:
        kernels: runs the label core; its arrays are numpy's or CuPy's.
        name: the same device as torch names it.
    """

    kernels: Device
    name: str

    def array(self, tensor: Any) -> Any:
        """A tensor as an array of the kernels, without a copy."""
        xp = self.kernels.xp
        plain = tensor.contiguous()
        flags = str(plain.dtype) == "torch.bool"  # DLPack learnt of truth values late; bytes are always understood.
        shared = plain.view(_torch().uint8) if flags else plain
        array = shared.numpy() if xp is np else xp.from_dlpack(shared)
        return array.view(bool) if flags else array

    def tensor(self, array: Any) -> Any:
        """An array of the kernels as a tensor, without a copy."""
        torch, xp = _torch(), self.kernels.xp
        plain = xp.ascontiguousarray(array)
        flags = plain.dtype == bool
        shared = plain.view(xp.uint8) if flags else plain
        tensor = torch.from_numpy(shared) if xp is np else torch.from_dlpack(shared)
        return tensor.view(torch.bool) if flags else tensor

    @contextmanager
    def queue(self) -> Iterator["Queue"]:
        """What runs inside, in this thread, is queued on a stream of its own beside the caller's work."""
        with ExitStack() as stack:
            if self.kernels.xp is np:
                yield Queue(None)
                return
            torch, cupy = _torch(), self.kernels.xp
            device = torch.device(self.name)
            index = torch.cuda.current_device() if device.index is None else device.index
            stream = torch.cuda.Stream(index)
            for context in (
                torch.cuda.device(index),
                torch.cuda.stream(stream),
                cupy.cuda.Device(index),
                cupy.cuda.ExternalStream(stream.cuda_stream, index),
            ):
                stack.enter_context(context)
            yield Queue(stream)


@dataclass(frozen=True, eq=False)
class Queue:
    """A stream of work; None where a device has but one."""

    stream: Any

    def mark(self) -> Any:
        """An event behind all that was queued."""
        return None if self.stream is None else self.stream.record_event()


def hand_over(tensors: Sequence[Any], event: Any) -> None:
    """Lets the caller's stream wait for tensors made on another, and keeps their memory until it is done with them."""
    if event is None or not tensors:
        return
    stream = _torch().cuda.current_stream(tensors[0].device)
    stream.wait_event(event)
    for tensor in tensors:
        tensor.record_stream(stream)


def open_machine(device: str) -> Machine:
    """The CUDA device of a name such as "cuda" or "cuda:1".

    Raises:
        MachineError: torch is missing, or has no such device.
        DeviceError: CuPy is missing.
    """
    check_torch(device)
    return Machine(CudaDevice(), device)


def check_torch(device: str) -> None:
    """Raises MachineError where torch is missing or knows no device of this name."""
    torch = _torch()
    if not device.startswith("cuda"):
        return
    if not torch.cuda.is_available():
        raise MachineError(
            f"device {device!r}: expected a CUDA device, got torch {torch.__version__}, which sees none. Use "
            "device='cpu', or install the driver and a torch that was built for it."
        )
    index, count = torch.device(device).index or 0, torch.cuda.device_count()
    if index >= count:
        raise MachineError(f"device {device!r}: expected a number below {count}, got {index}. Name one that is there.")


def _torch() -> Any:
    try:
        import torch
    except ImportError as error:
        raise MachineError(f"stream: expected torch, got {error}. Install it: pip install torch.") from error
    return torch
