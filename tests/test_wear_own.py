"""MakeHuman's own folders as a wardrobe: what is taken in, what is left out and why, and that a run wears it."""

import io
import os
import zipfile

import pytest
from PIL import Image

from datagen.cli import main
from datagen.randomness import generator
from datagen.recipe import Recipe
from datagen.scene import check_sources
from meshes.assets.archive import open_archive
from meshes.assets.importing import import_asset
from meshes.head import MeshError, Pose, Style
from meshes.makehuman import MakeHuman
from meshes.makehuman_template import template
from meshes.parts import Part
from meshes.wear.proxy import OWN, proxy, read_proxy
from meshes.wear.wardrobe import BROWS, CARDS, wardrobe_assets

CC0 = "# license: CC0\n"
AGPL = "# This file is licensed AGPLv3\n"
OBJ = CC0 + "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\nf 1/1 2/2 3/3 4/4\n"


def picture(size: int = 8) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGBA", (size, size), (90, 60, 40, 255)).save(buffer, "PNG")
    return buffer.getvalue()


def item(kind: str, name: str, header: str = CC0, **changes: bytes | None) -> dict[str, bytes]:
    """One square on four vertices above the right eye, as MakeHuman lays it out."""
    pack = template().pack
    ahead = [int(n) for n in pack.base_index[:4]]
    binding = f"{header}obj_file {name}.obj\nmaterial {name}.mhmat\n"
    binding += "".join(f"{axis}_scale {ahead[0]} {ahead[1]} 1.0\n" for axis in "xyz")
    binding += "verts 0\n" + "".join(f"{n}\n" for n in ahead)
    files: dict[str, bytes | None] = {
        "mhclo": binding.encode(),
        "obj": OBJ.encode(),
        "mhmat": f"{CC0}diffuseTexture {name}.png\n".encode(),
        "png": picture(),
    }
    named = {f"{kind}/{name}/{name}.{ending}": data for ending, data in {**files, **changes}.items()}
    return {path: data for path, data in named.items() if data is not None}


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.delenv("DATAGEN_ASSETS", raising=False)
    monkeypatch.setenv("DATAGEN_CACHE", str(tmp_path / "cache"))
    proxy.cache_clear()
    yield tmp_path / "cache"
    proxy.cache_clear()


def laid_out(root, files: dict[str, bytes]):
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


MIXED = {
    **item("hair", "bob01"),
    **item("clothes", "stolen", AGPL),
    **item("clothes", "silent", ""),
    **item("clothes", "mixed", mhmat=(AGPL + "diffuseTexture mixed.png\n").encode()),
    **item("clothes", "torn", png=None),
    **item("clothes", "garbled", png=b"no picture"),
    **item("clothes", "huge", png=picture(4097)),
    **item("teeth", "teeth01"),
    "hair/readme.txt": b"hello",
}


def test_only_what_says_cc0_and_reads_is_taken(tmp_path, cache):
    done = import_asset(laid_out(tmp_path / "data", MIXED))
    assert done.names == ("hair/bob01",)
    assert done.path == cache / OWN
    reasons = dict(line.split(": ", 1) for line in done.left_out)
    said = {path.split("/")[1]: why for path, why in reasons.items()}
    assert sorted(said) == ["garbled", "huge", "mixed", "silent", "stolen", "torn"]
    assert "names another licence (AGPL)" in said["stolen"]
    assert "mixed.mhmat names another licence" in said["mixed"]
    assert said["silent"] == "its header does not say CC0"
    assert "expected the file torn.png beside it" in said["torn"]
    assert "expected a picture" in said["garbled"]
    assert "4097" in said["huge"]
    with open_archive(done.path) as archive:
        assert read_proxy(archive, "hair/bob01").texture[0, 0].tolist() == [90, 60, 40]


def test_folder_zip_and_deeper_roots_give_the_same_bytes(tmp_path, cache):
    files = {**item("hair", "bob01"), **item("clothes", "shirt")}
    zipped = tmp_path / "upstream.zip"
    with zipfile.ZipFile(zipped, "w") as archive:
        for name, data in files.items():
            archive.writestr(f"makehuman-assets-master/base/{name}", data)
    made = []
    for source in (laid_out(tmp_path / "data", files), tmp_path, zipped):
        made.append(import_asset(source).path.read_bytes())
    assert made[0] == made[1] == made[2]
    assert import_asset(tmp_path / "data" / "hair").names == ("hair/bob01",)


def test_nothing_to_take_is_one_message(tmp_path, cache):
    with pytest.raises(MeshError) as caught:
        import_asset(laid_out(tmp_path / "a", item("clothes", "stolen", AGPL)))
    assert "whose files say CC0, got none: clothes/stolen/stolen.mhclo: " in str(caught.value)
    with pytest.raises(MeshError) as caught:
        import_asset(laid_out(tmp_path / "b", item("teeth", "teeth01")))
    assert "no .mhclo file below a folder clothes, eyebrows, hair" in str(caught.value)
    assert not (cache / OWN).exists()


def test_the_command_names_what_it_took_and_what_not(tmp_path, cache, capsys):
    assert main(["assets", "import", str(laid_out(tmp_path / "data", MIXED))]) == 0
    out = capsys.readouterr().out
    assert "hair/bob01" in out
    assert "left out clothes/stolen/stolen.mhclo: " in out
    assert str(cache / OWN) in out


def test_people_wear_the_users_own_and_the_record_says_so(tmp_path, cache):
    """Without the asset, without its table: a pack of one's own says hm08's numbers itself."""
    files: dict[str, bytes] = {}
    for name in BROWS:
        files |= item("eyebrows", name)
    import_asset(laid_out(tmp_path / "data", files))
    check_sources(Recipe(brow_cards=1.0))
    model = MakeHuman()
    style = Style(look={"brow_density": 0.0, "brow_cards": 3.0})
    who = model.sample_identity(generator(0, 0, "identity"))
    head = model.head(who, {}, Pose(), style)
    assert (head.surface.part == Part.BROWS).sum() == 2
    (own,) = wardrobe_assets(style)
    assert own.id == "makehuman-wardrobe-own"
    assert own.licence == "CC0-1.0"
    assert len(own.sha256) == 64


def test_a_wardrobe_that_lacks_what_is_drawn_is_said_before_the_run(tmp_path, cache):
    import_asset(laid_out(tmp_path / "data", item("hair", CARDS[1])))
    with pytest.raises(MeshError) as caught:
        check_sources(Recipe(hair_cards=0.5))
    assert f"expected all {len(CARDS)} hair of MakeHuman's base assets, got none of hair/afro01" in str(caught.value)


@pytest.mark.skipif(not os.environ.get("DATAGEN_ASSETS"), reason="needs the folder that DATAGEN_ASSETS names")
def test_the_asset_itself_goes_before_ones_own(tmp_path, monkeypatch):
    monkeypatch.setenv("DATAGEN_CACHE", str(tmp_path / "cache"))
    import_asset(laid_out(tmp_path / "data", item("hair", "bob01")))
    assert [asset.id for asset in wardrobe_assets(Style(clothes={"outfit": 0.0}))] == ["makehuman-wardrobe"]
