"""The watcher of a host: parks idle flows and wakes them when a record comes, ends scans that nobody goes on with, and sees a
clock that is put back.

A flow that polls costs up to a percent of a core; parked ones cost one reader together. The reader stands at the ends of
what they read; whatever it gets wakes the flows of its topic, which read it again from their own positions.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable

from ...clock import Clock
from ...errors import EnvironmentFault, MergusError
from ...io.topics import Reader, Topics
from ..flows.flow import Flow

POLL_MS = 50.0  # until a record is seen. Not the reader's own wait: every write to any topic would end that
COMPARE_S = 2.0
"""How often the topics of all flows are compared with what they were: one that is deleted and made anew in between is read
from where the old one was."""
CLOCK_BACK_S = 2.0
"""Bytewax wakes sources and ends epochs by the wall clock: put back by more than this, it lets flows rest too long."""
SETTLING_MS = 20.0  # while a flow is on its way to being parked: its topics are not watched yet


class Watch:
    """One thread; `flows` is asked for those of now, `put_back` is told by how many seconds the clock was."""

    def __init__(
        self,
        topics: Topics,
        flows: Callable[[], list[Flow]],
        idle_park_ms: int,
        clock: Clock,
        put_back: Callable[[float], None],
    ) -> None:
        self._clock = clock
        self._put_back = put_back
        self._ahead_s = self._wall_ahead_s()
        self._topics = topics
        self._flows = flows
        self._idle_park_ms = idle_park_ms
        self._ended = threading.Event()
        self._reader: Reader | None = None
        self._compare_at = 0.0
        self._watched: tuple[tuple[str, int], ...] = ()
        self._thread = threading.Thread(target=self._live, name="watch", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._ended.set()
        self._thread.join(5)

    def _live(self) -> None:
        while not self._ended.is_set():
            try:
                self._look_at_the_clock()
                self._look()
            except MergusError:
                self._forget()  # the topics are away or one was deleted: the flows that read them will say so
                for flow in self._flows():
                    flow.wake()
                self._ended.wait(1.0)
        self._forget()

    def _wall_ahead_s(self) -> float:
        return self._clock.now_ms() / 1000 - self._clock.monotonic()

    def _look_at_the_clock(self) -> None:
        before, self._ahead_s = self._ahead_s, self._wall_ahead_s()
        if before - self._ahead_s > CLOCK_BACK_S:
            self._put_back(before - self._ahead_s)

    def _compare(self, flows: list[Flow]) -> None:
        """Begin those again whose topics are no longer what they were. One that is away says so by itself then."""
        if time.monotonic() < self._compare_at:
            return
        read = {flow: flow.read for flow in flows}
        with contextlib.suppress(EnvironmentFault):  # the topics are away: that is for who reads them
            now = self._topics.identities({name for topics in read.values() for name in topics})
            for flow, topics in read.items():
                if any(now.get(name) != known for name, known in topics.items()) and flow.read is topics:
                    flow.begin_again()
        self._compare_at = time.monotonic() + COMPARE_S

    def _look(self) -> None:
        flows = self._flows()
        self._compare(flows)
        for flow in flows:
            flow.reading.give_up_idle()
            flow.park_if_idle(self._idle_park_ms)
        parked = [flow for flow in flows if flow.parked]
        if not parked:
            self._forget()
            self._ended.wait(self._pause_ms(flows, min(1000.0, self._idle_park_ms / 4)) / 1000)
            return
        self._follow(parked)
        records = None if self._reader is None else self._reader.poll(10_000)
        if self._reader is None or records is None:
            self._ended.wait(self._pause_ms(flows, POLL_MS) / 1000)
            return
        came = {self._reader.topics[i] for i in set(records.column("topic").to_pylist())}
        for flow in parked:
            if came & set(flow.query.inputs.topics):
                flow.wake()

    def _pause_ms(self, flows: list[Flow], most_ms: float) -> float:
        return SETTLING_MS if any(flow.settling for flow in flows) else most_ms

    def _follow(self, parked: list[Flow]) -> None:
        """Read the topics of all parked flows, from where the one that is least far stands."""
        watched = tuple((flow.settings.query_id, flow.parks) for flow in parked)
        if watched == self._watched:
            return
        self._forget()
        positions: dict[tuple[str, int], int] = {}
        for flow in parked:
            begins = flow.query.begins()  # of topics: files do not grow
            known = flow.status().positions
            for place, begin in begins.items():
                at = known.get(place, begin)
                positions[place] = min(at, positions.get(place, at))
        self._reader = None if not positions else self._topics.reader(positions, ("value",))
        self._watched = watched

    def _forget(self) -> None:
        if self._reader is not None:
            self._reader.close()
        self._reader, self._watched = None, ()
