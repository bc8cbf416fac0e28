"""DuckDB as the engine uses it: the only place that opens one, and the cheapest way to call it.

One instance serves a process (fifty of them cost 450 threads); whoever needs a connection of its own takes a cursor.
A call costs more in planning and in registering its input than in work, so a batch's input is registered once, as a
slot that gives whatever table lies in it (0.4 ms a call saved on a small batch), and a statement is prepared once for
each shape of input (another 0.4 ms).
"""

from __future__ import annotations

import itertools
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa

from ..errors import EnvironmentFault

STORAGE_VERSION = "v1.5.0"
"""Pinned, so that a newer library writes files that this one reads."""

_ROWS_A_CHUNK = 1_000_000
_SMALL = 4096  # rows below which any plan will do
_NOTHING = pa.table({})
_cursors = threading.Lock()
warnings.filterwarnings(
    "ignore", message="Arrow output on a DB-API result"
)  # its advice is slower here: 1.0 ms for 0.6


def connect(
    path: Path | str | None = None,
    *,
    threads: int = 1,
    memory_limit_mb: int | None = None,
    spill: Path | str | None = None,
    sync: bool = True,
) -> duckdb.DuckDBPyConnection:
    """A new instance, in memory unless `path` names its file. UTC, no extension is looked for, no progress bar. What does
    not fit into memory goes to the folder `spill`, without one it is refused. `sync` False: a commit is safe when the
    process dies, not when power fails, and does not wait for the disk.

    Raises EnvironmentFault when the file cannot be opened.
    """
    config: dict[str, str | bool | int | float | list[str]] = {
        "threads": threads,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "allow_community_extensions": False,
        "python_enable_replacements": False,
        "temp_directory": "" if spill is None else str(spill),
    }
    if not sync:
        config["fsync_mode"] = "NONE"
    if memory_limit_mb is not None:
        config["memory_limit"] = f"{memory_limit_mb}MB"
    if path is not None:
        config["storage_compatibility_version"] = STORAGE_VERSION
    with faults("cannot open the state"):
        connection = duckdb.connect(":memory:" if path is None else str(path), config=config)
    connection.execute("SET GLOBAL TimeZone = 'UTC'")
    return connection


