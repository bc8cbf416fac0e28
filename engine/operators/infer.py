"""Infer: models over a batch. Each call appends one column; a row that a model fails on gets NULL and an entry, or leaves the
query for a topic that keeps it where it can be brought back from there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ..errors import InternalError
from ..inference.versions.moves import Places
from ..plan.physical.steps import Evaluate, Infer
from ..sql.expressions import Expr
from ..sql.schema import ColumnDef, Schema
from ..sql.types import arrow_type
from .context import Context
from .dead_letters import LetterWriter
from .evaluate import EvaluateOperator
from .frame import one_chunk, set_column
from .operator import OFFSET, PARTITION, Frame

if TYPE_CHECKING:
    from ..inference.runtime import DeadRow  # what a model's process needs is not loaded for every query


class InferOperator:
    """Runs an Infer step."""

    def __init__(self, step: Infer, context: Context) -> None:
        if context.models is None:
            raise InternalError("a query with models was opened without a model runtime")
        self._step = step
        self._models = context.models
        self._context = context.at(step.input)
        self._first = len(step.schema) - len(step.calls)
        self._arguments = [EvaluateOperator(_arguments(step, args), context) for _, args in step.calls]
        self._origin = context.origins.get(step.input)
        self._keys = [(i, c) for i, c in enumerate(step.schema.columns[: self._first]) if c.is_key]

    def run(self, frame: Frame) -> None:
        table = frame.edges.get(self._step.input)
        if table is None:
            return
        with self._models.batch():
            for i in range(len(self._step.calls)):
                table = self._with_answer(table, i)
                if not table.num_rows:
                    return  # the model has failed on all of them
        frame.edges[self._step.output] = table

    def _with_answer(self, table: pa.Table, i: int) -> pa.Table:
        """The table with the answers of call `i`."""
        call, args = self._step.calls[i]
        given = self._arguments[i].evaluate(table)
        asked = [given.column(f"c{a}") for a in range(len(args))]
        result = self._models.infer(call.model, asked, self._places(table))
        column = self._step.schema.columns[self._first + i]
        for row, reason in result.errors:
            self._context.fail(table, row, "model", reason, column.name)
        wanted = arrow_type(column.type)
        values = result.values if result.values.type == wanted else result.values.cast(wanted)
        answered = set_column(table, f"c{self._first + i}", pa.chunked_array([values]))
        return (
            self._without(answered, call.model, given.columns[: len(call.model.inputs)], result.dead)
            if result.dead
            else answered
        )

    def _places(self, table: pa.Table) -> Places | None:
        """Where the rows come from, if that is noted and known."""
        moves, origin = self._context.moves, self._origin
        if (
            moves is None
            or origin is None
            or origin.file is not None
            or not {PARTITION, OFFSET} <= set(table.schema.names)
        ):
            return None
        return Places(
            moves, origin.topic, origin.again, one_chunk(table.column(PARTITION)), one_chunk(table.column(OFFSET))
        )

    def _without(
        self, table: pa.Table, model: Any, given: Sequence[pa.ChunkedArray], dead: Sequence[DeadRow]
    ) -> pa.Table:
        """Have the rows kept that a model has failed on; they leave the table where their records may come again."""
        letters = self._context.letters
        if letters is None:
            for one in dead:
                self._context.fail(table, one.row, "model", one.reason, model.name)
            return table
        keys = [(i, c) for i, c in self._keys if f"c{i}" in table.schema.names]  # a source has those that are read
        write = LetterWriter(self._context.query_id, model, self._origin, keys)
        for one in dead:
            letters.add(one.topic, *write.letter(table, given, one))
        if self._origin is None or self._origin.again is None:
            return table
        stays = np.ones(table.num_rows, dtype=bool)
        stays[[one.row for one in dead]] = False
        return table.filter(pa.array(stays))


def _arguments(step: Infer, args: tuple[Expr, ...]) -> Evaluate:
    schema = Schema(tuple(ColumnDef(f"ARGUMENT_{i}", e.type) for i, e in enumerate(args)))
    return Evaluate(step.input, step.output, args, schema)
