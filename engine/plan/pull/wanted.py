"""WHERE around a sub-query, or around what WITH names, asked inside it too, where a query calls models.

A model is asked about the rows that the clauses before it leave. So a condition on columns of a sub-query stands among the
sub-query's own, before the models that it calls, and is asked again around it. DuckDB does not move it there by itself, for the
rows are a table by then. What WITH names and one place reads is a sub-query in that place. Pure syntax: the conditions
are those on what is a column inside, too, or an aggregate.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from ...sql.catalog import Catalog
from ...sql.dialect import with_place
from ...sql.functions import FunctionRegistry
from ...sql.parser.relational import subquery_of
from ...sql.scope import span_of
from ...sql.statements.relational import Body, CommonTable, RelationalQuery, Select, SetOperation, Values
from ...sql.statements.statement import FromClause, Join, Query, SelectItem, SourceRef
from ...sql.typing.calls import is_aggregate
from ..analysis.aliases import is_volatile
from ..grouping_sets import NESTS
from ..predicates import written_conjuncts, written_with
from .layers import is_model

Conditions = Sequence[exp.Expression]
"""Over columns by their names alone."""


def with_wanted(whole: RelationalQuery, catalog: Catalog, registry: FunctionRegistry) -> RelationalQuery:
    """The query with conditions around sub-queries asked inside them; itself where it calls no model."""
    nodes = (node for block in _blocks(whole) for part in _expressions(block) for node in part.find_all(exp.Expression))
    if not any(is_model(node, registry) for node in nodes):
        return whole
    return _Wanted(catalog, registry).query(whole, (), {})


@dataclass
class _Named:
    """What WITH names, and what could be named there. `places`: how many read it; `moved`: the one place has it."""

    table: CommonTable
    known: Mapping[str, _Named]
    places: int
    moved: bool = False

    def means_the_same(self, known: Mapping[str, _Named]) -> bool:
        """Whether its query names the same where these are known."""
        return all(known.get(name) is self.known.get(name) for name in _names(self.table.query))


@dataclass(frozen=True)
class _Wanted:
    catalog: Catalog
    registry: FunctionRegistry

    def query(self, whole: RelationalQuery, wanted: Conditions, known: Mapping[str, _Named]) -> RelationalQuery:
        """The query; its rows for which `wanted` does not hold need not come. `known`: what WITH around it names."""
        inside, places = dict(known), list(_names(whole))
        for table in whole.tables:
            inside[table.name] = _Named(table, dict(inside), places.count(table.name))
        cut = whole.limit is not None or whole.offset is not None
        body = self._body(whole.body, () if cut else wanted, inside)
        tables: list[CommonTable] = []
        for named in (inside[table.name] for table in reversed(whole.tables)):
            if not named.moved:
                tables.insert(0, replace(named.table, query=self.query(named.table.query, (), named.known)))
        return replace(whole, body=body, tables=tuple(tables))

    def _body(self, body: Body, wanted: Conditions, known: Mapping[str, _Named]) -> Body:
        match body:
            case Select(query=query):
                query = self._with(query, wanted, known)
                return replace(body, query=replace(query, from_=self._from(query.from_, query, known)))
            case SetOperation(left=left, right=right):
                return replace(body, left=self._body(left, (), known), right=self._body(right, (), known))
            case RelationalQuery():
                return self.query(body, wanted, known)
            case Values():
                return body

    # ------------------------------------------------------------------------------------------------------------- blocks

    def _with(self, query: Query, wanted: Conditions, known: Mapping[str, _Named]) -> Query:
        """The block that also asks what is wanted of its columns, before window functions have looked at its rows."""
        nodes = [node for item in query.select for node in item.expressions]
        if query.qualify is not None or any(node.find(exp.Window) for node in nodes):
            return query
        gathers = any(is_aggregate(n, self.registry) for node in nodes for n in node.find_all(exp.Expression))
        if (gathers or query.having is not None) and not query.group_by:
            return query
        aliases = [item.alias for item in query.select if item.alias is not None]
        items = {n: e for n, e in self._items(query, known) or () if n == e.name or e.name not in aliases}
        sets = any(isinstance(node, NESTS) for node in query.group_by)
        for condition in wanted:
            used = [items.get(column.name) for column in condition.find_all(exp.Column)]
            if all(isinstance(node, exp.Column) for node in used) and not sets:
                query = replace(query, where=written_with(query.where, _written(condition, items)))
            elif query.group_by and all(node is not None and self._of_groups(node) for node in used):
                query = replace(query, having=written_with(query.having, _written(condition, items)))
        return query

    def _of_groups(self, node: exp.Expression) -> bool:
        return isinstance(node, exp.Column) or is_aggregate(node, self.registry)

    def _items(self, query: Query, known: Mapping[str, _Named]) -> list[tuple[str, exp.Expression]] | None:
        """The columns that a block gives, in their order, some without a name; None where syntax alone does not tell."""
        source, made = query.from_, list[tuple[str, exp.Expression]]()
        for item in query.select:
            node = item.expression
            if item.alias is not None and node is not None:
                made.append((item.alias, node))
            elif isinstance(source, Join) or item.is_struct_star or item.excluded or item.replaced:
                return None
            elif isinstance(node, exp.Column):
                made.append((node.name, node))
            elif node is not None:
                made.append(("", node))
            elif (columns := self._columns(source, known)) is None:
                return None
            else:
                made += [(name, exp.column(name, quoted=True)) for name in columns]
        return made

    def _columns(self, source: SourceRef, known: Mapping[str, _Named]) -> list[str] | None:
        """The names of a source's columns."""
        if source.prediction is not None:
            return None
        if source.subquery is not None:
            return self._given(source.subquery, known)
        if source.name in known:
            named = known[source.name]
            own, columns = named.table.columns, self._given(named.table.query, named.known)
            return None if columns is None else [*own, *columns[len(own) :]]
        found = self.catalog.find(source.name)
        if found is None or found.windowed is not None:
            return None
        return [c.name for c in sorted(found.schema, key=lambda c: not c.is_key)]  # as `*` has them

    def _given(self, whole: RelationalQuery, known: Mapping[str, _Named]) -> list[str] | None:
        inside = dict(known)
        for table in whole.tables:
            inside[table.name] = _Named(table, dict(inside), 0)
        if isinstance(whole.body, RelationalQuery):
            return self._given(whole.body, inside)
        items = self._items(whole.body.query, inside) if isinstance(whole.body, Select) else None
        return None if items is None else [name for name, _ in items]

    # --------------------------------------------------------------------------------------------------------------- FROM

    def _from(self, from_: FromClause, query: Query, known: Mapping[str, _Named]) -> FromClause:
        if isinstance(from_, Join):
            left, right = self._from(from_.left, query, known), self._source(from_.right, query, known)
            return replace(from_, left=left, right=right)
        return self._source(from_, query, known)

    def _source(self, source: SourceRef, query: Query, known: Mapping[str, _Named]) -> SourceRef:
        """A source that is a query, with what the block's WHERE wants of it; any other as it is."""
        named = None if source.prediction is not None else known.get(source.name)
        moves = named is not None and named.places == 1 and named.means_the_same(known)
        if source.subquery is None and not moves:
            return source
        columns = self._columns(source, known)
        wanted = [] if columns is None else list(self._wanted_of(source, columns, query))
        if source.subquery is not None:
            return replace(source, subquery=self.query(source.subquery, wanted, known))
        assert named is not None  # it moves
        named.moved = True
        table, given = named.table, self._given(named.table.query, named.known) or []
        own = dict(zip(columns or [], (exp.column(name, quoted=True) for name in given), strict=True))
        made = self.query(table.query, [_written(condition, own) for condition in wanted], known)
        if table.columns:
            every = Query(
                (SelectItem(None, is_star=True),), SourceRef(table.name, table.name, table.span), span=table.span
            )
            made = RelationalQuery(Select(every), (replace(table, query=made),), span=table.span)
        return replace(source, name="", subquery=made)

    def _wanted_of(self, source: SourceRef, columns: Sequence[str], query: Query) -> Iterator[exp.Expression]:
        """What WHERE asks of one source alone, of whose rows no outer join makes others."""
        if source.lateral or all(source is not one for one in _kept(query.from_)):
            return
        alone = isinstance(query.from_, SourceRef)
        for part in written_conjuncts(query.where):
            named = list(part.find_all(exp.Column))
            ours = all(c.table == source.alias or (alone and not c.table) for c in named)
            if named and ours and all(c.name in columns for c in named) and self._is_plain(part):
                copy = part.copy()
                for column in copy.find_all(exp.Column):
                    column.set("table", None)
                yield copy

    def _is_plain(self, condition: exp.Expression) -> bool:
        """Whether a condition may be asked twice, and anywhere."""
        nodes = list(condition.find_all(exp.Expression))
        queries = any(isinstance(node, exp.Subquery | exp.Lambda) for node in nodes)
        asks = any(is_model(node, self.registry) or is_aggregate(node, self.registry) for node in nodes)
        return not queries and not asks and not is_volatile(condition, self.registry)


