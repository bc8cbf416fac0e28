"""Rows that small batches have changed lately: in memory, ahead of the state table, which gets them when the epoch closes.

To find a row, write it and commit costs DuckDB milliseconds, for one row as for thousands. An operator that `put`s a small
batch's rows here pays for that once an epoch; the next batch finds the rows here again. What holds for a table holds on:

- Kill and resume. A checkpoint is believed when every worker has closed its epoch, and before that the rows are written
  (`settle`), with their before-images, under that epoch. A kill loses changes of an epoch that is undone anyway.
- Order. Whatever else changes the table (`StateTable.apply`, `expire`, a rollback) has the rows here written first, and
  makes this forget them; whoever reads the table by SQL calls `settle` before.
- Whole batches. `put` shows nothing: a batch's rows become visible together, when its transaction ends. Readers on other
  threads take rows ahead of the table together with the table as it was then (`reader.py`).
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from .change import old_columns, same_keys
from .duckdb import Prepared

if TYPE_CHECKING:
    from .table import StateTable

Key = tuple[Any, ...]
Row = tuple[pa.Table, int]
"""A row of a batch's change: no value is taken out of Arrow, so none is altered on the way."""

STORED = "s"  # struct: the stored row's values and `rowid`, NULL where there is none; as `s.` of a join would give them
PLAIN = frozenset(("VARCHAR", "BIGINT", "INTEGER", "BOOLEAN", "BLOB"))
"""Types of keys that are equal in Python where DuckDB finds them equal."""
KEPT_MAX = 10_000
_AT = "_at"


