"""What stands before a record whose schema lies in a registry: a zero byte and the schema's id, four bytes, big-endian.

Confluent's wire format, of AVRO, JSON_SR and PROTOBUF alike (PROTOBUF puts the way to its message behind it).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

HEADER_BYTES = 5
Places = npt.NDArray[np.int64]
_SIZE_MAX = 1 << 30  # of a record; pyarrow 26 miscounts a slice without an end


def header(schema_id: int) -> bytes:
    """The bytes before a record of this schema.

    >>> header(7).hex(), schema_id_in(header(7)), schema_id_in(b"{}")
    ('0000000007', 7, None)
    """
    return b"\0" + schema_id.to_bytes(4, "big")


def schema_id_in(head: bytes) -> int | None:
    """The schema's id in a record's first bytes, None where they are no header."""
    if len(head) < HEADER_BYTES or head[0] != 0:
        return None
    return int.from_bytes(head[1:HEADER_BYTES], "big")


def behind(payload: pa.Array, start: int = HEADER_BYTES) -> pa.Array:
    """What stands in each record from byte `start` on."""
    return pc.binary_slice(payload, start, _SIZE_MAX)


def by_head(payload: pa.Array, size: int) -> Iterator[tuple[bytes, Places]]:
    """The first `size` bytes of records, each with the rows that begin so, in order; NULLs are left out. In one pass: bytes
    that are no records may begin in as many ways as there are rows.

    >>> [(head, rows.tolist()) for head, rows in by_head(pa.array([b"abc", None, b"x", b"abd"]), 2)]
    [(b'ab', [0, 3]), (b'x', [2])]
    """
    heads = pc.binary_slice(payload, 0, size).dictionary_encode()
    codes = pc.fill_null(heads.indices, -1).to_numpy(zero_copy_only=False)
    order = np.argsort(codes, kind="stable").astype(np.int64)
    edges = np.searchsorted(codes[order], np.arange(len(heads.dictionary) + 1))
    for code, head in enumerate(heads.dictionary.to_pylist()):
        yield head, order[edges[code] : edges[code + 1]]


def assembled(
    pieces: Sequence[tuple[Places, Sequence[pa.Array]]], types: Sequence[pa.DataType], rows: int
) -> list[pa.Array]:
    """Columns of `types` for so many rows, from pieces with their rows' places; NULL where there is no piece."""
    if len(pieces) == 1 and len(pieces[0][0]) == rows:
        return list(pieces[0][1])
    there = np.full(rows, -1, np.int64)  # of each row its place in the concatenated pieces, -1 where it has none
    start = 0
    for places, _ in pieces:
        there[places] = np.arange(start, start + len(places))
        start += len(places)
    indices = pa.array(there, pa.int64(), mask=there < 0)
    chunks = [[columns[number] for _, columns in pieces] or [pa.nulls(0, t)] for number, t in enumerate(types)]
    return [pa.concat_arrays(own).take(indices) for own in chunks]
