"""The end of windows: rows that go on once, when their window closes (EMIT FINAL), and rows that are past retention.

Both go by the least stream time of the live partitions, which every frame tells to every key group, so that silent keys
close too. Windows over closed windows go by how far those have closed: all rows of before are there by then, so none is late,
and what the windows hold does not depend on when. How far windows have closed is kept in the state, so that a restart tells none
twice. Where the input has ended (files), all close, and what they hold is kept.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...plan.physical.steps import Aggregate, Window
from ...state.duckdb import fetch
from ...state.table import StateTable
from ..aggregates.group_state import GroupState
from ..context import Context
from ..frame import set_column
from ..operator import INPUT_ENDED, PASSED, SEQUENCE, SEQUENCE_STEP, STREAM_TIME, WINDOW_END, WINDOW_START, closed_time
from .marks import LeastTime, Marks
from .windows import grace_ms, retention_ms


def kept_ms(window: Window, *, final: bool) -> int:
    """How long a window is kept; a session with EMIT FINAL no longer than it takes rows, or one that has given its result
    would be merged into another."""
    return window.size_ms + grace_ms(window) if final and window.is_session else retention_ms(window)


class Closing:
    """The windows' end for one Aggregate step."""

    def __init__(self, step: Aggregate, layout: GroupState, table: StateTable, context: Context) -> None:
        assert step.partial.window is not None
        self._window = step.partial.window
        self._session = step.partial.window.is_session
        self._bound = WINDOW_END if self._window.is_bounded else WINDOW_START
        self._final = step.emit_final
        self._edge, self._below = step.output, step.partial.below
        self._keys = step.partial.keys
        self._layout = layout
        self._table = table
        self._context = context
        self._clock = LeastTime(step.partial.number)
        self._marks = Marks(context, f"{step.state}_marks")
        self._expired = -1

    def reload(self) -> None:
        """Read again what is stored: the state has been rolled back."""
        self._marks.reload()

    def advance(self, stream_time: dict[int, int]) -> pa.Table | None:
        """Close and expire up to the least stream time; gives the rows of windows that closed, and adds to `stream_time` how far
        they have."""
        now = self._clock.hear(stream_time) if self._below is None else stream_time.get(closed_time(self._below), -1)
        made = self._emit(stream_time.get(INPUT_ENDED, now)) if self._final else None
        self._expire(now)
        if self._final:
            stream_time[closed_time(self._edge)] = self._earliest_to_come()
        return made

    def _earliest_to_come(self) -> int:
        """A rowtime before which no row of a window that has not closed can be."""
        closed = self._marks.values.get("closed", -1)
        if closed < 0:
            return -1
        if self._session:
            return closed + 1
        if self._window.is_cumulative:
            return closed // self._window.size_ms * self._window.size_ms
        return closed + self._window.advance_ms

    def _emit(self, now: int) -> pa.Table | None:
        closed, before = self._last_closed(now), self._marks.values.get("closed", -1)
        if closed <= before:
            return None
        self._table.settle()
        where = f"{self._bound} > {before} AND {self._bound} <= {closed}"
        order = ", ".join([self._bound, WINDOW_START, *(f"c{i}" for i in range(self._keys))])
        rows = f"{self._layout.view_sql(self._table.name, where)} ORDER BY {order}"
        made = fetch(self._context.connection, f"SELECT *, false AS {PASSED} FROM ({rows})")
        self._marks.write({"closed": closed})
        return set_column(made, SEQUENCE, pa.array(np.arange(made.num_rows, dtype=np.int64) * SEQUENCE_STEP))

    def _last_closed(self, now: int) -> int:
        """The start of the newest window (the end, where windows are known by it) that `now` has closed, below 0 when there is
        none."""
        grace = grace_ms(self._window)
        if self._session:
            return max(now - grace - self._window.size_ms - 1, -1)
        start = now - grace - (0 if self._window.is_cumulative else self._window.size_ms)
        return start // self._window.advance_ms * self._window.advance_ms if start >= 0 else -1

    def _expire(self, now: int) -> None:
        edge = (now - kept_ms(self._window, final=self._final)) // self._window.advance_ms * self._window.advance_ms
        if edge > self._expired and edge >= 0:
            if self._expired >= 0 or self._table.rows:
                self._table.expire(f"{WINDOW_END if self._session else WINDOW_START} < {edge}")
            self._expired = edge

    def without_closed(self, table: pa.Table) -> pa.Table:
        """Rows of windows that were emitted already are late: by another partition's time than their own."""
        closed = self._marks.values.get("closed", -1)
        if self._session:
            closing = closed + grace_ms(self._window) + self._window.size_ms + 1
            return set_column(table, STREAM_TIME, pc.max_element_wise(table.column(STREAM_TIME), closing))
        late = pc.less_equal(table.column(self._bound), closed)
        rows = pc.indices_nonzero(late).to_pylist()
        for row in rows:
            start = table.column(WINDOW_START)[row].as_py()
            self._context.fail(table, row, "late", f"the window that starts at {start} has given its final result")
        return table.filter(pc.invert(late)) if rows else table
