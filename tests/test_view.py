"""The page without a browser: its pictures, its read-out, what it holds, what it refuses."""

import base64
import io
import json
import re
import zlib
from functools import partial

import numpy as np
import pytest
from fake import fake_run, fake_sample
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from datagen.engine import generate
from datagen.pictures import (
    MASK_CLASSES,
    PART_COLORS,
    bilinear,
    class_shares,
    depth_range_m,
    depth_to_rgb,
    mask_classes,
    normal_to_rgb,
    part_palette,
    pull_back,
)
from datagen.sample_view import READOUT_PX, card, sample_view
from datagen.view import PAGE_MARK, ViewError, write_view
from meshes.errors import UserError
from meshes.parts import Part


def as_dict(index=0, size=48):
    made = fake_sample(index, size)
    return {**made.layers, "meta": made.meta}


def blocks(html):
    found = re.findall(r'<script type="application/json" id="([^"]+)">(.*?)</script>', html, re.DOTALL)
    return {name: json.loads(text) for name, text in found}


def decoded(uri):
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("set")
    generate(fake_run(), folder / "set", fake_sample)
    return folder / "set"


def test_masks_become_nested_classes():
    bits = (np.arange(8)[None] >> np.arange(3)[:, None] & 1).astype(bool)[:, None, :]
    surface, inside, visible = bits
    assert mask_classes(surface, inside, visible)[0].tolist() == [0, 1, 0, 2, 0, 1, 0, 3]
    assert class_shares(np.array([[0, 0, 1, 3]], np.uint8)) == [0.5, 0.5, 0.0, 0.5]
    assert class_shares(np.zeros((2, 2), np.uint8)) == [1.0, 0.0, 0.0, 0.0]


def test_depth_runs_from_light_to_dark_and_leaves_holes_out():
    depth = np.array([[1.0, 1.5, 2.0, 9.0]])
    surface = np.array([[True, True, True, False]])
    assert depth_range_m(depth, surface) == (1.0, 2.0)
    assert depth_range_m(depth, ~surface & surface) == (0.0, 0.0)
    rgb = depth_to_rgb(depth, surface, (1.0, 2.0)).astype(int)
    assert rgb[0, 0].sum() > rgb[0, 1].sum() > rgb[0, 2].sum()
    assert tuple(rgb[0, 3]) == MASK_CLASSES[0][1]


def test_normals_are_red_right_green_up_blue_towards_the_camera():
    normal = np.array([[[1, 0, 0], [0, -1, 0], [0, 0, -1]]], np.float32)
    rgb = normal_to_rgb(normal, np.ones((1, 3), bool))
    assert rgb[0].tolist() == [[255, 128, 128], [128, 255, 128], [128, 128, 255]]


def test_every_part_has_its_own_colour():
    assert set(PART_COLORS) == set(Part)
    assert len(set(PART_COLORS.values())) == len(Part)
    assert tuple(part_palette()[Part.LIPS]) == PART_COLORS[Part.LIPS]


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_bilinear_keeps_pixel_centres_and_linear_ramps(height, width, seed):
    rng = np.random.default_rng(seed)
    image = rng.random((height, width, 2))
    r, c = rng.integers(height), rng.integers(width)
    assert np.array_equal(bilinear(image, np.array([[c + 0.5, r + 0.5]]))[0], image[r, c])
    ramp = np.stack(np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5), axis=-1)
    point = 0.5 + rng.random((1, 2)) * [width - 1, height - 1]
    np.testing.assert_allclose(bilinear(ramp, point), point, atol=1e-12)


def test_pulling_back_a_moved_picture_gives_the_picture():
    rng = np.random.default_rng(3)
    here = rng.integers(0, 256, (12, 16, 3), np.uint8)
    there = np.roll(here, (2, -3), axis=(0, 1))
    flow = np.broadcast_to(np.array([-3.0, 2.0], np.float32), (12, 16, 2))
    visible = np.zeros((12, 16), bool)
    visible[:10, 3:] = True
    pulled = pull_back(here, there, flow, visible)
    assert np.array_equal(pulled.rgb, here)
    assert pulled.difference == 0
    assert pulled.unmoved > 50
    wrong = pull_back(here, there, -flow, visible)
    assert wrong.difference > 50


def test_pulling_back_nothing_is_no_difference():
    image = np.zeros((2, 2, 3), np.uint8)
    pulled = pull_back(image, image, np.zeros((2, 2, 2)), np.zeros((2, 2), bool))
    assert (pulled.difference, pulled.unmoved) == (0.0, 0.0)


