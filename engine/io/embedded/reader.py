"""Reading the embedded topics: batches as they lie on disk, a fair share of each partition, no longer than a poll.

A poll that finds nothing costs one look at a counter in shared memory. No SQLite read stays open between polls, so a
slow reader never keeps the write-ahead log from being folded back into the file.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from ...errors import UnknownName
from ..topics import HEADERS, TopicPartition
from .batches import Stored, decode
from .store import Store, faults, first_row

_SOONEST_S = 0.0005
_LATEST_S = 0.05
_ROWS_A_TIME = 4096  # rows of the file that are decoded together: a row may be one record or thousands


class EmbeddedReader:
    """Reads `positions`, which name the partitions; `ids` are their rows in the file. Owned by one thread."""

    def __init__(
        self, store: Store, positions: Mapping[TopicPartition, int], ids: Sequence[int], columns: Sequence[str]
    ) -> None:
        self.topics: Sequence[str] = list(dict.fromkeys(topic for topic, _ in positions))
        self._store = store
        self._columns = [name for name in ("key", "value", "headers") if name in columns]
        self._partitions = list(positions)
        self._ids = list(ids)
        self._positions = list(positions.values())
        self._rest: list[pa.RecordBatch | None] = [None] * len(ids)  # decoded, beyond what the last poll wanted
        self._first = 0  # the partition whose turn it is to be read first
        self._seen = -1
        self._behind = True  # there may be records beyond the positions at version `_seen`
        self.schema = pa.schema(
            [("topic", pa.int32()), ("partition", pa.int32()), ("offset", pa.int64()), ("timestamp", pa.int64())]
            + [(name, HEADERS if name == "headers" else pa.binary()) for name in self._columns]
        )

    def poll(self, max_records: int, timeout_ms: float = 0.0) -> pa.RecordBatch | None:
        """At most `max_records` records, what is there now; None when nothing came within `timeout_ms`."""
        batch = self._take(max_records)
        if batch is not None or timeout_ms <= 0:
            return batch
        left_ms = timeout_ms
        while left_ms > 0:
            waited_ms = self._sleep_until_changed(left_ms)
            left_ms -= waited_ms
            batch = self._take(max_records)
            if batch is not None:
                return batch
        return None

    def wait(self, timeout_ms: float) -> bool:
        """Return True as soon as anything was written to any topic since the last poll, False after `timeout_ms`."""
        if self._behind or self._store.version() != self._seen:
            return True
        self._sleep_until_changed(timeout_ms)
        return self._store.version() != self._seen

    def _sleep_until_changed(self, timeout_ms: float) -> float:
        """Look at the counter, every half millisecond at first; the milliseconds slept."""
        slept_s, delay_s = 0.0, _SOONEST_S
        while slept_s * 1000 < timeout_ms:
            delay_s = min(delay_s, timeout_ms / 1000 - slept_s)
            time.sleep(delay_s)
            slept_s += delay_s
            if self._store.version() != self._seen:
                break
            if slept_s > 20 * delay_s:  # stay quick while records come every few milliseconds
                delay_s = min(delay_s * 1.5, _LATEST_S)
        return slept_s * 1000

    def _take(self, max_records: int) -> pa.RecordBatch | None:
        version = self._store.version()
        if version == self._seen and not self._behind:
            return None
        with faults("cannot read the embedded topics", self._store.path):
            ends = self._ends()
            self._seen = version
            ready = [i for i in self._in_turn() if self._rest[i] is not None or self._positions[i] < ends[i]]
            parts: list[pa.RecordBatch] = []
            left = max_records
            for place, i in enumerate(ready):
                share = max(1, left // (len(ready) - place))
                taken = self._read(i, ends[i], min(share, left)) if left > 0 else []
                left -= sum(len(part) for part in taken)
                parts += taken
        self._first = (self._first + 1) % max(1, len(self._ids))
        self._behind = any(
            self._rest[i] is not None or position < ends[i] for i, position in enumerate(self._positions)
        )
        if not parts:
            return None
        return parts[0] if len(parts) == 1 else pa.concat_batches(parts)

    def _in_turn(self) -> list[int]:
        count = len(self._ids)
        return [(self._first + i) % count for i in range(count)]

    def _ends(self) -> list[int]:
        """The end of each partition; a position before the oldest record kept moves up to it."""
        ends = []
        for i, partition_id in enumerate(self._ids):
            found = self._store.connection.execute(
                "SELECT begin_offset, end_offset FROM partitions WHERE id = ?", (partition_id,)
            ).fetchone()
            if found is None:
                raise UnknownName(f"topic {self._partitions[i][0]} was deleted")
            begin, end = found
            if self._rest[i] is None:
                self._positions[i] = max(self._positions[i], begin)
            ends.append(end)
        return ends

    def _read(self, i: int, end: int, wanted: int) -> list[pa.RecordBatch]:
        """About `wanted` records of partition `i` from its position, which moves on."""
        parts: list[pa.RecordBatch] = []
        rest, self._rest[i] = self._rest[i], None
        if rest is not None:
            wanted -= self._deliver(i, rest, wanted, parts)
        if wanted <= 0 or self._positions[i] >= end:
            return parts
        start = first_row(self._ids[i])
        rows = self._store.connection.execute(
            "SELECT id - ?, count, shape, min_timestamp, body FROM batches WHERE id < ? AND id >= coalesce("
            "(SELECT max(id) FROM batches WHERE id BETWEEN ? AND ?), ?) ORDER BY id",
            (start, start + end, start, start + self._positions[i], start),
        )
        try:
            while wanted > 0 and (some := self._fetch(rows, wanted)):
                batches = decode(some, self._columns)
                batch = batches[0] if len(batches) == 1 else pa.concat_batches(batches)
                passed = self._passed(i, batch.column(0))
                if passed < len(batch):
                    wanted -= self._deliver(i, self._placed(i, batch)[passed:], wanted, parts)
        finally:
            rows.close()
        if wanted > 0:  # compaction or retention may have left nothing there
            self._positions[i] = max(self._positions[i], end)
        return parts

    def _passed(self, i: int, offsets: pa.Array) -> int:
        """How many of the first of these lie before the position."""
        at = self._positions[i]
        if offsets[0].as_py() >= at:
            return 0
        return int(np.searchsorted(offsets.to_numpy(), at))

    def _fetch(self, rows: Any, wanted: int) -> list[Stored]:
        """The next rows until they hold `wanted` records."""
        some: list[Stored] = []
        held = 0
        for row in rows:
            some.append(row)
            held += row[1]
            if held >= wanted or len(some) >= _ROWS_A_TIME:
                break
        return some

    def _deliver(self, i: int, batch: pa.RecordBatch, wanted: int, parts: list[pa.RecordBatch]) -> int:
        """Give as much of `batch` as is wanted and lay the rest aside; how much was given."""
        if wanted <= 0 or self._rest[i] is not None:
            return 0
        given = batch[: max(0, wanted)]
        if len(given) < len(batch):
            self._rest[i] = batch[len(given) :]
        parts.append(given)
        self._positions[i] = given.column(2)[len(given) - 1].as_py() + 1
        return len(given)

    def _placed(self, i: int, batch: pa.RecordBatch) -> pa.RecordBatch:
        """`batch` with topic and partition."""
        topic, partition = self._partitions[i]
        count = len(batch)
        place = [
            pa.repeat(pa.scalar(self.topics.index(topic), pa.int32()), count),
            pa.repeat(pa.scalar(partition, pa.int32()), count),
        ]
        return pa.RecordBatch.from_arrays(place + batch.columns, schema=self.schema)

    def positions(self) -> dict[TopicPartition, int]:
        """The next offset to be given, by partition."""
        return dict(zip(self._partitions, self._positions, strict=True))

    def seek(self, positions: Mapping[TopicPartition, int]) -> None:
        """Go on from there; partitions that are not named stay where they are."""
        for partition, offset in positions.items():
            i = self._partitions.index(partition)
            self._positions[i] = offset
            self._rest[i] = None
        self._behind = True

    def close(self) -> None:
        """Give back the connection."""
        self._store.close()
