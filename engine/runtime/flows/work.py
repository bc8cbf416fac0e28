"""What a flow asks of the query that it runs: nothing here knows Bytewax, nothing there knows how batches arrive.

A task is a query at work on one worker. `pipeline.py` makes one of a plan with the operators; tests make smaller ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

import pyarrow as pa

from ...operators.operator import Frame
from ...plan.pull.plan import PullPlan
from ..checkpoint import Checkpoint, Positions
from ..pull.scan import Tables
from .source import Inputs


def owner(group: Any, workers: int) -> Any:
    """The worker that holds key group `group` (or an array of them): key groups, not workers, name what is stored."""
    return group % workers


class WorkerTask(Protocol):
    """Owned by the worker's thread, but for `query` and `state_bytes`, which any thread may call."""

    def decode(self, records: Sequence[pa.RecordBatch]) -> Frame:
        """Records (RECORD_SCHEMA, in the order to work on them) to the frame that stage 0 reads."""
        ...

    def process(self, stage: int, frame: Frame) -> Frame:
        """Run a stage over one frame, in one state transaction."""
        ...

    def shares(self, stage: int, frame: Frame, workers: int) -> Sequence[Frame]:
        """A stage's output for the exchange behind it, one frame a worker, by the owner of each row's key group
        (`owner`). A worker without rows gets the stream times."""
        ...

    def merge(self, frames: Sequence[Frame]) -> Frame:
        """One frame of several, in their order."""
        ...

    def encode(self, frame: Frame | None) -> Sequence[tuple[str, pa.RecordBatch]]:
        """The last stage's frame, where it gave one, as records (PRODUCE_SCHEMA) for topics, and what stages have put aside
        since; late and unencodable rows are reported."""
        ...

    def transaction(self) -> AbstractContextManager[None]:
        """Several `process` calls as one state transaction."""
        ...

    def begin_epoch(self, epoch: int) -> None:
        """From here on changes belong to `epoch`."""
        ...

    def flush(self) -> None:
        """The epoch closes: when this returns, its changes are committed."""
        ...

    def durable(self, epoch: int) -> None:
        """Epochs up to and including `epoch` will not be undone."""
        ...

    def rollback_to(self, epoch: int) -> None:
        """Undo what was changed after `epoch`."""
        ...

    def query(self, pull: PullPlan) -> Tables:
        """A pull query over this worker's state, piece by piece; all see the same whole batches."""
        ...

    def state_bytes(self) -> int:
        """About how much it remembers."""
        ...

    def close(self) -> None:
        """Give back what it holds."""
        ...


class Delivery(Protocol):
    """Takes a worker's output to its topics (`delivery.py` says with which promise). Owned by the worker's thread."""

    def deliver(
        self, epoch: int, output: Sequence[tuple[str, pa.RecordBatch]], positions: Mapping[tuple[str, int], int]
    ) -> None:
        """The output of one pass in `epoch`; `positions`: where its sources stand after it."""
        ...

    def flush(self, epoch: int) -> None:
        """The epoch closes: when this returns, its output cannot be lost any more."""
        ...

    def durable(self, epoch: int) -> None:
        """Epochs up to and including `epoch` will not be undone."""
        ...

    def pending(self) -> bool:
        """Whether output waits for its epoch to be durable."""
        ...

    def close(self) -> None:
        """Give back what it holds."""
        ...

    def abandon(self) -> None:
        """The same after a failure, without waiting for output, which is of a void epoch."""
        ...


class Query(Protocol):
    """A query as a flow runs it: its inputs, tasks and deliveries. `pipeline.py` makes one of a plan."""

    @property
    def inputs(self) -> Inputs:
        """Where its records come from."""
        ...

    @property
    def stages(self) -> int:
        """How many stages it has."""
        ...

    def open_task(self, worker: int, workers: int) -> WorkerTask:
        """The task of a worker; on the worker's thread, or for reading while no run has it open."""
        ...

    def open_delivery(self, worker: int) -> Delivery:
        """The delivery of a worker, on its thread."""
        ...

    def prepare(self, checkpoint: Checkpoint, workers: int) -> Positions:
        """Before a run: bring state and topics to the checkpoint, for so many workers; gives positions that output is
        ahead of it with."""
        ...

    def settle(self, checkpoint: Checkpoint, workers: Sequence[int]) -> None:
        """After a run of these workers: publish what has become durable with its end."""
        ...

    def begins(self) -> Positions:
        """Where a query that has read nothing stands."""
        ...

    def close(self) -> None:
        """Give back what it holds."""
        ...
