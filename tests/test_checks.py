"""What the validator derives again inside a sample: every planted contradiction is named with shard and sample."""

import copy
import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from damage import KEY, RUN, SHARD, VICTIM, assert_named
from fake import fake_run, fake_sample

from datagen.checks import check_layers
from datagen.engine import generate
from datagen.record_checks import cameras_of, check_landmarks
from datagen.sample import Sample
from datagen.splits import SPLITS
from datagen.verify import verify
from meshes.parts import Part
from renderers.labels import pair_labels, to_layers, view_labels
from renderers.lens import Distortion
from renderers.standard_scenes import plain_head, view_from


def _set_with(tmp_path, change, run=RUN):
    """A set whose sample 3 was changed before it was written, so that all its checksums are right."""

    def make(index: int) -> Sample:
        sample = fake_sample(index, size=run.height, layers=run.layers)
        if index != VICTIM:
            return sample
        layers, meta = {k: v.copy() for k, v in sample.layers.items()}, copy.deepcopy(sample.meta)
        change(layers, meta)
        return Sample(index, layers, meta)

    generate(run, tmp_path, make)
    return verify(tmp_path)


def _nudge(name, place, amount):
    def change(layers, meta):
        array = layers[name]
        row, column = np.argwhere(layers[_surface_of(name)])[place]
        array[row, column] += array.dtype.type(amount)

    return change


def _surface_of(name):
    return f"{name.removeprefix('flow_').split('_')[0]}_surface"


def _outside(name, value):
    def change(layers, meta):
        row, column = np.argwhere(~layers[_surface_of(name)])[0]
        layers[name][row, column] = value

    return change


def _set(name, value):
    def change(layers, meta):
        layers[name][:] = value

    return change


def _flip(name, where):
    def change(layers, meta):
        row, column = np.argwhere(where(layers))[0]
        layers[name][row, column] ^= True

    return change


def _swap(a, b):
    def change(layers, meta):
        layers[a], layers[b] = layers[b], layers[a]

    return change


def _negate_backward_flow(layers, meta):
    layers["flow_far_to_near"] *= -1


def _transpose_flow(layers, meta):
    layers["flow_near_to_far"] = np.ascontiguousarray(layers["flow_near_to_far"][..., ::-1])


def _shift_half_a_pixel(layers, meta):
    layers["flow_near_to_far"] += np.float32(0.5) * layers["near_surface"][..., None]


def _all_inside_is_visible(layers, meta):
    layers["far_visible_in_near"] = layers["far_inside_near"].copy()


def _none_is_visible(layers, meta):
    layers["near_visible_in_far"][:] = False


LAYER_DAMAGE = [
    ("flow", _nudge("flow_near_to_far", 100, 1e-2)),
    ("flow", _negate_backward_flow),
    ("flow", _transpose_flow),
    ("flow", _shift_half_a_pixel),
    ("flow", _nudge("far_depth_axis_m", 100, 1e-3)),
    ("background", _outside("flow_near_to_far", 1e-3)),
    ("background", _outside("near_depth_axis_m", 1.0)),
    ("background", _outside("far_normal", -1.0)),
    ("background", _outside("near_uv", 0.5)),
    ("background", _outside("near_part", 1)),
    ("background", _outside("near_triangle_id", 0)),
    ("background", _outside("far_barycentric", 1e-9)),
    ("mask", _flip("near_visible_in_far", lambda m: ~m["near_surface"])),
    ("mask", _flip("far_inside_near", lambda m: ~m["far_surface"])),
    ("mask", _flip("far_inside_near", lambda m: m["far_visible_in_near"])),
    ("inside", _flip("far_inside_near", lambda m: m["far_inside_near"] & ~m["far_visible_in_near"])),
    ("inside", _swap("far_inside_near", "near_inside_far")),
    ("inside", _flip("near_inside_far", lambda m: m["near_surface"] & ~m["near_inside_far"])),
    ("visible", _none_is_visible),
    ("depth", _nudge("near_depth_axis_m", 7, -10)),
    ("normal", _nudge("far_normal", 11, 1e-3)),
    ("part", _nudge("near_part", 5, 200)),
    ("alpha", _set("near_alpha", 0)),
    ("alpha", _set("far_alpha", 255)),
    ("triangle", _set("near_triangle_id", -1)),
    ("barycentric", _nudge("near_barycentric", 3, 1e-3)),
    ("person", _set("near_surface", False)),
    ("blank", _set("near_rgb", 0)),
    ("blank", _set("far_rgb", 127)),
]


@pytest.mark.parametrize(("kind", "change"), LAYER_DAMAGE)
def test_wrong_layers_are_named(tmp_path, kind, change):
    assert_named(_set_with(tmp_path, change), kind)


def test_hidden_points_marked_visible_are_named(tmp_path):
    # The far side of a small sphere is hidden by millimetres only; a larger picture leaves no doubt.
    assert_named(_set_with(tmp_path, _all_inside_is_visible, fake_run(pairs=4, size=256)), "visible")


def test_points_may_be_seen_between_strands_that_hide_every_pixel_centre(tmp_path):
    def behind_hair(layers, meta):
        _all_inside_is_visible(layers, meta)
        layers["near_part"][layers["near_surface"]] = Part.HAIR

    assert _set_with(tmp_path, behind_hair, fake_run(pairs=4, size=256)).ok


def test_an_overexposed_person_is_named(tmp_path):
    def change(layers, meta):
        layers["near_rgb"][layers["near_surface"]] = 255
        layers["near_rgb"][tuple(np.argwhere(layers["near_surface"])[0])] = 0

    assert_named(_set_with(tmp_path, change), "saturated")


