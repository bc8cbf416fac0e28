"""What a push query gives, between the runtime's threads, which bring it, and the client's, which takes it.

A client may read slower than its query gives, or not at all. Then the query rests: it is paused when so much waits, and goes
on when most of that has been read. Nothing is lost, and what waits stays bounded.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from ...errors import EnvironmentFault, MergusError
from ...operators.operator import DELETED
from ...plan.physical.steps import QueryPlan
from ...runtime.flows.flow import FlowStatus
from ...runtime.telemetry.metrics import QueryMetrics

if TYPE_CHECKING:
    from ..engine import Engine

log = logging.getLogger("mergus.queries")

BATCH_BYTES = 1 << 16
"""What a batch counts besides its rows: a thousand of one row each are many, too."""
WAKE_S = 1.0


class Tail:
    """One push query's. `forget` is told its id at its end, `count` what it has counted when it came to that by itself."""

    def __init__(
        self,
        engine: Engine,
        plan: QueryPlan,
        forget: Callable[[str], None],
        count: Callable[[QueryMetrics], None],
    ) -> None:
        self._engine = engine
        self._plan = plan
        self._forget: Callable[[str], None] | None = forget
        self._count = count
        self._queue: queue.SimpleQueue[tuple[pa.Table | MergusError | None, int]] = queue.SimpleQueue()
        self._most = int(engine.config["inflight.bytes.max"])
        self._given = self._taken = 0  # bytes, each counted by one thread
        self._read = threading.Event()  # so much that a query which rests may go on
        self._resting = False
        self._stopped = threading.Event()
        self._over = False  # the query has come to its end, or failed

    def take(self, table: pa.Table) -> None:
        """A batch from the query."""
        if self._stopped.is_set():
            return
        if not self._plan.is_table and DELETED in table.schema.names:
            table = table.filter(pc.invert(table.column(DELETED)))  # a stream's record without a value is no row
        size = table.nbytes + BATCH_BYTES
        self._given += size
        rests = not self._resting and self._given - self._taken > self._most
        if rests:
            self._resting = True
            self._read.clear()  # before the batch is there to be read: who reads it says so again
        self._queue.put((table, size))
        if rests:  # on a thread of its own: this one brings the answers of the query's process
            threading.Thread(target=self._rest, name=f"rest of {self._plan.query_id}", daemon=True).start()

    def _rest(self) -> None:
        """Pause the query until most has been read."""
        query_id, lifecycle = self._plan.query_id, self._engine.lifecycle
        try:
            lifecycle.pause(query_id)
            self._read.wait()
            if not self._over and not self._stopped.is_set():
                lifecycle.resume(query_id)
            self._resting = False
        except MergusError as error:
            if not self._stopped.is_set():
                log.warning("push query %s: %s", query_id, error.message)
                self._put(
                    EnvironmentFault("the push query was ended: its reader is too far behind", detail=error.message)
                )

    def ended(self, status: FlowStatus) -> None:
        """The query has finished, or failed."""
        if self._over:
            return
        self._over = True
        self._count(status.metrics)
        if status.state == "ERROR":
            self._put(EnvironmentFault("the query has failed", detail=status.error))
        self._put(None)

    def stop(self) -> None:
        """The client wants no more."""
        self._stopped.set()
        self._put(None)
        self._end()

    def batches(self) -> Iterator[pa.Table]:
        """What comes, up to LIMIT."""
        left = self._plan.limit
        try:
            while left is None or left > 0:
                item = self._next()
                if item is None:
                    return
                if isinstance(item, MergusError):
                    raise item
                table = item if left is None else item.slice(0, left)
                left = None if left is None else left - table.num_rows
                if table.num_rows:
                    yield table
        finally:
            self._end()

    def _put(self, item: MergusError | None) -> None:
        self._queue.put((item, 0))

    def _next(self) -> pa.Table | MergusError | None:
        """Wakes now and then: a signal that came just before an endless wait would be heard at its end only. The queue is a
        SimpleQueue, which a signal's exception leaves whole: Queue's own lock may be let go of twice."""
        while True:
            with suppress(queue.Empty):
                item, size = self._queue.get(timeout=WAKE_S)
                self._taken += size
                if self._given - self._taken <= self._most // 4:
                    self._read.set()
                return item

    def _end(self) -> None:
        self._stopped.set()
        self._read.set()
        forget, self._forget = self._forget, None
        if forget is not None:
            forget(self._plan.query_id)
            self._engine.lifecycle.terminate(self._plan.query_id)
