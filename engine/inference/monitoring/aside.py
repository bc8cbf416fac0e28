"""Work beside the batches: what watches models runs on threads of its own, and never holds a batch up.

A batch hands its job over and goes on. When jobs come faster than they are done, what is over is dropped and counted: an
answer must not wait for who only looks on. A shadow may hang, so that each has a queue of its own, the monitors another.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from contextlib import suppress

WAITING_MAX = 64
IDLE_S = 1.0
log = logging.getLogger("mergus.models")


class Aside:
    """A queue and its thread. `offer` may be called from any thread; a job starts the thread. `idle` is called on it when
    nothing has come for a second; without it the thread ends then."""

    def __init__(self, idle: Callable[[], None] | None = None) -> None:
        self.dropped = 0
        self._idle = idle
        self._jobs: queue.Queue[Callable[[], None] | None] = queue.Queue(WAITING_MAX)
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def offer(self, job: Callable[[], None]) -> None:
        """Have a job done soon, or drop it."""
        with self._lock:
            try:
                self._jobs.put_nowait(job)
            except queue.Full:
                self.dropped += 1
                if self.dropped == 1 or self.dropped % 1000 == 0:
                    log.warning("what watches models is behind: %d batches were not looked at", self.dropped)
                return
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="models aside", daemon=True)
                self._thread.start()

    def close(self, limit_s: float = 5.0) -> None:
        """Do what is waiting, then end; what takes longer than `limit_s` is left."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None:
            with suppress(queue.Full):  # a model that hangs: its thread ends with the process
                self._jobs.put(None, timeout=limit_s)
            thread.join(limit_s)

    def _next(self) -> Callable[[], None] | None:
        try:
            return self._jobs.get(timeout=IDLE_S)
        except queue.Empty:
            return self._idle or self._ended()

    def _ended(self) -> Callable[[], None] | None:
        """None where the thread ends for now; a job that has just come."""
        with self._lock:
            if self._jobs.empty():
                self._thread = None
                return None
        return self._jobs.get()

    def _work(self) -> None:
        while (job := self._next()) is not None:
            try:
                job()
            except Exception as error:  # noqa: BLE001 - it must not end the others' watching, nor reach an answer
                log.warning("what watches models failed: %s: %s", type(error).__name__, error)
