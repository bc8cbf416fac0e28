"""Statements: what the parser makes of text, as frozen values that check themselves when they are made.

A SELECT keeps its expressions as sqlglot trees, whose leaves carry their places; everything else is plain data. Each
statement is one class, so that whoever carries statements out has one exhaustive `match`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from sqlglot import exp

from ..errors import AnalysisError, ParseError, Span
from .types import SqlType

SourceKind = Literal["STREAM", "TABLE"]
JOIN_KINDS = ("INNER", "LEFT", "RIGHT", "OUTER")
WINDOW_KINDS = ("TUMBLING", "HOPPING", "SESSION")


# ---------------------------------------------------------------------------------------------------------------- queries


@dataclass(frozen=True)
class SelectItem:
    """One item of a projection: an expression with an optional alias; `*` or `source.*` (no expression); or
    `expression->*`, all fields of a struct."""

    expression: exp.Expression | None
    alias: str | None = None
    is_star: bool = False
    is_struct_star: bool = False
    source: str | None = None
    span: Span | None = None

    def __post_init__(self) -> None:
        if self.is_star != (self.expression is None):
            raise ParseError("an item of a projection is an expression or a star", span=self.span)
        if (self.is_star or self.is_struct_star) and self.alias is not None:
            raise ParseError("a star takes no alias", span=self.span)


@dataclass(frozen=True)
class SourceRef:
    """A stream or table in FROM; without an alias of its own it goes by its name."""

    name: str
    alias: str
    span: Span | None = None


@dataclass(frozen=True)
class WithinClause:
    """How far apart in event time the two sides of a stream-stream join may lie."""

    before_ms: int
    after_ms: int
    grace_ms: int | None = None
    span: Span | None = None


@dataclass(frozen=True)
class Join:
    """`left JOIN right ON on`; `right` is one source, so joins lean to the left."""

    left: SourceRef | Join
    right: SourceRef
    kind: str
    on: exp.Expression
    within: WithinClause | None = None
    span: Span | None = None

    def __post_init__(self) -> None:
        if self.kind not in JOIN_KINDS:
            raise ParseError(f"{self.kind} is not a kind of join", span=self.span)


FromClause = SourceRef | Join


@dataclass(frozen=True)
class WindowClause:
    """WINDOW TUMBLING (SIZE …), HOPPING (SIZE …, ADVANCE BY …) or SESSION (gap: `size_ms`)."""

    kind: str
    size_ms: int | None
    advance_ms: int | None = None
    grace_ms: int | None = None
    retention_ms: int | None = None
    span: Span | None = None

    def __post_init__(self) -> None:
        if self.kind not in WINDOW_KINDS:
            raise ParseError(f"{self.kind} is not a kind of window", span=self.span)
        if self.kind == "HOPPING" and self.advance_ms is None:
            raise ParseError("a HOPPING window needs ADVANCE BY", span=self.span)


@dataclass(frozen=True)
class Query:
    """A SELECT. With `emit` it is a push query (or feeds a sink), without one a pull query."""

    select: tuple[SelectItem, ...]
    from_: FromClause
    where: exp.Expression | None = None
    group_by: tuple[exp.Expression, ...] = ()
    partition_by: tuple[exp.Expression, ...] = ()
    having: exp.Expression | None = None
    window: WindowClause | None = None
    emit: Literal["CHANGES", "FINAL"] | None = None
    limit: int | None = None
    span: Span | None = None

    def __post_init__(self) -> None:
        if not self.select:
            raise ParseError("SELECT takes at least one item", span=self.span)

    @property
    def is_push(self) -> bool:
        """Whether, standing alone, it goes on until it is ended."""
        return self.emit is not None

    def sources(self) -> tuple[SourceRef, ...]:
        """The streams and tables it reads, in order."""
        return _sources(self.from_)


def _sources(relation: FromClause) -> tuple[SourceRef, ...]:
    if isinstance(relation, SourceRef):
        return (relation,)
    return (*_sources(relation.left), relation.right)


# ---------------------------------------------------------------------------------------------------------------- sources


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
        _check_create(self.or_replace, self.if_not_exists, self.span)


@dataclass(frozen=True)
class CreateSourceAs:
    """CREATE [OR REPLACE] STREAM / TABLE [IF NOT EXISTS] name WITH (properties) AS query."""

    kind: SourceKind
    name: str
    query: Query
    properties: tuple[Property, ...] = ()
    or_replace: bool = False
    if_not_exists: bool = False
    span: Span | None = None

    def __post_init__(self) -> None:
        _check_create(self.or_replace, self.if_not_exists, self.span)


def _check_create(or_replace: bool, if_not_exists: bool, span: Span | None) -> None:
    if or_replace and if_not_exists:
        raise ParseError("OR REPLACE and IF NOT EXISTS exclude each other", span=span)


@dataclass(frozen=True)
class InsertInto:
    """INSERT INTO name [WITH (properties)] query: a persistent query into a stream that exists."""

    name: str
    query: Query
    properties: tuple[Property, ...] = ()
    span: Span | None = None


@dataclass(frozen=True)
class InsertValues:
    """INSERT INTO name [(columns)] VALUES (…): one record. No columns named: all, in order."""

    name: str
    columns: tuple[str, ...]
    values: tuple[exp.Expression, ...]
    span: Span | None = None

    def __post_init__(self) -> None:
        if self.columns and len(self.columns) != len(self.values):
            raise AnalysisError(
                "INSERT VALUES: the number of columns differs from the number of values",
                detail=f"{len(self.columns)} columns, {len(self.values)} values",
                span=self.span,
            )


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


# ---------------------------------------------------------------------------------------------------------- running queries


@dataclass(frozen=True)
class Terminate:
    """TERMINATE id, or all (`query_id` None)."""

    query_id: str | None
    span: Span | None = None


@dataclass(frozen=True)
class Pause:
    """PAUSE id, or all (`query_id` None)."""

    query_id: str | None
    span: Span | None = None


@dataclass(frozen=True)
class Resume:
    """RESUME id, or all (`query_id` None)."""

    query_id: str | None
    span: Span | None = None


# ------------------------------------------------------------------------------------------------------------- looking about


SHOWN = ("STREAMS", "TABLES", "TOPICS", "QUERIES", "FUNCTIONS", "PROPERTIES", "VARIABLES", "TYPES", "MODELS")


@dataclass(frozen=True)
class Show:
    """SHOW / LIST what. `all`: ALL TOPICS, hidden ones too. `extended`: STREAMS / TABLES / TOPICS / QUERIES EXTENDED."""

    what: str
    all: bool = False
    extended: bool = False
    span: Span | None = None

    def __post_init__(self) -> None:
        if self.what not in SHOWN:
            raise ParseError(f"SHOW {self.what} is not a statement", span=self.span)


@dataclass(frozen=True)
class Describe:
    """DESCRIBE name [EXTENDED]; `kind` of DESCRIBE STREAMS / TABLES, then without a name."""

    name: str | None
    extended: bool = False
    kind: SourceKind | None = None
    span: Span | None = None


@dataclass(frozen=True)
class DescribeFunction:
    """DESCRIBE FUNCTION name."""

    name: str
    span: Span | None = None


@dataclass(frozen=True)
class Explain:
    """EXPLAIN [ANALYZE] a statement with a query, or the id of a query that runs."""

    subject: Query | CreateSourceAs | InsertInto | str
    analyze: bool = False
    text: str = ""
    span: Span | None = None


@dataclass(frozen=True)
class Print:
    """PRINT topic [FROM BEGINNING] [INTERVAL n] [LIMIT n]."""

    topic: str
    from_beginning: bool = False
    interval: int = 1
    limit: int | None = None
    span: Span | None = None


# ------------------------------------------------------------------------------------------------------------------ settings


@dataclass(frozen=True)
class SetProperty:
    """SET 'name' = 'value': for the statements that follow."""

    name: str
    value: str
    span: Span | None = None


@dataclass(frozen=True)
class UnsetProperty:
    """UNSET 'name'."""

    name: str
    span: Span | None = None


@dataclass(frozen=True)
class AlterSystem:
    """ALTER SYSTEM 'name' = 'value': for the whole server."""

    name: str
    value: str
    span: Span | None = None


@dataclass(frozen=True)
class Define:
    """DEFINE name = 'value': what `${name}` stands for from here on."""

    name: str
    value: str
    span: Span | None = None


@dataclass(frozen=True)
class Undefine:
    """UNDEFINE name."""

    name: str
    span: Span | None = None


@dataclass(frozen=True)
class RunScript:
    """RUN SCRIPT 'file': the prompt's; a server refuses it."""

    path: str
    span: Span | None = None


