"""The allocator setting: it must really stop a process from paying for the same pages again."""

import platform
import subprocess
import sys

import pytest

from renderers.memory import keep_freed_memory

PROGRAM = """
import resource, sys
import numpy as np
from renderers.memory import keep_freed_memory
if sys.argv[1] == "keep" and not keep_freed_memory():
    sys.exit(3)
def images():
    return [np.ones((512, 512, 3)) for _ in range(12)]
for _ in range(3):
    images()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    images()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(mode: str) -> int:
    run = subprocess.run([sys.executable, "-c", PROGRAM, mode], capture_output=True, text=True, check=False)
    if run.returncode == 3:
        pytest.skip("the C library has no mallopt")
    assert run.returncode == 0, run.stderr
    return int(run.stdout)


def test_pages_are_paid_for_once():
    assert faults("keep") < 100
    assert faults("plain") > 10 * faults("keep")


def test_the_answer_says_whether_it_was_set():
    assert keep_freed_memory() == (platform.libc_ver()[0] == "glibc")
