"""The PTX of the kernels, made by NVRTC without a GPU, to read what the compiler did to the arithmetic."""

import ctypes
import importlib.util
from pathlib import Path

from renderers.cuda.device import NVRTC_OPTIONS, SOURCES, DeviceError, include_option

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
    nvrtc, program = _library(), ctypes.c_void_p()
    nvrtc.nvrtcCreateProgram(ctypes.byref(program), source.read_bytes(), source.name.encode(), 0, None, None)
    given = (f"--gpu-architecture={architecture}", include_option(), *options)
    flags = [option.encode() for option in given]
    status = nvrtc.nvrtcCompileProgram(program, len(flags), (ctypes.c_char_p * len(flags))(*flags))
    if status:
        raise DeviceError(f"expected NVRTC to compile {source.name}, got: {_text(nvrtc, program, 'ProgramLog')}")
    return _text(nvrtc, program, "PTX")


def _text(nvrtc: ctypes.CDLL, program: ctypes.c_void_p, what: str) -> str:
    size = ctypes.c_size_t()
    getattr(nvrtc, f"nvrtcGet{what}Size")(program, ctypes.byref(size))
    buffer = ctypes.create_string_buffer(size.value)
    getattr(nvrtc, f"nvrtcGet{what}")(program, buffer)
    return buffer.value.decode()
