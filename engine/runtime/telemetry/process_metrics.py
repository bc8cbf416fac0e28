"""What Prometheus sees of the processes: memory, CPU, open files of the server and of each of its hosts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from prometheus_client import Metric, ProcessCollector


class ProcessesCollector:
    """Gives Prometheus of several processes, by name, what the library tells of one: nothing where there is no /proc."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._pids = pids

    def collect(self) -> Iterable[Metric]:
        """One family a metric, one sample a process."""
        families: dict[str, Metric] = {}
        for process, pid in self._pids.items():
            for told in ProcessCollector(namespace="mergus", pid=_always(pid), registry=None).collect():
                family = families.setdefault(told.name, Metric(told.name, told.documentation, told.type))
                for sample in told.samples:
                    family.add_sample(sample.name, {"process": process}, sample.value)
        return families.values()


def _always(pid: int) -> Callable[[], int]:
    return lambda: pid
