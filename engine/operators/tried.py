"""Users' functions outside of any query, for their unit tests: rows go through the operator that evaluates them in one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from sqlglot import exp

from ..errors import UserError
from ..plan.physical.steps import Evaluate
from ..sql.expressions import Expr
from ..sql.functions import (
    AggregateFunction,
    Function,
    FunctionRegistry,
    PythonAggregate,
    PythonAggregator,
    TableFunction,
)
from ..sql.schema import ColumnDef, Schema
from ..sql.scope import SchemaScope
from ..sql.types import SqlType, arrow_type, parse_type
from ..sql.typing.calls import table_use
from ..sql.typing.expression import analyze_expression
from ..sql.udf.declare import UserFunction
from ..sql.udf.types import to_arrow, to_rows
from ..state.duckdb import connect
from ..state.store import StateStore
from .context import Context
from .evaluate import EvaluateOperator
from .operator import OFFSET, PARTITION, SEQUENCE, Failure, Frame

CUTS_MAX = 25


@dataclass(frozen=True)
class Failed:
    """What a row gives that a function has failed on: in a query NULL, with the reason in the processing log."""

    reason: str


def call(function: UserFunction, rows: Sequence[Any], *, types: Sequence[str] | None = None) -> list[Any]:
    """What a scalar or table function gives for each row (of a table function the list of its rows). A row is the argument, or a
    tuple where there are several. They are evaluated as a batch of a query is: values become those of their SQL types and back, a
    NULL argument is NULL without a call, a row that fails is `Failed`. `types`: of the arguments in SQL, where the function
    does not say (`params=['T']`), or takes others too. Raises UserError where they do not fit."""
    entry = function.sql_function()
    if isinstance(entry, AggregateFunction):
        raise UserError(f"{entry.name} is an aggregate", hint="mergus.testing.aggregate tries one")
    given = _arguments(rows)
    schema, registry = _schema(entry, given, types), FunctionRegistry({entry.name: entry})
    expr = _analyzed(entry, schema, registry)
    columns = {f"c{i}": to_arrow([row[i] for row in given], column.type) for i, column in enumerate(schema)}
    number = pa.array(range(len(given)), pa.int64())
    table = pa.table(columns | {SEQUENCE: number, OFFSET: number, PARTITION: pa.array([0] * len(given), pa.int32())})
    failures: list[Failure] = []
    with closing(connect()) as instance, closing(StateStore(instance)) as store:
        made = Schema((ColumnDef("RESULT", expr.type),))
        operator = EvaluateOperator(Evaluate(0, 1, (expr,), made), Context(store, failures.append))
        frame = Frame({0: table})
        operator.run(frame)
    results = to_rows(frame.edges[1].column("c0").combine_chunks(), expr.type) if given else []
    for failure in failures:
        if failure.offset is not None:
            results[failure.offset] = Failed(failure.reason)
    return results


def aggregate(
    function: UserFunction, rows: Sequence[Any], *, constants: Sequence[Any] = (), types: Sequence[str] | None = None
) -> Any:
    """What an aggregate gives for a group of these rows; `constants`: what its class is made with. Raises AssertionError where it
    does not give the same for the rows in two parts that are merged, or `undo` of one of them does not give what the others
    alone do. A state is kept as its SQL type between two calls."""
    entry = function.sql_function()
    if not isinstance(entry, AggregateFunction):
        raise UserError(f"{entry.name} is no aggregate", hint="mergus.testing.call tries it")
    given = _arguments(rows)
    kinds = [column.type for column in _schema(entry, given, types, drop=len(constants))]
    spec = entry.overloads[0].resolve(kinds, constants)
    assert isinstance(spec, PythonAggregate)  # a user's
    group = _Group(spec.aggregator, kinds)
    values = [row if len(kinds) > 1 else row[0] for row in group.stored(given)]
    whole = group.fold(values)
    result = group.result(whole)
    for at in _places(1, len(values)):
        parts = group.fold(values[:at]), group.fold(values[at:])
        merged = group.result(group.kept(spec.aggregator.merge(*parts)))
        assert _same(merged, result), (
            f"merge: the first {at} rows and the others give {merged!r}, all together {result!r}"
        )
    for at in _places(0, len(values)) if spec.can_undo else ():
        left = group.result(group.kept(spec.aggregator.undo(values[at], whole)))
        alone = group.result(group.fold(values[:at] + values[at + 1 :]))
        assert _same(left, alone), f"undo: without row {at} it gives {left!r}, of the other rows alone {alone!r}"
    return result


class _Group:
    """An aggregate at work on one group."""

    def __init__(self, aggregator: PythonAggregator, kinds: Sequence[SqlType]) -> None:
        self._aggregator = aggregator
        self._kinds = kinds
        self._state = arrow_type(aggregator.state_type)

    def stored(self, rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """The rows as they come from a batch."""
        columns = [to_arrow([row[i] for row in rows], kind).to_pylist() for i, kind in enumerate(self._kinds)]
        return list(zip(*columns, strict=True))

    def kept(self, state: Any) -> Any:
        """A state that has been stored."""
        return pa.array([state], self._state)[0].as_py()

    def fold(self, values: Sequence[Any]) -> Any:
        """The state after these rows."""
        state = self.kept(self._aggregator.initialize())
        for value in values:
            state = self.kept(self._aggregator.aggregate(value, state))
        return state

    def result(self, state: Any) -> Any:
        """What the group gives."""
        return self._aggregator.map(state)


def _places(first: int, count: int) -> range:
    """Rows from the first one on, evenly, and not too many."""
    return range(first, count, max(1, count // CUTS_MAX))


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9) or (math.isnan(one) and math.isnan(other))
    return bool(one == other)


def _arguments(rows: Sequence[Any]) -> list[tuple[Any, ...]]:
    made = [row if isinstance(row, tuple) else (row,) for row in rows]
    if len({len(row) for row in made}) > 1:
        raise UserError("rows have different numbers of arguments")
    return made


def _schema(entry: Function, rows: Sequence[tuple[Any, ...]], types: Sequence[str] | None, *, drop: int = 0) -> Schema:
    """The arguments as columns."""
    if types is not None:
        kinds = [parse_type(text) for text in types]
    else:
        overload = entry.overloads[0]
        params = list(overload.params[: len(overload.params) - drop])
        if overload.variadic and rows:
            params += params[-1:] * (len(rows[0]) - len(params))
        kinds = [param for param in params if isinstance(param, SqlType)]
        if len(kinds) < len(params):
            raise UserError(f"{entry.name} takes several types", hint="say which: types=['BIGINT']")
    if rows and len(rows[0]) != len(kinds):
        raise UserError(f"{entry.name} takes {len(kinds)} arguments, a row has {len(rows[0])}")
    return Schema(tuple(ColumnDef(f"A{i}", kind) for i, kind in enumerate(kinds)))


def _analyzed(entry: Function, schema: Schema, registry: FunctionRegistry) -> Expr:
    columns = [exp.column(exp.to_identifier(column.name, quoted=True)) for column in schema]
    node, scope = exp.Anonymous(this=entry.name, expressions=columns), SchemaScope(schema)
    return (
        table_use(node, scope, registry).call
        if isinstance(entry, TableFunction)
        else analyze_expression(node, scope, registry)
    )
