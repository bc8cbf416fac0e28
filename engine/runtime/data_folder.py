"""The data folder: what lies where, of which version, and whose it is.

VERSION            the layout's number: another one is refused, never guessed
server_id          tells the folder's transactions on Kafka from those of other servers: goes with the state
lock               held by the server (flock), with its process id for the one who comes second
topics/            the embedded topics; produce and consume open them beside a running server, without the lock
schemas.db         the schema registry (io/schemas/embedded.py), where no other one is set
commands.db        statements and settings (command_log.py)
state/<query id>/  <worker>.duckdb, checkpoint/, outbox/<worker>/, moves/ (inference/versions/moves.py)
models/, log/
"""

from __future__ import annotations

import fcntl
import os
import shutil
import uuid
from pathlib import Path
from types import TracebackType

from ..errors import EnvironmentFault

VERSION = 1
TRANSIENT = "transient_"
"""How the ids of push queries begin, whose state nobody comes back to."""


class DataFolder:
    """A data folder held by this process until `close`. Raises EnvironmentFault when another holds it, when it is of
    another version, or when it cannot be written. `private`: removed at the end."""

    def __init__(self, path: Path, *, private: bool = False) -> None:
        self.path = path
        self._private = private
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as why:
            raise EnvironmentFault(
                f"cannot use the data folder {path}", detail=str(why), hint="choose another one with --data"
            ) from why
        try:
            self._take()
            check_version(path)
            for name in ("topics", "state", "models", "log"):
                (path / name).mkdir(exist_ok=True)
            for left in (path / "state").glob(f"{TRANSIENT}*"):  # of a server that was killed
                shutil.rmtree(left, ignore_errors=True)
        except OSError as why:
            os.close(self._lock)
            raise EnvironmentFault(
                f"cannot write the data folder {path}",
                detail=str(why),
                hint="see whether its disk is full or read-only, or choose another folder with --data",
            ) from why
        except BaseException:
            os.close(self._lock)
            raise

    def _take(self) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._lock, 32, 0).decode(errors="replace").strip()
            raise EnvironmentFault(
                f"the data folder {self.path} is in use by another process",
                detail=f"process {holder or 'unknown'} holds {self.path / 'lock'}",
                hint="stop that server, connect to it with --server, or choose another folder with --data",
            ) from None
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, str(os.getpid()).encode(), 0)

    def check(self) -> None:
        """Raises EnvironmentFault where the folder is not there any more, or another has taken its place: what is written to
        files that nobody finds again must not be called written."""
        try:
            found = os.stat(self.path / "lock")
            there = os.path.samestat(found, os.fstat(self._lock))
        except OSError:
            there = False
        if not there:
            raise EnvironmentFault(
                f"the data folder {self.path} has been removed or replaced while this server uses it",
                hint="stop the server, bring the folder back as it was, and start it again",
            )

    @property
    def commands(self) -> Path:
        """The command log's file."""
        return self.path / "commands.db"

    @property
    def models(self) -> Path:
        """Where models that statements bring are kept."""
        return self.path / "models"

    @property
    def server_id(self) -> str:
        """A name that no other data folder has."""
        file = self.path / "server_id"
        if not file.exists():
            fresh = file.with_suffix(".new")
            fresh.write_text(f"mergus-{uuid.uuid4().hex[:16]}\n")
            fresh.replace(file)
        return file.read_text().strip()

    def state(self, query_id: str) -> Path:
        """A query's state."""
        return self.path / "state" / query_id

    def close(self) -> None:
        """Let go of it; a private one is removed."""
        if self._private:
            shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)

    def __enter__(self) -> DataFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def check_version(path: Path) -> None:
    """Write the version into a new folder; refuse one of another version, and one that is not ours."""
    file = path / "VERSION"
    if not file.exists():
        strange = sorted(p.name for p in path.iterdir() if p.name not in ("lock", "topics"))
        if strange:
            raise EnvironmentFault(
                f"{path} is not a data folder of Mergus",
                detail=f"it holds {', '.join(strange[:3])} and no VERSION",
                hint="choose an empty or a new folder with --data",
            )
        fresh = file.with_suffix(".new")
        fresh.write_text(f"{VERSION}\n")
        fresh.replace(file)
        return
    text = file.read_text().strip()
    if text == str(VERSION):
        return
    older = text.isdecimal() and int(text) < VERSION
    raise EnvironmentFault(
        f"the data folder {path} is of version {text}, this Mergus writes version {VERSION}",
        detail="an older layout cannot be migrated by this version" if older else "a newer Mergus has written it",
        hint="run the Mergus that wrote it, or begin with a new folder and let the queries read their topics again",
    )
