"""Engines: the same folder for any number of workers, any order, any interruption; failures are named."""

import functools
import io
import itertools
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from fake import CREDITED, fake_run, fake_sample
from rich.console import Console

from datagen.card import card
from datagen.database import DatabaseError, MisuseError, Share, StoppedError, writing
from datagen.engine import generate
from datagen.progress import progress_bar
from datagen.randomness import generator
from datagen.reader import PairDataset
from datagen.sample import Sample
from datagen.shards import read_record
from datagen.workers import ONE_THREAD, Workers
from renderers.layers import DEFAULT_LAYERS

SIZE = 16
RUN = fake_run(pairs=8, shard_pairs=2, size=SIZE)
make = functools.partial(fake_sample, size=SIZE)

SCRIPT = """
import resource, sys
sys.path.insert(0, {tests!r})
import test_engine as t
if __name__ == "__main__":
    {preamble}
    sys.exit(t.main({out!r}, {workers}, {maker}))
"""


def slow(index: int) -> Sample:
    """A sample that takes its time, so that a signal finds the run at work."""
    time.sleep(0.15)
    return make(index)


def fails_at_5(index: int) -> Sample:
    """A renderer with a fault."""
    if index == 5:
        raise ZeroDivisionError("no area")
    return make(index)


def killed_at_5(index: int) -> Sample:
    """A process that the system kills."""
    if index == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return make(index)


def terminated_at_3(index: int) -> Sample:
    """Asked to stop in the middle of shard 1, by one signal to the process that runs it all."""
    worker = multiprocessing.parent_process() is not None
    if index == 3:
        os.kill(os.getppid() if worker else os.getpid(), signal.SIGTERM)
    elif worker:
        time.sleep(0.3)  # The other worker shall not be through with the run by then.
    return make(index)


def terminated_twice_at_3(index: int) -> Sample:
    """Asked by somebody in a hurry."""
    return terminated_at_3(index) and terminated_at_3(index)


def one_threaded(index: int) -> Sample:
    """Fails unless the numeric libraries were told to use one thread."""
    wrong = {name for name in ONE_THREAD if os.environ.get(name) != "1"}
    if wrong:
        raise RuntimeError(f"not pinned: {wrong}")
    return make(index)


def uncredited(index: int) -> Sample:
    """Uses a CC-BY asset without its credit."""
    sample = make(index)
    return Sample(index, sample.layers, {**sample.meta, "assets": [{**CREDITED, "credit": ""}]})


def main(out: str, workers: int, maker) -> int:
    """What a command does: 0, or a message and a non-zero status."""
    try:
        generate(RUN, out, maker, workers=workers)
    except DatabaseError as error:
        sys.stderr.write(f"error: {error}\n")
        return 128 + error.signal if isinstance(error, StoppedError) else 1
    return 0


def _start(tmp_path: Path, workers: int, preamble: str = "pass") -> subprocess.Popen:
    script = tmp_path / f"run{workers}.py"
    tests = str(Path(__file__).parent)
    fields = {"tests": tests, "out": str(tmp_path / "out"), "workers": workers, "maker": "t.slow"}
    script.write_text(SCRIPT.format(**fields, preamble=preamble))
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    return subprocess.Popen([sys.executable, script], stderr=subprocess.PIPE, env=environment, start_new_session=True)


def _wait_for(path: Path, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} never appeared"
        time.sleep(0.01)


def _content(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir()}


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory) -> dict[str, bytes]:
    """Every file of an uninterrupted run in one process."""
    out = tmp_path_factory.mktemp("engine") / "out"
    generate(RUN, out, make)
    return _content(out)


