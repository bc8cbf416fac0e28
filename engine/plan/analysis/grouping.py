"""GROUP BY: which expressions are the key, which calls aggregate, and what SELECT and HAVING may say of a group.

Behind the GROUP BY a row is a group: the grouping expressions and the aggregate calls are its columns. The scope claims
them wherever they stand; any other column of the source is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlglot import exp

from ...errors import AnalysisError, Span, TypeMismatch
from ...sql.builtin.aggregates_lists import limited
from ...sql.expressions import Column, Expr, Literal
from ...sql.functions import AggregateFunction, AggregateSpec, FunctionRegistry, PythonAggregate
from ...sql.schema import ColumnDef, Schema
from ...sql.scope import WINDOW_BOUNDS, Scope, span_of, system_column
from ...sql.types import INTEGER, NULL
from ...sql.typing.calls import AggregateUse, aggregate_use, is_aggregate
from ...sql.typing.expression import analyze_expression
from ..logical import Aggregate, Node, Project, Retract, has
from ..physical.steps import AggregateCall, Window
from ..predicates import written_with
from ..text import text_of
from .keys import check_key_types
from .rows import Entry, RowKey, Rows, RowScope, canonical, misplaced


@dataclass(frozen=True)
class GroupKey:
    """A grouping expression: as written, in canonical form, and over the rows."""

    node: exp.Expression | None
    canonical: str
    expr: Expr


@dataclass
class GroupScope:
    """The columns of a group: keys first, then aggregates in the order in which they are met."""

    rows: Rows
    keys: Sequence[GroupKey]
    window: Window | None
    registry: FunctionRegistry
    settings: Mapping[str, str] = field(default_factory=dict)
    clause: str = "SELECT"
    calls: dict[str, AggregateUse] = field(default_factory=dict)

    def claim(self, node: exp.Expression) -> Expr | None:
        """The column that a grouping expression or an aggregate call is."""
        aggregate = is_aggregate(node, self.registry)
        if not aggregate and not self.keys:
            return None
        form = canonical(node, self.rows)
        if aggregate:
            return self._aggregate(node, form)
        for index, key in enumerate(self.keys):
            if key.canonical == form:
                return Column(index, _shown(key.node), key.expr.type)
        return None

    def column(self, name_parts: Sequence[str], span: Span | None) -> Expr:
        """A window bound; all else is a column that belongs to no group."""
        if name_parts[-1] in WINDOW_BOUNDS and self.window is not None:
            return system_column(name_parts[-1])
        self.rows.find(name_parts, span)
        name = ".".join(name_parts)
        rule = "non-aggregate expressions must be grouping expressions: a group has many values of any other column"
        raise not_grouped(self.clause, name, rule, span)

    def _aggregate(self, node: exp.Expression, form: str) -> Expr:
        if form not in self.calls:
            inside = RowScope(self.rows, self.registry, "an aggregate's argument")
            use = aggregate_use(node, _NoBounds(inside), self.registry)
            if isinstance(use.spec, AggregateSpec):
                use = replace(use, spec=limited(use.name, use.spec, self.settings))
            self.calls[form] = use
        index = len(self.keys) + list(self.calls).index(form)
        return Column(index, _shown(node), self.calls[form].spec.type)


@dataclass(frozen=True)
class Groups(Rows):
    """Groups as the rows of which sub-queries are asked: what names them is what SELECT and HAVING may say of a group."""

    grouped: GroupScope = field(kw_only=True)

    def scope(self, registry: FunctionRegistry, clause: str) -> Scope:
        """What a group has, and what has been answered for it."""
        return _Answered(self, clause)

    @staticmethod
    def of(node: Aggregate, scope: GroupScope) -> Groups:
        """The groups that an aggregation makes, all of whose calls are known."""
        columns = [Entry("", c.name, c.name, Column(i, c.name, c.type), c.is_key) for i, c in enumerate(node.schema)]
        keys = tuple(RowKey((e,), e.expr, e.name) for e in columns if e.is_key)
        return Groups(node, tuple(columns), keys, scope.rows.sources[:1], grouped=scope)


@dataclass(frozen=True)
class _Answered:
    """A group's columns, which keep their places, and the hidden ones behind them that sub-queries were answered with."""

    groups: Groups
    clause: str

    def claim(self, node: exp.Expression) -> Expr | None:
        scope = self.groups.grouped
        if is_aggregate(node, scope.registry) and canonical(node, scope.rows) not in scope.calls:
            raise misplaced(node, AggregateFunction, self.clause)
        return scope.claim(node)

    def column(self, name_parts: Sequence[str], span: Span | None) -> Expr:
        scope = self.groups.grouped
        answers = self.groups.entries[len(scope.keys) + len(scope.calls) :]
        found = next((e.expr for e in answers if [e.name] == list(name_parts)), None)
        return replace(scope, clause=self.clause).column(name_parts, span) if found is None else found


@dataclass(frozen=True)
class _NoBounds:
    """The rows that are aggregated, which are in no window yet."""

    inner: RowScope

    def claim(self, node: exp.Expression) -> Expr | None:
        return self.inner.claim(node)

    def column(self, name_parts: Sequence[str], span: Span | None) -> Expr:
        return row_column(self.inner, name_parts, span)


