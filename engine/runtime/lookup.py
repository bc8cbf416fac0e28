"""Pull queries by key, answered from the rows that small batches have put in memory, without SQL.

Who watches a key asks for it again and again while it changes: DuckDB would parse and plan each question, for a row that
lies ready with all its results. Only a condition that names one key and nothing else, and columns picked as they are, are
answered so; everything else goes to the table.
"""

from __future__ import annotations

import pyarrow as pa

from ..operators.evaluate import bare_columns
from ..plan.pull import PullPlan, key_named
from ..plan.steps import Aggregate, QueryPlan
from ..sql.expressions import Column
from ..state.recent import Key, Row, gathered
from ..state.table import StateTable

_PLAIN = (str, int, bytes)


class Lookup:
    """The key lookups of one table. From any thread."""

    def __init__(self, plan: QueryPlan, table: StateTable) -> None:
        self._table = table
        self._width = len(table.keys)
        self._columns = _columns(plan)

    def key(self, pull: PullPlan) -> Key | None:
        """The one key whose row a pull query asks for, where that is all it asks."""
        if (
            not self._columns
            or self._table.recent is None
            or pull.where is None
            or pull.steps
            or pull.limit is not None
        ):
            return None
        places = {inner: column for column, inner in enumerate(self._columns)}
        keys = [places.get(inner) for inner in range(self._width)]
        known = [place for place in keys if place is not None]
        key = key_named(pull.where, known) if len(known) == self._width else None
        return key if key is not None and all(type(value) in _PLAIN for value in key) else None

    def holds(self, key: Key) -> bool:
        """Whether its row is in memory; else it is as the table has it."""
        return self._find(key) is not None

    def _find(self, key: Key) -> Row | None:
        return None if self._table.recent is None else self._table.recent.find(key)

    def row(self, key: Key, pull: PullPlan) -> pa.Table | None:
        """The answer for that key; None where its row is not in memory, and so in the table as it is."""
        found = self._find(key)
        picked = [self._columns[e.index] for e in pull.columns if isinstance(e, Column)]
        if found is None or len(picked) != len(pull.columns):
            return None
        row = gathered([found], list(dict.fromkeys(f"c{i}" for i in picked)))
        return pa.table([row.column(f"c{i}") for i in picked], names=[f"c{i}" for i in range(len(picked))])


def _columns(plan: QueryPlan) -> list[int]:
    """Which of the aggregate's columns each column of the table is; none where it is not a plain aggregate's."""
    steps = [step for stage in plan.stages for step in stage.steps]
    for step in steps:
        if isinstance(step, Aggregate) and step.state == plan.materialized and step.partial.window is None:
            view = plan.table_view
            if view is None:
                return list(range(len(step.schema)))
            return [] if view.where is not None else bare_columns(view) or []
    return []
