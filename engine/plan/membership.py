"""IN (SELECT …) and EXISTS in WHERE of a query that goes on: whether a table has a row, asked by a join with that table.

The join leaves the rows as they are, with their names and their key, and adds a column that says whether it found one; the
condition reads that. A stream's row asks the table as of its moment; a table's row is asked again when the answer changes.
What is not the table's key is grouped, so that each value is there once, for as long as some row has it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import reduce
from typing import Protocol

from sqlglot import exp

from ..errors import AnalysisError, UnknownName, Unsupported
from ..sql.expressions import Column, Expr
from ..sql.functions import FunctionRegistry
from ..sql.parser.relational import subquery_of
from ..sql.schema import ColumnDef, Schema
from ..sql.scope import span_of
from ..sql.statements.statement import FromClause, Join, Query, RelationalQuery, SelectItem
from ..sql.typing.coercion import coerce
from ..sql.typing.compare import is_null
from ..sql.typing.expression import analyze_expression
from .grouping import with_rows
from .joins import check_foreign, check_windows, is_whole_key
from .logical import Join as JoinNode
from .logical import Project
from .predicates import written_conjuncts
from .rows import Entry, RowKey, Rows, RowScope, canonical
from .text import text_of

_MEMBERS = "the sub-query"


class Names(Protocol):
    """What a sub-query can name (`subqueries.Names` is one)."""

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


def with_memberships(query: Query, rows: Rows, names: Names) -> tuple[Query, Rows]:
    """The query with columns in place of the tests in its WHERE, and the rows that have these columns."""
    where = None if query.where is None else query.where.copy()
    for number, node in enumerate([] if where is None else _tests(where), 1):
        name = f"test {number}"
        rows = _tested(rows, node, names, name)
        column = exp.column(name, quoted=True)
        if node is where:
            where = column
        else:
            node.replace(column)
    query = replace(query, where=where)
    left = next((found for part in _expressions(query) for found in part.find_all(exp.Subquery)), None)
    if left is not None:
        raise Unsupported(
            "a sub-query in an expression is not supported in a query that goes on",
            detail="but for IN (SELECT …) and EXISTS in WHERE",
            hint="join it: FROM a JOIN (SELECT …) b ON a.x = b.y",
            span=subquery_of(left).span,
        )
    return query, rows


def _tests(where: exp.Expression) -> list[exp.Expression]:
    found: Iterator[exp.Expression] = where.find_all(exp.In, exp.Exists)
    return [n for n in found if isinstance(n, exp.Exists) or n.args.get("query") is not None]


def _expressions(query: Query) -> Iterator[exp.Expression]:
    yield from (item.expression for item in query.select if item.expression is not None)
    yield from (part for part in (query.where, query.having) if part is not None)
    yield from (*query.group_by, *query.partition_by)
    yield from _conditions(query.from_)


def _conditions(from_: FromClause) -> Iterator[exp.Expression]:
    if isinstance(from_, Join):
        yield from _conditions(from_.left)
        yield from_.on


def _tested(rows: Rows, node: exp.Expression, names: Names, name: str) -> Rows:
    """The rows with a hidden column of that name: whether the test holds."""
    subquery = subquery_of(node.this if isinstance(node, exp.Exists) else node.args["query"])
    block, inside = names.block(subquery)
    if isinstance(node, exp.Exists):
        outer, block = _decorrelated(block, inside, rows)
    else:
        outer = node.this
    value = analyze_expression(outer, RowScope(rows, names.registry, "WHERE"), names.registry)
    members = inside.derived(_each_once(block, inside), _MEMBERS)
    check_windows(rows, members, subquery.span)
    return _joined(rows, coerce(value, members.keys[0].expr.type, span_of(outer)), members, name, outer)


def _joined(rows: Rows, value: Expr, members: Rows, name: str, asked_for: exp.Expression) -> Rows:
    columns = list(dict.fromkeys([*(e.expr for e in rows.entries), *(k.expr for k in rows.keys), value]))
    keys = [key.expr for key in rows.keys]
    names = {e.expr: e.name for e in rows.entries}
    defs = tuple(ColumnDef(names.get(c, text_of(asked_for)), c.type, c in keys) for c in columns)
    primary: tuple[int, ...] = ()
    if rows.node.is_table and not is_whole_key(value, rows):
        check_foreign(rows, "LEFT", f"{text_of(asked_for)} IN (SELECT …)", span_of(asked_for))
        primary = tuple(columns.index(key) for key in keys)
    asked = JoinNode(
        Project(rows.node, tuple(columns), Schema(defs)),
        members.node,
        "LEFT",
        columns.index(value),
        _place(members.keys[0].expr),
        primary=primary,
        is_test=True,
    )

    def placed(expr: Expr, name: str) -> Expr:
        return Column(columns.index(expr), name, expr.type)

    def entry(e: Entry) -> Entry:
        return replace(e, expr=placed(e.expr, e.name))

    found = Column(len(columns) + asked.right_key, members.keys[0].name, value.type)
    answer = Entry("", name, name, is_null(found, True, span_of(asked_for)), hidden=True)
    return replace(
        rows,
        node=asked,
        entries=(*map(entry, rows.entries), answer),
        keys=tuple(RowKey(tuple(map(entry, k.viable)), placed(k.expr, k.name), k.name, k.forms) for k in rows.keys),
    )


def _place(expr: Expr) -> int:
    assert isinstance(expr, Column)  # a source's columns are
    return expr.index


def _each_once(block: Query, names: Names) -> Query:
    """The block of one column such that it is its key."""
    item = block.select[0]
    if len(block.select) != 1 or item.expression is None or item.is_struct_star:
        raise AnalysisError(
            "a sub-query in IN gives one column",
            hint="name the one that is compared: IN (SELECT x FROM …)",
            span=block.span,
        )
    _, rows = names.rows(block)
    if block.group_by:
        return replace(block, having=with_rows(block.having)) if rows.node.is_table else block
    if not rows.node.is_table:
        text = text_of(item.expression)
        raise AnalysisError(
            "IN and EXISTS ask a table, and this sub-query gives a stream",
            detail="of a stream they could only know what has come before",
            hint=f"write that it is that: SELECT {text} FROM … GROUP BY {text}; or CREATE TABLE … of it",
            span=block.span,
        )
    scope = RowScope(rows, names.registry, "SELECT")
    if is_whole_key(analyze_expression(item.expression, scope, names.registry), rows):
        return block
    return replace(block, group_by=(item.expression,), having=with_rows(None))


# ----------------------------------------------------------------------------------------------------------------- EXISTS


@dataclass(frozen=True)
class _Inside:
    """Which names are the sub-query's own."""

    rows: Rows

    def has(self, column: exp.Column) -> bool:
        try:
            self.rows.find([part.name for part in column.parts], None)
        except UnknownName:
            return False
        return True


