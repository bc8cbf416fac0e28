"""What watches a model: shadow runs into a topic. The topic is a stream of the same name, unless one is there already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..errors import Conflict
from ..sql.catalog_models import ModelEntry, ModelEvent, Shadow, columns_text, shadow_columns
from ..sql.parser import parse_statement
from ..sql.statements import CreateSource
from ..sql.statements_model import SetShadow
from ..sql.types import SqlType, quote_if_needed
from .change import Change, World
from .changes_sources import create

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


def filled_stream(name: str, topic: str, columns: Sequence[tuple[str, SqlType]], world: World) -> Change:
    """A stream over a topic that the engine writes, made where there is none of that name. Raises Conflict where the name
    is another topic's."""
    old = world.catalog.find(name)
    if old is not None:
        if old.topic != topic or old.is_table:
            raise Conflict(f"{name} exists already, and is no stream over topic {topic}", hint="choose another name")
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
