"""Partitions that have fallen silent: they hold no window open any more, where the user says after how long.

A window closes at the least stream time of the partitions. One that has given nothing for `idle_timeout` counts from then
on as being where the furthest of the others is, for what closes and expires. What is late is still judged by its own time;
but a window that has given its final result meanwhile takes no more rows.
"""

from __future__ import annotations

from collections.abc import Callable

from ...operators.operator import groupings_of, window_time, window_times

IDLE_TIMEOUT = "idle_timeout"
"""The property that says it, in milliseconds; 0: a silent partition holds windows open for ever, as in ksqlDB."""


class Silence:
    """When each partition of a process was last heard of. `timeout_ms` 0: silence means nothing. Shared by its workers."""

    def __init__(self, timeout_ms: int, clock: Callable[[], float]) -> None:
        self._timeout = timeout_ms / 1000
        self._clock = clock
        self._began = clock()
        self._heard: dict[int, float] = {}

    def heard(self, partition: int) -> None:
        """The partition has given records."""
        if self._timeout:
            self._heard[partition] = self._clock()

    def lift(self, stream_time: dict[int, int], partitions: Callable[[], int]) -> None:
        """Raise the stream times of the partitions that were silent before the newest records to the others' greatest, grouping
        by grouping.

        >>> now = [0.0]
        >>> silence = Silence(1000, lambda: now[0])
        >>> times = {0: 5000, 1: 70}
        >>> silence.lift(times, lambda: 2); times
        {0: 5000, 1: 70}
        >>> now[0] = 2.0
        >>> silence.heard(0); silence.lift(times, lambda: 2); times
        {0: 5000, 1: 5000}
        >>> times = {window_time(1, 0): 40, window_time(1, 1): 7}
        >>> silence.lift(times, lambda: 2); window_times(times, 1)
        {0: 40, 1: 40}
        """
        if not self._heard or not stream_time:
            return
        until = max(self._heard.values()) - self._timeout
        silent = [p for p in range(partitions()) if self._heard.get(p, self._began) < until]
        for number in groupings_of(stream_time):
            times = window_times(stream_time, number)
            lively = [time for p, time in times.items() if p not in silent]
            if silent and lively:
                furthest = max(lively)
                stream_time |= {window_time(number, p): max(furthest, times.get(p, -1)) for p in silent}