def test_a_run_counts_and_finishes(tmp_path, unbroken):
    seen = []
    summary = generate(RUN, tmp_path / "out", make, workers=0, progress=lambda done, total: seen.append((done, total)))
    assert (summary.expected, summary.written, summary.resumed) == (8, 8, 0)
    assert seen == [(done, 8) for done in range(9)]
    assert _content(tmp_path / "out") == unbroken
    assert summary.bytes == sum(len(data) for name, data in unbroken.items() if name.endswith(".tar"))
    assert set(unbroken) == {
        *(f"shard-00000{i}.{suffix}" for i in range(4) for suffix in ("tar", "json")),
        *("run.json", "index.json", "README.md", ".lock"),
    }


def test_workers_give_the_same_bytes(tmp_path, unbroken):
    seen = []
    generate(RUN, tmp_path / "out", make, workers=3, progress=lambda done, total: seen.append(done))
    assert _content(tmp_path / "out") == unbroken
    assert seen == list(range(9))


def test_a_finished_set_is_left_as_it_is(tmp_path, unbroken):
    generate(RUN, tmp_path, make)
    before = {p.name: p.stat().st_mtime_ns for p in tmp_path.glob("shard-*")}
    summary = generate(RUN, tmp_path, fails_at_5)
    assert (summary.resumed, summary.written) == (8, 8)
    assert {p.name: p.stat().st_mtime_ns for p in tmp_path.glob("shard-*")} == before


@pytest.mark.parametrize("lost", ["shard-000002.json", "shard-000002.tar", "index.json", "README.md"])
def test_what_is_lost_is_made_again(tmp_path, unbroken, lost):
    generate(RUN, tmp_path, make)
    (tmp_path / lost).unlink()
    generate(RUN, tmp_path, make)
    assert _content(tmp_path) == unbroken


def test_shards_of_any_order_finish_the_same_set(tmp_path, unbroken):
    generate(RUN, tmp_path, make)
    for shard in (0, 3):
        (tmp_path / f"shard-00000{shard}.json").unlink()
    assert generate(RUN, tmp_path, make, workers=2).resumed == 4
    assert _content(tmp_path) == unbroken


@pytest.mark.parametrize("workers", [1, 2])
def test_a_faulty_sample_stops_the_run_by_name(tmp_path, unbroken, workers):
    with pytest.raises(DatabaseError, match="sample 5: expected a sample, got ZeroDivisionError: no area") as caught:
        generate(RUN, tmp_path, fails_at_5, workers=workers)
    assert "fails_at_5" in caught.value.detail
    assert not list(tmp_path.glob("*.part"))
    assert not (tmp_path / "index.json").exists()
    generate(RUN, tmp_path, make)
    assert _content(tmp_path) == unbroken


def test_a_killed_worker_is_noticed(tmp_path, unbroken):
    with pytest.raises(DatabaseError, match=r"shard 2: .*ended with exit code -9"):
        generate(RUN, tmp_path, killed_at_5, workers=2)
    generate(RUN, tmp_path, make)
    assert _content(tmp_path) == unbroken


def test_workers_are_pinned_to_one_thread(tmp_path):
    generate(RUN, tmp_path, one_threaded, workers=2)
    assert len(PairDataset(tmp_path)) == 8


def test_pinning_leaves_this_process_as_it_was(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("NUMBA_NUM_THREADS", raising=False)
    with Workers(1, RUN, tmp_path, make):
        pass
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "NUMBA_NUM_THREADS" not in os.environ


def test_a_callable_that_cannot_travel_is_refused(tmp_path):
    with pytest.raises(DatabaseError, match="expected a callable that can be sent to a process"):
        generate(RUN, tmp_path, lambda index: make(index), workers=2)


def test_negative_workers_are_refused(tmp_path):
    with pytest.raises(DatabaseError, match="workers: expected 0 or more, got -1"):
        generate(RUN, tmp_path / "out", make, workers=-1)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("workers", "number"), [(1, signal.SIGINT), (1, signal.SIGTERM), (2, signal.SIGINT)])
