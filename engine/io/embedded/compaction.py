"""Compaction of the embedded topics, as Kafka means it: of each key the last record stays, offsets stay as they are.

A pass over a partition notes the last offset of every key in what came since the pass before, then goes over the rows
from the oldest on and writes those anew that hold records with a later one. It begins when enough is new
(`min.cleanable.dirty.ratio`), so that what it costs is in proportion to what was appended. A row is written anew in a
transaction of its own, decoded and encoded outside it: writers wait for milliseconds, readers not at all, and a pass
that was killed has only done less. The newest records (`segment.bytes`) are not touched, nor are those without a key.

A tombstone goes `delete.retention.ms` after the first pass that saw it: until then whoever reads from the beginning, and
has read the value, finds it.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...errors import UserError
from .batches import GOES_MS, ROWS_MAX, Row, Stored, decode, encode_kept
from .store import Store, first_row

RATIO = 0.5
TAIL_BYTES = 4 << 20
TOMBSTONES_MS = 86_400_000

_PIECE_BYTES = 1 << 20  # of rows that are written anew in one transaction, in milliseconds
_PIECE_RECORDS = 65_536
_PIECE_ROWS = 4_096
_WHOLE = "a whole number, not negative"
_SMALL = 64  # records of a row, on average: smaller neighbours are laid together

Number = TypeVar("Number", int, float)
Ints = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True)
class Compaction:
    """How a topic is compacted."""

    ratio: float
    tail_bytes: int
    tombstones_ms: int

    @staticmethod
    def of(config: Mapping[str, str]) -> Compaction | None:
        """Read a topic's configuration, None where it is not compacted; raises UserError for what is not a number."""
        if "compact" not in config.get("cleanup.policy", ""):
            return None
        return Compaction(
            _setting(config, "min.cleanable.dirty.ratio", RATIO, float, 1, "a number from 0 to 1"),
            _setting(config, "segment.bytes", TAIL_BYTES, int, math.inf, _WHOLE),
            _setting(config, "delete.retention.ms", TOMBSTONES_MS, int, math.inf, _WHOLE),
        )


def _setting(
    config: Mapping[str, str], name: str, default: Number, read: Callable[[str], Number], most: float, what: str
) -> Number:
    """A number from 0 to `most`; raises UserError that says `what` it must be."""
    text = config.get(name, str(default))
    try:
        number = read(text)
        fits = 0 <= number <= most
    except ValueError:
        fits = False
    if not fits:
        raise UserError(f"topic setting {name} must be {what}: {text}")
    return number


class Partition(NamedTuple):
    """A partition as the file describes it."""

    id: int
    config: str
    begin: int
    end: int
    bytes: int
    clean_offset: int
    clean_bytes: int
    tombstones_ms: int | None


def needs(partition: Partition, settings: Compaction, now_ms: int) -> bool:
    """Whether enough is new, or all tombstones that were there may go."""
    new = partition.bytes - partition.clean_bytes - settings.tail_bytes
    if new > 0 and new >= settings.ratio * (partition.clean_bytes + new):
        return True
    return partition.tombstones_ms is not None and now_ms >= partition.tombstones_ms


class Gone(Exception):
    """The rows are no longer there: retention took them, or somebody deleted the topic."""


