"""Flat Avro records to Arrow and back a field at a time over all rows, each row with its own cursor, in NumPy.

Avro's bytes have no index: where a field begins is known only when the one before it is read. But that holds for each row
alone, so a batch is read field by field, all rows at once. What is not flat, and any batch that holds one odd record (a
branch that is none, a length past the end, a number too large, text that is not UTF-8), is given back to be read
record by record: both ways give the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from .schema import Json, kind_of

ROWS_MIN = 64
"""Fewer rows are faster one by one."""

Ints = npt.NDArray[Any]
_PAD = 16
_CONTINUES = np.uint64(0x8080808080808080)
_DIGITS = np.uint64(0x7F7F7F7F7F7F7F7F)
_FLAT = frozenset(["boolean", "int", "long", "float", "double", "string", "bytes"])
_ARROW = {"boolean": pa.bool_(), "int": pa.int32(), "long": pa.int64(), "float": pa.float32(), "double": pa.float64()}


class Odd(Exception):
    """The batch holds what only the exact way reads."""


@dataclass(frozen=True)
class Field:
    """A field: its plain type, the branch of null and that of the type in its union (None: no union)."""

    name: str
    kind: str
    null_branch: int | None = None


def flat_fields(node: Json) -> list[Field] | None:
    """The fields of a record (names expanded), None where one is not flat."""
    if not isinstance(node, dict) or kind_of(node) != "record" or not node.get("fields"):
        return None
    found = []
    for field in node["fields"]:
        branches = field["type"] if isinstance(field["type"], list) else [field["type"]]
        kinds = [kind_of(b) for b in branches]
        real = [k for k in kinds if k != "null"]
        if len(real) != 1 or real[0] not in _FLAT or len(kinds) > 2:
            return None
        null = kinds.index("null") if len(kinds) == 2 else None
        found.append(Field(field["name"], real[0], null))
    return found


# --------------------------------------------------------------------------------------------------------------- reading
class _Rows:
    """The records of a batch, and how far each is read."""

    def __init__(self, payload: pa.Array, skip: int) -> None:
        _, offsets, data = payload.buffers()
        ends = np.frombuffer(offsets, np.int32, len(payload) + 1, payload.offset * 4).astype(np.int64)
        first, last = int(ends[0]), int(ends[-1])
        self.data = np.zeros(last - first + _PAD, np.uint8)  # padded, so that eight bytes can be loaded anywhere
        if last > first:
            self.data[:-_PAD] = np.frombuffer(data, np.uint8, last - first, first)
        self.ends = ends[1:] - first
        self.at = ends[:-1] - first + skip
        size = len(self.data)
        self.words = np.ndarray((size - 7,), "<u8", self.data, strides=(1,))
        self.doubles = np.ndarray((size - 7,), "<f8", self.data, strides=(1,))
        self.floats = np.ndarray((size - 7,), "<f4", self.data, strides=(1,))
        self._check()

    def _check(self) -> None:
        if np.any(self.at > self.ends):
            raise Odd

    def varints(self, rows: Ints | slice) -> Ints:
        """A number of each row; at most 56 bits."""
        word = self.words[self.at[rows]]
        stops = ~word & _CONTINUES
        if not np.all(stops):
            raise Odd
        last = stops & (~stops + np.uint64(1))  # the lowest bit of them
        used = last | (last - np.uint64(1))
        self.at[rows] += np.bitwise_count(used).astype(np.int64) >> 3
        self._check()
        bits = word & used & _DIGITS
        bits = (bits & np.uint64(0x007F007F007F007F)) | ((bits & np.uint64(0x7F007F007F007F00)) >> np.uint64(1))
        bits = (bits & np.uint64(0x00003FFF00003FFF)) | ((bits & np.uint64(0x3FFF00003FFF0000)) >> np.uint64(2))
        bits = (bits & np.uint64(0x000000000FFFFFFF)) | ((bits & np.uint64(0x0FFFFFFF00000000)) >> np.uint64(4))
        signed: Ints = (bits >> np.uint64(1)).astype(np.int64) ^ -(bits & np.uint64(1)).astype(np.int64)
        return signed

    def fixed(self, rows: Ints | slice, source: Ints, width: int) -> Ints:
        """A number of a fixed width of each row."""
        made: Ints = source[self.at[rows]]
        self.at[rows] += width
        self._check()
        return made

    def texts(self, rows: Ints | slice, *, wanted: bool) -> tuple[Ints, Ints] | None:
        """Bytes of each row, with a length before them: where they end in one buffer, and the buffer."""
        lengths = self.varints(rows)
        if np.any(lengths < 0) or np.any(lengths > len(self.data)):
            raise Odd
        starts = self.at[rows].copy()
        self.at[rows] += lengths
        self._check()
        if not wanted:
            return None
        ends = np.zeros(len(lengths) + 1, np.int64)
        np.cumsum(lengths, out=ends[1:])
        if ends[-1] >= 1 << 31:
            raise Odd
        return ends, self.data[_spread(starts, lengths, ends)]


def _spread(starts: Ints, lengths: Ints, ends: Ints) -> Ints:
    """The places of every byte of pieces, one after the other."""
    shift = (starts - ends[:-1]).astype(np.int32)
    made: Ints = np.repeat(shift, lengths) + np.arange(ends[-1], dtype=np.int32)
    return made


def read_columns(payload: pa.Array, skip: int, fields: Sequence[Field], wanted: Iterable[str]) -> dict[str, pa.Array]:
    """The wanted fields of records that begin `skip` bytes into each payload, NULL where a payload is. Raises Odd."""
    valid = payload.drop_null()
    rows, names = _Rows(valid, skip), set(wanted)
    columns = {}
    for field in fields:
        column = _read(rows, field, wanted=field.name in names)
        if column is not None:
            columns[field.name] = column
    if len(valid) < len(payload):
        there = pc.is_valid(payload).to_numpy(zero_copy_only=False)
        order = pa.array(np.cumsum(there) - 1, mask=~there)
        columns = {name: column.take(order) for name, column in columns.items()}
    return columns


def _read(rows: _Rows, field: Field, *, wanted: bool) -> pa.Array | None:
    count = len(rows.at)
    chosen: Ints | slice = slice(None)
    null: Ints | None = None
    if field.null_branch is not None:
        branch = rows.varints(chosen)
        if np.any((branch != 0) & (branch != 1)):
            raise Odd
        null = branch == field.null_branch
        if null.any():
            chosen = np.flatnonzero(~null)
    whole = isinstance(chosen, slice)
    if field.kind in ("string", "bytes"):
        pieces = rows.texts(chosen, wanted=wanted)
        if pieces is None:
            return None
        made = _text_array(*pieces, text=field.kind == "string")
    else:
        made = _numbers(rows, chosen, field.kind)
    if not wanted:
        return None
    if whole:
        return made
    assert null is not None
    return made.take(pa.array(np.cumsum(~null) - 1, mask=null)) if count else made


def _numbers(rows: _Rows, chosen: Ints | slice, kind: str) -> pa.Array:
    match kind:
        case "double":
            return pa.array(rows.fixed(chosen, rows.doubles, 8))
        case "float":
            return pa.array(rows.fixed(chosen, rows.floats, 4))
        case "boolean":
            flags = rows.fixed(chosen, rows.data, 1)
            if np.any(flags > 1):
                raise Odd
            return pa.array(flags.astype(bool))
        case _:
            numbers = rows.varints(chosen)
            if kind == "int" and len(numbers) and (numbers.min() < -(1 << 31) or numbers.max() >= 1 << 31):
                raise Odd
            return pa.array(numbers.astype(np.int32) if kind == "int" else numbers)


def _text_array(ends: Ints, data: Ints, *, text: bool) -> pa.Array:
    buffers = [None, pa.py_buffer(ends.astype(np.int32)), pa.py_buffer(data)]
    made = pa.Array.from_buffers(pa.string() if text else pa.binary(), len(ends) - 1, buffers)
    if text:
        try:
            made.validate(full=True)
        except pa.ArrowInvalid:
            raise Odd from None
    return made


# --------------------------------------------------------------------------------------------------------------- writing
@dataclass(frozen=True)
class _Piece:
    """What one field gives to each row: bytes in one buffer, `lengths` of them a row."""

    lengths: Ints
    data: Ints


def write_records(fields: Sequence[Field], columns: Mapping[str, pa.Array], head: bytes, gone: Ints | None) -> pa.Array:
    """Records with `head` before each, NULL where `gone`. `columns` are of the plain types that the fields are written as.
    Raises Odd where a field that takes no NULL has one."""
    count = len(next(iter(columns.values())))
    pieces = [_Piece(np.full(count, len(head)), np.tile(np.frombuffer(head, np.uint8), count))]
    for field in fields:
        pieces += _written(field, columns[field.name])
    lengths = np.sum([p.lengths for p in pieces], axis=0)
    ends = np.zeros(count + 1, np.int64)
    np.cumsum(lengths, out=ends[1:])
    if ends[-1] >= 1 << 31:
        raise Odd
    data = np.empty(int(ends[-1]), np.uint8)
    at = ends[:-1].copy()
    for piece in pieces:
        own = np.zeros(count + 1, np.int64)
        np.cumsum(piece.lengths, out=own[1:])
        data[_spread(at, piece.lengths, own)] = piece.data
        at += piece.lengths
    made = pa.Array.from_buffers(pa.binary(), count, [None, pa.py_buffer(ends.astype(np.int32)), pa.py_buffer(data)])
    return made if gone is None else pc.if_else(pa.array(gone), pa.scalar(None, pa.binary()), made)


def _written(field: Field, column: pa.Array) -> list[_Piece]:
    count = len(column)
    if field.null_branch is None:
        if column.null_count:
            raise Odd
        return _values(field.kind, column, None)
    there = pc.is_valid(column).to_numpy(zero_copy_only=False)
    branch = np.where(there, 1 - field.null_branch, field.null_branch).astype(np.uint8) << 1
    return [_Piece(np.ones(count, np.int64), branch), *_values(field.kind, column, None if there.all() else there)]


def _values(kind: str, column: pa.Array, there: Ints | None) -> list[_Piece]:
    """The bytes of the values that are there; none for the rows that are not."""
    present = column if there is None else column.drop_null()
    if kind in ("string", "bytes"):
        return _texts(present, there)
    if kind in ("int", "long"):
        return [_spaced(*_varints(present.to_numpy(zero_copy_only=False).astype(np.int64)), there)]
    if kind == "boolean":
        raw = present.to_numpy(zero_copy_only=False).astype(np.uint8)
        return [_spaced(np.ones(len(raw), np.int64), raw, there)]
    numbers = present.to_numpy(zero_copy_only=False).astype("<f8" if kind == "double" else "<f4")
    return [_spaced(np.full(len(numbers), numbers.itemsize), numbers.view(np.uint8), there)]


def _texts(present: pa.Array, there: Ints | None) -> list[_Piece]:
    _, offsets, data = present.buffers()
    ends = np.frombuffer(offsets, np.int32, len(present) + 1, present.offset * 4).astype(np.int64)
    raw = np.frombuffer(data, np.uint8)[ends[0] : ends[-1]] if data is not None else np.zeros(0, np.uint8)
    lengths = np.diff(ends)
    return [_spaced(*_varints(lengths), there), _spaced(lengths, raw, there)]


def _spaced(lengths: Ints, data: Ints, there: Ints | None) -> _Piece:
    if there is None:
        return _Piece(lengths, data)
    whole = np.zeros(len(there), np.int64)
    whole[there] = lengths
    return _Piece(whole, data)


def _varints(numbers: Ints) -> tuple[Ints, Ints]:
    """Zigzag numbers, seven bits a byte: the length of each, and all bytes."""
    bits = ((numbers << 1) ^ (numbers >> 63)).view(np.uint64)
    steps = [bits >> np.uint64(7 * i) for i in range(10)]
    lengths = np.ones(len(numbers), np.int64)
    for step in steps[1:]:
        more = step != 0
        if not more.any():
            break
        lengths += more
    width = int(lengths.max()) if len(lengths) else 1
    grid = np.stack([(s & np.uint64(0x7F)).astype(np.uint8) for s in steps[:width]], axis=1)
    places = np.arange(width)
    grid |= np.where(places < (lengths[:, None] - 1), np.uint8(0x80), np.uint8(0))
    return lengths, grid[places < lengths[:, None]]
