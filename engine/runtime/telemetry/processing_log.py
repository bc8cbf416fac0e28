"""The processing log: a topic that says of every record or row that could not be processed what it was and why.

A stream over it is SQL's to query. Entries are JSON, one a record; the record's bytes are base64. A query that fails
writes one too. Entries are written beside the output, not with it: after a crash some may come twice.

A topic of which nothing can be read must not become a log several times its size, nor the query wait for that: beyond a
number a second, rows are counted, and one entry a batch and kind tells how many and from where on.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace

import orjson
import pyarrow as pa

from ...errors import Conflict, MergusError, UnknownName
from ...io.topics import Topics, Writer
from ...operators.operator import Failure

TOPIC = "mergus_processing_log"
STREAM = "MERGUS_PROCESSING_LOG"
STATEMENT = (
    f"CREATE SOURCE STREAM IF NOT EXISTS {STREAM} (QUERY VARCHAR, KIND VARCHAR, REASON VARCHAR, TOPIC VARCHAR,"
    " `PARTITION` INT, `OFFSET` BIGINT, `COLUMN` VARCHAR, RECORD VARCHAR, TIME BIGINT)"
    f" WITH (KAFKA_TOPIC = '{TOPIC}', VALUE_FORMAT = 'JSON', TIMESTAMP = 'TIME')"
)
"""What makes the log a stream; the server runs it when it starts."""

RECORD_BYTES_MAX = 64 * 1024
BURST = 10_000
PER_SECOND = 1_000
"""How many entries a worker of a query may write at once, and on average."""


def prepare(topics: Topics) -> None:
    """Make the log's topic where there is none."""
    if topics.describe(TOPIC) is None:
        try:
            topics.create(TOPIC, 1, config={"retention.ms": "604800000", "retention.bytes": str(1 << 30)})
        except Conflict:
            return  # another process was quicker


class ProcessingLog:
    """One worker's way to the log. `count` is told the kind of each failure. Owned by the worker's thread."""

    def __init__(self, query_id: str, topics: Topics, now_ms: Callable[[], int], count: Callable[[str], None]) -> None:
        self.query_id = query_id
        self._topics = topics
        self._now_ms = now_ms
        self._count = count
        self._writer: Writer | None = None
        self._entries: list[bytes] = []
        self._left = float(BURST)
        self._left_at_ms = now_ms()
        self._counted: dict[str, tuple[Failure, int]] = {}

    def report(self, failure: Failure) -> None:
        """Note one failure; `flush` writes it."""
        self._count(failure.kind)
        now_ms = self._now_ms()
        passed_ms = max(0, now_ms - self._left_at_ms)
        self._left = min(BURST, self._left + passed_ms * PER_SECOND / 1000)
        self._left_at_ms = now_ms
        if self._left >= 1:
            self._left -= 1
            self._entries.append(entry(self.query_id, failure, now_ms))
        else:
            first, count = self._counted.get(failure.kind, (failure, 0))
            self._counted[failure.kind] = (first, count + 1)

    def flush(self) -> None:
        """Write what was noted."""
        for first, count in self._counted.values():
            reason = f"{count} more rows from here on, told by number only: more than {PER_SECOND} a second"
            told = replace(first, reason=reason, record=None, column=None)
            self._entries.append(entry(self.query_id, told, self._now_ms()))
        self._counted.clear()
        if not self._entries:
            return
        entries, self._entries = self._entries, []
        times = pa.repeat(pa.scalar(self._now_ms(), pa.int64()), len(entries))
        records = pa.RecordBatch.from_arrays([times, pa.array(entries, pa.binary())], names=["timestamp", "value"])
        try:
            self._write(records)
        except UnknownName:  # somebody has deleted it: no query shall end of that
            prepare(self._topics)
            self._write(records)

    def _write(self, records: pa.RecordBatch) -> None:
        if self._writer is None:
            self._writer = self._topics.writer()
        try:
            self._writer.write(TOPIC, records)
            self._writer.flush()
        except MergusError:
            self._writer.abandon()  # to wait for it again at the close would hold up who goes on without
            self._writer = None
            raise

    def close(self) -> None:
        """Write the rest and give the writer back."""
        self.flush()
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def entry(query_id: str, failure: Failure, now_ms: int) -> bytes:
    """One record of the log. Of a long record the first 64 KiB are kept."""
    record = None if failure.record is None else base64.b64encode(failure.record[:RECORD_BYTES_MAX]).decode()
    body = {
        "QUERY": query_id,
        "KIND": failure.kind,
        "REASON": failure.reason,
        "TOPIC": failure.topic,
        "PARTITION": failure.partition,
        "OFFSET": failure.offset,
        "COLUMN": failure.column,
        "RECORD": record,
        "TIME": now_ms,
    }
    return orjson.dumps(body)
