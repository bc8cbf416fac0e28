"""What a SELECT means: from its syntax to a logical tree with names and key, by ksqlDB's rules.

`analyze_query` is the core of every query over streams and tables; what is written where is `planner.py`'s affair.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from ...errors import AnalysisError, Span, Unsupported
from ...sql.expressions import Column, Expr
from ...sql.functions import AggregateFunction, FunctionRegistry, TableFunction
from ...sql.scope import WINDOW_BOUNDS, Scope, span_of
from ...sql.statements.statement import Query, WindowClause
from ...sql.typing.calls import contains
from ...sql.typing.expression import analyze_expression, require_boolean
from ..logical import Aggregate, Filter, Node, Project, has, reads
from ..physical.steps import CUMULATIVE, Window
from ..subqueries.expressions import calls_of_groups, with_lookups_of_groups
from ..subqueries.lookup import Names
from ..text import text_of
from .grouping import Groups, GroupScope, aggregate_node, group_keys, with_rows
from .keys import KeyNeed, Projected, arrange, check_key_types, check_names, marked
from .projection import Item, SelectScope, Star, TableFunctions, analyze_items, column_node, items_of
from .rows import EXPLODED, Entry, Rows, RowScope, canonical

NEW_PLANNER = "ksql.new.query.planner.enabled"


def analyze_query(
    query: Query,
    rows: Rows,
    *,
    sink: str | None,
    settings: Mapping[str, str],
    names: Names,
    is_derived: bool = False,
) -> Project:
    """The logical tree of a query over `rows`; `sink` is what it writes to, None when it answers to a reader. Its root gives
    the result: of a persistent query keys first, else columns as the projection has them. `names`: what sub-queries that are
    asked of groups can name. `is_derived`: it stands in FROM of another query, under the name `sink`."""
    return _Analysis(query, rows, names.registry, sink, settings, names, is_derived).run()


@dataclass(frozen=True)
class _Analysis:
    query: Query
    rows: Rows
    registry: FunctionRegistry
    sink: str | None
    settings: Mapping[str, str]
    names: Names
    is_derived: bool = False

    def run(self) -> Project:
        query, registry = self.query, self.registry
        aggregate = self._first(AggregateFunction, query.having)
        grouped = bool(query.group_by) or aggregate is not None
        self._check_clauses(grouped)
        if grouped:
            if aggregate is not None and not query.group_by and self.sink is not None:
                raise AnalysisError(
                    "an aggregation needs a GROUP BY",
                    detail=f"the table {self.sink} would have no key",
                    hint="GROUP BY the columns that identify its rows",
                    span=span_of(aggregate),
                )
            return self._grouped(registry)
        if query.partition_by:
            return self._partitioned(query.partition_by)
        return self._plain()

    def _first(
        self, kind: type[AggregateFunction] | type[TableFunction], *others: exp.Expression | None
    ) -> exp.Expression | None:
        nodes = [node for item in self.query.select for node in item.expressions]
        found = (contains(n, self.registry, kind) for n in (*nodes, *(o for o in others if o is not None)))
        return next((f for f in found if f is not None), None)

    def _check_clauses(self, grouped: bool) -> None:
        query, is_table = self.query, self.rows.node.is_table
        table_function = self._first(TableFunction)
        if query.window is not None and not query.group_by:
            raise AnalysisError("the WINDOW clause requires a GROUP BY clause", span=query.window.span)
        if query.having is not None and not query.group_by:
            raise AnalysisError(
                "HAVING requires a GROUP BY clause", hint="WHERE filters rows", span=span_of(query.having)
            )
        kafka = [read.alias for read in reads(self.rows.node) if read.source.formats.value == "KAFKA"]
        if kafka and (grouped or self.rows.joined):
            raise AnalysisError(
                f"{', '.join(kafka)} {'are' if len(kafka) > 1 else 'is'} in the KAFKA value format, which supports neither "
                "GROUP BY nor JOIN",
                hint="copy it into another format first: CREATE STREAM … WITH (VALUE_FORMAT = 'JSON') AS SELECT …",
            )
        if query.emit == "FINAL" and (query.window is None or not grouped):
            raise AnalysisError(
                "EMIT FINAL is only supported for windowed aggregations", hint="use EMIT CHANGES, or add a WINDOW"
            )
        if query.partition_by and grouped:
            raise AnalysisError(
                "GROUP BY and PARTITION BY cannot stand in one query", hint="a group's key is its GROUP BY"
            )
        if query.partition_by and is_table:
            raise AnalysisError("PARTITION BY is not supported over a table", hint="a table's key identifies its rows")
        if query.partition_by and self.rows.node.window is not None:
            raise AnalysisError("implicit repartitioning of windowed sources is not supported")
        if table_function is not None and grouped:
            raise AnalysisError(
                "table functions cannot be used with aggregations", hint=EXPLODED, span=span_of(table_function)
            )
        if table_function is not None and is_table:
            raise AnalysisError("a table source is not supported with table functions", span=span_of(table_function))

    def _filtered(self) -> Node:
        where = self.query.where
        if where is None:
            return self.rows.node
        return Filter(self.rows.node, self._condition(where, RowScope(self.rows, self.registry, "WHERE"), "WHERE"))

    def _condition(self, node: exp.Expression, scope: Scope, clause: str) -> Expr:
        return require_boolean(analyze_expression(node, scope, self.registry), clause, span_of(node))

    # ------------------------------------------------------------------------------------------------------------ plain

    def _plain(self) -> Project:
        items = self._items(self._star)
        tables = TableFunctions(self.rows, self.registry)
        scope = SelectScope(RowScope(self.rows, self.registry, "SELECT"), tables)
        exprs = analyze_items(items, scope, self.registry)
        below = self._filtered()
        if self.sink is None:
            return tables.project(below, self._named(items, exprs, [key.expr for key in self.rows.keys]))
        numbers: dict[int, int] = {}
        needs = []
        for number, key in enumerate(self.rows.keys):
            forms = [canonical(column_node(e), self.rows) for e in key.viable]
            chosen = next((f for f in forms if any(i.form == f for i in items)), None)
            numbers |= {i: number for i, item in enumerate(items) if item.form == chosen}
            needs.append(KeyNeed(tuple(self._label(e) for e in key.viable), key.expr))
        what = "join expression" if self.rows.joined else "key column"
        return tables.project(below, self._keyed(items, exprs, numbers, needs, what))

    def _label(self, entry: Entry) -> str:
        return f"{entry.source}.{entry.name}" if self.rows.joined and entry.source else entry.name

    def _star(self, source: str | None, span: Span | None) -> Sequence[exp.Expression]:
        visible = self.rows.visible(source, span)
        if self.sink is not None or self.rows.joined or self.rows.node.window is None:
            return [column_node(e) for e in visible]
        bounds = [e for e in self.rows.entries if e.hidden and e.name in WINDOW_BOUNDS]
        keys = [e for e in visible if e.is_key]
        return [column_node(e) for e in (*keys, *bounds, *(e for e in visible if not e.is_key))]

    # ------------------------------------------------------------------------------------------------------ partitioned

    def _partitioned(self, by: Sequence[exp.Expression]) -> Project:
        """PARTITION BY: rows get another key; PARTITION BY NULL takes it away."""
        scope = RowScope(self.rows, self.registry, "PARTITION BY")
        by = [] if len(by) == 1 and isinstance(by[0], exp.Null) else by
        keys = [analyze_expression(node, scope, self.registry) for node in by]
        forms = [canonical(node, self.rows) for node in by]

        def star(source: str | None, span: Span | None) -> Sequence[exp.Expression]:
            visible = [column_node(e) for e in (*self._values(source, span), *self._old_keys(source, span))]
            return [*by, *(n for n in visible if canonical(n, self.rows) not in forms)]

        items = self._items(star)
        tables = TableFunctions(self.rows, self.registry)
        exprs = analyze_items(items, SelectScope(RowScope(self.rows, self.registry, "SELECT"), tables), self.registry)
        below = self._filtered()
        if self.sink is None:
            return tables.project(below, self._named(items, exprs, keys))
        numbers = {i: forms.index(item.form) for i, item in enumerate(items) if item.form in forms}
        needs = [KeyNeed((_text(node),), key) for node, key in zip(by, keys, strict=True)]
        return tables.project(below, self._keyed(items, exprs, numbers, needs, "partitioning expression"))

    def _values(self, source: str | None, span: Span | None) -> list[Entry]:
        return [e for e in self.rows.visible(source, span) if not e.is_key]

    def _old_keys(self, source: str | None, span: Span | None) -> list[Entry]:
        return [e for e in self.rows.visible(source, span) if e.is_key]

    # ---------------------------------------------------------------------------------------------------------- grouped

    def _grouped(self, registry: FunctionRegistry) -> Project:
        query = self.query
        window = None if query.window is None else window_of(query.window, final=query.emit == "FINAL")
        keys = group_keys(query.group_by, self.rows, registry)
        scope = GroupScope(self.rows, keys, window, registry, self.settings)
        items = self._items(self._star)
        derived = self.rows.node.is_table and has(self.rows.node, Aggregate)
        condition = with_rows(query.having) if derived else query.having
        nodes = [*(item.node for item in items), *(() if condition is None else (condition,))]
        answered: Rows | None = None
        over: Scope = scope
        if any(node.find(exp.Subquery) for node in nodes):
            answered, nodes = self._asked(scope, nodes)
            over = answered.scope(registry, "SELECT")
            items = [replace(item, node=node) for item, node in zip(items, nodes, strict=False)]
        exprs = analyze_items(items, over, registry)
        having: Expr | None = None
        if condition is not None:
            scope.clause = "HAVING"
            over = scope if answered is None else answered.scope(registry, "HAVING")
            having = self._condition(nodes[-1], over, "HAVING")
        final = query.emit == "FINAL"
        groups: Node = aggregate_node(self._filtered(), scope, emit_final=final) if answered is None else answered.node
        if having is not None:
            groups = Filter(groups, having)
        if self.sink is None:
            columns = self._named(items, exprs, [e for e in exprs if isinstance(e, Column) and e.index < len(keys)])
        else:
            forms = [key.canonical for key in keys]
            numbers = {i: forms.index(item.form) for i, item in enumerate(items) if item.form in forms}
            needs = [KeyNeed((_text(key.node),), key.expr) for key in keys if key.node is not None]
            columns = self._keyed(items, exprs, numbers, needs, "grouping expression")
        return TableFunctions(self.rows, registry).project(groups, columns)

    def _asked(self, scope: GroupScope, nodes: Sequence[exp.Expression]) -> tuple[Rows, list[exp.Expression]]:
        """The groups with what sub-queries in these expressions over them are answered, and the expressions without these."""
        if scope.window is not None:
            asked = next(found for node in nodes if (found := node.find(exp.Subquery)))
            raise Unsupported(
                "a sub-query cannot be asked of a window's groups",
                detail="rows of windows that are over would be kept for ever, to be asked again",
                hint="ask it of the rows, in WHERE; or make a table of the windows, and read its topic as a stream",
                span=span_of(asked),
            )
        for call in calls_of_groups(nodes, self.rows, self.names):
            scope.claim(call)
        groups = Groups.of(aggregate_node(self._filtered(), scope, emit_final=False), scope)
        return with_lookups_of_groups(groups, nodes, self.names)

    # ------------------------------------------------------------------------------------------------------ all of them

    def _items(self, star: Star) -> list[Item]:
        return items_of(self.query.select, self.rows, star, self.registry, persistent=self.sink is not None)

    def _named(
        self, items: Sequence[Item], exprs: Sequence[Expr], keys: Sequence[Expr]
    ) -> list[tuple[str, Expr, bool]]:
        """A reader's result: columns in the order of the projection; the keys are marked, for a tombstone keeps them."""
        check_names(items)
        return [(item.name, expr, expr in keys) for item, expr in zip(items, exprs, strict=True)]

    def _keyed(
        self,
        items: Sequence[Item],
        exprs: Sequence[Expr],
        numbers: Mapping[int, int],
        needs: Sequence[KeyNeed],
        what: str,
    ) -> list[tuple[str, Expr, bool]]:
        """A persistent query's result: key columns, then values."""
        assert self.sink is not None
        projected = [
            Projected(item.name, expr, numbers.get(i), item.span)
            for i, (item, expr) in enumerate(zip(items, exprs, strict=True))
        ]
        if self.is_derived:
            return self._marked(projected, needs, what)
        may_drop = self.settings.get(NEW_PLANNER, "false").lower() == "true" and what == "key column"
        keys, values = arrange(projected, needs, what, sink=self.sink, may_drop_keys=may_drop)
        check_names([*keys, *values])
        check_key_types([(p.name, p.expr.type) for p in keys])
        return [
            *((p.name, self._key_value(p, needs, what), True) for p in keys),
            *((p.name, p.expr, False) for p in values),
        ]

    def _marked(
        self, projected: Sequence[Projected], needs: Sequence[KeyNeed], what: str
    ) -> list[tuple[str, Expr, bool]]:
        """A sub-query's result: columns as the projection has them."""
        assert self.sink is not None
        is_table = self.rows.node.is_table or what == "grouping expression"
        keys = marked(projected, needs, what, of=self.sink, is_table=is_table)
        check_names(projected)
        check_key_types([(projected[i].name, projected[i].expr.type) for i in keys])
        return [
            (p.name, self._key_value(p, needs, what) if i in keys else p.expr, i in keys)
            for i, p in enumerate(projected)
        ]

    @staticmethod
    def _key_value(column: Projected, needs: Sequence[KeyNeed], what: str) -> Expr:
        """A join's key is the joined value, also where the projection names the side that has no row."""
        if what == "join expression" and column.key is not None:
            return needs[column.key].expr
        return column.expr


