"""What is counted of each query, and how Prometheus sees it.

A flow counts into plain numbers on its worker's thread; the server gathers them as snapshots, one a query, over the
hosts' pipes. The names are a promise to dashboards.
"""

from __future__ import annotations

import bisect
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from types import MappingProxyType

import pyarrow as pa
import pyarrow.compute as pc
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from ...inference.stats import ModelStats, Version
from ...operators.measured import Measured, Part
from ...operators.operator import ROWTIME
from .families import families
from .model_metrics import ModelsCollector
from .process_metrics import ProcessesCollector

LATENCY_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
BATCH_BOUNDS = (1.0, 10.0, 100.0, 1_000.0, 10_000.0, 25_000.0, 50_000.0, 100_000.0)


@dataclass
class Histogram:
    """Counts by upper bound, the last one for all that is larger."""

    bounds: Sequence[float]
    counts: list[int] = field(default_factory=list)
    total: float = 0.0

    def __post_init__(self) -> None:
        self.counts = self.counts or [0] * (len(self.bounds) + 1)

    def add(self, value: float) -> None:
        """One more."""
        self.counts[bisect.bisect_left(self.bounds, value)] += 1
        self.total += value

    def plus(self, other: Histogram) -> Histogram:
        """Both together."""
        counts = [a + b for a, b in zip(self.counts, other.counts, strict=True)]
        return Histogram(self.bounds, counts, self.total + other.total)

    def copy(self) -> Histogram:
        """As it stands."""
        return replace(self, counts=self.counts.copy())

    def buckets(self) -> list[tuple[str, float]]:
        """Cumulative counts by bound, as Prometheus writes them."""
        names = [*(repr(b) for b in self.bounds), "+Inf"]
        return [(name, float(sum(self.counts[: i + 1]))) for i, name in enumerate(names)]

    def quantile(self, q: float) -> float | None:
        """The upper bound under which a share `q` of the values lies; None when there are none."""
        whole, seen = sum(self.counts), 0
        for bound, count in zip((*self.bounds, float("inf")), self.counts, strict=True):
            seen += count
            if whole and seen >= q * whole:
                return bound
        return None


@dataclass
class QueryMetrics:
    """One query's counts. Written by its workers' threads (each addition is small; a lost one between threads is not
    worth a lock), read as a whole by `status`."""

    query_id: str
    rows_in: int = 0
    rows_out: int = 0
    rows_bad: int = 0
    rows_late: int = 0
    epoch: int = 0
    lag_records: int = 0
    state_bytes: int = 0
    restarts: int = 0
    parked: int = 0
    row_time_ms: int | None = None
    parts: dict[int, dict[Part, Measured]] = field(default_factory=dict)  # by worker
    batch_rows: Histogram = field(default_factory=lambda: Histogram(BATCH_BOUNDS))
    latency_seconds: Histogram = field(default_factory=lambda: Histogram(LATENCY_BOUNDS))

    def batch(self, rows: int) -> None:
        """A batch of so many records begins."""
        self.rows_in += rows
        self.batch_rows.add(rows)

    def row_times(self, tables: Iterable[pa.Table]) -> None:
        """Rows have been read."""
        latest = (pc.max(table.column(ROWTIME)).as_py() for table in tables)
        known = [time for time in (self.row_time_ms, *latest) if time is not None]
        self.row_time_ms = max(known, default=None)

    def delivered(self, rows: int, latencies: Iterable[float]) -> None:
        """Rows went to the sink; seconds since their batches were fetched."""
        self.rows_out += rows
        for seconds in latencies:
            self.latency_seconds.add(seconds)

    def plus(self, other: QueryMetrics) -> QueryMetrics:
        """The sum of two shares of one query; the lag and the state are each share's own part."""
        names = ("rows_in", "rows_out", "rows_bad", "rows_late", "state_bytes", "restarts")
        sums = {name: getattr(self, name) + getattr(other, name) for name in names}
        times = [m.row_time_ms for m in (self, other) if m.row_time_ms is not None]
        return replace(
            self,
            **sums,
            row_time_ms=max(times, default=None),
            parts=self.parts | other.parts,
            batch_rows=self.batch_rows.plus(other.batch_rows),
            latency_seconds=self.latency_seconds.plus(other.latency_seconds),
        )

    def snapshot(self) -> QueryMetrics:
        """As it stands, for another thread or process: the flow goes on counting and meets parts that are new, and what is
        being written to a pipe must not grow."""
        return replace(
            self,
            parts={worker: parts.copy() for worker, parts in self.parts.copy().items()},
            batch_rows=self.batch_rows.copy(),
            latency_seconds=self.latency_seconds.copy(),
        )

    def part(self, stage: int, part: int | str) -> Measured:
        """What all workers have done of one part."""
        own = [parts[(stage, part)] for parts in list(self.parts.values()) if (stage, part) in parts]
        return reduce(Measured.plus, own, Measured())

    def functions(self) -> list[tuple[int, str]]:
        """The functions in Python that it has called, each behind its stage."""
        return sorted(
            {(n, part) for own in list(self.parts.values()) for n, part in own.copy() if isinstance(part, str)}
        )

    def failed(self, kind: str) -> None:
        """A row went to the processing log."""
        if kind == "late":
            self.rows_late += 1
        else:
            self.rows_bad += 1


