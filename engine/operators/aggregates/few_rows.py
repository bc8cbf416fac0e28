"""Few rows merged into an aggregate's state without DuckDB, where its SQL is such as `sql/by_value.py` knows.

The texts are the aggregate's own, the same that DuckDB gets: a group's rows to a state, that and the stored one to the next,
that to the result. What columns a change has, and of which types, is what DuckDB gave for the first batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from ...plan.physical.steps import AggregateCall
from ...sql.by_value import ORDER, ByValue, Unsure, by_value
from ...sql.functions import AggregateSpec
from ...sql.template import fill
from ...sql.types import duckdb_type
from ...state.change import ROW
from ...state.recent import Key, Row, gathered
from ..operator import KEY_GROUP, ROWTIME, SEQUENCE
from .group_state import GroupState

Columns = dict[str, list[Any]]

GROUPS_MAX = 32
"""Above so many groups DuckDB is the cheaper one."""


@dataclass(frozen=True)
class _Call:
    """An aggregate: the columns of its arguments and its state, and its SQL over them. Of the state column at `place[i]`
    s<i> is what is stored and b<i> what the batch gives; a<i> are the arguments."""

    args: tuple[str, ...]
    place: range
    partials: tuple[ByValue, ...]
    merges: tuple[ByValue, ...]
    final: ByValue

    def of_rows(self, columns: Columns, rows: Sequence[int]) -> list[Any]:
        """The state of these rows alone."""
        values = {f"a{i}": [columns[name][row] for row in rows] for i, name in enumerate(self.args)}
        values[ORDER] = [columns[SEQUENCE][row] for row in rows]
        return [partial.of(values) for partial in self.partials]

    def merged(self, stored: Iterable[Any], batch: Iterable[Any]) -> list[Any]:
        """The stored state and the batch's as one."""
        values = {f"s{i}": value for i, value in enumerate(stored)} | {f"b{i}": value for i, value in enumerate(batch)}
        return [merge.of(values) for merge in self.merges]

    def result(self, state: Iterable[Any]) -> Any:
        """The aggregate's value."""
        return self.final.of({f"s{i}": value for i, value in enumerate(state)})


class FewRows:
    """Merges small batches for one aggregate operator."""

    def __init__(self, layout: GroupState, calls: Sequence[_Call]) -> None:
        self._calls = calls
        self._keys = layout.key_names
        self._names = [f"s{p}" for call in calls for p in call.place] + [ROWTIME]
        self._results = layout.step.partial.keys
        self._schema: pa.Schema | None = None

    @classmethod
    def of(cls, layout: GroupState) -> FewRows | None:
        """None where only DuckDB can."""
        calls = [_call(layout, *each) for each in zip(layout.step.partial.calls, layout.places(), strict=True)]
        known = [call for call in calls if call is not None]
        return cls(layout, known) if len(known) == len(calls) and not layout.mortal else None

    def learn(self, change: pa.Table) -> None:
        """DuckDB has merged a batch: so changes look."""
        self._schema = change.schema

    def merge(self, batch: pa.Table, keys: Sequence[Key], stored: Sequence[Row | None]) -> pa.Table | None:
        """A batch merged into the state, with the results; `keys` and `stored` rows are those of its rows. None where only
        DuckDB can tell, or has not told yet what the columns are."""
        if self._schema is None:
            return None
        groups: dict[Key, list[int]] = {}
        for row, key in enumerate(keys):
            groups.setdefault(key, []).append(row)
        if len(groups) > GROUPS_MAX:
            return None
        columns, known = _values(batch), self._known([stored[rows[0]] for rows in groups.values()])
        try:
            made = [self._group(columns, *each) for each in zip(groups, groups.values(), known, strict=True)]
        except Unsure:
            return None
        arrays = [pa.array([group[field.name] for group in made], field.type) for field in self._schema]
        return pa.Table.from_arrays(arrays, schema=self._schema)

    def _known(self, stored: Sequence[Row | None]) -> list[dict[str, Any] | None]:
        """The values of stored rows."""
        there = [row for row in stored if row is not None]
        columns = _values(gathered(there, self._names)) if there else {}
        values = (dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))
        return [None if row is None else next(values) for row in stored]

    def _group(
        self, columns: Columns, key: Key, rows: Sequence[int], stored: Mapping[str, Any] | None
    ) -> dict[str, Any]:
        """One group's row of the change."""
        made = dict(zip(self._keys, key, strict=True))
        combined = "p0" in columns
        for number, call in enumerate(self._calls):
            if combined:
                state = [columns[f"p{p}"][rows[0]] for p in call.place]
            else:
                state = call.of_rows(columns, rows)
            if stored is not None:
                state = call.merged([stored[f"s{p}"] for p in call.place], state)
            made |= {f"s{p}": value for p, value in zip(call.place, state, strict=True)}
            made[f"c{self._results + number}"] = call.result(state)
        times = [columns[ROWTIME][row] for row in rows]
        made[ROWTIME] = max(times if stored is None else [*times, stored[ROWTIME]])
        made[SEQUENCE] = max(columns[SEQUENCE][row] for row in rows)
        made[KEY_GROUP] = columns[KEY_GROUP][rows[0]]
        made[ROW] = None if stored is None else 0
        return made


def _call(layout: GroupState, call: AggregateCall, place: range) -> _Call | None:
    """The aggregate's SQL by value; None where any of it is foreign to that."""
    if not isinstance(call.spec, AggregateSpec):
        return None
    inputs = layout.step.partial.input_schema.columns
    args = {f"a{i}": duckdb_type(inputs[at].type) for i, at in enumerate(call.args)} | {ORDER: "BIGINT"}
    kinds = [column.duckdb_type for column in call.spec.state]
    state = {f"s{i}": kind for i, kind in enumerate(kinds)}
    both = state | {f"b{i}": kind for i, kind in enumerate(kinds)}
    texts = {str(i): f"a{i}" for i in range(len(call.args))} | {"seq": ORDER}
    names = {name: name for name in both}
    partials = [by_value(fill(c.partial, texts), args, c.duckdb_type) for c in call.spec.state]
    merges = [
        by_value(fill(c.merge, names | {"s": f"s{i}", "b": f"b{i}"}), both, c.duckdb_type)
        for i, c in enumerate(call.spec.state)
    ]
    finals = {str(i): f"s{i}" for i in range(len(kinds))}
    final = by_value(fill(call.spec.final, finals), state, duckdb_type(call.spec.type))
    known = [made for made in (*partials, *merges) if made is not None]
    if final is None or len(known) < 2 * len(kinds):
        return None
    columns = tuple(f"c{at}" for at in call.args)
    return _Call(columns, place, tuple(known[: len(kinds)]), tuple(known[len(kinds) :]), final)


def _values(table: pa.Table) -> Columns:
    """A table's values, column by column; a HUGEINT comes as a decimal."""
    made = {}
    for name, column in zip(table.schema.names, table.columns, strict=True):
        values = column.to_pylist()
        if pa.types.is_decimal(column.type):
            values = [None if value is None else int(value) for value in values]
        made[name] = values
    return made
