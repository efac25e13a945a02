"""The CC0 wardrobe: MakeHuman's clothes parsed, packed, read back and bound; the real ones where they are at hand."""

import io
import os
import zipfile
from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from datagen.randomness import generator
from datagen.recipe import Recipe
from datagen.scene import check_sources
from datagen.style import sample_style
from meshes.assets import find
from meshes.assets.archive import open_archive
from meshes.assets.store import AssetMissingError
from meshes.geometry import rotate
from meshes.hair.bound import nearest_on
from meshes.hair.style import style_look
from meshes.head import Head, Identity, MeshError, Pose, Style
from meshes.makehuman import MakeHuman
from meshes.makehuman_template import template
from meshes.parts import Part
from meshes.skinning import rotation
from meshes.wear.mhclo import pack_wardrobe, read_mhclo, read_quads
from meshes.wear.proxy import read_proxy
from meshes.wear.wardrobe import BROWS, CARDS, HM08_VERTICES, OUTFITS, PLUCKED, bound
from renderers import oracle
from renderers.camera import Camera, intrinsics, look_at
from renderers.exact import rasterize

MHCLO = """# a shirt
basemesh hm08
name shirt
obj_file shirt.obj
x_scale 10 11 2.0
y_scale 12 13 1.0
z_scale 14 15 0.5
material shirt.mhmat
verts 0
 100
 101 102 103 0.5 0.25 0.25 0.1 0.2 0.3
z_depth 50
 104 105 106 0.2 0.3 0.5
 107
tag shirt
delete_verts
 1 2 3 - 9
"""
OBJ = """v 0 0 0
v 1 0 0
v 1 1 0
v 0 1 0
vt 0 0
vt 1 0
vt 1 1
vt 0 1
usemtl none
f 1/1 2/2 3/3 4/4
f 1/1 2/2 3/3
"""
MHMAT = "name cloth\ndiffuseTexture shirt.png\naomapTexture ao.png\n"
SIZE_LIMIT_S = 5.0


def picture(mode: str, colour: tuple[int, ...] | int, size: int = 8) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, (size, size), colour).save(buffer, "PNG")
    return buffer.getvalue()


def upstream() -> dict[str, bytes]:
    files = {"shirt.mhclo": MHCLO.encode(), "shirt.obj": OBJ.encode(), "shirt.mhmat": MHMAT.encode()}
    files |= {"shirt.png": picture("RGBA", (200, 100, 50, 90)), "ao.png": picture("L", 128)}
    return {f"clothes/shirt/{name}": data for name, data in files.items()}


def packed(tmp_path, data: bytes | None = None):
    path = tmp_path / "wardrobe.zip"
    path.write_bytes(pack_wardrobe(upstream()) if data is None else data)
    return path


def test_a_binding_is_read_with_keywords_among_its_lines():
    binding = read_mhclo(MHCLO.encode(), "shirt.mhclo")
    np.testing.assert_array_equal(binding.ref, [[100] * 3, [101, 102, 103], [104, 105, 106], [107] * 3])
    np.testing.assert_allclose(binding.weight, [[1, 0, 0], [0.5, 0.25, 0.25], [0.2, 0.3, 0.5], [1, 0, 0]])
    np.testing.assert_allclose(binding.offset_dm, [[0, 0, 0], [0.1, 0.2, 0.3], [0, 0, 0], [0, 0, 0]])
    assert binding.scale == {"x": (10, 11, 2.0), "y": (12, 13, 1.0), "z": (14, 15, 0.5)}
    assert binding.words["z_depth"] == "50"
    assert binding.words["tag"] == "shirt"


