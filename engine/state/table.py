"""A state table: rows by key, changed a batch at a time, with the images of what they were.

A batch's change is worked out by the operator in one SELECT that joins batch and state: it gives the new values, the
old ones and the row's place (`_rid`). So nothing is looked up by key twice: the UPDATE goes by row number (but for
some that the same transaction has changed before), the images are copied from the change itself. Beside each table lies
`<name>_undo` with its columns, the epoch and a counter. An operator that asks for it (`keep_recent`) may hold what small
batches change in memory until the epoch closes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from ..errors import Conflict
from .change import GONE, OLD, ROW
from .duckdb import Prepared, fetch
from .recent import PLAIN, RecentRows

if TYPE_CHECKING:
    from .store import StateStore

Column = tuple[str, str]
"""A column's name and DuckDB type."""

FEW_ROWS = 64  # of a batch: up to so many are looked at one by one
_IMAGED_MAX = 10_000


class StateTable:
    """Rows addressed by `keys`. Made by `StateStore.table`; used by the store's thread inside its transactions."""

    def __init__(
        self,
        store: StateStore,
        name: str,
        keys: tuple[Column, ...],
        values: tuple[Column, ...],
        former: Mapping[str, tuple[str, str]],
    ) -> None:
        self.name = f"{store.database}.{name}"
        self.recent: RecentRows | None = None
        self._plain = all(t in PLAIN for _, t in keys)
        self.moves = any("[" in t or "MAP(" in t for _, t in values)  # DuckDB updates such rows by writing them anew
        self.keys = tuple(n for n, _ in keys)
        self.values = tuple(n for n, _ in values)
        self._store = store
        self._undo = f"{self.name}_undo"
        self.connection = store.connection
        self._make(name, (*keys, *values), former)
        self._epochs: set[int] = {row[0] for row in self._all(f"SELECT DISTINCT _epoch FROM {self._undo}")}
        self._imaged: set[tuple[Any, ...]] = set()  # keys whose image of the epoch `_imaged_in` is kept
        self._imaged_in = store.epoch
        self._images = int(self._all(f"SELECT coalesce(max(_image), 0) FROM {self._undo}")[0][0])
        self.rows = int(self._all(f"SELECT count(*) FROM {self.name}")[0][0])
        self._keep_image = Prepared(self.connection, self._image_sql, answers=False)
        self._insert = Prepared(self.connection, self._insert_sql, answers=False)
        self._by_place = self._delete_and_update(f"s.rowid = r.{ROW}")
        self._by_key = self._delete_and_update(self._same_key("r"))

    def size(self) -> int:
        """How many rows it holds, about."""
        return self.rows

    def keep_recent(self) -> RecentRows | None:
        """From here on small batches may be `put` into its recent rows. None where its keys are of types that only DuckDB
        compares as it should."""
        if self.recent is None and self._plain:
            self.recent = RecentRows(self)
        return self.recent

    def settle(self) -> None:
        """Make what small batches have changed visible to SQL over the table."""
        if self.recent is not None:
            self.recent.settle()

    def transaction(self) -> AbstractContextManager[None]:
        """The store's."""
        return self._store.transaction()

    @cached_property
    def arrow_types(self) -> list[pa.DataType]:
        """Of the values, as DuckDB gives them."""
        return [
            f.type for f in fetch(self.connection, f"SELECT {', '.join(self.values)} FROM {self.name} LIMIT 0").schema
        ]

    def _all(self, sql: str) -> list[tuple[int, ...]]:
        return self.connection.execute(sql).fetchall()

    def _make(self, name: str, columns: Sequence[Column], former: Mapping[str, tuple[str, str]]) -> None:
        fingerprint = self._fingerprint(columns)
        layout = f"{self._store.database}.layout"
        known = self.connection.execute(f"SELECT fingerprint FROM {layout} WHERE state = ?", [name]).fetchone()
        if known is not None and known[0] != fingerprint:
            olds = [(n, former[n][0] if n in former else t) for n, t in columns]
            if known[0] == self._fingerprint(olds):
                self._bring_on(name, columns, former)
                return
            raise Conflict(
                f"the stored state {name} has another layout than the query needs",
                detail=f"stored: {known[0]}\nneeded: {fingerprint}",
                hint="keep the query as it was, or drop it and create it anew so that it starts from its sources again",
            )
        if known is None:
            text = ", ".join(f"{n} {t}" for n, t in columns)
            with self._store.transaction():
                self._store.change()
                self.connection.execute(f"CREATE TABLE {self.name} ({text})")
                self.connection.execute(
                    f"CREATE TABLE {self._undo} (_epoch BIGINT, _image BIGINT, _existed BOOLEAN, {text})"
                )
                self.connection.execute(f"INSERT INTO {layout} VALUES (?, ?)", [name, fingerprint])

    def _fingerprint(self, columns: Sequence[Column]) -> str:
        return ", ".join(f"{n} {t}" for n, t in columns) + f"; {', '.join(self.keys)}"

    def _bring_on(self, name: str, columns: Sequence[Column], former: Mapping[str, tuple[str, str]]) -> None:
        """Make what an earlier version has stored into what is kept now."""
        with self._store.transaction():
            self._store.change()
            for column, kind in columns:
                for table in (self.name, self._undo) if column in former else ():
                    self.connection.execute(f"ALTER TABLE {table} ALTER {column} TYPE {kind} USING {former[column][1]}")
            self.connection.execute(
                f"UPDATE {self._store.database}.layout SET fingerprint = ? WHERE state = ?",
                [self._fingerprint(columns), name],
            )

    # -------------------------------------------------------------------------------------------------------- change
    def apply(self, change: pa.Table) -> None:
        """Write a batch's change: one row a key, with columns `_rid`, the keys, the new values under their names, the
        old ones as `old_<name>`, and `_gone` where rows are deleted. Keys that are gone and were not there are passed by."""
        if change.num_rows == 0:
            return
        if self.recent is not None:
            self.recent.give_way()
        self.rows += self.write(change)

    def write(self, change: pa.Table) -> int:
        """`apply` for who has counted the rows; gives how many more there are."""
        self._store.change()
        rows = change.column(ROW)
        fresh = int(rows.null_count)
        gained = 0
        gone = change.column(GONE) if GONE in change.schema.names else None
        deletes = gone is not None and bool(pc.any(gone).as_py())
        self._note_images(self._without_image(change))
        delete, update = self._by_key if self._note_change(deletes) else self._by_place
        if deletes:
            there = change.filter(pc.and_(gone, pc.is_valid(rows)))
            delete(there)
            gained -= there.num_rows
            change = change.filter(pc.invert(gone))
            fresh = int(change.column(ROW).null_count)
        if fresh < change.num_rows:
            update(change if fresh == 0 else change.filter(pc.is_valid(change.column(ROW))))
        if fresh:
            self._insert(change if fresh == change.num_rows else change.filter(pc.is_null(change.column(ROW))))
        return gained + fresh

    def _note_change(self, deletes: bool) -> bool:
        """The transaction changes the table now, with deletions or without: whether by key, for what it has changed before.
        DuckDB 2.0 writes past its buffers where a join on rowid reads rows that its own transaction has added and taken
        away again, as updates of lists do."""
        before = self._store.written.get(self.name)
        by_key = before is not None and (before or deletes)
        self._store.written[self.name] = by_key or self.moves
        return by_key

    def _without_image(self, change: pa.Table) -> pa.Table:
        """The rows whose image of this epoch is not kept yet: only the oldest of an epoch is ever laid back. Looked at in
        small batches alone, which are many an epoch, and where a statement costs more than looking."""
        if self._imaged_in != self._store.epoch:
            self.forget_imaged()
        if change.num_rows > FEW_ROWS or len(self._imaged) > _IMAGED_MAX:
            return change
        keys = list(zip(*(change.column(n).to_pylist() for n in self.keys), strict=True))
        try:
            lacking = [i for i, key in enumerate(keys) if key not in self._imaged]
            self._imaged.update(keys)
        except TypeError:  # keys that are lists or structs
            return change
        return change if len(lacking) == len(keys) else change.take(pa.array(lacking, pa.int64()))

    def forget_imaged(self) -> None:
        """What is known of this epoch's images does not hold any more: they were undone."""
        self._imaged.clear()
        self._imaged_in = self._store.epoch

    def _note_images(self, change: pa.Table) -> None:
        if not change.num_rows:
            return
        self._images += 1
        columns = {n: change.column(n) for n in (ROW, *self.keys)}
        columns |= {OLD + n: change.column(OLD + n) for n in self.values}
        columns["_epoch"] = pa.repeat(pa.scalar(self._store.epoch, pa.int64()), change.num_rows)
        columns["_image"] = pa.repeat(pa.scalar(self._images, pa.int64()), change.num_rows)
        self._keep_image(pa.table(columns))
        self._epochs.add(self._store.epoch)

    def _image_sql(self, source: str, names: Sequence[str]) -> str:
        columns = ", ".join((*self.keys, *(OLD + n for n in self.values)))
        return f"INSERT INTO {self._undo} SELECT _epoch, _image, {ROW} IS NOT NULL, {columns} FROM {source}"

    def _delete_and_update(self, same: str) -> tuple[Prepared, Prepared]:
        """The two statements over a change `r`. `same`: SQL for whether its row is the stored row `s`."""
        sets = ", ".join(f"{n} = r.{n}" for n in self.values)

        def delete(source: str, names: Sequence[str]) -> str:
            return f"DELETE FROM {self.name} AS s USING {source} AS r WHERE {same}"

        def update(source: str, names: Sequence[str]) -> str:
            return f"UPDATE {self.name} AS s SET {sets} FROM {source} AS r WHERE {same}"

        return (
            Prepared(self.connection, delete, size=self.size, answers=False),
            Prepared(self.connection, update, size=self.size, answers=False),
        )

    def _same_key(self, other: str) -> str:
        """SQL for whether a row of `other` has the key of the stored row `s`."""
        return " AND ".join(f"s.{k} IS NOT DISTINCT FROM {other}.{k}" for k in self.keys)

    def _insert_sql(self, source: str, names: Sequence[str]) -> str:
        columns = ", ".join((*self.keys, *self.values))
        return f"INSERT INTO {self.name} ({columns}) SELECT {columns} FROM {source}"

    def expire(self, condition: str) -> None:
        """Delete the rows for which `condition` (SQL over the table's columns) holds, keeping their images."""
        if self.recent is not None:
            self.recent.give_way()
        self._store.change()
        columns = ", ".join((*self.keys, *self.values))
        self._images += 1
        counted = self.connection.execute(
            f"INSERT INTO {self._undo} SELECT {self._store.epoch}, {self._images}, true, {columns} FROM {self.name}"
            f" WHERE {condition}"
        ).fetchone()
        if counted and counted[0]:
            self._note_change(deletes=True)
            self._epochs.add(self._store.epoch)
            self.connection.execute(f"DELETE FROM {self.name} WHERE {condition}")
            self.rows -= int(counted[0])

    # ---------------------------------------------------------------------------------------------------- the way back
    def holds_images_until(self, epoch: int) -> bool:
        """Whether images of epochs up to `epoch` are kept."""
        return any(e <= epoch for e in self._epochs)

    def forget(self, epoch: int) -> None:
        """Give up the images of epochs up to `epoch`."""
        self._epochs = {e for e in self._epochs if e > epoch}
        if self._epochs:
            self.connection.execute(f"DELETE FROM {self._undo} WHERE _epoch <= {epoch}")
        else:
            self.connection.execute(f"TRUNCATE {self._undo}")

    def rollback_to(self, epoch: int) -> None:
        """Lay back the rows as they were at the end of `epoch`."""
        if self.recent is not None:
            self.recent.give_way()
        self.forget_imaged()
        if not any(e > epoch for e in self._epochs):
            return
        keys = ", ".join(self.keys)
        columns = ", ".join((*self.keys, *self.values))
        oldest = (
            f"SELECT * FROM {self._undo} WHERE _epoch > {epoch}"
            f" QUALIFY row_number() OVER (PARTITION BY {keys} ORDER BY _image) = 1"
        )
        self.connection.execute(f"DELETE FROM {self.name} AS s USING ({oldest}) AS u WHERE {self._same_key('u')}")
        self.connection.execute(f"INSERT INTO {self.name} SELECT {columns} FROM ({oldest}) AS u WHERE u._existed")
        self.connection.execute(f"DELETE FROM {self._undo} WHERE _epoch > {epoch}")
        self._epochs = {e for e in self._epochs if e <= epoch}
        self.rows = int(self._all(f"SELECT count(*) FROM {self.name}")[0][0])

    def close(self) -> None:
        """Give back its prepared statements."""
        for prepared in (self._keep_image, self._insert, *self._by_place, *self._by_key):
            prepared.close()
        if self.recent is not None:
            self.recent.close()
