"""The exchange's first half: a frame split by key group. Every group that a worker may own gets the stream times.

A key's group is murmur2 of its KAFKA-format bytes, modulo 64 (of its JSON text where KAFKA cannot carry it), so that
what is named on disk after it stays where it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from ..io.formats.kafka import encode_column
from ..io.partitioner import KEY_GROUPS, key_groups
from ..plan.physical.steps import Exchange
from ..sql.types import BIGINT, BYTES, DOUBLE, INTEGER, STRING
from .frame import one_chunk, set_column
from .operator import KEY_GROUP, Frame

_NATIVE = {pa.int32(): INTEGER, pa.int64(): BIGINT, pa.float64(): DOUBLE, pa.string(): STRING, pa.binary(): BYTES}


def group_rows(table: pa.Table, keys: Sequence[int]) -> pa.Array:
    """The key group of each row, int32."""
    columns = [one_chunk(table.column(f"c{k}")) for k in keys]
    if len(columns) == 1 and columns[0].type in _NATIVE:
        column = columns[0] if columns[0].type != pa.float64() else _plain_zero(columns[0])
        return pa.array(key_groups(encode_column(column, _NATIVE[columns[0].type])), pa.int32())
    # Row by row: keys of several columns or of nested types are few, and their text has no vectorised form.
    texts = [orjson.dumps(row, default=str) for row in zip(*(c.to_pylist() for c in columns), strict=True)]
    return pa.array(key_groups(pa.array(texts, pa.binary())), pa.int32())


def _plain_zero(column: pa.Array) -> pa.Array:
    """-0.0 is the same key as 0.0."""
    return pc.add(column, 0.0)


def with_groups(frame: Frame, exchange: Exchange) -> Frame:
    """The frame with `_kg` on every edge that the exchange carries, and no other edges."""
    edges = {}
    for edge, keys in exchange.keys.items():
        table = frame.edges.get(edge)
        if table is not None and table.num_rows:
            edges[edge] = set_column(table, KEY_GROUP, group_rows(table, keys))
    return Frame(edges, dict(frame.stream_time), frame.parts)


def split(frame: Frame, exchange: Exchange, groups: int = KEY_GROUPS) -> Mapping[int, Frame]:
    """The frame by key group, one for each of `groups`, rows or not; rows keep their order."""
    made = {group: Frame({}, dict(frame.stream_time), frame.parts) for group in range(groups)}
    for edge, table in with_groups(frame, exchange).edges.items():
        numbers = one_chunk(table.column(KEY_GROUP)).to_numpy()
        order = np.argsort(numbers, kind="stable")
        ordered = table.take(pa.array(order))
        found, starts = np.unique(numbers[order], return_index=True)
        for group, start, end in zip(found, starts, [*starts[1:], len(order)], strict=True):
            made[int(group)].edges[edge] = ordered.slice(start, end - start)
    return made
