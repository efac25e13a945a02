"""The suites. Each draws its people, poses and lights by a seed that no training set uses."""

from dataclasses import replace

from benchmark.suites.suite import Part, Suite, SuiteError
from datagen.presets import PRESETS
from datagen.recipe import Recipe
from renderers.layers import DEFAULT_LAYERS

KEPT = (
    "near_rgb near_alpha near_part near_surface near_visible_in_far flow_near_to_far far_rgb far_alpha far_part "
    "far_visible_in_near"
).split()
"""Layers that questions and truths are made of."""

_ASKED = Recipe(background="black", without_layers=tuple(name for name in DEFAULT_LAYERS if name not in KEPT))

EIGHT_M = (0.20, 0.245, 0.28, 0.325, 0.39, 0.51, 0.79, 1.28)
"""One distance within each bin of `training.scores.BIN_EDGES_M`, about the middle of the bin in 1/distance."""

_UNDISTORT = replace(_ASKED, near_sequence_m=EIGHT_M)
_CMDP = replace(PRESETS["cmdp"], background="black", background_rgb=None, without_layers=_ASKED.without_layers)
_VERIFY = replace(_ASKED, near_sequence_m=(0.22, 0.35, 0.80), glasses=0.0, hats=0.0, headphones=0.0, held=0.0)
_EXTREME = replace(
    _ASKED,
    near_m=(0.18, 0.23),
    distances=3,
    expression=(0.75, 1.0),
    yaw_deg=(-45.0, 45.0),
    hats=0.0,
    headphones=0.0,
    held=0.0,
)

_PICTURES = ("undistortion", "correspondence", "camera", "landmarks")


def _from(source: str, recipe: Recipe, people: int, small_people: int) -> Part:
    """People of one source; those of VALID are made of few faces, so a roster keeps look-alikes out."""
    roster = "valid.json" if source == "valid" else ""
    return Part(source, replace(recipe, heads=(source,)), people, small_people, 1, roster, roster)


def _two_sources(
    name: str, summary: str, seed: int, recipe: Recipe, people: int, small: int, *also: str
) -> list[Suite]:
    """The suite, and the one of another name and other people that needs no assets."""
    both = tuple(_from(source, recipe, people, small) for source in ("makehuman", "valid"))
    alone = (_from("makehuman", recipe, 2 * people, 2 * small),)
    tracks, instead = (*_PICTURES, *also), f"{name}-makehuman"
    return [
        Suite(name, 1, summary, seed, both, tracks, instead),
        Suite(instead, 1, f"{summary}; built-in people alone", seed, alone, tracks),
    ]


_ALL = (
    *_two_sources(
        "undistort-v1",
        "eight distances of 20-128 cm, expressions, turned heads",
        7719,
        _UNDISTORT,
        56,
        2,
        "reconstruction",
    ),
    *_two_sources("cmdp-synth-v1", "seven distances of 61-488 cm, frontal, neutral", 7720, _CMDP, 24, 2, "cmdp"),
    Suite(
        "verify-v1",
        1,
        "everybody twice, in other light, pose and expression, beside a look-alike",
        7721,
        (Part("lookalikes", _VERIFY, 100, 10, 2, "lookalikes.json", "lookalikes-small.json"),),
        ("verification",),
    ),
    *_two_sources("extreme-v1", "18-23 cm, strong expressions, up to 45 degrees", 7722, _EXTREME, 40, 3),
)

SUITES: dict[str, Suite] = {suite.name: suite for suite in _ALL}
"""Every suite by name."""

MEANS = Suite(
    "means-v1",
    1,
    "what the mean flows are means of; nobody is asked about it",
    7700,
    (_from("makehuman", _UNDISTORT, 64, 16),),
    (),
)
"""The training suite of the methods that are fitted to something."""


def suite_named(name: str) -> Suite:
    """The suite of a name. Raises SuiteError for one that is not there."""
    if name not in SUITES:
        raise SuiteError(f"--suite: expected {', '.join(SUITES)}, got {name!r}; `benchmark suites` says what they are.")
    return SUITES[name]