@pytest.mark.parametrize("size", [48, READOUT_PX + 2])
def test_read_out_is_the_layers_rounded(size):
    sample = as_dict(size=size)
    for a, b in (("near", "far"), ("far", "near")):
        packed = sample_view(sample)["views"][a]["readout"]
        stride = packed["stride"]
        steps = np.frombuffer(zlib.decompress(base64.b64decode(packed["data"])), "<u2")
        shape = (4, packed["rows"], packed["columns"])
        planes = np.cumsum(steps.reshape(4, -1), axis=1, dtype=np.uint16).reshape(shape)
        flow = np.moveaxis(planes[:2].view(np.int16), 0, -1) * packed["flow_step_px"]
        assert stride == (1 if size <= READOUT_PX else 2)
        assert max(shape) <= READOUT_PX
        exact = {name: sample[name][::stride, ::stride] for name in (f"flow_{a}_to_{b}", f"{a}_depth_axis_m")}
        assert np.abs(flow - exact[f"flow_{a}_to_{b}"]).max() <= packed["flow_step_px"] / 2
        depth_m = planes[2] * packed["depth_step_m"]
        assert np.abs(depth_m - exact[f"{a}_depth_axis_m"]).max() <= packed["depth_step_m"] / 2 + 1e-7
        assert np.array_equal(planes[3] & 255, sample[f"{a}_part"][::stride, ::stride])
        masks = [sample[name] for name in (f"{a}_surface", f"{a}_inside_{b}", f"{a}_visible_in_{b}")]
        assert np.array_equal(planes[3] >> 8, mask_classes(*masks)[::stride, ::stride])


def test_flow_too_long_for_the_read_out_gets_a_coarser_step():
    sample = as_dict()
    sample["flow_near_to_far"] = sample["flow_near_to_far"].copy()
    sample["flow_near_to_far"][20, 20] = [-9000.0, 5.0]
    packed = sample_view(sample)["views"]["near"]["readout"]
    steps = np.frombuffer(zlib.decompress(base64.b64decode(packed["data"])), "<u2")
    dx = np.cumsum(steps.reshape(4, -1)[0], dtype=np.uint16).view(np.int16).reshape(48, 48)
    assert dx[20, 20] * packed["flow_step_px"] == pytest.approx(-9000, abs=packed["flow_step_px"])


def test_lossless_pictures_are_their_layers():
    sample = as_dict()
    near = sample_view(sample)["views"]["near"]
    assert np.array_equal(np.asarray(decoded(near["part"])), sample["near_part"])
    alpha = np.asarray(decoded(near["cover"]).convert("RGBA"))[..., 3]
    assert np.array_equal(alpha == 0, sample["near_visible_in_far"])
    rgb = np.asarray(decoded(near["rgb"])).astype(int)
    assert np.abs(rgb - sample["near_rgb"]).mean() < 4


def test_warp_of_a_sample_is_better_than_no_warp():
    for view in sample_view(as_dict(size=192))["views"].values():
        moved, unmoved = view["warp_difference"]
        assert moved < unmoved / 3


def test_page_holds_the_set(made, tmp_path):
    out = write_view(made, tmp_path / "view.html", samples=3)
    html = out.read_text()
    data = blocks(html)
    assert list(data) == ["set", "sample-0", "sample-1", "sample-2"]
    overview = data["set"]
    assert (overview["written"], overview["expected"], overview["people"]) == (5, 5, 3)
    assert (overview["recipe"], overview["seed"]) == ("fake", 0)
    assert {asset["credit"] for asset in overview["assets"]} == {"", "Scan by A. Person, CC BY 3.0"}
    assert [entry["key"] for entry in overview["cards"]] == ["00000000", "00000002", "00000004"]
    assert data["sample-1"]["record"] == json.loads(json.dumps(fake_sample(2).meta))
    assert data["sample-1"]["distance"]["far"] == "infinity"


def test_page_refers_to_nothing_outside(made, tmp_path):
    html = write_view(made, tmp_path / "view.html").read_text()
    assert "default-src 'none'" in html
    addresses = re.findall(r"""\b(?:src|href|action|srcset)\s*=\s*["']([^"']*)""", html)
    assert addresses
    assert all(address.startswith("data:") for address in addresses)
    assert re.findall(r"url\(|@import|\bfetch\(|XMLHttpRequest|WebSocket|import\(", html) == []