# ----------------------------------------------------------------------------------------------------------------- functions


@dataclass(frozen=True)
class FunctionParameter:
    """A parameter of CREATE FUNCTION."""

    name: str
    type: SqlType


@dataclass(frozen=True)
class CreateFunction:
    """CREATE [OR REPLACE] FUNCTION [IF NOT EXISTS] name (parameters) RETURNS type LANGUAGE PYTHON [WITH (…)] AS $$ body $$.
    `returns` is None where the body declares it."""

    name: str
    parameters: tuple[FunctionParameter, ...]
    returns: SqlType | None
    body: str
    language: str = "PYTHON"
    or_replace: bool = False
    if_not_exists: bool = False
    properties: tuple[Property, ...] = ()
    span: Span | None = None

    def __post_init__(self) -> None:
        _check_create(self.or_replace, self.if_not_exists, self.span)
        if self.language != "PYTHON":
            raise ParseError(f"functions are written in PYTHON, not {self.language}", span=self.span)
        names = [p.name for p in self.parameters]
        if len(set(names)) < len(names):
            raise ParseError(f"the parameters of {self.name} have different names", span=self.span)


@dataclass(frozen=True)
class DropFunction:
    """DROP FUNCTION [IF EXISTS] name."""

    name: str
    if_exists: bool = False
    span: Span | None = None