class Pass:
    """One pass over one partition. `worked` is entered around each piece of work."""

    def __init__(
        self,
        store: Store,
        partition: Partition,
        settings: Compaction,
        now_ms: int,
        worked: Callable[[], AbstractContextManager[None]],
        keys_max: int,
    ) -> None:
        self._store = store
        self._partition = partition
        self._start = first_row(partition.id)
        self._goes_ms = now_ms + settings.tombstones_ms
        self._now_ms = now_ms
        self._tail_bytes = settings.tail_bytes
        self._worked = worked
        self._keys_max = keys_max
        self._last: dict[bytes, int] = {}
        self._tombstones_ms: int | None = None  # when the last of what is kept may go
        self.dropped = 0

    def run(self) -> bool:
        """Do it; False where there was nothing to do, as what is new is one large row."""
        clean, due_ms = self._partition.clean_offset, self._partition.tombstones_ms
        limit = max(clean, self._tail())
        if limit == clean and (due_ms is None or self._now_ms < due_ms):
            return False
        limit = self._note_last(clean, limit)
        for begin, end in ((0, clean), (clean, limit)):
            for rows, next_offset in self._pieces(begin, end):
                with self._worked():
                    self._compact(rows, next_offset, is_new=end > clean)
        if self._tombstones_ms != due_ms:
            with self._store.transaction() as connection:
                connection.execute(
                    "UPDATE partitions SET tombstones_ms = ? WHERE id = ?", (self._tombstones_ms, self._partition.id)
                )
        return True

    def _tail(self) -> int:
        """The offset of the oldest of the newest rows that hold the bytes that are left alone; at least one row is."""
        size = 0
        rows = self._store.connection.execute(
            "SELECT id, length(body) FROM batches WHERE id >= ? AND id < ? ORDER BY id DESC",
            (self._start, self._start + self._partition.end),
        )
        try:
            for row, length in rows:
                size += length
                if size >= self._tail_bytes:
                    return int(row - self._start)
        finally:
            rows.close()
        return 0

    def _note_last(self, begin: int, end: int) -> int:
        """Remember the last offset of each key there; where that ends: at `end`, or where the keys are too many."""
        for rows, next_offset in self._pieces(begin, end):
            with self._worked():
                for batch in decode(rows, ["key"]):
                    codes, keys = _coded(batch.column("key"))
                    last = np.full(len(keys) + 1, -1, dtype=np.int64)
                    np.maximum.at(last, codes, batch.column("offset").to_numpy())
                    self._last.update(zip(keys, last[: len(keys)].tolist(), strict=True))
            if len(self._last) >= self._keys_max:
                return next_offset
        return end

    def _pieces(self, begin: int, end: int) -> Iterator[tuple[list[Stored], int]]:
        """The rows of these offsets, some at a time, with the offset at which the next ones begin. No read stays open."""
        while begin < end:
            rows: list[Stored] = []
            size = count = 0
            found = self._store.connection.execute(
                "SELECT id - ?, count, shape, min_timestamp, body FROM batches WHERE id >= ? AND id < ? ORDER BY id LIMIT ?",
                (self._start, self._start + begin, self._start + end, _PIECE_ROWS),
            )
            after = end
            for row in found:
                if rows and (size + len(row[4]) > _PIECE_BYTES or count + row[1] > _PIECE_RECORDS):
                    after = row[0]
                    break
                rows.append(row)
                size, count = size + len(row[4]), count + row[1]
            found.close()
            if after == end and len(rows) == _PIECE_ROWS:
                after = _after(rows[-1])
            if rows:
                yield rows, after
            begin = after

    def _compact(self, rows: list[Stored], next_offset: int, *, is_new: bool) -> None:
        """Write these rows anew without what has gone out of date, and note how far the clean part reaches now."""
        batches = decode(rows, ["key", "value", "headers", GOES_MS])
        records = batches[0] if len(batches) == 1 else pa.concat_batches(batches)
        kept, changed = self._kept(records)
        if changed or (len(rows) > 1 and len(records) < _SMALL * len(rows)):
            parts = [kept[at : at + ROWS_MAX] for at in range(0, len(kept), ROWS_MAX)]
            made = {part.column("offset")[0].as_py(): encode_kept(part) for part in parts}
            with self._transaction(rows) as connection:
                self._replace(connection, rows, made)
                self._note_clean(connection, rows, sum(r.size for r in made.values()), next_offset, is_new=is_new)
            self.dropped += len(records) - len(kept)
        elif is_new:
            with self._transaction(rows) as connection:
                self._note_clean(connection, rows, _size(rows), next_offset, is_new=True)

    @contextmanager
    def _transaction(self, rows: list[Stored]) -> Iterator[sqlite3.Connection]:
        """Write where the rows are as they were read; raises Gone."""
        ids = (self._start + rows[0][0], self._start + rows[-1][0])
        with self._store.transaction() as connection:
            (there,) = connection.execute("SELECT count(*) FROM batches WHERE id BETWEEN ? AND ?", ids).fetchone()
            if there != len(rows):
                raise Gone
            yield connection

    def _kept(self, records: pa.RecordBatch) -> tuple[pa.RecordBatch, bool]:
        """What stays, as `encode_kept` takes it; whether that is anything else than what is there."""
        offsets, goes = records.column("offset").to_numpy(), records.column(GOES_MS)
        codes, keys = _coded(records.column("key"))
        last = np.array([*(self._last.get(key, -1) for key in keys), -1], dtype=np.int64)
        stays = last[codes] <= offsets
        tombstones = pc.and_(pc.is_null(records.column("value")), pc.is_valid(records.column("key")))
        is_tombstone = tombstones.to_numpy(zero_copy_only=False)
        known = goes.fill_null(-1).to_numpy()
        stays &= ~(is_tombstone & (known >= 0) & (known <= self._now_ms))
        fresh = is_tombstone & (known < 0)
        times = np.where(fresh, self._goes_ms, known)[stays & is_tombstone]
        if len(times):
            self._tombstones_ms = max(self._tombstones_ms or 0, int(times.max()))
        changed = not stays.all() or bool(fresh.any())
        if fresh.any():
            goes = pa.array(np.where(fresh, self._goes_ms, known), mask=~is_tombstone)
        columns = [records.column(name) for name in ("timestamp", "key", "value", "headers", "offset")]
        whole = pa.RecordBatch.from_arrays(
            [*columns, goes], names=["timestamp", "key", "value", "headers", "offset", GOES_MS]
        )
        return (whole if stays.all() else whole.filter(pa.array(stays))), changed

    def _replace(self, connection: sqlite3.Connection, rows: list[Stored], made: Mapping[int, Row]) -> None:
        """`made`: by their offsets."""
        ids = (self._start + rows[0][0], self._start + rows[-1][0])
        connection.execute("DELETE FROM batches WHERE id BETWEEN ? AND ?", ids)
        connection.executemany(
            "INSERT INTO batches VALUES (?, ?, ?, ?, ?, ?)",
            [
                (self._start + first, row.count, row.shape, row.min_timestamp, row.max_timestamp, row.body)
                for first, row in made.items()
            ],
        )

    def _note_clean(
        self, connection: sqlite3.Connection, rows: list[Stored], size: int, next_offset: int, *, is_new: bool
    ) -> None:
        """The rows have `size` bytes now; those that are new belong to the clean part from now on."""
        grown = size - _size(rows)
        connection.execute(
            "UPDATE partitions SET bytes = bytes + ?, clean_offset = max(clean_offset, ?), clean_bytes = clean_bytes + ?,"
            " tombstones_ms = nullif(max(coalesce(tombstones_ms, 0), ?), 0) WHERE id = ?",
            (
                grown,
                next_offset if is_new else 0,
                size if is_new else grown,
                self._tombstones_ms or 0,
                self._partition.id,
            ),
        )


def _size(rows: list[Stored]) -> int:
    return sum(len(row[4]) for row in rows)


def _after(row: Stored) -> int:
    """An offset behind a row's last record and not behind the next row's first. Rows with gaps tell their own."""
    *_, batch = decode([row], [])
    return int(batch.column("offset")[-1].as_py()) + 1


def _coded(keys: pa.Array) -> tuple[Ints, list[bytes]]:
    """Each key's place in the list of those that occur, which lies behind the list where the key is NULL."""
    encoded = keys.dictionary_encode()
    found = encoded.dictionary.to_pylist()
    return encoded.indices.fill_null(len(found)).cast(pa.int64()).to_numpy(), found
