"""SELECT as a value: projection, sources and joins, clauses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from sqlglot import exp

from ...errors import ParseError, Span
from ..call_settings import NO_SETTINGS, CallSettings

if TYPE_CHECKING:
    from .relational import RelationalQuery

NO_SOURCE = ""
"""The name in place of FROM, where a SELECT has none."""
JOIN_KINDS = ("INNER", "LEFT", "RIGHT", "OUTER")
WINDOW_KINDS = ("TUMBLING", "HOPPING", "CUMULATIVE", "SESSION")
WINDOWS_BOUNDED = ("SESSION", "CUMULATIVE")
"""Windows of which several have one start: they are known by start and end, and keys in topics carry both."""
WINDOW_ADVANCES = {"HOPPING": "ADVANCE BY", "CUMULATIVE": "STEP"}
"""The words for how far one window is from the next, by kind."""


@dataclass(frozen=True)
class SelectItem:
    """One item of a projection: an expression with an optional alias; `*` or `source.*` (no expression), without the columns
    `excluded` and with others in the place of those `replaced`; or `expression->*`, all fields of a struct."""

    expression: exp.Expression | None
    alias: str | None = None
    is_star: bool = False
    is_struct_star: bool = False
    source: str | None = None
    span: Span | None = None
    excluded: tuple[str, ...] = ()
    replaced: tuple[tuple[str, exp.Expression], ...] = ()

    def __post_init__(self) -> None:
        if self.is_star != (self.expression is None):
            raise ParseError("an item of a projection is an expression or a star", span=self.span)
        if (self.is_star or self.is_struct_star) and self.alias is not None:
            raise ParseError("a star takes no alias", span=self.span)

    @property
    def expressions(self) -> tuple[exp.Expression, ...]:
        """What is written in it."""
        return (*(() if self.expression is None else (self.expression,)), *(node for _, node in self.replaced))

    def mapped(self, change: Callable[[exp.Expression], exp.Expression]) -> SelectItem:
        """The item with its expressions changed."""
        changed = None if self.expression is None else change(self.expression)
        return replace(self, expression=changed, replaced=tuple((name, change(node)) for name, node in self.replaced))


UNSAID = "unsaid"
"""The task of ML.EVALUATE, which follows from what the model answers."""


@dataclass(frozen=True)
class Prediction:
    """ML_PREDICT(TABLE s, MODEL m, DESCRIPTOR(columns)); without columns (ML.PREDICT) they are found by name. `model`: as
    its function is called, `M`, `M@ALIAS` or `M$3`. `label` and `task`: of ML_EVALUATE; ML.EVALUATE leaves them to the model's
    outputs. `settings`: of this call alone."""

    model: str
    columns: tuple[str, ...] = ()
    span: Span | None = None
    label: str | None = None
    task: str | None = None
    settings: CallSettings = NO_SETTINGS


@dataclass(frozen=True)
class SourceRef:
    """A stream or table in FROM; without an alias of its own it goes by its name. `prediction`: with a model's outputs
    beside its columns. `subquery`: a query in parentheses in place of the name; `lateral`: asked for each row of the sources
    before it, whose columns it may name."""

    name: str
    alias: str
    span: Span | None = None
    prediction: Prediction | None = None
    subquery: RelationalQuery | None = None
    lateral: bool = False


@dataclass(frozen=True)
class WithinClause:
    """How far apart in event time the two sides of a stream-stream join may lie."""

    before_ms: int
    after_ms: int
    grace_ms: int | None = None
    span: Span | None = None

    def __post_init__(self) -> None:
        if self.before_ms + self.after_ms < 0:
            raise ParseError("WITHIN ends before it begins", hint="write WITHIN 10 SECONDS", span=self.span)
        if self.grace_ms is not None and self.grace_ms < 0:
            raise ParseError("a GRACE PERIOD is not negative", span=self.span)


@dataclass(frozen=True)
class Join:
    """`left JOIN right ON on`; `right` is one source, so joins lean to the left. `using`: the columns of USING, which `on`
    compares too; `natural`: those that both sides have."""

    left: SourceRef | Join
    right: SourceRef
    kind: str
    on: exp.Expression
    within: WithinClause | None = None
    span: Span | None = None
    using: tuple[str, ...] = ()
    natural: bool = False

    def __post_init__(self) -> None:
        if self.kind not in JOIN_KINDS:
            raise ParseError(f"{self.kind} is not a kind of join", span=self.span)


FromClause = SourceRef | Join


@dataclass(frozen=True)
class WindowClause:
    """WINDOW TUMBLING (SIZE …), HOPPING (SIZE …, ADVANCE BY …), CUMULATIVE (SIZE …, STEP: `advance_ms`) or SESSION (gap:
    `size_ms`)."""

    kind: str
    size_ms: int | None
    advance_ms: int | None = None
    grace_ms: int | None = None
    retention_ms: int | None = None
    span: Span | None = None

    def __post_init__(self) -> None:
        if self.kind not in WINDOW_KINDS:
            raise ParseError(f"{self.kind} is not a kind of window", span=self.span)
        if self.kind in WINDOW_ADVANCES and self.advance_ms is None:
            raise ParseError(f"a {self.kind} window needs {WINDOW_ADVANCES[self.kind]}", span=self.span)


@dataclass(frozen=True)
class Query:
    """A SELECT. With `emit` it is a push query (or feeds a sink), without one a pull query."""

    select: tuple[SelectItem, ...]
    from_: FromClause
    where: exp.Expression | None = None
    group_by: tuple[exp.Expression, ...] = ()
    partition_by: tuple[exp.Expression, ...] = ()
    having: exp.Expression | None = None
    qualify: exp.Expression | None = None
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

    @property
    def rekeys(self) -> bool:
        """Whether it, or a sub-query in its FROM, gives rows another key by PARTITION BY."""
        return bool(self.partition_by) or any(s.subquery is not None and s.subquery.rekeys for s in self.sources())

    def sources(self) -> tuple[SourceRef, ...]:
        """The streams and tables it reads, in order."""
        return _sources(self.from_)


def _sources(relation: FromClause) -> tuple[SourceRef, ...]:
    if isinstance(relation, SourceRef):
        return (relation,)
    return (*_sources(relation.left), relation.right)
