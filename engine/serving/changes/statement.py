"""What a statement changes, worked out before anything is done: a pure step from one catalog to the next.

`prepare` looks at a statement and the catalog and says what would follow: which topics, queries and functions come and
go, and the catalog afterwards. It refuses what the rules refuse. `engine.py` then does it, or, when the command log is
read again at a start, only enters it.
"""

from __future__ import annotations

from ...errors import Conflict, MergusError, Unsupported
from ...runtime.telemetry import processing_log
from ...sql.catalog import Catalog
from ...sql.parser.parse import Parsed
from ...sql.statements.statement import (
    AlterSource,
    CreateFunction,
    CreateSource,
    CreateSourceAs,
    CreateType,
    DropFunction,
    DropSource,
    DropType,
    InsertInto,
    ModelStatement,
    Pause,
    Resume,
    Statement,
    Terminate,
)
from . import models, others, sources
from .change import Change, World
from .cycles import without_cycle


def prepare(statement: Statement, text: str, world: World) -> Change:
    """What follows from a statement that changes something. Raises a UserError that knows its place in `text`."""
    try:
        return _prepared(statement, text, world)
    except MergusError as error:
        raise error.at(text, getattr(statement, "span", None)) from None


def changes_something(statement: Statement) -> bool:
    """Whether a statement belongs in the command log."""
    return isinstance(
        statement,
        CreateSource
        | CreateSourceAs
        | InsertInto
        | DropSource
        | AlterSource
        | Terminate
        | Pause
        | Resume
        | CreateType
        | DropType
        | CreateFunction
        | DropFunction
        | ModelStatement,
    )


def is_there(parsed: Parsed, catalog: Catalog) -> bool:
    """Whether a second start finds what a statement makes there already: the same text has made it."""
    statement = parsed.statement
    if isinstance(statement, InsertInto):
        return any(entry.statement == parsed.text for entry in catalog.queries.values())
    if not isinstance(statement, CreateSource | CreateSourceAs) or statement.or_replace:
        return False
    found = catalog.find(statement.name)
    return found is not None and found.statement == parsed.text


def _prepared(statement: Statement, text: str, world: World) -> Change:
    if world.replaying:
        return _change(statement, text, world)
    _refuse_of_log(statement)
    change = _change(statement, text, world)
    _refuse_over_log(statement, change, world)
    return change


def _refuse_of_log(statement: Statement) -> None:
    """The processing log's stream stays as it is."""
    if not isinstance(statement, CreateSource | CreateSourceAs | DropSource | AlterSource):
        return
    again = isinstance(statement, CreateSource | CreateSourceAs) and statement.if_not_exists
    if statement.name == processing_log.STREAM and not again:
        raise Conflict(
            f"{processing_log.STREAM} is the engine's own stream",
            detail="it can be read, not made anew, altered or dropped",
            span=statement.span,
        )


def _refuse_over_log(statement: Statement, change: Change, world: World) -> None:
    """Nobody but the engine writes to the processing log's topic; CREATE SOURCE reads it."""
    for name, relation in change.catalog.relations.items():
        if relation.topic != processing_log.TOPIC or relation.is_source or relation == world.catalog.find(name):
            continue
        raise Conflict(
            f"topic {processing_log.TOPIC} is the engine's own",
            detail=f"{relation.word} {name} could write to it",
            hint=f"read {processing_log.STREAM}, which is over it, or CREATE SOURCE {relation.kind}",
            span=getattr(statement, "span", None),
        )


def _change(statement: Statement, text: str, world: World) -> Change:
    match statement:
        case CreateSource():
            return sources.create(statement, text, world)
        case CreateSourceAs():
            return without_cycle(sources.create_as(statement, text, world), world)
        case InsertInto():
            return without_cycle(sources.insert_into(statement, text, world), world)
        case DropSource():
            return sources.drop(statement, world)
        case Terminate():
            return others.terminate(statement, world)
        case Pause():
            return others.paused(statement.query_id, "paused", world)
        case Resume():
            return others.paused(statement.query_id, "resumed", world)
        case CreateType() | DropType():
            return others.type_change(statement, world)
        case CreateFunction():
            return others.create_function(statement, world)
        case DropFunction():
            return others.drop_function(statement, world)
        case _ if isinstance(statement, ModelStatement):
            return models.change_model(statement, world)
        case AlterSource():
            return sources.alter(statement, world)
        case _:
            raise Unsupported("this statement is not supported yet")
