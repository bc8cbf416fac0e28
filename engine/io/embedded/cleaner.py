"""The cleaner of the embedded topics: looks which partitions need compaction, and does it, one process at a time."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ...clock import Clock
from .compaction import Compaction, Gone, Partition, Pass, needs
from .retention import give_back_pages
from .store import Durability, Store, faults

KEYS_MAX = 1_000_000
"""Keys that one pass remembers, about 150 MB; what is new beyond them waits for the next."""

_UNUSED = 0.5  # of the file's pages: more are given back to the disk, half of them
_UNUSED_PAGES = 1_024  # fewer are not worth it
_CHECKPOINT_PIECES = 8
_REST_MAX_S = 0.02  # most of a longer piece of work was waiting for a writer
_PARTITIONS = (
    "SELECT p.id, t.config, p.begin_offset, p.end_offset, p.bytes, p.clean_offset, p.clean_bytes, p.tombstones_ms"
    " FROM partitions p JOIN topics t ON t.id = p.topic_id WHERE t.config LIKE '%compact%'"
)


class _Ended(Exception):
    """The cleaner is to end."""


class Cleaner:
    """Compacts what needs it in the file, one process at a time. Owned by one thread. `rest` is called between two
    transactions with the seconds to wait, about those that were worked; True ends the pass there."""

    def __init__(
        self,
        directory: Path,
        clock: Clock,
        durability: Durability = "process",
        rest: Callable[[float], bool] = lambda rest_s: False,
        keys_max: int = KEYS_MAX,
    ) -> None:
        self._store = Store(directory, durability)
        self._store.connection.execute("PRAGMA wal_autocheckpoint = 0")  # it would be done while writers wait
        self._turn = directory / "clean.lock"
        self._clock = clock
        self._rest = rest
        self._keys_max = keys_max
        self._seen = -1
        self._due_ms: int | None = None
        self._pieces = 0

    def run(self) -> int:
        """Compact every partition that needs it; how many records were dropped; none where another process is at it."""
        version, now_ms = self._store.version(), self._clock.now_ms()
        if version == self._seen and (self._due_ms is None or now_ms < self._due_ms):
            return 0
        turn = os.open(self._turn, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return 0
        else:
            self._seen, passes, dropped = -1, 0, 0
            with suppress(_Ended):
                passes, dropped = self._run(now_ms)
                if not passes:
                    self._seen = version
            return dropped
        finally:
            os.close(turn)

    def _run(self, now_ms: int) -> tuple[int, int]:
        """How many partitions were compacted, and the records dropped. Raises _Ended."""
        passes, dropped, due = 0, 0, []
        with faults("cannot compact the embedded topics", self._store.path):
            partitions = [Partition(*row) for row in self._store.connection.execute(_PARTITIONS)]
        for partition in partitions:
            settings = Compaction.of(json.loads(partition.config))
            if settings is None or not needs(partition, settings, now_ms):
                due.append(partition.tombstones_ms)
                continue
            compacted = Pass(self._store, partition, settings, now_ms, self._worked, self._keys_max)
            with faults("cannot compact the embedded topics", self._store.path), suppress(Gone):
                passes += compacted.run()
            dropped += compacted.dropped
        self._due_ms = min((at for at in due if at is not None), default=None)
        self._give_back()
        return passes, dropped

    def _give_back(self) -> None:
        """Return most of the unused pages to the disk, where they are many: also of topics that were deleted."""
        if self._unused() > _UNUSED:
            while self._unused() > _UNUSED / 2:
                with self._worked(), self._store.transaction() as connection:
                    give_back_pages(connection)

    def _unused(self) -> float:
        (unused,) = self._store.connection.execute("PRAGMA freelist_count").fetchone()
        (pages,) = self._store.connection.execute("PRAGMA page_count").fetchone()
        return float(unused / pages) if unused > _UNUSED_PAGES else 0.0

    @contextmanager
    def _worked(self) -> Iterator[None]:
        """Around a piece of work: rest after it."""
        begun = self._clock.monotonic()
        yield
        self._pieces += 1
        if self._pieces % _CHECKPOINT_PIECES == 0:  # writers need not do it in their turn
            with faults("cannot compact the embedded topics", self._store.path):
                self._store.connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        if self._rest(min(self._clock.monotonic() - begun, _REST_MAX_S)):
            raise _Ended

    def close(self) -> None:
        """Give back the connection."""
        self._store.close()
