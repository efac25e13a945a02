"""Who VALID people are: clusters, pools and parents, all of which need no file."""

import json
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from small_glb import make_glb

from datagen.heads import open_model
from datagen.randomness import generator
from datagen.recipe import RecipeError
from datagen.splits import SPLITS, split_of
from meshes.arkit import ARKIT
from meshes.head import Identity, MeshError
from meshes.valid import CLUSTERS, POOLS, Valid, avatars, cluster_of, pool_of, read_avatar
from meshes.valid.clusters import FAMILIES
from meshes.valid.expressions import EXPRESSIONS, MORPHS, morph_weights
from meshes.valid.layout import AXIS, landmark_texels
from meshes.valid.people import NAMES, avatar_identity, hair_of, pool_name, recombined_identity, skins_of
from meshes.valid.srgb import decoded, encoded


def draws(count: int) -> list[Identity]:
    return [recombined_identity(generator(0, k, "person")) for k in range(count)]


def parents(identity: Identity) -> set[str]:
    face = max(identity.shape, key=lambda name: identity.shape[name])
    return {*identity.shape, *skins_of(identity.look), hair_of(identity.look, face)}


def test_sixteen_clusters_share_out_the_42_avatars() -> None:
    assert len(CLUSTERS) == 16
    assert len(NAMES) == len(set(NAMES)) == 42
    assert sorted(k for clusters in POOLS.values() for k in clusters) == list(range(16))


def test_no_family_is_parted_by_the_splits() -> None:
    for family in FAMILIES:
        assert len({pool_of(CLUSTERS[k][0]) for k in family}) == 1


def test_every_split_has_women_and_men() -> None:
    for pool in POOLS:
        assert {name.split("_")[-2] for name in NAMES if pool_of(name) == pool} == {"F", "M"}


def test_all_parents_of_a_person_come_from_one_pool() -> None:
    faces: dict[str, set[int]] = {split: set() for split in SPLITS}
    for person in draws(400):
        pools = {pool_of(name) for name in parents(person)}
        assert pools == {pool_name(person)}
        faces[pools.pop()] |= {cluster_of(name) for name in parents(person)}
    assert not faces["train"] & faces["test"]
    assert not faces["train"] & faces["val"]
    assert not faces["val"] & faces["test"]
    assert all(faces.values())


def test_a_tenth_of_people_is_for_validation_and_a_tenth_for_the_test() -> None:
    count = Counter(pool_name(person) for person in draws(1000))
    assert 760 < count["train"] < 840
    assert 70 < count["val"] < 130
    assert 70 < count["test"] < 130


def test_the_pool_decides_the_split_whatever_the_name() -> None:
    for k in range(20):
        for split in SPLITS:
            assert split_of(f"valid-0-{k:06d}", split) == split
        assert split_of(f"valid-0-{k:06d}") == split_of(f"valid-0-{k:06d}", None)


def test_shapes_are_extrapolated_mildly_and_never_averaged() -> None:
    for person in draws(300):
        assert sum(person.shape.values()) == pytest.approx(1.0, abs=1e-6)
        assert 1.0 <= max(person.shape.values()) <= 1.3
        assert min(person.shape.values()) < 0 or len(person.shape) == 1
        assert max(skins_of(person.look).values()) >= 0.65


def test_skins_keep_to_those_they_suit() -> None:
    for person in draws(300):
        owner = hair_of(person.look, "")
        donors = set(skins_of(person.look))
        assert {name.split("_")[-2] for name in parents(person)} == {owner.split("_")[-2]}
        for bound in ("MENA_M_3", "Asian_M_2"):
            assert (bound in donors) == (owner == bound)


def test_identities_are_plain_numbers_and_repeat() -> None:
    for draw in (recombined_identity, avatar_identity):
        one, two = (draw(generator(3, 1, "person")) for _ in range(2))
        assert one == two
        assert json.loads(json.dumps({**one.shape, **one.look})) == {**one.shape, **one.look}
        assert all(type(value) is float for value in (*one.shape.values(), *one.look.values()))


def test_as_shipped_every_skin_comes_equally_often() -> None:
    people = [avatar_identity(generator(0, k, "person")) for k in range(640)]
    count = Counter(cluster_of(next(iter(person.shape))) for person in people)
    assert min(count.values()) > 20
    assert max(count.values()) < 65


def test_expressions_are_arkit_names_and_sum_their_morphs() -> None:
    assert set(EXPRESSIONS) <= set(ARKIT)
    assert len(EXPRESSIONS) == 44
    both = morph_weights({"jawOpen": 1.0, "tongueOut": 0.5})
    assert both["MouthOpen"] == MORPHS["jawOpen"]["MouthOpen"] + 0.5 * MORPHS["tongueOut"]["MouthOpen"]
    left, right = (MORPHS[f"mouthSmile{side}"] for side in ("Left", "Right"))
    assert {name[1:] for name in left} == {name[1:] for name in right}
    assert all(name.startswith("L") for name in left)


def test_landmarks_mirror_each_other_in_the_atlas() -> None:
    texels = landmark_texels()
    assert texels[45] == pytest.approx([2 * AXIS - texels[36, 0], texels[36, 1]])
    assert texels[16] == pytest.approx([2 * AXIS - texels[0, 0], texels[0, 1]])
    assert np.isfinite(texels).all()


def test_a_pack_without_the_42_is_refused(tmp_path: Path) -> None:
    pack = tmp_path / "few.zip"
    with zipfile.ZipFile(pack, "w") as archive:
        archive.writestr("avatars/White_F_2_Default.glb", make_glb())
    assert avatars(pack) == ("White_F_2",)
    with pytest.raises(MeshError, match=r"expected the 42 base avatars of VALID, got none for AIAN_F_1, .* \.\.\."):
        Valid(pack)
    with pytest.raises(MeshError, match=r"White_F_2_Default.glb: expected a whole glTF model"):
        read_avatar("White_F_2", pack)
    with pytest.raises(MeshError, match=r"expected one of White_F_2, got 'Nobody_M_1'"):
        read_avatar("Nobody_M_1", pack)


def test_what_is_no_pack_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.zip").write_text("no zip")
    for path, message in ((tmp_path / "text.zip", "expected a zip file or a folder"), (tmp_path, "got none. Check")):
        with pytest.raises(MeshError, match=message):
            avatars(path)
    with pytest.raises(MeshError, match="expected a zip file or a folder"):
        avatars(tmp_path / "missing.zip")


def test_a_damaged_member_is_refused(tmp_path: Path) -> None:
    whole = tmp_path / "whole.zip"
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr("White_F_2_Default.glb", make_glb())
    data = bytearray(whole.read_bytes())
    data[200] ^= 0xFF
    whole.write_bytes(bytes(data))
    with pytest.raises(MeshError, match=r"expected White_F_2_Default.glb whole, got Bad CRC"):
        read_avatar("White_F_2", whole)


def test_without_the_asset_the_next_step_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from meshes import assets

    def missing(name: str) -> Path:
        raise assets.AssetMissingError(f"asset {name}: expected it, got nothing.")

    monkeypatch.setattr("datagen.heads.find", missing)
    with pytest.raises(RecipeError, match=r"--heads valid: .* --heads valid:PATH"):
        open_model.__wrapped__("valid")


def test_every_srgb_code_comes_back_as_itself() -> None:
    codes = np.arange(256)
    assert np.array_equal(encoded(decoded(codes)), codes)
    assert decoded(codes)[255] == 1.0
