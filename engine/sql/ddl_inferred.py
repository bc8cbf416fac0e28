"""Columns that a statement leaves to a schema registry: keys, values, or both.

A side is asked for when the statement lists no column of it and its format has schemas. What lies behind `InferSchema`
is I/O, above this room.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ..errors import AnalysisError, Span
from .properties import INFERRING, SourceProperties
from .schema import ColumnDef
from .types import quote_if_needed

InferSchema = Callable[[str, str, Mapping[str, str], bool], Sequence[ColumnDef]]
"""(format, topic, properties of formats, is key): the columns that a registry knows. Raises UserError."""


def with_inferred(
    columns: Sequence[ColumnDef],
    topic: str,
    formats: tuple[str, str],
    properties: SourceProperties,
    infer: InferSchema | None,
    span: Span | None,
) -> list[ColumnDef]:
    """The columns of a statement, those that were listed and those that a registry knows: keys, values, headers."""
    keys = [c for c in columns if c.is_key]
    headers = [c for c in columns if c.header is not None]
    values = [c for c in columns if not c.is_key and c.header is None]
    given = properties.format_properties
    if not keys and formats[0] in INFERRING:
        keys = list(_asked(infer, span)(formats[0], topic, given, True))
    if not values and formats[1] in INFERRING:
        values = list(_asked(infer, span)(formats[1], topic, given, False))
    made = [*keys, *values, *headers]
    names = [c.name for c in made]
    twice = next((n for i, n in enumerate(names) if n in names[:i]), None)
    if twice is not None:
        raise AnalysisError(
            f"duplicate column name: {quote_if_needed(twice)}",
            detail="it is in the topic's schema as well as among the other columns",
            hint="give the key column another name",
            span=span,
        )
    return made


def _asked(infer: InferSchema | None, span: Span | None) -> InferSchema:
    if infer is None:
        raise AnalysisError("columns cannot be inferred here", hint="list the columns", span=span)
    return infer


def check_written(columns: Sequence[ColumnDef], known: Sequence[ColumnDef], *, by_name: bool, is_key: bool) -> None:
    """The columns of a query fit the schema that KEY_SCHEMA_ID or VALUE_SCHEMA_ID names: the same, in order, before any
    others. `by_name` False: a bare value, which has no name."""
    for i, column in enumerate(columns):
        fits = i < len(known) and known[i].type == column.type and (not by_name or known[i].name == column.name)
        if not fits:
            side = "key" if is_key else "value"
            raise AnalysisError(
                f"The following {side} columns are changed, missing or reordered: [{_text([column])}].",
                detail=f"Schema from schema registry is [{_text(known)}]",
                hint=f"let the query make these columns, or leave out {side.upper()}_SCHEMA_ID",
            )


def _text(columns: Sequence[ColumnDef]) -> str:
    return ", ".join(f"{quote_if_needed(c.name)} {c.type}" for c in columns)
