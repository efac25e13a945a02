"""What hostile and clumsy users do to the commands: one message, the right exit status, nothing lost, nothing left."""

import hashlib
import json
import os
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trimesh

from datagen.cli import main
from datagen.database import RUN_FILE
from datagen.generate import command_of, run_of
from datagen.heads import open_model
from datagen.plan import plan_sample
from datagen.presets import PRESETS
from datagen.recipe import Recipe
from datagen.scene import build_light
from datagen.verify import verify
from meshes.errors import UserError
from renderers.environment import packaged_maps, read_light
from renderers.radiance import LightError

ROOT = Path(__file__).resolve().parents[1]
SMALL = ["--size", "24", "--pairs", "4", "--shard-pairs", "2", "--lights", "studio", "--background", "black"]
PUPILS = [[0.031, 0.0, 0.012], [-0.031, 0.0, 0.012]]


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ball.ply, a 10 cm sphere whose surface passes near the pupils."""
    folder = tmp_path_factory.mktemp("scans")
    ball = trimesh.creation.icosphere(3, 0.1).apply_translation((0.0, 0.0, -0.08))
    (folder / "ball.ply").write_bytes(ball.export(file_type="ply"))
    return folder


@pytest.fixture(scope="module")
def small_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("small") / "set"
    assert main(["generate", str(out), *SMALL]) == 0
    return out


def described(folder: Path, **options: object) -> str:
    """A --heads value for a description of the ball with these options, in a file of its own."""
    text = json.dumps({"scan": "ball.ply", "eyes": PUPILS, **options})
    path = folder / f"{hashlib.sha256(text.encode()).hexdigest()[:8]}.json"
    path.write_text(text)
    return f"scan:{path}"


def digests(folder: Path) -> dict[str, str]:
    files = (path for path in folder.iterdir() if path.name != ".lock")
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def refused(words: list[str], status: int, said: str, capsys: pytest.CaptureFixture) -> None:
    assert main(words) == status
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert said in error


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"ipd": 0.06}, ".json: expected options among"),
        ({"ipd_m": "63mm"}, "expected a positive number for ipd_m, got '63mm'"),
        ({"ipd_m": True}, "expected a positive number for ipd_m, got True"),
        ({"ipd_m": 10**400}, "expected a positive number for ipd_m"),
        ({"ipd_m": 0.06, "metres_per_unit": 1.0}, "expected metres_per_unit or ipd_m, got both"),
        ({"eyes": "pupils"}, "expected two different eye points (x, y, z) for eyes, got 'pupils'"),
        ({"eyes": [[0, 0, 0], [1, 1]]}, "expected two different eye points"),
        ({"eyes": [{"x": 1}, {"x": 2}]}, "expected two different eye points"),
        ({"eyes": [[100, 0, 0], [100.063, 0, 0]]}, "expected eyes within 30 mm of the scan, got one 9.996e+04 mm away"),
        ({"up": ["+y"]}, "for up, got ['+y']"),
        ({"flip_v": "no"}, "expected true or false for flip_v, got 'no'"),
        ({"texture": 5}, "expected the path of a file for texture, got 5"),
        ({"licence": 5}, "expected an SPDX name for licence, got 5"),
        ({"licence": " "}, "expected an SPDX name for licence"),
        ({"credit": 5}, "expected a line of text for credit, got 5"),
    ],
)
def test_scan_descriptions_are_checked_by_type(scans, tmp_path, capsys, options, said):
    refused(["generate", str(tmp_path / "o"), "--heads", described(scans, **options), *SMALL], 1, said, capsys)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["[" * 100_000, "[1, 2]", '"x"', '{"scan": 5}', "\x00", ""])
def test_files_that_describe_no_scan(tmp_path, capsys, text):
    (tmp_path / "a.json").write_text(text)
    refused(["generate", str(tmp_path / "o"), "--heads", f"scan:{tmp_path / 'a.json'}"], 1, "Name the scan", capsys)
    assert not (tmp_path / "o").exists()


def test_a_null_option_is_left_out(scans):
    assert open_model(described(scans, ipd_m=None)).rest.eye_centres.shape == (2, 3)


def test_an_uncredited_scan_stops_the_run_before_it_begins(scans, tmp_path, capsys):
    heads = described(scans, licence="CC-BY-4.0")
    refused(["generate", str(tmp_path / "o"), "--heads", heads], 2, "expected a credit line for asset", capsys)
    assert not list(tmp_path.iterdir())


def test_a_scan_without_colour_is_not_burnt_out(scans, tmp_path):
    out, even = tmp_path / "set", tmp_path / "even.hdr"
    even.write_bytes(hdr())
    words = ["--heads", described(scans), "--light-level", "0.28", "0.28", "--lights", str(even)]
    assert main(["generate", str(out), *SMALL, "--size", "32", *words]) == 0
    assert verify(out).ok


def test_obj_files_may_name_things_in_an_old_code(tmp_path):
    ball = trimesh.creation.icosphere(3, 0.1).apply_translation((0.0, 0.0, -0.08))
    (tmp_path / "ball.ply").write_bytes(b"")
    (tmp_path / "ball.obj").write_bytes(b"# J\xfcrgen\n" + ball.export(file_type="obj").encode())
    faces = open_model(described(tmp_path, scan="ball.obj")).rest.surface.faces
    assert len(faces) == len(ball.faces)


@pytest.mark.parametrize("damage", ["objects", "another kind", "a flipped byte"])
def test_damaged_packs_are_refused_without_advice_to_unpickle(tmp_path, capsys, damage):
    path = tmp_path / "ict.npz"
    neutral = np.array([{}], object) if damage == "objects" else np.random.default_rng(0).random(5000)
    np.savez_compressed(path, neutral=neutral)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 255 * (damage == "a flipped byte")
    path.write_bytes(b"no zip" if damage == "another kind" else data)
    assert main(["generate", str(tmp_path / "o"), "--heads", f"ict:{path}"]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"error: {path}: expected a packed ICT-FaceKit npz")
    assert "unsafely" not in error
    assert not (tmp_path / "o").exists()


def hdr(size: bytes = b"-Y 4 +X 8", kind: bytes = b"rgbe", pixel: bytes = b"\x80\x80\x80\x80") -> bytes:
    return b"#?RADIANCE\nFORMAT=32-bit_rle_" + kind + b"\n\n" + size + b"\n" + 32 * pixel


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (hdr(size=b"-Y abc +X def"), "expected 1 to 16384 rows"),
        (hdr(size=b"-Y -4 +X -8"), "expected 1 to 16384 rows"),
        (hdr(size=b"-Y 1000000 +X 2000000"), "expected 1 to 16384 rows"),
        (hdr(kind=b"xyze"), "expected the format 32-bit_rle_rgbe, got xyze"),
        (hdr(pixel=b"\xff\xff\xff\xff"), "expected the brightest pixel within 1e-12 to 1e+12, got 1.7e+38"),
        (hdr(pixel=b"\x80\x80\x80\x01"), "expected the brightest pixel within 1e-12 to 1e+12"),
    ],
)
def test_maps_that_would_upset_a_kernel_are_refused(tmp_path, data, said):
    path = tmp_path / "map.hdr"
    path.write_bytes(data)
    with pytest.raises(LightError) as caught:
        read_light(path)
    assert said in str(caught.value)
    path.write_bytes(hdr())
    assert np.isfinite(read_light(path).radiance).all()


def test_an_unknown_light_is_answered_with_the_names(tmp_path, capsys):
    words = ["generate", str(tmp_path / "o"), "--lights", "nosuchmap"]
    refused(words, 2, "expected studio, maps, a .hdr or .exr file, or one of apartment", capsys)


def test_every_packaged_map_can_be_asked_for():
    """None hides behind the procedural "studio", which has no assets."""
    assert "studio" not in packaged_maps()
    for name in packaged_maps():
        plan = plan_sample(Recipe(lights=(name,)), 0, 0)
        light, exposure = build_light(0, 0, plan.light)
        assert light.asset_ids == (f"polyhaven/{name}",)
        assert 0 < exposure < np.inf


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["generate", "o", "--pairs", "0"], "pairs: expected an integer >= 1, got 0"),
        (["generate", "o", "--pairs", "-3"], "pairs: expected an integer >= 1, got -3"),
        (["generate", "o", "--shard-pairs", "0"], "shard_pairs: expected an integer >= 1"),
        (["generate", "o", "--workers", "-1"], "workers: expected 0 or more, got -1"),
        (["verify", "nowhere"], "nowhere: expected a database"),
        (["view", "nowhere"], "nowhere: expected a database"),
        (["view", "SET", "--samples", "0"], "samples: expected at least 1"),
        (["scene", "SET", "-1", "--out", "s.npz"], "index: expected 0 to 3"),
        (["scene", "SET", "0", "--out", "s.obj"], "expected a name that ends in .npz, .glb or .xml"),
        (["sheet", "SET", "--out", "s.gif"], "expected a name that ends in .png"),
        (["sheet", "SET", "--out", "s.png", "--rows", "0"], "expected rows >= 1"),
        (["sheet", "SET", "--out", "s.png", "--cell-px", "0"], "expected rows >= 1 and cells of 1 to 2048 px"),
        (["generate", "o", "--light-level", "0", "0"], "--light-level: expected LOW <= HIGH within 0.01 to 1"),
        (["generate", "o", "--without-layers", *Recipe().layers], "expected at least one layer left to write"),
        (["bench", "--size", "0"], "bench: expected --size 16 to 8192"),
    ],
)
def test_misuse_exits_with_two_and_leaves_nothing(words, said, small_set, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    refused([str(small_set) if word == "SET" else word for word in words], 2, said, capsys)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("words", [["view", "SET"], ["scene", "SET", "0"], ["sheet", "SET"]])
def test_a_missing_folder_is_told_by_the_name_the_user_gave(words, small_set, tmp_path, capsys):
    out = tmp_path / "none" / {"view": "v.html", "scene": "s.npz", "sheet": "s.png"}[words[0]]
    said = f"{out}: expected to read and write here, got No such file or directory; make its folder first."
    refused([*(str(small_set) if word == "SET" else word for word in words), "--out", str(out)], 1, said, capsys)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda run: run.update(pairs=0), "run.json: expected a run, got another value (pairs: expected an integer"),
        (lambda run: run.update(seed="x"), "run.json: expected a run, got another value (seed: expected an integer"),
        (lambda run: run["recipe"].update(size="big"), "run.json: expected the recipe of the set"),
        (lambda run: run["recipe"].update(peopel=3), "run.json: expected the recipe of the set"),
        (lambda run: run["recipe"].pop("lights"), "run.json: expected a recipe that gives the run's layers"),
        (lambda run: run.update(recipe=[1]), "run.json: expected the recipe of the set"),
    ],
)
def test_a_changed_run_file_is_damage(small_set, tmp_path, capsys, change, said):
    copy = shutil.copytree(small_set, tmp_path / "copy")
    run = json.loads((copy / RUN_FILE).read_text())
    change(run)
    (copy / RUN_FILE).write_text(json.dumps(run))
    refused(["scene", str(copy), "0", "--out", str(tmp_path / "s.npz")], 1, said, capsys)
    assert not (tmp_path / "s.npz").exists()


def test_shards_without_their_run_file_are_damage_and_stay(small_set, tmp_path, capsys):
    copy = shutil.copytree(small_set, tmp_path / "copy")
    (copy / RUN_FILE).unlink()
    before = digests(copy)
    refused(["verify", str(copy)], 1, "expected run.json beside the shards, found none", capsys)
    refused(["generate", str(copy), *SMALL], 1, "nothing was touched", capsys)
    assert digests(copy) == before


def test_a_card_depends_on_the_run_alone(small_set, tmp_path):
    other = tmp_path / "another name"
    assert main(["generate", str(other), *SMALL, "--workers", "2"]) == 0
    assert digests(other) == digests(small_set)
    assert str(other) not in (other / "README.md").read_text()


def test_the_command_on_a_card_makes_the_same_run(tmp_path, monkeypatch, capsys):
    recipe = replace(PRESETS["cmdp"], far_m=float("inf"), near_sequence_m=(), lights=("studio", "my map.hdr"), size=24)
    recipe = replace(recipe, near_m=(0.3, 0.5), background_rgb=None)
    run = run_of("cmdp", recipe, seed=-1, pairs=3, shard_pairs=2)
    made = []
    monkeypatch.setattr("datagen.generate.generate_with_bar", lambda run, *rest: made.append(run) or _stop())
    assert main(shlex.split(command_of(run))[1:]) == 1
    assert made == [run]


def _stop() -> None:
    raise UserError("the run is known; nothing needs to be made")


def start(out: Path, *words: str, **options: object) -> subprocess.Popen:
    command = [sys.executable, "-m", "datagen.cli", "generate", str(out), *words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, **options)  # type: ignore[call-overload]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_exits_with_its_signal_and_resumes(small_set, tmp_path, number):
    out = tmp_path / "set"
    process = start(out, *SMALL)
    deadline = time.monotonic() + 60
    while not (out / RUN_FILE).exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(number)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert error.startswith(f"error: {out}: expected to finish, got {number.name}.")
    assert not list(out.glob("*.part"))
    assert main(["generate", str(out), *SMALL]) == 0
    assert digests(out) == digests(small_set)


def test_a_full_disk_is_one_message_and_a_resume(small_set, tmp_path):
    """The limit on a file's size stands in for the disk: the same error, met at the same place."""
    out, limit = tmp_path / "set", (small_set / "shard-000000.tar").stat().st_size // 2
    process = start(out, *SMALL, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    _, error = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "free some space and run the same command again; finished shards are kept" in error
    assert "Traceback" not in error
    assert {path.name for path in out.iterdir()} == {".lock", RUN_FILE}
    assert main(["generate", str(out), *SMALL]) == 0
    assert digests(out) == digests(small_set)


def test_a_reader_that_goes_away_is_no_error():
    command = [sys.executable, "-m", "datagen.cli", "presets", "cmdp"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, **pipes) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 128 + signal.SIGPIPE


def test_a_camera_in_the_head_is_told_once(tmp_path, capsys):
    words = ["generate", str(tmp_path / "o"), *SMALL, "--near-m", "0.1", "0.1", "--yaw-deg", "180", "180"]
    assert main(words) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: sample 0: expected the near camera at least 3 cm off the person, got ")
    assert error.endswith(
        "narrow --yaw-deg and --pitch-deg. Finished shards are intact; mend the cause and run the same command again.\n"
    )


@pytest.mark.parametrize("layers", ["near_rgb far_rgb", "near_depth_axis_m", "flow_near_to_far"])
def test_sets_of_few_layers_verify(tmp_path, layers):
    out = tmp_path / "set"
    without = set(Recipe().layers) - set(layers.split())
    assert main(["generate", str(out), "--without-layers", *sorted(without), *SMALL, "--size", "32"]) == 0
    assert verify(out).ok
    assert main(["sheet", str(out), "--out", str(tmp_path / "s.png")]) == 2
    assert main(["view", str(out)]) == (0 if "rgb" in layers else 2)
