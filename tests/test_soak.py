"""Long runs: memory and open files stay flat over two thousand samples of ever new people."""

import gc
import os
from pathlib import Path

import pytest

from datagen import Recipe, render_sample
from datagen.presets import PRESETS
from datagen.render import encode

SAMPLES, WARM_UP = 2000, 400
PAGE_MIB = os.sysconf("SC_PAGE_SIZE") / 2**20


def resident_mib() -> float:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_MIB


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc to read the resident memory")
def test_memory_and_open_files_stay_flat():
    recipe = Recipe(**{**vars(PRESETS["portrait"]), "size": 64})
    resident, files = [], []
    for index in range(SAMPLES):
        encode(render_sample(recipe, 0, index))
        if index >= WARM_UP and index % 100 == 0:
            resident.append(resident_mib())
            files.append(open_files())
    assert max(resident) - resident[0] < 64, f"MiB every 100 samples: {[round(r) for r in resident]}"
    assert len(set(files)) == 1
