"""DECIMAL as confluent.type.Decimal: a whole number in as few bytes as it needs, big-endian, and its scale.

Up to 18 digits the number fits 64 bits and whole columns are done in numpy; beyond that Python's integers do it value by
value, since nothing else holds them.
"""

from __future__ import annotations

import decimal
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ....errors import RecordError
from ....sql.types import Decimal, arrow_type

Numbers = np.ndarray[Any, Any]
_FAST_DIGITS = 18
_POWERS = np.array([10**n for n in range(1, _FAST_DIGITS + 1)], np.int64)
_EXACT = decimal.Context(prec=400)


def read_decimals(values: Sequence[Any], sql_type: Decimal, path: str) -> pa.Array:
    """Decimal messages, None for NULL, as a column. Raises RecordError where one does not fit."""
    if sql_type.precision <= _FAST_DIGITS:
        scales = {v.scale for v in values if v is not None}
        raw = pa.array([None if v is None else v.value for v in values], pa.binary())
        if len(scales) <= 1 and (pc.max(pc.binary_length(raw)).as_py() or 0) <= 8:
            scale = scales.pop() if scales else sql_type.scale
            if 0 <= sql_type.scale - scale <= _FAST_DIGITS:
                return _fitted(_numbers(raw), raw, scale, sql_type, path)
    one = _Exact(sql_type, path)
    return pa.array([None if v is None else one.read(v) for v in values], arrow_type(sql_type))


def _numbers(raw: pa.Array) -> Numbers:
    """Big-endian bytes, at most eight each, as 64-bit numbers; 0 for NULL and for no bytes."""
    lengths = pc.fill_null(pc.binary_length(raw), 0).to_numpy()
    if not lengths.any():
        return np.zeros(len(raw), np.int64)
    ends = np.frombuffer(raw.buffers()[1], np.int32)[raw.offset + 1 : raw.offset + len(raw) + 1].astype(np.int64)
    content = np.frombuffer(raw.buffers()[2], np.uint8)
    starts = np.minimum(ends - lengths, len(content) - 1)
    negative = (lengths > 0) & (content[starts] >= 0x80)
    wide = np.where(negative[:, None], np.uint8(0xFF), np.uint8(0)).repeat(8, axis=1)
    for place in range(8):
        rows = np.flatnonzero(lengths > place)
        wide[rows, 7 - place] = content[ends[rows] - 1 - place]
    return wide.view(">i8").reshape(-1).astype(np.int64)


def _fitted(numbers: Numbers, raw: pa.Array, scale: int, sql_type: Decimal, path: str) -> pa.Array:
    limit = 10**sql_type.precision // 10 ** (sql_type.scale - scale)
    if ((numbers >= limit) | (numbers <= -limit)).any():
        raise _overflow(sql_type, path)
    scaled = numbers * 10 ** (sql_type.scale - scale)
    halves = np.stack([scaled, scaled >> 63], axis=1)
    valid = pc.is_valid(raw).buffers()[1] if raw.null_count else None
    return pa.Array.from_buffers(arrow_type(sql_type), len(raw), [valid, pa.py_buffer(np.ascontiguousarray(halves))])


def _overflow(sql_type: Decimal, path: str) -> RecordError:
    return RecordError(f"numeric field overflow: a field of {sql_type} cannot hold the value, path: {path}")


class _Exact:
    """Reads one message at a time, whatever its size and scale."""

    def __init__(self, sql_type: Decimal, path: str) -> None:
        self.sql_type = sql_type
        self.path = path
        self.quantum = decimal.Decimal(1).scaleb(-sql_type.scale)
        self.limit = decimal.Decimal(10 ** (sql_type.precision - sql_type.scale))

    def read(self, value: Any) -> decimal.Decimal:
        unscaled = decimal.Decimal(int.from_bytes(value.value, "big", signed=True))
        try:
            number = unscaled.scaleb(-value.scale, context=_EXACT)
            exact = number.quantize(self.quantum, context=_EXACT)
        except decimal.DecimalException:  # more digits than fit any DECIMAL, or a scale that nothing has
            raise _overflow(self.sql_type, self.path) from None
        if exact != number or exact.copy_abs() >= self.limit:
            raise _overflow(self.sql_type, self.path)
        return exact


def written_decimals(array: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Of a column the bytes of its numbers, and how many digits each has; anything for NULL."""
    if array.type.precision > _FAST_DIGITS or not len(array):
        found = [(b"", 0) if v is None else _written(v) for v in array.to_pylist()]
        return pa.array([b for b, _ in found], pa.binary()), pa.array([n for _, n in found], pa.int64())
    filled = pc.fill_null(array, decimal.Decimal(0)) if array.null_count else array
    rows = len(filled)
    numbers = np.frombuffer(filled.buffers()[1], np.int64, 2 * rows, 16 * filled.offset).reshape(rows, 2)[:, 0]
    digits = np.searchsorted(_POWERS, np.abs(numbers), side="right") + 1
    magnitude = numbers ^ (numbers >> 63)
    size = np.ones(len(numbers), np.int64)
    for bits in range(7, 63, 8):
        size += magnitude >= 1 << bits
    offsets = np.concatenate(([0], np.cumsum(size)))
    out = np.empty(int(offsets[-1]), np.uint8)
    for place in range(int(size.max(initial=0))):
        longer = np.flatnonzero(size > place)
        out[offsets[1:][longer] - 1 - place] = (numbers[longer] >> (8 * place)) & 0xFF
    buffers = [None, pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(out)]
    return pa.Array.from_buffers(pa.binary(), rows, buffers), pa.array(digits.astype(np.int64))


def _written(value: decimal.Decimal) -> tuple[bytes, int]:
    text = "".join(map(str, value.as_tuple().digits))
    number = -int(text) if value.is_signed() else int(text)
    bits = (number if number >= 0 else ~number).bit_length() + 1
    return number.to_bytes((bits + 7) // 8, "big", signed=True), len(text)
