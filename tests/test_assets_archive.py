"""Archives that lie, lead out, blow up or are damaged: refused with one clear message, within bounded memory."""

import io
import os
import stat
import tarfile
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


def tarred(members: dict[str, bytes], change=lambda member: None, form: int = tarfile.PAX_FORMAT) -> bytes:
    """A tar.gz, each member's header changed at will."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", format=form) as out:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            change(member)
            out.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_a_tarball_reads_like_a_folder(tmp_path, form):
    long = GOOD | {"deep/" + "n" * 90 + ".bin": b"long name"}
    path = written(tmp_path, tarred(long, form=form))
    with open_archive(path) as opened:
        assert list(opened.sizes) == sorted(long)
        for name in ("one.bin", "b/two.txt", "one.bin"):  # Backwards as well: nothing is extracted.
            assert opened.read(name) == long[name]
    assert read_all(path) == long


@pytest.mark.parametrize("name", ["../out", "/etc/passwd", "a/../../out", "C:evil", "a\\..\\b", "./a", "a\nb", ".."])
def test_names_in_a_tarball_that_lead_out_are_refused(tmp_path, name):
    with pytest.raises(ArchiveError, match=r"expected plain relative names, got"):
        read_all(written(tmp_path, tarred({name: b"boo"})))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_a_tarball_are_refused(tmp_path, kind):
    def change(member):
        member.type, member.linkname = kind, "/etc/passwd"

    with pytest.raises(ArchiveError, match="expected files, got a link or a device 'odd'"):
        read_all(written(tmp_path, tarred({"odd": b""}, change)))


def test_a_name_twice_in_a_tarball_is_refused(tmp_path):
    def change(member):
        member.name = "same"

    with pytest.raises(ArchiveError, match="expected each member once, got 'same' twice"):
        read_all(written(tmp_path, tarred({"a": b"1", "b": b"2"}, change)))


def test_tarballs_that_blow_up_are_refused_in_little_memory(tmp_path, monkeypatch):
    zeros = written(tmp_path, tarred({"zeros": bytes(20 << 20)}))
    with pytest.raises(ArchiveError, match="unpacks to at most 200 times its size"):
        read_all(zeros)
    monkeypatch.setattr(archive_module, "MAX_TOTAL_BYTES", 10 << 20)
    with pytest.raises(ArchiveError, match="at most 20000 files, 512 MB each, 10 MB in all, got more at 'zeros'"):
        read_all(zeros)
    header = written(tmp_path, tarred({"a": b""}, lambda member: member.pax_headers.update(comment="x" * (64 << 20))))
    tracemalloc.start()
    with pytest.raises(ArchiveError, match=r"expected a whole zip or tar\.gz .*a header of \d+ bytes"):
        read_all(header)
    assert tracemalloc.get_traced_memory()[1] < 16 << 20
    tracemalloc.stop()


def test_damaged_tarballs_are_refused_or_whole(tmp_path):
    whole = tarred(GOOD)
    said = []
    for seed in range(300):
        try:
            assert read_all(written(tmp_path, damaged(seed, whole))) == GOOD
        except ArchiveError as error:
            said.append(str(error))
    assert len(said) > 200
    assert all("expected" in text for text in said)
