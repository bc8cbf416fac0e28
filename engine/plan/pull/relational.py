"""Pull queries of several blocks or sources: what is read of each stream and table, and the SQL that answers from it.

Everything is resolved, typed and written as SQL here, by the same rules as in queries that go on; DuckDB only evaluates
(DESIGN §7.5: it never sees a name). The pieces: `from_clause` resolves FROM, `blocks` a block, this module what stands
between blocks.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ...errors import AnalysisError, Span
from ...sql.catalog import Catalog
from ...sql.expressions import Column, Expr, columns_used
from ...sql.functions import AggregateFunction, FunctionRegistry, TableFunction
from ...sql.schema import ColumnDef, Schema
from ...sql.statements.query import NO_SOURCE
from ...sql.statements.relational import Body, CommonTable, OrderItem, Select, SetOperation, Values
from ...sql.statements.statement import Query, RelationalQuery, SelectItem, SourceRef
from ...sql.types import SqlType, quote_if_needed
from ...sql.typing.calls import contains
from ...sql.typing.coercion import coerce
from ..analysis.predictions import expand_predictions
from ..analysis.set_operations import common_types
from ..text import text_of
from .asked import Asking, Laid, free
from .blocks import answer_block, result_columns
from .from_clause import Fetch, From, Outcome, Sources, fetches_of
from .layers import way
from .scopes import BlockScope, RowsScope
from .texts import Texts
from .values import values_outcome
from .wanted import with_wanted

Tables = Mapping[str, Outcome]
"""What WITH has named."""


@dataclass(frozen=True)
class RelationalPlan:
    """Lay down what `fetches` give, make the functions of `exprs` known, lay down what is `laid`, run `sql`: its columns are c0,
    c1 … of `schema`."""

    schema: Schema
    sql: str
    fetches: tuple[Fetch, ...]
    exprs: tuple[Expr, ...]
    laid: tuple[Laid, ...] = ()


def is_relational(query: Query, registry: FunctionRegistry) -> bool:
    """Whether a SELECT without EMIT is other than the rows of one stream or table."""
    nodes = [node for item in query.select for node in item.expressions]
    beside = any(contains(n, registry, k) is not None for n in nodes for k in (AggregateFunction, TableFunction))
    clauses = query.group_by or query.having is not None or query.window is not None
    evaluates = any(s.prediction is not None and s.prediction.task is not None for s in query.sources())
    one = isinstance(query.from_, SourceRef) and query.from_.name != NO_SOURCE
    return beside or evaluates or bool(clauses) or not one


def plan_relational(
    query: Query | RelationalQuery, catalog: Catalog, registry: FunctionRegistry, settings: Mapping[str, str]
) -> RelationalPlan:
    """The plan of such a query. Raises a UserError where a name, a type or a rule is against it."""
    whole = query if isinstance(query, RelationalQuery) else RelationalQuery(Select(query), limit=query.limit)
    return _Planner(catalog, registry, settings).plan(with_wanted(whole, catalog, registry))


def explain_relational(plan: RelationalPlan) -> str:
    """What is read, and the SQL over it."""
    lines = [f"Pull query ({plan.schema.text(is_table=False)})"]
    for fetch in plan.fetches:
        assert isinstance(fetch.query.from_, SourceRef)
        columns = ", ".join(text_of(i.expression) for i in fetch.query.select if i.expression is not None)
        where = "" if fetch.query.where is None else f" WHERE {text_of(fetch.query.where)}"
        lines.append(f"  {fetch.name} = SELECT {columns} FROM {quote_if_needed(fetch.query.from_.name)}{where}")
    for laid in plan.laid:
        lines.append(f"  {laid.name} = {laid.sql}")
        for ask in laid.asks:
            args = ", ".join(f"c{a.index}" for a in ask.args)
            lines.append(f"  {laid.answers}.c{ask.result.index} = {ask.result.name}({args})")
    return "\n".join([*lines, f"  {plan.sql}", ""])


def _read(laid: Sequence[Laid], sql: str) -> list[Laid]:
    """What the SQL reads of the tables between, or another that it reads: what WITH names and nothing reads is only checked."""
    kept: list[Laid] = []
    for one in reversed(laid):
        if any(_names(text, name) for text in (sql, *(k.sql for k in kept)) for name in (one.name, one.answers)):
            kept.insert(0, one)
    return kept


def _names(sql: str, table: str) -> bool:
    return re.search(rf"\b{table}\b", sql) is not None


class _Planner:
    """Plans one statement; what its blocks share."""

    def __init__(self, catalog: Catalog, registry: FunctionRegistry, settings: Mapping[str, str]) -> None:
        self.catalog = catalog
        self.registry = registry
        self.settings = settings
        self.sources = Sources(catalog)
        self.texts = Texts()
        self.asking = Asking(self.texts, self.sources.numbers)
        self._names = itertools.count()
        self._tables: list[Tables] = [{}]

    def plan(self, whole: RelationalQuery) -> RelationalPlan:
        """The statement's plan."""
        outcome = self.query(whole, None)
        columns = ", ".join(f"o{i} AS c{i}" for i in range(len(outcome.columns)))
        laid = _read(self.asking.laid, outcome.sql)
        texts = " ".join((outcome.sql, *(one.sql for one in laid)))
        readings = [reading for reading in self.sources.readings if _names(texts, reading.name)]
        fetches, parts = fetches_of(readings, columns_used(self.texts.exprs))
        if not any(one.asks for one in laid):  # what WITH names is read by one statement
            parts, laid = [*parts, *(f"{one.name} AS ({one.sql})" for one in laid)], []
        read = f"WITH {', '.join(parts)} " if parts else ""
        sql = f"{read}SELECT {columns} FROM ({outcome.sql})"
        tables = tuple(replace(one, sql=f"{read}{one.sql}") for one in laid)
        return RelationalPlan(Schema(outcome.columns), sql, fetches, tuple(self.texts.exprs), tables)

    def subquery(self, query: RelationalQuery, outer: BlockScope) -> Outcome:
        """What a sub-query of an expression gives."""
        return self.query(query, outer)

    def query(self, whole: RelationalQuery, outer: BlockScope | None) -> Outcome:
        """What a query gives, ordered and cut; its WITH is known inside it only."""
        before = self._tables[-1]
        self._tables.append(dict(before))
        try:
            for table in whole.tables:
                self._tables[-1] = {**self._tables[-1], table.name: self._named(table, outer)}
            most = None if whole.limit is None else whole.limit + (whole.offset or 0)
            return self._cut(whole, *self._body(whole.body, whole.order_by, outer, most))
        finally:
            self._tables.pop()

    def _cut(self, whole: RelationalQuery, outcome: Outcome, terms: Sequence[str]) -> Outcome:
        if not terms and whole.limit is None and whole.offset is None:
            return outcome
        columns = ", ".join(f"o{i}" for i in range(len(outcome.columns)))
        sql = f"SELECT {columns} FROM ({outcome.sql})" + (f" ORDER BY {', '.join(terms)}" if terms else "")
        for word, count in (("LIMIT", whole.limit), ("OFFSET", whole.offset)):
            if count is not None and count < 0:
                raise AnalysisError(f"{word} must not be negative", hint="leave it out", span=whole.span)
            sql += f" {word} {count}" if count is not None else ""
        return replace(outcome, sql=sql)

    def _named(self, table: CommonTable, outer: BlockScope | None) -> Outcome:
        """What WITH names, written once and read wherever it is named; where it speaks of the query around, written there."""
        outcome = self.query(table.query, outer)
        columns = table.named(outcome.columns)
        if free(outcome.sql, outer):
            return replace(outcome, columns=columns)
        name = f"w{next(self._names)}"
        self.asking.laid.append(Laid(name, outcome.sql))
        return replace(outcome, sql=f"SELECT * FROM {name}", columns=columns)

    # ------------------------------------------------------------------------------------------------------------- bodies

    def _body(
        self, body: Body, order_by: Sequence[OrderItem], outer: BlockScope | None, most: int | None = None
    ) -> tuple[Outcome, list[str]]:
        """What it gives, and the items of ORDER BY; `most`: no more rows than these are wanted, in that order."""
        match body:
            case Select(query=query):
                expanded = Select(self._predicted(query), body.distinct)
                derive = lambda source, before: self._derived(source, self._beside(before, outer))  # noqa: E731
                return answer_block(self, expanded, order_by, derive, outer, most)
            case Values():
                outcome = values_outcome(self, body, outer)
            case SetOperation():
                outcome = self._combined(body, outer)
            case RelationalQuery():
                outcome = self.query(body, outer)
        return outcome, [term for item in order_by for term in self._terms(item, outcome)]

    def _predicted(self, query: Query) -> Query:
        """The block without a model as its source; WITH may have named what that is over."""
        if not isinstance(query.from_, SourceRef) or query.from_.prediction is None:
            return query
        name, catalog = query.from_.name, self.catalog
        if name in self._tables[-1]:
            catalog = catalog.copy()
            catalog.add(self._tables[-1][name].as_relation(name), or_replace=True)
        return expand_predictions(query, catalog, self.registry)

    def _beside(self, before: From | None, outer: BlockScope | None) -> BlockScope | None:
        """What a source in FROM may name: columns of the sources `before`, where there are such, and of the query around."""
        if before is None:
            return outer
        rows = " CROSS JOIN ".join(side.text for side in before.sides)
        return RowsScope(before.rows, self, "LATERAL", outer, lambda: rows, lambda node: None)

    def _derived(self, source: SourceRef, outer: BlockScope | None) -> Outcome | None:
        if source.prediction is not None:  # it is joined
            query = Query((SelectItem(None, is_star=True),), source, span=source.span)
            return self.query(RelationalQuery(Select(query)), outer)
        if source.subquery is not None:
            return self.query(source.subquery, outer)
        return self._tables[-1].get(source.name)

    def _terms(self, item: OrderItem, outcome: Outcome) -> list[str]:
        names = [c.name for c in outcome.columns]
        places = result_columns(item, names, any_case=outcome.any_case)
        if places is None:
            raise AnalysisError(
                "behind UNION and its like, ORDER BY names columns of the result",
                detail=f"they are {', '.join(names)}",
                span=item.span,
            )
        how = way(desc=item.descending, nulls_first=item.nulls_first)
        return [f"o{place} {how}" for place in places]

    def _combined(self, operation: SetOperation, outer: BlockScope | None) -> Outcome:
        """UNION and its like: columns by their place, each pair in the type that holds both."""
        (left, _), (right, _) = (self._body(side, (), outer) for side in (operation.left, operation.right))
        types = common_types(left.columns, right.columns, operation)
        sides = [self.coerced(side, types, operation.span) for side in (left, right)]
        columns = ", ".join(f"o{i}" for i in range(len(types)))
        word = f" {operation.kind}{' ALL' if operation.all else ''} "
        sql = word.join(f"(SELECT {columns} FROM ({side.sql}))" for side in sides)
        return Outcome(sql, sides[0].columns, left.any_case or right.any_case)

    def coerced(self, outcome: Outcome, types: Sequence[SqlType], span: Span | None) -> Outcome:
        """The outcome with its columns in these types."""
        if [c.type for c in outcome.columns] == list(types):
            return outcome
        numbers = [self.sources.numbers() for _ in types]
        given = [Column(n, c.name, c.type) for n, c in zip(numbers, outcome.columns, strict=True)]
        texts = [self.texts.value(coerce(e, t, span)) for e, t in zip(given, types, strict=True)]
        columns = tuple(ColumnDef(c.name, t) for c, t in zip(outcome.columns, types, strict=True))
        selected = ", ".join(f"{text} AS o{i}" for i, text in enumerate(texts))
        return replace(outcome, sql=f"SELECT {selected} FROM ({outcome.numbered(numbers)})", columns=columns)
