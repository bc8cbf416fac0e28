"""One SELECT block of a query that is answered once: its expressions typed by our rules, its clauses as layers of SQL.

From the inside out: sources joined and filtered; groups and HAVING; window functions; table functions; SELECT. Each layer
gives new columns new numbers. Models are asked between two of them (`asked`).
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from ...errors import AnalysisError, Span, TypeMismatch, Unsupported
from ...sql.builtin.aggregates_lists import limited
from ...sql.compile.expression import cannot_fail
from ...sql.expressions import Column, Expr, columns_used
from ...sql.functions import AggregateSpec, FunctionRegistry
from ...sql.schema import ColumnDef
from ...sql.scope import WINDOW_BOUNDS, Scope, as_spelt, span_of
from ...sql.statements.relational import OrderItem, Select
from ...sql.statements.statement import Query
from ...sql.types import NULL
from ...sql.typing.calls import AggregateUse, call_arguments, is_aggregate, is_table_function
from ...sql.typing.expression import analyze_expression, require_boolean
from ..analysis.aliases import with_aliases
from ..analysis.keys import check_key_types, check_names
from ..analysis.projection import Item, analyze_items, column_node, items_of
from ..analysis.rows import canonical
from ..grouping_sets import grouped_by, sets_of
from ..predicates import written_conjuncts
from ..rules.hoist_models import has_model
from ..text import text_of
from .asked import Input
from .from_clause import Derive, From, Outcome, Side
from .groups import Keys, grouped_sql
from .joined import Joins
from .layers import Layer, is_model, unnested, way, window_call
from .scopes import BlockScope, Claim, GroupsScope, Planner, RowsScope, is_of_outer


def answer_block(
    planner: Planner,
    select: Select,
    order_by: Sequence[OrderItem],
    derive: Derive,
    outer: BlockScope | None,
    most: int | None,
) -> tuple[Outcome, list[str]]:
    """What a block gives, and the items of ORDER BY as SQL over its columns; further columns may serve that alone. `most`: so
    many rows, the first in that order, are enough."""
    _check_clauses(select.query)
    from_ = planner.sources.from_(select.query.from_, derive)
    return _Block(planner, select, from_, outer, most).run(order_by)


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
    """`given`: the rows or groups as of the clause that is at work."""

    planner: Planner
    select: Select
    from_: From
    outer: BlockScope | None
    most: int | None

    def __post_init__(self) -> None:
        self.rows = self.from_.rows
        self.registry: FunctionRegistry = self.planner.registry
        query = self.select.query
        query, self.aliases = with_aliases(query, self.rows, self.registry, in_where=self.outer is None)
        self.sets = sets_of(query.group_by)
        self.query = replace(query, group_by=tuple(grouped_by(query.group_by)))
        self.number = self.planner.sources.numbers
        self.texts, self.asking = self.planner.texts, self.planner.asking
        self.windows, self.lists = Layer(self.number), Layer(self.number)
        self.given = Input(self.from_.sides[0].text)

    def run(self, order_by: Sequence[OrderItem]) -> tuple[Outcome, list[str]]:
        """The outcome, and what it is ordered by."""
        items = items_of(self.query.select, self.rows, self._star, self.registry, persistent=False)
        check_names(items)
        self._join()
        self._filter()
        nodes = [*(i.node for i in items), *(self.aliases.written(o.expression) for o in order_by)]
        grouped = self.query.group_by or self.sets or self.query.having is not None
        if grouped or any(map(self._aggregates, nodes)):
            return self._grouped(items, order_by)
        scope = self._scope("SELECT", self._beside_rows)
        exprs = analyze_items(items, scope, self.registry)
        terms = self._terms(items, exprs, order_by, scope)
        self._add_windows(self._qualify(scope))
        self.given = self.lists.over(self.given, self.texts, self.asking, self.outer)
        return self._selected(items, exprs, terms)

    # --------------------------------------------------------------------------------------------------------------- rows

    def _scope(self, clause: str, columns: Claim = lambda node: None) -> RowsScope:
        return RowsScope(self.rows, self.planner, clause, self.outer, lambda: self.given.text, columns)

    def _asked(self, exprs: Sequence[Expr]) -> list[Expr]:
        """The expressions with the answers of the models that they call."""
        self.given, made = self.asking.over(self.given, exprs, self.outer)
        return made

    def _pass(self, condition: Expr | None) -> None:
        """Leave the rows or groups for which a condition holds."""
        if condition is not None:
            self.given = self.asking.passing(self.given, condition, self.outer)

    def _beside_rows(self, node: exp.Expression) -> Expr | None:
        """In SELECT and ORDER BY over rows: window functions and table functions."""
        if isinstance(node, exp.Window):
            call = lambda: window_call(node, self._scope("a window function"), self.registry)  # noqa: E731
            return self.windows.column(canonical(node, self.rows), "window", call)
        if is_table_function(node, self.registry):
            scope = self._scope("a table function's argument")
            return self.lists.column(canonical(node, self.rows), "item", lambda: unnested(node, scope, self.registry))
        return None

    def _star(self, source: str | None, span: Span | None) -> list[exp.Expression]:
        """`*`: what USING makes one, then each source's keys, the bounds of their window, its values."""
        self.rows.visible(source, span)
        covered = {(e.name, s) for e in self.rows.entries if source is None for s in e.covers}
        made = [e for e in self.rows.entries if source is None and e.covers]
        for name in self.rows.sources if source is None else [source]:
            own = [e for e in self.rows.entries if e.source == name and (e.name, name) not in covered]
            made += [e for e in own if e.is_key and not e.hidden]
            made += [e for e in own if e.hidden and e.name in WINDOW_BOUNDS]
            made += [e for e in own if not e.is_key and not e.hidden]
        return [column_node(e) for e in made]

    def _join(self) -> None:
        """FROM."""
        joins = Joins(self.asking, self.texts, self.number, self.outer)
        for join, side in zip(self.from_.joins, self.from_.sides[1:], strict=True):
            left = self.given.text
            scope = replace(
                self._scope("JOIN ON"),
                rows=join.rows,
                source=lambda: f"{left} CROSS JOIN {side.text}",  # noqa: B023
            )
            condition = require_boolean(analyze_expression(join.on, scope, self.registry), "ON")
            right = columns_used([e.expr for e in side.rows.entries])
            of_left = columns_used([e.expr for e in join.rows.entries]) - right
            self.given = Input(joins.joined(left, side, join.kind, condition, of_left, right))

    def _filter(self) -> None:
        """WHERE. Sub-queries of it are asked for the rows that its other parts leave."""
        where, joined = self.query.where, self.given
        if where is None:
            return
        parts = list(written_conjuncts(where))
        plain = [part for part in parts if part.find(exp.Subquery) is None]
        scope = self._scope("WHERE")
        if len(plain) < len(parts):
            for part in plain:
                condition = require_boolean(analyze_expression(part, scope, self.registry), "WHERE")
                if not has_model(condition):
                    self.given = self.given.where(self.texts.condition(condition))
        condition = require_boolean(analyze_expression(where, scope, self.registry), "WHERE")
        for part in parts:
            self._push(part)
        self.given = joined
        self._pass(condition)

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
        names = set[str]()
        for column in node.find_all(exp.Column):
            try:
                expr = self.rows.find([part.name for part in column.parts], None).expr
            except AnalysisError:
                return None  # a column of a query further out
            names.add(next((e.source for e in self.rows.entries if e.source and e.expr == expr), ""))
        return next((s for s in self.from_.sides if names == {s.rows.sources[0]}), None)

    # ------------------------------------------------------------------------------------------------------------- groups

    def _aggregates(self, node: exp.Expression) -> bool:
        """Whether a group is meant: an aggregate that is not a window function."""
        if isinstance(node, exp.Window):
            inner = [*call_arguments(node.this), *(n for n in node.iter_expressions() if n is not node.this)]
            return any(map(self._aggregates, inner))
        if is_aggregate(node, self.registry) and not is_of_outer(node, self.rows, self.outer):
            return True
        return any(map(self._aggregates, node.iter_expressions()))

    def _grouped(self, items: Sequence[Item], order_by: Sequence[OrderItem]) -> tuple[Outcome, list[str]]:
        named = self._keys()
        exprs = self._asked([expr for _, _, expr in named])
        forms = [(form, column) for form, column, _ in named]
        by_form = dict(forms)
        sets = None if self.sets is None else [[by_form[canonical(n, self.rows)] for n in one] for one in self.sets]
        keys = Keys([(column, expr) for (_, column, _), expr in zip(named, exprs, strict=True)], sets)
        within = self._scope("an aggregate's argument")
        scope = GroupsScope(
            self.rows,
            self.planner,
            forms,
            self.number,
            within,
            self.outer,
            lambda: self._groups(keys, scope.calls.values()),
            lambda node: None,
        )
        scope.columns = lambda node: self._beside_groups(node, scope)
        exprs = analyze_items(items, scope, self.registry)
        terms = self._terms(items, exprs, order_by, scope)
        qualify, having = self._qualify(scope), self._having(scope)
        uses = [(column, self._limited(use)) for column, use in scope.calls.values()]
        given = iter(self._asked([arg for _, use in uses for arg in use.args]))
        calls = [(column, replace(use, args=tuple(next(given) for _ in use.args))) for column, use in uses]
        keys = replace(keys, told=scope.told)
        self.given = Input(grouped_sql(self.given.text, self._order, keys, calls, self.number, self.texts))
        self._pass(having)
        self._add_windows(qualify)
        return self._selected(items, exprs, terms)

    def _groups(self, keys: Keys, calls: Collection[tuple[Column, AggregateUse]]) -> str:
        """The groups as far as they are known by now: for sub-queries that are asked for each."""
        if any(has_model(arg) for _, use in calls for arg in use.args):
            raise Unsupported(
                "a model cannot be asked about groups whose aggregates ask one",
                hint="work the aggregates out in a sub-query: FROM (SELECT k, SUM(…) AS s FROM … GROUP BY k) x",
                span=self.query.span,
            )
        if calls:
            limited_calls = [(column, self._limited(use)) for column, use in calls]
            return grouped_sql(self.given.text, self._order, keys, limited_calls, self.number, self.texts)
        rows = keys.rows(self.given.text, self.texts)
        return f"({rows})" if keys.sets is None else f"(SELECT {', '.join(keys.columns)} FROM ({rows}){keys.clause})"

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

    def _add_windows(self, qualify: Expr | None) -> None:
        """Rows or groups with their window functions, those that QUALIFY leaves."""
        self.given = self.windows.over(self.given, self.texts, self.asking, self.outer)
        self._pass(qualify)

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
        """In SELECT and ORDER BY over groups: window functions."""
        if not isinstance(node, exp.Window) or scope.clause != "SELECT":
            return None
        over = replace(scope, clause="a window function", columns=lambda node: None)
        return self.windows.column(canonical(node, self.rows), "window", lambda: window_call(node, over, self.registry))

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
        self, items: Sequence[Item], exprs: Sequence[Expr], terms: Sequence[tuple[int | Expr, OrderItem]]
    ) -> tuple[Outcome, list[str]]:
        self._cut(exprs, terms)
        columns = tuple(ColumnDef(item.name, expr.type) for item, expr in zip(items, exprs, strict=True))
        made = self._asked([*exprs, *(term for term, _ in terms if not isinstance(term, int))])
        texts = [f"{self.texts.value(expr)} AS o{i}" for i, expr in enumerate(made)]
        ordered, further = [], itertools.count(len(exprs))
        for term, item in terms:
            place = term if isinstance(term, int) else next(further)
            ordered.append(f"o{place} {way(desc=item.descending, nulls_first=item.nulls_first)}")
        distinct = "DISTINCT " if self.select.distinct else ""
        sql = f"SELECT {distinct}{', '.join(texts)} FROM {self.given.text}"
        return Outcome(sql, columns, bool(self.from_.rows.any_case)), ordered

    def _cut(self, exprs: Sequence[Expr], terms: Sequence[tuple[int | Expr, OrderItem]]) -> None:
        """Leave the rows that LIMIT wants before SELECT asks models about them, where order does not hang on their answers."""
        by = [(exprs[term] if isinstance(term, int) else term, item) for term, item in terms]
        if self.most is None or self.select.distinct or not any(map(has_model, exprs)):
            return
        if any(has_model(expr) for expr, _ in by):
            return
        ordered = [f"{self.texts.value(e)} {way(desc=item.descending, nulls_first=item.nulls_first)}" for e, item in by]
        order = f" ORDER BY {', '.join(ordered)}" if ordered else ""
        self.given = replace(
            self.given, text=f"(SELECT * FROM {self.given.text}{order} LIMIT {self.most})", filtered=False
        )


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
        place = int(node.name) if node.name.isdecimal() and len(node.name) <= 18 else 0
        if not 1 <= place <= len(names):
            raise AnalysisError(
                f"ORDER BY {node.name} counts the columns of the result, and there are {len(names)}", span=item.span
            )
        return [place - 1]
    return None
