"""Labels, records, people and the preview's pictures are the same bits whatever a processor can do.

numpy, OpenBLAS and numba choose their code by the processor; processes that are told otherwise stand for machines.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from numpy._core import _multiarray_umath

from meshes.assets.store import MIRROR_VARIABLE

Asked = list[dict[str, Any]]

BUILT_IN: Asked = [
    {"name": "usc2019"},
    {"name": "portrait", "glasses": 1.0, "hats": 1.0, "earrings": 1.0},
    {"name": "phone", "headphones": 1.0, "held": 1.0},
]
FETCHED: Asked = [
    {"name": "portrait", "heads": ["ict"]},
    {"name": "portrait", "heads": ["ict:painted"], "clothes": ["wardrobe"], "hair_cards": 1.0, "brow_cards": 1.0},
    {"name": "portrait", "heads": ["valid"]},
    {"name": "portrait", "heads": ["makehuman"], "clothes": ["wardrobe"], "hair_cards": 1.0},
]

FASTER = [name for name in _multiarray_umath.__cpu_dispatch__ if _multiarray_umath.__cpu_features__[name]]
"""What numpy has faster loops for, of what this processor can do."""

MACHINES = {
    "this one": {},
    "an old one": {"NPY_DISABLE_CPU_FEATURES": " ".join(FASTER), "OPENBLAS_CORETYPE": "Prescott"},
    "a server": {"OPENBLAS_CORETYPE": "SkylakeX"},
    "one of 2008": {
        "NPY_DISABLE_CPU_FEATURES": " ".join(FASTER),
        "OPENBLAS_CORETYPE": "Nehalem",
        "NUMBA_CPU_NAME": "nehalem",
        "NUMBA_CPU_FEATURES": "+sse2,+sse3,+ssse3,+sse4.1,+sse4.2",
    },
}


def on(machine: str, asked: Asked, folder: Path) -> dict[str, Any]:
    """What a process of that kind makes, whose cache of registrations is empty at first."""
    cache = folder / machine.replace(" ", "-")
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("told_bits.py")), json.dumps(asked)],
        env={**os.environ, **MACHINES[machine], "DATAGEN_CACHE": str(cache)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_a_process_can_be_told_to_be_an_old_machine(tmp_path):
    if not FASTER:
        pytest.skip("numpy has no faster loops for this processor")
    assert set(FASTER) <= set(on("this one", [], tmp_path)["features"])
    assert not set(FASTER) & set(on("an old one", [], tmp_path)["features"])


def test_the_built_in_people_are_the_same_on_every_processor(tmp_path):
    assert on("this one", BUILT_IN, tmp_path)["found"] == on("an old one", BUILT_IN, tmp_path)["found"]


@pytest.mark.slow
def test_all_people_are_the_same_on_every_processor(tmp_path):
    if not os.environ.get(MIRROR_VARIABLE):
        pytest.skip(f"{MIRROR_VARIABLE} names no mirror of ICT, VALID and the wardrobe")
    first, *others = (on(machine, [*BUILT_IN, *FETCHED], tmp_path)["found"] for machine in MACHINES)
    assert all(other == first for other in others)