def test_equal_sets_give_equal_pages_and_no_part_is_left(made, tmp_path):
    first = write_view(made, tmp_path / "view.html").read_bytes()
    assert write_view(made, tmp_path / "view.html").read_bytes() == first
    assert [path.name for path in tmp_path.iterdir()] == ["view.html"]


def test_page_stays_small(tmp_path):
    generate(fake_run(pairs=2, size=512), tmp_path / "set", partial(fake_sample, size=512))
    page = write_view(tmp_path / "set", tmp_path / "view.html")
    assert page.stat().st_size < 2 * 12e6 / 16


def test_layers_that_a_set_lacks_are_left_out():
    sample = as_dict()
    few = {name: sample[name] for name in ("near_rgb", "far_rgb", "meta")}
    view = sample_view(few)
    assert set(view["views"]["near"]) == {"rgb", "readout"}
    assert view["views"]["near"]["readout"] is None
    flow_only = {**few, "flow_near_to_far": sample["flow_near_to_far"]}
    assert set(sample_view(flow_only)["views"]["near"]) == {"rgb", "flow", "readout"}
    with pytest.raises(ViewError, match="expected near_rgb and far_rgb"):
        card({"near_rgb": sample["near_rgb"], "meta": sample["meta"]})


def test_text_of_a_record_cannot_end_its_block(tmp_path):
    def hostile(index):
        made = fake_sample(index)
        made.meta["light"]["name"] = "</script><script>alert(1)</script><!--"
        return made

    generate(fake_run(pairs=1), tmp_path / "set", hostile)
    html = write_view(tmp_path / "set", tmp_path / "view.html").read_text()
    assert html.count("alert(1)") == 1
    assert "<script>alert" not in html
    assert blocks(html)["sample-0"]["record"]["light"]["name"] == "</script><script>alert(1)</script><!--"


def test_unfinished_set_is_shown_and_says_so(tmp_path):
    generate(fake_run(), tmp_path / "set", fake_sample)
    (tmp_path / "set" / "index.json").unlink()
    for path in (tmp_path / "set").glob("shard-000001.*"):
        path.unlink()
    overview = blocks(write_view(tmp_path / "set", tmp_path / "view.html").read_text())["set"]
    assert (overview["written"], overview["expected"]) == (3, 5)


def test_refusals(made, tmp_path):
    (tmp_path / "mine.html").write_text("<html>my own page</html>")
    (tmp_path / "empty").mkdir()
    cases = [
        (tmp_path / "nowhere", "view.html", 4, "nowhere: expected a database"),
        (tmp_path / "empty", "view.html", 4, "empty: expected a database"),
        (made, "view.html", 0, "samples: expected at least 1, got 0"),
        (made, "mine.html", 4, "mine.html: expected a new name or an earlier page, got another file"),
        (made, "empty", 4, "empty: expected to read and write here"),
        (made, "no/such/view.html", 4, r"no/such.*make its folder first"),
    ]
    for path, out, samples, message in cases:
        with pytest.raises(UserError, match=message):
            write_view(path, tmp_path / out, samples=samples)
    assert (tmp_path / "mine.html").read_text() == "<html>my own page</html>"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "mine.html"]


def test_set_without_a_finished_shard_is_refused(tmp_path):
    generate(fake_run(), tmp_path / "set", fake_sample)
    for path in (tmp_path / "set").glob("*"):
        if path.name != "run.json":
            path.unlink()
    with pytest.raises(ViewError, match="expected at least one finished shard, got none; run generate again"):
        write_view(tmp_path / "set", tmp_path / "view.html")


def test_damaged_shard_is_named_and_an_earlier_page_stays(tmp_path):
    generate(fake_run(), tmp_path / "set", fake_sample)
    out = write_view(tmp_path / "set", tmp_path / "view.html")
    before = out.read_bytes()
    shard = tmp_path / "set" / "shard-000001.tar"
    data = bytearray(shard.read_bytes())
    start = data.index(b"\x89PNG")
    data[start : start + 8] = bytes(8)
    shard.write_bytes(data)
    with pytest.raises(UserError, match=r"shard-000001\.tar"):
        write_view(tmp_path / "set", out)
    shard.write_bytes(data[:2000])
    with pytest.raises(UserError, match=r"shard-000001\.tar: expected \d+ bytes, got 2000"):
        write_view(tmp_path / "set", out)
    assert out.read_bytes() == before
    assert PAGE_MARK.encode() in before[:1024]
