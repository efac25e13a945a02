"""hm08 on ICT heads: the derived binding lays the embedded head on the model and agrees with an independent one."""

import numpy as np
import pytest

from meshes.assets import AssetMissingError, find
from meshes.ict import Ict
from meshes.makehuman_template import template
from meshes.wear import ict_binding
from meshes.wear.ict_binding import binding


@pytest.fixture(scope="module")
def ict() -> Ict:
    try:
        return Ict(find("ict"))
    except AssetMissingError as error:
        pytest.skip(str(error))


def on(ict: Ict) -> np.ndarray:
    table = binding(ict)
    return np.einsum("nk,nkd->nd", table.weight, ict.mean_m[table.corner]) + table.offset_m


def test_skin_of_the_head_lies_on_the_model(ict: Ict) -> None:
    table, points = binding(ict), on(ict)
    assert np.allclose(table.weight.sum(axis=1), 1.0, atol=3e-6)
    head = points[:, 1] > np.percentile(points[:, 1], 40)
    assert np.median(np.linalg.norm(table.offset_m[head], axis=1)) < 0.001
    assert len(table.number) == len(template().pack.base_index)


def test_it_agrees_with_the_registration_made_elsewhere(ict: Ict) -> None:
    try:
        other = np.load(find("makehuman-to-ict"))
    except AssetMissingError as error:
        pytest.skip(str(error))
    _, ours, theirs = np.intersect1d(binding(ict).number, other["mh_base_index"], return_indices=True)
    away_m = np.linalg.norm(on(ict)[ours] - other["mh_in_ict_frame"][theirs] / 100.0, axis=1)
    skin = np.linalg.norm(other["offset_cm"][theirs], axis=1) < 0.3
    head = other["mh_in_ict_frame"][theirs, 1] > -5.0
    assert np.median(away_m[skin & head]) < 0.003


def test_it_is_read_from_the_cache_and_made_anew_where_that_is_damaged(ict: Ict, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("DATAGEN_CACHE", str(tmp_path))
    made = binding(ict)
    monkeypatch.setattr(ict_binding, "derive", lambda model: made)
    binding.cache_clear()
    binding(ict)
    (file,) = (tmp_path / "makehuman-on-ict").glob("*.npz")
    monkeypatch.setattr(ict_binding, "derive", lambda model: pytest.fail("made again"))
    binding.cache_clear()
    np.testing.assert_array_equal(binding(ict).offset_m, made.offset_m)
    file.write_bytes(file.read_bytes()[:1000])
    monkeypatch.setattr(ict_binding, "derive", lambda model: made)
    binding.cache_clear()
    np.testing.assert_array_equal(binding(ict).corner, made.corner)
    binding.cache_clear()
