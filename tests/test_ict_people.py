"""ICT people with real skins: who is drawn, how two skins become one, and one skin made from a VALID face."""

from pathlib import Path

import numpy as np
import pytest

from datagen.cli import main
from datagen.heads import open_model
from datagen.recipe import RecipeError
from meshes.appearance import hair_colour, skin_tone
from meshes.assets import AssetMissingError, find
from meshes.atlas import SHAPE
from meshes.head import Identity, MeshError, Pose
from meshes.ict import Ict, average_look
from meshes.ict_people import REGIONS, IctPeople, pool_of, scalp_shade, worn_skin
from meshes.ict_skin_table import ALL_SKINS, SCAN_SKIN, SKINS
from meshes.ict_skins import Skin, Skins
from meshes.register.bake import linear
from meshes.register.texels import sample_texture
from meshes.skin_chart import texel_points
from meshes.valid.clusters import CLUSTERS, POOLS, cluster_of

PLAIN_BROWS = {"skin_brow_gain": 1.0, "skin_brow_lift_m": 0.0, "skin_brow_tilt": 0.0}


def asset(name: str) -> Path:
    try:
        return find(name)
    except AssetMissingError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def people() -> IctPeople:
    return IctPeople(asset("ict"), asset("valid"))


@pytest.fixture(scope="module")
def drawn(people: IctPeople) -> list[Identity]:
    return [people.sample_identity(np.random.default_rng(seed)) for seed in range(150)]


def test_the_table_has_one_face_of_each_cluster() -> None:
    assert [cluster_of(source.name) for source in SKINS] == list(range(len(CLUSTERS)))
    assert all(source.african + source.asian + source.caucasian == pytest.approx(1.0) for source in SKINS)


def test_no_split_shares_a_skin(people: IctPeople, drawn: list[Identity]) -> None:
    skins: dict[str | None, set[float]] = {}
    for who in drawn:
        skins.setdefault(people.pool_of(who), set()).update({who.look["skin_a"], who.look["skin_b"]})
    assert set(skins) == set(POOLS)
    for pool, used in skins.items():
        assert {pool_of(int(skin)) for skin in used} == {pool}


def test_many_people_are_recombined_and_none_averaged(drawn: list[Identity]) -> None:
    mixed = [who for who in drawn if who.look["skin_a"] != who.look["skin_b"]]
    assert 0.3 < len(mixed) / len(drawn) < 0.8
    for who in mixed:
        shares = sorted(who.look[f"skin_{name}"] for name in REGIONS)
        assert shares[0] <= 0.1
        assert shares[1] >= 0.9
        darkness = [SKINS[int(who.look[skin])].melanin for skin in ("skin_a", "skin_b")]
        assert abs(darkness[0] - darkness[1]) < 0.3


def test_equal_draws_are_equal_people(people: IctPeople, drawn: list[Identity]) -> None:
    again = people.sample_identity(np.random.default_rng(7))
    assert again == drawn[7]
    assert all(isinstance(value, float) for value in again.look.values())


def flat(colour: tuple[float, float, float]) -> Skin:
    linear_colour = linear(np.array(colour))
    return Skin(np.full((*SHAPE, 3), colour, np.uint8), linear_colour, linear_colour)


def place(people: IctPeople, x_m: float, y_m: float) -> np.ndarray:
    """(1, 2) uv of the skin at the front of the canonical head."""
    template = people.layout.template
    away = np.square(template.rest[:, :2] - (x_m, y_m)).sum(axis=1) + (template.rest[:, 2] < 0.02)
    return np.asarray(template.uv[[away.argmin()]], np.float64)


def test_each_band_shows_its_skin_in_one_tone(people: IctPeople) -> None:
    """A brown and a light skin: after matching only the relative colour tells them apart, here a mark on one."""
    first, second = flat((200, 150, 130)), flat((120, 80, 60))
    second.albedo[:, :, 1] = 40
    look = {
        **average_look(),
        **{"skin_a": 0.0, "skin_b": 1.0, "skin_eyes": 1.0, "skin_middle": 0.0, "skin_mouth": 1.0},
        **{
            "hair_length_m": 0.0,
            "freckles": 0.0,
            "moles": 0.0,
            "blemishes": 0.0,
            "age_spots": 0.0,
            "brow_density": 0.0,
        },
        **PLAIN_BROWS,
    }
    skin = linear(worn_skin(people.layout, first, second, look))
    cheek, chin, brow = (sample_texture(skin, place(people, 0.03, y))[0] for y in (-0.032, -0.085, 0.02))
    assert chin[1] / chin[0] == pytest.approx(brow[1] / brow[0], rel=0.15)
    assert cheek[1] / cheek[0] < 0.7 * chin[1] / chin[0]