def test_a_packed_proxy_is_bound_by_the_rule(tmp_path):
    """p = sum of w v[r] + offset x scale, with scale = |v[a] - v[b]| / reference on each axis."""
    with open_archive(packed(tmp_path)) as archive:
        piece = read_proxy(archive, "clothes/shirt")
    base = np.random.Generator(np.random.Philox(key=1)).normal(size=(HM08_VERTICES, 3))
    scale = np.array(
        [abs(base[10, 0] - base[11, 0]) / 2, abs(base[12, 1] - base[13, 1]), 2 * abs(base[14, 2] - base[15, 2])]
    )
    places = [
        base[100],
        0.5 * base[101] + 0.25 * base[102] + 0.25 * base[103] + scale * [0.1, 0.2, 0.3],
        0.2 * base[104] + 0.3 * base[105] + 0.5 * base[106],
        base[107],
    ]
    found = bound(piece, base)
    np.testing.assert_allclose(found, np.array(places)[piece.twin], atol=1e-6)
    assert len(piece.faces) == 3
    assert piece.texture[0, 0].tolist() == [200 * 128 // 255, 100 * 128 // 255, 50 * 128 // 255]
    assert (piece.alpha == 90).all()


def test_packing_is_pure_and_order_free():
    files = upstream()
    assert pack_wardrobe(files) == pack_wardrobe(dict(reversed(files.items())))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"shirt.obj": None}, "expected the file shirt.obj beside it, got none"),
        ({"shirt.png": None}, "expected the file shirt.png beside it, got none"),
        (
            {"shirt.obj": OBJ.replace("v 0 1 0\n", "").replace(" 4/4", "")},
            "expected 3 bound vertices as in its .obj, got 4",
        ),
        ({"shirt.obj": OBJ + "f 1 2 3\n"}, "line 12: expected `f v/vt` of 3 or 4 corners"),
        ({"shirt.obj": OBJ + "f 1/9 2/2 3/3\n"}, "expected faces within 4 vertices and 4 finite uv"),
        (
            {"shirt.mhclo": MHCLO.replace(" 100\n", " 99999\n")},
            "line 10: expected 1, 6 or 9 numbers that bind a vertex",
        ),
        ({"shirt.mhclo": MHCLO.replace("0.2 0.3 0.5", "nan 0.3 0.5")}, "a number that is none"),
        ({"shirt.mhclo": MHCLO.replace("y_scale 12 13 1.0", "y_scale 12 13 0")}, "a length above 0"),
        ({"shirt.mhclo": MHCLO.replace("y_scale", "tag")}, "expected verts and x_scale, y_scale, z_scale"),
        ({"shirt.mhclo": "not a shirt"}, "Is it a .mhclo file?"),
    ],
)
def test_bad_upstream_files_are_refused(change, said):
    files = upstream()
    for name, text in change.items():
        if text is None:
            del files[f"clothes/shirt/{name}"]
        else:
            files[f"clothes/shirt/{name}"] = text.encode()
    with pytest.raises(MeshError) as caught:
        pack_wardrobe(files)
    assert said in str(caught.value)


def mangled(data: bytes, rng: np.random.Generator) -> bytes:
    """Cut short, bits flipped, a piece doubled, or a word replaced by a hostile number."""
    kind, at = int(rng.integers(4)), int(rng.integers(len(data) + 1))
    if kind == 0:
        return data[:at]
    if kind == 1:
        out = bytearray(data)
        for place in rng.integers(len(data), size=int(rng.integers(1, 6))):
            out[place] ^= 1 << int(rng.integers(8))
        return bytes(out)
    if kind == 2:
        return data[:at] + data[max(0, at - 40) :]
    words = data.split(b" ")
    words[int(rng.integers(len(words)))] = [b"-1", b"1e999", b"99999999999999999999", b"nan", b"\x00", b""][
        int(rng.integers(6))
    ]
    return b" ".join(words)


def test_damaged_text_is_refused_or_read():
    """1,200 hostile bindings and meshes: a MeshError or a sound result, nothing else."""
    said = []
    for case in range(600):
        rng = generator(0, case, "fuzz")
        for read, text in ((read_mhclo, MHCLO), (read_quads, OBJ)):
            try:
                made = read(mangled(text.encode(), rng), "x")
                arrays = [v for v in vars(made).values() if isinstance(v, np.ndarray)]
                assert all(np.isfinite(a).all() for a in arrays)
            except MeshError as error:
                said.append(str(error))
    assert len(said) > 300
    assert all("expected" in text for text in said)


def test_damaged_packs_are_refused_or_read(tmp_path):
    """600 hostile packs, among them every one cut short at 100th bytes."""
    good = pack_wardrobe(upstream())
    cuts = [good[:at] for at in range(0, len(good), 100)]
    cases = cuts + [mangled(good, generator(1, case, "fuzz")) for case in range(600 - len(cuts))]
    said = []
    for data in cases:
        try:
            with open_archive(packed(tmp_path, data)) as archive:
                piece = read_proxy(archive, "clothes/shirt")
            assert piece.ref.min() >= 0
            assert piece.faces.max() < len(piece.uv) == len(piece.ref)
        except MeshError as error:
            said.append(str(error).lower())
    assert len(said) > 100
    assert all("expected" in text for text in said)


