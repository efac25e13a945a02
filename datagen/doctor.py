"""What this machine has, and what each optional part would need."""

import importlib
import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from datagen.tier_checks import findings
from meshes.assets import cards
from meshes.assets.store import present

CORE = ("numpy", "scipy", "numba", "trimesh", "pillow", "zstandard", "tyro", "rich")
_EVAL = ", for `datagen people` and `make realism`: pip install 'perspective-portraits[eval]'"
OPTIONAL = {
    "embreex": "the yardstick of `datagen bench` and the second oracle of the tests: pip install embreex",
    "DracoPy": "reads Draco-compressed GLB scans: pip install DracoPy",
    "OpenEXR": "reads .exr environment maps: pip install OpenEXR",
    "torch": "training and DataLoader: pip install torch",
    "meshoptimizer": "reads the VALID people: pip install 'perspective-portraits[valid]'",
    "h5py": "reads the Basel Face Model of 2017 and 2019: pip install 'perspective-portraits[bfm]'",
    "opencv-contrib-python-headless": f"finds faces{_EVAL}",
    "onnxruntime": f"compares faces{_EVAL}",
    "onnx": f"reads the file of the network that compares faces{_EVAL}",
    "dlib-bin": f"compares faces a second way{_EVAL}",
    "webdataset": "streams the shards in webdataset pipelines: pip install webdataset",
}


def report() -> str:
    """The findings, as text for a terminal."""
    sections = (_machine(), _packages(), _tiers(), _gpu(), _browser(), _assets())
    return "\n\n".join(f"{title}\n" + "\n".join(f"  {line}" for line in lines) for title, lines in sections)


def usable_cores() -> int | None:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def _machine() -> tuple[str, list[str]]:
    return "Machine", [
        f"Python {platform.python_version()} at {sys.executable}",
        f"{platform.system()} {platform.machine()}, {usable_cores()} cores usable",
        f"{shutil.disk_usage('.').free / 2**30:.0f} GiB free in {Path.cwd()}",
    ]


def _packages() -> tuple[str, list[str]]:
    width = max(map(len, OPTIONAL))
    lines = [f"{name:{width}s} {_version(name) or 'MISSING: pip install ' + name}" for name in CORE]
    lines += [f"{name:{width}s} {_version(name) or 'not installed; ' + use}" for name, use in OPTIONAL.items()]
    return "Packages", lines


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _tiers() -> tuple[str, list[str]]:
    return "Colour tiers (--colour; docs/renderers.md)", [f"{name:10s} {said}" for name, said in findings().items()]


def _gpu() -> tuple[str, list[str]]:
    if shutil.which("nvidia-smi") is None:
        return "GPU", ["none found; everything here runs on the CPU and gives the same labels"]
    query = ["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError) as error:
        return "GPU", [f"nvidia-smi is there but does not answer ({error}); this version renders on the CPU"]
    return "GPU", [*answer.strip().splitlines(), "this version renders on the CPU only"]


def _browser() -> tuple[str, list[str]]:
    found = shutil.which("chromium") and shutil.which("chromedriver")
    return "Browser test", [
        "chromium and chromedriver found" if found else "needs apt install chromium chromium-driver"
    ]


def _assets() -> tuple[str, list[str]]:
    lines = ["makehuman            built in (CC0)"]
    for card in cards().values():
        found = present(card.packed)
        lines.append(f"{card.name:20s} {found or 'not found'} - {card.title} ({card.licence})")
    return "Assets", [*lines, "`datagen assets info NAME` says how to get one; docs/assets.md"]
