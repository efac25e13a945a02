"""docs/scans.md is run: its description, its commands and its program, on a scan made here."""

import json
import re
import shlex
from dataclasses import fields
from pathlib import Path

import numpy as np
import trimesh

from datagen import PairDataset
from datagen.cli import main
from meshes.head import Pose
from meshes.makehuman import MakeHuman
from meshes.parts import Part
from meshes.scan import ScanOptions

SKIN = (Part.FACE, Part.NOSE, Part.LIPS, Part.EAR_LEFT, Part.EAR_RIGHT, Part.SCALP, Part.NECK)
PAGE = (Path(__file__).resolve().parents[1] / "docs" / "scans.md").read_text()


def snippets(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def scan_of_anna(path: Path) -> None:
    """The skin of somebody of the embedded model, in millimetres, somewhere in the scanner's frame."""
    model = MakeHuman()
    head = model.head(model.sample_identity(np.random.default_rng(11)), {}, Pose())
    faces = head.surface.faces[np.isin(head.surface.part, SKIN)]
    mesh = trimesh.Trimesh(1000.0 * head.surface.vertices + [3.0, 1600.0, -2.0], faces, process=False)
    mesh.remove_unreferenced_vertices()
    path.write_bytes(mesh.export(file_type="ply"))


def test_the_page_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    scan_of_anna(Path("anna.ply"))
    (description,) = snippets("json")
    Path("anna.json").write_text(description)
    for line in "".join(snippets("sh")).splitlines():
        program, *words = shlex.split(line)
        assert (program, main(words)) == ("datagen", 0), line
    meta = PairDataset("anna-set").meta(0)
    assert meta["assets"][0]["credit"] == json.loads(description)["credit"]
    assert meta["expression"] == {}
    assert meta["pose"]["gaze_left"] == meta["pose"]["gaze_right"] == [0.0, 0.0]
    (program,) = snippets("python")
    names: dict = {}
    exec(compile(program, "scans.md", "exec"), names)
    assert 0.050 < names["scan"].ipd_m < 0.075
    assert "mm apart, 0.001 m a unit" in capsys.readouterr().out
    assert set(names["head"].surface.part) == {Part.FACE}


def test_the_page_names_every_option():
    named = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.*?) \|", PAGE, re.MULTILINE))))
    assert {field.name for field in fields(ScanOptions)} <= named
