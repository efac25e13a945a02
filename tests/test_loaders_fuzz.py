"""Readers of licensed models against damaged and hostile files: a clear error or a model, never a crash or a hang.

Every reader sees at least 500 cases: cut off at many lengths, bytes changed, lengths that lie, bombs, nesting.
"""

import io
import struct
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from licensed_models import basel_2009, facescape_obj, flame_pickle, gnm_arrays, write_h5, write_mat, wrl_text
from licensed_models import flame_arrays as flame_arrays_of
from small_models import basel_small, cheap_frame, small

from meshes.head import MeshError
from meshes.loaders import bfm, facescape, npz
from meshes.loaders.flame import read_flame
from meshes.loaders.gnm import read_gnm
from meshes.loaders.unpickle import UnpickleError, read_pickle
from meshes.loaders.wrl import read_wrl

CASES = 520
MEMORY = 64 << 20
"""No damaged file of some kilobytes may take more than this, in bytes."""


def damaged(whole: bytes, seed: int) -> Iterator[bytes]:
    """`CASES` variants: cut at even steps, then one to four bytes changed, then a stretch doubled or left out."""
    rng = np.random.default_rng(seed)
    for k in range(CASES // 4):
        yield whole[: len(whole) * k // (CASES // 4)]
    for _ in range(CASES // 2):
        data = bytearray(whole)
        # Headers come first in most formats; half of the damage goes there.
        reach = len(data) if rng.random() < 0.5 else min(len(data), 600)
        for at in rng.integers(0, reach, rng.integers(1, 5)):
            data[at] = rng.choice([0, 0xFF, 0x7F, rng.integers(256)])
        yield bytes(data)
    for _ in range(CASES - CASES // 4 - CASES // 2):
        a, b = sorted(rng.integers(0, len(whole), 2).tolist())
        yield whole[:b] + whole[a:] if rng.random() < 0.5 else whole[:a] + whole[b:]


def survives(read: Callable[[Path], object], path: Path, whole: bytes, seed: int) -> None:
    """Every damaged variant gives a value or one MeshError in one line that ends in advice; memory stays bounded."""
    path.write_bytes(whole)
    read(path)
    said = []
    tracemalloc.start()
    for data in damaged(whole, seed):
        path.write_bytes(data)
        try:
            read(path)
        except MeshError as error:
            said.append(str(error))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < MEMORY
    assert len(said) > CASES // 4
    assert all("expected" in text.lower() and len(text) < 1000 for text in said)


@pytest.fixture(autouse=True)
def _quick_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fitting a face takes half a second and is tested elsewhere."""
    monkeypatch.setattr(bfm, "find_frame", cheap_frame)
    monkeypatch.setattr(facescape, "find_frame", cheap_frame)


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_damaged_flame_pickles(tmp_path: Path, protocol: int) -> None:
    arrays = {name: np.asarray(array) for name, array in flame_arrays_of(small()).items()}
    survives(read_flame, tmp_path / "flame.pkl", flame_pickle(arrays, protocol, chumpy=True), protocol)


@pytest.mark.parametrize("kind", ["flame", "gnm"])
def test_damaged_npz_files(tmp_path: Path, kind: str) -> None:
    arrays, read = {"flame": (flame_arrays_of, read_flame), "gnm": (gnm_arrays, read_gnm)}[kind]
    for save in (np.savez, np.savez_compressed):
        whole = io.BytesIO()
        save(whole, **arrays(small()))
        survives(read, tmp_path / f"{kind}.npz", whole.getvalue(), 11)


@pytest.mark.parametrize("deflated", [True, False])
def test_damaged_mat_files(tmp_path: Path, deflated: bool) -> None:
    path = write_mat(tmp_path / "whole.mat", basel_2009(basel_small()), deflated)
    survives(bfm.read_bfm, tmp_path / "bfm.mat", path.read_bytes(), 12)


def test_damaged_h5_files(tmp_path: Path) -> None:
    path = write_h5(tmp_path / "whole.h5", basel_small())
    survives(bfm.read_bfm, tmp_path / "bfm.h5", path.read_bytes(), 13)


def test_damaged_obj_files(tmp_path: Path) -> None:
    who = small()
    text = facescape_obj(who.points, who.faces, who.points[:, :2], "none")
    survives(facescape.read_facescape, tmp_path / "1_neutral.obj", text.encode(), 14)


def test_damaged_wrl_files(tmp_path: Path) -> None:
    who = small()
    survives(read_wrl, tmp_path / "a.wrl", wrl_text(who.points, who.faces, who.points[:, :2], "a.bmp").encode(), 15)


def npy(shape: str, dtype: str = "<f8", body: bytes = b"") -> bytes:
    """An .npy file whose header says what it likes."""
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}}}".encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + body


@pytest.mark.parametrize(
    "member",
    [
        npy("(1000000000000, 3)"),
        npy("(9223372036854775807,)"),
        npy("(99999999999999999999999999,)"),
        npy("(-1, 3)"),
        npy("(4, 3)", body=b"\0" * 95),
        npy("(3,)", "|O", b"\0" * 24),
        npy("(3,)", "|V0"),
        npy("(True, 3)", body=b"\0" * 24),
        npy("(" * 90 + ")" * 90),
        b"\x93NUMPY\x07\x00",
        b"",
        b"PK\x03\x04",
    ],
)
def test_headers_that_promise_more_than_there_is(tmp_path: Path, member: bytes) -> None:
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("v_template.npy", member)
    tracemalloc.start()
    with pytest.raises(MeshError, match=r"a\.npz: expected"):
        read_flame(path)
    assert tracemalloc.get_traced_memory()[1] < MEMORY
    tracemalloc.stop()


def test_a_zip_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("v_template.npy", npy("(4000000,)", body=bytes(32_000_000)))
    assert path.stat().st_size < 100_000
    monkeypatch.setattr(npz, "MAX_BYTES", 1 << 20)
    tracemalloc.start()
    with pytest.raises(MeshError, match=r"\(32000128 bytes unpacked, more than"):
        read_flame(path)
    assert tracemalloc.get_traced_memory()[1] < 4 << 20
    tracemalloc.stop()


PROGRAMS = {
    "os.system": b"cos\nsystem\n(S'true'\ntR.",
    "builtins.eval": b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93\x8c\x011\x85R.",
    "posix.system": b"\x80\x02cposix\nsystem\nX\x04\x00\x00\x00true\x85R.",
    "builtins.getattr": b"\x80\x02c__builtin__\ngetattr\n.",
    "numpy.load": b"cnumpy\nload\n.",
    "an instance": b"(ios\nsystem\n.",
    "an extension": b"\x82\x01.",
    "a persistent id": b"Pabc\n.",
    "a state for a name": b"cnumpy\nndarray\n}b.",
    "a call of a text": b"S'os.system'\n)R.",
    "a call of a dict": b"})R.",
    "no end": b"\x80\x02}",
    "an empty stack": b".",
    "a lost mark": b"t.",
    "an unknown memo": b"g7\n.",
    "a dict that holds itself": b"}q\x00h\x00h\x00s.",
    "a list that holds itself": b"]q\x00h\x00a.",
}


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_programs_are_never_run(program: bytes, tmp_path: Path) -> None:
    path = tmp_path / "evil.pkl"
    path.write_bytes(program)
    with pytest.raises(MeshError, match=r"expected (a FLAME model|an array)"):
        read_flame(path)


def test_an_innocent_name_alone_is_refused() -> None:
    with pytest.raises(UnpickleError, match=r"the name collections\.OrderedDict, which is none of a model's"):
        read_pickle(b"\x80\x02ccollections\nOrderedDict\n)R.", 1 << 20)


def test_one_text_named_many_times_does_not_fill_the_memory() -> None:
    """A megabyte, memoised once and made an array a thousand times, would be a gigabyte."""
    text = b"B" + struct.pack("<I", 1 << 20) + bytes(1 << 20) + b"q\x00" + b"0"
    dtype = b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87Rq\x010"
    once = b"cnumpy.core.multiarray\n_reconstruct\n)R(K\x01J" + struct.pack("<i", 1 << 20) + b"\x85h\x01K\x00h\x00tb"
    tracemalloc.start()
    with pytest.raises(UnpickleError, match="arrays larger than memory should hold"):
        read_pickle(b"\x80\x02" + text + dtype + b"]" + once * 1000 + b".", 8 << 20)
    assert tracemalloc.get_traced_memory()[1] < MEMORY
    tracemalloc.stop()


def test_a_long_program_ends() -> None:
    with pytest.raises(UnpickleError, match="more than 1000000 opcodes"):
        read_pickle(b"N0" * 600_000 + b"N.", 1 << 20)


def test_deep_nesting_is_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "deep.wrl"
    path.write_bytes(b"#VRML V2.0 utf8\n" + b"Group { children [ " * 200_000)
    with pytest.raises(MeshError, match="expected at most 64 nodes in one another"):
        read_wrl(path)
    with pytest.raises(MeshError):
        read_flame(_write(tmp_path / "deep.pkl", b"(" * 500_000 + b"t" * 500_000 + b"."))


@pytest.mark.parametrize("body", [b'"\\"' * 400_000, b"#" * 800_000, b"{" * 60 + b"[" * 400_000, b"a " * 400_000])
def test_long_texts_take_time_in_proportion(tmp_path: Path, body: bytes) -> None:
    """Each is read in one pass; a reader that starts again at every quote would need hours."""
    with pytest.raises(MeshError):
        read_wrl(_write(tmp_path / "long.wrl", b"#VRML V2.0 utf8\n" + body))


def test_an_mat_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from meshes.loaders import mat

    path = write_mat(tmp_path / "bomb.mat", {"shapeMU": np.zeros((3_000_000, 1)), "shapePC": np.zeros((9, 1))})
    assert path.stat().st_size < 100_000
    monkeypatch.setattr(mat, "MAX_BYTES", 1 << 20)
    tracemalloc.start()
    with pytest.raises(MeshError, match="cut off or larger than memory should hold"):
        bfm.read_bfm(path)
    assert tracemalloc.get_traced_memory()[1] < 8 << 20
    tracemalloc.stop()


def test_an_h5_file_that_promises_a_petabyte(tmp_path: Path) -> None:
    import h5py

    path = tmp_path / "huge.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("shape/model/mean", shape=(1 << 47,), dtype="f8", chunks=(1024,))
    with pytest.raises(MeshError, match=r"shape/model/mean of shape \(140737488355328,\): too large"):
        bfm.read_bfm(path)


def test_an_h5_file_that_points_elsewhere(tmp_path: Path) -> None:
    import h5py

    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["mean"] = np.zeros(9)
    path = tmp_path / "link.h5"
    with h5py.File(path, "w") as file:
        file["shape/model/mean"] = h5py.ExternalLink("secret.h5", "mean")
    with pytest.raises(MeshError, match="in another file"):
        bfm.read_bfm(path)
    with h5py.File(path, "w") as file:
        file["shape/model/mean"] = ["a", "b"]
    with pytest.raises(MeshError, match="not of numbers"):
        bfm.read_bfm(path)


def _write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path
