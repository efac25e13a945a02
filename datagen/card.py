"""The end of a run: `index.json` with every checksum and count, and `README.md`, the dataset card.

Both are functions of the shards' side files and the run alone, so they are the same bytes whoever finishes.
"""

from collections import Counter
from pathlib import Path
from typing import Any

from datagen.database import CARD_FILE, FORMAT, INDEX_FILE, DatabaseError, Run, to_json, write_file
from datagen.licences import credit_missing, notices
from datagen.shards import ShardRecord
from datagen.splits import SPLITS
from renderers.layers import LAYERS

CONVENTIONS = "docs/conventions.md"


def write_index_and_card(folder: Path, run: Run, records: list[ShardRecord], command: str) -> None:
    """Writes both files, the index last: a folder with an index is a finished set.

    Raises:
        DatabaseError: an asset lacks its licence or the credit that the licence asks for.
    """
    assets = gathered_assets(records)
    for asset in assets:
        if credit_missing(asset):
            raise DatabaseError(f"{folder}: {credit_missing(asset)}; a set without it cannot be finished.")
    write_file(folder / CARD_FILE, card(run, records, command).encode())
    write_file(folder / INDEX_FILE, to_json(index(run, records)))


def gathered_assets(records: list[ShardRecord]) -> list[dict[str, str]]:
    """Every asset of the set once, sorted by id."""
    assets = {to_json(asset): asset for record in records for asset in record.assets}
    return sorted(assets.values(), key=lambda asset: (asset["id"], to_json(asset)))


def index(run: Run, records: list[ShardRecord]) -> dict[str, Any]:
    """The content of `index.json`: shards with sha256, bytes and samples; counts; people by split; assets."""
    ordered = sorted(records, key=lambda record: record.name)
    return {
        "format": FORMAT,
        "shards": [{"name": r.name, "sha256": r.sha256, "bytes": r.bytes, "samples": len(r.keys)} for r in ordered],
        "counts": {
            "samples": sum(len(r.keys) for r in ordered),
            "expected": run.pairs,
            "people": len({person for r in ordered for person in r.people}),
            "bytes": sum(r.bytes for r in ordered),
        },
        "splits": {split: _split(ordered, split) for split in SPLITS},
        "assets": gathered_assets(ordered),
    }


def _split(records: list[ShardRecord], split: str) -> dict[str, Any]:
    people = [
        person for r in records for person, its_split in zip(r.people, r.splits, strict=True) if its_split == split
    ]
    return {"samples": len(people), "people": sorted(set(people))}


def card(run: Run, records: list[ShardRecord], command: str) -> str:
    """The dataset card, Markdown."""
    content = index(run, records)
    counts, assets = content["counts"], content["assets"]
    models = Counter(model for record in records for model in record.models)
    splits = [f"| {name} | {s['samples']} | {len(s['people'])} |" for name, s in content["splits"].items()]
    layers = [f"| `{name}` | {_kind(name)} | {LAYERS[name].meaning} |" for name in run.layers]
    credits = [f"- {asset['credit']} ({asset['licence']})" for asset in assets if asset.get("credit")]
    return "\n".join(
        [
            f"# Perspective portraits: {run.recipe_name}, {counts['samples']} near/far pairs\n",
            f"{counts['people']} people ({', '.join(f'{n} pairs {m}' for m, n in sorted(models.items()))}), "
            f"{run.width} x {run.height} pixels, seed {run.seed}, version {run.version}.",
            f"Units, frames and signs: `{CONVENTIONS}` of perspective-portraits {run.version}. "
            f"Checksums and counts: `{INDEX_FILE}`.\n",
            "## Splits, by person\n\n| split | pairs | people |\n| --- | --- | --- |",
            *splits,
            "\n## Layers\n\n| name | type | meaning |\n| --- | --- | --- |",
            *layers,
            "\n## Licences and credits\n",
            "What each sample is made of stands in its record (`assets`). Credit lines to carry along:\n",
            *(credits or ["- none is asked for"]),
            *_texts(assets),
            "\n| asset | licence | source | sha256 |\n| --- | --- | --- | --- |",
            *(f"| {a['id']} | {a['licence']} | {a.get('source', '')} | {a.get('sha256', '')[:16]} |" for a in assets),
            "\n## How it was made\n",
            *([f"    {command}\n"] if command else []),
            "Running the same command again finishes or repeats it byte by byte. The recipe:\n",
            "```json\n" + to_json(run.recipe).decode() + "```\n",
        ]
    )


def _texts(assets: list[dict[str, str]]) -> list[str]:
    """The licences' own texts, which some ask to be kept beside the credit."""
    texts = [f"```text\n{text}\n```" for text in notices(assets)]
    return ["\nTheir licences, for the lines above:\n", *texts] if texts else []


def _kind(name: str) -> str:
    layer = LAYERS[name]
    unit = f", {layer.unit}" if layer.unit else ""
    return f"{layer.dtype}{f' x {layer.channels}' if layer.channels else ''}{unit}"
