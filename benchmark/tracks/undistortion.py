"""Undistortion: how far a flow is from the true one, and a picture from what the far camera took.

Flows are compared over the near pixels of face and ears that the far camera sees as well, pictures on the far grid over
the whole person, the face and the ears. A failed picture counts as a black one.
"""

from collections.abc import Sequence

import numpy as np

from benchmark.methods.method import Answer
from benchmark.metrics.image import perceptual, psnr, ssim
from benchmark.suites.case import Case
from benchmark.tracks.flows import failed_flow, flow_errors, told
from benchmark.tracks.regions import FAR_REGIONS, far_region, near_region, rectangle
from benchmark.tracks.track import NOTHING, Measurement, Row, Summary
from meshes.assets import face_model
from meshes.errors import UserError
from training.scores import REGIONS

FLOW = ("epe_px", "outliers_1px", "outliers_3px", "outliers_5px")
PIXELS, NETWORKS = ("psnr_db", "ssim"), ("lpips_alex", "dists")
BEST_DB = 100.0
"""Equal pictures have an infinite ratio; more than this counts as this."""
DISTS_FROM_PX = 512
"""DISTS takes a second a region and answer: of smaller pictures, those of small suites, it sees the face alone."""
MARGIN_PX, LEAST_PX = 16, 64
"""Networks are shown the rectangle around a region, wider by a margin, so that ears are not lost in the rest."""


class Undistortion:
    """Flow over face and ears, picture over person, face and ears."""

    name = "undistortion"
    version = "1"
    metrics: tuple[str, ...] = (
        *(f"{metric}/{region}" for metric in FLOW for region in REGIONS),
        *(f"{metric}/{region}" for metric in (*PIXELS, *NETWORKS) for region in FAR_REGIONS),
    )

    def why_not(self) -> str | None:
        """Flows and pixels are always measured; missing networks are told by `summarise`."""
        return None

    def measure(self, case: Case, answer: Answer) -> dict[str, Measurement]:
        """Errors of flow and picture."""
        return self._flow(case, answer.flow) | ({} if answer.rgb is None else _picture(case, answer.rgb))

    def failed(self, case: Case) -> dict[str, Measurement]:
        """The worst flow and a black picture."""
        true = case.truth.flow
        masks = {region: near_region(case.truth, region) for region in REGIONS}
        flows = {
            f"{name}/{region}": value
            for region, mask in masks.items()
            if true is not None and mask is not None
            for name, value in failed_flow(true, mask, FLOW).items()
        }
        return flows | _picture(case, np.zeros_like(case.question.near_rgb))

    def observe(self, case: Case, answer: Answer | None) -> dict[str, list[float]]:
        """Nothing: means over answers say it all."""
        return {}

    def summarise(self, rows: Sequence[Row]) -> dict[str, Summary]:
        """Why the networks' figures are missing, where they are."""
        missing = {name: why for name in NETWORKS if (why := _why_not(name))}
        return {
            f"{name}/{region}/all": Summary(None, why=why) for name, why in missing.items() for region in FAR_REGIONS
        }

    def _flow(self, case: Case, flow: np.ndarray | None) -> dict[str, Measurement]:
        true = case.truth.flow
        if flow is None or true is None:
            return {}
        masks = {region: near_region(case.truth, region) for region in REGIONS}
        return {
            f"{name}/{region}": value
            for region, mask in masks.items()
            if mask is not None
            for name, value in flow_errors(flow, true, mask, FLOW).items()
        }


def _picture(case: Case, rgb: np.ndarray) -> dict[str, Measurement]:
    """Likeness to the far picture, by metric and region; regions that nobody knows are left out."""
    if case.truth.far_rgb is None:
        return {}
    made, true = (picture.astype(np.float64) / 255 for picture in (rgb, case.truth.far_rgb))
    names = (*PIXELS, *(name for name in NETWORKS if not _why_not(name)))
    masks = {region: far_region(case.truth, region) for region in FAR_REGIONS}
    return {
        f"{name}/{region}": _likeness(name, made, true, mask)
        for region, mask in masks.items()
        if mask is not None
        for name in names
        if name != "dists" or region == "face" or len(true) >= DISTS_FROM_PX
    }


def _likeness(name: str, made: np.ndarray, true: np.ndarray, mask: np.ndarray) -> Measurement:
    if not mask.any():
        return NOTHING
    if name == "psnr_db":
        return Measurement.of(min(psnr(made, true, mask).value or 0.0, BEST_DB))
    if name == "ssim":
        return told(ssim(made, true, mask))
    rows, columns = rectangle(mask, MARGIN_PX, LEAST_PX)
    part = (made[rows, columns], true[rows, columns], mask[rows, columns])
    return told(perceptual(*part, measure="alex" if name == "lpips_alex" else "dists"))


def _why_not(name: str) -> str:
    """Why a network cannot run here; "" where it can."""
    try:
        import torch  # noqa: F401

        for model in ("alexnet",) if name == "lpips_alex" else ("vgg16", "dists"):
            face_model(model)
    except (ImportError, UserError) as error:
        return str(error)
    return ""
