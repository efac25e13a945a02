"""What networks must beat: means of the training set, and a head held under the landmarks."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from scipy.spatial.transform import Rotation  # noqa: E402

from renderers.camera import Camera, dolly_camera, intrinsics, look_at, project  # noqa: E402
from renderers.labels import view_labels  # noqa: E402
from training.baselines import mean_flows, zero_flow  # noqa: E402
from training.mean_head import ShapeModel, fit, shape_model, warp_flow  # noqa: E402


@pytest.fixture(scope="module")
def model() -> ShapeModel:
    return shape_model(people=5, shapes=3)


def near_camera(distance_m: float = 0.3, size: int = 96) -> Camera:
    K = intrinsics(size * distance_m / 0.3, (size / 2, size / 2))
    return Camera(K, look_at(np.zeros(3), distance_m, np.eye(3)), size, size)


def batch_of(flow: torch.Tensor, valid: torch.Tensor, distance_m: list[float]) -> dict[str, torch.Tensor]:
    return {"flow": flow, "near_surface": valid, "distance_m": torch.tensor(distance_m)}


def test_the_mean_is_over_valid_pixels_alone():
    flow, valid = torch.full((2, 2, 1, 2), 3.0), torch.tensor([[[[True, True]]], [[[True, False]]]])
    flow[1] = 7.0
    mean, _ = mean_flows([batch_of(flow, valid, [0.2, 0.4])], far_m=1.6)
    assert mean.flow[0, :, 0].tolist() == [[5.0, 3.0], [5.0, 3.0]]
    seen = batch_of(flow, valid, [0.2, 0.4])
    assert mean(seen).shape == flow.shape
    assert zero_flow(seen).abs().sum() == 0


def test_the_mean_at_a_distance_recovers_what_falls_with_it():
    """Flows that are in proportion to 1/d - 1/far are told without error at a distance nobody trained on."""
    slope = torch.arange(8.0).reshape(1, 2, 2, 2)
    train = torch.cat([slope * (1 / d - 1 / 1.6) for d in (0.2, 0.5, 0.9)])
    _, mean = mean_flows([batch_of(train, torch.ones(3, 1, 2, 2, dtype=torch.bool), [0.2, 0.5, 0.9])], far_m=1.6)
    asked = batch_of(torch.zeros(1, 2, 2, 2), torch.ones(1, 1, 2, 2, dtype=torch.bool), [0.33])
    torch.testing.assert_close(mean(asked), slope * (1 / 0.33 - 1 / 1.6))


def test_batches_of_any_size_give_the_same_mean():
    flow, valid = torch.randn(6, 2, 3, 3), torch.rand(6, 1, 3, 3) < 0.7
    at = [0.2, 0.3, 0.4, 0.5, 0.6, 0.7]
    whole = mean_flows([batch_of(flow, valid, at)], 1.6)
    parts = mean_flows([batch_of(flow[i : i + 2], valid[i : i + 2], at[i : i + 2]) for i in (0, 2, 4)], 1.6)
    torch.testing.assert_close(whole[0].flow, parts[0].flow)
    torch.testing.assert_close(whole[1].slope, parts[1].slope)


def test_the_shape_model_is_a_bare_head_of_all_the_people(model):
    assert model.basis.shape == (3, len(model.surface.vertices), 3)
    assert not any(model.surface.materials[m].fibre for m in np.unique(model.surface.material))
    assert model.landmarks(model.surface.vertices).shape == (76, 3)
    eyes_m = model.landmarks(model.surface.vertices)[[36, 39, 42, 45]]
    assert abs(eyes_m[:, 0].mean()) < 2e-3
    assert np.abs(eyes_m[:, 1]).max() < 0.01


@pytest.mark.parametrize("turn_deg", [(0.0, 0.0, 0.0), (8.0, -20.0, 5.0), (-12.0, 25.0, -9.0)])
def test_a_turned_head_of_the_model_is_found_again(model, turn_deg):
    camera, R = near_camera(), Rotation.from_euler("xyz", turn_deg, degrees=True).as_matrix()
    weights = np.array([0.8, -0.5, 0.3])
    vertices = model.points(weights) @ R.T
    pixels = project(camera, model.landmarks(vertices))[0]
    found, shape = fit(model, camera, pixels, np.ones(len(pixels), bool), shapes=3)
    assert np.abs(found - vertices).max() < 5e-3  # The prior holds the shape back a little.
    assert np.abs(shape - weights).max() < 0.6
    mean_found, none = fit(model, camera, pixels, np.ones(len(pixels), bool), shapes=0)
    assert len(none) == 0
    assert np.abs(mean_found - vertices).max() > np.abs(found - vertices).max()


def test_the_warp_is_the_exact_flow_where_the_head_is_and_goes_on_beside_it(model):
    camera = near_camera()
    far = dolly_camera(camera, np.zeros(3), 1.6)
    flow = warp_flow(model.surface, camera, far)
    seen = view_labels(model.surface, camera)
    expected = project(far, seen.points_head)[0] - project(camera, seen.points_head)[0]
    np.testing.assert_allclose(flow[seen.surface], expected, atol=1e-4)
    assert not seen.surface.all()
    assert np.abs(flow[~seen.surface]).min() > 0
