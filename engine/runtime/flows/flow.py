"""A query's flow over time: runs, stops, fails and starts again, is paused, is parked when idle and woken by a record.

Each run is a `FlowRun` on a thread of its own; between runs nothing is lost, because every end closes an epoch and every
start goes on from the checkpoint. A flow that ends unasked has failed and starts again with growing pauses. A parked flow
costs nothing; its state stays readable. One process at a time owns a flow's folder.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from ...errors import EnvironmentFault
from ...io.topics import TopicIdentity
from ...plan.pull.plan import PullPlan
from ..checkpoint import Checkpoint, CheckpointStore, Positions
from ..pull.reading import Reading
from ..pull.scan import Scan
from ..telemetry.metrics import QueryMetrics
from . import prepared
from .control import FlowControl, FlowFailure
from .dataflow import FlowRun, FlowSettings
from .work import Query, WorkerTask

RETRY_FIRST_S = 0.25
RETRY_LAST_S = 30.0
RECOVERED_AFTER_S = 60.0


@dataclass(frozen=True)
class FlowStatus:
    """A flow as others see it. `state`: RUNNING, PAUSED, ERROR or FINISHED; `parked`: RUNNING without a thread.
    `positions`: the next offset of each source partition, all before it being worked in and, if not `under_way`, visible.
    `words`: the error as a log may hold it."""

    query_id: str
    state: str
    parked: bool
    error: str | None
    trace: str | None
    metrics: QueryMetrics
    positions: Positions = field(default_factory=dict)
    ends: Positions = field(default_factory=dict)
    under_way: bool = False
    words: str | None = None

    @property
    def caught_up(self) -> bool:
        """Whether all records that its sources held are worked in and their output is visible."""
        return self.state == "FINISHED" or (not self.under_way and self._at_the_ends())

    def _at_the_ends(self) -> bool:
        return all(self.positions.get(p, 0) >= end for p, end in self.ends.items())


class Flow:
    """One query at work in this process. All methods may be called from any thread."""

    def __init__(
        self,
        settings: FlowSettings,
        query: Query,
        metrics: QueryMetrics,
        *,
        clock: Callable[[], float] = time.monotonic,
        changed: Callable[[str], None] | None = None,
        fatal: Callable[[FlowFailure], None] | None = None,
        trouble: str = "",
    ) -> None:
        self.settings = settings
        self.query = query
        self.metrics = metrics
        self._clock = clock
        self._changed = changed or (lambda _: None)
        self._fatal = fatal
        self._wanted = "RUNNING" if trouble else "PAUSED"
        self._state = "ERROR" if trouble else "PAUSED"  # it is known before it is tried
        self._parked = False
        self._at_once = False  # the next try does not wait
        self.parks = 0  # how often it was parked
        self._failure = FlowFailure(trouble, "", 0, trouble) if trouble else None
        self._retried = False  # whether the run of now follows on one that failed
        self._run: FlowRun | None = None
        self.reading = Reading(settings.query_id, lambda: self._run, self._open_for_reading)
        self._retry_s = RETRY_FIRST_S
        self._quiet_since = (clock(), -1)
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._live, name=f"flow {settings.query_id}", daemon=True)
        self._thread.start()

    # -------------------------------------------------------------------------------------------------------- commands
    def start(self) -> None:
        """Run, from the checkpoint; also ends a wait after a failure, and wakes a parked flow."""
        self._want("RUNNING")

    def pause(self, limit_s: float = 30.0) -> None:
        """Stop at the end of the current epoch and stay; returns when it has."""
        self._want("PAUSED")
        self._await(lambda: self._run is None and self._state != "RUNNING", limit_s)

    def stop_soon(self) -> None:
        """Begin to close: the end of the epoch is not waited for."""
        self._want("CLOSED")

    def close(self, limit_s: float = 30.0) -> None:
        """Stop for good and give everything back."""
        self._want("CLOSED")
        self._thread.join(limit_s)
        if self._thread.is_alive():
            raise EnvironmentFault(
                f"query {self.settings.query_id} does not stop",
                hint="a function that it calls may hang; the process that runs it can be ended",
            )

    def _want(self, state: str) -> None:
        with self._news:
            if self._wanted != "CLOSED":
                self._wanted = state
            self._parked = False
            self._at_once = state == "RUNNING"
            if self._run is not None and state != "RUNNING":
                self._run.control.stop()
            self._news.notify_all()

    def _await(self, holds: Callable[[], bool], limit_s: float) -> None:
        with self._news:
            if not self._news.wait_for(holds, limit_s):
                raise EnvironmentFault(f"query {self.settings.query_id} did not come to rest in {limit_s:.0f} s")

    # ---------------------------------------------------------------------------------------------------------- parking
    def park_if_idle(self, idle_ms: int) -> bool:
        """End the run at a durable epoch when no record came for `idle_ms`; asked now and then by the host's watcher."""
        run, now = self._run, self._clock()
        at_work = run is not None and self._state == "RUNNING" and run.opened.is_set() and not self._under_way(run)
        if run is None or not at_work or self.reading.busy or self.settings.workers_total > 1:
            self._quiet_since = (now, -1)
            return False
        since, rows = self._quiet_since
        if rows != self.metrics.rows_in:
            self._quiet_since = (now, self.metrics.rows_in)
            return False
        if (now - since) * 1000 < idle_ms:
            return False
        with self._news:
            self._parked = self._wanted == "RUNNING"
            self.parks += self._parked
            run.control.stop()
        return True

    @property
    def parked(self) -> bool:
        """Whether it waits for a record without a thread at work."""
        return self._parked and self._run is None

    @property
    def settling(self) -> bool:
        """Whether it is being parked, and its last run has not ended yet."""
        return self._parked and self._run is not None

    @property
    def read(self) -> Mapping[str, TopicIdentity]:
        """The topics as its last run found them."""
        run = self._run
        return self._read if run is None else run.identities

    def begin_again(self) -> None:
        """Its topics are no longer what they were (one was made anew, has more partitions): start from the checkpoint again. A
        flow over several processes does so in new ones: no process of it can end its share alone."""
        if self._fatal is not None:
            words = f"the topics of {self.settings.query_id} are no longer what they were: it is started again"
            self._fatal(FlowFailure(words, "", 0, words))
            return
        with self._news:
            self._parked = False
            if self._run is not None:
                self._run.control.stop()
            self._news.notify_all()

    def wake(self) -> None:
        """A record has come for a parked flow."""
        with self._news:
            self._parked = False
            self._news.notify_all()

    # ------------------------------------------------------------------------------------------------------------ life
    def _live(self) -> None:
        try:
            while (failure := _attempt(self._while_owned)) is not None:
                self._failed(failure)
                with self._news:
                    self._at_once = False
                    self._news.wait_for(lambda: self._wanted == "CLOSED" or self._at_once, self._retry_s)
                    if self._wanted == "CLOSED":
                        return
                self._retry_s = min(self._retry_s * 2, RETRY_LAST_S)
        finally:
            with self.reading.ended():
                self.query.close()

    def _while_owned(self) -> None:
        """Run again and again until it is closed."""
        with _owned(self.settings.folder, f"lock{self.settings.process or ''}"):
            self._last_positions = self._stored_positions()
            while self._next_run():
                pass

    def _next_run(self) -> bool:
        if self._wanted == "PAUSED" and self._state == "ERROR":
            self._set("PAUSED")
        with self._news:
            self._news.wait_for(lambda: self._wanted == "CLOSED" or (self._wanted == "RUNNING" and not self._parked))
            if self._wanted == "CLOSED":
                return False
        begun = self._clock()
        failure, finished = self._run_once()
        if failure is not None:
            self._failed(failure)
            self._rest(self._clock() - begun)
        elif self._wanted == "RUNNING" and not self._parked and finished:
            self._set("FINISHED")
            with self._news:
                self._news.wait_for(lambda: self._wanted != "RUNNING")
        elif self._wanted != "RUNNING":
            self._set("PAUSED")
        return True

    def _run_once(self) -> tuple[FlowFailure | None, bool]:
        store = CheckpointStore(self.settings.folder / "checkpoint")
        control = FlowControl(store.poison, bytes_max=self.settings.bytes_max, on_failure=self._fatal)
        run = FlowRun(
            self.settings,
            control,
            self.metrics,
            inputs=self.query.inputs,
            stages=self.query.stages,
            open_task=self.query.open_task,
            open_delivery=self.query.open_delivery,
            clock=self._clock,
        )
        with self.reading.ended():
            self._run = run
        if self._wanted != "RUNNING":
            control.stop()
        self._retried = self._state == "ERROR"
        self._set("RUNNING")
        failure = self._through(run)
        return control.failure or failure, not control.stopping

    def _through(self, run: FlowRun) -> FlowFailure | None:
        """Run to the end and give everything back, whatever happens on the way."""
        failure = _attempt(lambda: run.run(self._prepare))
        run.opened.set()
        self._read = run.identities
        with self.reading.ended():
            self._last_positions = self._positions(run)
            failed = failure is not None or run.control.failure is not None
            failure = _attempt(lambda: run.close(failed=failed)) or failure
            if failure is None and run.control.failure is None:
                failure = _attempt(lambda: self._settle(run))
            self._run = None
        with self._news:
            self._news.notify_all()
        return failure

    def _prepare(self, checkpoint: Checkpoint) -> Positions:
        folder, addresses = self.settings.folder, self.settings.addresses
        if self.settings.process:  # the first process does it for all, before it joins them
            return prepared.hear(folder, addresses)
        ahead = self.query.prepare(checkpoint, self.settings.workers_total)
        if addresses:
            prepared.tell(folder, addresses, ahead)
        return ahead

    def _settle(self, run: FlowRun) -> None:
        first = self.settings.process * self.settings.workers
        self.query.settle(run.checkpoint(), range(first, first + self.settings.workers))

    _read: Mapping[str, TopicIdentity] = MappingProxyType({})
    _last_positions: Positions | None = None  # until its thread has looked
    _last_ends: Mapping[tuple[str, int], int] = MappingProxyType({})

    def _failed(self, failure: FlowFailure) -> None:
        self._failure = failure
        self._set("ERROR")

    def _rest(self, lasted_s: float) -> None:
        """Wait before the next try: longer each time, unless the last one went well for a while."""
        if lasted_s > RECOVERED_AFTER_S:
            self._retry_s = RETRY_FIRST_S
        with self._news:
            self._at_once = False
            self._news.wait_for(lambda: self._wanted != "RUNNING" or self._at_once, self._retry_s)
        self._retry_s = min(self._retry_s * 2, RETRY_LAST_S)
        self.metrics.restarts += self._wanted == "RUNNING"

    def _set(self, state: str) -> None:
        with self._news:
            self._state = state
            self._news.notify_all()
        if not self._trying:
            self._changed(self.settings.query_id)

    @property
    def _trying(self) -> bool:
        """Whether it has failed, and a run that is to mend that has not come as far as its records yet."""
        run = self._run
        return self._state == "RUNNING" and self._retried and run is not None and not run.opened.is_set()

    # ---------------------------------------------------------------------------------------------------------- answers
    def status(self, *, ends: bool = False) -> FlowStatus:
        """How it stands; with `ends`, also where its sources end (asks the topics)."""
        run = self._run
        known = self._positions(run) if run is not None else self._last_positions or {}
        positions, offsets = known, dict(self._last_ends)
        if ends:
            positions, offsets = self.query.begins() | known, dict(self.query.inputs.ends())
            self._last_ends = offsets
        self.metrics.lag_records = sum(max(0, e - positions.get(p, e)) for p, e in offsets.items())
        if run is not None:
            self.metrics.state_bytes = sum(w.task.state_bytes() for w in list(run.workers.values()))
        self.metrics.parked = int(self.parked)
        failure = self._failure  # the last one, also when the flow has been started again since
        begins = self._state == "PAUSED" and self._wanted == "RUNNING"
        return FlowStatus(
            self.settings.query_id,
            "ERROR" if self._trying else "RUNNING" if begins else self._state,
            self.parked,
            failure.message if failure else None,
            failure.trace if failure else None,
            self.metrics.snapshot(),
            positions,
            offsets if ends else {},
            self._last_positions is None if run is None else self._under_way(run),
            failure.words if failure else None,
        )

    def _under_way(self, run: FlowRun) -> bool:
        return run.control.credits.under_way > 0 or any(w.delivery.pending() for w in list(run.workers.values()))

    def _positions(self, run: FlowRun) -> Positions:
        positions = dict(run.begun_at)
        for worker in list(run.workers.values()):
            for place, at in worker.positions.copy().items():  # each also knows where the others' began
                positions[place] = max(at, positions.get(place, at))
        return positions

    def _stored_positions(self) -> Positions:
        """Where it stands before its first run. Only here is it asked: beside a run the checkpoint must not be opened
        (`checkpoint.py`)."""
        store = CheckpointStore(self.settings.folder / "checkpoint")
        try:
            return FlowRun.read_checkpoint(store, self.settings.query_id).positions
        except EnvironmentFault:  # a try to run says so; how it stands is told all the same
            return {}

    def pull(self, pull: PullPlan) -> Scan:
        """Answer a pull query from the state of every worker here."""
        return self.reading.pull(pull)

    def _open_for_reading(self) -> list[WorkerTask]:
        workers = self.settings.workers_total
        return [self.query.open_task(worker, workers) for worker in range(workers)]


def _attempt(do: Callable[[], object]) -> FlowFailure | None:
    try:
        do()
    except BaseException as error:  # noqa: BLE001 - a flow's failure, a panic of Bytewax's too, is shown and tried again
        return FlowFailure.of(error, 0)
    return None


@contextlib.contextmanager
def _owned(folder: Path, name: str, limit_s: float = 15.0) -> Iterator[None]:
    """Hold a flow's folder. A host that dies lets go at once, but the one after it may be a little early."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        end = time.monotonic() + limit_s
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    raise EnvironmentFault(
                        f"another process runs the query in {folder}",
                        hint="end that process, or use another data folder",
                    ) from None
                time.sleep(0.02)
        yield
    finally:
        os.close(handle)
