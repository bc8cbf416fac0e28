"""Lanes: for every worker a key that Bytewax routes to it.

Bytewax sends a keyed item to a worker by a hash of its own. With one key a worker (its lane) instead of one a key group,
a stage behind an exchange gets all that is queued for it in one list, and makes one DuckDB call of it (DESIGN §7.2). The
hash depends on nothing but key and number of workers, so a flow of a few milliseconds finds the lanes, once a process.
"""

from __future__ import annotations

import threading
from functools import cache
from typing import Any

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.testing import TestingSource, cluster_main

from ...errors import InternalError


class _Probe(StatelessSinkPartition[Any]):
    def __init__(self, worker: int, found: dict[int, str]) -> None:
        self._worker = worker
        self._found = found

    def write_batch(self, items: list[Any]) -> None:
        for key, _ in items:
            self._found.setdefault(self._worker, key)


class _ProbeSink(DynamicSink[Any]):
    def __init__(self, found: dict[int, str]) -> None:
        self._found = found

    def build(self, step_id: str, worker_index: int, worker_count: int) -> _Probe:
        return _Probe(worker_index, self._found)


class _Pass(op.StatefulBatchLogic[Any, Any, None]):
    def on_batch(self, values: list[Any]) -> tuple[list[Any], bool]:
        return values, True

    def snapshot(self) -> None:
        return None


_one_at_a_time = threading.Lock()


@cache
def _calibrated(workers: int) -> tuple[str, ...]:
    found: dict[int, str] = {}
    flow = Dataflow("lanes")
    keys = [(str(i), i) for i in range(64 * workers)]
    items = op.input("keys", flow, TestingSource(keys, len(keys)))
    op.output("found", op.stateful_batch("route", items, lambda _: _Pass()), _ProbeSink(found))
    cluster_main(flow, [], 0, worker_count_per_proc=workers)  # type: ignore[no-untyped-call]
    if len(found) != workers:
        raise InternalError(f"found lanes for {len(found)} of {workers} workers")
    return tuple(found[worker] for worker in range(workers))


def lanes(workers: int) -> tuple[str, ...]:
    """The key of every worker, by its index. Not to be called while a flow of this process is being run by
    `cluster_main` (see DESIGN §7.1); one worker needs no finding."""
    if workers == 1:
        return ("0",)
    with _one_at_a_time:
        return _calibrated(workers)
