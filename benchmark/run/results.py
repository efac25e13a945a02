"""One file a suite and method: every row, what the rows say together, and everything needed to ask again."""

import datetime
import importlib.metadata
import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import datagen
from benchmark.methods.opening import Described
from benchmark.tracks.track import Measurement, Row, Summary, Track
from datagen.bench import processor
from datagen.database import explained, write_file

FORMAT = "benchmark-result-1"
_PACKAGES = ("numpy", "scipy", "torch", "opencv-contrib-python-headless", "onnxruntime", "dlib-bin")


def result(
    suite: Mapping[str, Any], method: Described, rows: Sequence[dict[str, Any]], tracks: Mapping[str, Track]
) -> dict[str, Any]:
    """The file's content.

    Args:
        suite: what was asked, see `benchmark.suites.made.Made.to_json`.
        method: who answered.
        rows: of every question, in the suite's order.
        tracks: by name; those that cannot be measured here say why.
    """
    asked = with_comparable_failures([row for row in rows if row["status"] != "not asked"])
    left_out = [row for row in rows if row["status"] == "not asked"]
    reasons = {name: track.why_not() for name, track in tracks.items()}
    return {
        "format": FORMAT,
        "suite": dict(suite),
        "method": {
            "name": method.name,
            "sees": sorted(method.sees),
            "summary": method.summary,
            "digest": method.digest,
            "oracle": method.oracle,
        },
        "machine": machine(),
        "rows": asked,
        "summaries": {
            name: _summaries(track, asked) for name, track in tracks.items() if reasons[name] is None and asked
        },
        "not_measured": {name: why for name, why in reasons.items() if why is not None},
        "not_asked": {"count": len(left_out), "why": left_out[0]["why"] if left_out else ""},
        "failures": sum(row["status"] == "failed" for row in asked),
    }


def with_comparable_failures(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows, with failed ones scored by what the method does say elsewhere: who never tells a flow is not wrong
    about one. Where every answer failed, it is wrong about everything."""
    said = {name for row in rows if row["status"] == "ok" for name in row["metrics"]}
    if not said:
        return [dict(row) for row in rows]
    told = {name for row in rows if row["status"] == "ok" for name in row["observed"]}
    return [
        row
        if row["status"] == "ok"
        else {
            **row,
            "metrics": {name: value for name, value in row["metrics"].items() if name in said},
            "observed": {name: value for name, value in row["observed"].items() if name in told},
        }
        for row in rows
    ]


def _summaries(track: Track, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {name: _plain(summary) for name, summary in track.summarise([_row(row) for row in rows]).items()}


def _plain(summary: Summary) -> dict[str, Any]:
    return {name: None if value is None else value for name, value in asdict(summary).items()}


def _row(row: Mapping[str, Any]) -> Row:
    return Row(
        id=row["id"],
        distance_m=row["distance_m"],
        bin=row["bin"],
        person=row["person"],
        scene=row["scene"],
        failed=row["status"] == "failed",
        observed=row["observed"],
        metrics={name: Measurement(value, weight) for name, (value, weight) in row["metrics"].items()},
    )


def machine() -> dict[str, Any]:
    """Where and with what it ran."""
    return {
        "processor": processor(),
        "cores": os.cpu_count() or 1,
        "python": platform.python_version(),
        "versions": {"perspective-portraits": datagen.__version__, **_versions()},
        "date": datetime.date.today().isoformat(),
    }


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def write_result(path: Path, values: Mapping[str, Any]) -> None:
    """Writes the file whole or not at all. Equal pictures have an infinite PSNR, which JSON writes as Infinity."""
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, (json.dumps(values, indent=1, sort_keys=True) + "\n").encode())