def _meta(*path_and_value):
    *path, value = path_and_value

    def change(layers, meta):
        place = meta
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value

    return change


def _other_split(layers, meta):
    meta["split"] = next(split for split in SPLITS if split != meta["split"])


def _without(name):
    def change(layers, meta):
        del meta[name]

    return change


def lens(**changes):
    return {"k1": 0.0, "k2": 0.0, "p1": 0.0, "p2": 0.0, "k3": 0.0} | changes


RECORD_DAMAGE = [
    ("split", _other_split),
    ("licence", _meta("assets", [])),
    ("camera", _meta("cameras", "near", "K", [[1, 0], [0, 1]])),
    ("camera", _meta("cameras", "near", "K", 0, 0, -500.0)),
    ("camera", _meta("cameras", "near", "T_camera_head", 0, 0, 2.0)),
    ("camera", _meta("cameras", "near", "T_camera_head", 0, 3, "left")),
    ("camera", _meta("cameras", "far", "kind", "fisheye")),
    ("camera", _meta("cameras", "far", "height", 47)),
    ("camera", _meta("cameras", "near", {})),
    ("camera", _meta("cameras", None)),
    ("camera", _meta("cameras", "near", "distance_m", 0.9)),
    ("camera", _meta("cameras", "near", "distance_m", None)),
    ("camera", _meta("cameras", "near", "distortion", {"k1": -0.1})),
    ("camera", _meta("cameras", "near", "distortion", "barrel")),
    ("camera", _meta("cameras", "near", "distortion", lens(k2="strong"))),
    ("camera", _meta("cameras", "near", "distortion", lens(p1=1e9))),
    ("camera", _meta("cameras", "near", "distortion", lens(k1=-40.0))),
    ("flow", _meta("cameras", "near", "distortion", lens(k1=-0.05))),
    ("landmark", _meta("cameras", "near", "distortion", lens(p2=1e-4))),
    ("flow", _meta("cameras", "far", "K", 0, 2, 25.0)),
    ("landmark", _meta("landmarks", "near_px", 3, 0, 1.0)),
    ("landmark", _meta("landmarks", "points_m", 3, 2, 0.5)),
    ("landmark", _meta("landmarks", "near_visible", [True])),
    ("landmark", _meta("landmarks", "near_visible", [True] * 12)),
    ("landmark", _meta("landmarks", "barycentric", 0, 0, 0.9)),
    ("landmark", _meta("landmarks", "points_m", "nose")),
    ("landmark", _meta("landmarks", {})),
    ("landmark", _meta("landmarks", None)),
    ("record", _without("pose")),
    ("record", _meta("index", 17)),
    ("record", _meta("seed", 5)),
    ("record", _meta("recipe", "selfie")),
]


@pytest.mark.parametrize(("kind", "change"), RECORD_DAMAGE)
def test_wrong_records_are_named(tmp_path, kind, change):
    assert_named(_set_with(tmp_path, change), kind)


def test_a_person_in_two_splits_is_a_leak(tmp_path):
    # Samples 2 and 3 show one person; both the record and its side file say another split for 3.
    report = _set_with(tmp_path, _other_split)
    leaks = [f for f in report.findings if f.kind == "split" and "a leak" in f.message]
    assert [(f.shard, f.sample) for f in leaks] == [(SHARD, KEY)]
    assert "fake-001" in leaks[0].message


def test_flow_and_masks_are_derived_through_the_lens_of_the_record():
    """Labels of the exact core behind lenses agree with their own record, and with no other lens's."""
    near_lens, far_lens = Distortion(k1=-0.2, p1=0.004), Distortion(k1=0.3, k2=0.1)
    near = replace(view_from(0.3, 64, fill=1.3), distortion=near_lens)
    far = replace(view_from(1.6, 64), distortion=far_lens)
    surface = plain_head(60)
    a, b = view_labels(surface, near), view_labels(surface, far)
    layers, run = to_layers(a, b, pair_labels(surface, a, b)), fake_run(size=64)
    record = {name: camera_record(camera) for name, camera in (("near", near), ("far", far))}
    cameras = cameras_of(run, json.loads(json.dumps({"cameras": record})))
    assert (cameras["near"].distortion, cameras["far"].distortion) == (near_lens, far_lens)
    assert list(check_layers(layers, cameras)) == []
    for name in ("near", "far"):
        del record[name]["distortion"]  # As in records older than lenses.
        issues = {kind for kind, _ in check_layers(layers, cameras_of(run, {"cameras": record}))}
        assert {"flow", "inside"} <= issues


def camera_record(camera):
    values = {name: getattr(camera, name).tolist() for name in ("K", "T_camera_head")}
    lens = asdict(camera.distortion)
    return values | {"height": camera.height, "width": camera.width, "kind": camera.kind, "distortion": lens}


@pytest.mark.parametrize(("part", "named"), [(Part.HAIR, False), (Part.LASHES, False), (Part.FACE, True)])
def test_a_landmark_may_be_seen_between_strands_but_not_through_skin(part, named):
    sample = fake_sample(1)
    layers = {name: layer.copy() for name, layer in sample.layers.items()}
    marks = sample.meta["landmarks"]
    seen = np.array(marks["near_px"])[np.array(marks["near_visible"])]
    column, row = np.floor(seen[abs(seen - 24).max(axis=1).argmin()]).astype(int)
    around = np.s_[row - 2 : row + 3, column - 2 : column + 3]
    layers["near_depth_axis_m"][around] -= np.float32(0.05)
    layers["near_part"][around] = part
    found = list(check_landmarks(layers, cameras_of(fake_run(), sample.meta), sample.meta))
    assert any("off the depth map" in message for _, message in found) is named