def test_a_signal_stops_cleanly_and_the_run_goes_on_later(tmp_path, unbroken, workers, number):
    out = tmp_path / "out"
    process = _start(tmp_path, workers)
    _wait_for(out / "shard-000000.json")
    # A terminal and many job managers signal the whole group, workers included.
    os.killpg(process.pid, number)
    message = process.communicate(timeout=60)[1].decode()
    assert process.returncode == 128 + number
    assert f"got {number.name}. Finished shards are intact; run the same command again" in message
    assert "Traceback" not in message
    assert not list(out.glob("*.part"))
    assert not (out / "index.json").exists()
    generate(RUN, out, make)
    assert _content(out) == unbroken


@pytest.mark.parametrize("workers", [1, 2])
def test_the_first_sigterm_lets_the_shards_in_work_be_finished(tmp_path, workers):
    run, out = fake_run(pairs=32, shard_pairs=2, size=SIZE), tmp_path / "out"
    with pytest.raises(StoppedError, match=r"got SIGTERM\. Finished shards are intact") as caught:
        generate(run, out, terminated_at_3, workers=workers)
    assert caught.value.signal == signal.SIGTERM
    done = {path.stem for path in out.glob("shard-*")}
    assert {path.name for path in out.glob("shard-*")} == {f"{stem}.{end}" for stem in done for end in ("tar", "json")}
    assert "shard-000001" in done
    assert len(done) < run.shards
    assert not list(out.glob(".*.part"))
    generate(run, out, make)
    generate(run, tmp_path / "unbroken", make)
    assert _content(out) == _content(tmp_path / "unbroken")


def test_a_second_sigterm_stops_at_once(tmp_path, unbroken):
    with pytest.raises(StoppedError, match="got SIGTERM"):
        generate(RUN, tmp_path, terminated_twice_at_3)
    assert {p.name for p in tmp_path.glob("shard-*")} == {"shard-000000.tar", "shard-000000.json"}
    assert not list(tmp_path.glob(".*.part"))


def test_sigterm_in_the_last_shard_is_no_reason_to_leave_it_unfinished(tmp_path):
    short = fake_run(pairs=4, shard_pairs=2, size=SIZE)
    assert generate(short, tmp_path, terminated_at_3).missing == 0
    assert (tmp_path / "index.json").exists()


def test_sigterm_to_the_group_finds_workers_that_are_still_loading(tmp_path, unbroken):
    out = tmp_path / "out"
    process = _start(tmp_path, 2)
    _wait_for(out / "run.json")
    os.killpg(process.pid, signal.SIGTERM)
    message = process.communicate(timeout=60)[1].decode()
    assert (process.returncode, "got SIGTERM" in message) == (128 + signal.SIGTERM, True), message
    generate(RUN, out, make)
    assert _content(out) == unbroken


@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_killed_at_any_moment_ends_in_the_same_bytes(tmp_path, unbroken, workers):
    out = tmp_path / "out"
    for moment in ("run.json", "shard-000000.json", "shard-000002.json"):
        process = _start(tmp_path, workers)
        _wait_for(out / moment)
        time.sleep(0.1)
        process.kill()
        process.communicate(timeout=60)
        # No file at a final name is ever partial: what is there equals the unbroken run.
        done = {name: data for name, data in _content(out).items() if not name.startswith(".")}
        assert done == {name: unbroken[name] for name in done}
        assert "index.json" not in done
    _wait_for_orphans(out)
    generate(RUN, out, make, workers=workers)
    assert _content(out) == unbroken


@pytest.mark.slow
def test_twenty_kills_at_random_moments_end_in_the_same_bytes(tmp_path, unbroken):
    out, rng = tmp_path / "out", generator(0, 0, "kills")
    for _ in range(20):
        process = _start(tmp_path, workers=2)
        time.sleep(rng.uniform(0.2, 2.5))
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=60)
        done = {name: data for name, data in _content(out).items() if name[0] != "."} if out.exists() else {}
        assert done == {name: unbroken[name] for name in done}
    _wait_for_orphans(out)
    generate(RUN, out, make, workers=2)
    assert _content(out) == unbroken