def rewritten(member: str, change) -> bytes:
    """The good pack with one array of its npz, or its index, changed."""
    source = zipfile.ZipFile(io.BytesIO(pack_wardrobe(upstream())))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in source.namelist():
            data = source.read(name)
            if name == "index.json" and member == name:
                data = change(data)
            elif name.endswith(".npz") and member != "index.json":
                with np.load(io.BytesIO(data)) as arrays:
                    made = {k: change(v) if k == member else v for k, v in arrays.items()}
                inner = io.BytesIO()
                np.savez(inner, **{k: v for k, v in made.items() if v is not None})
                data = inner.getvalue()
            archive.writestr(name, data)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("member", "change", "said"),
    [
        ("faces", lambda a: a + 1, "expected indices within 0 to 3"),
        ("faces", lambda a: a.astype(float), "expected faces (n, 4), got float64"),
        ("faces", lambda a: a[:0], "and faces, got others"),
        ("uv", lambda a: a * np.nan, "finite rows of uv"),
        ("ref_base", lambda a: a[:2], "of one length"),
        ("weight", lambda a: None, "expected weight (n, 3), got none"),
        ("faces_uv", lambda a: a[:1], "one texture corner"),
        ("index.json", lambda d: b"[", "expected index.json to be JSON"),
        ("index.json", lambda d: b"[]", "expected a proxy clothes/shirt in index.json"),
        ("index.json", lambda d: d.replace(b"2.0", b"-2.0"), "expected scale as x, y, z"),
        ("index.json", lambda d: d.replace(b"shirt_shirt.png", b"nothing.png"), "expected a file textures/clothes_"),
    ],
)
def test_hostile_arrays_are_named(tmp_path, member, change, said):
    with pytest.raises(MeshError) as caught, open_archive(packed(tmp_path, rewritten(member, change))) as archive:
        read_proxy(archive, "clothes/shirt")
    assert said in str(caught.value)


@settings(max_examples=40)
@given(st.floats(0.5, 2.0), st.tuples(*[st.floats(-3, 3)] * 3))
def test_a_bound_piece_moves_and_grows_with_its_body(size, shift):
    base = np.random.Generator(np.random.Philox(key=2)).normal(size=(HM08_VERTICES, 3))
    binding = read_mhclo(MHCLO.encode(), "x")

    class Piece:
        ref, weight, offset_dm = binding.ref, binding.weight, binding.offset_dm
        scale = tuple(binding.scale[axis] for axis in "xyz")

    np.testing.assert_allclose(bound(Piece, size * base + shift), size * bound(Piece, base) + shift, atol=1e-9)


@pytest.mark.parametrize("asked", [{"clothes": ("wardrobe",)}, {"hair_cards": 0.1}, {"brow_cards": 0.1}])
def test_a_wardrobe_that_is_not_there_is_said_before_the_run(monkeypatch, tmp_path, asked):
    monkeypatch.setenv("DATAGEN_ASSETS", str(tmp_path))
    monkeypatch.setenv("DATAGEN_CACHE", str(tmp_path / "cache"))
    with pytest.raises(AssetMissingError) as caught:
        check_sources(Recipe(**asked))
    assert "makehuman-wardrobe" in str(caught.value)


def brows_drawn(look: dict[str, float], share: float) -> list[dict[str, float]]:
    """What each of 200 scenes says of one person's brows."""
    recipe, who = Recipe(brow_cards=share), Identity({}, look)
    drawn = [sample_style(recipe, MakeHuman(), who, 0, scene, 1.0).look for scene in range(200)]
    assert all(("brow_cards" in look) == ("brow_density" in look) for look in drawn)
    return [look for look in drawn if "brow_cards" in look]


def test_brow_cards_are_drawn_by_share_in_place_of_brows_that_grow():
    man, woman = ({"brow_density": 0.6, "stubble": stubble} for stubble in (0.5, 0.0))
    assert not brows_drawn(man, 0.0)
    assert len(brows_drawn(man, 1.0)) == 200
    assert 60 < len(brows_drawn(man, 0.5)) < 140
    assert {look["brow_density"] for look in brows_drawn(man, 1.0)} == {0.0}
    assert {int(look["brow_cards"]) for look in brows_drawn(woman, 1.0)} == set(range(len(BROWS)))
    assert {int(look["brow_cards"]) for look in brows_drawn(man, 1.0)} == set(range(len(BROWS))) - set(PLUCKED)
    assert not brows_drawn({"brow_density": 0.0}, 1.0)  # As of a photographed skin.


