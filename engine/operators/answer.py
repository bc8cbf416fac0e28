"""The steps of a pull query over the rows that its SELECT gave: models, and what is computed from their answers."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import pyarrow as pa

from ..plan.physical.steps import Evaluate, Infer
from ..sql.schema import Schema
from ..sql.types import arrow_type
from ..state.duckdb import cursor
from ..state.store import StateStore
from .context import Context, Models
from .evaluate import EvaluateOperator
from .frame import conform
from .infer import InferOperator
from .operator import Frame, Report


def answer(
    steps: Sequence[Evaluate | Infer],
    rows: pa.Table,
    schema: Schema,
    instance: duckdb.DuckDBPyConnection,
    report: Report,
    models: Models,
) -> pa.Table:
    """`rows` after all steps, with the columns of `schema`. May run on any thread: it works on a cursor of its own."""
    own = cursor(instance)
    try:
        context = Context(_NoState(own), report, models)
        for step in steps:
            made = _run(step, rows, context)
            if made is None:
                return pa.table([pa.array([], arrow_type(c.type)) for c in schema], names=_names(schema))
            rows = made
        return conform(rows.select(_names(schema)), schema)
    finally:
        own.close()


class _NoState(StateStore):
    """The state of steps that remember nothing: a connection, and no database behind it."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = self.evaluation = connection


def _run(step: Evaluate | Infer, rows: pa.Table, context: Context) -> pa.Table | None:
    """What one step gives, None for no rows."""
    frame = Frame({step.input: rows} if rows.num_rows else {})
    operator = EvaluateOperator(step, context) if isinstance(step, Evaluate) else InferOperator(step, context)
    operator.run(frame)
    return frame.edges.get(step.output)


def _names(schema: Schema) -> list[str]:
    return [f"c{i}" for i in range(len(schema))]
