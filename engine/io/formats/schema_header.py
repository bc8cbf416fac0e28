"""What stands before a record whose schema lies in a registry: a zero byte and the schema's id, four bytes, big-endian.

Confluent's wire format, of AVRO, JSON_SR and PROTOBUF alike (PROTOBUF puts the way to its message behind it).
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

HEADER_BYTES = 5
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
