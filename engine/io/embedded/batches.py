"""How records lie in a row of the embedded topics.

Many records are an Arrow record batch without its schema, which `shape` stands for: reading it copies nothing. A single
record without headers is its key and its value side by side: an Arrow batch would be four times as large and ten times
as slow to make, and a producer at a terminal writes nothing else. Offsets follow one another from the row's own, unless
compaction has left a gap: then they lie in the batch, and so does when tombstones that it has seen may go.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..topics import HEADERS

KEY, VALUE, HEADER, TIMES, SINGLE, OFFSETS, GOING = 1, 2, 4, 8, 16, 32, 64
"""Bits of a shape: which columns are there; TIMES unless all timestamps are the row's; SINGLE: not Arrow."""

GOES_MS = "goes_ms"
"""When a tombstone may go (milliseconds since 1970 UTC); NULL for other records, and before its first compaction."""

ROWS_MAX = 16_384
BYTES_MAX = 8 << 20
_SMALL = 64  # records of a batch, on average: so small, neighbours are copied into one

_KEY_LENGTH = struct.Struct("<i")
_FIELDS = (
    (TIMES, pa.field("timestamp", pa.int64())),
    (KEY, pa.field("key", pa.binary())),
    (VALUE, pa.field("value", pa.binary())),
    (HEADER, pa.field("headers", HEADERS)),
    (OFFSETS, pa.field("offset", pa.int64())),
    (GOING, pa.field(GOES_MS, pa.int64())),
)
_SCHEMAS = {
    shape: pa.schema([field for bit, field in _FIELDS if shape & bit])
    for shape in range(2 * GOING)
    if not shape & SINGLE
}
_KINDS = {field.name: field.type for _, field in _FIELDS}


@dataclass(frozen=True)
class Row:
    """A batch of one partition as it is stored."""

    count: int
    shape: int
    min_timestamp: int
    max_timestamp: int
    body: Any  # a buffer
    size: int


Stored = tuple[int, int, int, int, bytes]
"""Offset of the first record, count, shape, min timestamp, body."""


def complete(records: pa.RecordBatch, now_ms: Callable[[], int]) -> pa.RecordBatch:
    """`records` of a subset of PRODUCE_SCHEMA with all of timestamp, key, value, headers; no timestamp is NULL."""
    names = set(records.schema.names)
    timestamp = records.column("timestamp") if "timestamp" in names else pa.nulls(len(records), pa.int64())
    if timestamp.null_count:
        timestamp = timestamp.cast(pa.int64()).fill_null(now_ms())
    columns = [timestamp.cast(pa.int64())]
    for name, kind in (("key", pa.binary()), ("value", pa.binary()), ("headers", HEADERS)):
        columns.append(records.column(name).cast(kind) if name in names else pa.nulls(len(records), kind))
    return pa.RecordBatch.from_arrays(columns, names=["timestamp", "key", "value", "headers"])