def _wait_for_orphans(out: Path) -> None:
    """Workers of a killed parent leave at their next sample; their parts go with them."""
    deadline = time.monotonic() + 30
    while list(out.glob("*.part")) and time.monotonic() < deadline:
        if not any(Path(f"/proc/{p.name.split('.')[-2]}").exists() for p in out.glob("*.part")):
            return
        time.sleep(0.05)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_full_disk_is_one_clear_error(tmp_path, unbroken, workers):
    # A limit on the size of files stands in for a full disk: writes fail part of the way into a shard.
    out = tmp_path / "out"
    limit = max(len(data) for name, data in unbroken.items() if name.endswith(".tar")) // 2
    process = _start(tmp_path, workers, preamble=f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))")
    message = process.communicate(timeout=60)[1].decode()
    assert process.returncode == 1
    assert "free some space and run the same command again; finished shards are kept" in message
    assert "Traceback" not in message
    assert {p.name for p in out.iterdir()} == {".lock", "run.json"}
    generate(RUN, out, make)
    assert _content(out) == unbroken


def test_two_live_runs_cannot_share_a_folder(tmp_path):
    process = _start(tmp_path, 1)
    _wait_for(tmp_path / "out" / "run.json")
    with pytest.raises(DatabaseError, match="live run holds its lock"):
        generate(RUN, tmp_path / "out", make)
    process.kill()
    process.communicate()


def test_a_slow_disk_changes_nothing(tmp_path, unbroken, monkeypatch):
    slowed = []

    def slowly(call):
        def late(*given, **named):
            slowed.append(call.__name__)
            time.sleep(0.02)
            return call(*given, **named)

        return late

    for name in ("fsync", "replace", "rename", "open", "link"):
        monkeypatch.setattr(os, name, slowly(getattr(os, name)))
    seen = []
    generate(RUN, tmp_path, make, progress=lambda done, total: seen.append(done))
    assert slowed.count("fsync") >= 4
    assert seen == list(range(9))
    assert _content(tmp_path) == unbroken


def test_a_clock_that_jumps_changes_nothing(tmp_path, unbroken, monkeypatch):
    jumps = itertools.cycle([1.7e9, 0.0, 4e9, -1e6])
    monkeypatch.setattr(time, "time", lambda: next(jumps))
    monkeypatch.setattr(time, "time_ns", lambda: int(next(jumps) * 1e9))
    shown = io.StringIO()
    terminal = Console(file=shown, force_terminal=True, width=100)
    monkeypatch.setattr("datagen.progress.Console", lambda **options: terminal)
    with progress_bar("generate") as progress:
        generate(RUN, tmp_path, make, share=Share(1, 2))
        assert generate(RUN, tmp_path, make, progress=progress).missing == 0
    assert "8/8" in shown.getvalue()
    assert _content(tmp_path).items() >= unbroken.items()


def test_it_runs_in_a_thread_too(tmp_path, unbroken):
    thread = threading.Thread(target=generate, args=(RUN, tmp_path, make))
    thread.start()
    thread.join()
    assert _content(tmp_path) == unbroken


def test_signal_handlers_are_given_back(tmp_path):
    before = signal.getsignal(signal.SIGTERM)
    generate(RUN, tmp_path, make)
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.parametrize("workers", [1, 2])
def test_no_set_is_made_of_uncredited_assets(tmp_path, workers):
    with pytest.raises(DatabaseError, match=r"sample [0246]: expected a credit line for asset 'scan'"):
        generate(RUN, tmp_path, uncredited, workers=workers)
    assert not (tmp_path / "index.json").exists()


def test_the_bar_is_silent_where_nobody_watches(tmp_path, capfd):
    with progress_bar("generate") as progress:
        generate(RUN, tmp_path, make, progress=progress)
    assert capfd.readouterr() == ("", "")


