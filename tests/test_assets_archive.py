"""Archives that lie, lead out, blow up or are damaged: refused with one clear message, within bounded memory."""

import io
import os
import stat
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from asset_toys import damaged, toy_bytes

from meshes.assets import archive as archive_module
from meshes.assets.archive import ArchiveError, open_archive


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as out:
        for name, data in members.items():
            out.writestr(zipfile.ZipInfo(name), data, method)
    return buffer.getvalue()


def written(folder: Path, data: bytes) -> Path:
    """A file of these bytes."""
    path = folder / "made.zip"
    path.write_bytes(data)
    return path


def read_all(path: Path) -> dict[str, bytes]:
    """Every file of an archive or folder."""
    with open_archive(path) as opened:
        return {name: opened.read(name) for name in opened.sizes}


GOOD = {"b/two.txt": b"two" * 1000, "one.bin": toy_bytes(0, 3000), "empty": b""}


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_zip_and_a_folder_read_alike(tmp_path, method):
    path = written(tmp_path, zipped(GOOD, method))
    folder = tmp_path / "folder"
    with zipfile.ZipFile(path) as opened:
        opened.extractall(folder)
    assert read_all(path) == read_all(folder) == GOOD
    with open_archive(path) as opened:
        assert list(opened.sizes) == sorted(GOOD)


@pytest.mark.parametrize(
    "name",
    ["../out", "/etc/passwd", "a/../../out", "C:/windows", "C:evil", "a\\..\\b", "a//b", "./a", "", "a\nb", ".."],
)
def test_names_that_lead_out_are_refused(tmp_path, name):
    # A placeholder of the same length, so that zipfile does not tidy the name while writing.
    placeholder = "x" * max(len(name), 1)
    data = zipped({placeholder: b"boo"}).replace(placeholder.encode(), name.encode() or b"\x01")
    with pytest.raises(ArchiveError, match=r"expected plain relative names, got"):
        read_all(written(tmp_path, data))


def test_links_are_refused_in_a_zip_and_passed_over_in_a_folder(tmp_path):
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as out:
        out.writestr(link, "/etc/passwd")
    with pytest.raises(ArchiveError, match="expected files, got a link 'link'"):
        read_all(written(tmp_path, buffer.getvalue()))
    folder, secret = tmp_path / "folder", tmp_path / "secret"
    folder.mkdir()
    secret.mkdir()
    (secret / "key").write_text("key")
    (folder / "real").write_text("real")
    (folder / "link").symlink_to(secret / "key")
    (folder / "inside").symlink_to(secret)
    (folder / "circle").symlink_to(folder)
    assert read_all(folder) == {"real": b"real"}


def test_pipes_in_a_folder_are_passed_over(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "real").write_text("real")
    assert read_all(tmp_path) == {"real": b"real"}


def test_doubled_members_are_refused(tmp_path):
    data = zipped({"ab": b"1", "ba": b"2"}).replace(b"ba", b"ab")
    with pytest.raises(ArchiveError, match="each member once, got 'ab' twice"):
        read_all(written(tmp_path, data))


def test_encrypted_members_are_refused(tmp_path):
    data = bytearray(zipped({"a": b"1"}))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(ArchiveError, match="without encryption"):
        read_all(written(tmp_path, bytes(data)))


def test_odd_compression_is_refused(tmp_path):
    with pytest.raises(ArchiveError, match="stored or deflated"):
        read_all(written(tmp_path, zipped({"a": b"1" * 100}, zipfile.ZIP_LZMA)))


def test_a_bomb_is_refused_before_it_is_lit(tmp_path):
    path = written(tmp_path, zipped({"bomb": bytes(50 << 20)}))
    tracemalloc.start()
    with pytest.raises(ArchiveError, match="unpacks to at most 200 times its size, got"):
        read_all(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 << 20


def test_a_member_that_outgrows_its_declared_size_is_cut_off(tmp_path):
    data = zipped({"a": toy_bytes(0, 5000)}, zipfile.ZIP_DEFLATED)
    lie = data.replace((5000).to_bytes(4, "little"), (100).to_bytes(4, "little"))
    assert lie != data
    with pytest.raises(ArchiveError, match=r"damage in a|100 bytes of a"):
        read_all(written(tmp_path, lie))


@pytest.mark.parametrize(
    ("bound", "value"), [("MAX_MEMBERS", 2), ("MAX_MEMBER_BYTES", 2000), ("MAX_TOTAL_BYTES", 5000)]
)
def test_bounds_hold_for_zips_and_folders(tmp_path, monkeypatch, bound, value):
    path = written(tmp_path, zipped(GOOD))
    folder = tmp_path / "folder"
    with zipfile.ZipFile(path) as opened:
        opened.extractall(folder)
    monkeypatch.setattr(archive_module, bound, value)
    for place in (path, folder):
        with pytest.raises(ArchiveError, match="expected at most"):
            read_all(place)


def test_what_is_not_there(tmp_path):
    with pytest.raises(ArchiveError, match="got nothing there"):
        read_all(tmp_path / "nothing.zip")
    with open_archive(written(tmp_path, zipped(GOOD))) as opened, pytest.raises(ArchiveError, match="a file other"):
        opened.read("other")


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_damaged_zips_are_refused_or_read_right(tmp_path, method):
    whole = zipped(GOOD, method)
    said = []
    tracemalloc.start()
    for seed in range(400):
        path = written(tmp_path, damaged(seed, whole))
        try:
            # What a checksum vouches for is what was packed; damage may rename or drop a member, not change one.
            assert set(read_all(path).values()) <= set(GOOD.values())
        except ArchiveError as error:
            said.append(str(error))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(said) > 200
    assert all("expected" in text and "get the file again" in text for text in said)
    assert peak < 32 << 20
