"""What watches a model: shadow runs and monitors, which write to a topic that is a stream too.

A monitor's reference is looked at once, when the monitor is set, and kept in the command log with the statement.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ...errors import AnalysisError, Conflict, UnknownName
from ...inference.monitoring.drift import METRICS, distances, summary_of
from ...inference.monitoring.monitor import watched_columns
from ...sql.catalog_models import (
    DEFAULT_ALIAS,
    DRIFT_COLUMNS,
    ModelEntry,
    ModelEvent,
    Monitor,
    Shadow,
    columns_text,
    shadow_columns,
)
from ...sql.parser.cursor import text_ms
from ...sql.parser.parse import parse_statement
from ...sql.scope import suggestion
from ...sql.statements.model import SetMonitor, SetShadow
from ...sql.statements.statement import CreateSource
from ...sql.types import SqlType, quote_if_needed
from ..models.properties import number_from_zero
from .change import Change, World
from .sources import create

Watched = tuple[Change, ModelEntry, str, World]
"""(the stream that is made first, the model afterwards, what is said, the world)."""


def set_shadow(statement: SetShadow, world: World) -> Watched:
    """SET SHADOW and RESET SHADOW."""
    entry = world.catalog.model(statement.name, statement.span)
    if statement.alias is None:
        event = ModelEvent(world.now_ms, "RESET SHADOW")
        made = replace(entry, shadow=None, history=(*entry.history, event))
        return _nothing(world), made, f"Model {entry.name} has no shadow any more", world
    entry.alias(statement.alias, statement.span)
    shadow = Shadow(statement.alias, statement.percent, statement.topic)
    columns = shadow_columns(entry.default.inputs, entry.default.output)
    below = filled_stream(statement.topic.upper(), statement.topic, columns, world)
    event = ModelEvent(world.now_ms, "SET SHADOW", shadow.alias, reason=str(shadow))
    made = replace(entry, shadow=shadow, history=(*entry.history, event))
    return below, made, f"Model {entry.name} is shadowed by {shadow} now", world


REFERENCE = "mergus.model.reference"
"""The note in the command log that holds what was counted of a monitor's reference."""
_PROPERTIES = ("REFERENCE", "METRICS", "WINDOW", "THRESHOLD")
_SAMPLE_ROWS = 100_000


def set_monitor(statement: SetMonitor, world: World) -> Watched:
    """SET MONITOR and RESET MONITOR."""
    entry = world.catalog.model(statement.name, statement.span)
    if not statement.properties:
        event = ModelEvent(world.now_ms, "RESET MONITOR")
        made = replace(entry, monitor=None, history=(*entry.history, event))
        return _nothing(world), made, f"Model {entry.name} is not monitored any more", world
    given = {p.name: "" if p.value is None else str(p.value) for p in statement.properties}
    for name in given:
        if name not in _PROPERTIES:
            hint = suggestion(name, _PROPERTIES) or f"properties are {', '.join(_PROPERTIES)}"
            raise AnalysisError(f"{name} is not a property of a monitor", hint=hint, span=statement.span)
    source = _source(given.get("REFERENCE"), entry, statement, world)
    topic = f"{entry.name}__drift".lower()
    metrics = _metrics(given.get("METRICS", ",".join(METRICS)), statement)
    reference = _reference(entry, source, world)
    if not world.replaying and not any(distances(column, column, metrics) for column in reference.values()):
        raise AnalysisError(
            f"the reference {source} gives nothing to compare with by {', '.join(metrics) or 'no metric'}",
            detail="numbers have psi and ks, vectors centroid, texts and whole numbers psi and new_cluster_rate",
            hint="does it have rows without NULL?",
            span=statement.span,
        )
    monitor = Monitor(
        source,
        metrics,
        _window_ms(given.get("WINDOW", "1 HOUR"), statement),
        number_from_zero("THRESHOLD", given.get("THRESHOLD", "0.2"), statement.span),
        topic,
        reference,
    )
    below = filled_stream(topic.upper(), topic, DRIFT_COLUMNS, world)
    event = ModelEvent(world.now_ms, "SET MONITOR", reason=str(monitor))
    made = replace(entry, monitor=monitor, history=(*entry.history, event))
    below = replace(below, notes={REFERENCE: json.dumps(monitor.reference)})
    return below, made, f"Model {entry.name} is monitored: stream {topic.upper()} tells of its drift", world


