"""From rows of pairs to figures by distance bin, with intervals over people; pure, from JSON values to JSON values."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from benchmark.baselines.measure import BASELINES, PERCEPTUAL, PLAIN, TRUE_LANDMARKS, Row
from benchmark.baselines.networks import DONE, FETCHED, SENT, WAYS
from benchmark.metrics import METRICS, Measured, bootstrap_mean, weighted_mean
from datagen.randomness import generator
from training.scores import BIN_EDGES_M, REGIONS

STRONG_CM = 62
"""Networks must win in every bin that ends here or nearer."""
TOLD = (WAYS["flow"], WAYS["cascade"])
"""Networks that are told the true distance, as the best baselines are; the others see the portrait alone."""
PICTURE_REGIONS = ("person", "ears")
Value = Callable[[Row], float | None]
Interval = dict[str, float | None]


def bins_of(rows: Sequence[Row]) -> list[list[Row]]:
    """The rows of each distance bin; beyond the last edge counts as the last."""
    index = np.searchsorted(BIN_EDGES_M[1:-1], [row["distance_m"] for row in rows], side="right")
    return [[row for row, at in zip(rows, index, strict=True) if at == i] for i in range(len(BIN_EDGES_M) - 1)]


def strong_bins() -> list[int]:
    """Bins whose far edge is not beyond `STRONG_CM`."""
    return [i for i, (_, edge) in enumerate(pairwise(BIN_EDGES_M)) if round(100 * edge) <= STRONG_CM]


def mean_of(rows: Sequence[Row], value: Value) -> Interval:
    """Mean with its 95 % interval when people are drawn again; None where there is too little."""
    people = {person: number for number, person in enumerate(sorted({row["person"] for row in rows}))}
    found = _measured(rows, value)
    interval = bootstrap_mean(found, [people[row["person"]] for row in rows], generator(0, 0, "baselines bootstrap"))
    low, high = interval or (None, None)
    return {"mean": weighted_mean(found).value, "low": low, "high": high}


def figures_of(rows: Sequence[Row]) -> dict[str, Any]:
    """All figures of a trial.

    Returns:
        "edges_m"; "pairs" and "people" by bin; "flow": {region: {way: [interval by bin]}}; "verdict": {region: [one by
        bin, see `verdict`]}; "distance": {network: {figure: [interval by bin]}}; "pictures": {region: {way: {metric:
        [mean by bin]}}}; "warps": see `warps_compared`.
    """
    binned = bins_of(rows)
    ways = list(rows[0]["flow"])
    return {
        "edges_m": list(BIN_EDGES_M),
        "pairs": [len(each) for each in binned],
        "people": [len({row["person"] for row in each}) for each in binned],
        "flow": {
            where: {way: [mean_of(each, error_of(way, where)) for each in binned] for way in ways} for where in REGIONS
        },
        "verdict": {where: [verdict(each, ways, where) for each in binned] for where in REGIONS},
        "distance": {name: _distance(binned, name) for name in rows[0]["distance"]},
        "pictures": {where: _pictures(binned, list(rows[0]["pictures"]), where) for where in PICTURE_REGIONS},
        "warps": warps_compared([row for i in strong_bins() for row in binned[i]]),
    }


def error_of(way: str, where: str) -> Value:
    """End-point error of a way in a region."""
    return lambda row: row["flow"][way][where]


def verdict(rows: Sequence[Row], ways: list[str], where: str) -> dict[str, Any] | None:
    """The best baseline of a bin against the best network, and against the best that sees the portrait alone; and the
    best network against the best baseline that is not told the true landmarks.

    Returns:
        "baseline" (its name), "error"; "any", "alone" and "photograph", each None or "baseline", "network", "error",
        "ratio" (of the errors, below 1 where the network wins), "difference" (baseline minus network, with its
        interval over people) and "clear" (the whole interval is above 0). None where the bin has no pair with the
        region.
    """
    errors = {way: mean_of(rows, error_of(way, where))["mean"] for way in ways}
    there = {way: error for way, error in errors.items() if error is not None}
    baselines = [way for way in there if way in BASELINES]
    if not baselines:
        return None
    best = min(baselines, key=there.__getitem__)
    plain = min((way for way in baselines if way not in TRUE_LANDMARKS), key=there.__getitem__, default=best)
    networks = [way for way in there if way not in BASELINES]
    groups = {"any": networks, "alone": [way for way in networks if way not in TOLD]}
    against = {name: _against(rows, best, there, group, where) for name, group in groups.items()}
    against["photograph"] = _against(rows, plain, there, networks, where)
    return {"baseline": best, "error": there[best], **against}


def _against(
    rows: Sequence[Row], best: str, errors: dict[str, float], networks: list[str], where: str
) -> dict[str, Any] | None:
    if not networks:
        return None
    network = min(networks, key=errors.__getitem__)
    difference = mean_of(rows, less(error_of(best, where), error_of(network, where)))
    ratio = errors[network] / errors[best] if errors[best] else None
    clear = difference["low"] is not None and difference["low"] > 0
    return {
        "baseline": best,
        "network": network,
        "error": errors[network],
        "ratio": ratio,
        "difference": difference,
        "clear": clear,
    }


def less(a: Value, b: Value) -> Value:
    """One value minus another, where there are both."""

    def difference(row: Row) -> float | None:
        x, y = a(row), b(row)
        return None if x is None or y is None else x - y

    return difference


def _distance(binned: list[list[Row]], name: str) -> dict[str, list[Interval]]:
    def within(sigmas: float) -> Value:
        def share(row: Row) -> float | None:
            away = row["distance"][name]["sigmas"]
            return None if away is None else float(away <= sigmas)

        return share

    values: dict[str, Value] = {
        "log2": lambda row: abs(row["distance"][name]["log2"]),
        "bias": lambda row: row["distance"][name]["log2"],
        "mm35": lambda row: abs(row["distance"][name]["mm35"]),
        "within_1": within(1.0),
        "within_2": within(2.0),
    }
    return {what: [mean_of(each, value) for each in binned] for what, value in values.items()}


def _pictures(binned: list[list[Row]], ways: list[str], where: str) -> dict[str, dict[str, list[float | None]]]:
    metrics = (*PLAIN, PERCEPTUAL)
    return {
        way: {
            name: [weighted_mean(_measured(each, likeness_of(way, where, name))).value for each in binned]
            for name in metrics
        }
        for way in ways
    }


def _measured(rows: Sequence[Row], value: Value) -> list[Measured]:
    return [Measured(x) if (x := value(row)) is not None else Measured(None, 0.0) for row in rows]


def likeness_of(way: str, where: str, name: str) -> Value:
    """A metric of a way to a picture; None where it was not measured."""
    return lambda row: row["pictures"][way][where].get(name)


def warps_compared(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Sending forward against fetching by the inverse, plain and completed, by region and metric.

    Returns:
        One entry each: "completed", "region", "metric", "ahead" (by how much sending forward is better, negative where
        it is worse, with its interval over people).
    """
    if not rows:
        return []
    entries = []
    for end in ("", DONE):
        if not {SENT + end, FETCHED + end} <= set(rows[0]["pictures"]):
            continue
        for where in PICTURE_REGIONS:
            for name in (*PLAIN, PERCEPTUAL):
                sent, fetched = (likeness_of(way + end, where, name) for way in (SENT, FETCHED))
                ahead = less(sent, fetched) if METRICS[name].higher_is_better else less(fetched, sent)
                entries.append({"completed": bool(end), "region": where, "metric": name, "ahead": mean_of(rows, ahead)})
    return entries
