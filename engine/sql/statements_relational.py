"""A SELECT that is answered once and is more than one block over one source: joins, groups, sub-queries, WITH, sets, order.

One block keeps the form of every other SELECT (`Query`); here is what stands around and between blocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from sqlglot import exp

from ..errors import Span
from .statements_query import Query

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


@dataclass(frozen=True)
class SetOperation:
    """`left UNION right` and its like; `all`: rows that come several times stay."""

    kind: SetKind
    all: bool
    left: Body
    right: Body
    span: Span | None = None


@dataclass(frozen=True)
class CommonTable:
    """`name (columns) AS (query)` of a WITH."""

    name: str
    query: RelationalQuery
    columns: tuple[str, ...] = ()
    span: Span | None = None


@dataclass(frozen=True)
class RelationalQuery:
    """A whole query: what WITH names, the body, and how its rows are ordered and cut."""

    body: Body
    tables: tuple[CommonTable, ...] = ()
    order_by: tuple[OrderItem, ...] = ()
    limit: int | None = None
    offset: int | None = None
    span: Span | None = None

    def __deepcopy__(self, memo: dict[int, Any]) -> RelationalQuery:
        """Itself: it hangs in syntax trees, which are copied often, and never changes."""
        return self

    @property
    def is_push(self) -> bool:
        """Never: it is answered once."""
        return False


Body = Select | SetOperation | RelationalQuery
"""What SELECT blocks are put together to; a RelationalQuery stands in parentheses."""
