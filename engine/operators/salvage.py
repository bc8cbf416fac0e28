"""Going through a batch in which an expression failed: the bad rows are told, the good ones go on.

As ksqlDB has it: a column that fails is NULL in its row, a row whose condition fails is dropped, both with an entry in
the processing log. TRY finds the rows; each suspect (a NULL may be honest) is evaluated alone to learn the reason.
"""

from __future__ import annotations

import itertools
from dataclasses import replace

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from ..errors import reason
from ..plan.physical.steps import Evaluate
from ..sql.compile.expression import compile_sql
from ..sql.expressions import Column, Expr
from ..sql.types import BOOLEAN, SqlType, arrow_type
from ..state.duckdb import Slot, fetch
from .context import Context
from .frame import set_column, systems
from .operator import DELETED, PASSED

ENVIRONMENT = (duckdb.IOException, duckdb.OutOfMemoryException, duckdb.FatalException)
"""What is the machine's fault, not a row's."""

SUSPECTS_MAX = 1_000
"""So many rows of a column and batch are looked at one by one; beyond, failed rows are NULL without a reason each."""

_names = itertools.count()


def salvage(context: Context, step: Evaluate, table: pa.Table, why: duckdb.Error) -> pa.Table:
    """What `step` gives for `table`, failed expressions NULL and failed conditions false, each reported."""
    if step.where is not None:
        passed = pc.fill_null(_guarded(context, table, step.where, BOOLEAN, None), False)
        if step.is_table:
            table = _mark_deleted(table, passed)
        else:
            table = table.filter(passed)
            if DELETED in table.schema.names:
                table = table.filter(pc.invert(table.column(DELETED)))
    columns = {}
    for i, (expr, column) in enumerate(zip(step.columns, step.schema, strict=True)):
        kind = expr.type if i in step.explode else column.type
        columns[f"c{i}"] = _guarded(context, table, expr, kind, column.name)
    kept = {n: table.column(n) for n in systems(table.schema.names) if n != PASSED}
    made = pa.table(columns | kept)
    return _exploded(context, step, made) if step.explode else made


def _mark_deleted(table: pa.Table, passed: pa.Array) -> pa.Table:
    gone = pc.invert(passed)
    if PASSED in table.schema.names:
        heard = pc.or_(table.column(PASSED), passed)
        table, gone = table.filter(heard), gone.filter(heard)
    if DELETED in table.schema.names:
        gone = pc.or_(gone, table.column(DELETED))
    return set_column(table, DELETED, gone)


def _guarded(context: Context, table: pa.Table, expr: Expr, kind: SqlType, column: str | None) -> pa.ChunkedArray:
    """One expression over all rows, NULL where it fails; what fails is reported."""
    if isinstance(expr, Column):
        return table.column(f"c{expr.index}")
    text, wanted = compile_sql(expr), arrow_type(kind)
    slot = Slot(context.evaluation, f"_salvage{next(_names)}", table)
    try:
        made = _attempt(context, slot, text)
        if made is not None:
            return made.cast(wanted)
        made = _attempt(context, slot, f"TRY({text})")
        if made is None:
            # TRY takes no volatile function: row by row, because a row's failure must not cost its neighbours.
            return _one_by_one(context, slot, table, text, wanted, column)
        for row in pc.indices_nonzero(pc.is_null(made)).to_pylist()[:SUSPECTS_MAX]:
            _value(context, slot, table, row, text, column)
        return made.cast(wanted)
    finally:
        slot.close()


def _attempt(context: Context, slot: Slot, text: str) -> pa.ChunkedArray | None:
    """The expression over the whole slot, None when some row fails."""
    try:
        return _select(context, slot, text)
    except ENVIRONMENT:
        raise
    except duckdb.Error:
        return None


def _one_by_one(
    context: Context, slot: Slot, table: pa.Table, text: str, wanted: pa.DataType, column: str | None
) -> pa.ChunkedArray:
    values = [_value(context, slot, table, row, text, column) for row in range(table.num_rows)]
    chunks = [pa.nulls(1, wanted) if v is None else v.cast(wanted).chunk(0) for v in values]
    return pa.chunked_array(chunks, wanted)


def _value(
    context: Context, slot: Slot, table: pa.Table, row: int, text: str, column: str | None
) -> pa.ChunkedArray | None:
    """The expression for one row; None and a report when it fails."""
    slot.put(table.slice(row, 1))
    try:
        return _select(context, slot, text)
    except ENVIRONMENT:
        raise
    except duckdb.Error as why:
        context.fail(table, row, "expression", reason(why), column)
        return None


def _select(context: Context, slot: Slot, text: str) -> pa.ChunkedArray:
    return fetch(context.evaluation, f"SELECT {text} AS c FROM {slot.name}").column(0)


def _exploded(context: Context, step: Evaluate, made: pa.Table) -> pa.Table:
    columns = tuple(Column(i, c.name, e.type) for i, (c, e) in enumerate(zip(step.schema, step.columns, strict=True)))
    plain = replace(step, columns=columns, where=None)
    text = ", ".join(f"unnest(c{i}) AS c{i}" if i in plain.explode else f"c{i}" for i in range(len(columns)))
    slot = Slot(context.evaluation, f"_salvage{next(_names)}", made)
    try:
        return fetch(context.evaluation, f"SELECT {', '.join([text, *systems(made.schema.names)])} FROM {slot.name}")
    finally:
        slot.close()
