"""Reading a state table from another thread than its writer's: SQL over the table and the rows that are ahead of it.

DuckDB gives a reader whole transactions, and the recent rows are of whole batches; together they are only while nothing is
written in between. That is seen after the query, which is asked again: writing comes once an epoch. Where it comes again
and again (a scan that takes longer than an epoch), the table is held as it is for as long as it takes to begin.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from .duckdb import Slot, fetch

if TYPE_CHECKING:
    from .table import StateTable

TRIES = 2
_AHEAD = "_ahead"


class Changes:
    """Counts the moments at which a store's tables change, and can put one off."""

    def __init__(self) -> None:
        self.count = 0
        self._lock = threading.Lock()

    @contextmanager
    def changing(self) -> Iterator[None]:
        """The writer: tables and recent rows do not fit together inside."""
        with self._lock:
            self.count += 1
            yield
            self.count += 1

    @contextmanager
    def held_off(self) -> Iterator[None]:
        """A reader, for a moment."""
        with self._lock:
            yield

    @property
    def under_way(self) -> bool:
        """Whether a change is being made."""
        return self.count % 2 == 1


class StateReader:
    """One reader of one table; used by one thread at a time."""

    def __init__(self, table: StateTable, connection: duckdb.DuckDBPyConnection, changes: Changes) -> None:
        self.connection = connection
        self._table = table
        self._changes = changes
        self._slot: Slot | None = None

    def read(self, sql: Callable[[str], str]) -> pa.Table:
        """The answer to `sql`, which is given the relation to read: the state's keys and values as columns."""
        for _ in range(TRIES):
            before = self._changes.count
            ahead = self._ahead()
            if ahead is None:
                return self.read_table(sql)
            if self._changes.under_way:
                continue
            made = self._read(sql, ahead)
            if self._changes.count == before:
                return made
        return self._read_held(sql)

    def read_table(self, sql: Callable[[str], str]) -> pa.Table:
        """The same of the table alone: for who asks only for rows that are not ahead of it."""
        return fetch(self.connection, sql(self._table.name))

    def scan(self, sql: Callable[[str], str], rows: int) -> Iterator[pa.Table]:
        """The same in tables of `rows` rows, at least one, all as of the moment of the first. DuckDB makes them as they are
        asked for; the writer goes on meanwhile, and what it changes is kept as it was for as long as this lasts."""
        with self._held() as relation, closing(self._opened(sql(relation), rows)) as reader:
            empty = True
            for batch in reader:
                empty = False
                yield pa.Table.from_batches([batch])
            if empty:
                yield reader.schema.empty_table()

    def _opened(self, sql: str, rows: int) -> pa.RecordBatchReader:
        return self.connection.execute(sql).to_arrow_reader(rows)

    def _read_held(self, sql: Callable[[str], str]) -> pa.Table:
        with self._held() as relation:
            return fetch(self.connection, sql(relation))

    @contextmanager
    def _held(self) -> Iterator[str]:
        """The relation to read, which stays as it is now."""
        self.connection.execute("BEGIN")
        try:
            with self._changes.held_off():
                ahead = self._ahead()
                self.connection.execute(f"SELECT 1 FROM {self._table.name} LIMIT 0")  # from here on the table is as now
            yield self._table.name if ahead is None else self._with(ahead)
        finally:
            self.connection.execute("ROLLBACK")
            self._let_go()

    def _ahead(self) -> pa.Table | None:
        return None if self._table.recent is None else self._table.recent.unwritten()

    def _read(self, sql: Callable[[str], str], ahead: pa.Table) -> pa.Table:
        try:
            return fetch(self.connection, sql(self._with(ahead)))
        finally:
            self._let_go()

    def _with(self, ahead: pa.Table) -> str:
        """The table together with the rows ahead of it, as a relation."""
        if self._slot is None:
            self._slot = Slot(self.connection, _AHEAD, ahead)
        self._slot.put(ahead)
        columns = ", ".join((*self._table.keys, *self._table.values))
        same = " AND ".join(f"a.{k} = t.{k}" for k in self._table.keys)
        behind = f"SELECT {columns} FROM {self._table.name} AS t WHERE NOT EXISTS (FROM {_AHEAD} AS a WHERE {same})"
        return f"({behind} UNION ALL SELECT {columns} FROM {_AHEAD})"

    def _let_go(self) -> None:
        if self._slot is not None:
            self._slot.clear()

    def close(self) -> None:
        """Give the connection back."""
        self.connection.close()
