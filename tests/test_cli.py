"""The command line as a user meets it: help that writes nothing, errors that teach, exit codes that tell."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from datagen.cli import main
from datagen.presets import PRESETS

ROOT = Path(__file__).resolve().parents[1]
COMMANDS = ("generate", "verify", "view", "sheet", "scene", "bench", "doctor", "presets", "assets", "animate", "people")
SMALL = ["--size", "48", "--pairs", "2", "--shard-pairs", "1"]


def run(*words: object) -> int:
    return main([str(word) for word in words])


@pytest.fixture(scope="module")
def small_set(tmp_path_factory):
    out = tmp_path_factory.mktemp("cli") / "set"
    assert run("generate", out, "--recipe", "selfie", *SMALL) == 0
    return out


@pytest.mark.parametrize("words", [["--help"], *[[command, "--help"] for command in COMMANDS]])
def test_help_writes_nothing(words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as exit_info:
        main(words)
    assert exit_info.value.code == 0
    assert "usage: datagen" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


def test_every_recipe_field_is_an_option(capsys):
    with pytest.raises(SystemExit):
        main(["generate", "--help"])
    text = capsys.readouterr().out
    assert all(f"--{field.replace('_', '-')}" in text for field in PRESETS["usc2019"].to_json())


def test_the_named_recipe_is_overridden_by_its_options(tmp_path):
    assert run("generate", tmp_path / "o", "--recipe", "usc2019", "--near-m", 0.3, 0.4, *SMALL) == 0
    recipe = json.loads((tmp_path / "o" / "run.json").read_text())["recipe"]
    assert (recipe["near_m"], recipe["background"], recipe["size"]) == ([0.3, 0.4], "black", 48)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["generate", "o", "--recipe", "nosuch"], "expected one of portrait"),
        (["generate", "o", "--near-m", "2", "1"], "--near-m: expected LOW <= HIGH"),
        (["generate", "o", "--heads", "makehumna"], "Did you mean makehuman?"),
        (["generate", "o", "--heads", "scan:missing.obj"], "missing.obj"),
        (["generate", "o", "--lights", "missing.hdr"], "missing.hdr"),
        (["verify", "nowhere"], "nowhere"),
        (["view", "nowhere"], "nowhere"),
        (["scene", "nowhere", "0", "--out", "s.npz"], "nowhere"),
        (["presets", "nosuch"], "expected one of portrait"),
    ],
)
def test_user_errors_are_one_message_and_leave_nothing(words, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(words) in (1, 2)
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert said in error
    assert "Traceback" not in error
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "words", [["generate"], ["generate", "o", "--sede", "3"], ["nosuch"], ["scene", "o", "x", "--out", "s"]]
)
def test_misuse_exits_with_two(words, capsys):
    with pytest.raises(SystemExit) as exit_info:
        main(words)
    assert exit_info.value.code == 2
    assert "Traceback" not in capsys.readouterr().err


def test_generate_then_verify_then_view(small_set, capsys):
    assert run("verify", small_set) == 0
    assert run("view", small_set) == 0
    assert str(small_set / "view.html") in capsys.readouterr().out
    assert (small_set / "view.html").is_file()


def test_generating_again_changes_nothing(small_set):
    before = {p.name: p.read_bytes() for p in small_set.glob("shard-*")}
    assert run("generate", small_set, "--recipe", "selfie", *SMALL) == 0
    assert {p.name: p.read_bytes() for p in small_set.glob("shard-*")} == before


def test_another_run_in_the_folder_is_refused(small_set, capsys):
    assert run("generate", small_set, "--recipe", "selfie", *SMALL, "--seed", 5) == 1
    assert "seed" in capsys.readouterr().err


def test_verify_tells_damage_by_its_exit_code(small_set, tmp_path, capsys):
    import shutil

    copy = shutil.copytree(small_set, tmp_path / "copy")
    shard = copy / "shard-000000.tar"
    data = bytearray(shard.read_bytes())
    data[5000] ^= 1
    shard.write_bytes(data)
    assert run("verify", copy) == 1
    assert "shard-000000.tar" in capsys.readouterr().out


def test_sheet_writes_a_picture(small_set, tmp_path):
    assert run("sheet", small_set, "--out", tmp_path / "s.webp", "--rows", 2, "--cell-px", 32) == 0
    assert (tmp_path / "s.webp").stat().st_size > 100


def test_scene_rebuilds_a_sample(small_set, tmp_path):
    assert run("scene", small_set, 1, "--out", tmp_path / "s.npz") == 0
    with np.load(tmp_path / "s.npz") as scene:
        assert scene["vertices"].dtype == np.float64
        assert scene["faces"].max() < len(scene["vertices"])
        assert int(scene["height"]) == int(scene["width"]) == 48


def test_scene_refuses_an_index_outside_the_set(small_set, tmp_path, capsys):
    assert run("scene", small_set, 2, "--out", tmp_path / "s.npz") == 2
    assert "expected 0 to 1" in capsys.readouterr().err


def test_presets_print_as_json(capsys):
    assert run("presets", "cmdp") == 0
    assert json.loads(capsys.readouterr().out)["near_sequence_m"][0] == 0.61


def test_ctrl_c_inside_a_compiled_kernel_is_one_message(monkeypatch, capsys):
    def interrupted(self):
        raise SystemError("returned a result with an exception set") from KeyboardInterrupt()

    monkeypatch.setattr("datagen.cli.Doctor.run", interrupted)
    assert run("doctor") == 130
    assert "stopped by Ctrl-C" in capsys.readouterr().err


def test_doctor_names_every_part(capsys):
    assert run("doctor") == 0
    text = capsys.readouterr().out
    assert all(
        word in text
        for word in ("Machine", "numba", "GPU", "Assets", "embreex", "meshoptimizer", "h5py", "onnxruntime")
    )


def test_the_installed_command_answers():
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "datagen.cli", "presets"]
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60)
    assert all(name in answer.stdout for name in PRESETS)
