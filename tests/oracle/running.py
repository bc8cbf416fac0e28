"""A case in the engine, without threads: its plan on one or two workers, batch by batch, with a kill where one is asked for.

Each worker has a task as a running query has (`runtime.pipeline.PlanTask`), reads its share of the partitions, and sends
what an exchange divides to the tasks of all. Two batches are an epoch. A kill closes the tasks, opens them anew over the
same files, takes them back to the last checkpoint, and goes on from the position and the stream times of then.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from mergus.engine.cli.testing.engine import CaseEngine
from mergus.engine.clock import SystemClock
from mergus.engine.operators.driver import MemoryTopics, Record, batches
from mergus.engine.operators.operator import Failure, Frame, partition_of_time
from mergus.engine.plan.physical.one_worker import needs_one_worker
from mergus.engine.plan.physical.steps import QueryPlan
from mergus.engine.runtime.pipeline import Engine, PlanTask, plan_remembers
from mergus.engine.sql.builtin.registry import default_registry

from . import cases, froms
from .reference import Event, Row

EPOCH_BATCHES = 2
Told = tuple[Any, Row | None, int]  # key, row, time


def answer(case: cases.Case, partitions: int) -> list[Told]:
    """What the reference says."""
    operator = case.query.open(partitions)
    told = []
    for record, given in zip(
        case.records, topics_of(case.records, partitions).read(froms.STREAMS + froms.TABLES), strict=True
    ):
        row = None if record.values is None else dict(zip(("X", "Y"), record.values, strict=True))
        for event in operator.take(record.source, Event(record.key, row, record.time, given.partition)):
            told.append((event.key, case.query.value(event), event.time))
    return told


def topics_of(records: Iterable[cases.Record], partitions: int) -> MemoryTopics:
    """The records in topics."""
    topics = MemoryTopics(dict.fromkeys(froms.STREAMS + froms.TABLES, partitions))
    for record in records:
        key = None if record.key is None else record.key.to_bytes(4, "big", signed=True)
        values = None if record.values is None else dict(zip(("X", "Y"), record.values, strict=True))
        topics.append(record.source, key, None if values is None else json.dumps(values).encode(), record.time)
    return topics


def planned(instance: duckdb.DuckDBPyConnection, query: cases.Query, partitions: int) -> QueryPlan:
    """The query's plan."""
    engine = CaseEngine(instance, _registry(), {})
    try:
        for source in froms.SOURCES:
            if source.split()[2] in froms.sources_of(query.source):
                engine.execute(source % partitions)
        engine.execute(query.sql())
        (plan,) = engine.plans.values()
        return plan
    finally:
        engine.close()


@cache
def _registry() -> Any:
    return default_registry()


class Log:
    """A processing log that only counts late rows."""

    def __init__(self) -> None:
        self.late = 0

    def report(self, failure: Failure) -> None:
        self.late += failure.kind == "late"

    def flush(self) -> None:
        return

    def close(self) -> None:
        return


class _AllTimes:
    """Topics that take whatever time a record has."""

    def refused_times(self, name: str, timestamps: pa.Array, now_ms: int) -> list[tuple[int, str]]:
        return []


