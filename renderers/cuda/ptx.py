"""The PTX of the kernels, made by NVRTC without a GPU, to read what the compiler did to the arithmetic."""

import ctypes
import importlib.util
from pathlib import Path

from renderers.cuda.device import NVRTC_OPTIONS, SOURCES, DeviceError, program

_PACKAGE = "nvidia.cuda_nvrtc"


def _library() -> ctypes.CDLL:
    try:
        found = importlib.util.find_spec(_PACKAGE)
    except ModuleNotFoundError:
        found = None
    paths = [path for folder in (found.submodule_search_locations or [] if found else []) for path in _files(folder)]
    if not paths:
        raise DeviceError(
            "expected NVRTC, got no package nvidia-cuda-nvrtc-cu12. Install it: pip install nvidia-cuda-nvrtc-cu12."
        )
    return ctypes.CDLL(str(paths[0]))


def _files(folder: str) -> list[Path]:
    return sorted(Path(folder).glob("lib/libnvrtc.so.*")) + sorted(Path(folder).glob("bin/nvrtc64_*.dll"))


def ptx(architecture: str = "compute_90", options: tuple[str, ...] = NVRTC_OPTIONS, source: Path = SOURCES[0]) -> str:
    """PTX of one file of kernels.

    Args:
        architecture: virtual architecture; compute_90 is Hopper.
        options: of NVRTC; those that `CudaDevice` compiles with unless given.
        source: one of `device.SOURCES`; the label core unless given.

    Raises:
        DeviceError: NVRTC is missing, or refuses the source (with its log).
    """
    nvrtc, handle, text = _library(), ctypes.c_void_p(), program(source).encode()
    nvrtc.nvrtcCreateProgram(ctypes.byref(handle), text, source.name.encode(), 0, None, None)
    flags = [f"--gpu-architecture={architecture}".encode(), *(option.encode() for option in options)]
    status = nvrtc.nvrtcCompileProgram(handle, len(flags), (ctypes.c_char_p * len(flags))(*flags))
    if status:
        raise DeviceError(f"expected NVRTC to compile {source.name}, got: {_text(nvrtc, handle, 'ProgramLog')}")
    return _text(nvrtc, handle, "PTX")


def _text(nvrtc: ctypes.CDLL, handle: ctypes.c_void_p, what: str) -> str:
    size = ctypes.c_size_t()
    getattr(nvrtc, f"nvrtcGet{what}Size")(handle, ctypes.byref(size))
    buffer = ctypes.create_string_buffer(size.value)
    getattr(nvrtc, f"nvrtcGet{what}")(handle, buffer)
    return buffer.value.decode()