def seal(
    connection: duckdb.DuckDBPyConnection, directories: Sequence[Path | str] = (), files: Sequence[Path | str] = ()
) -> None:
    """From here on the instance reads and writes files below `directories`, and `files`, only, and its settings are fixed:
    whatever comes to be evaluated in it, it reaches nothing else of the machine."""
    for setting, paths in (("allowed_directories", directories), ("allowed_paths", files)):
        connection.execute(f"SET {setting} = [{', '.join(_text(str(p)) for p in paths)}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def connect_to_files(files: Sequence[Path]) -> duckdb.DuckDBPyConnection:
    """An instance of its own that can read these files and nothing else; the caller closes it."""
    connection = connect()
    seal(connection, files=files)
    return connection


def cursor(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """A connection of its own to the same instance; the caller's thread owns it and closes it.

    Made under a lock; never keep one in a threading.local (DuckDB frees it twice when the thread ends).
    """
    with _cursors:
        return connection.cursor()


def attach(connection: duckdb.DuckDBPyConnection, path: Path | str | None, name: str) -> None:
    """Attach a state file (made when missing; None: in memory) under the database name `name`."""
    target = ":memory:" if path is None else str(path)
    options = "" if path is None else f" (STORAGE_VERSION '{STORAGE_VERSION}')"
    with faults(f"cannot open the state file {target}"), _cursors:
        connection.execute(f"ATTACH {_text(target)} AS {name}{options}")


def fetch(connection: duckdb.DuckDBPyConnection, sql: str) -> pa.Table:
    """Run one statement and give its rows. The result is drained: the connection is free again.

    The public way to Arrow reads a finished result through a second statement, which costs a third of a millisecond; the
    library's relations ask for Arrow at once, by a call that is not promised to stay.
    """
    submit = getattr(connection, "_submit", None)
    if submit is not None:
        made: pa.Table = submit(sql, None, "arrow", _ROWS_A_CHUNK).arrow_table()
        return made
    reader: pa.RecordBatchReader = connection.execute(sql).to_arrow_reader(_ROWS_A_CHUNK)
    return reader.read_all()


@contextmanager
def faults(what: str) -> Iterator[None]:
    """Turn DuckDB's complaints about the machine (disk, memory, locks) into EnvironmentFault; others pass."""
    try:
        yield
    except (duckdb.IOException, duckdb.OutOfMemoryException, duckdb.FatalException) as error:
        raise EnvironmentFault(what, detail=str(error), hint=_hint(error)) from error


def _hint(error: duckdb.Error) -> str:
    text = str(error).lower()
    if "no space" in text or "could not write" in text:
        return "free space on the disk that holds the data folder; the query goes on from its last checkpoint"
    if isinstance(error, duckdb.OutOfMemoryException):
        return "raise the memory limit, or shorten the retention of the table's windows"
    if "lock" in text:
        return "another process has this data folder open"
    return "see whether the data folder can be read and written"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


class Slot:
    """A place that DuckDB scans like a table: what `put` laid there last."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, name: str, first: pa.Table) -> None:
        self.name = name
        self._table = first
        self._empty = first.schema.empty_table()
        self._connection = connection
        connection.register(name, self)

    def put(self, table: pa.Table) -> None:
        """The next scan reads `table`; its schema must be the first one's."""
        self._table = table

    def clear(self) -> None:
        """Let go of the rows."""
        self._table = self._empty

    def close(self) -> None:
        """Remove the name from the connection."""
        self._connection.unregister(self.name)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The rows, to whom asks in Arrow's C interface."""
        return self._table.__arrow_c_stream__(requested_schema)


class Prepared:
    """A statement over one input table, prepared once for each schema that the input is seen to have.

    `build` gets the slot's name and the input's column names. `size`: how large the table that it also reads is; the
    statement is planned anew when that has doubled, because the best plan depends on it. `answers` False: it changes a
    table and gives no rows (turning its count into Arrow would cost half a millisecond).
    """

    _numbers = itertools.count(1)  # of the process: several flows prepare at the same time

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        build: Callable[[str, Sequence[str]], str],
        *,
        size: Callable[[], int] = lambda: 0,
        answers: bool = True,
    ) -> None:
        self._connection = connection
        self._build = build
        self._size = size
        self._answers = answers
        self._planned_for = 0
        self._known: dict[pa.Schema, tuple[Slot, str]] = {}

    def __call__(self, table: pa.Table) -> pa.Table:
        """Run it over `table`; what DuckDB raises is passed on."""
        doublings = max(self._size(), _SMALL).bit_length()
        if doublings != self._planned_for:
            self.close()
            self._planned_for = doublings
        known = self._known.get(table.schema)
        slot, sql = self._prepare(table) if known is None else known
        slot.put(table)
        try:
            if self._answers:
                return fetch(self._connection, sql)
            self._connection.execute(sql)
            return _NOTHING
        finally:
            slot.clear()

    def _prepare(self, table: pa.Table) -> tuple[Slot, str]:
        number = next(self._numbers)
        slot = Slot(self._connection, f"_in{number}", table)
        sql = self._build(slot.name, table.schema.names)
        try:
            self._connection.execute(f"PREPARE _do{number} AS {sql}")
        except duckdb.Error:
            slot.close()
            raise
        sql = f"EXECUTE _do{number}"
        self._known[table.schema] = (slot, sql)
        return slot, sql

    def close(self) -> None:
        """Give back names and plans."""
        for slot, sql in self._known.values():
            self._connection.execute(sql.replace("EXECUTE", "DEALLOCATE", 1))
            slot.close()
        self._known.clear()
