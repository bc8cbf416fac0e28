"""Sub-queries in FROM, WITH and UNION ALL in queries that go on: a tree below the tree of the query around them.

A sub-query is analyzed as every SELECT is; what it gives stands in FROM as a stream or table of its name would, and rules and
stages see one tree. What WITH names is written out wherever it is named. The arms of UNION ALL are streams.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ...errors import AnalysisError, InternalError
from ...sql.catalog import Catalog
from ...sql.expressions import Column, Expr
from ...sql.functions import FunctionRegistry
from ...sql.schema import ColumnDef, Schema
from ...sql.scope import PSEUDO_COLUMNS
from ...sql.statements.relational import Body, CommonTable, Select, SetOperation, Values
from ...sql.statements.statement import Query, RelationalQuery, SelectItem, SourceRef
from ...sql.types import SqlType
from ...sql.typing.coercion import coerce
from ..analysis.aliases import with_aliases
from ..analysis.predictions import expand_predictions
from ..analysis.rows import Rows, rows_over
from ..analysis.select import analyze_query
from ..analysis.set_operations import common_types
from ..analysis.sources import rows_from
from ..logical import Finals, Node, Project, Union, has, reads
from ..predicates import written_with
from ..result import row_by_row
from .expressions import with_lookups

_UNION = "the union"


@dataclass(frozen=True)
class _Derived:
    """What a sub-query gives. `any_case`: its columns are found whatever their case, as those of the files that it reads."""

    node: Project
    any_case: bool = False


@dataclass(frozen=True)
class _Named:
    """What WITH has named, and what could be named where it was written."""

    table: CommonTable
    names: Names


@dataclass(frozen=True)
class Names:
    """What FROM can speak of: the catalog's streams and tables, and before them what WITH has named. `sink`: whether what is
    planned writes to a topic."""

    catalog: Catalog
    registry: FunctionRegistry
    settings: Mapping[str, str]
    sink: bool
    tables: Mapping[str, _Named]

    def block(self, query: Query | RelationalQuery) -> tuple[Query, Names]:
        """The SELECT that is the outermost, and what its FROM can name. Around a union, that is `SELECT *`."""
        if isinstance(query, Query):
            return query, self
        names = self._with(query.tables)
        if isinstance(query.body, Select):
            return replace(query.body.query, emit=query.emit, limit=query.limit), names
        whole = RelationalQuery(query.body, span=query.span)
        star = SelectItem(None, is_star=True, span=query.span)
        source = SourceRef(_UNION, _UNION, query.span, subquery=whole)
        return Query((star,), source, emit=query.emit, limit=query.limit, span=query.span), names

    def rows(self, query: Query) -> tuple[Query, Rows]:
        """A block's rows, and the block with the models of its FROM written out and its sub-queries looked up."""
        query = expand_predictions(query, self.catalog, self.registry)
        rows = rows_from(query.from_, self.catalog, self.registry, self._derive)
        windowed = next((r.alias for r in reads(rows.node) if r.is_table and r.window is not None), None)
        if self.sink and windowed is not None:
            raise AnalysisError(
                "persistent queries on windowed tables are not supported",
                hint=f"read the topic of {windowed} as a stream: CREATE STREAM … WITH (WINDOW_TYPE = …)",
            )
        query, _ = with_aliases(query, rows, self.registry)
        for condition in rows.conditions:
            query = replace(query, where=written_with(query.where, condition))
        return with_lookups(query, rows, self)

    def derived(self, query: Query, alias: str) -> Rows:
        """What a block gives, as the rows of a source of that name."""
        made = self._select(query, alias)
        return rows_over(made.node, alias, (), any_case=made.any_case)

    def _with(self, tables: tuple[CommonTable, ...]) -> Names:
        names = self
        for table in tables:
            names = replace(names, tables={**names.tables, table.name: _Named(table, names)})
        return names

    def _derive(self, source: SourceRef) -> Rows | None:
        """The rows of a sub-query, or of what WITH has named; None for a stream or table."""
        if source.subquery is not None:
            derived = self._query(source.subquery, source.alias)
        elif source.name in self.tables:
            named = self.tables[source.name]
            derived = named.names._query(named.table.query, source.alias)
            columns = named.table.named(derived.node.schema.columns)
            derived = replace(derived, node=replace(derived.node, schema=Schema(columns)))
        else:
            return None
        pseudo = PSEUDO_COLUMNS if row_by_row(derived.node) else PSEUDO_COLUMNS[:1]
        return rows_over(derived.node, source.alias, pseudo, any_case=derived.any_case)

    def _query(self, query: RelationalQuery, alias: str) -> _Derived:
        names = self._with(query.tables)
        if query.emit is None:
            return names._body(query.body, alias)
        if not isinstance(query.body, Select):
            raise AnalysisError(
                "EMIT FINAL is only supported for windowed aggregations",
                hint="write it inside the parentheses of the SELECT that has the WINDOW",
                span=query.span,
            )
        made = names._select(replace(query.body.query, emit=query.emit), alias)
        return replace(made, node=_all_of(Finals(made.node)))

    def _select(self, query: Query, alias: str) -> _Derived:
        query, rows = self.rows(query)
        try:
            node = analyze_query(query, rows, sink=alias, settings=self.settings, names=self, is_derived=True)
        except AnalysisError as error:
            error.span = error.span or query.span  # the whole sub-query, rather than the whole statement
            raise
        return _Derived(node, bool(rows.any_case))

    def _body(self, body: Body, alias: str) -> _Derived:
        match body:
            case Select():
                return self._select(body.query, alias)
            case SetOperation():
                return self._union(body, alias)
            case RelationalQuery():
                return self._query(body, alias)
            case Values():
                raise InternalError("the parser lets VALUES stand in queries that are answered once")

    # ---------------------------------------------------------------------------------------------------------- UNION ALL

    def _union(self, operation: SetOperation, alias: str) -> _Derived:
        arms = self._arms(operation, alias)
        first = arms[0].node
        keyed = all(_keys(arm.node) == _keys(first) for arm in arms)
        if not keyed and alias == _UNION and self.sink:
            raise _different_keys(operation, arms)
        columns = tuple(replace(c, is_key=c.is_key and keyed) for c in first.schema)
        union = Union(tuple(replace(arm.node, schema=_renamed(arm.node.schema, columns)) for arm in arms))
        return _Derived(_all_of(union), any(arm.any_case for arm in arms))

    def _arms(self, operation: SetOperation, alias: str) -> list[_Derived]:
        """All arms of unions one in another, from left to right, their columns of the same types."""
        if not operation.all or operation.kind != "UNION":
            raise InternalError("the parser lets only UNION ALL go on")
        sides = []
        for side in (operation.left, operation.right):
            arms = self._arms(side, alias) if isinstance(side, SetOperation) else [self._body(side, alias)]
            for arm in arms:
                _check_arm(arm.node, operation)
            sides.append(arms)
        left, right = sides
        if left[0].node.window != right[0].node.window:
            raise AnalysisError(
                "the arms of UNION ALL have keys of different windows",
                hint="put streams together whose keys have one kind and size of window",
                span=operation.span,
            )
        types = common_types(left[0].node.schema.columns, right[0].node.schema.columns, operation)
        return [replace(arm, node=_coerced(arm.node, types, operation)) for arm in (*left, *right)]


