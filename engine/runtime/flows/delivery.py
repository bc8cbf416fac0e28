"""How output reaches its topics, and what is promised of it when a process dies at any moment.

Let R be the epoch at which Bytewax resumes: epochs below R are durable, R itself is undone and done again, with other
cuts, since epochs end by the clock. Output of R that was visible could not be taken back nor compared with the second
try. Three ways:

- `AtOnce`: written as it comes, flushed when the epoch closes. Bytewax believes an epoch only after every step's snapshot
  in it, and the flush is in the last step's; so nothing of a durable epoch is lost, and what was written of R comes
  twice: at least once. Kafka's way, unless the query asks for more.
- `Positioned`, for a query that remembers nothing: output and the source positions behind it are one transaction, as its
  marker. A restart reads from the marker's positions instead of the checkpoint's, which are never ahead of it, where the
  topics are still those of the ids in it. A row's output depends on the row alone, so each record is worked on once for
  all that is visible: exactly once, and at once.
- `Outbox`, for all others. Output of epoch n is appended to files `<n>.<k>.arrow`, one a topic, closed
  in the last step's snapshot of n, that is before n is durable. When n is durable, they are published in one transaction
  with the marker n, then removed. At a restart, by what is found on disk:
    n <= marker            published, only the removal was missing: removed
    marker < n <= R - 1    durable, complete (it was closed before n was durable), not published: published now
    n >= R                 undone with the state: removed, the epoch is done again
  The state stands at R - 1 then: DuckDB commits each batch under its epoch with the rows as they were, and
  `rollback_to(R - 1)` lays back what R had changed. State, source positions and visible output are of one epoch's end:
  exactly once. Several workers have an outbox and a marker each; R - 1 is durable on all of them (see `checkpoint`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import pyarrow as pa

from ...io.topics import TopicPartition, Topics, TransactionalWriter, Writer
from ...operators.frame import without_rows
from ...operators.operator import Failure, Report

GUARANTEE = "processing.guarantee"
EXACTLY_ONCE = "exactly_once_v2"
"""The property by which a query over Kafka asks for it, and its value."""
Output = Sequence[tuple[str, pa.RecordBatch]]


class Nowhere:
    """A query without a sink topic: its state is what it makes, or its rows go to whoever asked for them."""

    def __init__(self, take: Callable[[Output], None] | None = None) -> None:
        self._take = take

    def deliver(self, epoch: int, output: Output, positions: Mapping[TopicPartition, int]) -> None:
        if self._take is not None:
            self._take(output)

    def flush(self, epoch: int) -> None:
        return

    def durable(self, epoch: int) -> None:
        return

    def pending(self) -> bool:
        return False

    def close(self) -> None:
        return

    def abandon(self) -> None:
        return


def accepted(topic: str, records: pa.RecordBatch, topics: Topics, now_ms: int, report: Report) -> pa.RecordBatch:
    """The records but for those that their topic does not take: with a record whose time is too far from now a broker refuses
    its neighbours, too, for ever."""
    if "timestamp" not in records.schema.names:
        return records
    refused = topics.refused_times(topic, records.column("timestamp"), now_ms)
    if not refused:
        return records
    for _, reason in refused:
        report(Failure(reason, "serialization", topic))
    return without_rows(records, (row for row, _ in refused))


class AtOnce:
    """At least once: see the module."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def deliver(self, epoch: int, output: Output, positions: Mapping[TopicPartition, int]) -> None:
        for topic, records in output:
            self._writer.write(topic, records)

    def flush(self, epoch: int) -> None:
        self._writer.flush()

    def durable(self, epoch: int) -> None:
        return

    def pending(self) -> bool:
        return self._writer.pending()

    def close(self) -> None:
        self._writer.close()

    def abandon(self) -> None:
        self._writer.abandon()


class Positioned:
    """Exactly once for a query without state: see the module. `topic_ids`: of the topics that it reads."""

    def __init__(self, writer: TransactionalWriter, topic_ids: Mapping[str, str] = MappingProxyType({})) -> None:
        self._writer = writer
        self._topic_ids = topic_ids

    def deliver(self, epoch: int, output: Output, positions: Mapping[TopicPartition, int]) -> None:
        if not any(records.num_rows for _, records in output):
            return  # nothing became visible: these records may as well be read again
        for topic, records in output:
            self._writer.write(topic, records)
        places = ((topic, part, at, self._topic_ids.get(topic, "")) for (topic, part), at in positions.items())
        self._writer.commit(json.dumps(list(places)))

    def flush(self, epoch: int) -> None:
        return

    def durable(self, epoch: int) -> None:
        return

    def pending(self) -> bool:
        return False

    def close(self) -> None:
        self._writer.close()

    def abandon(self) -> None:
        self._writer.abandon()


