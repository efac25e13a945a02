"""Made-up results of a benchmark, in the form in which runs keep them, with pictures that tell methods apart."""

import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from datagen.randomness import generator

DISTANCES_M = (0.20, 0.245, 0.28, 0.325, 0.39, 0.51, 0.79, 1.28)
METHODS = {
    "none": (("near",), 1.0),
    "mean-flow": (("near",), 0.7),
    "mean-flow-distance": (("near", "distance"), 0.5),
    "mesh-warp": (("near", "landmarks"), 0.6),
    "mean-head": (("near", "distance", "camera"), 0.55),
    "trained": (("near",), 0.3),
    "dis": (("near", "far"), 0.2),
    "perfect": (("near", "far", "flow"), 0.0),
}
"""What each sees, and how far from right it is."""
ORACLES = ("dis", "perfect")
PEOPLE = 6


def write_run(folder: Path, suites=("undistort-v1",), methods=tuple(METHODS), pictures_px=64, **changes) -> Path:
    """Writes FOLDER/SUITE/METHOD.json and pictures; `changes` go into every file's top level."""
    for suite in suites:
        for method in methods:
            write_result(folder, result(suite, method) | changes)
        if pictures_px:
            write_pictures(folder, suite, methods, pictures_px)
    return folder


def write_result(folder: Path, record: dict, name: str = "") -> Path:
    """Writes one result where a run would."""
    path = folder / f"{name or record['suite']['name'] + '/' + record['method']['name']}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record))
    return path


def ids(suite: str) -> list[tuple[str, float, int, str]]:
    """Id, distance, bin, person of every question."""
    near = suite.startswith("extreme")
    steps = [(0.205, 0)] * 3 if near else list(zip(DISTANCES_M, range(8), strict=True))
    return [(f"p{p}-{i}", d, b, f"person-{p}") for p in range(PEOPLE) for i, (d, b) in enumerate(steps)]


def result(suite: str = "undistort-v1", method: str = "none") -> dict:
    """One result as plain JSON values."""
    sees, error = METHODS[method]
    rng = generator(0, sorted(METHODS).index(method), suite)
    rows = [_row(method, *question, error, rng) for question in ids(suite)]
    if method == "mesh-warp":
        for row in rows[2::11]:
            row |= {"status": "failed", "why": "no face found in the picture", "seconds": None}
    return {
        "format": "benchmark-result-1",
        "suite": {
            "name": suite, "version": 1, "small": False, "count": len(rows), "sha256": "ab" * 32,
            "published": "ab" * 32, "agrees": True, "recipe": {"heads": ["makehuman"], "yaw_deg": [-30, 30]}, "seed": 7,
        },
        "method": {
            "name": method, "sees": list(sees), "summary": f"what {method} does", "digest": "cd" * 32,
            "oracle": method in ORACLES,
        },
        "machine": {
            "processor": "Some CPU", "cores": 2, "python": "3.11.7", "versions": {"numpy": "2.4.6", "torch": "2.13.0"},
            "date": "2026-11-28",
        },
        "rows": rows,
        "summaries": {"verification": _verification(error, len(rows)), "camera": {}},
        "not_measured": {"reconstruction": "no face mesh network here; run `datagen assets fetch face-models`"},
        "failures": sum(row["status"] == "failed" for row in rows),
    }  # fmt: skip


def _row(method, name, distance_m, index, person, error, rng) -> dict:
    strength = error / distance_m
    noise = float(rng.uniform(0.7, 1.3))
    metrics = {
        "epe_px/face": [2.2 * strength * noise, 1.0],
        "epe_px/ears": [3.1 * strength * noise, 1.0] if index < 6 else [None, 0.0],
        "epe_px/surface": [2.6 * strength * noise, 1.0],
    }
    if method != "dis":
        metrics |= {
            "lpips_alex/person": [0.05 * strength * noise + 0.002, 1.0],
            "lpips_alex/face": [0.06 * strength * noise + 0.002, 1.0],
            "psnr_db/person": [32 - 2.2 * strength * noise, 1.0],
            "ssim/person": [0.98 - 0.05 * strength * noise, 1.0],
        }
    if method in ("trained", "perfect"):
        metrics["distance_log2_error"] = [0.4 * error * noise, 1.0]
    return {
        "id": name, "distance_m": distance_m, "bin": index, "person": person, "source": "makehuman",
        "seconds": 0.01 + 0.1 * float(rng.uniform()), "status": "ok", "why": "", "metrics": metrics, "observed": {},
    }  # fmt: skip


def _verification(error: float, count: int) -> dict:
    def told(value, n):
        return {"value": value, "low": value - 0.3, "high": value + 0.3, "count": n, "why": ""}

    by_bin = {f"d_prime/sface/bin{i}": told(5 - 3 * error / (1 + i), count // 8) for i in range(3)}
    missing = {"value": None, "low": None, "high": None, "count": 0, "why": "dlib is not installed"}
    return {"d_prime/sface/all": told(5 - 2 * error, count), **by_bin, "d_prime/dlib/all": missing}


def write_pictures(folder: Path, suite: str, methods, size_px: int) -> None:
    """A head that is the wider the nearer the camera is, or the worse the method."""
    for name, distance_m, _, person in ids(suite):
        tone = 20 + 24 * int(person[-1])
        truth = folder / suite / "truth"
        _head(truth / f"{name}.near.webp", size_px, 0.1 / distance_m, tone)
        _head(truth / f"{name}.far.webp", size_px, 0.05, tone)
        for method in methods:
            if method != "dis":
                _head(folder / suite / method / f"{name}.webp", size_px, METHODS[method][1] * 0.1 / distance_m, tone)


def _head(path: Path, size_px: int, strength: float, tone: int) -> None:
    image = Image.new("RGB", (size_px, size_px))
    draw = ImageDraw.Draw(image)
    half, nose = size_px * (0.36 - 0.2 * min(strength, 0.6)), size_px * (0.05 + 0.15 * strength)
    middle = size_px / 2
    draw.ellipse((middle - half, 0.08 * size_px, middle + half, 0.92 * size_px), fill=(tone + 60, tone + 20, tone))
    draw.ellipse((middle - nose, middle - nose, middle + nose, middle + nose), fill=(tone + 90, tone + 40, tone + 20))
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.Generator(np.random.Philox(key=1)).integers(0, 8, (size_px, size_px, 3))
    Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8)).save(path, quality=80)