def test_the_bar_counts_fresh_pairs_alone(monkeypatch):
    shown = io.StringIO()
    terminal = Console(file=shown, force_terminal=True, width=100)
    monkeypatch.setattr("datagen.progress.Console", lambda **options: terminal)
    with progress_bar("generate") as progress:
        progress(6, 8)
        progress(8, 8)
    assert "8/8" in shown.getvalue()
    assert "pairs/s" in shown.getvalue()


def test_the_card_states_people_splits_layers_credits_and_recipe(tmp_path):
    generate(RUN, tmp_path, make, command="datagen generate OUT --recipe fake")
    text = (tmp_path / "README.md").read_text()
    assert "8 near/far pairs" in text
    assert "4 people (8 pairs sphere)" in text
    assert "- Scan by A. Person, CC BY 3.0 (CC-BY-3.0)" in text
    assert "datagen generate OUT --recipe fake" in text
    assert '"background": "black"' in text
    assert all(f"| `{name}` |" in text for name in DEFAULT_LAYERS)
    records = [read_record(tmp_path / f"shard-00000{i}.tar") for i in range(4)]
    assert text == card(RUN, records[::-1], "datagen generate OUT --recipe fake")


def test_shares_of_a_run_end_in_the_same_folder_in_any_order(tmp_path, unbroken):
    for number in (3, 1, 2):
        summary = generate(RUN, tmp_path / "shared", make, share=Share(number, 3))
        assert summary.expected == summary.written
        assert (summary.missing == 0) == (number == 2)
        assert (tmp_path / "shared" / "index.json").exists() == (number == 2)
    shared = _content(tmp_path / "shared")
    assert {name: data for name, data in shared.items() if not name.startswith(".lock-")} == unbroken


def test_a_share_can_be_resumed_and_finished_by_a_run_of_its_own(tmp_path):
    generate(RUN, tmp_path, make, share=Share(1, 2))
    assert generate(RUN, tmp_path, make, share=Share(1, 2)).resumed == len(Share(1, 2).shards(RUN)) * RUN.shard_pairs
    assert generate(RUN, tmp_path, make).missing == 0


def test_shares_write_side_by_side_but_not_beside_a_run_of_its_own_or_the_same_share(tmp_path):
    with writing(tmp_path, RUN, Share(1, 2)):
        generate(RUN, tmp_path, make, share=Share(2, 2))
        for share in (Share(1, 2), Share()):
            with pytest.raises(DatabaseError, match="expected no other writer"):
                generate(RUN, tmp_path, make, share=share)


def test_a_share_leaves_the_unfinished_files_of_others(tmp_path):
    dead = 2**22 + 1  # Above the largest pid of Linux.
    tmp_path.joinpath(f".shard-000000.tar.{dead}.part").write_bytes(b"mine")
    tmp_path.joinpath(f".shard-000001.tar.{dead}.part").write_bytes(b"another machine's")
    generate(RUN, tmp_path, make, share=Share(1, 2))
    assert [path.name for path in tmp_path.glob(".*.part")] == [f".shard-000001.tar.{dead}.part"]


@pytest.mark.parametrize("text", ["", "1", "0/4", "5/4", "1/0", "a/b", "-1/4", "1/4/2"])
def test_what_is_no_share_is_refused(text):
    with pytest.raises(MisuseError, match="--shard: expected"):
        Share.parse(text)


def test_the_slurm_script_shares_a_run(tmp_path):
    script = (Path(__file__).parents[1] / "examples" / "slurm_array.sh").read_text()
    fake = tmp_path / "datagen"
    fake.write_text('#!/bin/sh\necho "$@"\n')
    fake.chmod(0o755)
    environment = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "SLURM_ARRAY_TASK_ID": "3",
        "SLURM_ARRAY_TASK_COUNT": "16",
    }
    said = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, check=True).stdout
    assert "--shard 3/16" in said
    assert "--workers 1 " in said
