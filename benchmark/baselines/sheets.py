"""Pairs of a trial side by side: near, undistorted, completed, the true far view, and the error of the flow.

The median pair, the best and the three worst under 43 cm, so that failures are seen as well as figures.
"""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

import datagen
from benchmark.baselines.measure import Row
from benchmark.baselines.networks import Networks, filled
from benchmark.baselines.trial import Meta, batches
from datagen.database import explained, write_file
from datagen.flow_color import flow_to_rgb, shortened
from datagen.sheet import contact_sheet, distance_text
from training.data import Batch
from training.evaluate import SHIPPED_PX
from training.stages import fetch

NEAREST_M = 0.43
"""Pairs beyond this are not shown: there is little to undo."""
WORST = 3
RIM_PX = 10.0
"""Error, in pixels of a 512-pixel picture, that gets the full hue."""
MAX_BYTES = 145_000


def shown_rows(rows: Sequence[Row], way: str) -> list[tuple[str, Row]]:
    """The pairs of a sheet with what each is, by the error of a way over the face."""
    close = [row for row in rows if row["distance_m"] < NEAREST_M and row["flow"][way]["face"] is not None]
    ranked = sorted(close, key=lambda row: (row["flow"][way]["face"], row["key"]))
    if not ranked:
        return []
    worst = [("worst" if i == 1 else f"worst but {i - 1}", ranked[-i]) for i in range(1, min(WORST, len(ranked)) + 1)]
    return [("median", ranked[(len(ranked) - 1) // 2]), ("best", ranked[0]), *worst]


def write_sheet(pairs: datagen.PairDataset, networks: Networks, rows: Sequence[Row], path: Path) -> str | None:
    """Writes the sheet of a trial as small WebP; its name, or None where there is nothing to show.

    Args:
        pairs: the set of the trial, with its split.
        networks: whose flow and completion are shown; pairs are ranked by that flow's error.
        rows: measured.
        path: of the picture.
    """
    if (way := networks.shown_way) is None or not (chosen := shown_rows(rows, way)):
        return None
    places = {key: place for place, key in enumerate(pairs.keys.tolist())}
    cells: list[np.ndarray] = []
    labels: list[str] = []
    for what, row in chosen:
        ((batch, (meta,)),) = batches(pairs, [places[row["key"]]])
        pictures, texts = row_of(networks, batch, meta, what, row["flow"][way]["face"])
        cells, labels = cells + pictures, labels + texts
    path.parent.mkdir(parents=True, exist_ok=True)
    with explained(path):
        write_file(path, small_webp(contact_sheet(cells, len(cells) // len(chosen), labels)))
    return path.name


@torch.no_grad()
def row_of(
    networks: Networks, batch: Batch, meta: Meta, what: str, error_px: float
) -> tuple[list[np.ndarray], list[str]]:
    """Pictures (H, W, 3) uint8 and labels of one pair."""
    assert networks.shown_flow is not None
    flow = networks.shown_flow.predict_flow(batch)
    warped, mass = fetch(batch, flow)
    cells, labels = [codes(batch["near"] * batch["near_mask"]), codes(warped)], ["near", "undistorted"]
    if networks.completion:
        cells.append(codes(filled(networks.completion, batch, warped, mass)))
        labels.append("completed")
    cells += [codes(batch["far"] * batch["far_mask"]), error_picture(batch, flow)]
    labels += ["true far view", f"error, full hue {RIM_PX:g} px; face {error_px:.1f}"]
    labels[0] = f"{what}: near, {distance_text(meta['cameras']['near'])}"
    return cells, labels


def codes(picture: Tensor) -> np.ndarray:
    """(H, W, 3) uint8 of (1, 3, H, W) in [0, 1]."""
    return (picture[0].clamp(0, 1) * 255).round().byte().movedim(0, -1).cpu().numpy()


def error_picture(batch: Batch, flow: Tensor) -> np.ndarray:
    """(H, W, 3) uint8: predicted minus true flow of one pair as colour, on the near grid; black without surface."""
    error = (flow - batch["flow"])[0].movedim(0, -1).cpu().double().numpy()
    rim_px = RIM_PX * error.shape[0] / SHIPPED_PX
    return flow_to_rgb(shortened(error, rim_px), rim_px, batch["near_surface"][0, 0].cpu().numpy())


def small_webp(sheet: Image.Image) -> bytes:
    """The picture as good as `MAX_BYTES` allow."""
    for quality in (88, 80, 72, 64, 55, 45, 35, 25):
        file = io.BytesIO()
        sheet.save(file, format="WEBP", quality=quality, method=6)
        if file.tell() <= MAX_BYTES:
            break
    return file.getvalue()