def encode(records: pa.RecordBatch) -> list[Row]:
    """`complete` records as rows of at most ROWS_MAX records and about BYTES_MAX bytes."""
    count = len(records)
    if count == 1 and not records.column(3)[0].is_valid:
        return [_encode_single(records)]
    if count > 1 and (count > ROWS_MAX or records.nbytes > BYTES_MAX):
        half = min(ROWS_MAX, (count + 1) // 2) if records.nbytes > BYTES_MAX else ROWS_MAX
        return encode(records[:half]) + encode(records[half:])
    return [_encode_arrow(records)]


def encode_kept(records: pa.RecordBatch) -> Row:
    """What compaction keeps: `complete` records with their offsets and GOES_MS, as one row of the first one's offset."""
    offsets, goes = records.column("offset"), records.column(GOES_MS)
    gaps = offsets[-1].as_py() - offsets[0].as_py() >= len(records)
    bits = (OFFSETS if gaps else 0) | (GOING if goes.null_count < len(records) else 0)
    if len(records) == 1 and not bits and not records.column("headers")[0].is_valid:
        return _encode_single(records)
    return _encode_arrow(records, bits)


def _encode_arrow(records: pa.RecordBatch, bits: int = 0) -> Row:
    """`bits`: which of the columns behind the first four are kept."""
    times = pc.min_max(records.column(0))
    first, last = times["min"].as_py(), times["max"].as_py()
    shape = bits | (TIMES if first != last else 0)
    for bit, place in ((KEY, 1), (VALUE, 2), (HEADER, 3)):
        shape |= bit if records.column(place).null_count < len(records) else 0
    shape = shape or TIMES  # without a column Arrow would forget how many there are
    kept = [records.column(place) for place, (bit, _) in enumerate(_FIELDS) if shape & bit]
    body = pa.RecordBatch.from_arrays(kept, schema=_SCHEMAS[shape]).serialize()
    return Row(len(records), shape, first, last, body, body.size)


def _encode_single(records: pa.RecordBatch) -> Row:
    timestamp, key, value, _ = (column[0].as_py() for column in records.columns[:4])
    shape = SINGLE | (KEY if key is not None else 0) | (VALUE if value is not None else 0)
    body = _KEY_LENGTH.pack(len(key or b"")) + (key or b"") + (value or b"")
    return Row(1, shape, timestamp, timestamp, body, len(body))


def decode(rows: Sequence[Stored], columns: Sequence[str]) -> list[pa.RecordBatch]:
    """Stored rows of one partition, in order, as batches of offset, timestamp and `columns`.

    Neighbouring single records come as one batch, and so do neighbouring small batches: what is made of a batch costs more
    than the records of a small one.
    """
    batches: list[pa.RecordBatch] = []
    for shape, some in groupby(rows, _alike):
        alike = list(some)
        if shape & SINGLE:
            batches.append(_decode_singles(alike, columns))
        elif len(alike) == 1 or sum(row[1] for row in alike) > _SMALL * len(alike):
            batches += [_decode_arrow([row], columns) for row in alike]
        else:
            batches.append(_decode_arrow(alike, columns))
    return batches


def _alike(row: Stored) -> int:
    """The shape that decides how a row is decoded: single records are decoded one by one whatever theirs."""
    return SINGLE if row[2] & SINGLE else row[2]


def _decode_arrow(rows: Sequence[Stored], columns: Sequence[str]) -> pa.RecordBatch:
    """Rows of one shape."""
    shape = rows[0][2]
    parts = [pa.ipc.read_record_batch(pa.py_buffer(body), _SCHEMAS[shape]) for *_, body in rows]
    stored = parts[0] if len(parts) == 1 else pa.concat_batches(parts)
    count, there = len(stored), dict(zip(stored.schema.names, stored.columns, strict=True))
    given = [there["offset"] if shape & OFFSETS else _offsets(rows)]
    given.append(there["timestamp"] if shape & TIMES else _times(rows))
    for name in columns:
        column = there.get(name)
        given.append(pa.nulls(count, _KINDS[name]) if column is None else column)
    return pa.RecordBatch.from_arrays(given, names=["offset", "timestamp", *columns])


def _offsets(rows: Sequence[Stored]) -> pa.Array:
    """Offsets that follow one another inside each row."""
    first, last = rows[0][0], rows[-1][0] + rows[-1][1]
    if last - first == sum(row[1] for row in rows):
        return pa.arange(first, last)
    return pa.concat_arrays([pa.arange(row[0], row[0] + row[1]) for row in rows])


def _times(rows: Sequence[Stored]) -> pa.Array:
    """Each row's one timestamp, for all its records."""
    if len(rows) == 1:
        return pa.repeat(pa.scalar(rows[0][3], pa.int64()), rows[0][1])
    return pa.array(np.repeat([row[3] for row in rows], [row[1] for row in rows]))


def _decode_singles(rows: Sequence[Stored], columns: Sequence[str]) -> pa.RecordBatch:
    """A loop over rows: each is a blob of its own that came as a Python object."""
    given = [_offsets(rows), pa.array([row[3] for row in rows], pa.int64())]
    size = _KEY_LENGTH.size
    for name in columns:
        if name not in ("key", "value"):
            given.append(pa.nulls(len(rows), _KINDS[name]))
            continue
        found: list[bytes | None] = []
        for _, _, shape, _, body in rows:
            end = size + _KEY_LENGTH.unpack_from(body)[0]
            if name == "key":
                found.append(body[size:end] if shape & KEY else None)
            else:
                found.append(body[end:] if shape & VALUE else None)
        given.append(pa.array(found, pa.binary()))
    return pa.RecordBatch.from_arrays(given, names=["offset", "timestamp", *columns])
