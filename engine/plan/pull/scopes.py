"""What expressions may name in a query that is answered once: rows or groups of its block, and of the queries around it.

A sub-query is analyzed where it stands, with the scope that it stands in as its outer one; a column that its own FROM does
not have is looked for there. Window functions and table functions are columns that a layer below has made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from sqlglot import exp

from ...errors import AnalysisError, Span, TypeMismatch, UnknownName
from ...sql.expressions import Call, Column, Expr
from ...sql.functions import FunctionRegistry, SqlTemplate
from ...sql.parser.relational import subquery_of
from ...sql.scope import Scope, span_of
from ...sql.statements.relational import RelationalQuery, Select
from ...sql.types import BIGINT, BOOLEAN, SqlType
from ...sql.typing.calls import AggregateUse, aggregate_use, call_arguments, call_name, is_aggregate, is_table_function
from ...sql.typing.coercion import coerce, common_type
from ...sql.typing.expression import analyze_expression
from ..analysis.grouping import not_grouped
from ..analysis.rows import EXPLODED, Rows, RowScope, canonical
from ..text import text_of
from .asked import Asking
from .from_clause import Outcome, Sources
from .texts import Texts

Claim = Callable[[exp.Expression], Expr | None]


class Planner(Protocol):
    """Who plans the statement: what its blocks share."""

    registry: FunctionRegistry
    settings: Mapping[str, str]
    sources: Sources
    texts: Texts
    asking: Asking

    def subquery(self, query: RelationalQuery, outer: BlockScope) -> Outcome:
        """What it gives; `outer` resolves the names that it has not itself."""
        ...

    def coerced(self, outcome: Outcome, types: Sequence[SqlType], span: Span | None) -> Outcome:
        """The outcome with its columns in these types."""
        ...


@dataclass(frozen=True)
class RowsScope:
    """Expressions over the rows of FROM. `columns` makes the columns that layers add (windows …); `source`: a FROM of the
    rows, for sub-queries that are asked for each."""

    rows: Rows
    planner: Planner
    clause: str
    outer: BlockScope | None
    source: Callable[[], str]
    columns: Claim

    @property
    def columns_here(self) -> Sequence[Column]:
        """What a sub-query may name of the rows."""
        return [e.expr for e in self.rows.entries if isinstance(e.expr, Column)]

    def claim(self, node: exp.Expression) -> Expr | None:
        """A sub-query, or a column that a layer makes; aggregates are refused here."""
        found = embedded(node, self, self.planner) or self.columns(node) or _aggregate_around(node, self)
        if found is None and isinstance(node, exp.Window):
            raise window_misplaced(node, self.clause)
        return found or RowScope(self.rows, self.planner.registry, self.clause).claim(node)

    def column(self, name_parts: Sequence[str], span: Span | None) -> Expr:
        """The column of that name, here or further out."""
        try:
            return self.rows.find(name_parts, span).expr
        except UnknownName:
            found = _further_out(self.outer, name_parts, self.planner.registry)
            if found is None:
                raise
            return found


@dataclass
class GroupsScope:
    """Expressions over groups: the grouping expressions and aggregate calls, each a column with a number. `within`: the
    scope of an aggregate's argument; `columns` and `source` as above, over groups; `told`: the columns of GROUPING (a, b)."""

    rows: Rows
    planner: Planner
    keys: Sequence[tuple[str, Column]]
    number: Callable[[], int]
    within: Scope
    outer: BlockScope | None
    source: Callable[[], str]
    columns: Claim
    clause: str = "SELECT"
    calls: dict[str, tuple[Column, AggregateUse]] = field(default_factory=dict)
    told: dict[tuple[Column, ...], Column] = field(default_factory=dict)

    @property
    def columns_here(self) -> Sequence[Column]:
        """What a sub-query may name of a group."""
        return [*(column for _, column in self.keys), *(column for column, _ in self.calls.values())]

    def claim(self, node: exp.Expression) -> Expr | None:
        """A grouping expression, a sub-query, a window function or an aggregate."""
        form = canonical(node, self.rows)
        known = next((column for key, column in self.keys if key == form), None)
        found = known or embedded(node, self, self.planner) or self.columns(node) or _aggregate_around(node, self)
        if found is not None:
            return found
        if isinstance(node, exp.Window):
            raise window_misplaced(node, self.clause)
        if is_aggregate(node, self.planner.registry):
            return self._aggregate(node, form)
        if is_table_function(node, self.planner.registry):
            raise AnalysisError("table functions cannot be used with aggregations", hint=EXPLODED, span=span_of(node))
        if call_name(node) == "GROUPING" and self.planner.registry.find("GROUPING") is None:
            return self._told(node)
        return None

    def _told(self, node: exp.Expression) -> Column:
        """GROUPING (a, b): a bit for each, 1 in the groups of a set without it."""
        known, keys = dict(self.keys), list[Column]()
        for argument in call_arguments(node):
            keys += [column for form, column in known.items() if form == canonical(argument, self.rows)]
        if not keys or len(keys) < len(call_arguments(node)):
            raise AnalysisError("GROUPING takes what is grouped by", hint="GROUPING(a, b)", span=span_of(node))
        return self.told.setdefault(tuple(keys), Column(self.number(), "GROUPING", BIGINT))

    def _aggregate(self, node: exp.Expression, form: str) -> Expr:
        if form not in self.calls:
            use = aggregate_use(node, self.within, self.planner.registry)
            self.calls[form] = (Column(self.number(), use.name, use.spec.type), use)
        return self.calls[form][0]

    def column(self, name_parts: Sequence[str], span: Span | None) -> Expr:
        """A column of a query further out; one of the rows has many values in a group."""
        try:
            self.rows.find(name_parts, span)
        except UnknownName:
            found = _further_out(self.outer, name_parts, self.planner.registry)
            if found is None:
                raise
            return found
        name = ".".join(name_parts)
        raise not_grouped(self.clause, name, "a group has many values of any other column", span)


