"""Statements that make, change, fill and drop streams, tables and types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlglot import exp

from ...errors import AnalysisError, ParseError, Span
from ..types import SqlType
from .query import Query
from .relational import RelationalQuery

SourceKind = Literal["STREAM", "TABLE"]


@dataclass(frozen=True)
class ColumnElement:
    """A column as CREATE STREAM / TABLE lists it. `header`: the name of HEADER('k'), '' for HEADERS."""

    name: str
    type: SqlType
    is_key: bool = False
    is_primary: bool = False
    header: str | None = None
    span: Span | None = None

    def __post_init__(self) -> None:
        if self.header is not None and self.is_key:
            raise ParseError(f"column {self.name} cannot be both a key and a header", span=self.span)


@dataclass(frozen=True)
class Property:
    """One `NAME = value` of WITH: a literal; `span` covers both."""

    name: str
    value: str | int | float | bool | None
    span: Span | None = None


@dataclass(frozen=True)
class CreateSource:
    """CREATE [OR REPLACE] [SOURCE] STREAM / TABLE [IF NOT EXISTS] name (elements) WITH (properties)."""

    kind: SourceKind
    name: str
    elements: tuple[ColumnElement, ...]
    properties: tuple[Property, ...]
    or_replace: bool = False
    if_not_exists: bool = False
    is_source: bool = False
    span: Span | None = None

    def __post_init__(self) -> None:
        check_create(self.or_replace, self.if_not_exists, self.span)


@dataclass(frozen=True)
class CreateSourceAs:
    """CREATE [OR REPLACE] STREAM / TABLE [IF NOT EXISTS] name WITH (properties) AS query."""

    kind: SourceKind
    name: str
    query: Query | RelationalQuery
    properties: tuple[Property, ...] = ()
    or_replace: bool = False
    if_not_exists: bool = False
    span: Span | None = None

    def __post_init__(self) -> None:
        check_create(self.or_replace, self.if_not_exists, self.span)


def check_create(or_replace: bool, if_not_exists: bool, span: Span | None) -> None:
    """OR REPLACE and IF NOT EXISTS do not go together."""
    if or_replace and if_not_exists:
        raise ParseError("OR REPLACE and IF NOT EXISTS exclude each other", span=span)


@dataclass(frozen=True)
class InsertInto:
    """INSERT INTO name [WITH (properties)] query: a persistent query into a stream that exists."""

    name: str
    query: Query | RelationalQuery
    properties: tuple[Property, ...] = ()
    span: Span | None = None


@dataclass(frozen=True)
class InsertValues:
    """INSERT INTO name [(columns)] VALUES (…), (…): a record for each. No columns named: all, in order. `places`: where each
    column is named."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[exp.Expression, ...], ...]
    span: Span | None = None
    places: tuple[Span | None, ...] = ()

    def __post_init__(self) -> None:
        other = next((row for row in self.rows if self.columns and len(self.columns) != len(row)), None)
        if other is not None:
            raise AnalysisError(
                "INSERT VALUES: the number of columns differs from the number of values",
                detail=f"{len(self.columns)} columns, {len(other)} values",
                span=self.span,
            )
        twice = next((i for i, name in enumerate(self.columns) if name in self.columns[:i]), None)
        if twice is not None:
            span = self.places[twice] if self.places else self.span
            raise AnalysisError(f"INSERT VALUES names the column {self.columns[twice]} twice", span=span)


@dataclass(frozen=True)
class DropSource:
    """DROP STREAM / TABLE [IF EXISTS] name [DELETE TOPIC]."""

    kind: SourceKind
    name: str
    if_exists: bool = False
    delete_topic: bool = False
    span: Span | None = None


@dataclass(frozen=True)
class AlterSource:
    """ALTER STREAM / TABLE name ADD [COLUMN] column type, …"""

    kind: SourceKind
    name: str
    elements: tuple[ColumnElement, ...]
    span: Span | None = None


@dataclass(frozen=True)
class CreateType:
    """CREATE TYPE [IF NOT EXISTS] name AS type."""

    name: str
    type: SqlType
    if_not_exists: bool = False
    span: Span | None = None


@dataclass(frozen=True)
class DropType:
    """DROP TYPE [IF EXISTS] name."""

    name: str
    if_exists: bool = False
    span: Span | None = None
