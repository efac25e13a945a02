"""Long runs: memory and open files stay flat over many samples of ever new people."""

import gc
import multiprocessing
import os
from pathlib import Path

import pytest

from datagen import Recipe, render_sample
from datagen.presets import PRESETS
from datagen.render import encode

SAMPLES, WARM_UP, EVERY = 1500, 300, 50
PAGE_MIB = os.sysconf("SC_PAGE_SIZE") / 2**20
LEAK_MIB = 15
"""A leak of 20 KiB a sample, the size of a small array, raises the floor by more between the thirds of a run."""


def resident_mib() -> float:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_MIB


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def growth_mib(resident: list[float]) -> float:
    """By how much the floor rises from the first third to the last. Single people with much hair make peaks, which
    say nothing; what is never given back raises the floor."""
    third = len(resident) // 3
    return min(resident[-third:]) - min(resident[:third])


def watched() -> tuple[list[float], list[int]]:
    """Resident memory and open files after every so many samples."""
    recipe = Recipe(**{**vars(PRESETS["portrait"]), "size": 64})
    resident, files = [], []
    for index in range(SAMPLES):
        encode(render_sample(recipe, 0, index))
        if index >= WARM_UP and index % EVERY == 0:
            resident.append(resident_mib())
            files.append(open_files())
    return resident, files


def test_a_leak_is_told_from_peaks():
    readings = (SAMPLES - WARM_UP) // EVERY
    peaks = [600 + 70 * (n % 4 == 3) for n in range(readings)]
    assert growth_mib(peaks) == 0
    assert growth_mib([mib + n * EVERY * 20 / 1024 for n, mib in enumerate(peaks)]) > LEAK_MIB


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc to read the resident memory")
def test_memory_and_open_files_stay_flat():
    # A process of its own, so that nothing that other tests left behind is measured.
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        resident, files = pool.apply(watched)
    told = f"MiB every {EVERY} samples: {[round(r) for r in resident]}"
    assert growth_mib(resident) < LEAK_MIB, told
    assert max(resident) - min(resident) < 160, told
    assert len(set(files)) == 1
