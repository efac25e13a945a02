"""The bench times real work and says what it timed; its speeds are not tested."""

import numpy as np

from datagen.bench import BALD, COLOUR, HAIRY, measure, table


def test_the_bench_reports_every_subject_and_the_cost_of_hair() -> None:
    figures = measure(size=32, seconds=1e-3)
    assert list(figures["subjects"]) == ["plain head", "person"]
    times = figures["hair"]["ms_a_pair"]
    assert list(times) == [BALD, HAIRY, COLOUR]
    assert all(0 < ms["best"] <= ms["median"] for ms in times.values())
    ratio = times[HAIRY]["median"] / times[BALD]["median"]
    np.testing.assert_allclose(figures["hair"]["labels_over_bald"], ratio, atol=0.02, rtol=0.02)
    assert f"labels: {figures['hair']['labels_over_bald']:.2f} x the bald head's" in table(figures)
