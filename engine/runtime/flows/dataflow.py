"""A query as one Bytewax dataflow: source → stage → (exchange → stage)* → delivery, over Arrow batches.

Items are `(lane, value)`: a lane is the key that Bytewax routes to one worker (`lanes.py`). One worker, or one stage,
needs no exchange: all stages and the delivery run in one step, a batch goes through them in one go. With several, stage 0
runs where its part is read, and every exchange is a keyed step that gets all that is queued for its worker in one list.
The last step delivers; its `snapshot()` is called when the epoch closes, before Bytewax believes the epoch: the hook where
output is flushed. News of an epoch (`Records` without batches) goes the same way as records, to every lane.

The argument for exactly-once is in `delivery.py` and `checkpoint.py`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.testing import cluster_main, run_main

from ...errors import InternalError
from ...io.topics import TopicIdentity
from ...operators.operator import END_OF_TIME, INPUT_ENDED, Frame, is_closed_time, partition_of_time
from ..checkpoint import Checkpoint, CheckpointStore, Positions, StreamTimes
from ..telemetry.metrics import QueryMetrics
from .control import FlowControl
from .keyed_step import End, KeyedStep
from .lanes import lanes
from .silence import Silence
from .source import FlowSource, Inputs, Records, WorkerReaders
from .work import Delivery, WorkerTask

SOURCE_STEP = "source"
FIRST_STEP = "stage0"


@dataclass(frozen=True)
class FlowSettings:
    """How a flow runs. `addresses` names the processes of a flow over several (host:port each), `process` is this one's
    place among them; each has `workers` workers. `idle_timeout_ms`: a partition of this process that has given nothing for
    so long holds no window open any more; 0: it does for ever."""

    query_id: str
    folder: Path
    workers: int = 1
    epoch_ms: int = 500
    rows_max: int = 50_000
    bytes_max: int = 64 << 20
    addresses: tuple[str, ...] = ()
    process: int = 0
    idle_timeout_ms: int = 0

    @property
    def workers_total(self) -> int:
        """Workers in all processes."""
        return self.workers * max(1, len(self.addresses))


@dataclass(frozen=True)
class Piece:
    """What crosses an exchange: a frame's share for one worker. `size`: its part of the bytes under way, which the last
    stage acknowledges."""

    epoch: int
    frame: Frame | None
    size: int = 0
    fetched_at: float = 0.0


@dataclass
class Worker:
    """What one worker's thread has: its task, readers and delivery, and the epoch it is in."""

    index: int
    lane: str
    readers: WorkerReaders
    task: WorkerTask
    delivery: Delivery
    epoch: int
    begun: bool = False
    owed: int | None = None  # epochs up to it are durable, and their output is not published yet
    positions: Positions = field(default_factory=dict)
    times: StreamTimes = field(default_factory=dict)  # stream time after stage 0, of the partitions read here
    times_before: StreamTimes = field(default_factory=dict)  # at the end of the epoch before

    def enter(self, epoch: int) -> None:
        """Work of `epoch` comes: all epochs before are durable everywhere, but the one that a start resumed from is
        told as it was found."""
        if self.begun and epoch <= self.epoch:
            return
        if self.begun:
            self.task.durable(epoch - 1)
            self.owed = epoch - 1
        self.task.begin_epoch(epoch)
        self.times_before = dict(self.times) or self.times_before
        self.epoch, self.begun = epoch, True

    def publish(self) -> None:
        """Tell the delivery what has become durable. Behind a pass's own work: it takes milliseconds, and where
        an epoch ends rows have waited long enough already."""
        if self.owed is not None:
            owed, self.owed = self.owed, None
            self.delivery.durable(owed)

    def own(self, times: StreamTimes) -> StreamTimes:
        """Those of the partitions that this worker reads."""
        partitions = {n: time for n, time in times.items() if not is_closed_time(n)}
        return {n: time for n, time in partitions.items() if partition_of_time(n) in self.readers.parts}


