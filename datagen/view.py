"""`datagen view`: a set as one HTML page that needs no network, no server and no second file.

Python makes the pictures; `view_page/` holds the page that shows them.
"""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

from datagen.card import gathered_assets
from datagen.database import explained, write_file
from datagen.flow_color import wheel_legend
from datagen.pictures import MASK_CLASSES, PART_COLORS, depth_ramp_rgb
from datagen.reader import PairDataset, shard_names
from datagen.sample_view import ViewError, card, png_uri, sample_view
from datagen.shards import read_record
from datagen.sheet import evenly_spaced

PAGE_MARK = '<meta name="generator" content="datagen view">'


def write_view(dataset_path: Path, out_html: Path, *, samples: int = 24) -> Path:
    """Writes the page of a set, replacing an earlier page only once the new one is whole.

    Args:
        dataset_path: folder of a generated set; of an unfinished one the finished shards are shown.
        out_html: file to write. A file there that is not such a page is left alone.
        samples: at most this many pairs, evenly spaced over the set.

    Returns:
        `out_html`.

    Raises:
        ViewError: no pairs to show, `samples` below 1, or another file has the name.
        DatabaseError: no readable set, or the page cannot be written.
    """
    if samples < 1:
        raise ViewError(f"samples: expected at least 1, got {samples}; ask for more.")
    pairs = PairDataset(dataset_path)
    if not len(pairs):
        raise ViewError(f"{dataset_path}: expected at least one finished shard, got none; run generate again.")
    _refuse_foreign(out_html)
    cards, views = [], []
    for index in evenly_spaced(len(pairs), samples):
        sample = pairs[index]
        cards.append(card(sample))
        views.append(sample_view(sample))
    with explained(out_html):
        write_file(out_html, page(set_view(pairs) | {"cards": cards}, views).encode())
    return out_html


def _refuse_foreign(out_html: Path) -> None:
    """Raises ViewError where a file that this command did not write has the page's name."""
    if not out_html.exists():
        return
    with explained(out_html), open(out_html, "rb") as file:
        head = file.read(1024)
    if PAGE_MARK.encode() not in head:
        raise ViewError(f"{out_html}: expected a new name or an earlier page, got another file; name a new one.")


def page(overview: dict[str, Any], samples: list[dict[str, Any]]) -> str:
    """The whole page as text. Samples lie in inert blocks, which the page parses when they are opened."""
    blocks = [_json_block(f"sample-{i}", sample) for i, sample in enumerate(samples)]
    parts = {
        "style": f"<style>\n{_resource('page.css')}</style>",
        "data": "\n".join([_json_block("set", overview), *blocks]),
        "script": f"<script>\n{_resource('page.js')}</script>",
    }
    html = _resource("page.html")
    for name, text in parts.items():
        html = html.replace(f"<!--{name}-->", text)
    return html


def _resource(name: str) -> str:
    return files("datagen").joinpath("view_page", name).read_text(encoding="utf-8")


def _json_block(name: str, value: Any) -> str:
    # A record may hold any text; without "<" in it no tag can end the block.
    text = json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    return f'<script type="application/json" id="{name}">{text}</script>'


def set_view(pairs: PairDataset) -> dict[str, Any]:
    """What the page says of the set as a whole: counts, recipe, seed, licences, and the legends' colours."""
    run = pairs.run
    records = [read_record(pairs.path / name) for name in shard_names(pairs.path, run)]
    return {
        "name": pairs.path.resolve().name,
        "written": len(pairs),
        "expected": run.pairs,
        "people": len({person for record in records for person in record.people}),
        "splits": {split: int((pairs.splits == split).sum()) for split in sorted(set(pairs.splits.tolist()))},
        "height": run.height,
        "width": run.width,
        "seed": run.seed,
        "recipe": run.recipe_name,
        "recipe_fields": run.recipe,
        "version": run.version,
        "layers": list(run.layers),
        "assets": gathered_assets(records),
        "wheel": png_uri(wheel_legend(192)),
        "depth_ramp": png_uri(depth_ramp_rgb()),
        "mask_classes": [{"name": name, "rgb": rgb} for name, rgb in MASK_CLASSES],
        "parts": {int(part): {"name": part.name.lower(), "rgb": rgb} for part, rgb in PART_COLORS.items()},
    }
