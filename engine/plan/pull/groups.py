"""GROUP BY of a query that is answered once: an aggregate's state made of all rows at once, and finished.

The state's SQL is the one that makes a batch's part in a query that goes on, so that both answer alike. A user's aggregate
gets the rows of a group as a list, in their order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from ...sql.expressions import Call, Column, Expr
from ...sql.functions import AggregateSpec, ArrowFunction, PythonAggregate, PythonAggregator
from ...sql.template import fill
from ...sql.types import INTEGER, Array, SqlType, Struct, arrow_type
from ...sql.typing.calls import AggregateUse
from .texts import Texts

PLACE = "_place"
"""The order of rows, where an aggregate asks for it."""


@dataclass(frozen=True)
class Keys:
    """What is grouped by, each under a number. `sets`: the sets of them where it is grouped by several (GROUPING SETS and its
    like); a key is NULL in the groups of a set without it. `told`: columns that say which of some keys a group has not."""

    exprs: Sequence[tuple[Column, Expr]]
    sets: Sequence[Sequence[Column]] | None = None
    told: Mapping[tuple[Column, ...], Column] = field(default_factory=dict)

    @property
    def columns(self) -> list[str]:
        """The keys, and what tells of them."""
        return [f"c{c.index}" for c in (*(column for column, _ in self.exprs), *self.told.values())]

    @property
    def inner(self) -> list[str]:
        """The same as they are made of groups."""
        told = [
            f"grouping({', '.join(f'c{c.index}' for c in keys)}) AS c{column.index}"
            for keys, column in self.told.items()
        ]
        return [*(f"c{column.index}" for column, _ in self.exprs), *told]

    @property
    def clause(self) -> str:
        """GROUP BY, none where all rows are one group."""
        if self.sets is None:
            return f" GROUP BY {', '.join(f'c{column.index}' for column, _ in self.exprs)}" if self.exprs else ""
        sets = (f"({', '.join(f'c{column.index}' for column in one)})" for one in self.sets)
        return f" GROUP BY GROUPING SETS ({', '.join(sets)})"

    def rows(self, source: str, texts: Texts, more: Sequence[str] = ()) -> str:
        """The rows of `source` with the keys."""
        made = [*(f"{texts.value(expr)} AS c{column.index}" for column, expr in self.exprs), *more]
        return f"SELECT {', '.join(made) or '1 AS one'} FROM {source}"


def grouped_sql(
    source: str,
    order: Callable[[], str],
    keys: Keys,
    calls: Sequence[tuple[Column, AggregateUse]],
    number: Callable[[], int],
    texts: Texts,
) -> str:
    """The groups of `source`, a FROM with its conditions: keys and results as columns of their numbers. `order`: SQL of a
    row's place. Without keys all rows are one group, also when there is none."""
    arguments: dict[Expr, int] = {}
    states, results = [], []
    for column, use in calls:
        given = [f"c{arguments.setdefault(arg, number())}" for arg in use.args]
        if isinstance(use.spec, AggregateSpec):
            names = [f"s{column.index}_{i}" for i in range(len(use.spec.state))]
            values = {str(i): text for i, text in enumerate(given)} | {"seq": PLACE}
            for name, state in zip(names, use.spec.state, strict=True):
                states.append(f"CAST({fill(state.partial, values)} AS {state.duckdb_type}) AS {name}")
            results.append(f"{fill(use.spec.final, {str(i): n for i, n in enumerate(names)})} AS c{column.index}")
        else:
            rows = Column(number(), use.name, Array(_packed_type(use)))
            states.append(f"list({_packed(given)} ORDER BY {PLACE}) AS c{rows.index}")
            results.append(f"{texts.value(_folded(use.name, use.spec, rows))} AS c{column.index}")
    inner = [f"{texts.value(arg)} AS c{n}" for arg, n in arguments.items()]
    if any(PLACE in state for state in states):
        inner.append(f"{order()} AS {PLACE}")
    rows_sql = keys.rows(source, texts, inner)
    states_sql = f"SELECT {', '.join([*keys.inner, *states]) or '1 AS one'} FROM ({rows_sql}){keys.clause}"
    return f"(SELECT {', '.join([*keys.columns, *results]) or '1 AS one'} FROM ({states_sql}))"


def _packed_type(use: AggregateUse) -> SqlType:
    types = [arg.type for arg in use.args]
    if len(types) == 1:
        return types[0]
    return Struct(tuple((f"A{i}", t) for i, t in enumerate(types))) if types else INTEGER


def _packed(given: Sequence[str]) -> str:
    """A row's arguments of a user's aggregate as one value."""
    if len(given) == 1:
        return given[0]
    fields = ", ".join(f"f{i} := {text}" for i, text in enumerate(given))
    return f"struct_pack({fields})" if fields else "NULL::INTEGER"


def _folded(name: str, spec: PythonAggregate, rows: Column) -> Call:
    function = ArrowFunction(
        f"{name}_FOLDED", _Fold(spec.aggregator, spec.type), null_in_null_out=False, row_at_a_time=True, users=True
    )
    return Call(name, (rows,), spec.type, function)


@dataclass(frozen=True)
class _Fold:
    """A user's aggregate over lists of rows. A value, so that the same aggregate is the same function to DuckDB."""

    aggregator: PythonAggregator
    type: SqlType

    def __call__(self, lists: pa.Array) -> pa.Array:
        made = []
        for rows in lists.to_pylist():  # the function is the user's own, a row at a time
            state = self.aggregator.initialize()
            for row in rows or []:
                state = self.aggregator.aggregate(tuple(row.values()) if isinstance(row, dict) else row, state)
            made.append(self.aggregator.map(state))
        return pa.array(made, arrow_type(self.type))
