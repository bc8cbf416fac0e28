"""SELECT: stars spelt out, every column named, expressions analyzed, table functions taken out.

Items keep their syntax until the scope they belong to is known: rows, or groups.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from sqlglot import exp

from ...errors import AnalysisError, Span, TypeMismatch, UnknownName
from ...sql.expressions import Column, Expr, walk
from ...sql.functions import FunctionRegistry
from ...sql.schema import ColumnDef, Schema
from ...sql.scope import WINDOW_BOUNDS, Scope, as_spelt, span_of, unknown
from ...sql.statements.statement import SelectItem
from ...sql.types import NULL, Struct
from ...sql.typing.calls import TableUse, aggregate_use, is_aggregate, is_table_function, table_use
from ...sql.typing.expression import analyze_expression
from ..logical import Node, Project
from .names import NameGenerator
from .rows import RESERVED, Entry, Rows, RowScope, canonical

Star = Callable[[str | None, Span | None], Sequence[exp.Expression]]
"""What a star, of one source or of all, stands for."""


@dataclass(frozen=True)
class Item:
    """A column of the result: its syntax, its name, and its canonical form, by which it may be a key."""

    node: exp.Expression
    name: str
    form: str
    span: Span | None


def column_node(entry: Entry) -> exp.Expression:
    """The syntax of a reference to an entry."""
    return exp.column(entry.name, table=entry.source or None, quoted=True)


def items_of(
    select: Sequence[SelectItem], rows: Rows, star: Star, registry: FunctionRegistry, *, persistent: bool
) -> list[Item]:
    """The items of a projection, named as ksqlDB names them."""
    names = NameGenerator(e.name for e in rows.entries if not e.hidden)
    items: list[Item] = []
    for item in select:
        node = item.expression
        if node is None:
            columns = starred(item, star(item.source, item.span), rows)
            items += [_item(node, _own_name(c, rows, names, starred=True), rows, item.span) for c, node in columns]
        elif item.is_struct_star:
            items += _fields(node, item.span, rows, names, registry)
        else:
            name = item.alias or _own_name(node, rows, names, starred=False)
            if persistent or item.alias is not None:
                _check_reserved(name, aliased=item.alias is not None, span=item.span)
            items.append(_item(node, name, rows, item.span))
    if not items:
        raise AnalysisError("EXCLUDE leaves no column", hint="name a column that stays", span=select[0].span)
    return items


def starred(
    item: SelectItem, columns: Sequence[exp.Expression], rows: Rows
) -> list[tuple[exp.Expression, exp.Expression]]:
    """What a star stands for: each of its `columns` that EXCLUDE leaves, with what stands in its place. A column is named as
    in its source, or as in the result (`S_A` of `s.a` in a join)."""
    if not item.excluded and not item.replaced:
        return [(column, column) for column in columns]
    known = [(c, rows.find([part.name for part in c.parts], None)) for c in columns if isinstance(c, exp.Column)]
    names = [name for _, entry in known for name in (entry.name, entry.result)]

    def spelt(name: str) -> str:
        found = as_spelt(name, dict.fromkeys(names)) if rows.any_case else name
        if found not in names:
            raise unknown("column", name, dict.fromkeys(e.name for _, e in known), item.span)
        return found

    excluded = {spelt(name) for name in item.excluded}
    replaced = {spelt(name): node for name, node in item.replaced}
    kept = [
        (column, {entry.name, entry.result}) for column, entry in known if not {entry.name, entry.result} & excluded
    ]
    return [(column, next((replaced[n] for n in called if n in replaced), column)) for column, called in kept]


def _item(node: exp.Expression, name: str, rows: Rows, span: Span | None) -> Item:
    return Item(node, name, canonical(node, rows), span)


def _check_reserved(name: str, *, aliased: bool, span: Span | None) -> None:
    if name in RESERVED:
        how = "cannot be used as an alias for a column" if aliased else "must be given another name in a result"
        raise AnalysisError(f"{name} is a reserved column name and {how}", hint=f"write … AS {name}_VALUE", span=span)


def _own_name(node: exp.Expression, rows: Rows, names: NameGenerator, *, starred: bool) -> str:
    while isinstance(node, exp.Paren):
        node = node.this
    if isinstance(node, exp.Column):
        if node.name in WINDOW_BOUNDS and not any(e.name == node.name for e in rows.entries):
            return node.name  # a group's window bound
        try:
            entry = rows.find([part.name for part in node.parts], span_of(node))
        except UnknownName:
            return node.name  # a column of the query around, or of none, which its analysis tells
        if entry.hidden and not entry.source:
            return names.column()  # what a sub-query was answered
        clashes = sum(e.name == entry.name for e in rows.entries) > 1
        return entry.result if starred or clashes else entry.name
    if isinstance(node, exp.JSONExtract | exp.Dot):
        return names.field(node.expression.name)
    return names.column()


def _fields(
    operand: exp.Expression, span: Span | None, rows: Rows, names: NameGenerator, registry: FunctionRegistry
) -> list[Item]:
    """`operand->*`: one item for each field."""
    struct = analyze_expression(operand, _Typed(rows, registry, "SELECT"), registry).type
    if not isinstance(struct, Struct):
        raise TypeMismatch(f"->* takes a STRUCT, not {struct}", span=span)
    found = []
    for name, _ in struct.fields:
        node = exp.JSONExtract(this=operand.copy(), expression=exp.to_identifier(name, quoted=True))
        found.append(_item(node, names.field(name), rows, span))
    return found


@dataclass(frozen=True)
class _Typed(RowScope):
    """Expressions over rows or groups, for their types alone."""

    def claim(self, node: exp.Expression) -> Expr | None:
        """An aggregate as a column of its type."""
        if not is_aggregate(node, self.registry):
            return RowScope.claim(self, node)
        use = aggregate_use(node, RowScope(self.rows, self.registry, "an aggregate's argument"), self.registry)
        return Column(0, use.name, use.spec.type)


@dataclass
class TableFunctions:
    """The table functions of a projection: each is a column behind the rows' own."""

    rows: Rows
    registry: FunctionRegistry
    uses: list[TableUse] = field(default_factory=list)

    def claim(self, node: exp.Expression) -> Expr | None:
        """The column that a table function's item is; other nodes are the rows' affair."""
        if not is_table_function(node, self.registry):
            return None
        use = table_use(node, RowScope(self.rows, self.registry, "a table function's argument"), self.registry)
        self.uses.append(use)
        return Column(len(self.rows.node.schema) + len(self.uses) - 1, use.name, use.item)

    def project(self, below: Node, columns: Sequence[tuple[str, Expr, bool]]) -> Project:
        """The projection of `below` to (name, expression, is key) columns that may read the table functions' items."""
        schema = Schema(tuple(ColumnDef(name, expr.type, is_key) for name, expr, is_key in columns))
        exprs = tuple(expr for _, expr, _ in columns)
        if not self.uses:
            return Project(below, exprs, schema)
        width = len(below.schema)
        if all(_alone(expr, width) for expr in exprs):
            lists = {width + i: use.call for i, use in enumerate(self.uses)}
            explode = frozenset(i for i, e in enumerate(exprs) if isinstance(e, Column) and e.index >= width)
            given = tuple(lists[e.index] if isinstance(e, Column) and e.index >= width else e for e in exprs)
            return Project(below, given, schema, explode)
        passed = [Column(i, c.name, c.type) for i, c in enumerate(below.schema)]
        wide = Schema((*below.schema.columns, *(ColumnDef(use.name, use.item) for use in self.uses)))
        exploded = Project(below, (*passed, *(use.call for use in self.uses)), wide, frozenset(range(width, len(wide))))
        return Project(exploded, exprs, schema)


def _alone(expr: Expr, width: int) -> bool:
    """Whether an expression reads no table function's item, or is one."""
    return isinstance(expr, Column) or not any(isinstance(e, Column) and e.index >= width for e in walk(expr))


@dataclass(frozen=True)
class SelectScope:
    """SELECT over rows: table functions are taken out, all else is as elsewhere over rows."""

    inner: RowScope
    tables: TableFunctions

    def claim(self, node: exp.Expression) -> Expr | None:
        """A table function's item, or nothing."""
        return self.tables.claim(node) or self.inner.claim(node)

    def column(self, name_parts: Sequence[str], span: Span | None) -> Expr:
        """The row's column."""
        return self.inner.column(name_parts, span)


def analyze_items(items: Iterable[Item], scope: Scope, registry: FunctionRegistry) -> list[Expr]:
    """The expressions of a projection; a bare NULL has no type and is refused."""
    exprs = []
    for item in items:
        expr = analyze_expression(item.node, scope, registry)
        if expr.type is NULL:
            raise TypeMismatch(
                f"the type of {item.name} cannot be inferred from NULL",
                hint="write CAST(NULL AS VARCHAR), or another type",
                span=item.span,
            )
        exprs.append(expr)
    return exprs
