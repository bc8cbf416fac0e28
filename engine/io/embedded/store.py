"""The file of the embedded topics: one SQLite database in WAL mode for all of them.

One file, because a transaction that publishes to several topics must become visible at once, and SQLite is atomic over
several files only without WAL. Readers never wait and never make a writer wait; writers of all processes take turns at a
file lock, which the kernel hands over at once, where SQLite's own waiting sleeps in steps of up to 100 ms.

A row is a batch of records of one partition. Its rowid is `partition id << 40 | base offset`: the table itself lies in
the order in which it is read, and needs no index. A committed batch survives the death of any process; whether it also
survives the loss of power is `durability`.

Of a partition that is compacted, `clean_bytes` lie before `clean_offset`, where no key occurs twice, and the last of its
tombstones there may go at `tombstones_ms`.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from ...errors import EnvironmentFault

Durability = Literal["process", "power"]
"""What committed records survive: the death of processes, or also that of the machine (an fsync a commit)."""

OFFSET_BITS = 40
LAYOUT = 2

_BUSY_MS = 30_000
_SYNCHRONOUS = {"process": "NORMAL", "power": "FULL"}
_TABLES = """
CREATE TABLE topics (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, replicas INTEGER NOT NULL, config TEXT NOT NULL);
CREATE TABLE partitions (
    id INTEGER PRIMARY KEY AUTOINCREMENT, topic_id INTEGER NOT NULL REFERENCES topics, number INTEGER NOT NULL,
    begin_offset INTEGER NOT NULL DEFAULT 0, end_offset INTEGER NOT NULL DEFAULT 0, bytes INTEGER NOT NULL DEFAULT 0,
    clean_offset INTEGER NOT NULL DEFAULT 0, clean_bytes INTEGER NOT NULL DEFAULT 0, tombstones_ms INTEGER);
CREATE INDEX partitions_of_topic ON partitions (topic_id, number);
CREATE TABLE batches (
    id INTEGER PRIMARY KEY, count INTEGER NOT NULL, shape INTEGER NOT NULL,
    min_timestamp INTEGER NOT NULL, max_timestamp INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE producers (id TEXT PRIMARY KEY, epoch INTEGER NOT NULL, marker TEXT);
"""
_FROM_LAYOUT_1 = """
ALTER TABLE partitions ADD COLUMN clean_offset INTEGER NOT NULL DEFAULT 0;
ALTER TABLE partitions ADD COLUMN clean_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE partitions ADD COLUMN tombstones_ms INTEGER;
"""


class Store:
    """One connection to the file, and the right to write to it in turn. Used by one thread at a time."""

    def __init__(self, directory: Path, durability: Durability = "process") -> None:
        self.path = directory / "topics.db"
        with faults("cannot open the embedded topics", self.path):
            directory.mkdir(parents=True, exist_ok=True)
            self._turn = os.open(directory / "write.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                self.connection = self._open(durability)
            except BaseException:
                os.close(self._turn)
                raise

    def _open(self, durability: Durability) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=_BUSY_MS / 1000, isolation_level=None, check_same_thread=False, cached_statements=64
        )
        fcntl.flock(self._turn, fcntl.LOCK_EX)
        try:
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # only heeded by an empty file
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {_SYNCHRONOUS[durability]}")
            connection.execute("PRAGMA journal_size_limit = 67108864")
            self._prepare_layout(connection)
        finally:
            fcntl.flock(self._turn, fcntl.LOCK_UN)
        return connection

    def _prepare_layout(self, connection: sqlite3.Connection) -> None:
        (layout,) = connection.execute("PRAGMA user_version").fetchone()
        if layout == 0:
            connection.executescript(f"BEGIN; {_TABLES} PRAGMA user_version = {LAYOUT}; COMMIT;")
        elif layout == 1:
            connection.executescript(f"BEGIN; {_FROM_LAYOUT_1} PRAGMA user_version = {LAYOUT}; COMMIT;")
        elif layout != LAYOUT:
            raise EnvironmentFault(
                f"the embedded topics at {self.path} have another layout",
                detail=f"layout {layout}, this version reads {LAYOUT}",
                hint="use the version of Mergus that wrote them, or another data folder",
            )

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Write, in turn with all other writers: all of it or, when anything is raised, nothing."""
        with faults("cannot write to the embedded topics", self.path):
            fcntl.flock(self._turn, fcntl.LOCK_EX)
            try:
                self.connection.execute("BEGIN IMMEDIATE")
                try:
                    yield self.connection
                    self.connection.execute("COMMIT")
                except BaseException:
                    if self.connection.in_transaction:  # a full disk has rolled it back already
                        self.connection.execute("ROLLBACK")
                    raise
            finally:
                fcntl.flock(self._turn, fcntl.LOCK_UN)

    def version(self) -> int:
        """A number that changes when another connection has committed; costs microseconds."""
        (version,) = self.connection.execute("PRAGMA data_version").fetchone()
        return int(version)

    def close(self) -> None:
        """Give back the connection and the lock's file."""
        self.connection.close()
        if self._turn >= 0:
            os.close(self._turn)
            self._turn = -1


@contextmanager
def faults(what: str, path: Path) -> Iterator[None]:
    """Turn what SQLite and the file system complain of into EnvironmentFault."""
    try:
        yield
    except sqlite3.Error as error:
        raise EnvironmentFault(what, detail=f"{path}: {error}", hint=_hint(str(error))) from error
    except OSError as error:
        raise EnvironmentFault(what, detail=f"{path}: {error.strerror}", hint=_hint(str(error))) from error


def _hint(text: str) -> str:
    text = text.lower()
    if "full" in text or "no space" in text:
        return "free space on the disk that holds the data folder, then write again: nothing was half-written"
    if "locked" in text:
        return "another process holds the embedded topics for long; see which has the file open"
    return "see whether the data folder can be read and written, and whether its disk is sound"


def first_row(partition_id: int) -> int:
    """The rowid of a partition's offset 0."""
    return partition_id << OFFSET_BITS
