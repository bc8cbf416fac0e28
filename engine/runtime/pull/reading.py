"""Who reads a flow's table: pull queries under way, so that nobody closes what they read.

The tasks of a run are read beside its work; without a run they are opened for reading alone. A run that begins or ends
waits for the readers, but for scans that take long, which are broken off: a query's work never waits for a slow client.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from ...errors import EnvironmentFault
from ...plan.pull.plan import PullPlan
from ..flows.dataflow import FlowRun
from ..flows.work import WorkerTask
from .scan import Scan, Tables, in_turn

GRACE_S = 2.0
"""How long a scan may go on when the tasks that it reads are to be closed."""


AGAIN = "ask again in a moment"


def away(query_id: str) -> EnvironmentFault:
    """What is said to who asks a table between two lives of its query."""
    return EnvironmentFault(
        f"query {query_id} is not there now", detail="it is being started, replaced or ended", hint=AGAIN
    )


class Reading:
    """The pull queries of one flow. `run`: its run of now; `open_tasks`: opens the tasks where it has none."""

    def __init__(
        self, query_id: str, run: Callable[[], FlowRun | None], open_tasks: Callable[[], list[WorkerTask]]
    ) -> None:
        self._query_id = query_id
        self._run = run
        self._open_tasks = open_tasks
        self._changed = threading.Condition()  # guards who has the tasks open
        self._scans: set[Scan] = set()
        self._tasks: list[WorkerTask] = []  # opened for reading alone
        self._closing = False

    @property
    def busy(self) -> bool:
        """Whether a pull query is under way."""
        return bool(self._scans)

    @property
    def is_open(self) -> bool:
        """Whether tasks are open that need not be waited for."""
        run = self._run()
        return not self._closing and (bool(self._tasks) if run is None else run.opened.is_set())

    def pull(self, pull: PullPlan) -> Scan:
        """The answer from the state of every worker here, one worker's rows after the other's."""

        def tables() -> Tables:
            tasks = self._tasks_to_read(scan)
            try:
                yield from in_turn([task.query(pull) for task in tasks], pull.limit)
            finally:
                with self._changed:
                    self._scans.discard(scan)
                    self._changed.notify_all()

        scan = Scan(tables())
        return scan

    def give_up_idle(self) -> None:
        """End the scans whose readers have been away for long; asked now and then by the host's watcher."""
        with self._changed:
            scans = list(self._scans)
        for scan in scans:
            scan.give_up()

    @contextmanager
    def ended(self) -> Iterator[None]:
        """With nobody reading, and nothing open for reading alone."""
        with self._changed:
            self._closing = True
            self._changed.wait_for(lambda: not self._scans, GRACE_S)
            scans = list(self._scans)
        for scan in scans:
            scan.break_off(
                EnvironmentFault(
                    f"query {self._query_id} has stopped, or started again, while its table was read", hint=AGAIN
                )
            )
        with self._changed:
            self._changed.wait_for(lambda: not self._scans)
            tasks, self._tasks = self._tasks, []
            try:
                with ExitStack() as last_first:  # all of them, whatever one of them raises
                    for task in tasks:
                        last_first.callback(task.close)
                yield
            finally:
                self._closing = False

    def _tasks_to_read(self, scan: Scan, limit_s: float = 10.0) -> list[WorkerTask]:
        """The open tasks, one more scan noted; those of a run that is starting are waited for."""
        end = time.monotonic() + limit_s
        while True:
            run = self._run()
            if run is not None:
                run.opened.wait(limit_s)
            with self._changed:
                tasks = [] if self._closing else self._tasks_now()
                if tasks:
                    self._scans.add(scan)
                    return tasks
            if time.monotonic() > end:
                raise EnvironmentFault(f"query {self._query_id} is starting", hint=AGAIN)
            time.sleep(0.002)  # a run that could not open its tasks is on its way out

    def _tasks_now(self) -> list[WorkerTask]:
        run = self._run()
        if run is not None:
            return [worker.task for worker in list(run.workers.values())]
        self._tasks = self._tasks or self._open_tasks()
        return self._tasks
