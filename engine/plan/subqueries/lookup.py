"""A table asked by a value of each row: the join that a sub-query in an expression is.

The join leaves the rows as they are, with their names and their key, and adds what the table says. A stream's row asks the
table as of its moment; a table's row is asked again when the answer changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import reduce
from typing import Protocol

from sqlglot import exp

from ...errors import AnalysisError, Span, UnknownName
from ...sql.dialect import with_place
from ...sql.expressions import Column, Expr
from ...sql.functions import FunctionRegistry
from ...sql.schema import ColumnDef, Schema
from ...sql.scope import span_of
from ...sql.statements.statement import Query, RelationalQuery
from ...sql.typing.coercion import coerce
from ...sql.typing.expression import analyze_expression
from ..analysis.joins import check_foreign, check_windows
from ..analysis.rows import Entry, RowKey, Rows, RowScope, canonical, is_whole_key
from ..logical import Join, Project
from ..predicates import written_conjuncts
from ..text import text_of

NAME = "the sub-query"
"""The source that a sub-query in an expression is, where a message names it."""


class Names(Protocol):
    """What a sub-query can name (`sources.Names` is one)."""

    @property
    def registry(self) -> FunctionRegistry:
        """The functions."""
        ...

    def block(self, query: Query | RelationalQuery) -> tuple[Query, Names]:
        """The SELECT that is the outermost, and what its FROM can name."""
        ...

    def rows(self, query: Query) -> tuple[Query, Rows]:
        """A block's rows."""
        ...

    def derived(self, query: Query, alias: str) -> Rows:
        """What a block gives, as the rows of a source of that name."""
        ...


def looked_up(
    rows: Rows, asked: exp.Expression, table: Rows, names: Names, node: exp.Expression
) -> tuple[Rows, tuple[Column, ...]]:
    """The rows joined with those of a table by the value `asked`, and where the table's columns stand then: NULL where it has no
    such key. `node`: the sub-query, or what asks it."""
    span = span_of(asked)
    check_windows(rows, table, span_of(node))
    key = table.keys[0].expr
    value = coerce(analyze_expression(asked, rows.scope(names.registry, "a sub-query"), names.registry), key.type, span)
    columns = list(dict.fromkeys([*(e.expr for e in rows.entries), *(k.expr for k in rows.keys), value]))
    keys = [k.expr for k in rows.keys]
    known = {e.expr: e.name for e in rows.entries}
    defs = tuple(ColumnDef(known.get(c, text_of(asked)), c.type, c in keys) for c in columns)
    primary: tuple[int, ...] = ()
    if rows.node.is_table and not is_whole_key(value, rows):
        check_foreign(rows, "LEFT", text_of(node), span_of(node))
        primary = tuple(columns.index(k) for k in keys)
    join = Join(
        Project(rows.node, tuple(columns), Schema(defs)),
        table.node,
        "LEFT",
        columns.index(value),
        _place(key),
        primary=primary,
        is_lookup=True,
    )

    def placed(expr: Expr, name: str) -> Expr:
        return Column(columns.index(expr), name, expr.type)

    def entry(e: Entry) -> Entry:
        return replace(e, expr=placed(e.expr, e.name))

    made = replace(
        rows,
        node=join,
        entries=tuple(map(entry, rows.entries)),
        keys=tuple(RowKey(tuple(map(entry, k.viable)), placed(k.expr, k.name), k.name, k.forms) for k in rows.keys),
    )
    return made, tuple(Column(len(columns) + i, c.name, c.type) for i, c in enumerate(table.node.schema))


def _place(expr: Expr) -> int:
    assert isinstance(expr, Column)  # a source's columns are
    return expr.index


def with_hidden(rows: Rows, columns: Mapping[str, Expr]) -> Rows:
    """The rows with columns of these names, which `*` leaves out."""
    return replace(rows, entries=(*rows.entries, *(Entry("", n, n, e, hidden=True) for n, e in columns.items())))


def named(name: str, node: exp.Expression) -> exp.Expression:
    """The syntax of a hidden column in the place of `node`."""
    column, span = exp.column(name, quoted=True), span_of(node)
    if span is not None:
        with_place(column.this, span.start, span.end - 1)
    return column


