"""CREATE OR REPLACE of a running query: whether the new plan can go on with what the old one remembers.

A query that is replaced keeps its id, its place in its topics and its state, as in ksqlDB: what came before stays as it was
made, what comes next is made the new way. That holds where both plans read the same and remember the same: a filter or an
expression may be another, and a stream may get columns. Else the replacement is refused: a state that was filled by other
rules would be neither the old answer nor the new one.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from ...sql.functions import PythonAggregate
from .steps import (
    STATEFUL,
    Aggregate,
    AggregateCall,
    JoinSides,
    Materialize,
    PartialAggregate,
    QueryPlan,
    Source,
    Stage,
    Step,
)

_FREE = ("input", "output", "left", "right", "filtered", "match")
"""Fields of a step that say nothing of what lies in its state: numbers of edges, what becomes of a filter's tombstones, which
rows a join takes for a match."""


def why_not_upgraded(old: QueryPlan, new: QueryPlan) -> str | None:
    """What keeps `new` from going on where `old` stands; None where nothing does."""
    if [_read(s) for s in old.sources] != [_read(s) for s in new.sources]:
        return "its query would read other sources"
    before, after = [_remembered(s) for s in old.stages], [_remembered(s) for s in new.stages]
    if [list(map(type, steps)) for _, steps in before] != [list(map(type, steps)) for _, steps in after]:
        return "its query would group, join or keep rows where it did not, or no longer where it did"
    for (exchanged, steps), (sent, others) in zip(before, after, strict=True):
        for step, other in zip(steps, others, strict=True):
            if _kept(step) != _kept(other):
                return _differing(step, other)
        if exchanged != sent:
            return "its query would send its rows elsewhere"
    return None


def _read(source: Source) -> tuple[Any, ...]:
    return source.name, source.topic, source.is_table, source.formats, source.windowed, source.file


def _remembered(stage: Stage) -> tuple[list[tuple[int, ...]], list[Step]]:
    """By which columns rows come to a stage, and its steps that keep state."""
    exchanged = [] if stage.exchange is None else list(stage.exchange.keys.values())
    return exchanged, [step for step in stage.steps if isinstance(step, STATEFUL)]


def _kept(step: Step) -> list[Any]:
    """What lies in a step's state by; of a time to live only that there is one, for its length may change."""
    values = [getattr(step, f.name) for f in fields(step) if f.name not in (*_FREE, "ttl_ms", "calls")]
    values += [_state_of(call) for call in getattr(step, "calls", ())]
    values += [step.ttl_ms is None] if isinstance(step, PartialAggregate) else []
    return [_kept(v) if isinstance(v, PartialAggregate | JoinSides) else v for v in values]


def _state_of(call: AggregateCall) -> tuple[Any, ...]:
    """What an aggregate keeps; the code of a user's may be another one."""
    spec = call.spec
    kept = (spec.aggregator.state_type, spec.type) if isinstance(spec, PythonAggregate) else spec
    return call.name, call.args, kept


def _mortal(step: Step) -> bool:
    return isinstance(step, Aggregate) and step.partial.ttl_ms is not None


def _differing(step: Step, other: Step) -> str:
    match step:
        case Aggregate() if _mortal(step) != _mortal(other):
            return "STATE_TTL may be longer or shorter, but not be given to a running query or taken from it"
        case Aggregate():
            return "its groups, its window or its aggregates would change, and its state was made by the old ones"
        case Materialize():
            return "the table keeps its rows, whose columns would change"
        case _:
            return "the columns that it keeps of its sources would change"
