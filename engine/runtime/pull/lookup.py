"""Pull queries that name one key and say nothing else of it.

Who watches a key asks for it again and again while it changes. Its row may lie ready in memory, where small batches have put
it: where columns are picked as they are, that is the answer; else the query is evaluated over this one row. A row that lies
in the table is read straight from the state: planning a question through the view around that takes DuckDB half as long again.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import pyarrow as pa

from ...plan.physical.steps import QueryPlan
from ...plan.pull.plan import PullPlan, key_named
from ...sql.compile.expression import compile_sql, guarded
from ...sql.compile.literal import literal_text
from ...sql.expressions import Column, Expr, System, walk
from ...sql.types import SqlType
from ...state.recent import Key, Row, gathered
from ...state.table import StateTable
from .view import STATE, columns_of

_PLAIN = (str, int, bytes)
_SHAPES_MAX = 1_000


class Lookup:
    """The key lookups of one table. From any thread."""

    def __init__(self, plan: QueryPlan, table: StateTable) -> None:
        self._table = table
        self._columns = columns_of(plan)
        places = {inner: column for column, inner in enumerate(self._columns.places) if inner is not None}
        keys = [places.get(self._columns.texts.index(f"{STATE}.{name}")) for name in table.keys] if places else []
        self.keys = [] if None in keys else [place for place in keys if place is not None]
        """Which of the table's columns are the state's keys; none where that cannot be said of them all."""
        self._key_types = [plan.schema.columns[place].type for place in self.keys]
        self._shown = self._columns.shown
        self._select_of = lru_cache(_SHAPES_MAX)(lambda shape: self._select(shape.plan.columns))

    def key(self, pull: PullPlan) -> Key | None:
        """The one key whose row a pull query asks for, where that is all it asks."""
        if not self.keys or pull.where is None or pull.kept or pull.limit is not None:
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
        shared = pull.shape is not None and not pull.shape.in_columns
        select = self._select_of(pull.shape) if shared else self._select(pull.columns)
        return select and select + " AND ".join(map(_equal, self._table.keys, key, self._key_types))

    def _select(self, columns: Sequence[Expr]) -> str | None:
        if not self._shown or any(isinstance(node, System) for e in columns for node in walk(e)):
            return None
        items = ", ".join(f"{compile_sql(guarded(e), self._shown)} AS c{i}" for i, e in enumerate(columns))
        return f"SELECT {items} FROM {self._table.name} AS {STATE} WHERE "


def _equal(column: str, value: str | int | bytes, type_: SqlType) -> str:
    return f"{STATE}.{column} = {literal_text(value, type_)}"
