"""Columns in protobuf's wire format, whole columns at a time: each value as bytes, joined in Arrow.

Building a Python message a row costs more than all the rest of a batch; the wire format itself is plain: numbers seven bits
a byte, everything else with its length before it. All functions take and give Arrow arrays; NULL stays NULL.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Numbers = np.ndarray[Any, Any]
_EMPTY = pa.scalar(b"", pa.binary())
VARINT, FIXED_64, LENGTH, FIXED_32 = 0, 1, 2, 5


def varints(numbers: Numbers) -> pa.Array:
    """Unsigned 64-bit numbers in seven bits a byte."""
    numbers = numbers.astype(np.uint64)
    size = np.ones(len(numbers), np.int64)
    for bits in range(7, 64, 7):
        more = numbers >= np.uint64(1 << bits)
        if not more.any():
            break
        size += more
    offsets = _offsets(size)
    out = np.empty(int(offsets[-1]), np.uint8)
    starts = offsets[:-1].astype(np.int64)
    for place in range(int(size.max(initial=1))):
        rows = slice(None) if place == 0 else np.flatnonzero(size > place)
        septet = (numbers[rows] >> np.uint64(7 * place)) & np.uint64(0x7F)
        out[starts[rows] + place] = septet | np.where(size[rows] > place + 1, 0x80, 0).astype(np.uint64)
    return _binary(offsets, out)


def varint(number: int) -> bytes:
    """A number ≥ 0 in seven bits a byte.

    >>> varint(300).hex()
    'ac02'
    """
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def zigzag(numbers: Numbers) -> Numbers:
    """Signed to unsigned numbers, small where the absolute is small."""
    signed = numbers.astype(np.int64)
    return ((signed << 1) ^ (signed >> 63)).view(np.uint64)


def fixed(numbers: Numbers) -> pa.Array:
    """Numbers of four or eight bytes, little-endian."""
    little = numbers.astype(numbers.dtype.newbyteorder("<"))
    return _binary(_offsets(np.full(len(little), little.itemsize, np.int64)), little)


def with_length(payload: pa.Array) -> pa.Array:
    """Payloads with their length before them."""
    return concatenated(_lengths(payload), payload)


def tagged(payload: pa.Array, number: int, wire_type: int) -> pa.Array:
    """Payloads as a field: its number and wire type before each."""
    return concatenated(tag(number, wire_type), payload)


def tag(number: int, wire_type: int) -> pa.Scalar:
    """What stands before a field's value."""
    return varints(np.array([number << 3 | wire_type]))[0]


def concatenated(*parts: pa.Array | pa.Scalar) -> pa.Array:
    """Arrays of bytes end to end; NULL where one is NULL."""
    return pc.binary_join_element_wise(*parts, _EMPTY)


def merged(parts: list[pa.Array]) -> pa.Array:
    """Arrays of bytes end to end, NULLs left out: fields to a message."""
    return pc.binary_join_element_wise(*(pc.fill_null(part, b"") for part in parts), _EMPTY)


def lists_joined(items: pa.Array, lengths: pa.Array) -> pa.Array:
    """Items of lists end to end: one payload a list, empty for an empty one. NULL where the length is NULL."""
    offsets = _offsets(pc.fill_null(lengths, 0).to_numpy(zero_copy_only=False))
    if not len(items):
        whole = pa.array([b""] * len(lengths), pa.binary())
    else:
        ends = np.frombuffer(items.buffers()[1], np.int32)[items.offset : items.offset + len(items) + 1]
        whole = pa.Array.from_buffers(
            pa.binary(), len(lengths), [None, pa.py_buffer(ends[offsets]), items.buffers()[2] or pa.py_buffer(b"")]
        )
    return pc.if_else(pc.is_valid(lengths), whole, pa.scalar(None, pa.binary()))


def _lengths(payload: pa.Array) -> pa.Array:
    """The lengths as varints, looked up where there are few of them."""
    lengths = pc.binary_length(payload)
    numbers = pc.fill_null(lengths, 0).to_numpy()
    longest = int(numbers.max(initial=0))
    if longest > len(numbers):
        return varints(numbers)
    return varints(np.arange(longest + 1)).take(pa.array(numbers))


def _offsets(sizes: Numbers) -> Numbers:
    return np.concatenate(([0], np.cumsum(sizes))).astype(np.int32)


def _binary(offsets: Numbers, content: Numbers) -> pa.Array:
    return pa.Array.from_buffers(pa.binary(), len(offsets) - 1, [None, pa.py_buffer(offsets), pa.py_buffer(content)])