def test_ict_wears_real_skins_unless_painted_ones_are_asked_for() -> None:
    asset("ict"), asset("valid")
    assert isinstance(open_model("ict"), IctPeople)
    assert type(open_model("ict:painted")) is Ict
    assert type(open_model(f"ict:{asset('ict')}")) is Ict
    assert open_model("ict").name == open_model("ict:painted").name


def test_without_valid_ict_says_what_to_fetch_and_is_never_somebody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ict = asset("ict")
    (tmp_path / ict.name).symlink_to(ict)
    monkeypatch.setenv("DATAGEN_ASSETS", str(tmp_path))
    monkeypatch.setenv("DATAGEN_CACHE", str(tmp_path / "cache"))
    open_model.cache_clear()
    with pytest.raises(
        RecipeError, match=r"--heads ict: asset valid: .*datagen assets fetch valid.* --heads ict:painted"
    ):
        open_model("ict")
    assert type(open_model("ict:painted")) is Ict
    (tmp_path / ict.name).unlink()
    open_model.cache_clear()
    with pytest.raises(
        RecipeError, match=r"--heads ict:painted: asset ict: .*datagen assets fetch ict.* --heads ict:PATH"
    ):
        open_model("ict:painted")
    open_model.cache_clear()


def test_melanin_darkens_a_skin(people: IctPeople) -> None:
    first = flat((200, 150, 130))
    base = {**average_look(), "skin_a": 0.0, "skin_b": 0.0, "hair_length_m": 0.0, "brow_density": 0.0, **PLAIN_BROWS}
    skins = [linear(worn_skin(people.layout, first, first, {**base, "melanin": m})) for m in (0.2, 0.8)]
    light, dark = (np.median(skin[600:900, 200:450], axis=(0, 1)) for skin in skins)
    expected = [skin_tone({**base, "melanin": m}) for m in (0.2, 0.8)]
    assert dark / light == pytest.approx(expected[1] / expected[0], rel=0.1)


def test_brows_rise_and_fade(people: IctPeople) -> None:
    """A dark bar where brows are moves up by what is asked, and no other place changes."""
    first = flat((200, 150, 130))
    y = texel_points(people.layout.template)[..., 1]
    first.albedo[(y > 0.012) & (y < 0.016)] = 40
    base = {**average_look(), **PLAIN_BROWS, "skin_a": 0.0, "skin_b": 0.0, "hair_length_m": 0.0, "brow_density": 0.0}
    flat_skin, lifted, faint = (
        linear(worn_skin(people.layout, first, first, {**base, **change}))
        for change in ({}, {"skin_brow_lift_m": 0.003}, {"skin_brow_gain": 0.5})
    )

    def dark_height(skin: np.ndarray) -> float:
        line = np.linspace(0.004, 0.028, 49)
        return float(line[np.argmin([sample_texture(skin, place(people, 0.03, h))[0, 0] for h in line])])

    assert dark_height(lifted) - dark_height(flat_skin) == pytest.approx(0.003, abs=0.0012)
    assert sample_texture(faint, place(people, 0.03, 0.014))[0, 0] > 1.5 * flat_skin.min()
    below = y < -0.005
    assert np.array_equal(lifted[below], flat_skin[below])


def test_long_hair_shades_the_scalp_alone(people: IctPeople) -> None:
    look = {**average_look(), "hair_length_m": 0.05, "hair_recede": 0.0, "melanin": 0.1}
    look |= dict.fromkeys(("hair_red", "hair_green", "hair_blue"), 0.01)
    shade = scalp_shade(people.layout, look)
    assert hair_colour(look).max() < 0.02
    assert shade.min() < 0.4
    for y in (0.02, -0.03, -0.08):
        assert sample_texture(np.repeat(shade[..., None], 3, 2), place(people, 0.02, y))[0, 0] == 1.0


def test_a_painted_model_says_what_real_skins_need(people: IctPeople, drawn: list[Identity]) -> None:
    with pytest.raises(MeshError, match="datagen assets fetch valid"):
        Ict(asset("ict")).head(drawn[0], {}, Pose())


def test_an_identity_of_no_skin_is_refused(people: IctPeople) -> None:
    for number in (17.0, -1.0, 2.5):
        with pytest.raises(MeshError, match="expected skins 0 to 16"):
            people.head(Identity(look={**average_look(), "skin_a": number, "skin_b": 0.0}), {}, Pose())


def test_only_what_a_person_wears_is_listed(people: IctPeople, drawn: list[Identity]) -> None:
    assert [asset.id for asset in people.assets_of(drawn[0])] == ["ict-facekit", "valid-avatars"]
    assert [asset.id for asset in people.assets_of(Identity())] == ["ict-facekit"]


