"""Methods that are told what they should find: bounds of what others can reach, not competitors."""

from dataclasses import dataclass

from benchmark.methods.method import Answer, Question, Sight
from benchmark.methods.moving import continued, moved


@dataclass(frozen=True)
class OracleFlow:
    """The portrait carried along the true flow; what the near camera never saw stays black."""

    name: str = "oracle-flow"
    sees: frozenset[Sight] = frozenset({"near", "flow"})

    def __call__(self, question: Question) -> Answer:
        """The true flow, and what it makes of the portrait."""
        assert question.flow is not None
        assert question.surface is not None
        # The rim of the mask, which no pixel centre sees as surface, goes with its neighbour.
        flow = continued(question.flow, question.surface)
        return Answer(moved(question, flow), flow)


@dataclass(frozen=True)
class Perfect:
    """The true portrait, the true flow, the true distance: what a perfect score looks like."""

    name: str = "perfect"
    sees: frozenset[Sight] = frozenset({"near", "far", "flow", "distance"})

    def __call__(self, question: Question) -> Answer:
        """The truth."""
        return Answer(question.far_rgb, question.flow, question.distance_m)
