"""Edge tables: their columns, types, and frames put together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..sql.schema import Schema
from ..sql.types import arrow_type
from .operator import DELETED, SEQUENCE, SEQUENCE_STEP, Frame

Rows = TypeVar("Rows", pa.Table, pa.RecordBatch)


def is_system(name: str) -> bool:
    """Whether a column is one of the system's, which steps pass through."""
    return name.startswith("_")


def systems(names: Iterable[str]) -> list[str]:
    """The system columns among `names`."""
    return [n for n in names if is_system(n)]


def conform(table: pa.Table, schema: Schema) -> pa.Table:
    """The table with c0, c1 … of exactly the schema's Arrow types."""
    for i, column in enumerate(schema):
        wanted = arrow_type(column.type)
        place = table.schema.get_field_index(f"c{i}")
        if place >= 0 and table.schema.field(place).type != wanted:
            table = table.set_column(place, f"c{i}", table.column(place).cast(wanted))
    return table


def with_missing(table: pa.Table, schema: Schema) -> pa.Table:
    """The table with NULLs for the columns of `schema` that were not decoded because nothing reads them."""
    names = set(table.schema.names)
    for i, column in enumerate(schema):
        if f"c{i}" not in names:
            table = table.append_column(f"c{i}", pa.nulls(table.num_rows, arrow_type(column.type)))
    return table


def set_column(table: pa.Table, name: str, values: pa.Array | pa.ChunkedArray) -> pa.Table:
    """The table with a column replaced or added."""
    place = table.schema.get_field_index(name)
    return table.append_column(name, values) if place < 0 else table.set_column(place, name, values)


def without_rows(rows: Rows, left_out: Iterable[int]) -> Rows:
    """The table or batch without the rows of these numbers."""
    keep = np.ones(rows.num_rows, dtype=bool)
    keep[list(left_out)] = False
    return rows.filter(pa.array(keep))


def one_chunk(column: pa.ChunkedArray) -> pa.Array:
    """A column as one array."""
    made = column.combine_chunks()
    return made if isinstance(made, pa.Array) else pa.concat_arrays(made.chunks)


def is_constant(column: pa.ChunkedArray) -> bool:
    """Whether all values of a column of whole numbers are the same."""
    bounds = pc.min_max(column).as_py()
    return bool(bounds["min"] == bounds["max"])


def merge_frames(frames: Sequence[Frame]) -> Frame:
    """One frame of several, in their order: sequences go on from one to the next, stream times are the latest known.

    What a stage behind an exchange has queued goes through it in one pass this way (DESIGN §7.2).
    """
    if len(frames) == 1:
        return frames[0]
    edges: dict[int, list[pa.Table]] = {}
    times: dict[int, int] = {}
    start = 0
    for frame in frames:
        highest = -1
        for edge, table in frame.edges.items():
            sequence = table.column(SEQUENCE)
            highest = max(highest, pc.max(sequence).as_py() if len(sequence) else -1)
            moved = set_column(table, SEQUENCE, pc.add(sequence, start)) if start else table
            edges.setdefault(edge, []).append(moved)
        start += (highest // SEQUENCE_STEP + 1) * SEQUENCE_STEP
        for partition, time in frame.stream_time.items():
            times[partition] = max(time, times.get(partition, time))
    merged = {edge: concat(tables) for edge, tables in edges.items()}
    return Frame(merged, times, sum(f.parts for f in frames))


def concat(tables: Sequence[pa.Table]) -> pa.Table:
    """Tables of one edge's columns as one; a system column that only some have is NULL in the others' rows."""
    if all(t.schema == tables[0].schema for t in tables):
        return pa.concat_tables(tables)
    made = pa.concat_tables(tables, promote_options="default")
    if DELETED in made.schema.names:  # a table without tombstones need not say so of each row
        made = set_column(made, DELETED, pc.fill_null(made.column(DELETED), False))
    return made
