"""Where the kernels of this folder's .cu files run: a CUDA device through CuPy, or this processor through a C compiler.

Both launch by name over a number of items, on arrays of their own module (`xp`): CuPy's or numpy's.
"""

import ctypes
import re
import subprocess
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from meshes.errors import UsageError

FOLDER = Path(__file__).parent

SOURCES = tuple(
    FOLDER / name for name in ("label_core.cu", "clearance.cu", "coverage.cu", "shade.cu", "shadow.cu", "film.cu")
)
"""Files of kernels, each compiled by itself with what launch.cuh shares."""

NVRTC_OPTIONS = ("-fmad=false", "--std=c++14")
"""Never a fused multiply-add: it would round otherwise than the CPU does."""

FAR_BITS = 0x7FF0000000000000
"""What a minimum of depths starts from: the bits of infinity, as in launch.cuh."""

NONE = np.iinfo(np.int32).max
"""What a minimum of ids starts from, as in launch.cuh."""

_THREADS = 128


def kernels_of(source: Path) -> list[str]:
    """Names of the kernels in a file, in order."""
    return re.findall(r"^KERNEL(?:_OF_VIEWS)?\((\w+),", source.read_text(), re.MULTILINE)


def program(source: Path) -> str:
    """A file of kernels with launch.cuh in the place of its include: CuPy keeps what it compiled by this text alone."""
    return source.read_text().replace('#include "launch.cuh"', (FOLDER / "launch.cuh").read_text())


Count = int | tuple[int, int]
"""Items of a launch: how many, or of a kernel of views how many views, and items of each."""


class DeviceError(UsageError):
    """No such device here; says what is missing and what to install."""


class Device(Protocol):
    """What runs kernels.

    Attributes:
        xp: the array module of its memory, numpy or cupy.
        name: for reports.
    """

    def __hash__(self) -> int: ...

    @property
    def xp(self) -> Any: ...

    @property
    def name(self) -> str: ...

    def launch(self, kernel: str, count: Count, *arguments: Any) -> None:
        """Runs `kernel` over items 0 .. count - 1, or such of every view; arguments are contiguous arrays of `xp`.

        Raises:
            DeviceError: an array that is laid out otherwise, which a kernel would misread.
        """
        ...


class CudaDevice:
    """The current CUDA device, through CuPy.

    Raises:
        DeviceError: CuPy or a device is missing.
    """

    def __init__(self) -> None:
        try:
            import cupy
        except ImportError as error:
            raise DeviceError(
                f"--device cuda: expected CuPy, got {error}. Install it: pip install 'perspective-portraits[cuda]'."
            ) from error
        try:
            properties = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.runtime.getDevice())
        except cupy.cuda.runtime.CUDARuntimeError as error:
            raise DeviceError(
                f"--device cuda: expected an NVIDIA GPU with its driver, got {error}. Use --device cpu."
            ) from error
        self.xp = cupy
        self.name = properties["name"].decode()
        self._source_of = {kernel: source for source in SOURCES for kernel in kernels_of(source)}
        self._module = lru_cache(maxsize=None)(self._compiled)
        self._kernel = lru_cache(maxsize=None)(self._found)

    def _compiled(self, source: Path) -> Any:
        return self.xp.RawModule(code=program(source), options=NVRTC_OPTIONS)

    def _found(self, kernel: str) -> Any:
        return self._module(self._source_of[kernel]).get_function(kernel)

    def launch(self, kernel: str, count: Count, *arguments: Any) -> None:
        """See `Device.launch`."""
        _refuse_strides(kernel, arguments)
        views, items = count if isinstance(count, tuple) else (1, count)
        if views and items:
            blocks = (items + _THREADS - 1) // _THREADS
            self._kernel(kernel)((blocks, views), (_THREADS,), (np.int64(items), *arguments))


class CompiledC:
    """The same sources as C on this processor: slow, for tests.

    Args:
        folder: where the library is built.
        compiler: a C compiler.
        options: more of them for it, such as another order of items.

    Raises:
        DeviceError: the compiler is missing or refuses a source.
    """

    xp = np
    name = "this processor, through C"

    def __init__(self, folder: Path, compiler: str = "gcc", options: tuple[str, ...] = ()) -> None:
        library, sources = folder / "kernels.so", map(str, SOURCES)
        command = [compiler, "-O2", "-ffp-contract=off", "-shared", "-fPIC", *options, "-x", "c", *sources, "-lm", "-o"]
        try:
            subprocess.run([*command, str(library)], check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as error:
            said = getattr(error, "stderr", None) or error
            names = ", ".join(source.name for source in SOURCES)
            raise DeviceError(f"expected {compiler} to compile {names}, got: {said}. Install gcc.") from error
        self._library = ctypes.CDLL(str(library))

    def launch(self, kernel: str, count: Count, *arguments: np.ndarray) -> None:
        """See `Device.launch`."""
        _refuse_strides(kernel, arguments)
        counts = [ctypes.c_longlong(number) for number in (count if isinstance(count, tuple) else (count,))]
        pointers = [ctypes.c_void_p(array.ctypes.data) for array in arguments]
        getattr(self._library, kernel)(*counts, *pointers)


def address(array: Any) -> int:
    """Where an array's first number lies in its memory, numpy's or CuPy's."""
    return int(array.ctypes.data if isinstance(array, np.ndarray) else array.data.ptr)


def _refuse_strides(kernel: str, arguments: tuple[Any, ...]) -> None:
    for n, array in enumerate(arguments):
        if not array.flags.c_contiguous:
            raise DeviceError(
                f"expected contiguous arrays for {kernel}, got strides {array.strides} of shape {array.shape} as "
                f"argument {n}; pass xp.ascontiguousarray of it."
            )