_COUNTERS: Mapping[str, tuple[str, Callable[[QueryMetrics], float]]] = {
    "mergus_query_rows_in": ("Records read", lambda m: m.rows_in),
    "mergus_query_rows_out": ("Records written", lambda m: m.rows_out),
    "mergus_query_rows_bad": ("Records and rows that could not be processed", lambda m: m.rows_bad),
    "mergus_query_rows_late": ("Rows that came after their window's grace period", lambda m: m.rows_late),
    "mergus_query_restarts": ("Restarts after a failure", lambda m: m.restarts),
}
_GAUGES: Mapping[str, tuple[str, Callable[[QueryMetrics], float]]] = {
    "mergus_query_lag_records": ("Records in the sources not read yet", lambda m: m.lag_records),
    "mergus_query_state_bytes": ("Size of the query's state", lambda m: m.state_bytes),
    "mergus_query_row_time_seconds": (
        "Latest time of a row that it has read, since 1970; NaN before the first",
        lambda m: math.nan if m.row_time_ms is None else m.row_time_ms / 1000,
    ),
    "mergus_query_parked": ("1 while it waits for a record without polling", lambda m: m.parked),
}
_HISTOGRAMS: Mapping[str, tuple[str, Callable[[QueryMetrics], Histogram]]] = {
    "mergus_query_batch_rows": ("Records a batch", lambda m: m.batch_rows),
    "mergus_query_latency_seconds": ("From fetched to delivered", lambda m: m.latency_seconds),
}


STATES = ("RUNNING", "PAUSED", "ERROR", "UNRESPONSIVE", "FINISHED")


class QueriesCollector:
    """Gives Prometheus the snapshots of queries, and each one's state as a set of which one is 1."""

    def __init__(self, queries: Sequence[QueryMetrics], states: Mapping[str, str]) -> None:
        self._queries = queries
        self._states = states

    def collect(self) -> Iterable[CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily]:
        """One family a metric, one sample a query."""
        labelled = [((query.query_id,), query) for query in self._queries]
        yield from families(CounterMetricFamily, ["query"], _COUNTERS, labelled)
        yield from families(GaugeMetricFamily, ["query"], _GAUGES, labelled)
        for name, (text, of) in _HISTOGRAMS.items():
            family = HistogramMetricFamily(name, text, labels=["query"])
            for query in self._queries:
                histogram = of(query)
                family.add_metric([query.query_id], histogram.buckets(), histogram.total)
            yield family
        yield self._function_seconds()
        states = GaugeMetricFamily("mergus_query_state", "1 for the state that it is in", labels=["query", "state"])
        for query_id, now in self._states.items():
            for state in STATES:
                states.add_metric([query_id, state], float(state == now))
        yield states

    def _function_seconds(self) -> CounterMetricFamily:
        text = "Time in a function written in Python"
        family = CounterMetricFamily("mergus_query_function_seconds", text, labels=["query", "function"])
        for query in self._queries:
            seconds = defaultdict[str, float](float)
            for stage, name in query.functions():
                seconds[name] += query.part(stage, name).seconds
            for name in sorted(seconds):
                family.add_metric([query.query_id, name], seconds[name])
        return family


def exposition(
    queries: Sequence[QueryMetrics],
    states: Mapping[str, str] = MappingProxyType({}),
    models: Mapping[Version, ModelStats] = MappingProxyType({}),
    pids: Mapping[str, int] = MappingProxyType({}),
    left_out: int = 0,
) -> bytes:
    """What /metrics answers of queries, their states by id, versions of models, processes by name, and how many statements
    the start could not carry out again."""
    registry = CollectorRegistry()
    registry.register(QueriesCollector(queries, states))
    registry.register(ModelsCollector(models))
    registry.register(ProcessesCollector(pids))
    missing = "Statements of the command log that the start could not carry out again"
    Gauge("mergus_statements_left_out", missing, registry=registry).set(left_out)
    return generate_latest(registry)
