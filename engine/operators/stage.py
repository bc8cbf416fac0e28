"""A stage at work: its steps as operators, run over a frame in one state transaction.

An evaluation and the partial aggregate behind it are one DuckDB call; an aggregate knows the HAVING of the evaluation
behind it. All else is a list of operators run in order.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import assert_never

from ..inference.versions.moves import Moves
from ..plan.origins import only_input, origins
from ..plan.physical.every_update import every_update
from ..plan.physical.steps import (
    STATEFUL,
    Aggregate,
    Edge,
    Evaluate,
    Exchange,
    ForeignKeyChanges,
    ForeignKeyJoin,
    ForeignKeyResults,
    Infer,
    JoinSides,
    Materialize,
    PartialAggregate,
    QueryPlan,
    Retract,
    Step,
    StreamStreamJoin,
    StreamTableJoin,
    TableTableJoin,
    Union,
    edges_read,
)
from ..state.store import StateStore
from .aggregates.aggregate import AggregateOperator
from .aggregates.partial import PartialAggregateOperator
from .aggregates.retract import RetractOperator
from .aggregates.session import SessionAggregateOperator
from .context import Context, Models, Operator, Remembering
from .dead_letters import Letters
from .evaluate import EvaluateOperator
from .exchange import split
from .infer import InferOperator
from .joins.foreign_key import ForeignKeyChangesOperator, ForeignKeyJoinOperator, ForeignKeyResultsOperator
from .joins.stream_stream import StreamStreamJoinOperator
from .joins.stream_table import StreamTableJoinOperator
from .joins.streams import JoinSidesOperator
from .joins.table_table import TableTableJoinOperator
from .materialize import MaterializeOperator
from .measured import Measured, Measures, Placed
from .operator import Frame, Report
from .told import ToldOperator
from .union import UnionOperator


def open_stage(
    plan: QueryPlan,
    index: int,
    store: StateStore,
    report: Report,
    models: Models | None = None,
    measures: Measures | None = None,
    letters: Letters | None = None,
    moves: Moves | None = None,
    *,
    alone: bool = False,
) -> Stage:
    """The plan's stage `index` for one worker, on that worker's store; `models` where the plan infers; `measures` is told
    what its operators do; `letters` gets the rows that models fail on and that are to be kept; `moves` notes which
    versions answer; `alone`: there is no other worker.

    Raises Conflict when the stored state has another layout, Unsupported for a step this version cannot run.
    """
    made_of = origins(plan.sources, plan.stages[0]) if index == 0 else {}
    kept = letters if plan.sink is not None else None
    context = Context(
        store,
        report,
        models,
        keeps_times=index > 0,
        query_id=plan.query_id,
        origins=made_of,
        letters=kept,
        moves=moves,
        alone=alone,
        input_name=only_input(plan.sources),
    )
    return Stage(plan, index, context, measures or Measures())


class Stage:
    """A stage at work for one worker: its steps in order, in one state transaction. Owned by the thread that owns its store."""

    def __init__(self, plan: QueryPlan, index: int, context: Context, measures: Measures) -> None:
        self.store = context.store
        self._context = context
        self._steps = plan.stages[index].steps
        self._exchange = plan.stages[index + 1].exchange if index + 1 < len(plan.stages) else None
        self._wanted = _wanted(plan, self._exchange)
        every = every_update(plan, index)
        self._placed = list(_placed(self._steps, context, partial(measures.of, index), every))
        self._stateful = any(isinstance(s, STATEFUL) for s in self._steps)

    def process(self, frame: Frame) -> Frame:
        """Run all steps over one frame; gives the edges that the next stage, or the sink, reads."""
        work = Frame(dict(frame.edges), dict(frame.stream_time), frame.parts, began=frame.stream_time)
        if self._stateful:
            with self.store.transaction():
                self._run(work)
        else:
            self._run(work)
        edges = {edge: table for edge, table in work.edges.items() if edge in self._wanted and table.num_rows}
        return Frame(edges, work.stream_time, work.parts)

    def _run(self, frame: Frame) -> None:
        for placed in self._placed:
            placed.run(frame)

    def split(self, frame: Frame) -> Mapping[int, Frame]:
        """What `process` gave, by key group; every group's frame carries the stream times."""
        return {0: frame} if self._exchange is None else split(frame, self._exchange)

    def begin_epoch(self, epoch: int) -> None:
        """From here on changes belong to `epoch`."""
        self.store.begin_epoch(epoch)

    def durable(self, epoch: int) -> None:
        """Epochs up to and including `epoch` need no undo any more."""
        self.store.durable(epoch)

    def rollback_to(self, epoch: int) -> None:
        """Undo all that was changed after `epoch`."""
        self.store.rollback_to(epoch)
        for placed in self._placed:
            if isinstance(placed.operator, Remembering):
                placed.operator.reload()

    def close(self) -> None:
        """The store belongs to whoever opened it; nothing else is held."""


