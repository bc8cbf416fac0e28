"""One SELECT block of a query that is answered once: its expressions typed by our rules, its clauses as layers of SQL.

From the inside out: sources joined and filtered; groups and HAVING; window functions; table functions; SELECT. Each layer
gives new columns new numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from ...errors import AnalysisError, Span, TypeMismatch, Unsupported
from ...sql.builtin.aggregates_lists import limited
from ...sql.compile.expression import cannot_fail
from ...sql.expressions import Column, Expr
from ...sql.functions import AggregateSpec, FunctionRegistry
from ...sql.schema import ColumnDef
from ...sql.scope import WINDOW_BOUNDS, Scope, as_spelt, span_of
from ...sql.statements.relational import OrderItem, Select
from ...sql.statements.statement import Query, SourceRef
from ...sql.types import NULL
from ...sql.typing.calls import AggregateUse, call_arguments, is_aggregate, is_table_function
from ...sql.typing.expression import analyze_expression, require_boolean
from ..aliases import with_aliases
from ..keys import check_key_types, check_names
from ..predicates import written_conjuncts
from ..projection import Item, analyze_items, column_node, items_of
from ..rows import Entry, canonical
from ..text import text_of
from .from_clause import From, Outcome, Side
from .groups import grouped_sql
from .layers import Layer, is_model, model_column, unnested, way, window_call
from .scopes import GroupsScope, Planner, RowsScope

_JOINS = {"INNER": "JOIN", "LEFT": "LEFT JOIN", "RIGHT": "RIGHT JOIN", "OUTER": "FULL JOIN"}
Derive = Callable[[SourceRef], Outcome | None]


def answer_block(
    planner: Planner, select: Select, order_by: Sequence[OrderItem], derive: Derive, outer: Scope | None
) -> tuple[Outcome, list[str]]:
    """What a block gives, and the items of ORDER BY as SQL over its columns; further columns may serve that alone."""
    _check_clauses(select.query)
    from_ = planner.sources.from_(select.query.from_, derive)
    return _Block(planner, select, from_, outer).run(order_by)


def _check_clauses(query: Query) -> None:
    if query.window is not None:
        raise Unsupported(
            "WINDOW is for queries that go on",
            hint="group by the start of the window: GROUP BY ROWTIME - ROWTIME % 60000; or CREATE TABLE … WINDOW …",
            span=query.window.span,
        )
    if query.partition_by:
        raise AnalysisError(
            "pull queries do not support PARTITION BY clauses",
            hint="the rows of an answer have no key",
            span=query.span,
        )


@dataclass
class _Block:
    planner: Planner
    select: Select
    from_: From
    outer: Scope | None

    def __post_init__(self) -> None:
        self.rows = self.from_.rows
        self.registry: FunctionRegistry = self.planner.registry
        query = self.select.query
        self.query, self.aliases = with_aliases(query, self.rows, self.registry, in_where=self.outer is None)
        self.number = self.planner.sources.numbers
        self.texts = self.planner.texts
        self.windows, self.lists = Layer(self.number), Layer(self.number)
        self._filtered: str | None = None

    def run(self, order_by: Sequence[OrderItem]) -> tuple[Outcome, list[str]]:
        """The outcome, and what it is ordered by."""
        items = items_of(self.query.select, self.rows, self._star, self.registry, persistent=False)
        check_names([item.name for item in items])
        source = self._source()
        nodes = [*(i.node for i in items), *(self.aliases.written(o.expression) for o in order_by)]
        if self.query.group_by or self.query.having is not None or any(map(self._aggregates, nodes)):
            return self._grouped(items, order_by, source)
        scope = self._scope("SELECT", self._beside_rows)
        exprs = analyze_items(items, scope, self.registry)
        terms = self._terms(items, exprs, order_by, scope)
        kept = self._with_windows(source, self._qualify(scope))
        return self._selected(items, exprs, terms, self.lists.over(kept, self.texts))

    # --------------------------------------------------------------------------------------------------------------- rows

    def _scope(self, clause: str, columns: Callable[[exp.Expression], Expr | None] | None = None) -> RowsScope:
        return RowsScope(self.rows, self.planner, clause, self.outer, columns or self._models)

    def _models(self, node: exp.Expression) -> Expr | None:
        return model_column(node, self.from_, self.number, self.registry)

    def _beside_rows(self, node: exp.Expression) -> Expr | None:
        """In SELECT and ORDER BY over rows: window functions, table functions and models."""
        if isinstance(node, exp.Window):
            call = lambda: window_call(node, self._scope("a window function"), self.registry)  # noqa: E731
            return self.windows.column(canonical(node, self.rows), "window", call)
        if is_table_function(node, self.registry):
            scope = self._scope("a table function's argument")
            return self.lists.column(canonical(node, self.rows), "item", lambda: unnested(node, scope, self.registry))
        return self._models(node)

    def _star(self, source: str | None, span: Span | None) -> list[exp.Expression]:
        """`*`: each source's keys, then the bounds of their window, then its values."""
        self.rows.visible(source, span)
        made: list[Entry] = []
        for name in self.rows.sources if source is None else [source]:
            own = [e for e in self.rows.entries if e.source == name]
            made += [e for e in own if e.is_key and not e.hidden]
            made += [e for e in own if e.hidden and e.name in WINDOW_BOUNDS]
            made += [e for e in own if not e.is_key and not e.hidden]
        return [column_node(e) for e in made]

    def _source(self) -> str:
        """FROM and WHERE."""
        text = self.from_.sides[0].text
        for at, (kind, on) in enumerate(self.from_.joins, start=1):
            names = self.rows.sources[: at + 1]
            entries = tuple(e for e in self.rows.entries if e.source in names)
            scope = replace(self._scope("JOIN ON"), rows=replace(self.rows, entries=entries, sources=names))
            condition = require_boolean(analyze_expression(on, scope, self.registry), "ON")
            text += f" {_JOINS[kind]} {self.from_.sides[at].text} ON {self.texts.condition(condition)}"
        if self.query.where is None:
            return text
        scope = self._scope("WHERE")
        condition = require_boolean(analyze_expression(self.query.where, scope, self.registry), "WHERE")
        for part in written_conjuncts(self.query.where):
            self._push(part)
        return f"{text} WHERE {self.texts.condition(condition)}"

    def _push(self, where: exp.Expression) -> None:
        """Ask of a source itself a part of WHERE that speaks of it alone; it is asked again over all."""
        nodes = list(where.find_all(exp.Expression))
        if any(isinstance(n, exp.Subquery | exp.Lambda) or is_model(n, self.registry) for n in nodes):
            return
        side = self._side_of(where)
        if side is None or side.reading is None or side not in self.from_.pushable:
            return
        if cannot_fail(analyze_expression(where, self._scope("WHERE"), self.registry)):
            before = side.reading.where
            side.reading.where = where.copy() if before is None else exp.And(this=before, expression=where.copy())

    def _side_of(self, node: exp.Expression) -> Side | None:
        """The one source whose columns `node` names."""
        names = set()
        for column in node.find_all(exp.Column):
            try:
                names.add(self.rows.find([part.name for part in column.parts], None).source)
            except AnalysisError:
                return None  # a column of a query further out
        return next((s for s in self.from_.sides if names == {s.rows.sources[0]}), None)

    # ------------------------------------------------------------------------------------------------------------- groups

    def _aggregates(self, node: exp.Expression) -> bool:
        """Whether a group is meant: an aggregate that is not a window function."""
        if isinstance(node, exp.Window):
            inner = [*call_arguments(node.this), *(n for n in node.iter_expressions() if n is not node.this)]
            return any(map(self._aggregates, inner))
        return is_aggregate(node, self.registry) or any(map(self._aggregates, node.iter_expressions()))

    def _grouped(self, items: Sequence[Item], order_by: Sequence[OrderItem], source: str) -> tuple[Outcome, list[str]]:
        keys = self._keys()
        forms = [(form, column) for form, column, _ in keys]
        within = self._scope("an aggregate's argument")
        scope = GroupsScope(self.rows, self.planner, forms, self.number, within, self.outer, lambda node: None)
        scope.columns = lambda node: self._beside_groups(node, scope)
        exprs = analyze_items(items, scope, self.registry)
        terms = self._terms(items, exprs, order_by, scope)
        qualify = self._qualify(scope)
        having = self._having(scope)
        calls = [(column, self._limited(use)) for column, use in scope.calls.values()]
        groups = grouped_sql(source, self._order, [(c, e) for _, c, e in keys], calls, self.number, self.texts)
        if having is not None:
            groups += f" WHERE {self.texts.condition(having)}"
        return self._selected(items, exprs, terms, self._with_windows(groups, qualify))

    def _qualify(self, scope: Scope) -> Expr | None:
        """QUALIFY, which may ask what SELECT may; its window functions are known then."""
        node = self.query.qualify
        if node is None:
            return None
        condition = require_boolean(analyze_expression(node, scope, self.registry), "QUALIFY", span_of(node))
        if not self.windows.columns:
            raise AnalysisError(
                "QUALIFY asks window functions, and there is none",
                hint="WHERE asks rows, HAVING groups",
                span=span_of(node),
            )
        return condition

    def _with_windows(self, source: str, qualify: Expr | None) -> str:
        """Rows or groups with their window functions, those that QUALIFY leaves."""
        made = self.windows.over(source, self.texts)
        return made if qualify is None else f"{made} WHERE {self.texts.condition(qualify)}"

    def _keys(self) -> list[tuple[str, Column, Expr]]:
        scope, made = self._scope("GROUP BY"), dict[str, tuple[Column, Expr]]()
        for node in self.query.group_by:
            expr = analyze_expression(node, scope, self.registry)
            if expr.type is NULL:
                raise TypeMismatch("GROUP BY takes no NULL", hint="CAST(NULL AS …) gives it a type", span=span_of(node))
            name = node.name if isinstance(node, exp.Column) else text_of(node)
            check_key_types([(name, expr.type)])
            made.setdefault(canonical(node, self.rows), (Column(self.number(), name, expr.type), expr))
        return [(form, column, expr) for form, (column, expr) in made.items()]

    def _beside_groups(self, node: exp.Expression, scope: GroupsScope) -> Expr | None:
        """In SELECT, ORDER BY and HAVING over groups: window functions; a model only where it is what is grouped by."""
        form = canonical(node, self.rows)
        if isinstance(node, exp.Window) and scope.clause == "SELECT":
            over = replace(scope, clause="a window function", columns=lambda node: None)
            return self.windows.column(form, "window", lambda: window_call(node, over, self.registry))
        if is_model(node, self.registry) and all(form != key for key, _ in scope.keys):
            raise Unsupported(
                "a model's call over groups is not supported",
                hint="CREATE TABLE … AS SELECT … calls it over groups: ask that; or call it on the rows before",
                span=span_of(node),
            )
        return None

    def _having(self, scope: GroupsScope) -> Expr | None:
        if self.query.having is None:
            return None
        scope.clause = "HAVING"
        return require_boolean(analyze_expression(self.query.having, scope, self.registry), "HAVING")

    def _limited(self, use: AggregateUse) -> AggregateUse:
        if not isinstance(use.spec, AggregateSpec):
            return use
        return replace(use, spec=limited(use.name, use.spec, self.planner.settings))

    def _order(self) -> str:
        """The place of a row: as it was read; of joined rows the left one's place first."""
        texts = [s.order if isinstance(s.order, str) else self.texts.plain(s.order) for s in self.from_.sides]
        return texts[0] if len(texts) == 1 else f"row_number() OVER (ORDER BY {', '.join(texts)})"

    # ------------------------------------------------------------------------------------------------------------- SELECT

    def _terms(
        self, items: Sequence[Item], exprs: Sequence[Expr], order_by: Sequence[OrderItem], scope: Scope
    ) -> list[tuple[int | Expr, OrderItem]]:
        """What is ordered by: a column of the result by its name or place, or any other expression."""
        names = [item.name for item in items]
        made: list[tuple[int | Expr, OrderItem]] = []
        for item in order_by:
            places = result_columns(item, names, any_case=bool(self.from_.rows.any_case))
            if places is None and self.select.distinct:
                raise AnalysisError(
                    "with DISTINCT, ORDER BY names columns of the result",
                    detail=f"they are {', '.join(names)}",
                    span=item.span,
                )
            node = self.aliases.written(item.expression)
            by = [analyze_expression(node, scope, self.registry)] if places is None else places
            made += [(one, item) for one in by]
        return made

    def _selected(
        self, items: Sequence[Item], exprs: Sequence[Expr], terms: Sequence[tuple[int | Expr, OrderItem]], source: str
    ) -> tuple[Outcome, list[str]]:
        texts = [f"{self.texts.value(expr)} AS o{i}" for i, expr in enumerate(exprs)]
        ordered = []
        for term, item in terms:
            if not isinstance(term, int):
                texts.append(f"{self.texts.value(term)} AS o{len(texts)}")
            place = term if isinstance(term, int) else len(texts) - 1
            ordered.append(f"o{place} {way(desc=item.descending, nulls_first=item.nulls_first)}")
        distinct = "DISTINCT " if self.select.distinct else ""
        columns = tuple(ColumnDef(item.name, expr.type) for item, expr in zip(items, exprs, strict=True))
        sql = f"SELECT {distinct}{', '.join(texts)} FROM {source}"
        return Outcome(sql, columns, bool(self.from_.rows.any_case)), ordered


def result_columns(item: OrderItem, names: Sequence[str], *, any_case: bool = False) -> list[int] | None:
    """The columns of the result that an item of ORDER BY names, counts from 1, or means by ALL; None where it is another
    expression. `any_case`: a name in upper case finds the one column that fits."""
    node = item.expression
    if isinstance(node, exp.Column) and not node.table:
        found = as_spelt(node.name, names) if any_case else node.name
        if found not in names and node.name == "ALL":
            return list(range(len(names)))
        return [names.index(found)] if found in names else None
    if isinstance(node, exp.Literal) and not node.is_string:
        place = int(node.name) if node.name.isdigit() else 0
        if not 1 <= place <= len(names):
            raise AnalysisError(
                f"ORDER BY {node.name} counts the columns of the result, and there are {len(names)}", span=item.span
            )
        return [place - 1]
    return None