def _kept(from_: FromClause) -> list[SourceRef]:
    """The sources that no outer join fills up with NULLs."""
    if isinstance(from_, SourceRef):
        return [from_]
    left = _kept(from_.left) if from_.kind in ("INNER", "LEFT") else []
    return [*left, from_.right] if from_.kind in ("INNER", "RIGHT") else left


def _written(condition: exp.Expression, items: Mapping[str, exp.Expression]) -> exp.Expression:
    """The condition with these in the places of the columns of their names."""
    whole = exp.Paren(this=condition.copy())
    for column in list(whole.find_all(exp.Column)):
        meant, span = items[column.name].copy(), span_of(column)
        if span is not None and isinstance(meant, exp.Column):  # what is refused is what was written around
            for part in meant.parts:
                with_place(part, span.start, span.end - 1)
        column.replace(meant)
    written: exp.Expression = whole.this
    return written


# ------------------------------------------------------------------------------------------------- all that a query holds


def _blocks(whole: Body) -> Iterator[Query]:
    """All SELECTs, also those inside others."""
    match whole:
        case Select(query=query):
            yield query
            inner = [s.subquery for s in query.sources() if s.subquery is not None]
            inner += [subquery_of(n) for part in _expressions(query) for n in part.find_all(exp.Subquery)]
            for one in inner:
                yield from _blocks(one)
        case SetOperation(left=left, right=right):
            yield from _blocks(left)
            yield from _blocks(right)
        case RelationalQuery(body=body, tables=tables):
            for table in tables:
                yield from _blocks(table.query)
            yield from _blocks(body)
            for item in whole.order_by:
                for node in item.expression.find_all(exp.Subquery):
                    yield from _blocks(subquery_of(node))
        case Values(rows=rows):
            for node in (node for row in rows for value in row for node in value.find_all(exp.Subquery)):
                yield from _blocks(subquery_of(node))


def _expressions(query: Query) -> Iterator[exp.Expression]:
    for item in query.select:
        yield from item.expressions
    yield from (node for node in (query.where, query.having, query.qualify) if node is not None)
    yield from query.group_by
    from_ = query.from_
    while isinstance(from_, Join):
        yield from_.on
        from_ = from_.left


def _names(whole: RelationalQuery) -> Iterator[str]:
    """The names in FROM, one each time that it stands there."""
    for block in _blocks(whole):
        yield from (source.name for source in block.sources() if source.subquery is None)
