"""Docs that are run: the README's lines of use, the example program, and every link between pages."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from datagen.cli import main

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_the_readme_lines_of_use_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["generate", "out", "--pairs", "8", "--size", "64", "--shard-pairs", "8"]) == 0
    (lines,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    names: dict = {}
    exec(compile(lines, "README.md", "exec"), names)
    assert names["flow"].shape == (64, 64, 2)
    assert names["camera"]["distance_m"] > 0


def test_the_example_program_runs(tmp_path):
    picture = tmp_path / "pair.png"
    command = [sys.executable, "-W", "error", str(ROOT / "examples" / "first_pair.py"), str(picture)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    difference = float(re.search(r"mean difference ([\d.]+)", done.stdout)[1])
    assert difference < 6, "near and the far view pulled back by the flow show the same person"
    with Image.open(picture) as image:
        assert image.size == (3 * 512, 512)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#\s]+)\)", page.read_text())
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_files_named_in_backticks_exist(page):
    named = re.findall(r"`((?:meshes|renderers|datagen|tests|examples|docs)/[\w/.]+\.\w+)`", page.read_text())
    assert not [name for name in named if not (ROOT / name).exists()]


def test_the_readme_is_short():
    assert (ROOT / "README.md").read_text().count("\n") < 110