def _source(given: str | None, entry: ModelEntry, statement: SetMonitor, world: World) -> str:
    """The stream or table of the reference, which has the model's inputs."""
    if not given:
        raise AnalysisError(
            "SET MONITOR wants REFERENCE, a stream or table with the model's inputs",
            hint=f"ALTER MODEL {quote_if_needed(entry.name)} SET MONITOR (reference = '…')",
            span=statement.span,
        )
    relation = world.catalog.get(given if world.catalog.find(given) else given.upper(), statement.span)
    there = [column.name for column in relation.schema]
    missing = [name for name, _ in entry.default.inputs if name not in there]
    if missing and not world.replaying:
        raise UnknownName(
            f"the reference {relation.name} has no column {missing[0]}",
            detail=f"model {entry.name} takes {columns_text(entry.default.inputs)}",
            hint="CREATE STREAM … AS SELECT … AS … names columns as the model does",
            span=statement.span,
        )
    return relation.name


def _metrics(given: str, statement: SetMonitor) -> tuple[str, ...]:
    found = tuple(m.strip().lower() for m in given.split(",") if m.strip())
    for name in found:
        if name not in METRICS:
            raise AnalysisError(
                f"{name} is not a metric", hint=f"metrics are {', '.join(METRICS)}", span=statement.span
            )
    return found


def _window_ms(given: str, statement: SetMonitor) -> int:
    found = text_ms(given)
    if not found:
        raise AnalysisError(f"WINDOW is a time, as '1 HOUR', not '{given}'", span=statement.span)
    return found


def _reference(entry: ModelEntry, source: str, world: World) -> dict[str, Any]:
    """The reference's columns counted, and the model's answers to them; what the command log holds, when it is read again."""
    if world.replaying and REFERENCE in world.settings:
        kept: dict[str, Any] = json.loads(world.settings[REFERENCE])
        return kept
    if world.ask is None:
        raise AnalysisError("SET MONITOR needs a server that can read the reference")
    inputs = [quote_if_needed(name) for name, _ in entry.default.inputs]
    columns = ", ".join(f"{name} AS i{i}" for i, name in enumerate(inputs))
    call = f"{quote_if_needed(entry.name)}@{DEFAULT_ALIAS}({', '.join(inputs)})"  # a split, or a shadow, is not asked
    table = world.ask(f"SELECT {columns}, {call} AS answer FROM {quote_if_needed(source)} LIMIT {_SAMPLE_ROWS};")
    *given, answers = (column.combine_chunks() for column in table.columns)
    watched = watched_columns(entry.default.inputs, entry.default.output, given, answers)
    return {name: summary_of(column) for name, column in watched}


def filled_stream(name: str, topic: str, columns: Sequence[tuple[str, SqlType]], world: World) -> Change:
    """A stream over a topic that the engine writes, made where there is none of that name. Raises Conflict where the name
    is another topic's, or of a stream of something else."""
    old = world.catalog.find(name)
    if old is not None:
        if old.topic != topic or old.is_table:
            raise Conflict(f"{name} exists already, and is no stream over topic {topic}", hint="choose another name")
        if [c.name for c in old.schema] != [n for n, _ in columns] and not world.replaying:
            raise Conflict(
                f"{name} exists already, and has other columns",
                detail=f"wanted are {', '.join(n for n, _ in columns)}",
                hint="choose another name",
            )
        return _nothing(world)
    text = (
        f"CREATE STREAM {quote_if_needed(name)} ({columns_text(tuple(columns))}) "
        f"WITH (KAFKA_TOPIC = '{topic}', VALUE_FORMAT = 'JSON', PARTITIONS = 1)"
    )
    made = parse_statement(text, world.catalog.types)
    assert isinstance(made, CreateSource)
    return create(made, text, world)


def _nothing(world: World) -> Change:
    return Change("", world.catalog, world.registry)
