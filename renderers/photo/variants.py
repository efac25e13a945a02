"""Which build of Mitsuba runs on this machine, found out without risk to this process.

A wrong LLVM aborts the interpreter, so every candidate first renders a small picture in a process of its own.
"""

import ctypes
import ctypes.util
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, get_args

from meshes.assets.store import cache_folder, placing
from meshes.errors import UsageError
from meshes.head import MeshError

Variant = Literal["cuda_ad_rgb", "llvm_ad_rgb", "scalar_rgb"]
"""Mitsuba's names: compiled for a GPU, compiled for the CPU's vector units, or neither."""

VARIANT_VARIABLE = "DATAGEN_MITSUBA_VARIANT"
"""Environment variable: the variant to use, without probing."""

LLVM_VARIABLE = "DRJIT_LIBLLVM_PATH"
"""Environment variable of Dr.Jit: the LLVM library it loads."""

PROBE_S = 90.0
"""How long a probe may take before it counts as failed; a first start on a cold disk takes some seconds."""

_PROBE = """
import sys, time
import mitsuba as mi
mi.set_variant(sys.argv[1])
# A number that no earlier probe used: else a compiled kernel could come from Dr.Jit's cache, and nothing be tried.
radius = 1 + time.time() % 1
film = {"type": "hdrfilm", "width": 8, "height": 8, "rfilter": {"type": "box"}}
place = mi.ScalarTransform4f().look_at([0, 0, 9], [0, 0, 0], [0, 1, 0])
scene = {
    "type": "scene", "light": {"type": "constant"}, "integrator": {"type": "path"},
    "ball": {"type": "sphere", "radius": radius, "bsdf": {"type": "roughplastic", "alpha": radius / 9}},
    "sensor": {"type": "perspective", "fov": 5, "to_world": place, "film": film},
}
picture = mi.TensorXf(mi.render(mi.load_dict(scene), spp=4))
print("rendered", 0 < picture.array[0] < 2)
"""

_DRIVER = Path("/proc/driver/nvidia/version")

_LLVM_PLACES = (
    "/usr/lib/*/libLLVM*.so*",
    "/usr/lib64/libLLVM*.so*",
    "/usr/lib/libLLVM*.so*",
    "/usr/lib/llvm*/lib/libLLVM*.so*",
    "/usr/local/lib/libLLVM*.so*",
    "/opt/homebrew/opt/llvm*/lib/libLLVM*.dylib",
    "/usr/local/opt/llvm*/lib/libLLVM*.dylib",
    "/Program Files/LLVM/bin/LLVM-C.dll",
)


@dataclass(frozen=True)
class Choice:
    """What will render.

    Attributes:
        variant: Mitsuba's variant.
        reason: one sentence for people.
        libllvm: path of the LLVM library, or None where none is needed.
    """

    variant: Variant
    reason: str
    libllvm: str | None = None


def check() -> None:
    """Whether this tier can run here, said before a run starts.

    Raises:
        UsageError: Mitsuba or the denoiser is not installed, or no variant renders.
    """
    for package, module in (("mitsuba", "mitsuba"), ("mitsuba-oidn", "mitsuba_oidn")):
        if importlib.util.find_spec(module) is None:
            raise UsageError(
                f"--colour photo: expected the package {package}, got none; install it: "
                "pip install 'perspective-portraits[photo]'"
            )
    choice()


def mitsuba() -> Any:
    """The module `mitsuba` with the chosen variant set, and as many threads as numba is told to use, at least two.

    Raises:
        UsageError: as `check`.
    """
    check()
    chosen = choice()
    if chosen.libllvm:
        os.environ[LLVM_VARIABLE] = chosen.libllvm
    import drjit
    import mitsuba
    from numba import config

    # Alone, Dr.Jit works on the thread that asks, which keeps numbers below float32's normal range; the threads of a
    # pool round them to 0. Equal bytes need a pool, even of few.
    threads: int = max(2, vars(config)["NUMBA_NUM_THREADS"])
    if mitsuba.variant() != chosen.variant:
        mitsuba.set_variant(chosen.variant)
    if drjit.thread_count() != threads:
        drjit.set_thread_count(threads)
    return mitsuba


@lru_cache(maxsize=1)
def choice() -> Choice:
    """The fastest variant that renders here; probed once a machine, then read from this user's cache.

    Raises:
        UsageError: DATAGEN_MITSUBA_VARIANT names no variant, or none renders.
    """
    named = os.environ.get(VARIANT_VARIABLE, "")
    if named:
        return _named(named)
    return _on_gpu() or _on_vector_units() or _plain()


