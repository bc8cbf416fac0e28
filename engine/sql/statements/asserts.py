"""ASSERT: what a test file claims of records, sources, topics and schemas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlglot import exp

from ...errors import AnalysisError, ParseError, Span
from .source import CreateSource


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