@lru_cache(maxsize=8)
def wearing(outfit: int, cards: int, model: str, yaw: float = 0.0) -> Head:
    try:
        find("makehuman-wardrobe")
    except AssetMissingError as missing:
        pytest.skip(str(missing))
    source = MakeHuman()
    if model == "ict":
        from datagen.heads import open_model

        source = open_model("ict")
    who = source.sample_identity(generator(0, 2, "identity"))
    look = {**style_look("bald"), "hair_cards": float(cards)} if cards >= 0 else {}
    clothes = {"outfit": float(outfit)} if outfit >= 0 else {}
    return source.head(who, {}, Pose(yaw=yaw), Style(look=look, clothes=clothes))


@pytest.mark.skipif(not os.environ.get("DATAGEN_ASSETS"), reason="needs the folder that DATAGEN_ASSETS names")
@pytest.mark.parametrize("model", ["makehuman", "ict"])
@pytest.mark.parametrize("outfit", range(0, len(OUTFITS), 3))
def test_real_outfits_fit(outfit, model):
    """On the chest of either model, a few millimetres to centimetres off the skin."""
    bare, head = wearing(-1, -1, model), wearing(outfit, -1, model)
    surface = head.surface
    cloth = surface.vertices[np.unique(surface.faces[surface.part == Part.CLOTHES])]
    assert len(cloth) > 200
    assert np.isfinite(surface.vertices).all()
    from scipy.spatial import cKDTree

    skin = bare.surface.vertices[np.unique(bare.surface.faces[np.isin(bare.surface.part, (Part.TORSO, Part.NECK))])]
    lowest = skin[:, 1].min()
    chest = cloth[(cloth[:, 1] > lowest + 0.02) & (np.abs(cloth[:, 0]) < 0.10)]  # The bust of ICT ends at the arms.
    gap_m = cKDTree(skin).query(chest)[0]
    assert np.median(gap_m) < 0.025
    assert gap_m.max() < 0.06
    np.testing.assert_array_equal(head.landmarks, bare.landmarks)


@pytest.mark.skipif(not os.environ.get("DATAGEN_ASSETS"), reason="needs the folder that DATAGEN_ASSETS names")
@pytest.mark.parametrize("model", ["makehuman", "ict"])
@pytest.mark.parametrize("cards", range(0, len(CARDS), 4))
def test_real_hair_cards_follow_the_head(cards, model):
    """Cut by alpha maps, over the skull, and turning with it."""
    head, turned = wearing(-1, cards, model), wearing(-1, cards, model, 0.4)
    surface = head.surface
    on = (surface.part == Part.HAIR) & (surface.cutout == len(surface.cutouts) - 1)
    assert on.sum() > 400
    points = surface.vertices[np.unique(surface.faces[on])]
    high = points[:, 1] > 0.06
    assert high.sum() > 50
    again = turned.surface.vertices[np.unique(turned.surface.faces[(turned.surface.part == Part.HAIR)])]
    assert again.shape == points.shape
    away = [np.linalg.norm(p[high] - h.eye_midpoint, axis=1) for p, h in ((points, head), (again, turned))]
    np.testing.assert_allclose(*away, atol=0.004)


def browed(model: str, cards: int, expression: dict[str, float], pose: Pose) -> Head:
    wearing(-1, -1, model)  # Skips where the wardrobe is not at hand.
    from datagen.heads import open_model

    source = open_model(model)
    look = {"brow_density": 0.0, "brow_cards": float(cards)} if cards >= 0 else {"brow_density": 0.0}
    return source.head(source.sample_identity(generator(0, 2, "identity")), expression, pose, Style(look=look))


def brow_points(head: Head) -> np.ndarray:
    surface = head.surface
    return surface.vertices[np.unique(surface.faces[surface.part == Part.BROWS])]


