"""Evaluate: filter and projection of a batch in one DuckDB call.

The plain SQL runs first; only when it raises are the rows gone through for the guilty ones (`salvage`). A projection of
bare columns, filtered by what Arrow compares as well (`arrow_condition`), needs no DuckDB at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..plan.physical.steps import Evaluate
from ..sql.compile.expression import bind_functions, compile_condition, compile_sql
from ..sql.expressions import Column
from ..sql.udf.waiting import Waiting, remembered
from ..state.duckdb import Prepared
from .arrow_condition import arrow_condition
from .context import Context
from .frame import conform, one_chunk, set_column, systems
from .operator import DELETED, PASSED, SEQUENCE, SEQUENCE_STEP, Frame
from .salvage import ENVIRONMENT, salvage


class EvaluateOperator:
    """Runs an Evaluate step; `in_arrow`: without DuckDB."""

    def __init__(self, step: Evaluate, context: Context) -> None:
        self._step = step
        self._context = context.at(step.input)
        called = bind_functions(context.evaluation, [*step.columns, *([step.where] if step.where else [])])
        self._waits = any(isinstance(function.evaluate, Waiting) for function in called)
        self._bare = bare_columns(step)
        self._passes = arrow_condition(step.where) if step.where and not step.is_table else None
        self.in_arrow = self._bare is not None and (step.where is None or self._passes is not None)
        self._call = Prepared(context.evaluation, lambda source, names: evaluate_sql(step, source, names))

    def run(self, frame: Frame) -> None:
        table = frame.edges.get(self._step.input)
        if table is None:
            return
        made = self.evaluate(table)
        if made.num_rows:
            frame.edges[self._step.output] = made

    def evaluate(self, table: pa.Table) -> pa.Table:
        """The rows that pass, with the step's columns and the system columns that came in."""
        if self._bare is not None and self.in_arrow and PASSED not in table.schema.names:
            return _picked(self._passing(table), self._bare)
        with remembered() if self._waits else nullcontext():
            made = self._evaluated(table)
        return spread(conform(made, self._step.schema)) if self._step.explode else conform(made, self._step.schema)

    def _evaluated(self, table: pa.Table) -> pa.Table:
        try:
            return self._call(table)
        except ENVIRONMENT:
            raise
        except duckdb.Error as why:
            return salvage(self._context, self._step, table, why)

    def _passing(self, table: pa.Table) -> pa.Table:
        if self._passes is None:
            return table
        passes = self._passes(table)
        if DELETED in table.schema.names:  # a NULL value passes no filter
            passes = pc.and_not_kleene(passes, table.column(DELETED))
        return table if pc.all(passes, skip_nulls=False).as_py() else table.filter(passes)


def _picked(table: pa.Table, places: Sequence[int]) -> pa.Table:
    kept = systems(table.schema.names)
    columns = [table.column(f"c{i}") for i in places] + [table.column(n) for n in kept]
    return pa.table(columns, names=[f"c{i}" for i in range(len(places))] + kept)


def bare_columns(step: Evaluate) -> list[int] | None:
    """The input's columns that the step picks, where it makes none."""
    if step.explode:
        return None
    picked = [e.index for e in step.columns if isinstance(e, Column)]
    return picked if len(picked) == len(step.columns) else None


def evaluate_sql(step: Evaluate, source: str, names: Sequence[str]) -> str:
    """The step as one SELECT over `source`, which has the columns `names`."""
    columns = [
        f"unnest({compile_sql(e)}) AS c{i}" if i in step.explode else f"{compile_sql(e)} AS c{i}"
        for i, e in enumerate(step.columns)
    ]
    kept = [n for n in systems(names) if n != PASSED]
    if step.where is None:
        return f"SELECT {', '.join(columns + kept)} FROM {source}"
    if step.is_table:
        return _table_sql(step, source, names, columns, kept)
    conditions = [f"({compile_condition(step.where)})"]
    if DELETED in names:  # a NULL value passes no filter
        conditions.append(f"NOT {DELETED}")
    return f"SELECT {', '.join(columns + kept)} FROM {source} WHERE {' AND '.join(conditions)}"


def _table_sql(step: Evaluate, source: str, names: Sequence[str], columns: list[str], kept: list[str]) -> str:
    """On a table a row that does not pass takes back what the key had; where it is known that it had nothing
    (`PASSED`), there is nothing to say."""
    assert step.where is not None
    gone = f"NOT coalesce({compile_sql(step.where)}, false)"
    if DELETED in names:
        gone = f"({DELETED} OR {gone})"
    kept = [n for n in kept if n != DELETED]
    text = f"SELECT {', '.join(columns + kept)}, {gone} AS {DELETED} FROM {source}"
    return f"{text} WHERE {PASSED} OR NOT ({gone})" if PASSED in names else text


def spread(table: pa.Table) -> pa.Table:
    """Give rows that were made from one row sequence numbers of their own, in order."""
    sequence = one_chunk(table.column(SEQUENCE)).to_numpy()
    if not len(sequence):
        return table
    first = np.flatnonzero(np.r_[True, sequence[1:] != sequence[:-1]])
    lengths = np.diff(np.r_[first, len(sequence)])
    within = np.arange(len(sequence)) - np.repeat(first, lengths)
    step = max(1, SEQUENCE_STEP // (int(lengths.max()) + 1))
    return set_column(table, SEQUENCE, pa.array(sequence + within * step, pa.int64()))