@pytest.fixture(scope="module")
def with_scan() -> IctPeople:
    return IctPeople(asset("ict"), asset("valid"), asset("lee-perry-smith"))


def test_only_men_of_train_wear_the_scans_skin_and_are_credited_with_it(with_scan: IctPeople) -> None:
    drawn = [with_scan.sample_identity(np.random.default_rng(seed)) for seed in range(300)]
    wearers = 0
    for who in drawn:
        worn = SCAN_SKIN in (who.look["skin_a"], who.look["skin_b"])
        listed = {made_of.id: made_of for made_of in with_scan.assets_of(who)}
        assert ("lee-perry-smith" in listed) == worn
        if worn:
            wearers += 1
            assert ALL_SKINS[int(who.look["skin_a"])].gender == 1.0
            assert with_scan.pool_of(who) == "train"
            assert listed["lee-perry-smith"].licence == "CC-BY-3.0"
            assert "Infinite-Realities" in listed["lee-perry-smith"].credit
            assert "re-projected" in listed["lee-perry-smith"].credit
    assert 15 < wearers < 100


def test_a_scan_is_worn_only_where_it_was_asked_for(people: IctPeople, with_scan: IctPeople) -> None:
    look = {**average_look(), "skin_a": float(SCAN_SKIN), "skin_b": float(SCAN_SKIN)}
    with pytest.raises(MeshError, match="Say --heads ict:ccby"):
        people.head(Identity(look=look), {}, Pose())
    ids = [made_of.id for made_of in with_scan.assets_of(Identity(look=look))]
    assert ids == ["ict-facekit", "lee-perry-smith"]


def test_a_run_under_mit_alone_refuses_the_scan_before_it_starts(
    with_scan: IctPeople, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "set"
    assert main(["generate", str(out), "--heads", "ict:ccby", "--pairs", "1", "--licence", "MIT", "CC0-1.0"]) == 2
    assert "asset lee-perry-smith is under CC-BY-3.0, and --licence allows MIT CC0-1.0" in capsys.readouterr().err
    assert not list(out.rglob("*.tar"))


def test_the_scans_skin_has_brows_and_the_stubble_of_a_man(
    with_scan: IctPeople, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATAGEN_CACHE", str(tmp_path))
    skin = Skins(with_scan, asset("valid"), asset("lee-perry-smith")).skin(SCAN_SKIN)
    light = linear(skin.albedo).mean(axis=2)
    x, y, z = np.moveaxis(np.nan_to_num(texel_points(with_scan.layout.template), nan=-1.0), 2, 0)
    brows, cheeks, chin = (
        light[(np.abs(x - at) < 0.012) & (np.abs(y - up) < 0.01) & (z > 0.0)]
        for at, up in ((0.035, 0.008), (0.035, -0.03), (0.0, -0.105))
    )
    assert np.percentile(brows, 5) < 0.4 * np.median(cheeks)
    assert np.median(chin) < 0.85 * np.median(cheeks)
    assert np.abs(np.log(skin.tone / [0.63, 0.35, 0.29])).max() < 0.15


def test_a_skin_is_made_once_and_a_damaged_one_again(
    people: IctPeople, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """White_F_2: fair, blond. Brows and lips are kept, the hair painted on forehead and scalp is not."""
    monkeypatch.setenv("DATAGEN_CACHE", str(tmp_path))
    skin = Skins(people, asset("valid")).skin(11)
    (kept,) = tmp_path.rglob("White_F_2-*.npz")
    written = kept.read_bytes()
    assert np.array_equal(Skins(people, asset("valid")).skin(11).albedo, skin.albedo)
    lips, cheek, crown = (
        linear(sample_texture(skin.albedo, uv))[0]
        for uv in (place(people, 0.0, -0.073), place(people, 0.035, -0.03), crown_uv(people))
    )
    assert lips[1] / lips[0] < 0.8 * cheek[1] / cheek[0]
    assert np.abs(np.log(crown / skin.tone)).max() < 0.4
    assert np.abs(np.log(skin.hair / skin.tone)).max() > 0.6
    kept.write_bytes(written[: len(written) // 2])
    monkeypatch.setattr(Skins, "_made", lambda self, source: skin)
    assert np.array_equal(Skins(people, asset("valid")).skin(11).albedo, skin.albedo)
    assert kept.read_bytes() == written


def crown_uv(people: IctPeople) -> np.ndarray:
    template = people.layout.template
    return np.asarray(template.uv[[template.rest[:, 1].argmax()]], np.float64)
