"""The bench times real work and says what it timed; its speeds are not tested."""

import numpy as np

from datagen.bench import BALD, COLOUR, HAIRY, measure, table

MADE = ("pose", "labels", "colour with soft shadow", "record and final types")
STORING = ("encode", "write", "encode, fast storage", "write, fast storage")


def test_the_bench_reports_every_subject_and_the_cost_of_hair() -> None:
    figures = measure(size=32, seconds=1e-3)
    assert list(figures["subjects"]) == ["plain head", "person"]
    times = figures["hair"]["ms_a_pair"]
    assert list(times) == [BALD, HAIRY, COLOUR]
    assert all(0 < ms["best"] <= ms["median"] for ms in times.values())
    for subject in figures["subjects"].values():
        assert {"labels", "raster", "visibility", *STORING} <= set(subject["ms_a_pair"])
        spent = {name: ms["median"] for name, ms in subject["ms_a_pair"].items()}
        made = sum(spent.get(name, 0.0) for name in MADE)
        for suffix in ("", ", fast storage"):
            ms = made + spent[f"encode{suffix}"] + spent[f"write{suffix}"]
            rate = subject["pairs_a_second_a_core"][f"everything written{suffix}"]
            np.testing.assert_allclose(rate, 1000 / ms, atol=0.01, rtol=0.01)
    ratio = times[HAIRY]["median"] / times[BALD]["median"]
    np.testing.assert_allclose(figures["hair"]["labels_over_bald"], ratio, atol=0.02, rtol=0.02)
    assert f"labels: {figures['hair']['labels_over_bald']:.2f} x the bald head's" in table(figures)
