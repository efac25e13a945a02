"""What a device stream leaves to processors: counted launches, times that are apart, a table."""

import shutil

import pytest

pytest.importorskip("torch")

from datagen.device import host
from datagen.device.check import LABELS
from datagen.device.host import Share, Watched, share
from renderers.cuda.device import DeviceError

needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc to compile the CUDA source as C")


def test_a_watched_function_is_counted_timed_and_believed():
    watched = Watched(lambda a, b: a + b)
    assert [watched(1, 2), watched("a", "b")] == [3, "ab"]
    assert watched.calls == 2
    assert watched.seconds > 0


def test_cells_tell_how_many_pairs_the_main_process_can_make():
    assert Share("labels", 32, 8, 15, 3.456, 0.5).cells == ("labels", "32 x 32", "15", "3.46", "0.50", "2000")


@needs_gcc
def test_a_batch_of_any_size_is_labelled_by_equally_many_launches(tmp_path):
    folders = [tmp_path / "one", tmp_path / "three"]
    for folder in folders:
        folder.mkdir()
    found = [share("labels", LABELS, folder, 32, batch) for folder, batch in zip(folders, (1, 3), strict=True)]
    assert [one.launches for one in found] == [15, 15]
    assert all(one.host_ms > 0 and one.draft_ms > 0 for one in found)


def test_without_a_compiler_it_says_so(monkeypatch, capsys):
    def missing(*_: object) -> None:
        raise DeviceError("expected gcc, got nothing. Install gcc.")

    monkeypatch.setattr(host, "share", missing)
    assert host.main() == 2
    assert capsys.readouterr().err == "host: not measured. expected gcc, got nothing. Install gcc.\n"
