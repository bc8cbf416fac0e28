"""A SELECT that is more than one block over streams and tables: sub-queries, WITH, sets, order.

One block keeps the form of every other SELECT (`Query`); here is what stands around and between blocks. Answered once, a
query may have all of it; one that goes on has sub-queries in FROM, WITH and UNION ALL (the parser sees to that).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from sqlglot import exp

from ...errors import AnalysisError, ParseError, Span
from ..schema import ColumnDef
from .query import Query

SetKind = Literal["UNION", "INTERSECT", "EXCEPT"]


@dataclass(frozen=True)
class OrderItem:
    """One item of ORDER BY; without NULLS FIRST the NULLs come last, whichever way it is ordered."""

    expression: exp.Expression
    descending: bool = False
    nulls_first: bool = False
    span: Span | None = None


@dataclass(frozen=True)
class Select:
    """One block: SELECT … FROM … WHERE … GROUP BY … HAVING, without EMIT and LIMIT."""

    query: Query
    distinct: bool = False

    @property
    def span(self) -> Span | None:
        """Its place."""
        return self.query.span

    @property
    def rekeys(self) -> bool:
        """As its block."""
        return self.query.rekeys


@dataclass(frozen=True)
class SetOperation:
    """`left UNION right` and its like; `all`: rows that come several times stay."""

    kind: SetKind
    all: bool
    left: Body
    right: Body
    span: Span | None = None

    @property
    def rekeys(self) -> bool:
        """Whether one of its sides does."""
        return self.left.rekeys or self.right.rekeys


@dataclass(frozen=True)
class Values:
    """`VALUES (1, 'a'), (2, 'b')`: rows that are written out. Its columns are COL0, COL1 …"""

    rows: tuple[tuple[exp.Expression, ...], ...]
    span: Span | None = None
    rekeys = False

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.rows[0]):
                raise ParseError(f"the rows of VALUES have {len(self.rows[0])} and {len(row)} values", span=self.span)


@dataclass(frozen=True)
class CommonTable:
    """`name (columns) AS (query)` of a WITH."""

    name: str
    query: RelationalQuery
    columns: tuple[str, ...] = ()
    span: Span | None = None

    def named(self, columns: Sequence[ColumnDef]) -> tuple[ColumnDef, ...]:
        """The query's columns under the names that WITH gives the first of them, where it gives any."""
        if len(self.columns) > len(columns):
            raise AnalysisError(
                f"{self.name} has {len(self.columns)} names for {len(columns)} columns",
                detail=f"the columns are {', '.join(c.name for c in columns)}",
                span=self.span,
            )
        names = (*self.columns, *(c.name for c in columns[len(self.columns) :]))
        twice = next((name for at, name in enumerate(names) if name in names[:at]), None)
        if twice is not None:
            raise AnalysisError(f"{self.name} has two columns of the name {twice}", span=self.span)
        return tuple(replace(c, name=n) for n, c in zip(names, columns, strict=True))


@dataclass(frozen=True)
class RelationalQuery:
    """A whole query: what WITH names, the body, and how its rows are ordered and cut. With `emit` it goes on, or feeds a sink;
    a sub-query may say EMIT FINAL."""

    body: Body
    tables: tuple[CommonTable, ...] = ()
    order_by: tuple[OrderItem, ...] = ()
    limit: int | None = None
    offset: int | None = None
    emit: Literal["CHANGES", "FINAL"] | None = None
    span: Span | None = None

    def __post_init__(self) -> None:
        names = [table.name for table in self.tables]
        twice = next((t for i, t in enumerate(self.tables) if t.name in names[:i]), None)
        if twice is not None:
            raise ParseError(f"WITH names {twice.name} twice", span=twice.span)

    def __deepcopy__(self, memo: dict[int, Any]) -> RelationalQuery:
        """Itself: it hangs in syntax trees, which are copied often, and never changes."""
        return self

    @property
    def rekeys(self) -> bool:
        """Whether a part of it gives rows another key by PARTITION BY."""
        return self.body.rekeys or any(table.query.rekeys for table in self.tables)

    @property
    def is_push(self) -> bool:
        """Whether, standing alone, it goes on until it is ended."""
        return self.emit is not None


Body = Select | SetOperation | RelationalQuery | Values
"""What SELECT blocks and rows are put together to; a RelationalQuery stands in parentheses."""
