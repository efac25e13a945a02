"""Small sets to damage on purpose, shared by the tests of the validator."""

from fake import fake_run, fake_sample

from datagen.sample import Sample
from datagen.verify import Report
from renderers.layers import LAYERS

RUN = fake_run(pairs=4, shard_pairs=2, layers=tuple(LAYERS))
"""A run with every layer of the table."""
VICTIM, SHARD, KEY = 3, "shard-000001.tar", "00000003"
"""The sample that is damaged."""


def full_sample(index: int) -> Sample:
    """A fake sample with every layer of the table."""
    return fake_sample(index, layers=tuple(LAYERS))


def assert_named(report: Report, kind: str, shard: str = SHARD, sample: str = KEY) -> None:
    """The damage was found by its kind, and nothing is said of any other sample."""
    assert kind in {f.kind for f in report.findings if (f.shard, f.sample) == (shard, sample)}, str(report)
    assert {f.sample for f in report.findings} <= {sample, ""}
    assert f"{kind}: {' '.join(filter(None, (shard, sample))) or 'set'}: " in str(report)
    assert "expected" in str(report)
    assert not report.ok
