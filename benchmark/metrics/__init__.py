"""Metrics: pure functions on numpy arrays, and one table that names each once with its unit and direction."""

from types import MappingProxyType

from benchmark.metrics import camera, flow, identity, image, landmarks, surface
from benchmark.metrics.measured import Measured, Metric, MetricError, PredictionError
from benchmark.metrics.statistics import bootstrap_mean, weighted_mean

METRICS = MappingProxyType(
    {metric.name: metric for family in (flow, image, landmarks, camera, identity, surface) for metric in family.METRICS}
)
"""Every metric by name."""

__all__ = ["METRICS", "Measured", "Metric", "MetricError", "PredictionError", "bootstrap_mean", "weighted_mean"]
