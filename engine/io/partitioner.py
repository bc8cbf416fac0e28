"""Which partition a key goes to: murmur2 as Kafka's Java client computes it, for a whole column at once.

Where a record lies must be the same whoever wrote it, and what is named on disk after a key must never change (DESIGN
§7.9), so neither Python's hash nor DuckDB's will do. Keys are hashed side by side in numpy: one step of the loop takes
the next four bytes of every key that still has them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

KEY_GROUPS = 64
NO_PARTITION = -1
"""What a NULL key gets: its writer deals such records out in turn."""

_SEED = 0x9747B28C
_M = 0x5BD1E995
_MASK = 0xFFFFFFFF
_FEW = 16  # so few keys left: the serial way is cheaper than a numpy call for four bytes
_SAMPLE = 1024  # keys looked at to see whether most repeat; finding repeats first is then ten times cheaper

Words = np.ndarray[Any, np.dtype[np.uint32]]
Numbers = np.ndarray[Any, np.dtype[np.int32]]


def partition_of(keys: pa.Array, partitions: int) -> Numbers:
    """The partition of each key, `toPositive(murmur2(key)) % partitions`; NO_PARTITION for NULL. int32."""
    numbers = ((murmur2(keys) & np.uint32(0x7FFFFFFF)) % np.uint32(partitions)).astype(np.int32)
    if keys.null_count:
        numbers[pc.is_null(keys).to_numpy(zero_copy_only=False)] = NO_PARTITION
    return numbers


def key_groups(keys: pa.Array, groups: int = KEY_GROUPS) -> Numbers:
    """The key group of each key, 0 to `groups` - 1; a NULL key is grouped as an empty one. int32."""
    return ((murmur2(keys) & np.uint32(0x7FFFFFFF)) % np.uint32(groups)).astype(np.int32)


def murmur2(keys: pa.Array) -> Words:
    """The 32-bit hash of each key of a binary, string or dictionary column; a NULL hashes as an empty key."""
    if isinstance(keys, pa.ChunkedArray):
        keys = keys.combine_chunks()
    if not isinstance(keys, pa.DictionaryArray):
        keys = keys.cast(pa.binary())
        if len(keys) <= _SAMPLE or len(keys[:_SAMPLE].unique()) > _SAMPLE // 2:
            return _hash_column(keys)
        keys = keys.dictionary_encode()
    hashes = np.append(_hash_column(keys.dictionary.cast(pa.binary())), np.uint32(murmur2_of(b"")))
    empty = len(hashes) - 1
    places = keys.indices.fill_null(empty).cast(pa.int64()).to_numpy(zero_copy_only=False)
    return np.asarray(hashes[places])


def murmur2_of(key: bytes) -> int:
    """The hash of one key, unsigned."""
    blocks = np.frombuffer(key, dtype="<u4", count=len(key) // 4)
    return _finish(_serial(_SEED ^ (len(key) & _MASK), blocks), key[len(key) & ~3 :])


def _hash_column(keys: pa.Array) -> Words:
    count = len(keys)
    if count == 0:
        return np.empty(0, dtype=np.uint32)
    if count <= _FEW:
        return np.array([murmur2_of(key or b"") for key in keys.to_pylist()], dtype=np.uint32)
    _, offsets_buffer, data_buffer = keys.buffers()
    offsets = np.frombuffer(offsets_buffer, dtype=np.int32)[keys.offset : keys.offset + count + 1].astype(np.int64)
    data = np.frombuffer(data_buffer, dtype=np.uint8) if data_buffer is not None else np.empty(0, dtype=np.uint8)
    starts, lengths = offsets[:-1], np.diff(offsets)
    with np.errstate(over="ignore"):
        hashes = np.uint32(_SEED) ^ lengths.astype(np.uint32)
        _mix_blocks(hashes, data, starts, lengths)
        _mix_tails(hashes, data, starts, lengths)
        hashes ^= hashes >> np.uint32(13)
        hashes *= np.uint32(_M)
        hashes ^= hashes >> np.uint32(15)
    return hashes


def _mix_blocks(hashes: Words, data: Any, starts: Any, lengths: Any) -> None:
    if len(data) < 4:
        return
    # The four bytes at every place, without a copy: a view whose stride is one byte.
    words = np.ndarray(shape=(len(data) - 3,), dtype="<u4", buffer=data, strides=(1,))
    blocks = lengths >> 2
    block = 0
    rows = np.flatnonzero(blocks)
    while len(rows) >= _FEW:
        mixed = _mix(words[starts[rows] + 4 * block])
        hashes[rows] = (hashes[rows] * np.uint32(_M)) ^ mixed
        block += 1
        if len(rows) == len(hashes) and block < int(blocks.min()):
            continue
        rows = rows[blocks[rows] > block]
    for row in rows:  # at most _FEW keys, each long: its hash depends on itself from block to block
        first, last = int(starts[row]) + 4 * block, int(starts[row]) + 4 * int(blocks[row])
        rest = data[first:last].view("<u4") if first % 4 == 0 else np.frombuffer(data[first:last].tobytes(), "<u4")
        hashes[row] = _serial(int(hashes[row]), rest)


def _mix(words: Any) -> Any:
    words = words * np.uint32(_M)
    words ^= words >> np.uint32(24)
    words *= np.uint32(_M)
    return words


def _mix_tails(hashes: Words, data: Any, starts: Any, lengths: Any) -> None:
    tails = lengths & 3
    ends = starts + (lengths & ~3)
    for place in (2, 1, 0):
        rows = np.flatnonzero(tails > place)
        hashes[rows] ^= data[ends[rows] + place].astype(np.uint32) << np.uint32(8 * place)
    hashes[tails > 0] *= np.uint32(_M)


def _serial(start: int, blocks: Any) -> int:
    value = start
    for mixed in _mix(blocks).tolist() if len(blocks) else ():
        value = ((value * _M) & _MASK) ^ mixed
    return value


def _finish(value: int, tail: bytes) -> int:
    if tail:
        value = ((value ^ int.from_bytes(tail, "little")) * _M) & _MASK
    value ^= value >> 13
    value = (value * _M) & _MASK
    return value ^ (value >> 15)