def row_column(scope: RowScope, name_parts: Sequence[str], span: Span | None) -> Expr:
    """A column of the rows; a window bound that the rows have not is refused with where it may stand."""
    windowed = any(e.name == name_parts[-1] for e in scope.rows.entries)
    if name_parts[-1] in WINDOW_BOUNDS and not windowed:
        raise AnalysisError(
            f"window bounds column {name_parts[-1]} can only be used in the SELECT clause of windowed aggregations",
            hint="leave it out of GROUP BY: groups are those of a window anyway"
            if scope.clause == "GROUP BY"
            else None,
            span=span,
        )
    return scope.column(name_parts, span)


def group_keys(nodes: Sequence[exp.Expression], rows: Rows, registry: FunctionRegistry) -> list[GroupKey]:
    """The grouping expressions; one group for all rows where there is none."""
    if not nodes:
        return [GroupKey(None, "", Literal(0, INTEGER))]
    scope = _NoBounds(RowScope(rows, registry, "GROUP BY"))
    keys: list[GroupKey] = []
    for node in nodes:
        expr = analyze_expression(node, scope, registry)
        if expr.type is NULL:
            raise TypeMismatch("GROUP BY takes no NULL", hint="CAST(NULL AS …) gives it a type", span=span_of(node))
        form = canonical(node, rows)
        if all(key.canonical != form for key in keys):
            keys.append(GroupKey(node, form, expr))
    check_key_types([(_shown(key.node), key.expr.type) for key in keys if key.node is not None])
    return keys


def _in_window(spec: AggregateSpec | PythonAggregate, window: Window | None) -> AggregateSpec | PythonAggregate:
    if window is None or not window.is_session or not isinstance(spec, AggregateSpec):
        return spec
    return spec.of_sessions or spec


def aggregate_node(below: Node, scope: GroupScope, *, emit_final: bool) -> Aggregate:
    """The aggregation of the rows of `below` by the scope's keys, once all its calls are known."""
    columns: list[Expr] = [key.expr for key in scope.keys]
    defs = [ColumnDef(_shown(key.node), key.expr.type) for key in scope.keys]
    calls: list[AggregateCall] = []
    for use in scope.calls.values():
        for arg in use.args:
            if arg not in columns:
                columns.append(arg)
                name = arg.name if isinstance(arg, Column) else f"argument {len(columns) - len(scope.keys)}"
                defs.append(ColumnDef(name, arg.type))
        calls.append(
            AggregateCall(_in_window(use.spec, scope.window), tuple(columns.index(a) for a in use.args), use.name)
        )
    if not below.is_table:
        grouped: Node = Project(below, tuple(columns), Schema(tuple(defs)))
        return Aggregate(grouped, len(scope.keys), tuple(calls), scope.window, emit_final)
    _check_undo(scope)
    keys = [(key.expr, ColumnDef(key.name, key.expr.type, is_key=True)) for key in scope.rows.keys]
    schema = Schema((*defs, *(c for _, c in keys)))
    identified = Project(below, (*columns, *(e for e, _ in keys)), schema)
    changes = Retract(identified, tuple(range(len(columns), len(schema))))
    return Aggregate(changes, len(scope.keys), tuple(calls), scope.window, emit_final)


def not_grouped(clause: str, name: str, rule: str, span: Span | None) -> AnalysisError:
    """A column that a group has no one value of; `rule`: why."""
    return AnalysisError(
        f"{clause} names {name}, which is not part of GROUP BY",
        detail=rule,
        hint=f"add {name} to the GROUP BY, or aggregate it: LATEST_BY_OFFSET({name})",
        span=span,
    )


def with_rows(having: exp.Expression | None) -> exp.Expression:
    """HAVING that also leaves out groups without rows. A group that a table's row has only passed through stays, with no rows,
    where all updates are told; where a batch's updates of a row become one, it would be there by chance."""
    counted = exp.Anonymous(this="COUNT", expressions=[exp.Star()])
    return written_with(having, exp.GT(this=counted, expression=exp.Literal.number(0)))


def _check_undo(scope: GroupScope) -> None:
    if scope.rows.node.window is not None:
        final = "EMIT FINAL in the sub-query makes a stream of it: each window once, when it has closed"
        topic = "make a table of it, read its topic as a stream (WITH (WINDOW_TYPE = …)), and group that"
        raise AnalysisError(
            "GROUP BY is not supported over a windowed table",
            detail="rows of windows that are over would stay in their groups for ever",
            hint=final if has(scope.rows.node, Aggregate) else topic,
        )
    if scope.window is not None:
        raise AnalysisError(
            "WINDOW is not supported over a table",
            hint="a table's rows replace one another; window the stream behind it",
        )
    lacking = [u.name for u in scope.calls.values() if not u.spec.can_undo]
    if lacking:
        names = " and ".join([", ".join(lacking[:-1]), lacking[-1]] if len(lacking) > 1 else lacking)
        raise AnalysisError(
            f"the aggregate function{'s' if len(lacking) > 1 else ''} {names} cannot be applied to a table source",
            detail="a table's change takes back the row that was, and this function cannot forget a value",
            hint="aggregate a stream instead",
        )


def _shown(node: exp.Expression | None) -> str:
    if node is None:
        return "all rows"
    return node.name if isinstance(node, exp.Column) else text_of(node)
