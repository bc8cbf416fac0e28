"""The command log: every statement that changed something, in order, in one SQLite file.

Statements are kept, not plans: a server plans again when it starts. Beside each stands what its meaning hung on: the
settings of the client, and the number that the next query was to get, so that ids come out the same.
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

_TABLE = """CREATE TABLE IF NOT EXISTS commands (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    text TEXT NOT NULL,
    settings TEXT NOT NULL,
    next_query INTEGER NOT NULL,
    sha256 TEXT NOT NULL)"""


@dataclass(frozen=True)
class Command:
    """One statement. `settings`: the client's properties at the time; `next_query`: the catalog's number before it."""

    text: str
    settings: Mapping[str, str] = field(default_factory=dict)
    next_query: int = 0

    def digest(self) -> str:
        """What tells a changed file from the one that was written."""
        content = json.dumps([self.text, dict(sorted(self.settings.items())), self.next_query])
        return hashlib.sha256(content.encode()).hexdigest()


class CommandLog:
    """Appends and reads commands. An append is on disk, power failure included, when it returns."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        try:
            self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.execute(_TABLE)
        except sqlite3.Error as why:
            raise self._fault(why) from None

    def append(self, command: Command) -> int:
        """Write one command; its sequence number, from 1. Raises EnvironmentFault where the disk refuses."""
        values = (command.text, json.dumps(dict(command.settings)), command.next_query, command.digest())
        try:
            with self._lock:
                made = self._connection.execute(
                    "INSERT INTO commands (text, settings, next_query, sha256) VALUES (?, ?, ?, ?)", values
                )
        except sqlite3.Error as why:
            raise self._fault(why) from None
        return int(made.lastrowid or 0)

    def read(self) -> list[Command]:
        """All commands in order. Raises EnvironmentFault where one is not as it was written."""
        try:
            with self._lock:
                rows = self._connection.execute(
                    "SELECT sequence, text, settings, next_query, sha256 FROM commands ORDER BY sequence"
                ).fetchall()
        except sqlite3.Error as why:
            raise self._fault(why) from None
        commands = []
        for sequence, text, settings, next_query, digest in rows:
            command = Command(text, json.loads(settings), next_query)
            if command.digest() != digest:
                raise EnvironmentFault(f"command {sequence} in {self._path} has been changed since it was written")
            commands.append(command)
        return commands

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def _fault(self, why: sqlite3.Error) -> EnvironmentFault:
        return EnvironmentFault(
            f"the command log {self._path} cannot be used", detail=str(why), hint="see that its disk has space"
        )