BlockScope = RowsScope | GroupsScope


def _further_out(outer: BlockScope | None, name_parts: Sequence[str], registry: FunctionRegistry) -> Expr | None:
    if outer is None:
        return None
    *source, name = name_parts
    node = exp.column(name, table=".".join(source) or None, quoted=True)
    try:
        return analyze_expression(node, outer, registry)
    except UnknownName:
        return None


def is_of_outer(node: exp.Expression, rows: Rows, outer: BlockScope | None) -> bool:
    """Whether an aggregate is that of a query around: it names columns of `outer`, or further out, and none of `rows`."""
    columns = [[part.name for part in column.parts] for column in node.find_all(exp.Column)]
    if any(_has(rows, parts) for parts in columns):
        return False
    while outer is not None:
        if any(_has(outer.rows, parts) for parts in columns):
            return True
        outer = outer.outer
    return False


def _aggregate_around(node: exp.Expression, scope: BlockScope) -> Expr | None:
    """The column of an aggregate of a query around, which must have groups; None for other nodes."""
    around, registry = scope.outer, scope.planner.registry
    if around is None or not is_aggregate(node, registry) or not is_of_outer(node, scope.rows, around):
        return None
    while around.outer is not None and is_of_outer(node, around.rows, around.outer):
        around = around.outer
    if isinstance(around, GroupsScope):
        return around.claim(node)
    raise AnalysisError(
        f"{text_of(node)} is an aggregate of the query around the sub-query, which has no groups there",
        detail="an aggregate is that of the query whose columns it names",
        hint="aggregate the sub-query's own columns, or GROUP BY in the query around it",
        span=span_of(node),
    )


def _has(rows: Rows, name_parts: Sequence[str]) -> bool:
    try:
        rows.find(name_parts, None)
    except UnknownName:
        return False
    except AnalysisError:  # of several sources
        return True
    return True


def window_misplaced(node: exp.Expression, clause: str) -> AnalysisError:
    """A window function that stands where none may."""
    return AnalysisError(
        f"{clause} does not support window functions",
        hint="they stand in SELECT and ORDER BY; filter by one around a sub-query: SELECT * FROM (SELECT …) AS x WHERE …",
        span=span_of(node),
    )


# ------------------------------------------------------------------------------------------------------------- sub-queries


def embedded(node: exp.Expression, scope: BlockScope, planner: Planner) -> Expr | None:
    """The expression of a sub-query: `(SELECT …)`, EXISTS, or IN; None for other nodes."""
    match node:
        case exp.Subquery():
            outcome = planner.subquery(subquery_of(node), scope)
            column = _one_column(outcome, node).type
            return Call("(SELECT)", (), column, _text(f"(SELECT o0 FROM ({outcome.sql}))"), span_of(node))
        case exp.Exists(this=exp.Subquery() as inner):
            outcome = planner.subquery(_any_row(subquery_of(inner)), scope)
            return Call("EXISTS", (), BOOLEAN, _text(f"(EXISTS ({outcome.sql}))"), span_of(node))
        case exp.In() if node.args.get("query") is not None:
            return _in(node, scope, planner)
        case _:
            return None


def _any_row(query: RelationalQuery) -> RelationalQuery:
    """A sub-query of EXISTS. What it selects is not looked at, so that a NULL needs no type."""
    if not isinstance(query.body, Select):
        return query
    block = query.body.query
    one = exp.Literal.number(1)
    select = tuple(replace(i, expression=one) if isinstance(i.expression, exp.Null) else i for i in block.select)
    return replace(query, body=replace(query.body, query=replace(block, select=select)))


def _in(node: exp.Expression, scope: BlockScope, planner: Planner) -> Expr:
    """`x IN (SELECT …)`: as `x IN (values)` it is false, not NULL, where nothing is equal."""
    span = span_of(node)
    value = analyze_expression(node.this, scope, planner.registry)
    outcome = planner.subquery(subquery_of(node.args["query"]), scope)
    item = _one_column(outcome, node)
    wanted = common_type([value, item], span)
    if wanted is None:
        raise TypeMismatch("NULL IN (…) is not supported", hint="use IS NULL", span=span)
    value, made = coerce(value, wanted, span), planner.coerced(outcome, [wanted], span)
    template = SqlTemplate(lambda args, types, result: f"(({args[0]} IN (SELECT o0 FROM ({made.sql}))) IS TRUE)")
    return Call("IN (SELECT)", (value,), BOOLEAN, template, span)


def _one_column(outcome: Outcome, node: exp.Expression) -> Column:
    if len(outcome.columns) != 1:
        raise AnalysisError(
            f"a sub-query in an expression gives one column, not {len(outcome.columns)}", span=span_of(node)
        )
    return Column(0, outcome.columns[0].name, outcome.columns[0].type)


def _text(text: str) -> SqlTemplate:
    return SqlTemplate(lambda args, types, result: text)
