"""The steps that a flow's Bytewax dataflow is made of: keyed ones that see epochs close, and the end.

They keep what Bytewax asks of a step apart from what is done in it: an exception fails the flow instead of leaving, and the
close of an epoch flushes what was delivered in it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

import bytewax.operators as op
from bytewax.outputs import DynamicSink, StatelessSinkPartition

from ..checkpoint import StepSnapshot, StreamTimes
from .control import FlowControl
from .source import WorkerReaders
from .work import Delivery, WorkerTask


class AtWork(Protocol):
    """What a step needs of its thread's worker (dataflow.Worker)."""

    task: WorkerTask
    delivery: Delivery
    readers: WorkerReaders
    times: StreamTimes
    times_before: StreamTimes


class Run(Protocol):
    """What a step needs of its run (dataflow.FlowRun)."""

    control: FlowControl

    @property
    def workers(self) -> Mapping[int, AtWork]:
        """The workers by thread."""
        ...


class Guarded:
    """Calls a step; an exception fails the flow instead of leaving, and after a failure nothing is done any more."""

    def __init__(self, run: Run, step: Callable[[Any], Iterable[Any]]) -> None:
        self._run = run
        self._step = step

    def __call__(self, values: Any) -> Iterable[Any]:
        control = self._run.control
        if control.failure is not None:
            return ()
        try:
            return self._step(values)
        except Exception as error:  # noqa: BLE001 - none may leave a step (control.py)
            control.fail(error, _epoch_of(values))
            return ()


def _epoch_of(values: Any) -> int:
    return int(values[0].epoch)


class KeyedStep(op.StatefulBatchLogic[Any, Any, StepSnapshot]):
    """A keyed step: gets the list of what is queued for its worker, and the close of every epoch in which it got any."""

    def __init__(self, run: Run, step: Callable[[Any], Iterable[Any]]) -> None:
        self._run = run
        self._step = Guarded(run, step)
        self._epoch = 0

    def on_batch(self, values: list[Any]) -> tuple[Iterable[Any], bool]:
        self._epoch = _epoch_of(values)
        return self._step(values), False

    def snapshot(self) -> StepSnapshot:
        """The epoch closes: what was changed and delivered in it must not be lost any more."""
        control = self._run.control
        worker = self._run.workers.get(threading.get_ident())
        if worker is None:
            return StepSnapshot(self._epoch, {}, {})
        if control.failure is None:
            try:
                worker.readers.confirm()
                worker.task.flush()
                worker.delivery.flush(self._epoch)
            except Exception as error:  # noqa: BLE001 - none may leave a step (control.py)
                control.fail(error, self._epoch)
        times = worker.times if control.failure is None else worker.times_before
        return StepSnapshot(self._epoch, dict(times), dict(worker.times_before))


class _EndPart(StatelessSinkPartition[Any]):
    def write_batch(self, items: list[Any]) -> None:
        return


class End(DynamicSink[Any]):
    """Every flow ends in a sink; this one tells each worker's thread its index, and takes nothing."""

    def __init__(self, opened: Callable[[int], None]) -> None:
        self._opened = opened

    def build(self, step_id: str, worker_index: int, worker_count: int) -> _EndPart:
        self._opened(worker_index)
        return _EndPart()
