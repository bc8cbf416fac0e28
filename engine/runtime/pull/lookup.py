"""Pull queries by key, answered from the rows that small batches have put in memory, mostly without SQL.

Who watches a key asks for it again and again while it changes: DuckDB would parse and plan each question, for a row that
lies ready with all its results. Only a condition that names one key and nothing else finds a row so. Where columns are
picked as they are, it is the answer; else the query is evaluated over this one row. Everything else goes to the table.
"""

from __future__ import annotations

import pyarrow as pa

from ...plan.pull.plan import PullPlan, key_named
from ...plan.steps import Aggregate, QueryPlan
from ...sql.expressions import Column
from ...state.recent import Key, Row, gathered
from ...state.table import StateTable

_PLAIN = (str, int, bytes)


class Lookup:
    """The key lookups of one table. From any thread."""

    def __init__(self, plan: QueryPlan, table: StateTable) -> None:
        self._table = table
        self._columns, self._filtered = _columns(plan)
        places = {inner: column for column, inner in enumerate(self._columns) if inner is not None}
        keys = [places.get(inner) for inner in range(len(table.keys))] if self._columns else []
        self.keys = [] if None in keys else [place for place in keys if place is not None]
        """Which of the table's columns are the state's keys; none where that cannot be said of them all."""

    def key(self, pull: PullPlan) -> Key | None:
        """The one key whose row a pull query asks for, where that is all it asks."""
        if not self.keys or self._table.recent is None or pull.where is None or pull.steps or pull.limit is not None:
            return None
        key = key_named(pull.where, self.keys)
        return key if key is not None and all(type(value) in _PLAIN for value in key) else None

    def found(self, key: Key) -> Row | None:
        """The newest row of a key; None where its row is not in memory, and so in the table as it is."""
        return None if self._table.recent is None else self._table.recent.find(key)

    def picked(self, found: Row, pull: PullPlan) -> pa.Table | None:
        """The answer for a key whose row was found; None where more has to be done than to pick columns."""
        picked = [self._columns[e.index] for e in pull.columns if isinstance(e, Column)]
        if self._filtered or None in picked or len(picked) != len(pull.columns):
            return None
        row = gathered([found], list(dict.fromkeys(f"c{i}" for i in picked)))
        return pa.table([row.column(f"c{i}") for i in picked], names=[f"c{i}" for i in range(len(picked))])

    def stored(self, found: Row) -> pa.Table:
        """A row that was found, with the columns of the state."""
        return gathered([found], (*self._table.keys, *self._table.values))


def _columns(plan: QueryPlan) -> tuple[list[int | None], bool]:
    """Which of the aggregate's columns each column of the table is, None for one that is worked out, and whether some rows
    are not shown; no columns where it is not a plain aggregate's."""
    steps = [step for stage in plan.stages for step in stage.steps]
    for step in steps:
        if isinstance(step, Aggregate) and step.state == plan.materialized and step.partial.window is None:
            view = plan.table_view
            if view is None:
                return list(range(len(step.schema))), False
            return [e.index if isinstance(e, Column) else None for e in view.columns], view.where is not None
    return [], False
