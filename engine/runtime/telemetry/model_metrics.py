"""What Prometheus sees of the versions of models: the model's own time and the engine's around it apart, so that a dashboard
tells which of the two to mend."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from ...inference.stats import ModelStats, Version
from .families import families

_COUNTERS: Mapping[str, tuple[str, Callable[[ModelStats], float]]] = {
    "mergus_model_rows": ("Rows that a version was asked about", lambda s: s.rows),
    "mergus_model_distinct_rows": ("Inputs left of them, each computed or remembered", lambda s: s.distinct),
    "mergus_model_cache_hits": ("Inputs that were remembered", lambda s: s.cache_hits),
    "mergus_model_errors": ("Rows that a version has failed on", lambda s: s.errors),
    "mergus_model_calls": ("Calls of a version", lambda s: s.model_calls),
    "mergus_model_seconds": ("Time in the model", lambda s: s.model_seconds),
    "mergus_model_glue_seconds": ("Time around it: repeats, cache, conversion", lambda s: s.glue_seconds),
}
_GAUGES: Mapping[str, tuple[str, Callable[[ModelStats], float]]] = {
    "mergus_model_load_seconds": ("Time that loading took", lambda s: s.load_seconds),
    "mergus_model_memory_bytes": ("Memory that loading took", lambda s: s.loaded_bytes),
}
_LABELS = ["model", "version"]


class ModelsCollector:
    """Gives Prometheus what every version has done."""

    def __init__(self, versions: Mapping[Version, ModelStats]) -> None:
        self._versions = versions

    def collect(self) -> Iterable[CounterMetricFamily | GaugeMetricFamily]:
        """One family a metric, one sample a version."""
        yield from families(CounterMetricFamily, _LABELS, _COUNTERS, self._versions.items())
        yield from families(GaugeMetricFamily, _LABELS, _GAUGES, self._versions.items())