# -------------------------------------------------------------------------------------------------- what a sub-query gives


def only_item(block: Query, what: str, hint: str) -> exp.Expression:
    """The one expression that a block selects. Raises AnalysisError for any other number. `what`: the sub-query, in words."""
    item = block.select[0]
    if len(block.select) != 1 or item.expression is None or item.is_struct_star:
        raise AnalysisError(f"{what} gives one column", hint=hint, span=block.span)
    return item.expression


def is_key(value: exp.Expression, rows: Rows, registry: FunctionRegistry, clause: str) -> bool:
    """Whether an expression over the rows of a sub-query's FROM is their key, all of it. `clause`: where it stands."""
    return is_whole_key(analyze_expression(value, RowScope(rows, registry, clause), registry), rows)


def groups_by(block: Query, value: exp.Expression, rows: Rows) -> bool:
    """Whether the groups of a block are those of this value, which then is their key."""
    return [canonical(node, rows) for node in block.group_by] == [canonical(value, rows)]


# ---------------------------------------------------------------------------------------- the condition that speaks of both


@dataclass(frozen=True)
class Correlation:
    """What of a sub-query is equal to what of the query around it, and the sub-query without that condition."""

    theirs: exp.Expression
    ours: exp.Expression
    block: Query


@dataclass(frozen=True)
class Inside:
    """Which names are the sub-query's own."""

    rows: Rows

    def has(self, column: exp.Column) -> bool:
        try:
            self.rows.find([part.name for part in column.parts], None)
        except UnknownName:
            return False
        return True

    def owns(self, node: exp.Expression) -> bool:
        return all(map(self.has, node.find_all(exp.Column)))


def correlation(block: Query, rows: Rows, outer: Rows, what: str) -> Correlation | None:
    """The one equality by which a block over `rows` speaks of the query around it; None where it speaks only of its own.
    Raises AnalysisError for any other condition on both. `what`: EXISTS, or what else is asked."""
    inside = Inside(rows)
    parts = list(written_conjuncts(block.where))
    speaks = [part for part in parts if not inside.owns(part)]
    if not speaks:
        return None
    sides = _sides(speaks[0], inside) if len(speaks) == 1 else None
    if sides is None:
        raise speaks_otherwise(what, outer, block.span)
    return Correlation(*sides, _without(block, parts, speaks[0]))


def of_one_key(block: Query, rows: Rows, registry: FunctionRegistry) -> Correlation | None:
    """The same where a block's own condition names one key of the table that it reads: `key = 'this one'`."""
    inside = Inside(rows)
    parts = list(written_conjuncts(block.where))
    for part in parts:
        sides = _sides(part, inside)
        if sides is not None and is_key(sides[0], rows, registry, "WHERE"):
            return Correlation(*sides, _without(block, parts, part))
    return None


def speaks_otherwise(what: str, outer: Rows, span: Span | None) -> AnalysisError:
    """A sub-query that is asked in another way than by one value."""
    return AnalysisError(
        f"{what} is asked by one equality with the query around it",
        detail="its sub-query finds rows by a value of theirs, and may filter them",
        hint=f"write {'EXISTS ' if what == 'EXISTS' else ''}(SELECT … FROM t WHERE t.x = {outer.sources[0]}.y AND …)",
        span=span,
    )


def _without(block: Query, parts: list[exp.Expression], left_out: exp.Expression) -> Query:
    rest = [part for part in parts if part is not left_out]
    where = reduce(lambda a, b: exp.And(this=a, expression=b), rest) if rest else None
    return replace(block, where=where)


def _sides(condition: exp.Expression, inside: Inside) -> tuple[exp.Expression, exp.Expression] | None:
    """An equality's side that is the sub-query's own, and the other."""
    if not isinstance(condition, exp.EQ):
        return None
    for theirs, ours in ((condition.this, condition.expression), (condition.expression, condition.this)):
        mine = [inside.has(c) for c in theirs.find_all(exp.Column)]
        yours = [inside.has(c) for c in ours.find_all(exp.Column)]
        if mine and all(mine) and not any(yours):
            return theirs, ours
    return None
