"""Cases on the real runtime: host processes, Bytewax's epochs and embedded topics, with the hosts killed again and again.

Many queries run side by side, for what costs is starting a host. Of several topics a running query takes the records in
order of time, where `running.py` keeps the order in which they came; so the input lies in its topics before the start,
and the times of a topic that is joined do not go back.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow as pa

from mergus.engine.clock import SystemClock
from mergus.engine.io.embedded.topics import EmbeddedTopics
from mergus.engine.plan.physical.steps import QueryPlan
from mergus.engine.runtime.flows.flow import FlowStatus
from mergus.engine.runtime.hosts.host import HostSettings
from mergus.engine.runtime.hosts.lifecycle import Lifecycle, RunSettings

from . import cases, froms
from .running import Told, place_of, planned, topics_of

LIMIT_S = 300.0


def in_order_of_time(case: cases.Case) -> cases.Case:
    """The case's input as a running query takes it."""
    names = list(dict.fromkeys(froms.topics_read(case.query.source)))
    if len(names) == 1:
        return case
    latest = dict.fromkeys(names, 0)
    made = []
    for record in case.records:
        latest[record.source] = max(latest[record.source], record.time)
        made.append(replace(record, time=latest[record.source]))
    return replace(case, records=tuple(sorted(made, key=lambda r: (r.time, names.index(r.source)))))


def partitions_of(query: cases.Query, wanted: int) -> int:
    """One where an answer depends on the order of rows of several partitions, which is nobody's."""
    return wanted if query.by is None or query.by == froms.key_of(query.source) else 1


class Killed:
    """Queries at work in hosts that are killed, in a data folder of their own."""

    def __init__(self, instance: duckdb.DuckDBPyConnection, folder: Path, workers: int, rows_max: int) -> None:
        self._instance = instance
        self._topics = EmbeddedTopics(folder / "topics", clock=SystemClock())
        self._topics.create("mergus_processing_log", 1)
        run = RunSettings(workers=workers, epoch_ms=40, rows_max=rows_max)
        self._lifecycle = Lifecycle(HostSettings(folder), self._topics, run)
        self._plans: list[QueryPlan] = []
        self._records = 0

    def add(self, case: cases.Case, partitions: int) -> None:
        """The case's input into topics of its own, its query planned over them."""
        name = f"q{len(self._plans)}_"
        plan = planned(self._instance, case.query, partitions)
        for source in dict.fromkeys(froms.topics_read(case.query.source)):
            self._topics.create(name + source, partitions)
        self._fill(name, case, partitions)
        assert plan.sink is not None
        self._topics.create(name + "OUT", partitions)
        sources = tuple(replace(s, topic=name + s.topic) for s in plan.sources)
        sink = replace(plan.sink, topic=name + "OUT")
        self._plans.append(replace(plan, query_id=name + "QUERY", sources=sources, sink=sink))
        self._records += len(case.records)

    def _fill(self, name: str, case: cases.Case, partitions: int) -> None:
        writer = self._topics.writer()
        for record in topics_of(case.records, partitions).read(froms.STREAMS + froms.TABLES):
            columns = {
                "timestamp": pa.array([record.timestamp], pa.int64()),
                "key": pa.array([record.key], pa.binary()),
                "value": pa.array([record.value], pa.binary()),
                "partition": pa.array([record.partition], pa.int32()),
            }
            writer.write(name + record.topic, pa.RecordBatch.from_pydict(columns))
        writer.close()

    def run(self, fractions: Sequence[float]) -> list[list[Told]]:
        """What the queries say in the end, one list each. `fractions`: how much of all records is read at each kill."""
        try:
            for plan in self._plans:
                self._lifecycle.start(plan)
            for kills, fraction in enumerate(sorted(fractions), 1):
                self._until(lambda f=fraction: self._read() >= f * self._records)  # type: ignore[misc]
                for pid in {host.pid for host in self._lifecycle.host_processes()}:
                    os.kill(pid, signal.SIGKILL)
                self._until(lambda k=kills: all(s.metrics.restarts >= k for s in self._statuses()))  # type: ignore[misc]
            self._until(lambda: all(s.state == "RUNNING" for s in self._statuses()))
            failed = [s.error for s in self._lifecycle.wait_caught_up(limit_s=LIMIT_S) if s.error]
            assert not failed, failed
        finally:
            self._lifecycle.close()
        told = [self._told(plan) for plan in self._plans]
        self._topics.close()
        return told

    def _statuses(self) -> list[FlowStatus]:
        return list(self._lifecycle.statuses().values())

    def _read(self) -> int:
        """Records that all queries are past."""
        return sum(sum(s.positions.values()) for s in self._statuses())

    @staticmethod
    def _until(condition: Callable[[], bool]) -> None:
        end = time.monotonic() + LIMIT_S
        while not condition():
            assert time.monotonic() < end, "what was waited for did not come"
            time.sleep(0.002)

    def _told(self, plan: QueryPlan) -> list[Told]:
        assert plan.sink is not None
        begin = self._topics.begin_offsets(plan.sink.topic)
        reader = self._topics.reader(
            {(plan.sink.topic, p): at for p, at in begin.items()}, ("key", "value", "timestamp")
        )
        made: list[Told] = []
        while (batch := reader.poll(10_000)) is not None:
            rows = zip(*(batch.column(n).to_pylist() for n in ("key", "value", "timestamp")), strict=True)
            made += [(place_of(key), None if value is None else json.loads(value), at) for key, value, at in rows]
        reader.close()
        return made