@pytest.mark.skipif(not os.environ.get("DATAGEN_ASSETS"), reason="needs the folder that DATAGEN_ASSETS names")
@pytest.mark.parametrize("cards", range(0, len(BROWS), 3))
def test_real_brow_cards_lie_on_the_skin_of_any_face(cards):
    """Also of one that frowns and turns, whose folding lid may overlap a vertex or two; all at the brow's height."""
    for expression, pose in (({}, Pose()), ({"browDownLeft": 1.0, "eyeSquintLeft": 1.0}, Pose(yaw=0.5, pitch=-0.2))):
        head = browed("makehuman", cards, expression, pose)
        points, skin = brow_points(head), head.surface.vertices[: len(template().skin.rest)]
        assert len(points) > 100
        corner, weight = nearest_on(template().skin, points, skin)
        foot = np.einsum("nk,nkd->nd", weight, skin[corner])
        normal = np.cross(skin[corner[:, 1]] - skin[corner[:, 0]], skin[corner[:, 2]] - skin[corner[:, 0]])
        off = points - foot
        assert np.count_nonzero(np.einsum("nd,nd->n", off, normal) <= 0.0) <= (5 if expression else 0)
        assert np.linalg.norm(off, axis=1).max() < 0.0016
        height_m = rotate(points - head.eye_midpoint, head.skull_rotation.T)[:, 1]
        assert -0.005 < height_m.min() < 0.012 < height_m.max() < 0.04


@pytest.mark.skipif(not os.environ.get("DATAGEN_ASSETS"), reason="needs the folder that DATAGEN_ASSETS names")
@pytest.mark.parametrize("model", ["makehuman", "ict"])
def test_brow_cards_go_where_an_expression_takes_the_brow(model):
    calm, raised = (brow_points(browed(model, 1, e, Pose())) for e in ({}, {"browInnerUp": 1.0}))
    inner = np.abs(calm[:, 0]) < 0.025
    assert inner.sum() > 10
    assert 0.002 < np.median((raised - calm)[inner, 1]) < 0.02
    bare = browed(model, -1, {}, Pose()).surface
    assert not (bare.part == Part.BROWS).any()


@pytest.mark.skipif(not os.environ.get("DATAGEN_ASSETS"), reason="needs the folder that DATAGEN_ASSETS names")
def test_labels_of_brow_cards_equal_brute_force():
    """Cut by the maps that hairs were taken out of, seen near and at a slant."""
    head = browed("makehuman", 11, {"browInnerUp": 0.6}, Pose(yaw=0.3))
    size, dist_m = 72, 0.45
    K = intrinsics(size * dist_m / 0.13, (size / 2, size / 2))
    camera = Camera(K, look_at(head.eye_midpoint, dist_m, np.eye(3)), size, size)
    seen = rasterize(head.surface, camera).triangle_id
    pixels = np.argwhere(np.ones(seen.shape, bool))[20 * size : 36 * size : 3]
    with np.errstate(invalid="ignore"):  # Edge-on triangles are at no finite distance.
        face, _, _ = oracle.first_hits(head.surface, camera, pixels)
    np.testing.assert_array_equal(seen[*pixels.T], face)
    assert np.count_nonzero(head.surface.part[face[face >= 0]] == Part.BROWS) > 20


@pytest.mark.skipif(not os.environ.get("DATAGEN_ASSETS"), reason="needs the folder that DATAGEN_ASSETS names")
def test_no_skull_shows_through_short_cards():
    """On a head of the other model, whose skull bulges elsewhere: no scalp above the ears, seen from the sides."""
    wearing(-1, -1, "ict")  # Skips where the wardrobe is not at hand.
    from datagen.heads import open_model

    source = open_model("ict")
    look = {**style_look("bald"), "hair_cards": 6.0}
    head = source.head(source.sample_identity(generator(0, 3, "identity ict")), {}, Pose(), Style(look=look))
    K = intrinsics(96 * 1.0 / 0.30, (48, 48))
    for yaw in (1.4, -1.4, 2.2, -2.2):
        camera = Camera(K, look_at(head.eye_midpoint, 1.0, rotation(yaw, 0.0)), 96, 96)
        hits = rasterize(head.surface, camera)
        seen = hits.triangle_id[hits.triangle_id >= 0]
        high = head.surface.vertices[head.surface.faces[seen]][:, :, 1].mean(axis=1) > 0.045
        back = head.surface.vertices[head.surface.faces[seen]][:, :, 2].mean(axis=1) < -0.070
        part = head.surface.part[seen[high & back]]
        assert np.count_nonzero(part == Part.HAIR) > 300
        assert np.count_nonzero(part != Part.HAIR) <= 2
