"""Statements: what the parser makes of text, as frozen values that check themselves when they are made.

A SELECT keeps its expressions as sqlglot trees, whose leaves carry their places; everything else is plain data. Each
statement is one class, so that whoever carries statements out has one exhaustive `match`.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...errors import ParseError, Span
from ..types import SqlType
from .asserts import AssertSchema, AssertSource, AssertTopic, AssertValues
from .model import CreateModel, DescribeModel, DropModel, ModelStatement, Rollback, SetAlias, SetSplit
from .query import JOIN_KINDS, WINDOW_KINDS, FromClause, Join, Query, SelectItem, SourceRef, WindowClause, WithinClause
from .relational import RelationalQuery
from .source import (
    AlterSource,
    ColumnElement,
    CreateSource,
    CreateSourceAs,
    CreateType,
    DropSource,
    DropType,
    InsertInto,
    InsertValues,
    Property,
    SourceKind,
    check_create,
)

__all__ = [
    "JOIN_KINDS",
    "SHOWN",
    "WINDOW_KINDS",
    "AlterSource",
    "AlterSystem",
    "AssertSchema",
    "AssertSource",
    "AssertTopic",
    "AssertValues",
    "ColumnElement",
    "CreateFunction",
    "CreateModel",
    "CreateSource",
    "CreateSourceAs",
    "CreateType",
    "Define",
    "Describe",
    "DescribeFunction",
    "DescribeModel",
    "DropFunction",
    "DropModel",
    "DropSource",
    "DropType",
    "Explain",
    "FromClause",
    "FunctionParameter",
    "InsertInto",
    "InsertValues",
    "Join",
    "ModelStatement",
    "Pause",
    "Print",
    "Property",
    "Query",
    "RelationalQuery",
    "Resume",
    "Rollback",
    "RunScript",
    "SelectItem",
    "SetAlias",
    "SetProperty",
    "SetSplit",
    "Show",
    "SourceKind",
    "SourceRef",
    "Statement",
    "Terminate",
    "Undefine",
    "UnsetProperty",
    "WindowClause",
    "WithinClause",
]


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


SHOWN = (
    "STREAMS",
    "TABLES",
    "TOPICS",
    "QUERIES",
    "FUNCTIONS",
    "PROPERTIES",
    "VARIABLES",
    "TYPES",
    "MODELS",
    "TOPOLOGY",
)
GRAPH_FORMS = ("DOT", "MERMAID")


@dataclass(frozen=True)
class Show:
    """SHOW / LIST what. `all`: ALL TOPICS, hidden ones too. `extended`: STREAMS / TABLES / TOPICS / QUERIES EXTENDED. `form`:
    TOPOLOGY AS DOT / MERMAID."""

    what: str
    all: bool = False
    extended: bool = False
    span: Span | None = None
    form: str | None = None

    def __post_init__(self) -> None:
        if self.what not in SHOWN:
            raise ParseError(f"SHOW {self.what} is not a statement", span=self.span)
        if self.form is not None and (self.what != "TOPOLOGY" or self.form not in GRAPH_FORMS):
            raise ParseError(f"SHOW {self.what} AS {self.form} is not a statement", span=self.span)


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

    subject: Query | RelationalQuery | CreateSourceAs | InsertInto | str
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
        check_create(self.or_replace, self.if_not_exists, self.span)
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


Statement = (
    Query
    | RelationalQuery
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
    | ModelStatement
    | DescribeModel
    | AssertValues
    | AssertSource
    | AssertTopic
    | AssertSchema
)
