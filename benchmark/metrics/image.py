"""How alike two pictures are: PSNR, SSIM, LPIPS, DISTS, on sRGB (H, W, 3) floats in [0, 1].

LPIPS and DISTS need torch and `datagen assets fetch perceptual-models`; without them they give no value and the reason.
"""

from functools import lru_cache, partial
from typing import Any, Literal

import numpy as np
from scipy import ndimage

from benchmark.metrics.by_content import ByContent
from benchmark.metrics.measured import (
    Measured,
    Metric,
    MetricError,
    PredictionError,
    checked_mask,
    finite_prediction,
    finite_truth,
    nothing,
    same_shape,
)
from meshes.errors import UserError

SIGMA_PX, RADIUS_PX = 1.5, 5
"""SSIM's Gaussian window, cut to 11 x 11."""
K1, K2 = 0.01, 0.03

KEPT = 8
"""Truths whose features are remembered; those of VGG16 take 50 MB at 256 px."""

Perceptual = Literal["alex", "vgg", "dists"]


def psnr(predicted_picture: np.ndarray, true_picture: np.ndarray, mask: np.ndarray | None = None) -> Measured:
    """Peak signal to noise in dB: -10 log10 of the mean squared error over the channels and the mask. Higher is better.

    Infinite where both are equal.

    Args:
        predicted_picture, true_picture: (H, W, 3) sRGB in [0, 1].
        mask: (H, W) bool, where it counts; everywhere where left out.

    Raises:
        PredictionError: the prediction is not finite, or not in [0, 1], in the mask.
        MetricError: shapes differ, or the truth is so.
    """
    predicted, true, inside = _pair(predicted_picture, true_picture, mask)
    if not inside.any():
        return nothing("the mask is empty")
    error = float(np.mean((predicted[inside] - true[inside]) ** 2))
    return Measured(-10 * float(np.log10(error)) if error else float("inf"), count=int(inside.sum()))


def ssim(predicted_picture: np.ndarray, true_picture: np.ndarray, mask: np.ndarray | None = None) -> Measured:
    """Structural similarity, mean over the channels and the mask. Higher is better, at most 1.

    Wang, Bovik, Sheikh, Simoncelli, "Image Quality Assessment: From Error Visibility to Structural Similarity", 2004:
    ((2 mx my + c1)(2 sxy + c2)) / ((mx² + my² + c1)(sx² + sy² + c2)) with moments under a Gaussian window of sigma 1.5
    cut to 11 x 11, biased covariance, c1 = 0.01², c2 = 0.03² (data range 1), on each sRGB channel. Only pixels whose
    window lies in the picture count, masked or not: the variant `gaussian_weights=True, sigma=1.5,
    use_sample_covariance=False, data_range=1` of scikit-image. Windows of the mask's rim reach over it.

    Arguments and errors as `psnr`; outside the mask a prediction that is not finite counts as the truth.
    """
    predicted, true, inside = _pair(predicted_picture, true_picture, mask)
    whole = np.zeros_like(inside)
    whole[RADIUS_PX:-RADIUS_PX, RADIUS_PX:-RADIUS_PX] = True
    inside = inside & whole
    if not inside.any():
        return nothing("no pixel of the mask has a whole window")
    return Measured(float(np.mean(ssim_map(predicted, true)[inside])), count=int(inside.sum()))


