"""Contact sheets: many pictures of one size in a labelled grid, and the sheet of a data set.

A sheet is a picture for people; labels and flow are read from the set itself.
"""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from datagen.database import explained, read_run, write_file
from datagen.flow_color import flow_to_rgb, rim_px, shortened
from datagen.reader import PairDataset
from meshes.errors import UsageError

GAP_PX = 8
MAX_CELL_PX = 2048
LABEL_PX = 20
PAPER, INK = (255, 255, 255), (40, 40, 40)
_SAVE: dict[str, dict[str, Any]] = {
    ".png": {"format": "PNG", "optimize": True},
    ".jpg": {"format": "JPEG", "quality": 88},
    ".webp": {"format": "WEBP", "quality": 88},
}
_SHOWN = ("near_rgb", "far_rgb", "flow_near_to_far", "near_surface", "near_inside_far")


class SheetError(UsageError):
    """A sheet that cannot be made; the message says expected, got, next step."""


def contact_sheet(images: Sequence[np.ndarray], columns: int, labels: Sequence[str] | None = None) -> Image.Image:
    """Images in rows of `columns`, each with its label beneath.

    Args:
        images: (H, W, 3) uint8 sRGB each, all of one size, at least one.
        columns: cells a row, >= 1; the last row may be shorter.
        labels: one a picture; none are drawn where left out.

    Returns:
        An RGB picture at the images' own resolution, on white.

    Raises:
        SheetError: no image, differing shapes, not uint8 colour, or another number of labels.
    """
    _check(images, columns, labels)
    height, width = images[0].shape[:2]
    pitch_x, pitch_y = width + GAP_PX, height + GAP_PX + (LABEL_PX if labels else 0)
    rows = -(-len(images) // columns)
    sheet = Image.new("RGB", (columns * pitch_x + GAP_PX, rows * pitch_y + GAP_PX), PAPER)
    for i, image in enumerate(images):
        corner = (GAP_PX + i % columns * pitch_x, GAP_PX + i // columns * pitch_y)
        sheet.paste(Image.fromarray(image), corner)
        if labels:
            _write_label(sheet, labels[i], corner[0] + width // 2, corner[1] + height + 2)
    return sheet


def _check(images: Sequence[np.ndarray], columns: int, labels: Sequence[str] | None) -> None:
    if not images or columns < 1:
        raise SheetError(f"sheet: expected images and columns >= 1, got {len(images)} and {columns}; pass some.")
    for i, image in enumerate(images):
        if image.dtype != np.uint8 or image.shape != (*images[0].shape[:2], 3):
            raise SheetError(
                f"image {i}: expected uint8 of shape {(*images[0].shape[:2], 3)} like the first, "
                f"got {image.dtype} {image.shape}; resize or convert it."
            )
    if labels is not None and len(labels) != len(images):
        raise SheetError(f"labels: expected {len(images)}, one an image, got {len(labels)}; add or drop some.")


def _write_label(sheet: Image.Image, text: str, x: int, y: int) -> None:
    ImageDraw.Draw(sheet).text((x, y), text, fill=INK, font=ImageFont.load_default(13), anchor="ma")


def dataset_sheet(path: Path, out: Path, *, rows: int = 4, cell_px: int = 256) -> Path:
    """Writes near | far | flow of `rows` pairs, evenly spaced over a set, as one small picture.

    Args:
        path: folder of a generated set.
        out: ends in .png, .jpg or .webp.
        rows: pairs shown, fewer where the set holds fewer.
        cell_px: height of a cell; images are resized to it with a box filter.

    Raises:
        SheetError: unknown suffix, no rows, cells without size or beyond 2048 pixels, or a set without pairs or
            without the layers shown.
        DatabaseError: no readable set at `path`, or `out` cannot be written.
    """
    if rows < 1 or not 1 <= cell_px <= MAX_CELL_PX:
        raise SheetError(f"sheet: expected rows >= 1 and cells of 1 to {MAX_CELL_PX} px, got {rows} and {cell_px}.")
    if out.suffix.lower() not in _SAVE:
        raise SheetError(f"{out}: expected a name that ends in {', '.join(_SAVE)}, got {out.suffix!r}; rename it.")
    missing = [name for name in _SHOWN if name not in read_run(path).layers]
    if missing:
        raise SheetError(
            f"{path}: expected {', '.join(_SHOWN)} in the set, got no {', '.join(missing)}; generate them too."
        )
    pairs = PairDataset(path, layers=_SHOWN)
    if not len(pairs):
        raise SheetError(f"{path}: expected at least one finished pair, got none; generate the set first.")
    samples = [pairs[i] for i in evenly_spaced(len(pairs), rows)]
    cells = [_resized(image, cell_px) for sample in samples for image in _row(sample)]
    labels = [label for sample in samples for label in _row_labels(sample)]
    file = io.BytesIO()
    contact_sheet(cells, 3, labels).save(file, **_SAVE[out.suffix.lower()])
    with explained(out):
        write_file(out, file.getvalue())
    return out


def evenly_spaced(count: int, wanted: int) -> list[int]:
    """At most `wanted` distinct indices of `count`, first and last among them, in order."""
    return np.unique(np.linspace(0, count - 1, max(1, min(wanted, count))).round().astype(int)).tolist()


def _row(sample: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    scale_px = rim_px(sample["flow_near_to_far"], sample["near_inside_far"])
    flow = flow_to_rgb(shortened(sample["flow_near_to_far"], scale_px), scale_px, sample["near_surface"])
    return sample["near_rgb"], sample["far_rgb"], flow


def _row_labels(sample: dict[str, Any]) -> tuple[str, str, str]:
    cameras = sample["meta"]["cameras"]
    scale_px = rim_px(sample["flow_near_to_far"], sample["near_inside_far"])
    near, far = distance_text(cameras["near"]), distance_text(cameras["far"])
    return f"near, {near}", f"far, {far}", f"flow, full hue at {scale_px:.1f} px"


def distance_text(camera: dict[str, Any]) -> str:
    """The distance of a record's camera for people: "42.0 cm", "1.60 m", "infinity"."""
    distance_m = camera["distance_m"]
    if distance_m is None:
        return "infinity"
    return f"{distance_m * 100:.1f} cm" if distance_m < 1 else f"{distance_m:.2f} m"


def _resized(image: np.ndarray, height_px: int) -> np.ndarray:
    width_px = round(image.shape[1] * height_px / image.shape[0])
    return np.asarray(Image.fromarray(image).resize((width_px, height_px), Image.Resampling.BOX))
