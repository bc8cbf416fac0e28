"""Marks: numbers that an operator keeps in the state beside its rows, such as how far windows have closed.

They are written in the batch's transaction, go back with it, and are found again by a restart. They are the worker's, of no
key group: all workers have heard the same stream times when an epoch ends, so of several workers' marks the greatest holds.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from ...state.change import OLD, ROW
from ..context import Context
from ..operator import is_closed_time, window_time, window_times


class Marks:
    """The marks of one operator, in the state table `name`, which ends in `_marks`."""

    def __init__(self, context: Context, name: str) -> None:
        self._connection = context.connection
        self._table = context.store.table(name, [("mark", "VARCHAR")], [("until", "BIGINT")])
        self.values: dict[str, int] = {}
        self.reload()

    def reload(self) -> None:
        """Read again what is stored: the state has been rolled back."""
        self.values = dict(self._connection.execute(f"SELECT mark, until FROM {self._table.name}").fetchall())

    def write(self, marks: Mapping[str, int]) -> None:
        """Set these marks; those that stand there already cost nothing."""
        fresh = {mark: until for mark, until in marks.items() if self.values.get(mark) != until}
        if not fresh:
            return
        places = dict(self._connection.execute(f"SELECT mark, rowid FROM {self._table.name}").fetchall())
        change = {
            "mark": pa.array(list(fresh), pa.string()),
            "until": pa.array(list(fresh.values()), pa.int64()),
            ROW: pa.array([places.get(mark) for mark in fresh], pa.int64()),
            OLD + "until": pa.array([self.values.get(mark) for mark in fresh], pa.int64()),
        }
        self._table.apply(pa.table(change))
        self.values |= fresh


class LeastTime:
    """The least stream time of the live partitions before a query's grouping `number`, as the frames have told it: what ends for
    keys that fell silent too."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._times: dict[int, int] = {}

    def hear(self, stream_time: Mapping[int, int]) -> int:
        """Where it stands after a frame; -1 before any was heard."""
        for partition, time in window_times(stream_time, self._number).items():
            self._times[partition] = max(time, self._times.get(partition, time))
        return min(self._times.values(), default=-1)


class StreamTimes:
    """Stream times by partition, or by side and partition (`operator.side_time`), of the rows that have passed an operator.

    Those of a query's first stage are part of its checkpoint and come with the first frame. Behind an exchange nobody else
    knows them (`Context.keeps_times`): they are `kept`, in the state as marks, or a restart would judge late rows by times
    that begin anew.
    """

    def __init__(self, context: Context, name: str, *, kept: bool) -> None:
        self.now: dict[int, int] = {}
        self._marks = Marks(context, f"{name}_marks") if kept else None
        self.reload()

    def reload(self) -> None:
        """The state has been rolled back."""
        if self._marks is not None:
            self._marks.reload()
            self.now = {int(mark): until for mark, until in self._marks.values.items()}

    def hear(self, times: Mapping[int, int]) -> None:
        """Times that others have come to."""
        for name, time in times.items():
            if not is_closed_time(name):
                self.now[name] = max(time, self.now.get(name, time))

    def keep(self) -> None:
        """What stands now belongs to the batch."""
        if self._marks is not None:
            self._marks.write({str(name): time for name, time in self.now.items()})


class WindowTimes(StreamTimes):
    """Those before a query's grouping `number`, by partition. A partition that is live and has given it nothing stands at -1.

    What an earlier version has left behind, which knew one time for all groupings, is every grouping's.
    """

    def __init__(self, context: Context, number: int, *, kept: bool) -> None:
        self._number = number
        super().__init__(context, "windows", kept=kept)

    def reload(self) -> None:
        super().reload()
        if self._marks is not None:
            self.now = window_times(self.now, self._number) or window_times(self.now, 0)

    def hear(self, times: Mapping[int, int]) -> None:
        own, live = window_times(times, self._number), window_times(times, 0)
        if own or self.now or self._marks is not None:
            live = dict.fromkeys(live.keys() - self.now.keys(), -1)
        super().hear(live | own)

    def told(self) -> dict[int, int]:
        """By the names that they have in a frame."""
        return {window_time(self._number, partition): time for partition, time in self.now.items()}

    def keep(self) -> None:
        if self._marks is not None:
            self._marks.write({str(name): time for name, time in self.told().items()})