def window_of(clause: WindowClause, *, final: bool = False) -> Window:
    """The window of a GROUP BY. With EMIT FINAL (`final`) a window without a grace period closes at its end, not a day
    later."""
    size, advance = clause.size_ms, clause.advance_ms if clause.kind in ("HOPPING", CUMULATIVE) else clause.size_ms
    if size is None or advance is None or size <= 0 or advance <= 0:
        raise AnalysisError("a window's SIZE and ADVANCE BY must be larger than zero", span=clause.span)
    if clause.kind == CUMULATIVE and size % advance:
        raise AnalysisError(
            "SIZE must be a multiple of STEP",
            detail=f"{size} ms is not a whole number of times {advance} ms",
            hint="windows grow by STEP until one has the whole SIZE",
            span=clause.span,
        )
    if advance > size:
        raise AnalysisError(
            "ADVANCE BY must not be larger than SIZE", hint="rows would fall between windows", span=clause.span
        )
    grace = 0 if final and clause.grace_ms is None else clause.grace_ms
    if clause.retention_ms is not None and clause.retention_ms < size + (grace or 0):
        raise AnalysisError(
            "RETENTION must be at least SIZE plus GRACE PERIOD",
            detail=f"{clause.retention_ms} ms < {size} ms + {grace or 0} ms",
            span=clause.span,
        )
    return Window(clause.kind, size, advance, grace, clause.retention_ms)


def _text(node: exp.Expression | None) -> str:
    if node is None:
        return ""
    return node.name if isinstance(node, exp.Column) else text_of(node)
