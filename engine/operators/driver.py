"""A synchronous driver: plans over topics in memory, one query after the other, batches cut as asked.

For tests, as Kafka Streams' topology test driver is: the same stages as in a running query, without threads, exchanges
between processes, or a clock. A query reads everything that lies in its topics, in the order in which it got there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pyarrow as pa

from ..io.partitioner import partition_of
from ..io.topics import RECORD_SCHEMA
from ..plan.origins import topics_read
from ..plan.physical.steps import QueryPlan
from ..state.store import StateStore
from .context import Models
from .dead_letters import Letters
from .decode import Decoding
from .encode import SinkEncoder
from .exchange import with_groups
from .operator import Failure, Frame
from .stage import Stage, open_stage

Headers = Sequence[tuple[str, bytes | None]]


@dataclass(frozen=True)
class Record:
    """A record as bytes; `arrival` orders the records of all topics."""

    topic: str
    key: bytes | None
    value: bytes | None
    timestamp: int
    headers: Headers = ()
    partition: int = 0
    offset: int = 0
    arrival: int = 0


@dataclass
class MemoryTopics:
    """Topics in memory. Those not declared have one partition."""

    partitions: dict[str, int] = field(default_factory=dict)
    records: dict[str, list[Record]] = field(default_factory=dict)
    _arrivals: int = 0
    _ends: dict[tuple[str, int], int] = field(default_factory=dict)

    def append(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        timestamp: int,
        headers: Headers = (),
        partition: int | None = None,
    ) -> None:
        """Add a record at the end of its partition, which the key decides where it is not given."""
        count = self.partitions.get(topic, 1)
        if partition is None:
            partition = max(0, int(partition_of(pa.array([key], pa.binary()), count)[0])) if count > 1 else 0
        offset = self._ends.get((topic, partition), 0)
        self._ends[(topic, partition)] = offset + 1
        self._arrivals += 1
        record = Record(topic, key, value, timestamp, headers, partition, offset, self._arrivals)
        self.records.setdefault(topic, []).append(record)

    def extend(self, topic: str, records: pa.RecordBatch) -> None:
        """Add records of (part of) PRODUCE_SCHEMA."""
        for row in records.to_pylist():  # record by record: this is for tests
            headers = [(h["key"], h["value"]) for h in row.get("headers") or ()]
            self.append(topic, row.get("key"), row["value"], row["timestamp"], headers)

    def read(self, topics: Iterable[str]) -> list[Record]:
        """All records of the topics in order of arrival."""
        found = [r for t in dict.fromkeys(topics) for r in self.records.get(t, [])]
        return sorted(found, key=lambda r: r.arrival)


def batches(records: Sequence[Record], topics: Sequence[str], cut: int | None) -> list[pa.RecordBatch]:
    """Records as batches of RECORD_SCHEMA of at most `cut` records; None: one batch of all."""
    size = cut or max(1, len(records))
    return [_batch(records[i : i + size], topics) for i in range(0, len(records), size)]


def _batch(records: Sequence[Record], topics: Sequence[str]) -> pa.RecordBatch:
    columns = [
        [topics.index(r.topic) for r in records],
        [r.partition for r in records],
        [r.offset for r in records],
        [r.timestamp for r in records],
        [r.key for r in records],
        [r.value for r in records],
        [[{"key": k, "value": v} for k, v in r.headers] for r in records],
    ]
    arrays = [pa.array(c, f.type) for c, f in zip(columns, RECORD_SCHEMA, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=RECORD_SCHEMA)


class Running:
    """A query opened on its own store: takes batches of records, gives the last edge's frame."""

    def __init__(
        self,
        plan: QueryPlan,
        instance: duckdb.DuckDBPyConnection,
        *,
        models: Models | None = None,
        path: Path | None = None,
    ) -> None:
        self.failures: list[Failure] = []
        self.letters = Letters()
        self.store = StateStore(instance, path)
        self._models = models
        self.go_on_as(plan)

    def go_on_as(self, plan: QueryPlan) -> None:
        """Run this plan from here on, over the same state (CREATE OR REPLACE)."""
        self.plan = plan
        self.topics = topics_read(plan.sources)
        self.store.begin_epoch(self.store.epoch + 1)  # as a flow does that starts anew
        report, models = self.failures.append, self._models
        self._decoding = Decoding(plan.sources, self.topics, self.store.evaluation, report)
        self.stages: list[Stage] = [
            open_stage(plan, i, self.store, report, models, letters=self.letters, alone=True)
            for i in range(len(plan.stages))
        ]
        self._encoder = SinkEncoder(plan.sink, self.store.evaluation, report) if plan.sink else None

    def process(self, records: Sequence[pa.RecordBatch], stream_time: Mapping[int, int] | None = None) -> Frame:
        """One pass of records through all stages."""
        frame = self._decoding.decode(records)
        frame.stream_time |= stream_time or {}
        with self.store.transaction():
            for i, stage in enumerate(self.stages):
                exchange = self.plan.stages[i].exchange
                frame = stage.process(frame if exchange is None else with_groups(frame, exchange))
        return frame

    def encode(self, frame: Frame) -> list[tuple[str, pa.RecordBatch]]:
        """The records that the frame makes, by topic: for the sink's, and what models have failed on."""
        if self._encoder is None:
            return []
        records = self._encoder.encode(frame)
        return [*([] if records is None else [(self._encoder.sink.topic, records)]), *self.letters.take()]

    def close(self) -> None:
        """Forget the query and its state (which stays in its file, where it has one)."""
        for stage in self.stages:
            stage.close()
        self.store.close()


class Driver:
    """Runs plans one after the other. `instance`: the process's DuckDB (state.duckdb.connect)."""

    def __init__(self, instance: duckdb.DuckDBPyConnection, *, models: Models | None = None) -> None:
        self.topics = MemoryTopics()
        self.failures: list[Failure] = []
        self._instance = instance
        self._models = models

    def run(self, plan: QueryPlan, cut: int | None = 1) -> list[pa.Table]:
        """Give the query all that its topics hold; its output is appended to its sink's topic. Gives the tables of the
        last edge, one a pass, for a plan without a sink."""
        running = Running(plan, self._instance, models=self._models)
        try:
            made: list[pa.Table] = []
            for batch in batches(self.topics.read(running.topics), running.topics, cut):
                frame = running.process([batch])
                for topic, records in running.encode(frame):
                    self.topics.extend(topic, records)
                made += frame.edges.values()
            return made
        finally:
            self.failures += running.failures
            running.close()
