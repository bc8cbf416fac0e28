"""How records lie in a row of the embedded topics.

Many records are an Arrow record batch without its schema, which `shape` stands for: reading it copies nothing. A single
record without headers is its key and its value side by side: an Arrow batch would be four times as large and ten times
as slow to make, and a producer at a terminal writes nothing else.
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

KEY, VALUE, HEADER, TIMES, SINGLE = 1, 2, 4, 8, 16
"""Bits of a shape: which columns are there; TIMES unless all timestamps are the row's; SINGLE: not Arrow."""

ROWS_MAX = 16_384
BYTES_MAX = 8 << 20
_SMALL = 64  # records of a batch, on average: so small, neighbours are copied into one

_KEY_LENGTH = struct.Struct("<i")
_FIELDS = (
    (TIMES, pa.field("timestamp", pa.int64())),
    (KEY, pa.field("key", pa.binary())),
    (VALUE, pa.field("value", pa.binary())),
    (HEADER, pa.field("headers", HEADERS)),
)
_SCHEMAS = {shape: pa.schema([field for bit, field in _FIELDS if shape & bit]) for shape in range(16)}


@dataclass(frozen=True)
class Row:
    """A batch of one partition as it is stored."""

    count: int
    shape: int
    min_timestamp: int
    max_timestamp: int
    body: Any  # a buffer
    size: int


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
    times = pc.min_max(records.column(0))
    first, last = times["min"].as_py(), times["max"].as_py()
    shape = TIMES if first != last else 0
    for bit, place in ((KEY, 1), (VALUE, 2), (HEADER, 3)):
        shape |= bit if records.column(place).null_count < count else 0
    kept = [records.column(place) for place, (bit, _) in enumerate(_FIELDS) if shape & bit]
    if not kept:  # Arrow would forget how many there are
        shape, kept = TIMES, [records.column(0)]
    body = pa.RecordBatch.from_arrays(kept, schema=_SCHEMAS[shape]).serialize()
    return [Row(count, shape, first, last, body, body.size)]


def _encode_single(records: pa.RecordBatch) -> Row:
    timestamp, key, value, _ = (column[0].as_py() for column in records.columns)
    shape = SINGLE | (KEY if key is not None else 0) | (VALUE if value is not None else 0)
    body = _KEY_LENGTH.pack(len(key or b"")) + (key or b"") + (value or b"")
    return Row(1, shape, timestamp, timestamp, body, len(body))


def decode(rows: Sequence[tuple[int, int, int, bytes]], columns: Sequence[str]) -> list[pa.RecordBatch]:
    """Stored (count, shape, min timestamp, body), in order, as batches of timestamp and `columns`.

    Neighbouring single records come as one batch, and so do neighbouring small batches: what is made of a batch costs more
    than the records of a small one.
    """
    batches: list[pa.RecordBatch] = []
    for shape, some in groupby(rows, _alike):
        alike = list(some)
        if shape & SINGLE:
            batches.append(_decode_singles(alike, columns))
        elif len(alike) == 1 or sum(row[0] for row in alike) > _SMALL * len(alike):
            batches += [_decode_arrow([row], columns) for row in alike]
        else:
            batches.append(_decode_arrow(alike, columns))
    return batches


def _alike(row: tuple[int, int, int, bytes]) -> int:
    """The shape that decides how a row is decoded: single records are decoded one by one whatever theirs."""
    return SINGLE if row[1] & SINGLE else row[1]


def _decode_arrow(rows: Sequence[tuple[int, int, int, bytes]], columns: Sequence[str]) -> pa.RecordBatch:
    """Rows of one shape."""
    shape = rows[0][1]
    parts = [pa.ipc.read_record_batch(pa.py_buffer(body), _SCHEMAS[shape]) for _, _, _, body in rows]
    stored = parts[0] if len(parts) == 1 else pa.concat_batches(parts)
    count, there = len(stored), dict(zip(stored.schema.names, stored.columns, strict=True))
    given = [there["timestamp"] if shape & TIMES else _times(rows)]
    for name in columns:
        column = there.get(name)
        given.append(pa.nulls(count, HEADERS if name == "headers" else pa.binary()) if column is None else column)
    return pa.RecordBatch.from_arrays(given, names=["timestamp", *columns])


def _times(rows: Sequence[tuple[int, int, int, bytes]]) -> pa.Array:
    """Each row's one timestamp, for all its records."""
    if len(rows) == 1:
        return pa.repeat(pa.scalar(rows[0][2], pa.int64()), rows[0][0])
    return pa.array(np.repeat([row[2] for row in rows], [row[0] for row in rows]))


def _decode_singles(rows: Sequence[tuple[int, int, int, bytes]], columns: Sequence[str]) -> pa.RecordBatch:
    """A loop over rows: each is a blob of its own that came as a Python object."""
    given = [pa.array([timestamp for _, _, timestamp, _ in rows], pa.int64())]
    size = _KEY_LENGTH.size
    for name in columns:
        if name == "headers":
            given.append(pa.nulls(len(rows), HEADERS))
            continue
        found: list[bytes | None] = []
        for _, shape, _, body in rows:
            end = size + _KEY_LENGTH.unpack_from(body)[0]
            if name == "key":
                found.append(body[size:end] if shape & KEY else None)
            else:
                found.append(body[end:] if shape & VALUE else None)
        given.append(pa.array(found, pa.binary()))
    return pa.RecordBatch.from_arrays(given, names=["timestamp", *columns])
