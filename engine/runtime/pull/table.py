"""The table that a task keeps, as pull queries see it: a view over the operator's state, read on connections of their own.

A key's row may lie in memory (`lookup.py`), or where it was seen last (`places.py`); a large table is read piece by piece; all
else is one statement and one answer.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa

from ...errors import InternalError
from ...operators.answer import answer
from ...plan.physical.steps import QueryPlan
from ...plan.pull.plan import PullPlan
from ...sql.compile.expression import bind_functions
from ...sql.expressions import Column
from ...state.duckdb import fetch
from ...state.reader import StateReader
from ...state.recent import Key
from ...state.store import StateStore
from ..telemetry.processing_log import ProcessingLog
from .lookup import Lookup
from .places import Places
from .scan import PIECE_ROWS, Tables
from .view import STATE, view_sql

if TYPE_CHECKING:
    from ..pipeline import Engine


class PulledTable:
    """Of one task. `pull` may be called from any thread."""

    def __init__(self, plan: QueryPlan, store: StateStore, engine: Engine) -> None:
        if plan.materialized is None:
            raise InternalError(f"{plan.query_id} keeps no table")
        self._plan = plan
        self._engine = engine
        self._store = store
        self._name = plan.materialized
        self._state = store.tables[self._name]
        self._lookup = Lookup(plan, self._state)
        self._places = Places(self._state, self._reader)
        self._readers: list[StateReader] = []
        self._lock = threading.Lock()

    def pull(self, pull: PullPlan) -> Tables:
        """The answer of a pull query, piece by piece."""
        for rows in self._selected(pull):
            yield self._answered(pull, rows) if pull.steps else rows

    def _selected(self, pull: PullPlan) -> Tables:
        """What its SELECT gives of the table's rows."""
        key = self._lookup.key(pull)
        found = None if key is None else self._lookup.found(key)
        if found is not None and (row := self._lookup.picked(found, pull)) is not None:
            yield row
            return
        with self._reader() as reader:
            bind_functions(reader.connection, [*pull.columns, *([] if pull.where is None else [pull.where])])
            if found is not None:
                yield reader.read_rows(self._sql(replace(pull, where=None)), self._lookup.row(found))
                return
            stored = None if key is None else self._lookup.stored_sql(key, pull)
            if stored is not None:
                yield self._stored(reader, stored, key)
                return
            yield from self._read(reader, pull, held=key is None)

    def _stored(self, reader: StateReader, sql: str, key: Key | None) -> pa.Table:
        """The row of a key that lies in the table; `sql` looks through all of it."""
        place = None if key is None else self._places.find(key)
        if place is not None:
            there = fetch(reader.connection, f"{sql} AND {STATE}.rowid = {place}")
            if there.num_rows:
                return there
        found = fetch(reader.connection, sql)
        if found.num_rows:
            self._places.scanned()
        return found

    def _read(self, reader: StateReader, pull: PullPlan, *, held: bool) -> Iterator[pa.Table]:
        """What its SQL gives. `held`: rows may lie in memory."""
        sql = self._sql(pull)
        most = self._state.rows if pull.limit is None else min(pull.limit, self._state.rows)
        if not pull.by_key and most > PIECE_ROWS:
            return reader.scan(sql, PIECE_ROWS)
        return iter([reader.read(sql, self._keyed(pull)) if held else reader.read_table(sql)])

    def _sql(self, pull: PullPlan) -> Callable[[str], str]:
        return lambda rows: pull.sql(f"({view_sql(self._plan, rows)})")

    def _keyed(self, pull: PullPlan) -> Callable[[str], str] | None:
        """The same with the row's key behind the columns, where the table has it and each row stands for itself."""
        if len(self._lookup.keys) != 1 or pull.limit is not None or pull.steps:
            return None
        (key,) = self._lookup.keys
        of = self._plan.schema.columns[key]
        return self._sql(replace(pull, columns=(*pull.columns, Column(key, of.name, of.type))))

    @contextmanager
    def _reader(self) -> Iterator[StateReader]:
        """A connection of its own for each pull query at a time: they run beside each other and beside the flow."""
        with self._lock:
            reader = self._readers.pop() if self._readers else self._store.reader(self._name)
        try:
            yield reader
        finally:
            with self._lock:
                self._readers.append(reader)

    def _answered(self, pull: PullPlan, rows: pa.Table) -> pa.Table:
        """The rows after the models of a pull query. Its log is its own: the flow's belongs to the flow's thread."""
        engine = self._engine
        log = ProcessingLog(self._plan.query_id, engine.topics, engine.clock.now_ms, lambda kind: None)
        try:
            return answer(pull.steps, rows, pull.schema, engine.instance, log.report, engine.models())
        finally:
            log.close()

    def close(self) -> None:
        """Give back the connections; no pull query may be under way."""
        self._places.close()
        for reader in self._readers:
            reader.close()
        self._readers.clear()
