"""Pull queries that name one key and say nothing else of it.

Who watches a key asks for it again and again while it changes. Its row may lie ready in memory, where small batches have put
it: where columns are picked as they are, that is the answer; else the query is evaluated over this one row. A row that lies
in the table is read straight from the state: planning a question through the view around that takes DuckDB half as long again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from ...operators.aggregates.group_state import GroupState
from ...plan.pull.plan import PullPlan, key_named
from ...plan.pull.shapes import PullShape
from ...plan.steps import Aggregate, Materialize, QueryPlan
from ...sql.compile.expression import compile_sql, guarded
from ...sql.compile.literal import literal_text
from ...sql.expressions import Column, System, walk
from ...sql.types import SqlType
from ...state.recent import Key, Row, gathered
from ...state.table import StateTable

_PLAIN = (str, int, bytes)
_STATE = "_state"
_SHAPES_MAX = 1_000


@dataclass(frozen=True)
class _Columns:
    """What the columns of a table are of its state: `texts` by the column of the step that keeps it, `places` by that of the
    table, None for one that is worked out over those. `filtered`: some rows are not shown."""

    texts: Sequence[str]
    places: Sequence[int | None]
    filtered: bool = False

    @property
    def shown(self) -> list[str]:
        """The texts by the table's columns; none where not all are there."""
        made = [self.texts[place] for place in self.places if place is not None]
        return made if len(made) == len(self.places) and not self.filtered else []


class Lookup:
    """The key lookups of one table. From any thread."""

    def __init__(self, plan: QueryPlan, table: StateTable) -> None:
        self._table = table
        self._columns = _columns(plan)
        places = {inner: column for column, inner in enumerate(self._columns.places) if inner is not None}
        keys = [places.get(self._columns.texts.index(f"{_STATE}.{name}")) for name in table.keys] if places else []
        self.keys = [] if None in keys else [place for place in keys if place is not None]
        """Which of the table's columns are the state's keys; none where that cannot be said of them all."""
        self._key_types = [plan.schema.columns[place].type for place in self.keys]
        self._shown = self._columns.shown
        self._selects: dict[PullShape, str] = {}

    def key(self, pull: PullPlan) -> Key | None:
        """The one key whose row a pull query asks for, where that is all it asks."""
        if not self.keys or pull.where is None or pull.steps or pull.limit is not None:
            return None
        key = key_named(pull.where, self.keys)
        return key if key is not None and all(type(value) in _PLAIN for value in key) else None

    def found(self, key: Key) -> Row | None:
        """The newest row of a key; None where its row is not in memory, and so in the table as it is."""
        return None if self._table.recent is None else self._table.recent.find(key)

    def picked(self, found: Row, pull: PullPlan) -> pa.Table | None:
        """The answer for a key whose row was found; None where more has to be done than to pick columns."""
        picked = [self._columns.places[e.index] for e in pull.columns if isinstance(e, Column)]
        if self._columns.filtered or None in picked or len(picked) != len(pull.columns):
            return None
        row = gathered([found], list(dict.fromkeys(f"c{i}" for i in picked)))
        return pa.table([row.column(f"c{i}") for i in picked], names=[f"c{i}" for i in range(len(picked))])

    def row(self, found: Row) -> pa.Table:
        """A row that was found, with the columns of the state."""
        return gathered([found], (*self._table.keys, *self._table.values))

    def stored_sql(self, key: Key, pull: PullPlan) -> str | None:
        """What reads the answer for a key from its row in the table; None where it takes the view around the state."""
        if not self._shown:
            return None
        select = None if pull.shape is None else self._selects.get(pull.shape)
        if select is None:
            if any(isinstance(node, System) for e in pull.columns for node in walk(e)):
                return None
            items = ", ".join(f"{compile_sql(guarded(e), self._shown)} AS c{i}" for i, e in enumerate(pull.columns))
            select = f"SELECT {items} FROM {self._table.name} AS {_STATE} WHERE "
            if pull.shape is not None and not pull.shape.in_columns and len(self._selects) < _SHAPES_MAX:
                self._selects[pull.shape] = select
        return select + " AND ".join(map(_equal, self._table.keys, key, self._key_types))


def _equal(column: str, value: str | int | bytes, type_: SqlType) -> str:
    return f"{_STATE}.{column} = {literal_text(value, type_)}"


def _columns(plan: QueryPlan) -> _Columns:
    """The columns of a plan's table; none where windows part the rows of a key."""
    for step in (step for stage in plan.stages for step in stage.steps):
        match step:
            case Aggregate(state=plan.materialized) if step.partial.window is None:
                results = GroupState(step).result_texts(f"{_STATE}.s")
                texts = [*(f"{_STATE}.c{i}" for i in range(step.partial.keys)), *results]
            case Materialize(state=plan.materialized) if step.window is None:
                texts = [f"{_STATE}.c{i}" for i in range(len(step.schema))]
            case _:
                continue
        view = plan.table_view
        if view is None:
            return _Columns(texts, range(len(texts)))
        places = [e.index if isinstance(e, Column) else None for e in view.columns]
        return _Columns(texts, places, filtered=view.where is not None)
    return _Columns((), ())