def _wanted(plan: QueryPlan, exchange: Exchange | None) -> frozenset[Edge]:
    if exchange is not None:
        return frozenset(exchange.keys)
    if plan.sink is not None:
        return frozenset({plan.sink.edge})
    last = [step.output for stage in plan.stages for step in stage.steps][-1:]
    return frozenset(last or [s.edge for s in plan.sources])


def _placed(
    steps: Sequence[Step], context: Context, measured: Callable[[int], Measured], every: Collection[Edge]
) -> Iterator[Placed]:
    """The steps as operators. `every`: the edges on which every update is told."""
    at = 0
    while at < len(steps):
        step = steps[at]
        behind = steps[at + 1] if at + 1 < len(steps) else None
        known = set(context.store.tables)
        if isinstance(step, Evaluate) and isinstance(behind, PartialAggregate) and _only_for(step, behind, steps):
            operator: Operator = PartialAggregateOperator(behind, step, context)
            writes = behind.output
            at += 2
        else:
            operator = _operator(step, behind, context, every=step.output in every)
            writes = step.output
            at += 1
        tables = [table for name, table in context.store.tables.items() if name not in known]
        yield Placed(operator, edges_read(step), writes, tables, measured(writes))


def _only_for(step: Evaluate, behind: PartialAggregate, steps: Sequence[Step]) -> bool:
    return behind.input == step.output and not step.explode


def _operator(step: Step, behind: Step | None, context: Context, *, every: bool) -> Operator:
    match step:
        case Evaluate():
            return EvaluateOperator(step, context)
        case Infer():
            return InferOperator(step, context)
        case PartialAggregate():
            return PartialAggregateOperator(step, None, context)
        case Aggregate():
            return _aggregate(step, _after(step, behind), context, every=every)
        case StreamTableJoin():
            return StreamTableJoinOperator(step, context)
        case Union():
            return UnionOperator(step)
        case JoinSides():
            return JoinSidesOperator(step, context)
        case StreamStreamJoin():
            return StreamStreamJoinOperator(step, context)
        case ForeignKeyChanges():
            return ForeignKeyChangesOperator(step, context, every=every)
        case ForeignKeyJoin():
            return ForeignKeyJoinOperator(step, context, every=every)
        case ForeignKeyResults():
            return ForeignKeyResultsOperator(step, context)
        case TableTableJoin():
            return TableTableJoinOperator(step, _after(step, behind), context, every=every)
        case Materialize():
            return ToldOperator(step, context) if step.every else MaterializeOperator(step, context)
        case Retract():
            return RetractOperator(step, context)
        case _:
            assert_never(step)


def _after(step: Step, behind: Step | None) -> Evaluate | None:
    """The evaluation over a step's output."""
    return behind if isinstance(behind, Evaluate) and behind.input == step.output else None


def _aggregate(step: Aggregate, after: Evaluate | None, context: Context, *, every: bool) -> Operator:
    window = step.partial.window
    if window is not None and window.is_session:
        return SessionAggregateOperator(step, after, context)
    return AggregateOperator(step, after, context, every=every)
