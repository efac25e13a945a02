"""The photo benchmark: its mathematics on known data, its page, and a whole quick run with stand-in tiers."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.photo import measure, pieces
from benchmark.photo.__main__ import main
from benchmark.photo.figures import Cost, Point, cost_of, psnr_db
from benchmark.photo.measure import QUICK, bytes_digest
from benchmark.photo.pieces import Darkroom, tier_of
from benchmark.photo.report import BEGIN, END, inserted
from benchmark.photo.scenes import bench_scene
from datagen.faces import passport
from datagen.heads import open_model
from datagen.roster import identity_of
from meshes.errors import UserError
from meshes.noise import keyed
from meshes.surface import Surface
from renderers import preview, srgb
from renderers.exact import rasterize
from renderers.light import EnvironmentLight
from renderers.picture import Image, Quality, View


def _image(level: float, alpha: float = 1.0) -> Image:
    return Image(np.full((4, 4, 3), level, np.float32), np.full((4, 4), alpha, np.float32))


def test_psnr_of_a_known_difference_is_that_of_the_encoded_values():
    a, b = 0.2, 0.3
    difference = float(np.diff(srgb.signal_from_linear(np.float32([a, b])))[0])
    assert psnr_db([_image(a)], [_image(b)]) == pytest.approx(-20 * np.log10(difference), abs=1e-4)
    assert psnr_db([_image(a)], [_image(a)]) == np.inf


def test_psnr_pools_views_and_leaves_out_what_is_not_the_person():
    far_off = replace(_image(0.9), alpha=np.zeros((4, 4), np.float32))
    both = psnr_db([_image(0.2), _image(0.3)], [_image(0.3), _image(0.3)])
    assert both == pytest.approx(psnr_db([_image(0.2)], [_image(0.3)]) + 10 * np.log10(2))
    reference = replace(_image(0.1), alpha=far_off.alpha)
    assert psnr_db([far_off, _image(0.2)], [reference, _image(0.3)]) == psnr_db([_image(0.2)], [_image(0.3)])


def _points(seconds: list[float], decibels: list[float], denoise: bool = False) -> list[Point]:
    spp = [4 * 2**i for i in range(len(seconds))]
    return [Point("t", n, denoise, s, d) for n, s, d in zip(spp, seconds, decibels, strict=True)]


def test_time_between_points_is_interpolated_in_decibels():
    points = _points([1.0, 4.0], [20.0, 26.0])
    assert cost_of(points, 23.0) == Cost(pytest.approx(2.0), False)
    assert cost_of(points, 26.0) == Cost(4.0, False)
    assert cost_of(points, 26.1) is None
    assert cost_of(points, 12.0) == Cost(1.0, True)


def test_the_faster_of_two_ways_counts():
    points = _points([1.0, 4.0], [20.0, 26.0]) + _points([1.5, 4.5], [30.0, 33.0], denoise=True)
    assert cost_of(points, 26.0) == Cost(1.5, True)
    assert cost_of(points, 20.5).seconds < 1.5


@given(st.floats(20.0, 32.0), st.floats(20.0, 32.0))
def test_a_smaller_error_never_costs_less(a: float, b: float):
    points = _points([0.5, 1.0, 2.0, 4.0], [20.0, 23.0, 27.0, 32.0])
    low, high = sorted((a, b))
    assert cost_of(points, low).seconds <= cost_of(points, high).seconds


def _noisy(colour: str) -> "object":
    """A tier whose error falls with its paths: the preview with noise; denoising quarters it."""

    def take(surface: Surface, light: EnvironmentLight, views: tuple[View, ...], quality: Quality) -> tuple[Image, ...]:
        images = []
        for view in views:
            inside = (rasterize(surface, view.camera).triangle_id >= 0).astype(np.float32)
            rng = keyed(quality.seed, len(colour))
            size = 0.1 / np.sqrt(quality.spp) / (4 if quality.denoise else 1)
            noise = size * rng.standard_normal((*inside.shape, 3))
            images.append(Image((inside[..., None] * (0.3 + noise)).clip(0).astype(np.float32), inside))
        return tuple(images)

    return take


@pytest.fixture
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    def stand_in(colour: str) -> "object":
        return preview.render_views if colour == "preview" else _noisy(colour)

    for module in ("benchmark.photo.measure", "benchmark.photo.pieces", "benchmark.photo.__main__"):
        monkeypatch.setattr(f"{module}.tier_of", stand_in)


def _page(folder: Path) -> Path:
    page = folder / "photo.md"
    page.write_text(f"# Photographs\n\n{BEGIN}\n\nold\n\n{END}\n\nafter\n")
    return page


@pytest.mark.usefixtures("stand_ins")
def test_a_quick_run_writes_page_figures_and_sheets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    same = {"again": True, "other_process": False}
    monkeypatch.setattr(measure, "determinism", lambda source, effort: {"photo": same})
    page = _page(tmp_path)
    arguments = ["--quick", "--people", "0", "--sources", "makehuman", "scan:/no/such/file.glb"]
    assert main([*arguments, "--out", str(tmp_path / "kept"), "--page", str(page)]) == 0
    text = page.read_text()
    assert "old" not in text
    assert text.endswith("after\n")
    for heading in ("Time and error", "Time at equal error", "Equal calls, equal bytes", "Side by side"):
        assert heading in text
    assert "| photo | equal | **differ** |" in text
    figures = json.loads(page.with_suffix(".json").read_text())
    assert list(figures["missing"]) == ["scan:/no/such/file.glb"]
    points = figures["scenes"]["makehuman"]["points"]
    assert [(p["colour"], p["spp"], p["denoise"]) for p in points] == [
        (colour, spp, denoise) for colour in measure.TIERS for denoise in (False, True) for spp in QUICK.spp
    ]
    sheets = figures["pictures"]["makehuman"]
    assert set(sheets) == {"whole face", "eye", "ear, light behind", "hair", "lips"}
    assert all((tmp_path / "pictures" / name).stat().st_size for name in sheets.values())


@pytest.mark.usefixtures("stand_ins")
def test_what_was_rendered_is_found_again_and_what_differs_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    darkroom, scene = Darkroom(tmp_path), bench_scene("makehuman", 16)
    views = {"near": scene.pair[0]}
    first = darkroom.render(scene, views, "photo", Quality(4))
    (kept,) = tmp_path.iterdir()

    def refuse(colour: str) -> None:
        raise UserError("rendered again")

    monkeypatch.setattr(pieces, "tier_of", refuse)
    again = darkroom.render(scene, views, "photo", Quality(4))
    assert again.seconds == first.seconds
    assert again.images[0].rgb.tobytes() == first.images[0].rgb.tobytes()
    for change in (Quality(8), Quality(4, False), Quality(4, seed=1)):
        with pytest.raises(UserError, match="rendered again"):
            darkroom.render(scene, views, "photo", change)
    kept.write_bytes(kept.read_bytes()[:100])
    with pytest.raises(UserError, match="rendered again"):
        darkroom.render(scene, views, "photo", Quality(4))


def test_a_tier_that_cannot_run_is_listed_and_the_page_still_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def missing(colour: str) -> None:
        raise UserError(f"{colour}: expected Mitsuba, found none")

    monkeypatch.setattr("benchmark.photo.__main__.tier_of", missing)
    page = _page(tmp_path)
    assert main(["--quick", "--people", "0", "--page", str(page), "--out", str(tmp_path)]) == 1
    assert "`time and error` not measured: photo: expected Mitsuba" in page.read_text()


def test_a_page_without_its_markers_is_refused_before_anything_is_measured(tmp_path: Path, capsys):
    page = tmp_path / "photo.md"
    page.write_text("nothing")
    with pytest.raises(match="expected the lines"):
        inserted(page.read_text(), "")
    assert main(["--page", str(page), "--people", "3"]) == 2
    assert "expected --people 0, or 4 or more, got 3" in capsys.readouterr().err
    assert main(["--page", str(page), "--quick", "--people", "0"]) == 1
    assert "add them" in capsys.readouterr().err
    assert main(["--page", str(tmp_path / "none.md")]) == 1
    assert "expected a page" in capsys.readouterr().err


@pytest.mark.usefixtures("stand_ins")
def test_digests_tell_scenes_and_tiers_apart():
    assert bytes_digest("makehuman", "photo", 16) == bytes_digest("makehuman", "photo", 16)
    assert bytes_digest("makehuman", "photo", 16) != bytes_digest("makehuman", "blender", 16)


def test_passport_shots_are_taken_by_the_tier_that_is_asked_for(monkeypatch: pytest.MonkeyPatch):
    asked = []

    def choose(recipe):
        asked.append(recipe.colour)
        return _noisy("photo")

    monkeypatch.setattr(passport, "tier", choose)
    model = open_model("makehuman")
    shot = passport.portrait(model, identity_of(model, "makehuman", 0, 0), passport.View(colour="photo"))
    assert asked == ["photo"]
    assert tuple(shot.rgb[2, 2]) == passport.BACKDROP_SRGB
    assert tier_of("preview") is preview.render_views
