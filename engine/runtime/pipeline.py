"""A plan as a flow runs it: its stages on a worker's state, its records in and out, and the delivery that it needs.

The one place where operators, state, inference and topics meet. What a process shares between its queries (one DuckDB,
the topics, the loaded models) is an `Engine`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import partial
from pathlib import Path

import duckdb
import pyarrow as pa

from ..clock import Clock
from ..errors import EnvironmentFault, InternalError
from ..inference.versions.moves import FOLDER, Moves
from ..inference.versions.registered import RegisteredModel
from ..io.topics import Topics, TransactionalWriter
from ..operators.context import Models
from ..operators.dead_letters import Letters
from ..operators.decode import needed_columns
from ..operators.encode import SinkEncoder
from ..operators.exchange import with_groups
from ..operators.frame import merge_frames
from ..operators.measured import DECODE, ENCODE, EXCHANGE, STAGE, Measures, size_of
from ..operators.operator import KEY_GROUP, Failure, Frame, Report
from ..operators.stage import Stage, open_stage
from ..plan.origins import topics_read
from ..plan.physical.calls import models_called
from ..plan.physical.steps import STATEFUL, Exchange, QueryPlan
from ..plan.pull.plan import PullPlan
from ..sql.compile.expression import bind_functions
from ..sql.compile.python import metered
from ..state.duckdb import connect_to_files, cursor
from ..state.store import StateStore
from .checkpoint import Checkpoint, Positions
from .decoding import decoding
from .file_inputs import FileInputs
from .flows.delivery import EXACTLY_ONCE, GUARANTEE, AtOnce, Nowhere, Outbox, Output, Positioned, accepted, positions_of
from .flows.rescale import note_workers, rescale, workers_before
from .flows.work import Delivery, owner
from .inputs import TopicInputs
from .pull.scan import Tables
from .pull.table import PulledTable
from .telemetry.metrics import QueryMetrics
from .telemetry.processing_log import ProcessingLog


class Engine:
    """What the queries of one process share. `instance`: its DuckDB; `models` is asked for when a plan first infers.
    `exactly_once`: whether all queries are, whatever they ask for (embedded topics, where it costs nothing).
    `files_allowed`: folders that file sources may read, None: any."""

    def __init__(
        self,
        topics: Topics,
        instance: duckdb.DuckDBPyConnection,
        clock: Clock,
        models: Callable[[], Models],
        *,
        exactly_once: bool,
        sync: bool = False,
        files_allowed: Sequence[Path] | None = None,
    ) -> None:
        self.files_allowed = files_allowed
        self.topics = topics
        self.instance = instance
        self.clock = clock
        self.models = models
        self.exactly_once = exactly_once
        self.sync = sync


class PlanTask:
    """A plan at work on one worker (work.WorkerTask)."""

    def __init__(
        self,
        plan: QueryPlan,
        topics: Sequence[str],
        path: Path | None,
        engine: Engine,
        log: ProcessingLog,
        measures: Measures | None = None,
        moves: Moves | None = None,
        *,
        alone: bool = False,
    ) -> None:
        self._plan = plan
        self._moves = moves
        self._alone = alone
        self._measures = measures or Measures()
        self._engine = engine
        self._log = log
        self._path = path
        self._remembers = plan_remembers(plan)
        self._instance = cursor(engine.instance)  # of its own: a connection refuses a second thread
        self._store = StateStore(self._instance, path)
        self._letters = Letters()
        self._table: PulledTable | None = None
        self._stages: list[Stage] = []
        try:
            self._open(topics, engine, log.report)
        except BaseException:
            self.close()  # a state file that stays open could not be opened by the next try
            raise

    def _open(self, topics: Sequence[str], engine: Engine, report: Report) -> None:
        plan, connection = self._plan, self._store.evaluation
        models = engine.models() if plan_infers(plan) else None
        self._decoding = decoding(plan, topics, connection, report)
        for number in range(len(plan.stages)):
            known = (self._store, report, models, self._measures, self._letters, self._moves)
            self._stages.append(open_stage(plan, number, *known, alone=self._alone))
        self._encoder = SinkEncoder(plan.sink, connection, report) if plan.sink else None
        if plan.materialized is not None:
            self._table = PulledTable(plan, self._store, engine)

    def decode(self, records: Sequence[pa.RecordBatch]) -> Frame:
        done = self._measures.of(0, DECODE)
        with done.batch(records):
            frame = self._decoding.decode(records)
        done.rows_out += sum(table.num_rows for table in frame.edges.values())
        return frame

    def process(self, stage: int, frame: Frame) -> Frame:
        done = self._measures.of(stage, STAGE)
        with done.batch(frame.edges.values()), metered(partial(self._measures.of, stage)):
            made = self._stages[stage].process(frame)
        if self._moves is not None:
            self._moves.advance()
        done.rows_out += sum(table.num_rows for table in made.edges.values())
        self._log.flush()
        return made

    def shares(self, stage: int, frame: Frame, workers: int) -> Sequence[Frame]:
        exchange = self._plan.stages[stage + 1].exchange
        if exchange is None:
            raise InternalError(f"stage {stage + 1} has no exchange before it")
        done = self._measures.of(stage, EXCHANGE)
        with done.timed():
            made = self._divided(frame, exchange, workers)
        done.took(*size_of(table for share in made for table in share.edges.values()))
        return made

    @staticmethod
    def _divided(frame: Frame, exchange: Exchange, workers: int) -> list[Frame]:
        grouped = with_groups(frame, exchange)
        if workers == 1:
            return [grouped]
        made = [Frame({}, dict(grouped.stream_time), grouped.parts) for _ in range(workers)]
        for edge, table in grouped.edges.items():
            owners = owner(table.column(KEY_GROUP).to_numpy(), workers)
            for worker, part in enumerate(made):
                own = table.filter(pa.array(owners == worker))
                if own.num_rows:
                    part.edges[edge] = own
        return made

    def merge(self, frames: Sequence[Frame]) -> Frame:
        return merge_frames(frames)

    def encode(self, frame: Frame | None) -> Output:
        output = [*([] if frame is None else self._encoded(frame)), *self._letters.take()]
        if self._plan.sink is None:
            return output
        topics, now_ms = self._engine.topics, self._engine.clock.now_ms()
        output = [(to, accepted(to, records, topics, now_ms, self._log.report)) for to, records in output]
        self._log.flush()
        return output

    def _encoded(self, frame: Frame) -> Output:
        if self._encoder is None or self._plan.sink is None:
            return [("", batch) for table in frame.edges.values() for batch in table.combine_chunks().to_batches()]
        done = self._measures.of(len(self._stages) - 1, ENCODE)
        with done.batch(frame.edges.values()):
            records = self._encoder.encode(frame)
        done.rows_out += 0 if records is None else records.num_rows
        return [] if records is None else [(self._plan.sink.topic, records)]

    def transaction(self) -> AbstractContextManager[None]:
        return self._store.transaction() if self._remembers else nullcontext()

    def begin_epoch(self, epoch: int) -> None:
        self._store.begin_epoch(epoch)

    def flush(self) -> None:
        self._store.settle()

    def durable(self, epoch: int) -> None:
        self._store.durable(epoch)

    def rollback_to(self, epoch: int) -> None:
        for stage in self._stages:
            stage.rollback_to(epoch)

    def query(self, pull: PullPlan) -> Tables:
        if self._table is None:
            raise InternalError(f"{self._plan.query_id} keeps no table")
        return self._table.pull(pull)

    def state_bytes(self) -> int:
        if self._path is None:
            return 0
        files = (self._path, self._path.with_name(self._path.name + ".wal"))
        return sum(f.stat().st_size for f in files if f.exists())

    def close(self) -> None:
        with ExitStack() as last_first:  # all of it, whatever some of that raises
            if self._moves is not None:
                last_first.callback(self._moves.close)
            last_first.callback(self._log.close)
            last_first.callback(self._instance.close)
            last_first.callback(self._store.close)
            if self._table is not None:
                last_first.callback(self._table.close)
            for stage in self._stages:
                last_first.callback(stage.close)


def plan_infers(plan: QueryPlan, *, registered: bool = False) -> bool:
    """Whether a plan runs models; `registered`: of those whose versions may change."""
    models = models_called(plan)
    return any(isinstance(model, RegisteredModel) for model in models) if registered else bool(models)


def plan_remembers(plan: QueryPlan) -> bool:
    """Whether a plan has state."""
    return any(isinstance(step, STATEFUL) for stage in plan.stages for step in stage.steps)


class PlanQuery:
    """A plan for a flow to run (flow.Query). `folder`: the query's, None in memory; `take` gets the output of a plan
    without a sink; `latest`, `bounded`: see `TopicInputs`."""

    def __init__(
        self,
        plan: QueryPlan,
        engine: Engine,
        metrics: QueryMetrics,
        folder: Path,
        *,
        latest: bool = False,
        bounded: bool = False,
        take: Callable[[Output], None] | None = None,
    ) -> None:
        self.plan = plan
        self.stages = len(plan.stages)
        self._read = topics_read(plan.sources)
        columns = needed_columns(plan.sources)
        topics = TopicInputs(engine.topics, self._read, columns, latest=latest, bounded=bounded, tell=self._tell)
        if take is not None or not (folder / "checkpoint").exists():
            try:
                topics.stand()
            except EnvironmentFault:  # the topics are away: who asks a push query is told, others wait
                if take is not None:
                    raise
        self.inputs: TopicInputs | FileInputs = topics
        if any(s.file is not None for s in plan.sources):
            now_ms, allowed = engine.clock.now_ms(), engine.files_allowed
            self.inputs = FileInputs(plan.sources, topics, connect_to_files, now_ms, allowed, self._open_log)
        self._engine = engine
        self._metrics = metrics
        self._folder = folder
        self._take = take
        self._exactly_once = engine.exactly_once or plan.settings.get(GUARANTEE) == EXACTLY_ONCE
        self._positioned = self.stages == 1 and not plan_remembers(plan)
        if plan.table_view is not None:
            where = plan.table_view.where
            own = cursor(engine.instance)
            bind_functions(own, [*plan.table_view.columns, *([] if where is None else [where])])
            own.close()

    def open_task(self, worker: int, workers: int) -> PlanTask:
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{worker}.duckdb" if plan_remembers(self.plan) else None
        measures = Measures(self._metrics.parts.setdefault(worker, {}))
        moves = None
        if self.plan.sink is not None and plan_infers(self.plan, registered=True):
            moves = Moves(self._folder / FOLDER, worker, sync=self._engine.sync)
        log, topics = self._open_log(), self.inputs.topics
        return PlanTask(self.plan, topics, path, self._engine, log, measures, moves, alone=workers == 1)

    def _open_log(self) -> ProcessingLog:
        topics, clock = self._engine.topics, self._engine.clock
        return ProcessingLog(self.plan.query_id, topics, clock.now_ms, self._metrics.failed)

    def _tell(self, what: str) -> None:
        engine = self._engine
        log = ProcessingLog(self.plan.query_id, engine.topics, engine.clock.now_ms, lambda _: None)  # no row is bad
        log.report(Failure(what, "topic"))
        log.close()

    def open_delivery(self, worker: int) -> Delivery:
        topics = self._engine.topics
        if self.plan.sink is None:
            return Nowhere(self._take)
        if not self._exactly_once:
            return AtOnce(topics.writer())
        self._outbox(worker).mkdir(parents=True, exist_ok=True)
        writer = topics.transactional_writer(self._transactional_id(worker))
        if self._positioned:
            return Positioned(writer, {name: topic.id for name, topic in self.inputs.identities().items()})
        return Outbox(self._outbox(worker), writer, sync=self._engine.sync)

    def prepare(self, checkpoint: Checkpoint, workers: int) -> Positions:
        if plan_remembers(self.plan):
            self._rescale(checkpoint, workers)
        found = [int(folder.name) for folder in (self._folder / "outbox").glob("*")]
        if not self._positioned:
            self.settle(checkpoint, found)
            return {}
        ahead: Positions = {}
        with self._writers(found) as writers:
            for writer in writers.values():
                for place, at in positions_of(writer.last_marker(), checkpoint.topic_ids).items():
                    ahead[place] = max(at, ahead.get(place, at))
        return ahead

    def settle(self, checkpoint: Checkpoint, workers: Sequence[int]) -> None:
        if self._positioned:
            return
        with self._writers([n for n in workers if any(self._outbox(n).glob("*.arrow"))]) as writers:
            for worker, writer in writers.items():
                Outbox(self._outbox(worker), writer).recover(checkpoint.epoch)

    @contextmanager
    def _writers(self, workers: Sequence[int]) -> Iterator[dict[int, TransactionalWriter]]:
        """Those of a run before. All are opened before one is asked: what one of them had begun hides the others' markers until
        its id is taken over."""
        topics = self._engine.topics
        with ExitStack() as opened:
            writers = {}
            for worker in workers:
                writers[worker] = topics.transactional_writer(self._transactional_id(worker))
                opened.callback(writers[worker].close)
            yield writers

    def _rescale(self, checkpoint: Checkpoint, workers: int) -> None:
        before = workers_before(self._folder)
        if before is not None and before != workers:
            for worker in range(before):
                task = self.open_task(worker, before)
                task.rollback_to(checkpoint.epoch)
                task.durable(checkpoint.epoch)
                task.close()
            rescale(self._folder, self._engine.instance, before, workers)
        note_workers(self._folder, workers)

    def begins(self) -> Positions:
        topics = self._engine.topics
        return {(name, p): at for name in self._read for p, at in topics.begin_offsets(name).items()}

    def _outbox(self, worker: int) -> Path:
        return self._folder / "outbox" / str(worker)

    def _transactional_id(self, worker: int) -> str:
        return f"{self.plan.query_id}-{worker}"

    def close(self) -> None:
        return