def _all_of(node: Node) -> Project:
    """All columns of a node."""
    return Project(node, tuple(Column(i, c.name, c.type) for i, c in enumerate(node.schema)), node.schema)


def _check_arm(arm: Project, operation: SetOperation) -> None:
    if has(arm, Finals):
        raise AnalysisError(
            "UNION ALL cannot take a sub-query with EMIT FINAL",
            detail="when a window closes depends on what else has come, so that its row has no place among other rows",
            hint="INSERT INTO one stream from each: CREATE STREAM s (…); INSERT INTO s SELECT … FROM (SELECT … EMIT FINAL) w",
            span=operation.span,
        )
    if arm.is_table:
        raise AnalysisError(
            "UNION ALL puts streams together, and one of its arms is a table",
            detail="rows of two tables with one key would replace each other, by chance the one or the other",
            hint="join the tables; or write what each says to one stream, and group that",
            span=operation.span,
        )


def _keys(node: Project) -> list[bool]:
    return [column.is_key for column in node.schema]


def _different_keys(operation: SetOperation, arms: list[_Derived]) -> AnalysisError:
    texts = (", ".join(c.name for c in arm.node.schema if c.is_key) or "none" for arm in arms)
    return AnalysisError(
        "the arms of UNION ALL have different keys",
        detail=f"by the places of their columns; the keys are {'; '.join(texts)}",
        hint="PARTITION BY the same columns in each arm, or PARTITION BY NULL for a stream without a key",
        span=operation.span,
    )


def _renamed(schema: Schema, columns: tuple[ColumnDef, ...]) -> Schema:
    return Schema(tuple(replace(c, type=own.type) for own, c in zip(schema, columns, strict=True)))


def _coerced(arm: Project, types: list[SqlType], operation: SetOperation) -> Project:
    """The arm with its columns in these types. A table function's items are converted by a projection over it."""
    if [c.type for c in arm.schema] == types:
        return arm
    given: tuple[Expr, ...] = arm.columns
    below = arm if arm.explode else arm.input
    if arm.explode:
        given = tuple(Column(i, c.name, c.type) for i, c in enumerate(arm.schema))
    columns = tuple(coerce(e, t, operation.span) for e, t in zip(given, types, strict=True))
    schema = Schema(tuple(replace(c, type=t) for c, t in zip(arm.schema, types, strict=True)))
    return Project(below, columns, schema)
