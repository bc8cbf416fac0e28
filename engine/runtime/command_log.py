"""The command log: what a server must know after a restart, in the order in which it was said.

Statements are kept, not plans: a server plans them again when it starts. A statement is in the log before its effect is
shown to the user. The text of a function is its statement's; a query's id lies beside the statement that started it, so
that none is ever used twice.
"""

from __future__ import annotations

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

    def clear(self) -> None:
        """Forget every statement."""
        self._do("DELETE FROM statements")

    def remove_note(self, sequence: int, name: str) -> None:
        """Take a setting out of a statement that is there: what it asked for is done."""
        changed = "UPDATE statements SET settings = json_remove(settings, ?) WHERE sequence = ?"
        self._do(changed, f'$."{name}"', sequence)

    def check(self) -> None:
        """Raise EnvironmentFault where it cannot be read."""
        self._do("SELECT sequence FROM statements LIMIT 1").fetchone()

    def commands(self) -> list[Command]:
        """All statements in order."""
        rows = self._do(
            "SELECT sequence, text, settings, query_id, time_ms FROM statements ORDER BY sequence"
        ).fetchall()
        return [Command(n, text, json.loads(settings), query, at) for n, text, settings, query, at in rows]

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._store.close()
