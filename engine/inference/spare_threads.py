"""Threads beside a batch's own: what is left of the processor's cores takes part of a batch's calls.

An engine that computes without Python's lock runs as many calls at a time as there are cores, each on one thread. That a call
has several threads of its own helps less: texts and small layers are not divided.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")
ROWS_LEAST = 256
"""A call costs something however few its rows are, about a millisecond with TensorFlow; a smaller part would not pay."""


class SpareThreads:
    """At most `count` threads, shared by all batches of a process and started by the first that has work for them."""

    def __init__(self, count: int) -> None:
        self._count = max(0, count)
        self._pool: ThreadPoolExecutor | None = None
        self._lock = threading.Lock()

    def part(self, rows: int, rows_max: int) -> int:
        """How many of so many rows go into a call, where one takes `rows_max` at most: all threads get equally much.

        >>> SpareThreads(1).part(2_500, 1_024), SpareThreads(1).part(300, 1_024), SpareThreads(0).part(2_500, 1_024)
        (625, 1024, 1024)
        """
        at_once = min(self._count + 1, rows // ROWS_LEAST)
        if at_once < 2:
            return rows_max
        rounds = -(-rows // (rows_max * at_once))
        return -(-rows // (rounds * at_once))

    def outcomes(self, jobs: Sequence[Callable[[], T]]) -> list[T | BaseException]:
        """What each job gives or raises. The caller's thread works, too, and waits for no job that is not begun: where no
        thread is free, or the interpreter is about to end, it does them all."""
        made: list[Any] = [None] * len(jobs)
        left = iter(range(len(jobs)))
        helping: list[Future[None]] = []
        with suppress(RuntimeError):  # an interpreter that is about to end takes no more work for its threads
            while len(helping) < min(self._count, len(jobs) - 1):
                helping.append(self._threads().submit(self._work, jobs, left, made))
        self._work(jobs, left, made)
        for one in helping:
            if not one.cancel():
                one.result()
        return made

    def _work(self, jobs: Sequence[Callable[[], Any]], left: Any, made: list[Any]) -> None:
        for number in iter(partial(self._next, left), None):
            try:
                made[number] = jobs[number]()
            except BaseException as error:  # noqa: BLE001 - the caller's thread raises it, or tells of its row
                made[number] = error

    def _next(self, left: Any) -> int | None:
        with self._lock:
            return next(left, None)

    def _threads(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self._count, "mergus-models")
            return self._pool
