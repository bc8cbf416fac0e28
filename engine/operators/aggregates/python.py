"""Users' aggregates in Python beside those in SQL, in one state.

DuckDB groups the batch and brings the stored states; only the users' own functions run in Python, row by row as their
contract says (a state is any Python value, so no Arrow kernel can merge it).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ...plan.physical.steps import AggregateCall
from ...sql.compile.python import counted, register
from ...sql.expressions import Expr
from ...sql.functions import AggregateSpec, PythonAggregate
from ...sql.template import fill
from ...sql.types import arrow_type
from ...state.change import ROW
from ...state.duckdb import Prepared
from ...state.table import StateTable
from ..context import Context
from ..frame import set_column
from ..operator import PASSED, SEQUENCE
from .group_state import GroupState, packed
from .mapped import result_of
from .partial import partial_texts

_BEGINS = "_begins"  # whether a group begins anew with the batch


class PythonGroups:
    """Merges batches for an Aggregate step in which at least one aggregate is a user's.

    `rows`: which of the input are the batch's, `stored`: the relation of stored rows, in SQL of the input's name."""

    def __init__(
        self,
        layout: GroupState,
        table: StateTable,
        context: Context,
        rows: str = "",
        stored: Callable[[str], str] | None = None,
    ) -> None:
        self._rows = rows
        self._stored = stored
        self._layout = layout
        self._table = table
        self._context = context
        self._calls = layout.step.partial.calls
        for call in self._calls:
            if isinstance(call.spec, PythonAggregate):
                register(context.connection, result_of(call.name, call.spec))  # for who reads the state
        self._groups = Prepared(context.connection, self._groups_sql, size=table.size)

    def merge(self, table: pa.Table, having: Expr | None) -> pa.Table:
        """The batch's change with results, as GroupState.merge_sql gives it."""
        change = self._groups(table)
        keys = self._layout.step.partial.keys
        for i, (call, place) in enumerate(zip(self._calls, self._layout.places(), strict=True)):
            if isinstance(call.spec, PythonAggregate):
                states, results = self._fold(call, call.spec, change, place[0], i)
                change = set_column(change, f"s{place[0]}", states)
                change = set_column(change, f"c{keys + i}", results)
        if having is not None:
            # What a user's aggregate gave before is not kept: every row that was there may have passed.
            before = [row is not None for row in change.column(ROW).to_pylist()]
            change = set_column(change, PASSED, pa.array(before, pa.bool_()))
        return change.drop_columns([n for n in change.schema.names if n.startswith("_args")])

    def _fold(
        self, call: AggregateCall, spec: PythonAggregate, change: pa.Table, place: int, i: int
    ) -> tuple[pa.Array, pa.Array]:
        stored = change.column(f"old_s{place}").to_pylist()
        begins = change.column(_BEGINS) if _BEGINS in change.schema.names else pc.is_null(change.column(ROW))
        given = change.column(f"_args{i}").to_pylist()
        made: list[tuple[Any, Any]] = []
        with counted(call.name, sum(map(len, given))):
            # A loop over rows: the function is the user's own, a row at a time.
            for at, (fresh, old, values) in enumerate(zip(begins.to_pylist(), stored, given, strict=True)):
                try:
                    begun = spec.aggregator.initialize() if fresh else old
                    made.append(self._folded(call, spec, values, begun))
                except Exception as why:  # noqa: BLE001 - whatever a user's function raises spoils its group's update only
                    self._context.fail(change, at, "function", f"{call.name}: {type(why).__name__}: {why}", call.name)
                    made.append((spec.aggregator.initialize() if fresh else old, None))
        return (
            pa.array([state for state, _ in made], arrow_type(spec.aggregator.state_type)),
            pa.array([result for _, result in made], arrow_type(spec.type)),
        )

    def _folded(self, call: AggregateCall, spec: PythonAggregate, values: Sequence[Any], state: Any) -> tuple[Any, Any]:
        """A group's state after its rows, and its result."""
        for value in values:
            state = self._with(spec, call, value, state)
        return state, spec.aggregator.map(state)

    def _with(self, spec: PythonAggregate, call: AggregateCall, value: Any, state: Any) -> Any:
        """The state with one row more, or with one taken back."""
        if not self._layout.step.table_input:
            return spec.aggregator.aggregate(_unpacked(value, len(call.args)), state)
        change = spec.aggregator.undo if value["u"] else spec.aggregator.aggregate
        return change(_unpacked(value["v"], len(call.args)), state)

    def _groups_sql(self, source: str, names: Sequence[str]) -> str:
        layout = self._layout
        if layout.step.table_input:
            return layout.merge_table_sql(source, names, self._table.name, None)
        by = layout.key_names
        plain = [c for c in self._calls if isinstance(c.spec, AggregateSpec)]
        texts = iter(partial_texts(plain))
        columns = []
        for i, (call, place) in enumerate(zip(self._calls, layout.places(), strict=True)):
            if isinstance(call.spec, AggregateSpec):
                columns += [f"{next(texts)} AS p{p}" for p in place]
            else:
                columns.append(f"list({packed(call)} ORDER BY {SEQUENCE}) AS _args{i}")
        made = ", ".join([*by, *columns, *layout.times()])
        groups = f"(SELECT {made} FROM {source} {self._rows} GROUP BY {', '.join(by)}) AS b"
        return self._joined_sql(groups, self._stored(source) if self._stored else self._table.name)

    def _joined_sql(self, groups: str, stored: str) -> str:
        layout = self._layout
        merged = []
        results = []
        keys = layout.step.partial.keys
        for i, (call, place) in enumerate(zip(self._calls, layout.places(), strict=True)):
            if not isinstance(call.spec, AggregateSpec):
                merged += [f"s.s{place[0]} AS s{place[0]}", f"b._args{i} AS _args{i}"]
                continue
            values = {f"s{j}": f"s.s{p}" for j, p in enumerate(place)} | {
                f"b{j}": f"b.p{p}" for j, p in enumerate(place)
            }
            for p, column in zip(place, call.spec.state, strict=True):
                text = fill(column.merge, values | {"s": f"s.s{p}", "b": f"b.p{p}"})
                merged.append(f"CASE WHEN {layout.begins} THEN b.p{p} ELSE {text} END AS s{p}")
            results.append(f"{layout.result_texts()[i]} AS c{keys + i}")
        columns = [f"b.{k} AS {k}" for k in layout.key_names] + merged
        columns += [*layout.merged_times(), f"{layout.begins} AS {_BEGINS}"]
        columns += [f"b.{SEQUENCE} AS {SEQUENCE}", *layout.old_columns()]
        inner = f"SELECT {', '.join(columns)} FROM {layout.join_sql(groups, stored)}"
        return f"SELECT {', '.join(['*', *results])} FROM ({inner})"


def _unpacked(value: Any, count: int) -> Any:
    return tuple(value[f"f{i}"] for i in range(count)) if count > 1 else value
