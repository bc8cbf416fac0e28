"""Metric families as Prometheus takes them, from a table of names: one sample for each thing that is counted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

T = TypeVar("T")
Family = TypeVar("Family", CounterMetricFamily, GaugeMetricFamily)


def families(
    kind: Callable[..., Family],
    labels: Sequence[str],
    metrics: Mapping[str, tuple[str, Callable[[T], float]]],
    counted: Iterable[tuple[Sequence[str], T]],
) -> Iterator[Family]:
    """One family a metric; `metrics`: help text and value by name, `counted`: each thing with its labels' values."""
    samples = list(counted)
    for name, (text, value) in metrics.items():
        family = kind(name, text, labels=labels)
        for values, thing in samples:
            family.add_metric(list(values), value(thing))
        yield family