# ---------------------------------------------------------------------------------------------------------------- assertions


@dataclass(frozen=True)
class AssertValues:
    """ASSERT VALUES / NULL VALUES / TOMBSTONE: the next record of `name` is this one. `null`: its value is NULL
    (ASSERT NULL VALUES or TOMBSTONE; then only key columns are given)."""

    name: str
    columns: tuple[str, ...]
    values: tuple[exp.Expression, ...]
    null: bool = False
    span: Span | None = None

    def __post_init__(self) -> None:
        if self.columns and len(self.columns) != len(self.values):
            raise AnalysisError("ASSERT: the number of columns differs from the number of values", span=self.span)


@dataclass(frozen=True)
class AssertSource:
    """ASSERT STREAM / TABLE name (elements) WITH (…): the catalog holds it so."""

    source: CreateSource
    span: Span | None = None


@dataclass(frozen=True)
class AssertTopic:
    """ASSERT [NOT EXISTS] TOPIC name [WITH (…)] [TIMEOUT …]."""

    topic: str
    exists: bool = True
    properties: Mapping[str, int] = field(default_factory=dict)
    timeout_ms: int | None = None
    span: Span | None = None


@dataclass(frozen=True)
class AssertSchema:
    """ASSERT [NOT EXISTS] SCHEMA [SUBJECT s] [ID n] [TIMEOUT …]."""

    subject: str | None
    schema_id: int | None
    exists: bool = True
    timeout_ms: int | None = None
    span: Span | None = None

    def __post_init__(self) -> None:
        if self.subject is None and self.schema_id is None:
            raise ParseError("ASSERT SCHEMA takes a SUBJECT, an ID or both", span=self.span)


Statement = (
    Query
    | CreateSource
    | CreateSourceAs
    | InsertInto
    | InsertValues
    | DropSource
    | AlterSource
    | CreateType
    | DropType
    | Terminate
    | Pause
    | Resume
    | Show
    | Describe
    | DescribeFunction
    | Explain
    | Print
    | SetProperty
    | UnsetProperty
    | AlterSystem
    | Define
    | Undefine
    | RunScript
    | CreateFunction
    | DropFunction
    | AssertValues
    | AssertSource
    | AssertTopic
    | AssertSchema
)
