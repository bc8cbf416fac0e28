"""The data folder: its layout, its version, and the lock that keeps a second server out.

VERSION   the layout's number      lock      held by the server; produce, consume and topics never take it
topics/   embedded topics          commands.db   statements      state/<query>/<worker>.duckdb      models/   log/
"""

from __future__ import annotations

import errno
import fcntl
import os
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ..errors import EnvironmentFault

VERSION = 1
ROOMS = ("topics", "state", "models", "log")


@dataclass
class DataFolder:
    """An open data folder; `close` gives the lock back."""

    path: Path
    _lock: IO[str]

    @property
    def commands(self) -> Path:
        """The command log's file."""
        return self.path / "commands.db"

    @classmethod
    def open(cls, path: Path) -> DataFolder:
        """Make it when missing, lock it, and see that its layout is ours.

        Raises EnvironmentFault when another process has it open, when it cannot be written, or when its version is
        another: an older one would have to be migrated, a newer one is not guessed at.
        """
        try:
            path.mkdir(parents=True, exist_ok=True)
            lock = (path / "lock").open("a+")
        except OSError as why:
            raise _unusable(path, why) from None
        try:
            _take(lock, path)
            _check_version(path)
            for room in ROOMS:
                (path / room).mkdir(exist_ok=True)
        except OSError as why:
            lock.close()
            raise _unusable(path, why) from None
        except EnvironmentFault:
            lock.close()
            raise
        return cls(path, lock)

    def close(self) -> None:
        """Give the lock back."""
        self._lock.close()


def _unusable(path: Path, why: OSError) -> EnvironmentFault:
    hint = "free space on its disk" if why.errno == errno.ENOSPC else "choose another with --data DIR"
    return EnvironmentFault(f"the data folder {path} cannot be used", detail=why.strerror, hint=hint)


def _take(lock: IO[str], path: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        holder = lock.read().strip() or "unknown"
        raise EnvironmentFault(
            f"the data folder {path} is in use",
            detail=f"by process {holder}",
            hint="stop that one, or choose another folder with --data DIR; `mergus --server URL` talks to a running server",
        ) from None
    lock.seek(0)
    lock.truncate()
    lock.write(f"{os.getpid()}\n")
    lock.flush()


def _check_version(path: Path) -> None:
    file = path / "VERSION"
    if not file.exists():
        if any((path / room).exists() for room in ("topics", "state", "commands.db")):
            raise EnvironmentFault(
                f"{path} is no data folder of Mergus", detail="it holds files of these names but no VERSION"
            )
        file.write_text(f"{VERSION}\n")
        return
    found = file.read_text().strip()
    if found == str(VERSION):
        return
    newer = found.isdigit() and int(found) > VERSION
    raise EnvironmentFault(
        f"the data folder {path} has layout {found or '?'}, this release reads {VERSION}",
        hint="use the release that wrote it"
        if newer
        else "start with an empty folder, or use the release that wrote it",
    )
