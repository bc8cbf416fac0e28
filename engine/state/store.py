"""What a query remembers on one worker: a DuckDB file, its tables, and the way back to an epoch.

A batch is one transaction, so that a reader sees whole batches. Bytewax may resume at an epoch before the last commit,
so each change keeps the row as it was (its before-image) under the epoch's number until that epoch is durable;
`rollback_to` lays the oldest images above an epoch back. One thread writes; readers take cursors of their own.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import duckdb

from ..errors import EnvironmentFault
from .duckdb import attach, cursor, faults
from .reader import Changes, StateReader
from .table import Column, StateTable

_names = itertools.count()


class StateStore:
    """The state of one query on one worker. Owned by the worker's thread, but for `reader`.

    `connection` reads and writes the state; `evaluation` is for calls that touch none, outside the transaction: one that
    fails because of a row must not take the batch's transaction with it.
    `path` None keeps it in memory. Raises EnvironmentFault when the file cannot be opened, Conflict when it holds a
    table of another layout (`table`).
    """

    def __init__(self, instance: duckdb.DuckDBPyConnection, path: Path | str | None = None) -> None:
        self.database = f"state{next(_names)}"
        self.path = path
        self.epoch = 0
        self._instance = instance
        attach(instance, path, self.database)
        self.connection = cursor(instance)
        self.evaluation = cursor(instance)
        self._tables: dict[str, StateTable] = {}
        self._inside = False
        self._begun = False
        self.written: dict[str, bool] = {}  # by the transaction under way; whether it takes away rows that it has added
        self.changes = Changes()
        try:
            self._durable = self._recorded = self._prepare()
        except BaseException:
            self.close()  # else the file stays attached, and the next try finds it in use
            raise

    def _prepare(self) -> int | None:
        """Make the store's own tables; the epoch up to which it is durable."""
        with faults("cannot write the state"):
            self.connection.execute(
                f"CREATE TABLE IF NOT EXISTS {self.database}.layout (state VARCHAR, fingerprint VARCHAR)"
            )
            self.connection.execute(f"CREATE TABLE IF NOT EXISTS {self.database}.durable (epoch BIGINT)")
        row = self.connection.execute(f"SELECT max(epoch) FROM {self.database}.durable").fetchone()
        return row[0] if row else None

    def table(
        self,
        name: str,
        keys: Sequence[Column],
        values: Sequence[Column],
        former: Mapping[str, tuple[str, str]] | None = None,
    ) -> StateTable:
        """The state table of that name, made when there is none; raises Conflict when one of another layout is there.
        `former`: columns that an earlier version had with another type, and SQL that makes them of that."""
        if name not in self._tables:
            self._tables[name] = StateTable(self, name, tuple(keys), tuple(values), former or {})
        return self._tables[name]

    @property
    def tables(self) -> Mapping[str, StateTable]:
        """The state tables that have been opened, by name."""
        return self._tables

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing. Inside another one: part of that. A full disk is an EnvironmentFault, with nothing half done.

        DuckDB's own begins with the first `change`: many a small batch changes no table (`recent.py`)."""
        if self._inside:
            yield
            return
        with faults("cannot write the state"):
            self._inside = True
            try:
                yield
                self._commit()
            except BaseException:
                self._abandon()
                raise
            finally:
                self._inside = self._begun = False
                self.written.clear()

    def change(self) -> None:
        """Tables are about to be changed: in a transaction, as part of it."""
        if self._inside and not self._begun:
            self.connection.execute("BEGIN")
            self._begun = True

    def _commit(self) -> None:
        recent = [table.recent for table in self._tables.values() if table.recent is not None]
        if not self._begun:
            for rows in recent:
                rows.commit()
            return
        with self.changes.changing():
            self.connection.execute("COMMIT")
            for rows in recent:
                rows.commit()

    def _abandon(self) -> None:
        for table in self._tables.values():
            table.forget_imaged()
            if table.recent is not None:
                table.recent.abandon()
        if not self._begun:
            return
        try:
            self.connection.execute("ROLLBACK")
        except duckdb.TransactionException:
            return  # a failed COMMIT has rolled back already

    def begin_epoch(self, epoch: int) -> None:
        """Changes belong to `epoch` from here on."""
        self.settle()
        self.epoch = epoch

    def settle(self) -> None:
        """The epoch closes: what small batches have changed in it is written, before anybody believes it."""
        ahead = [table for table in self._tables.values() if table.recent is not None]
        if ahead:
            with self.transaction():
                for table in ahead:
                    table.settle()

    def durable(self, epoch: int) -> None:
        """Epochs up to and including `epoch` will not be undone: their before-images go. Free where nothing changed."""
        self.settle()
        self._durable = epoch if self._durable is None else max(epoch, self._durable)
        held = [table for table in self._tables.values() if table.holds_images_until(epoch)]
        if held:
            with self.transaction():
                self.change()
                for table in held:
                    table.forget(epoch)
                self._record(self._durable)

    def _record(self, epoch: int) -> None:
        if self._recorded is None:
            self.connection.execute(f"INSERT INTO {self.database}.durable VALUES (?)", [epoch])
        else:
            self.connection.execute(f"UPDATE {self.database}.durable SET epoch = ?", [epoch])
        self._recorded = epoch

    def rollback_to(self, epoch: int) -> None:
        """Undo what was changed after `epoch`; every table must have been opened. Raises EnvironmentFault when it is
        too late: before-images of later epochs were given up."""
        if self._durable is not None and epoch < self._durable:
            raise EnvironmentFault(
                f"cannot go back to epoch {epoch}: the state is durable up to epoch {self._durable}",
                detail=f"state file {self.path}",
                hint="the checkpoint is older than the state; restore both from one backup, or drop the query",
            )
        with self.transaction():
            self.change()
            for table in self._tables.values():
                table.rollback_to(epoch)
        self.epoch = epoch

    def reader(self, table: str) -> StateReader:
        """Reads a table by SQL on another thread: sees whole batches, blocks nobody. The caller closes it."""
        return StateReader(self._tables[table], cursor(self._instance), self.changes)

    def close(self) -> None:
        """Detach the file; everything committed is in it."""
        try:
            self.settle()
        finally:
            self._detach()

    def _detach(self) -> None:
        with ExitStack() as last_first, faults("cannot close the state"):  # all of it, whatever some of that raises
            last_first.callback(self._instance.execute, f"DETACH {self.database}")
            last_first.callback(self.evaluation.close)
            last_first.callback(self.connection.close)
            for table in self._tables.values():
                last_first.callback(table.close)
        self._tables.clear()