def positions_of(marker: str | None, topic_ids: Mapping[str, str]) -> dict[TopicPartition, int]:
    """The source positions in a marker of `Positioned`, in topics of these ids; an id that is not known is any.

    >>> positions_of('[["s", 0, 7, "1"], ["r", 0, 5, "2"]]', {"s": "1", "r": "3"})
    {('s', 0): 7}
    """
    made = {}
    for topic, partition, at, *noted in [] if marker is None else json.loads(marker):
        known, now = "".join(noted), topic_ids.get(topic, "")
        if not known or not now or known == now:
            made[topic, partition] = at
    return made


class Outbox:
    """Exactly once for a query with state: see the module. `folder` is this worker's alone."""

    def __init__(self, folder: Path, writer: TransactionalWriter, *, sync: bool = False) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._writer = writer
        self._sync = sync
        self._open: dict[int, dict[str, pa.RecordBatchStreamWriter]] = {}
        self._waiting: dict[int, list[tuple[str, pa.RecordBatch]]] = {}

    def deliver(self, epoch: int, output: Output, positions: Mapping[TopicPartition, int]) -> None:
        for topic, records in output:
            if records.num_rows:
                self._append(epoch, topic, records)

    def _append(self, epoch: int, topic: str, records: pa.RecordBatch) -> None:
        files = self._open.setdefault(epoch, {})
        if topic not in files:
            schema = records.schema.with_metadata({"topic": topic})
            files[topic] = pa.ipc.new_stream(str(self._folder / f"{epoch}.{len(files)}.arrow"), schema)
        files[topic].write_batch(records)
        self._waiting.setdefault(epoch, []).append((topic, records))

    def flush(self, epoch: int) -> None:
        for n in [n for n in self._open if n <= epoch]:
            for writer in self._open.pop(n).values():
                writer.close()
            for path in self._files(n) if self._sync else ():
                _to_disk(path)

    def durable(self, epoch: int) -> None:
        for n in sorted(n for n in self._waiting if n <= epoch):
            for topic, records in _together(self._waiting[n]):
                self._writer.write(topic, records)
            self._writer.commit(str(n))
            del self._waiting[n]  # not before: until it is visible it is pending
            for path in self._files(n):
                path.unlink(missing_ok=True)

    def pending(self) -> bool:
        return bool(self._waiting)

    def recover(self, epoch: int) -> None:
        """At a start, and after an end: bring the topics to the end of `epoch`, from what lies in the folder."""
        self._close_files()
        self._waiting.clear()
        marker = self._writer.last_marker()
        published = -1 if marker is None else int(marker)
        for n in sorted({_epoch_of(path) for path in self._folder.glob("*.arrow")}):
            if published < n <= epoch:
                self._publish(n)
            for path in self._files(n):
                path.unlink()

    def _publish(self, epoch: int) -> None:
        for path in self._files(epoch):
            with pa.OSFile(str(path)) as file, pa.ipc.open_stream(file) as stream:
                topic = stream.schema.metadata[b"topic"].decode()
                for records in stream:
                    self._writer.write(topic, records)
        self._writer.commit(str(epoch))

    def _files(self, epoch: int) -> list[Path]:
        """An epoch's files; one alone was named after it, before there were several."""
        return sorted(path for path in self._folder.glob(f"{epoch}.*arrow") if _epoch_of(path) == epoch)

    def _close_files(self) -> None:
        for files in self._open.values():
            for writer in files.values():
                writer.close()
        self._open.clear()

    def close(self) -> None:
        self._close_files()
        self._writer.close()

    def abandon(self) -> None:
        self._close_files()
        self._writer.abandon()


def _together(output: Output) -> Output:
    """Each topic's records as one batch: an epoch has dozens of small ones, and what a write costs is not by the record."""
    topics = dict.fromkeys(topic for topic, _ in output)
    return [(topic, pa.concat_batches([records for t, records in output if t == topic])) for topic in topics]


def _epoch_of(path: Path) -> int:
    return int(path.name.partition(".")[0])


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
