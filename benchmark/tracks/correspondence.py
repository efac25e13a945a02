"""Dense correspondence: the flow over all that both cameras see, for methods that are shown both pictures as well."""

from collections.abc import Sequence

from benchmark.methods.method import Answer
from benchmark.suites.case import Case
from benchmark.tracks.flows import NAMES, failed_flow, flow_errors
from benchmark.tracks.track import Measurement, Row, Summary

REGION = "surface"


class Correspondence:
    """End-point errors and outliers over the whole visible surface: hair, neck and clothes included."""

    name = "correspondence"
    version = "1"
    metrics: tuple[str, ...] = tuple(f"{name}/{REGION}" for name in NAMES)

    def why_not(self) -> str | None:
        """Nothing is needed."""
        return None

    def measure(self, case: Case, answer: Answer) -> dict[str, Measurement]:
        """Errors of the flow."""
        true, seen = case.truth.flow, case.truth.near_visible
        if answer.flow is None or true is None or seen is None:
            return {}
        return {f"{name}/{REGION}": value for name, value in flow_errors(answer.flow, true, seen, NAMES).items()}

    def failed(self, case: Case) -> dict[str, Measurement]:
        """The worst flow; all pixels too far off."""
        true, seen = case.truth.flow, case.truth.near_visible
        if true is None or seen is None:
            return {}
        return {f"{name}/{REGION}": value for name, value in failed_flow(true, seen, NAMES).items()}

    def observe(self, case: Case, answer: Answer | None) -> dict[str, list[float]]:
        """Nothing: means over answers say it all."""
        return {}

    def summarise(self, rows: Sequence[Row]) -> dict[str, Summary]:
        """Nothing."""
        return {}
