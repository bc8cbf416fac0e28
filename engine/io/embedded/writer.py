"""Writing to the embedded topics: records are partitioned and encoded outside, then appended in one short transaction.

A transactional writer is the same with its marker in the transaction: what was not committed was never in the file, so
nobody can read it, and a writer that was killed leaves nothing to clean up.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa

from ...clock import Clock
from ...errors import EnvironmentFault, MergusError, UnknownName, UserError
from ..partitioner import NO_PARTITION, partition_of
from .batches import Row, complete, encode
from .retention import RetentionWatch
from .store import Store, first_row

BUFFERED_BYTES_MAX = 16 << 20
PartitionIds = Callable[[str], list[int]]


class EmbeddedWriter:
    """Publishes at `flush`, or earlier when much is buffered. Records written between two flushes appear at once
    if they were not too many.
    """

    def __init__(self, store: Store, partition_ids: PartitionIds, clock: Clock) -> None:
        self._store = store
        self._partition_ids = partition_ids
        self._clock = clock
        self._retention = RetentionWatch(clock)
        self._waiting: dict[str, list[pa.RecordBatch]] = {}
        self._bytes = 0
        self._turn = 0  # whose turn it is to get the next record without a key

    def write(self, topic: str, records: pa.RecordBatch) -> None:
        """Take `records`; raises UnknownName, or EnvironmentFault when the buffer is full and cannot be written."""
        if len(records) == 0:
            return
        ready = complete(records, self._clock.now_ms)
        numbers = self._numbers(topic, records, ready)
        self._waiting.setdefault(topic, []).append(ready.append_column("partition", pa.array(numbers)))
        self._bytes += ready.nbytes
        if self._bytes >= BUFFERED_BYTES_MAX:
            self._overflow()

    def _overflow(self) -> None:
        self.flush()

    def flush(self) -> None:
        """Append what waits, in one transaction. After an EnvironmentFault it still waits, and may be flushed again."""
        if self._waiting:
            self._publish()

    def deliver(self, topic: str, records: pa.RecordBatch) -> list[MergusError | None]:
        """Write them in one transaction: all or, where it raises, none."""
        self.write(topic, records)
        self.flush()
        return [None] * len(records)

    def pending(self) -> bool:
        """Whether something waits."""
        return bool(self._waiting)

    def _publish(self, before: Callable[[sqlite3.Connection], None] | None = None) -> None:
        try:
            rows = self._rows()
            with self._store.transaction() as connection:
                if before is not None:
                    before(connection)
                for partition_id, encoded in rows.items():
                    _append(connection, partition_id, encoded)
                self._retention.enforce(connection, rows)
        except UnknownName:
            self._forget()
            raise
        self._forget()

    def _forget(self) -> None:
        self._waiting, self._bytes = {}, 0

    def _numbers(self, topic: str, records: pa.RecordBatch, ready: pa.RecordBatch) -> np.ndarray:
        """The partition of each record: as given, else by its key, else in turn."""
        count = len(self._partition_ids(topic))
        given = records.column("partition") if "partition" in records.schema.names else None
        if given is not None and given.null_count == 0:
            numbers = given.cast(pa.int32()).to_numpy(zero_copy_only=False)
            if numbers.min() < 0 or numbers.max() >= count:
                wrong = int(numbers.max() if numbers.max() >= count else numbers.min())
                raise UserError(
                    f"topic {topic} has no partition {wrong}", detail=f"its partitions are 0 to {count - 1}"
                )
            return np.asarray(numbers)
        if count == 1:
            return np.zeros(len(records), dtype=np.int32)
        numbers = partition_of(ready.column("key"), count)
        keyless = np.flatnonzero(numbers == NO_PARTITION)
        numbers[keyless] = (np.arange(len(keyless)) + self._turn) % count
        self._turn = (self._turn + len(keyless)) % count
        if given is not None:
            fixed = np.flatnonzero(given.is_valid().to_numpy(zero_copy_only=False))
            numbers[fixed] = given.fill_null(0).to_numpy(zero_copy_only=False)[fixed]
        return numbers

    def _rows(self) -> dict[int, list[Row]]:
        """What waits, encoded, by partition id; order inside a partition is the order of writing."""
        rows: dict[int, list[Row]] = {}
        for topic, batches in self._waiting.items():
            ids = self._partition_ids(topic)
            records = batches[0] if len(batches) == 1 else pa.concat_batches(batches)
            numbers = records.column(4).to_numpy()
            records = records.select([0, 1, 2, 3])
            present = np.unique(numbers)
            for number in present:
                # Records of 10 MB in thousands would pass the 2 GB of a binary column: take a partition at a time.
                mine = records if len(present) == 1 else records.take(pa.array(np.flatnonzero(numbers == number)))
                rows[ids[number]] = encode(mine)
        return rows

    def close(self) -> None:
        """Flush and give back the connection."""
        try:
            self.flush()
        finally:
            self._store.close()

    def abandon(self) -> None:
        """Drop what waits and give back the connection."""
        self._forget()
        self._store.close()


class EmbeddedTransactionalWriter(EmbeddedWriter):
    """Publishes at `commit` only, all topics at once. Opening one fences an earlier one of the same id."""

    def __init__(self, store: Store, partition_ids: PartitionIds, clock: Clock, transactional_id: str) -> None:
        super().__init__(store, partition_ids, clock)
        self._id = transactional_id
        with store.transaction() as connection:
            connection.execute(
                "INSERT INTO producers VALUES (?, 1, NULL) ON CONFLICT (id) DO UPDATE SET epoch = epoch + 1",
                (transactional_id,),
            )
            (self._epoch,) = self._row(connection, "epoch")

    def _row(self, connection: sqlite3.Connection, column: str) -> tuple[int | str | None]:
        found: tuple[int | str | None] = connection.execute(
            f"SELECT {column} FROM producers WHERE id = ?", (self._id,)
        ).fetchone()
        return found

    def _overflow(self) -> None:
        """A transaction is never written in parts."""

    def flush(self) -> None:
        """Nothing: what is written becomes durable with `commit`."""

    def commit(self, marker: str) -> None:
        """Append all that was written since the last commit and record `marker`; raises EnvironmentFault when fenced."""
        self._publish(lambda connection: self._mark(connection, marker))

    def _mark(self, connection: sqlite3.Connection, marker: str) -> None:
        if self._row(connection, "epoch") != (self._epoch,):
            raise EnvironmentFault(
                f"the transactional writer {self._id} was replaced by a newer one",
                detail="a later writer of the same id was opened; this one publishes nothing more",
                hint="let only one process run the query; this one should end",
            )
        connection.execute("UPDATE producers SET marker = ? WHERE id = ?", (marker, self._id))

    def last_marker(self) -> str | None:
        """The marker of the newest commit under this id, None when there is none."""
        (marker,) = self._row(self._store.connection, "marker")
        return None if marker is None else str(marker)

    def close(self) -> None:
        """Drop what was not committed and give back the connection."""
        self.abandon()


def _append(connection: sqlite3.Connection, partition_id: int, rows: Sequence[Row]) -> None:
    found = connection.execute("SELECT end_offset FROM partitions WHERE id = ?", (partition_id,)).fetchone()
    if found is None:
        raise UnknownName("the topic was deleted while records were written to it")
    (end,) = found
    added = 0
    for row in rows:
        connection.execute(
            "INSERT INTO batches VALUES (?, ?, ?, ?, ?, ?)",
            (first_row(partition_id) + end, row.count, row.shape, row.min_timestamp, row.max_timestamp, row.body),
        )
        end += row.count
        added += row.size
    connection.execute(
        "UPDATE partitions SET end_offset = ?, bytes = bytes + ? WHERE id = ?", (end, added, partition_id)
    )
