"""Where the rows of a large table lie, for who asks for one key after the other.

The state has no index: it would make every batch dearer, and a key of a small table is found in no time. To look through a
million keys takes DuckDB 20 ms, to go to a row and see that it has the key less than one. So once a table has been looked
through some times, its keys and the numbers of their rows are noted, in order. That is a guess, never an answer: who goes
there names the key too, and looks through the table where the row has moved or the key is newer.
"""

from __future__ import annotations

import logging
import threading
from bisect import bisect_left
from collections.abc import Callable
from contextlib import AbstractContextManager

import pyarrow as pa

from ...errors import EnvironmentFault
from ...state.duckdb import faults, fetch
from ...state.reader import StateReader
from ...state.recent import Key
from ...state.table import StateTable

log = logging.getLogger("mergus.queries")
ROWS_MIN = 20_000
"""Of a smaller table a key is found as quickly without."""
ROWS_MAX = 2_000_000
"""Of a larger one the keys would take more than 100 MB, and a second or two to be noted."""
SCANS = 30
"""To note the keys takes about as long as so many looks through the table."""


class Places:
    """Of one table. May be asked from any thread; `reader` lends a connection."""

    def __init__(self, table: StateTable, reader: Callable[[], AbstractContextManager[StateReader]]) -> None:
        self._table = table
        self._reader = reader
        self._noted: _Noted | None = None
        self._scans = 0
        self._lock = threading.Lock()
        self._noting: threading.Thread | None = None

    def find(self, key: Key) -> int | None:
        """The number of the row that had the key when keys were noted."""
        noted = self._noted
        return None if noted is None else noted.find(key)

    def scanned(self) -> None:
        """The table was looked through for a key that it has. After some of these its keys are noted (anew), on a thread of
        its own: no answer waits for that."""
        if self._table.moves or not ROWS_MIN <= self._table.rows <= ROWS_MAX:
            return
        with self._lock:
            self._scans += 1
            if self._scans < SCANS or (self._noting is not None and self._noting.is_alive()):
                return
            self._scans = 0
            self._noting = threading.Thread(target=self._note, name="mergus-places", daemon=True)
            self._noting.start()

    def _note(self) -> None:
        keys = ", ".join(self._table.keys)
        try:
            with self._reader() as reader, faults("cannot note where the keys of a table lie"):
                rows = fetch(reader.connection, f"SELECT {keys}, rowid FROM {self._table.name} ORDER BY {keys}")
        except EnvironmentFault as why:  # the answers come without, more slowly
            log.warning("%s", why)
            return
        self._noted = _Noted(rows)

    def close(self) -> None:
        """Wait for what is being noted."""
        if self._noting is not None:
            self._noting.join()


class _Noted:
    """Keys in order, and the rows that have them."""

    def __init__(self, rows: pa.Table) -> None:
        *keys, places = (column.combine_chunks() for column in rows.columns)
        self._keys = keys
        self._places = places

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: int) -> Key:
        return tuple(column[index].as_py() for column in self._keys)

    def find(self, key: Key) -> int | None:
        """The row with this key."""
        index = bisect_left(self, key)
        return int(self._places[index].as_py()) if index < len(self) and self[index] == key else None