class RecentRows:
    """The recent rows of one table. Owned by the store's thread, but for `find` and `unwritten`."""

    def __init__(self, table: StateTable) -> None:
        self._table = table
        self._rows: dict[Key, Row] = {}  # of whole batches
        self._unwritten: set[Key] = set()  # those of them that the table has not
        self._lock = threading.Lock()  # readers look at both
        self._commits = 0
        self._told: tuple[int, pa.Table | None] = (-1, None)  # what `unwritten` gave last, and after how many commits
        self._staged: dict[Key, Row] = {}  # the transaction's own
        self._settled: dict[Key, Row] | None = None  # what it has written to the table
        self._stale = False  # it has changed the table directly
        self._find = Prepared(table.connection, self._find_sql, size=table.size)
        self._before = Prepared(table.connection, self._before_sql, size=table.size)

    # ------------------------------------------------------------------------------------------------------ small batches
    def find_all(self, batch: pa.Table) -> tuple[list[Key], list[Row | None]]:
        """The keys of a batch (of any rows that have the table's keys), and the stored row of each."""
        if len(self._rows) > KEPT_MAX:
            self.give_way()
        keys = self._keys(batch)
        rows = [self._known(key) for key in keys]
        missing = [i for i, row in enumerate(rows) if row is None]
        if missing and self._table.rows:
            asked = batch.select(self._table.keys).take(pa.array(missing))
            found = self._find(asked.append_column(_AT, pa.array(missing, pa.int64())))
            for row, at in enumerate(found.column(_AT).to_pylist()):
                rows[at] = (found, row)
        return keys, rows

    def joined(self, batch: pa.Table, rows: Sequence[Row | None]) -> pa.Table:
        """A batch with the stored rows in the column STORED."""
        return batch.append_column(STORED, self._stored(rows))

    def _known(self, key: Key) -> Row | None:
        row = self._staged.get(key)
        if row is None and not self._stale:
            row = (self._settled or self._rows).get(key) or self._rows.get(key)
        return row

    def _stored(self, rows: Sequence[Row | None]) -> pa.Array:
        names = self._table.values
        there = [row for row in rows if row is not None]
        if not there:
            types = self._table.arrow_types
            return pa.nulls(len(rows), pa.struct([("rowid", pa.int64()), *zip(names, types, strict=True)]))
        values = gathered(there, names)
        absent = np.array([row is None for row in rows])
        if absent.any():
            values = values.take(pa.array(np.cumsum(~absent) - 1, mask=absent))
        columns = [values.column(n).combine_chunks() for n in names]
        rowid = pa.array(np.zeros(len(rows), np.int64))
        return pa.StructArray.from_arrays([rowid, *columns], ["rowid", *names], mask=pa.array(absent))

    def put(self, change: pa.Table, fresh: int) -> None:
        """The rows of a batch's change, with all columns that readers may ask for; `fresh` of them are new."""
        for at, key in enumerate(self._keys(change)):
            self._staged[key] = (change, at)
        self._table.rows += fresh

    def _keys(self, table: pa.Table) -> list[Key]:
        return list(zip(*(table.column(n).to_pylist() for n in self._table.keys), strict=True))

    # -------------------------------------------------------------------------------------------------------- the table
    def settle(self) -> None:
        """Write what the table has not. Afterwards SQL over the table sees all that this thread has put."""
        ahead = {} if self._settled is not None else {key: self._rows[key] for key in self._unwritten}
        ahead |= self._staged
        if not ahead:
            return
        with self._table.transaction():
            rows = gathered(list(ahead.values()), (*self._table.keys, *self._table.values))
            self._table.write(self._before(rows))
            self._settled = (self._settled or {}) | ahead
            self._staged = {}

    def give_way(self) -> None:
        """The table is about to be changed directly: write what it has not, and forget the rest with the transaction."""
        self.settle()
        with self._table.transaction():
            self._stale = True

    def _find_sql(self, source: str, names: Sequence[str]) -> str:
        values = ", ".join(f"s.{n}" for n in self._table.values)
        return (
            f"SELECT b.{_AT}, {values} FROM {source} AS b JOIN {self._table.name} AS s ON {same_keys(self._table.keys)}"
        )

    def _before_sql(self, source: str, names: Sequence[str]) -> str:
        olds, same = ", ".join(old_columns(self._table.values)), same_keys(self._table.keys)
        return f"SELECT b.*, {olds} FROM {source} AS b LEFT JOIN {self._table.name} AS s ON {same}"

    # ---------------------------------------------------------------------------------------------------- transactions
    def commit(self) -> None:
        """The store's transaction has ended well: its rows become visible."""
        if not self._staged and self._settled is None and not self._stale:
            return
        with self._lock:
            self._commits += 1
            if self._settled is not None:
                self._unwritten.clear()
            if self._stale:
                self._rows.clear()
            else:
                self._rows |= self._settled or {}
            self._rows |= self._staged
            self._unwritten |= self._staged.keys()
        self.abandon()

    def abandon(self) -> None:
        """The transaction is over, or undone: nothing of it is held."""
        self._staged, self._settled, self._stale = {}, None, False

    # --------------------------------------------------------------------------------------------------------- readers
    def find(self, key: Key) -> Row | None:
        """The newest row of a key; None where it is not here, and so not ahead of the table. From any thread."""
        with self._lock:
            return self._rows.get(key)

    def unwritten(self) -> pa.Table | None:
        """Keys and values of all rows that the table has not yet, of one moment. From any thread."""
        with self._lock:
            commits, told = self._commits, self._told
            rows = [] if told[0] == commits else [self._rows[key] for key in self._unwritten]
        if told[0] != commits:
            names = (*self._table.keys, *self._table.values)
            self._told = told = (commits, gathered(rows, names) if rows else None)
        return told[1]

    def close(self) -> None:
        """Give back its prepared statements."""
        self._find.close()
        self._before.close()


def gathered(rows: Sequence[Row], names: Sequence[str]) -> pa.Table:
    """Rows of several tables as one, in their order; at least one row."""
    starts: dict[int, int] = {}
    tables: list[pa.Table] = []
    places, end = [], 0
    for table, at in rows:
        start = starts.get(id(table))
        if start is None:
            start = starts[id(table)] = end
            tables.append(table.select(names))
            end += table.num_rows
        places.append(start + at)
    whole = tables[0] if len(tables) == 1 else pa.concat_tables(tables).combine_chunks()
    if places == list(range(end)):
        return whole
    return whole.take(pa.array(places))
