"""A watched run: its parts by arithmetic, a tiny real one, and what it refuses."""

from pathlib import Path

import pytest

from datagen.cost import watch
from datagen.cost.watch import Reading, main, parts

pytestmark = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's /proc")


def test_parts_hold_equally_many_shards_and_what_was_read_while_they_were_made():
    rows = [(0.0, 0, 20.0, 5), (2.0, 1, 300.0, 9), (4.0, 2, 500.0, 6), (5.0, 3, 400.0, 7), (8.0, 4, 450.0, 6)]
    first, second = parts([Reading(*row) for row in rows], 10, 2)
    assert first == watch.Part(20 / 4.0, (20.0, 500.0), 9)
    assert second == watch.Part(20 / 4.0, (400.0, 500.0), 7)
    assert first.cells == ("5.00", "20 to 500", "9")


def test_goals_that_are_reached_between_two_looks_belong_to_the_first_part():
    rows = [Reading(0.0, 0, 20.0, 5), Reading(2.0, 2, 300.0, 9), Reading(6.0, 3, 200.0, 6)]
    assert [part.pairs_s for part in parts(rows, 4, 3)] == [4.0, 0.0, 1.0]


def test_a_watched_run_is_made_and_described(tmp_path, capsys):
    options = "--recipe usc2019 --pairs 2 --shard-pairs 1 --size 32 --workers 1".split()
    assert main([str(tmp_path / "set"), "--parts", "2", "--every-s", "0.2", "--", *options]) == 0
    assert (tmp_path / "set" / "index.json").exists()
    head, _, *rows = capsys.readouterr().out.splitlines()
    assert head == "| part | pairs a second | MiB | open files |"
    for n, row in enumerate(rows):
        part, speed, memory, files = row.strip("| ").split(" | ")
        assert (int(part), float(speed) > 0, int(files) > 2) == (n + 1, True, True)
        assert int(memory.split(" to ")[1]) > 50


def test_a_run_that_fails_hands_on_its_status(tmp_path, capfd):
    assert main([str(tmp_path), "--every-s", "0.1", "--", "--recipe", "no-such-recipe"]) == 2
    assert "expected 4 shards or more, got 0" in capfd.readouterr().err


def test_what_cannot_be_watched_is_refused(tmp_path, capsys, monkeypatch):
    assert main([str(tmp_path), "--parts", "0"]) == 2
    assert "expected --parts of 1 or more" in capsys.readouterr().err
    (tmp_path / "shard-000000.tar").touch()
    assert main([str(tmp_path)]) == 2
    assert "expected a folder without shards" in capsys.readouterr().err
    monkeypatch.setattr(watch, "PROC", tmp_path)
    assert main([str(tmp_path)]) == 2
    assert "expected Linux" in capsys.readouterr().err