def ssim_map(predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """(H, W, 3) float64: the similarity around each pixel; pictures go on mirrored beyond their rim."""
    mean_x, mean_y = _smooth(predicted), _smooth(true)
    var_x, var_y = _smooth(predicted**2) - mean_x**2, _smooth(true**2) - mean_y**2
    both = _smooth(predicted * true) - mean_x * mean_y
    return ((2 * mean_x * mean_y + K1**2) * (2 * both + K2**2)) / (
        (mean_x**2 + mean_y**2 + K1**2) * (var_x + var_y + K2**2)
    )


def perceptual(
    predicted_picture: np.ndarray,
    true_picture: np.ndarray,
    mask: np.ndarray | None = None,
    measure: Perceptual = "alex",
) -> Measured:
    """LPIPS 0.1 on AlexNet or VGG16, or DISTS at a shorter side of 256 px: see `training.perceptual`. Lower is better.

    Args:
        predicted_picture, true_picture, mask: as `psnr`. LPIPS averages its map over the mask; DISTS has no map, so
            outside the mask it sees the truth in both. Outside the mask a prediction that is not finite counts as the
            truth.
        measure: which.

    Returns:
        No value, and why, where torch or the weights are missing.

    Raises:
        As `psnr`; MetricError also for pictures too small for the network.
    """
    predicted, true, inside = _pair(predicted_picture, true_picture, mask)
    if not inside.any():
        return nothing("the mask is empty")
    try:
        module = _module(measure)
    except (UserError, ImportError) as error:
        return nothing(f"not measured: {error}")
    try:
        return Measured(_run(module, measure, predicted, true, inside), count=int(inside.sum()))
    except UserError as error:
        raise MetricError(str(error)) from None


def _run(module: Any, measure: Perceptual, predicted: np.ndarray, true: np.ndarray, inside: np.ndarray) -> float:
    import torch

    if measure == "dists":
        predicted = np.where(inside[..., None], predicted, true)
    masks = () if measure == "dists" or inside.all() else (torch.from_numpy(inside[None, None]),)
    with torch.no_grad():
        made, wanted = (module.taps(_tensor(predicted)), _true_taps(measure, ByContent(true)))
        return float(module.compare(made, wanted, *masks)[0])


@lru_cache(maxsize=KEPT)
def _true_taps(measure: Perceptual, true: ByContent) -> Any:
    """What a network sees in a truth, which every method's answer is compared with."""
    return _module(measure).taps(_tensor(true.array))


def _tensor(picture: np.ndarray) -> Any:
    import torch

    return torch.from_numpy(picture.transpose(2, 0, 1)[None].astype(np.float32))


@lru_cache(maxsize=3)
def _module(measure: Perceptual) -> Any:
    from training.perceptual import Dists, Lpips

    return Dists() if measure == "dists" else Lpips(measure)


def _smooth(picture: np.ndarray) -> np.ndarray:
    return ndimage.gaussian_filter(picture, SIGMA_PX, axes=(0, 1), radius=RADIUS_PX, mode="reflect")


def _pair(
    predicted: np.ndarray, true: np.ndarray, mask: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Both pictures as float64 and the mask, checked where it counts; outside, what is not finite is made equal."""
    same_shape(predicted, true, "a picture (H, W, 3)", true.ndim == 3 and true.shape[2] == 3)
    inside = np.ones(true.shape[:2], bool) if mask is None else checked_mask(mask, true.shape[:2])
    finite_truth(true[inside], "true picture")
    finite_prediction(predicted[inside], "predicted picture")
    true = np.nan_to_num(np.asarray(true, np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    predicted = np.where(np.isfinite(predicted), predicted, true).astype(np.float64)
    for error, name, picture in ((PredictionError, "prediction", predicted), (MetricError, "truth", true)):
        low, high = (float(f(picture[inside], initial=0.5)) for f in (np.min, np.max))
        if low < -1e-6 or high > 1 + 1e-6:
            raise error(f"{name}: expected sRGB in [0, 1], got [{low:g}, {high:g}]; scale or clip it.")
    return predicted, true, inside


_NEEDS = ("predicted_picture", "true_picture")
METRICS = (
    Metric("psnr_db", "dB", True, psnr, _NEEDS),
    Metric("ssim", "", True, ssim, _NEEDS),
    Metric("lpips_alex", "", False, partial(perceptual, measure="alex"), _NEEDS, "perceptual-models"),
    Metric("lpips_vgg", "", False, partial(perceptual, measure="vgg"), _NEEDS, "perceptual-models"),
    Metric("dists", "", False, partial(perceptual, measure="dists"), _NEEDS, "perceptual-models"),
)
