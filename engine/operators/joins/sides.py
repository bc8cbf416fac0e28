"""Two edges as one table: what a join works on.

A join's answer depends on the order of both inputs' rows, so they are laid into one table, told apart by `_side`: the
left's columns are l0, l1 …, the right's r0, r1 …, each NULL in the other's rows. `_at` orders the rows: by sequence, and
where both sides read one topic, its record comes to the left side first.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ...sql.schema import Schema
from ...sql.types import arrow_type
from ..context import Context
from ..frame import set_column, with_missing
from ..operator import (
    DELETED,
    KEY_GROUP,
    OFFSET,
    PARTITION,
    ROWTIME,
    SEQUENCE,
    SEQUENCE_STEP,
    SIDE,
    WINDOW_END,
    WINDOW_START,
)

AT = "_at"  # int64: order of the rows of both sides
STORED_AT = -1  # where stored rows stand: before every row of the batch

Places = npt.NDArray[np.int64]
_SYSTEMS = (ROWTIME, SEQUENCE, PARTITION, OFFSET, KEY_GROUP, DELETED, WINDOW_START, WINDOW_END)


def together(
    left: pa.Table | None, right: pa.Table | None, schemas: tuple[Schema, Schema], also: Sequence[str] = ()
) -> pa.Table:
    """The rows of both edges, with all columns of both schemas and the system columns that all rows have; `also` names
    more of these."""
    sides = [_side(t, s, n) for n, (t, s) in enumerate(zip((left, right), schemas, strict=True)) if t is not None]
    kept = [n for n in (*_SYSTEMS, *also) if all(n in side.schema.names for side in sides)]
    fields = [
        pa.field(f"{'lr'[number]}{i}", arrow_type(column.type))
        for number, schema in enumerate(schemas)
        for i, column in enumerate(schema)
    ]
    made = []
    for side in sides:
        names = set(side.schema.names)
        columns = [
            side.column(f.name).cast(f.type) if f.name in names else pa.nulls(side.num_rows, f.type) for f in fields
        ]
        columns += [side.column(n) for n in (*kept, SIDE, AT)]
        made.append(pa.table(columns, names=[*(f.name for f in fields), *kept, SIDE, AT]))
    return pa.concat_tables(made)


def _side(table: pa.Table, schema: Schema, number: int) -> pa.Table:
    table = with_missing(table, schema)
    if DELETED not in table.schema.names:
        table = table.append_column(DELETED, pa.repeat(pa.scalar(False), table.num_rows))
    table = table.append_column(SIDE, pa.repeat(pa.scalar(number, pa.int8()), table.num_rows))
    table = table.append_column(AT, pc.add(pc.multiply(table.column(SEQUENCE), 2), number))
    if KEY_GROUP not in table.schema.names:
        table = set_column(table, KEY_GROUP, pa.nulls(table.num_rows, pa.int32()))
    return table.rename_columns([f"{'lr'[number]}{n[1:]}" if n.startswith("c") else n for n in table.schema.names])


def with_key(
    table: pa.Table | None, key: int, schema: Schema, context: Context, *, tell: bool = True
) -> pa.Table | None:
    """The rows whose join column is not NULL: the others meet nothing. `tell`: each of those is reported."""
    if table is None or not table.num_rows:
        return None
    column = table.column(f"c{key}")
    if not column.null_count:
        return table
    for row in pc.indices_nonzero(pc.is_null(column)).to_pylist() if tell else ():
        name = schema.columns[key].name
        context.fail(table, row, "expression", f"the join column {name} is NULL", name)
    kept = table.filter(pc.is_valid(column))
    return kept if kept.num_rows else None


def spread_places(sequence: Places) -> Places:
    """Places of their own for rows that came of one row, all before the next source's."""
    first = np.flatnonzero(np.r_[True, sequence[1:] != sequence[:-1]])
    lengths = np.diff(np.r_[first, len(sequence)])
    starts = sequence[first]
    room = (starts // SEQUENCE_STEP + 1) * SEQUENCE_STEP - starts
    room[:-1] = np.minimum(room[:-1], starts[1:] - starts[:-1])
    within = np.arange(len(sequence)) - np.repeat(first, lengths)
    made: Places = sequence + within * np.repeat(room, lengths) // np.repeat(lengths, lengths)
    return made
