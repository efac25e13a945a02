"""Tiers of colour: every name leads to a module of the one contract, and what is missing is said before a run."""

import sys
from dataclasses import replace
from types import ModuleType
from typing import get_args

import pytest

from datagen.cli import main
from datagen.colour import TIERS, check_tier, tier
from datagen.recipe import Colour, Recipe
from datagen.scene import check_sources
from meshes.errors import UserError
from renderers import preview


def test_every_name_has_a_module():
    assert set(TIERS) == set(get_args(Colour))


def test_the_default_is_built_in():
    check_tier(Recipe())
    assert tier(Recipe()) is preview.render_views


@pytest.fixture
def a_tier_without_its_package(monkeypatch):
    def check() -> None:
        raise UserError("--colour pyrender: expected the package pyrender, got none. pip install something.")

    module = ModuleType(TIERS["pyrender"])
    module.check = check  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, TIERS["pyrender"], module)
    return replace(Recipe(), colour="pyrender")


def test_a_missing_package_is_said_before_the_run_starts(a_tier_without_its_package, tmp_path, capsys):
    with pytest.raises(UserError, match="expected the package pyrender"):
        check_sources(a_tier_without_its_package)
    assert main(["generate", str(tmp_path / "set"), "--pairs", "1", "--colour", "pyrender"]) == 1
    assert "expected the package pyrender, got none" in capsys.readouterr().err
    assert not list(tmp_path.glob("set/*.tar"))
