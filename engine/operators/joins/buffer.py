"""What one side of a stream–stream join remembers: its rows, for as long as the other side's may still meet them.

A row lies in a bucket of time as wide as the join's window, so that a look for partners compares only rows of the key
and of two buckets. `_open` marks a row that waits for a partner, to go on alone when none can come any more.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ...sql.schema import Schema
from ...sql.types import duckdb_type
from ...state.change import OLD, ROW
from ...state.duckdb import Prepared
from ..context import Context
from ..operator import KEY_GROUP, PARTITION, ROWTIME, WINDOW_END, WINDOW_START

ID = "_id"  # int64: order of arrival; unique, also when stores are dealt out anew by key group
BUCKET = "_bucket"  # int64: rowtime by the window's width
OPEN = "_open"  # bool: it has met no row yet, and goes on alone when its window closes
_GROUPS = 64


class JoinBuffer:
    """The rows of one side. `schema`: of both sides' edge, `places`: this side's columns of it; column 0 is the key."""

    def __init__(self, context: Context, name: str, schema: Schema, places: range, *, windowed: bool) -> None:
        self._connection = context.connection
        columns = [(f"c{i}", duckdb_type(schema.columns[i].type)) for i in (0, *places)]
        windows = [(WINDOW_START, "BIGINT"), (WINDOW_END, "BIGINT")] if windowed else []
        systems = [(ROWTIME, "BIGINT"), (PARTITION, "INTEGER"), *windows, (BUCKET, "BIGINT"), (OPEN, "BOOLEAN")]
        values = [*columns, *systems, (KEY_GROUP, "INTEGER")]
        self.names = [n for n, _ in values]
        self.table = context.store.table(name, [(ID, "BIGINT")], values)
        self._insertion = Prepared(self._connection, self._insertion_sql)
        self._found = Prepared(self._connection, self._found_sql, size=self.table.size)
        self._due = Prepared(self._connection, self._due_sql, size=self.table.size)
        self._next = 0
        self.earliest: int | None = None  # the least rowtime of an open row
        self.reload()

    def reload(self) -> None:
        """Read again what is stored: the state has been rolled back."""
        ((last,),) = self._connection.execute(f"SELECT max({ID}) FROM {self.table.name}").fetchall()
        self._next = 0 if last is None else int(last) // _GROUPS + 1
        self.look()

    def look(self) -> None:
        """See which open row is the earliest."""
        earliest = f"SELECT min({ROWTIME}) FROM {self.table.name} WHERE {OPEN}"
        ((self.earliest,),) = self._connection.execute(earliest).fetchall()

    def ids(self, groups: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
        """Numbers for new rows of these key groups, in order."""
        made = (np.arange(len(groups), dtype=np.int64) + self._next) * _GROUPS + groups
        self._next += len(groups)
        return made

    # --------------------------------------------------------------------------------------------------------- change
    def add(self, rows: pa.Table) -> None:
        """Keep these rows of the batch."""
        if not rows.num_rows:
            return
        self.table.apply(self._insertion(rows))
        waiting = rows.filter(rows.column(OPEN))
        if waiting.num_rows:
            first = pc.min(waiting.column(ROWTIME)).as_py()
            self.earliest = first if self.earliest is None else min(self.earliest, first)

    def _insertion_sql(self, source: str, names: Sequence[str]) -> str:
        old = [f"CASE WHEN false THEN {n} END AS {OLD}{n}" for n in self.names]
        columns = [ID, *self.names, f"NULL::BIGINT AS {ROW}", *old]
        return f"SELECT {', '.join(columns)} FROM {source}"

    def shut(self, rows: pa.Table) -> None:
        """These stored rows (as `due` or `found` gave them) wait no more."""
        if not rows.num_rows:
            return
        change = {n: rows.column(n) for n in (ROW, ID, *self.names)}
        change |= {OLD + n: rows.column(n) for n in self.names}
        change[OPEN] = pa.repeat(pa.scalar(False), rows.num_rows)
        self.table.apply(pa.table(change))
        self.look()

    def expire(self, condition: str) -> None:
        """Forget the rows that nothing can meet any more; open ones stay until they have gone on."""
        self.table.expire(f"({condition}) AND NOT {OPEN}")

    # ----------------------------------------------------------------------------------------------------------- read
    def found(self, ids: pa.Array) -> pa.Table:
        """The open rows of these numbers."""
        return self._found(pa.table({ID: ids}))

    def due(self, edges: dict[int, int]) -> pa.Table:
        """The open rows of each partition with a rowtime below its edge."""
        partitions, times = pa.array(list(edges), pa.int32()), pa.array(list(edges.values()), pa.int64())
        return self._due(pa.table({"p": partitions, "edge": times}))

    def _found_sql(self, source: str, names: Sequence[str]) -> str:
        return f"SELECT *, rowid AS {ROW} FROM {self.table.name} WHERE {OPEN} AND {ID} IN (SELECT {ID} FROM {source})"

    def _due_sql(self, source: str, names: Sequence[str]) -> str:
        same = f"s.{PARTITION} = t.p AND s.{ROWTIME} < t.edge"
        return f"SELECT s.*, s.rowid AS {ROW} FROM {self.table.name} AS s JOIN {source} AS t ON {same} WHERE s.{OPEN}"
