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
import pyarrow.compute as pc

from .change import same_keys
from .duckdb import Prepared, Slot, fetch

if TYPE_CHECKING:
    from .table import StateTable

TRIES = 2
STATEMENTS_MAX = 16
Statement = Callable[[str], str]
"""SQL over the relation whose name, or text, it is given."""
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
        self._statements: dict[str, Prepared] = {}

    def read(self, sql: Statement, keyed: Statement | None = None) -> pa.Table:
        """The answer to `sql`, which is given the relation to read: the state's keys and values as columns. `keyed`: the same
        with the key of each row as one more column, where each row is answered for by itself."""
        for _ in range(TRIES):
            before = self._changes.count
            ahead = self._ahead()
            if ahead is None:
                return self.read_table(sql)
            if self._changes.under_way:
                continue
            made = self._read(sql, ahead) if keyed is None else self._read_apart(keyed, ahead)
            if self._changes.count == before:
                return made
        return self._read_held(sql)

    def read_table(self, sql: Statement) -> pa.Table:
        """The same of the table alone: for who asks only for rows that are not ahead of it."""
        return fetch(self.connection, sql(self._table.name))

    def scan(self, sql: Statement, rows: int) -> Iterator[pa.Table]:
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

    def _read_held(self, sql: Statement) -> pa.Table:
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

    def _read(self, sql: Statement, ahead: pa.Table) -> pa.Table:
        try:
            return fetch(self.connection, sql(self._with(ahead)))
        finally:
            self._let_go()

    def _read_apart(self, keyed: Statement, ahead: pa.Table) -> pa.Table:
        """The table's rows but for those that are ahead of it, and these, whose statement is kept: planning the two as one,
        with an anti-join, takes DuckDB twice as long as the answer to either."""
        (key,) = self._table.keys
        behind, newer = self.read_table(keyed), self.read_rows(keyed, ahead)
        last = behind.num_columns - 1
        stale = pc.is_in(behind.column(last), ahead.column(key))
        behind = behind.filter(pc.invert(stale)) if pc.any(stale).as_py() else behind
        return pa.concat_tables([behind, newer]).remove_column(last)

    def read_rows(self, sql: Statement, rows: pa.Table) -> pa.Table:
        """The same of `rows`, which have the columns of the state, in place of the table. The last few statements are kept."""
        text = sql("")
        statement = self._statements.pop(text, None) or Prepared(self.connection, lambda source, _: sql(source))
        self._statements[text] = statement  # as the newest
        if len(self._statements) > STATEMENTS_MAX:
            self._statements.pop(next(iter(self._statements))).close()
        return statement(rows)

    def _with(self, ahead: pa.Table) -> str:
        """The table together with the rows ahead of it, as a relation."""
        if self._slot is None:
            self._slot = Slot(self.connection, _AHEAD, ahead)
        self._slot.put(ahead)
        columns = ", ".join((*self._table.keys, *self._table.values))
        same = same_keys(self._table.keys)
        behind = f"SELECT {columns} FROM {self._table.name} AS s WHERE NOT EXISTS (FROM {_AHEAD} AS b WHERE {same})"
        return f"({behind} UNION ALL SELECT {columns} FROM {_AHEAD})"

    def _let_go(self) -> None:
        if self._slot is not None:
            self._slot.clear()

    def close(self) -> None:
        """Give the connection back."""
        for statement in self._statements.values():
            statement.close()
        self.connection.close()
