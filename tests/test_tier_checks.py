"""`datagen doctor` on colour tiers: one sentence each, whatever a tier's process does."""

import subprocess
import sys
import time
from typing import get_args, get_type_hints

import pytest

from datagen import tier_checks
from datagen.colour import TIERS
from datagen.recipe import Recipe
from meshes.errors import UserError


def asked(script: str, limit_s: float = 60.0) -> str:
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    return tier_checks.answer(process, time.monotonic() + limit_s, limit_s)


def test_every_tier_of_a_recipe_has_its_sentence():
    named = set(get_args(get_type_hints(Recipe)["colour"]))
    assert named == set(TIERS) == {*tier_checks.PREVIEW, *tier_checks.DESCRIBE}


def test_a_tier_that_works_says_with_what():
    assert asked("print('OpenGL by egl: llvmpipe')") == "OpenGL by egl: llvmpipe"


def test_a_tier_that_lacks_something_says_what_to_do():
    script = f"import sys; print('expected mitsuba, got none; pip install it'); sys.exit({tier_checks.REFUSED})"
    assert asked(script) == "not here: expected mitsuba, got none; pip install it"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("import os; os.abort()", "broken: its process ended with exit code -6: it said nothing"),
        ("raise RuntimeError('no such symbol')", "broken: its process ended with exit code 1: RuntimeError: no such"),
    ],
)
def test_a_tier_that_dies_is_told_and_takes_nothing_with_it(script, said):
    assert asked(script).startswith(said)


def test_a_tier_that_hangs_is_left_behind():
    began = time.monotonic()
    assert asked("import time; time.sleep(600)", 0.5).startswith("gave no answer within 0.5 s")
    assert time.monotonic() - began < 60


def test_a_tier_that_refuses_ends_with_its_own_exit_code(monkeypatch, capsys):
    def refuse() -> str:
        raise UserError("expected a GPU, got none; buy one")

    monkeypatch.setitem(tier_checks.DESCRIBE, "photo", refuse)
    assert tier_checks._main("photo") == tier_checks.REFUSED
    assert capsys.readouterr().out == "expected a GPU, got none; buy one\n"


def test_all_tiers_are_told_apart():
    said = tier_checks.findings(0.05)
    assert list(said) == ["preview", "photo", "blender", "pyrender", "pytorch3d"]
    assert all(said.values())
