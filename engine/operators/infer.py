"""Infer: models over a batch. Each call appends one column; a row that a model fails on gets NULL and an entry."""

from __future__ import annotations

import pyarrow as pa

from ..errors import InternalError
from ..plan.steps import Evaluate, Infer
from ..sql.expressions import Expr
from ..sql.schema import ColumnDef, Schema
from ..sql.types import arrow_type
from .context import Context
from .evaluate import EvaluateOperator
from .frame import set_column
from .operator import Frame


class InferOperator:
    """Runs an Infer step."""

    def __init__(self, step: Infer, context: Context) -> None:
        if context.models is None:
            raise InternalError("a query with models was opened without a model runtime")
        self._step = step
        self._models = context.models
        self._context = context
        self._first = len(step.schema) - len(step.calls)
        self._arguments = [EvaluateOperator(_arguments(step, args), context) for _, args in step.calls]

    def run(self, frame: Frame) -> None:
        table = frame.edges.get(self._step.input)
        if table is None:
            return
        with self._models.batch():
            for i in range(len(self._step.calls)):
                table = self._with_answer(table, i)
        frame.edges[self._step.output] = table

    def _with_answer(self, table: pa.Table, i: int) -> pa.Table:
        """The table with the answers of call `i`."""
        call, args = self._step.calls[i]
        given = self._arguments[i].evaluate(table)
        result = self._models.infer(call.model, [given.column(f"c{a}") for a in range(len(args))])
        column = self._step.schema.columns[self._first + i]
        for row, reason in result.errors:
            self._context.fail(table, row, "model", reason, column.name)
        wanted = arrow_type(column.type)
        values = result.values if result.values.type == wanted else result.values.cast(wanted)
        return set_column(table, f"c{self._first + i}", pa.chunked_array([values]))


def _arguments(step: Infer, args: tuple[Expr, ...]) -> Evaluate:
    schema = Schema(tuple(ColumnDef(f"ARGUMENT_{i}", e.type) for i, e in enumerate(args)))
    return Evaluate(step.input, step.output, args, schema)
