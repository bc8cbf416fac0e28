"""The answer of a pull query piece by piece: no process holds more of a large table's rows than a few pieces.

Whoever reads asks for the next piece when it has done with the last, so that a slow reader slows only itself. Until the
last piece an answer holds the table as it was at the first; so it can be ended from elsewhere: by a reader that goes
away, by the query when it stops, and by time when a reader neither goes on nor says that it will not.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, closing

import pyarrow as pa

from ...errors import Conflict, EnvironmentFault, MergusError
from ..hosts.wire import table_bytes

PIECE_ROWS = 10_000
IDLE_S = 300.0
"""How long a reader may let a table be held without asking for more."""
Tables = Generator[pa.Table, None, None]


class Pieces:
    """Tables one after the other, at least one. Closed from any thread, between two of them; `stop` makes who waits for one
    go on without it."""

    def __init__(self, tables: Tables, stop: Callable[[], None] | None = None) -> None:
        self._tables = tables
        self._stop = stop
        self._lock = threading.Lock()  # a generator at work can be neither asked nor closed

    def __iter__(self) -> Iterator[pa.Table]:
        return self

    def __next__(self) -> pa.Table:
        with self._lock:
            return next(self._tables)

    def close(self) -> None:
        """Give back what they come from; waits for the piece that is being made."""
        if self._stop is not None:
            self._stop()
        with self._lock:
            self._tables.close()


class Scan(Pieces):
    """The pieces of one flow. It is one ahead of its reader: with the last piece nothing is held any more."""

    def __init__(self, tables: Tables, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(tables)
        self._clock = clock
        self._asked = clock()
        self._begun = False
        self._coming: pa.Table | None = None
        self._broken: MergusError | None = None

    def __next__(self) -> pa.Table:
        with self._lock:
            self._asked = self._clock()
            if not self._begun:
                self._begun = True
                self._coming = next(self._tables, None)
            if self._broken is not None:
                raise self._broken
            if self._coming is None:
                raise StopIteration
            piece, self._coming = self._coming, next(self._tables, None)
            return piece

    @property
    def ended(self) -> bool:
        """Whether nothing comes any more."""
        with self._lock:
            return self._begun and self._coming is None and self._broken is None

    def close(self) -> None:
        with self._lock:
            self._coming = None
            self._tables.close()

    def break_off(self, why: MergusError) -> None:
        """End it before its end: its reader is told `why`. One whose last piece is made already is let be."""
        with self._lock:
            self._break_off(why)

    def give_up(self) -> None:
        """End it if its reader has been away for long."""
        if self._clock() - self._asked > IDLE_S and self._lock.acquire(blocking=False):
            try:
                self._break_off(EnvironmentFault(f"the reader of the table did not ask for more in {IDLE_S:.0f} s"))
            finally:
                self._lock.release()

    def _break_off(self, why: MergusError) -> None:
        if self._coming is not None:
            self._coming = None
            self._broken = why
            self._tables.close()


def in_turn(parts: Sequence[Pieces | Tables], limit: int | None) -> Tables:
    """The pieces of all parts, one part after the other, `limit` rows of them. Every part begins before the first piece is
    given, so that all are of about one moment; whatever happens, all are closed."""
    with ExitStack() as opened:
        for part in parts:
            opened.enter_context(closing(part))
        firsts = [next(part) for part in parts]
        left, given = limit, False
        for first, part in zip(firsts, parts, strict=True):
            for piece in itertools.chain([first], part):
                if left is not None:
                    piece = piece.slice(0, left)
                    left -= piece.num_rows
                if piece.num_rows or not given:
                    given = True
                    yield piece
                if left == 0:
                    return


class NumberedScans:
    """The scans that another process reads, each under a number of its own."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._scans: dict[int, Scan] = {}

    def begin(self, scan: Scan) -> tuple[bytes, int | None]:
        """The first piece, and the number to ask for `more` by; None where this is all."""
        first = table_bytes(next(scan))
        if scan.ended:
            return first, None
        number = next(self._numbers)
        self._scans[number] = scan
        return first, number

    def more(self, number: int) -> tuple[bytes, int | None]:
        """The next piece, in the same way."""
        scan = self._scans.get(number)
        if scan is None:
            raise Conflict("this scan has ended")
        try:
            piece = table_bytes(next(scan))
        except BaseException:
            self.drop(number)
            raise
        if not scan.ended:
            return piece, number
        self.drop(number)
        return piece, None

    def drop(self, number: int) -> None:
        """No more of it is wanted."""
        scan = self._scans.pop(number, None)
        if scan is not None:
            scan.close()
