"""The command log: what a server must know after a restart, in the order in which it was said.

Statements are kept, not plans: a server plans them again when it starts. A statement is in the log before its effect is
shown to the user; one that fails while it is carried out is taken out again. Sources of functions lie here too, each with its
sha256, and the counter that keeps query ids from ever being used twice.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import EnvironmentFault

LAYOUT = 1
_TABLES = f"""
CREATE TABLE statements (sequence INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT NOT NULL, settings TEXT NOT NULL,
    query_id TEXT, time_ms INTEGER NOT NULL);
CREATE TABLE functions (name TEXT PRIMARY KEY, source TEXT NOT NULL, sha256 TEXT NOT NULL);
CREATE TABLE numbers (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
CREATE TABLE states (query_id TEXT PRIMARY KEY, state TEXT NOT NULL);
PRAGMA user_version = {LAYOUT};
"""


@dataclass(frozen=True)
class Command:
    """One statement as it was given. `settings`: the properties that were SET when it was; `query_id`: of the query
    that it started, so that a restart gives it the same."""

    sequence: int
    text: str
    settings: Mapping[str, str] = field(default_factory=dict)
    query_id: str | None = None
    time_ms: int = 0


class CommandLog:
    """The file `commands.db`; None keeps it in memory. Safe to share between threads. Every change is on disk when the
    call returns."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lock = threading.Lock()
        try:
            self._store = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False)
            self._store.execute("PRAGMA journal_mode = WAL")
            self._store.execute("PRAGMA synchronous = FULL")
            (layout,) = self._store.execute("PRAGMA user_version").fetchone()
            if layout == 0:
                self._store.executescript(f"BEGIN; {_TABLES} COMMIT;")
        except sqlite3.Error as why:
            raise self._fault(why) from why
        if layout not in (0, LAYOUT):
            raise EnvironmentFault(
                f"the command log {path} is of layout {layout}, this Mergus knows {LAYOUT}",
                hint="run the Mergus that wrote it, or begin with a new data folder",
            )

    def _fault(self, why: sqlite3.Error) -> EnvironmentFault:
        return EnvironmentFault(
            f"cannot use the command log {self._path}",
            detail=str(why),
            hint="see whether the disk is full or read-only",
        )

    def _do(self, sql: str, *values: object) -> sqlite3.Cursor:
        with self._lock:
            try:
                return self._store.execute(sql, values)
            except sqlite3.Error as why:
                raise self._fault(why) from why

    def append(
        self, text: str, *, settings: Mapping[str, str] | None = None, query_id: str | None = None, time_ms: int = 0
    ) -> int:
        """Add a statement; gives its sequence number."""
        made = self._do(
            "INSERT INTO statements (text, settings, query_id, time_ms) VALUES (?, ?, ?, ?)",
            text,
            json.dumps(dict(settings or {}), sort_keys=True),
            query_id,
            time_ms,
        ).lastrowid
        return int(made or 0)

    def remove(self, sequence: int) -> None:
        """Take back a statement that could not be carried out."""
        self._do("DELETE FROM statements WHERE sequence = ?", sequence)

    def commands(self) -> list[Command]:
        """All statements in order."""
        rows = self._do(
            "SELECT sequence, text, settings, query_id, time_ms FROM statements ORDER BY sequence"
        ).fetchall()
        return [Command(n, text, json.loads(settings), query, at) for n, text, settings, query, at in rows]

    def next_number(self, name: str = "query") -> int:
        """A number that this log has not given before; counted up on disk first."""
        with self._lock:
            try:
                row = self._store.execute(
                    "INSERT INTO numbers VALUES (?, 1) ON CONFLICT DO UPDATE SET value = value + 1 RETURNING value",
                    (name,),
                ).fetchone()
            except sqlite3.Error as why:
                raise self._fault(why) from why
        return int(row[0])

    def last_number(self, name: str = "query") -> int:
        """The newest number given, 0 when there was none."""
        row = self._do("SELECT value FROM numbers WHERE name = ?", name).fetchone()
        return int(row[0]) if row else 0

    def at_least(self, number: int, name: str = "query") -> None:
        """Numbers up to `number` are taken (ids that were given without asking here)."""
        self._do(
            "INSERT INTO numbers VALUES (?, ?) ON CONFLICT DO UPDATE SET value = max(value, excluded.value)",
            name,
            number,
        )

    def put_function(self, name: str, source: str) -> str:
        """Keep a function's source; gives its sha256."""
        digest = hashlib.sha256(source.encode()).hexdigest()
        self._do(
            "INSERT INTO functions VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET source = excluded.source,"
            " sha256 = excluded.sha256",
            name,
            source,
            digest,
        )
        return digest

    def drop_function(self, name: str) -> None:
        """Forget a function's source."""
        self._do("DELETE FROM functions WHERE name = ?", name)

    def functions(self) -> dict[str, str]:
        """Sources by name. Raises EnvironmentFault when one is not what was kept."""
        found: dict[str, str] = {}
        for name, source, digest in self._do("SELECT name, source, sha256 FROM functions ORDER BY name").fetchall():
            if hashlib.sha256(source.encode()).hexdigest() != digest:
                raise EnvironmentFault(
                    f"the stored source of function {name} has changed",
                    detail=f"its sha256 is not {digest}",
                    hint="drop the function and create it anew",
                )
            found[name] = source
        return found

    def set_state(self, query_id: str, state: str) -> None:
        """Remember that a query is PAUSED, or RUNNING again."""
        if state == "RUNNING":
            self._do("DELETE FROM states WHERE query_id = ?", query_id)
        else:
            self._do(
                "INSERT INTO states VALUES (?, ?) ON CONFLICT (query_id) DO UPDATE SET state = excluded.state",
                query_id,
                state,
            )

    def states(self) -> dict[str, str]:
        """The queries that are not RUNNING by the user's will."""
        return {str(query): str(state) for query, state in self._do("SELECT query_id, state FROM states").fetchall()}

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._store.close()