class FlowRun:
    """One run of a flow in this process, from a checkpoint to its end. `run` blocks; `control.stop()` ends it."""

    def __init__(
        self,
        settings: FlowSettings,
        control: FlowControl,
        metrics: QueryMetrics,
        *,
        inputs: Inputs,
        stages: int,
        open_task: Callable[[int, int], WorkerTask],
        open_delivery: Callable[[int], Delivery],
        clock: Callable[[], float],
    ) -> None:
        self.settings = settings
        self.control = control
        self.metrics = metrics
        self._workers: dict[int, Worker] = {}
        self.inputs = inputs
        self._stages = stages
        self.clock = clock
        self._open_task = open_task
        self._open_delivery = open_delivery
        self._store = CheckpointStore(settings.folder / "checkpoint")
        self._checkpoint = Checkpoint()
        self._lanes: tuple[str, ...] = ()
        self._lock = threading.Lock()
        self._silence = Silence(settings.idle_timeout_ms, clock)
        self.identities: Mapping[str, TopicIdentity] = {}  # of the topics, as this run found them
        self.opened = threading.Event()  # all workers here have their tasks, or the flow has failed

    @property
    def workers(self) -> dict[int, Worker]:
        """This process's workers by the id of their threads."""
        return self._workers

    # ------------------------------------------------------------------------------------------------------------ run
    def run(self, start: Callable[[Checkpoint], Positions] | None = None) -> None:
        """Run to the end; the workers' tasks stay open until `close`. `start` is given the checkpoint before anything
        else begins, and gives positions that stand above the checkpoint's (`delivery.Positioned`)."""
        recovery = self._store.prepare()
        self._checkpoint = self._of_topics_now(self.checkpoint())
        if start is not None:
            ahead = start(self._checkpoint)
            positions = {p: max(o, ahead.get(p, o)) for p, o in (ahead | self._checkpoint.positions).items()}
            self._checkpoint = replace(self._checkpoint, positions=positions)
        self._lanes = lanes(self.settings.workers_total)
        flow = self._dataflow()
        options = {"epoch_interval": timedelta(milliseconds=self.settings.epoch_ms), "recovery_config": recovery}
        try:
            self._run_in_bytewax(flow, options)
        except BaseException as panic:
            if isinstance(panic, Exception | KeyboardInterrupt | SystemExit):
                raise
            if not self.control.stopping:  # else another process of the flow has ended its share before this one
                raise InternalError(f"the dataflow of {self.settings.query_id} broke off: {panic}") from panic

    def _of_topics_now(self, found: Checkpoint) -> Checkpoint:
        self.identities = dict(self.inputs.identities())
        made = found.of_topics({name: identity.id for name, identity in self.identities.items()})
        for name in sorted({name for name, _ in found.positions.keys() - made.positions.keys()}):
            self.inputs.tell(f"topic {name} has been made anew: it is read from its beginning")
        return made

    def _run_in_bytewax(self, flow: Dataflow, options: Mapping[str, Any]) -> None:
        """Returns at the flow's end; Bytewax panics with what is no Exception."""
        if self.settings.workers_total == 1:
            run_main(flow, **options)  # type: ignore[no-untyped-call]
            return
        cluster_main(  # type: ignore[no-untyped-call]
            flow,
            list(self.settings.addresses),
            self.settings.process,
            worker_count_per_proc=self.settings.workers,
            **options,
        )

    def checkpoint(self) -> Checkpoint:
        """Where a next run would go on; while none is running."""
        return self.read_checkpoint(self._store, self.settings.query_id)

    @staticmethod
    def read_checkpoint(store: CheckpointStore, query_id: str) -> Checkpoint:
        """The same for a query that is not running here."""
        return store.read(query_id, SOURCE_STEP, FIRST_STEP)

    @property
    def begun_at(self) -> Positions:
        """The positions from which this run began, where they are known."""
        positions = dict(self._checkpoint.positions)
        for worker in list(self.workers.values()):
            positions |= {p: o for p, o in worker.readers.begun_at.items() if p not in positions}
        return positions

    def close(self, *, failed: bool = False) -> None:
        """After `run`: give back what the workers hold, all of it whatever some of that raises: a table that stays open keeps
        the next run from opening it. `failed`: without waiting for output."""
        with ExitStack() as last_first:
            for worker in self.workers.values():
                last_first.callback(worker.task.close)
                last_first.callback(worker.delivery.abandon if failed else worker.delivery.close)
                last_first.callback(worker.readers.close)

    def _dataflow(self) -> Dataflow:
        flow = Dataflow(self.settings.query_id)
        source = FlowSource(
            self.inputs,
            self._checkpoint,
            self.control,
            parts=self.inputs.partitions(),
            clock=self.clock,
            readers_of_thread=self._readers,
            epoch_begun=self._epoch_begun,
        )
        items = op.input(SOURCE_STEP, flow, source)
        if self.settings.workers_total == 1 or self._stages == 1:
            done = op.stateful_batch(FIRST_STEP, items, lambda _: KeyedStep(self, self._whole))
        else:
            done = self._staged(items)
        op.output("end", done, End(self._open_worker))
        return flow

    def _staged(self, items: Any) -> Any:
        at = op.stateful_batch(FIRST_STEP, items, lambda _: KeyedStep(self, self._first))
        for stage in range(1, self._stages):
            at = op.stateful_batch(f"stage{stage}", _routed(stage, at), _builder(self, partial(self._behind, stage)))
        return at

    # -------------------------------------------------------------------------------------------------------- workers
    def _open_worker(self, index: int) -> None:
        """On each worker's thread, while the flow is built."""
        epoch = self._checkpoint.resume_epoch
        task: WorkerTask | None = None
        try:
            task = self._open_task(index, self.settings.workers_total)
            task.rollback_to(self._checkpoint.epoch)
            readers = WorkerReaders(self.inputs, self._checkpoint, self.clock, self.settings.rows_max)
            worker = Worker(index, self._lanes[index], readers, task, self._open_delivery(index), epoch)
            worker.times_before = dict(self._checkpoint.stream_times)
            worker.positions = dict(self._checkpoint.positions)  # also of parts that will give nothing in this run
        except Exception as error:  # noqa: BLE001 - none may leave a step (control.py)
            self.control.fail(error, epoch)
            if task is not None:
                task.close()
            self.opened.set()
            return
        with self._lock:
            self._workers[threading.get_ident()] = worker
            if len(self._workers) == self.settings.workers:
                self.opened.set()

    def _readers(self) -> tuple[str, WorkerReaders]:
        worker = self._workers.get(threading.get_ident())
        if worker is None:  # it could not be opened: the flow has failed, its sources end at once
            return "0", WorkerReaders(self.inputs, Checkpoint(), self.clock, 0)
        return worker.lane, worker.readers

    def worker(self) -> Worker:
        """The one whose thread calls."""
        worker = self._workers.get(threading.get_ident())
        if worker is None:
            raise InternalError("a step runs on a thread that is no worker's")
        return worker

    def _epoch_begun(self, epoch: int) -> None:
        """A source is asked for the first records of `epoch`: nothing of earlier ones is under way."""
        if len(self.settings.addresses) > 1:
            self.control.credits.reset()
        self.metrics.epoch = epoch

    # ---------------------------------------------------------------------------------------------------------- steps
    def _whole(self, values: list[Records]) -> Iterable[Any]:
        """One worker, or one stage: no exchange, everything in one go."""
        worker, begun = self.worker(), self.clock()
        frame, piece = self._read(worker, values)
        if frame is not None:
            with worker.task.transaction():
                frame = self._stage0(worker, frame)
                for stage in range(1, self._stages):
                    (frame,) = worker.task.shares(stage - 1, frame, 1)
                    frame = worker.task.process(stage, frame)
            self._deliver(worker, frame, [piece])
            worker.readers.pace.took(sum(v.rows for v in values), self.clock() - begun)
        worker.publish()
        return ()

    def _read(self, worker: Worker, values: Sequence[Records]) -> tuple[Frame | None, Piece]:
        epoch = max(v.epoch for v in values)
        worker.enter(epoch)
        for value in values:
            worker.positions |= value.positions
        batches = [b for v in values for b in v.batches]
        size = sum(v.size for v in values)
        ended = any(v.ended for v in values)
        if not batches and not ended:
            return None, Piece(epoch, None, size)
        frame, fetched = Frame({}), 0.0
        if batches:
            for value in values:
                self._silence.heard(value.part)
            self.metrics.batch(sum(v.rows for v in values))
            fetched = min(v.fetched_at for v in values if v.batches)
            frame = worker.task.decode(batches)
            self.metrics.row_times(frame.edges.values())
        if ended:
            frame.stream_time[INPUT_ENDED] = END_OF_TIME
        if not worker.times:
            known = self._times_at_start()
            worker.times = worker.own(known)
            frame.stream_time = known | frame.stream_time
        return frame, Piece(epoch, None, size, fetched)

    def _times_at_start(self) -> StreamTimes:
        """Where all partitions stand before the run, whoever reads them: windows wait for the last of them, also for one whose
        worker has nothing to say. -1 for one that has given nothing yet."""
        return dict.fromkeys(range(self.inputs.partitions()), -1) | self._checkpoint.stream_times

    def _stage0(self, worker: Worker, frame: Frame) -> Frame:
        frame = worker.task.process(0, frame)
        worker.times |= worker.own(frame.stream_time)
        self._silence.lift(frame.stream_time, self.inputs.partitions)
        return frame

    def _first(self, values: list[Records]) -> Iterable[tuple[str, Piece]]:
        """Several workers: stage 0 where the records are read, then to the owners."""
        worker, begun = self.worker(), self.clock()
        frame, piece = self._read(worker, values)
        if frame is not None:
            frame = self._stage0(worker, frame)
            worker.readers.pace.took(sum(v.rows for v in values), self.clock() - begun)
        return self._shares(worker, 0, frame, piece)

    def _shares(self, worker: Worker, stage: int, frame: Frame | None, piece: Piece) -> list[tuple[str, Piece]]:
        parts = [] if frame is None else worker.task.shares(stage, frame, len(self._lanes))
        shares = []
        each, rest = divmod(piece.size, len(self._lanes))
        for index, lane in enumerate(self._lanes):
            part = parts[index] if parts else None
            size = each + rest if not index else each
            shares.append((lane, Piece(piece.epoch, part, size, piece.fetched_at)))
        return shares

    def _behind(self, stage: int, pieces: list[Piece]) -> Iterable[Any]:
        worker = self.worker()
        frame, piece = self._gather(worker, pieces)
        if frame is not None:
            frame = worker.task.process(stage, frame)
        if stage + 1 < self._stages:
            return self._shares(worker, stage, frame, piece)
        self._deliver(worker, frame, pieces)
        worker.publish()
        return ()

    def _gather(self, worker: Worker, pieces: list[Piece]) -> tuple[Frame | None, Piece]:
        epoch = max(p.epoch for p in pieces)
        worker.enter(epoch)
        frames = [p.frame for p in pieces if p.frame is not None]
        fetched = min((p.fetched_at for p in pieces if p.fetched_at), default=0.0)
        merged = worker.task.merge(frames) if frames else None
        return merged, Piece(epoch, None, sum(p.size for p in pieces), fetched)

    def _deliver(self, worker: Worker, frame: Frame | None, pieces: Sequence[Piece]) -> None:
        output = worker.task.encode(frame)
        if frame is not None or output:
            worker.delivery.deliver(worker.epoch, output, worker.positions)
            rows = sum(records.num_rows for _, records in output)
            now = self.clock()
            self.metrics.delivered(rows, [now - p.fetched_at for p in pieces if p.fetched_at])
        if len(self.settings.addresses) <= 1:  # else they may be another process's: `_epoch_begun` acknowledges all
            self.control.credits.give(sum(p.size for p in pieces))


def _routed(stage: int, values: Any) -> Any:
    """What a keyed step gives is keyed by where it was made; its values name the lanes where they go."""
    return op.flat_map_batch(f"route{stage}", values, lambda batch: [value for _, value in batch])


def _builder(run: FlowRun, step: Callable[[Any], Iterable[Any]]) -> Callable[[Any], KeyedStep]:
    return lambda _: KeyedStep(run, step)
