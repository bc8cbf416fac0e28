"""A canary: a split that watches itself. What follows from its beginning, and from its end by either way."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa

from ...errors import AnalysisError, Conflict, UserError
from ...sql.catalog_models import DEFAULT_ALIAS, Canary, ModelEntry, ModelEvent, Split
from ...sql.parser.parse import parse_statement
from ...sql.statements.model import EndCanary, SetCanary
from ...sql.statements.statement import Query, RelationalQuery
from .change import World


def set_canary(statement: SetCanary, entry: ModelEntry, world: World) -> tuple[ModelEntry, str]:
    """The model with the canary, and what is said."""
    version = entry.alias(statement.alias, statement.span)
    if entry.canary is not None:
        raise Conflict(
            f"model {entry.name} has a canary already: {entry.canary}",
            hint=f"ALTER MODEL {entry.name} END CANARY ROLLBACK",
            span=statement.span,
        )
    if version.number == entry.default.number:
        raise AnalysisError(f"{statement.alias} is the version that is live", span=statement.span)
    if statement.query is not None:
        asked = parse_statement(statement.query, world.catalog.types)
        if not isinstance(asked, Query | RelationalQuery) or asked.is_push:
            raise AnalysisError("a canary's condition is a pull query", detail=statement.query, span=statement.span)
        _check_answer(statement, statement.query, world)
    canary = Canary(
        statement.alias,
        statement.percent,
        world.now_ms + statement.duration_ms,
        statement.rows_min,
        statement.error_rate,
        statement.latency_ms,
        statement.query,
        version.number,
        entry.default.number,
        statement.duration_ms,
    )
    split = Split(((DEFAULT_ALIAS, 100 - statement.percent), (statement.alias, statement.percent)), statement.by)
    event = ModelEvent(world.now_ms, "SET CANARY", statement.alias, version.number, str(canary))
    made = replace(entry, split=split, canary=canary, history=(*entry.history, event))
    return made, f"Model {entry.name} has the canary {canary}"


def _check_answer(statement: SetCanary, query: str, world: World) -> None:
    """Ask the condition once: one that can never be asked, or be true, would never say to roll back."""
    if world.ask is None or world.replaying:
        return
    try:
        first = world.ask(f"{query};").schema.field(0)
    except UserError as why:
        raise AnalysisError("a canary's condition cannot be asked", detail=str(why), span=statement.span) from None
    if not pa.types.is_boolean(first.type):
        raise AnalysisError(
            "a canary's condition gives true or false in its first column",
            hint="'SELECT COUNT(*) > 10 FROM …'",
            span=statement.span,
        )


def end_canary(statement: EndCanary, entry: ModelEntry, world: World) -> tuple[ModelEntry, str]:
    """The model after it: its version is live, or no split is left."""
    canary = entry.canary
    if canary is None:
        raise AnalysisError(f"model {entry.name} has no canary", span=statement.span)
    over = entry.canary_is_over
    if statement.promote and over and not world.replaying:
        raise Conflict(
            f"the canary of model {entry.name} has no version to promote",
            detail=over,
            hint=f"ALTER MODEL {entry.name} END CANARY ROLLBACK",
            span=statement.span,
        )
    version = entry.alias(canary.alias, statement.span)
    made = replace(entry, split=None, canary=None)
    if not statement.promote:
        event = ModelEvent(world.now_ms, "END CANARY", reason=f"rolled back: {statement.reason}".removesuffix(": "))
        return replace(
            made, history=(*entry.history, event)
        ), f"Version {version.number} of {entry.name} is rolled back"
    if world.models is not None and not world.replaying:
        world.models.check(entry.name, version)
    made = made.with_alias(DEFAULT_ALIAS, version.number, world.now_ms, action="END CANARY", reason=statement.reason)
    return made, f"Version {version.number} of model {entry.name} is {DEFAULT_ALIAS} now"