class Run:
    """A query at work."""

    def __init__(
        self,
        plan: QueryPlan,
        instance: duckdb.DuckDBPyConnection,
        topics: MemoryTopics,
        setup: cases.Setup,
        folder: Path,
    ) -> None:
        self.plan, self.instance, self.setup, self.folder = plan, instance, setup, folder
        self.workers = 1 if needs_one_worker(plan) else setup.workers
        self.names = list(dict.fromkeys(s.topic for s in plan.sources))
        self.records = topics.read(self.names)
        self.times: list[dict[int, int]] = []
        self.out: list[Record] = []
        self.tasks: list[PlanTask] = []

    def run(self) -> list[Record]:
        """All records; gives the sink's."""
        self._open()
        try:
            checkpoint, killed = (0, 0, [dict(t) for t in self.times], 0), self.setup.killed_after is None
            size, at, number, epoch = self.setup.cut or max(1, len(self.records)), 0, 0, 0
            while at < len(self.records):
                if number % EPOCH_BATCHES == 0:
                    checkpoint = (epoch, at, [dict(t) for t in self.times], len(self.out))
                    epoch += 1
                    for task in self.tasks:
                        task.durable(epoch - 1)
                        task.begin_epoch(epoch)
                self._batch(self.records[at : at + size])
                at, number = at + size, number + 1
                if not killed and number > (self.setup.killed_after or 0):
                    killed, number = True, 0
                    epoch, at, times, kept = checkpoint
                    self._close()
                    self._open()
                    for task in self.tasks:
                        task.rollback_to(epoch)
                    self.times, self.out = [dict(t) for t in times], self.out[:kept]
                    self.times_at_start = _together(self.times)
            return self.out
        finally:
            self._close()

    def _open(self) -> None:
        on_disk = self.setup.killed_after is not None and plan_remembers(self.plan)
        engine = Engine(_AllTimes(), self.instance, SystemClock(), None, exactly_once=False)  # type: ignore[arg-type]
        for worker in range(self.workers):
            path = self.folder / f"{worker}.duckdb" if on_disk else None
            self.tasks.append(PlanTask(self.plan, self.names, path, engine, Log()))  # type: ignore[arg-type]
        parts = range(self.setup.partitions)
        self.times = [dict.fromkeys((p for p in parts if self._reader(p) == w), -1) for w in range(self.workers)]
        self.times_at_start = _together(self.times)
        self.told_times = [False] * self.workers

    def _close(self) -> None:
        for task in self.tasks:
            task.close()
        self.tasks = []

    def _reader(self, partition: int) -> int:
        return partition % self.workers

    def _batch(self, records: Sequence[Record]) -> None:
        """One batch through all stages, on every worker that reads some of it."""
        frames: list[Frame | None] = []
        for worker, task in enumerate(self.tasks):
            own = [r for r in records if self._reader(r.partition) == worker]
            frames.append(self._first(worker, task, batches(own, self.names, None)) if own else None)
        for stage in range(1, len(self.plan.stages)):
            frames = self._exchanged(stage, frames)
        for task, frame in zip(self.tasks, frames, strict=True):
            for _, made in [] if frame is None else task.encode(frame):
                self.out += [Record("OUT", r.get("key"), r["value"], r["timestamp"]) for r in made.to_pylist()]

    def _first(self, worker: int, task: PlanTask, given: Sequence[pa.RecordBatch]) -> Frame:
        frame = task.decode(given)
        if not self.told_times[worker]:  # as a flow does with its first frame
            frame.stream_time = self.times_at_start | frame.stream_time
            self.told_times[worker] = True
        frame = task.process(0, frame)
        own = {p: t for p, t in frame.stream_time.items() if self._reader(partition_of_time(p)) == worker}
        self.times[worker] |= own
        return frame

    def _exchanged(self, stage: int, frames: Sequence[Frame | None]) -> list[Frame | None]:
        shares: list[list[Frame]] = [[] for _ in self.tasks]
        for task, frame in zip(self.tasks, frames, strict=True):
            if frame is not None:
                for queue, share in zip(shares, task.shares(stage - 1, frame, len(self.tasks)), strict=True):
                    queue.append(share)
        return [
            task.process(stage, task.merge(queue)) if queue else None
            for task, queue in zip(self.tasks, shares, strict=True)
        ]


def _together(times: Sequence[dict[int, int]]) -> dict[int, int]:
    """The stream times of all workers' partitions."""
    return {partition: time for own in times for partition, time in own.items()}


def engine_says(case: cases.Case, setup: cases.Setup, instance: duckdb.DuckDBPyConnection, folder: Path) -> list[Told]:
    """What the engine says."""
    plan = planned(instance, case.query, setup.partitions)
    made = Run(plan, instance, topics_of(case.records, setup.partitions), setup, folder).run()
    return [(place_of(r.key), None if r.value is None else json.loads(r.value), r.timestamp) for r in made]


def place_of(key: bytes | None) -> Any:
    """A key's bytes as the reference names the place: the key (INT, of a group of groups BIGINT), then a window's start, or a
    session's end and start."""
    if key is None:
        return None
    width = 4 if len(key) % 8 else 8
    rest = [int.from_bytes(key[at : at + 8], "big", signed=True) for at in range(width, len(key), 8)]
    number = int.from_bytes(key[:width], "big", signed=True)
    return (number, *rest) if rest else number
