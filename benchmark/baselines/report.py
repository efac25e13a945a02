"""The figures as Markdown, written between two markers of a page from plain JSON values alone."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from benchmark.baselines.figures import PICTURE_REGIONS, STRONG_CM, strong_bins
from benchmark.baselines.measure import BASELINES, FITTED_HEAD, MEAN_AT, PERCEPTUAL, PLAIN
from benchmark.baselines.networks import DONE, ESTIMATORS, FETCHED, SENT, WAYS
from benchmark.baselines.sheets import RIM_PX
from datagen.pages import Section, grid
from training.scores import REGIONS

BEGIN, END = "<!-- baselines: begin, made by `make baselines` -->", "<!-- baselines: end -->"
inserted = Section(BEGIN, END).inserted
"""A page with its generated part replaced."""

MAIN = (
    MEAN_AT,
    FITTED_HEAD,
    WAYS["flow"],
    f"{WAYS['flow']}, distance by the {ESTIMATORS['distance']}",
    WAYS["cascade"],
)
"""Rows with their intervals."""
AGAINST = {
    "photograph": "best network, without true landmarks",
    "any": "best network",
    "alone": "from the portrait alone",
}
"""Columns of the summary: what is set against the best baseline, or against the best that is not told the landmarks."""
NAMES = {"psnr_db": "PSNR", "ssim": "SSIM", PERCEPTUAL: "LPIPS"}
DIGITS = {"psnr_db": 1, "ssim": 3, PERCEPTUAL: 3}

Values = Mapping[str, Any]


def markdown(figures: Values) -> str:
    """The generated section, from the content of docs/baselines.json."""
    parts = [
        f"Made by `{figures['command']}` on {figures['machine']['processor']}, {figures['machine']['cores']} cores; "
        f"torch {figures['machine']['torch']}.",
        "### In short",
        summary(figures["trials"]),
        "### What was trained on what",
        *weights_parts(figures["trials"]),
        "### What was asked",
        trials_table(figures["trials"]),
    ]
    parts += [f"- `{name}` not measured: {reason}" for name, reason in figures["missing"].items()]
    for trial in figures["trials"].values():
        parts += trial_parts(trial)
    return "\n\n".join(part for part in parts if part)


def number(value: float | None, digits: int = 2) -> str:
    """A figure; a dash for none."""
    return "–" if value is None else f"{value:.{digits}f}"


def interval(found: Values | None, digits: int = 2) -> str:
    """A mean and its interval."""
    if found is None or found["mean"] is None:
        return "–"
    if found["low"] is None:
        return number(found["mean"], digits)
    return f"{number(found['mean'], digits)} [{number(found['low'], digits)}, {number(found['high'], digits)}]"


def bin_names(edges_m: Sequence[float]) -> list[str]:
    """Columns or rows by near distance in centimetres; the first has no lower edge and the last no upper one."""
    names = [f"{100 * a:.0f}–{100 * b:.0f}" for a, b in pairwise(edges_m)]
    return [f"< {100 * edges_m[1]:.0f}", *names[1:-1], f"≥ {100 * edges_m[-2]:.0f}"]


def summary(trials: Mapping[str, Values]) -> str:
    """Of every trial, in how many bins that matter the best network beats the best baseline clearly."""
    head = ["trial", *(f"{where}: {said}" for where in REGIONS for said in AGAINST.values())]
    rows = [
        [f"`{name}`", *(_wins(trial["figures"], where, who) for where in REGIONS for who in AGAINST)]
        for name, trial in trials.items()
    ]
    return (
        f"Bins under {STRONG_CM} cm in which the best network has a smaller error than the best baseline, and the "
        f"interval of the paired difference excludes 0; in brackets the ratio of their errors, from the best bin to "
        f"the worst. *Without true landmarks* leaves out the baselines that are told them.\n\n{grid(head, rows)}"
    )


def _wins(figures: Values, where: str, who: str) -> str:
    names = bin_names(figures["edges_m"])
    verdicts = {names[i]: figures["verdict"][where][i] for i in strong_bins()}
    met = {name: found[who] for name, found in verdicts.items() if found and found[who]}
    if not met:
        return "–"
    ratios = [each["ratio"] for each in met.values() if each["ratio"] is not None]
    lost = [name for name, each in met.items() if not each["clear"]]
    told = [f"{min(ratios):.2f} to {max(ratios):.2f}"] if ratios else []
    told += [f"not {', '.join(lost)} cm"] if 0 < len(lost) < len(met) else []
    return f"**{len(met) - len(lost)} of {len(met)}** ({'; '.join(told)})" if told else f"**0 of {len(met)}**"


def weights_parts(trials: Mapping[str, Values]) -> list[str]:
    """A table of networks for every folder of weights, once, however many trials it has."""
    parts: list[str] = []
    for name, trial in trials.items():
        alike = [other for other, told in trials.items() if told["networks"] == trial["networks"]]
        if alike[0] == name:
            parts += [f"Weights of {', '.join(f'`{each}`' for each in alike)}:", networks_table(trial)]
    return parts


def networks_table(trial: Values) -> str:
    """What the headers of the weights say."""
    head = ["network", "parameters", "steps", "batch", "width, levels, stem", "rate", "trained on", "MB", "sha256"]
    return grid(head, [_network_row(name, network, trial) for name, network in trial["networks"].items()])


def _network_row(name: str, network: Values, trial: Values) -> list[str]:
    config = network["config"]
    begun = f", from {', '.join(config['start_from'])}" if config.get("start_from") else ""
    shape = ", ".join(str(config.get(field, "–")) for field in ("width", "levels", "stem"))
    known = network["data"] == trial["trained_on"]["hash"]
    data = f"`{trial['trained_on']['name']}`" if known else "other data"
    return [
        f"{name}{begun}", f"{network['parameters']:,}", _steps(network), str(config.get("batch", "–")), shape,
        f"{config['rate']:g}" if "rate" in config else "–", f"{data} ({(network['data'] or '–')[:12]})",
        f"{network['bytes'] / 1e6:.1f}", network["sha256"][:12],
    ]  # fmt: skip


def _steps(network: Values) -> str:
    step, steps = network["step"], network["config"].get("steps")
    return "–" if step is None else f"{step:,}" if step == steps or steps is None else f"{step:,} of {steps:,}"


def trials_table(trials: Mapping[str, Values]) -> str:
    """Which set each trial asks about, and how much of it."""
    head = ["trial", "asked about", "heads", "split", "size, px", "pairs", "people", "of them trained on",
            "training set, its heads", "mean flows of"]  # fmt: skip
    return grid(head, [_trial_row(name, trial) for name, trial in trials.items()])


def _trial_row(name: str, trial: Values) -> list[str]:
    asked, trained = trial["asked"], trial["trained_on"]
    heads = ["+".join(told["heads"] or ["–"]) for told in (asked, trained)]
    return [
        f"`{name}`",
        f"`{asked['name']}` ({asked['hash'][:12]})",
        heads[0],
        trial["split"],
        str(asked["size_px"]),
        f"{sum(trial['figures']['pairs']):,} of {trial['pairs_in_split']:,}",
        f"{trial['people']:,}",
        str(trial["people_trained_on"]),
        f"`{trained['name']}`, {heads[1]}, {trained['pairs']:,} pairs",
        f"{trial['mean_flow_pairs']:,} pairs",
    ]


def trial_parts(trial: Values) -> list[str]:
    """Everything about one trial."""
    figures, name = trial["figures"], trial["name"]
    parts = [f"### Trial `{name}`"]
    for where in REGIONS:
        parts += [f"End-point error, {where}, px of 512:", flow_table(figures, where), verdict_table(figures, where)]
    if figures["distance"]:
        parts += ["Distance and focal length:", distance_table(figures)]
    for where in PICTURE_REGIONS:
        parts += [f"Far picture, {where}: PSNR in dB / SSIM / LPIPS:", picture_table(figures, where)]
    if figures["warps"]:
        parts += [warp_words(figures["warps"]), warp_table(figures["warps"])]
    if trial.get("seconds"):
        parts += ["Seconds a portrait, one thread:", seconds_table(trial["seconds"])]
    if trial.get("picture"):
        parts += [_picture(name, trial["picture"])]
    return parts


def _picture(name: str, link: str) -> str:
    return (
        "Median, best and worst pairs under 43 cm by the flow's error over the face: near, undistorted, completed, "
        f"the true far view, and the error of the flow as colour (hue its direction, full at {RIM_PX:g} px of 512).\n\n"
        f"![{name}: near, undistorted, completed, true far view, error of the flow]({link})"
    )


def flow_table(figures: Values, where: str) -> str:
    """Ways by distance bin, baselines first; main rows with intervals."""
    counts = zip(figures["pairs"], figures["people"], strict=True)
    rows = [["pairs, people", *(f"{pairs}, {people}" for pairs, people in counts)]]
    for way, cells in figures["flow"][where].items():
        shown = [interval(cell) if way in MAIN else number(cell["mean"]) for cell in cells]
        rows.append([way if way in BASELINES else f"**{way}**", *shown])
    return grid(["cm", *bin_names(figures["edges_m"])], rows)


def verdict_table(figures: Values, where: str) -> str:
    """The best baseline against the best networks, bin by bin."""
    head = ["cm", "best baseline", "best network", "ratio", "ahead by, px", "clearly",
            "best from the portrait alone", "ratio", "clearly",
            "best baseline without true landmarks", "ratio to it", "clearly"]  # fmt: skip
    names = bin_names(figures["edges_m"])
    return grid(head, [_verdict_row(name, found) for name, found in zip(names, figures["verdict"][where], strict=True)])


def _verdict_row(name: str, found: Values | None) -> list[str]:
    if found is None:
        return [name, *["–"] * 11]
    best, alone, plain = found["any"], found["alone"], found["photograph"]
    told = ["–"] * 3 if plain is None else [plain["baseline"], *_beside(plain)[1:]]
    return [name, f"{found['baseline']}, {number(found['error'])}", *_beside(best, ahead=True), *_beside(alone), *told]


def _beside(found: Values | None, ahead: bool = False) -> list[str]:
    """A network against the best baseline, with the paired difference where it is asked for."""
    if found is None:
        return ["–"] * (3 + ahead)
    difference = [interval(found["difference"])] if ahead else []
    clear = "yes" if found["clear"] else "no"
    return [f"{found['network']}, {number(found['error'])}", f"**{number(found['ratio'])}**", *difference, clear]


def distance_table(figures: Values) -> str:
    """Errors of told distances by bin."""
    rows = []
    for name, of in figures["distance"].items():
        rows.append([f"{name}: mean \\|log2\\|", *(interval(cell, 3) for cell in of["log2"])])
        rows.append([f"{name}: mean log2, above 0 too far", *(number(cell["mean"], 3) for cell in of["bias"])])
        rows.append([f"{name}: focal length, mm", *(interval(cell, 1) for cell in of["mm35"])])
        if any(cell["mean"] is not None for cell in of["within_1"]):
            for sigmas in (1, 2):
                cells = [_percent(cell["mean"]) for cell in of[f"within_{sigmas}"]]
                rows.append([f"{name}: within its own {sigmas} σ", *cells])
    return grid(["cm", *bin_names(figures["edges_m"])], rows)


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.0f} %"


def picture_table(figures: Values, where: str) -> str:
    """Ways to the far picture by bin."""
    rows = []
    for way, of in figures["pictures"][where].items():
        columns = zip(*(of[metric] for metric in (*PLAIN, PERCEPTUAL)), strict=True)
        rows.append([way, *(" / ".join(_metric(m, v) for m, v in zip(NAMES, cell, strict=True)) for cell in columns)])
    return grid(["cm", *bin_names(figures["edges_m"])], rows)


def _metric(name: str, value: float | None) -> str:
    text = number(value, DIGITS[name])
    return text if value is None or abs(value) >= 1 else text.replace("0.", ".", 1)


def warp_words(warps: Sequence[Values]) -> str:
    """Which warping is better, as the intervals say."""
    said = []
    for completed in sorted({entry["completed"] for entry in warps}):
        entries = [entry for entry in warps if entry["completed"] == completed and entry["ahead"]["low"] is not None]
        sent, fetched = (
            [f"{NAMES[e['metric']]} over {e['region']}" for e in entries if clear(e["ahead"])]
            for clear in (lambda a: a["low"] > 0, lambda a: a["high"] < 0)
        )
        what = DONE.removeprefix(", ") if completed else "as they are warped"
        said.append(
            f"{what}: **{_better(sent, fetched)}**; {SENT} is clearly better in {_listed(sent)}, {FETCHED} in "
            f"{_listed(fetched)}"
        )
    return f"Which warping is better, under {STRONG_CM} cm: {'. Pictures '.join(['', *said]).removeprefix('. ')}."


def _better(sent: Sequence[str], fetched: Sequence[str]) -> str:
    if len(sent) == len(fetched):
        return "neither"
    return SENT if len(sent) > len(fetched) else FETCHED


def _listed(things: Sequence[str]) -> str:
    return ", ".join(things) or "nothing"


def warp_table(warps: Sequence[Values]) -> str:
    """By how much sending forward is better than fetching."""
    rows = []
    for completed, region in dict.fromkeys((entry["completed"], entry["region"]) for entry in warps):
        cells = {e["metric"]: e["ahead"] for e in warps if (e["completed"], e["region"]) == (completed, region)}
        shown = [interval(cells.get(metric), DIGITS[metric] + 1) for metric in NAMES]
        rows.append([f"{region}{DONE if completed else ''}", *shown])
    return grid([f"{SENT}, better by", "PSNR, dB", "SSIM", "LPIPS"], rows)


def seconds_table(seconds: Mapping[str, float]) -> str:
    """Parts and what they take."""
    return grid(["part", "s"], [[name, f"{took:.3f}"] for name, took in seconds.items()])