def _decorrelated(block: Query, names: Names, outer: Rows) -> tuple[exp.Expression, Query]:
    """`EXISTS (SELECT … WHERE inner = outer AND rest)` as `outer IN (SELECT inner … WHERE rest)`."""
    _, rows = names.rows(replace(block, where=None))
    inside = _Inside(rows)
    parts = [(all(map(inside.has, part.find_all(exp.Column))), part) for part in written_conjuncts(block.where)]
    speaks, rest = ([part for own, part in parts if own is wanted] for wanted in (False, True))
    sides = _sides(speaks[0], inside) if len(speaks) == 1 else None
    if sides is None or not _groups_by(sides[0], block, rows):
        raise AnalysisError(
            "EXISTS is asked by one equality with the query around it",
            detail="its sub-query finds rows by a value of theirs, and may filter them",
            hint=f"write EXISTS (SELECT … FROM t WHERE t.x = {outer.sources[0]}.y AND …)",
            span=block.span,
        )
    theirs, ours = sides
    where = reduce(lambda a, b: exp.And(this=a, expression=b), rest) if rest else None
    return ours, replace(block, select=(SelectItem(theirs, span=span_of(theirs)),), where=where)


def _groups_by(value: exp.Expression, block: Query, rows: Rows) -> bool:
    """Whether the groups of a block, where it has any, are those of this value, which then is their key."""
    if not block.group_by:
        return block.having is None
    return [canonical(node, rows) for node in block.group_by] == [canonical(value, rows)]


def _sides(condition: exp.Expression, inside: _Inside) -> tuple[exp.Expression, exp.Expression] | None:
    """An equality's side that is the sub-query's own, and the other."""
    if not isinstance(condition, exp.EQ):
        return None
    for theirs, ours in ((condition.this, condition.expression), (condition.expression, condition.this)):
        mine = [inside.has(c) for c in theirs.find_all(exp.Column)]
        yours = [inside.has(c) for c in ours.find_all(exp.Column)]
        if mine and all(mine) and not any(yours):
            return theirs, ours
    return None