def _named(name: str) -> Choice:
    for variant in get_args(Variant):
        if name == variant:
            found = _on_vector_units() if variant == "llvm_ad_rgb" else None
            return Choice(variant, f"{VARIANT_VARIABLE} says so", found.libllvm if found else None)
    raise UsageError(f"{VARIANT_VARIABLE}: expected one of {', '.join(get_args(Variant))}, got {name!r}.")


def _on_gpu() -> Choice | None:
    """OptiX comes with NVIDIA's driver; without the driver there is nothing to probe."""
    try:
        driver = ctypes.util.find_library("cuda") or "libcuda.so.1"
        ctypes.CDLL(driver)
    except OSError:
        return None
    return Choice("cuda_ad_rgb", "an NVIDIA driver with OptiX is here") if _renders("cuda_ad_rgb", None) else None


def _on_vector_units() -> Choice | None:
    for library in llvm_candidates():
        if _renders("llvm_ad_rgb", library):
            return Choice("llvm_ad_rgb", f"{library} renders", str(library))
    return None


def _plain() -> Choice:
    if failure := _failure("scalar_rgb", None):
        raise UsageError(f"--colour photo: expected Mitsuba to render, got: {failure}. Reinstall mitsuba.")
    tried = [str(path) for path in llvm_candidates()]
    why = f"none of {', '.join(tried)} works with this Mitsuba" if tried else "no LLVM library was found"
    advice = "Debian's package libllvm19 (or any LLVM 17 to 20) makes it several times as fast"
    return Choice("scalar_rgb", f"{why}; {advice}")


def llvm_candidates() -> list[Path]:
    """LLVM libraries on this machine, the newest first; the one that DRJIT_LIBLLVM_PATH names alone if it is set."""
    named = os.environ.get(LLVM_VARIABLE, "")
    if named:
        return [Path(named)]
    found = {path.resolve() for path in _libraries() if path.is_file()}
    return sorted(found, key=lambda path: (_version(path), str(path)), reverse=True)


def _libraries() -> Iterator[Path]:
    for pattern in _LLVM_PLACES:
        anchor = Path(Path.cwd().anchor)
        yield from anchor.glob(pattern.lstrip("/"))


def _version(path: Path) -> int:
    """Major version in a library's name, 0 without one."""
    numbers = re.findall(r"\d+", path.name) or re.findall(r"llvm[-@]?(\d+)", str(path))
    return int(numbers[0]) if numbers else 0


def _renders(variant: Variant, library: Path | None) -> bool:
    """Whether a variant renders; remembered on disk until something it rests on changes."""
    return not _failure(variant, library)


def _failure(variant: Variant, library: Path | None) -> str:
    """What went wrong when a variant rendered, "" where nothing did."""
    key, known = _key(variant, library), _remembered()
    if key in known:
        return str(known[key])
    failure, sure = _probe(variant, library)
    if sure:
        _remember(_remembered() | {key: failure})
    return failure


def _key(variant: Variant, library: Path | None) -> str:
    """All that a probe's outcome rests on."""
    versions = [importlib.metadata.version(name) for name in ("mitsuba", "drjit")]
    stamp = library.stat().st_mtime_ns if library and library.exists() else 0
    driver = _DRIVER.read_text() if variant == "cuda_ad_rgb" and _DRIVER.exists() else ""
    probe = hashlib.sha256(_PROBE.encode()).hexdigest()[:8]
    return " ".join([variant, *versions, sys.executable, str(library), str(stamp), probe, *driver.split()])


def _probe(variant: Variant, library: Path | None) -> tuple[str, bool]:
    """The failure or "", and whether it is sure: a machine that was busy for a minute may manage another time."""
    environment = os.environ | ({LLVM_VARIABLE: str(library)} if library else {})
    command = [sys.executable, "-c", _PROBE, variant]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PROBE_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"the probe did not finish: {error}", False
    if done.returncode == 0 and done.stdout.startswith("rendered True"):
        return "", True
    lines = (done.stderr or done.stdout).strip().splitlines()
    return f"exit code {done.returncode}: {lines[-1] if lines else 'no message'}", True


def _notes() -> Path:
    return cache_folder() / "mitsuba_variants.json"


def _remembered() -> dict[str, Any]:
    """What earlier probes found; a file that cannot be read is as good as none."""
    with suppress(OSError, ValueError):
        notes = json.loads(_notes().read_text())
        return notes if isinstance(notes, dict) else {}
    return {}


def _remember(known: dict[str, Any]) -> None:
    """A cache that cannot be written costs time, not the run."""
    with suppress(OSError, MeshError), placing(_notes()) as stream:
        stream.write(json.dumps(known, indent=1, sort_keys=True).encode())
