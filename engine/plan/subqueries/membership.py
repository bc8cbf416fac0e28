"""IN (SELECT …) and EXISTS: whether a table has a row, looked up for each row.

What is not the table's key is grouped, so that each value is there once, for as long as some row has it.
"""

from __future__ import annotations

from dataclasses import replace

from sqlglot import exp

from ...errors import AnalysisError
from ...sql.parser.relational import subquery_of
from ...sql.scope import span_of
from ...sql.statements.statement import Query, SelectItem
from ...sql.typing.compare import is_null
from ...sql.typing.expression import analyze_expression
from ..grouping import with_rows
from ..joins import is_whole_key
from ..rows import Rows, RowScope, canonical
from ..text import text_of
from .lookup import NAME, Names, correlation, looked_up, named, speaks_otherwise, with_hidden


def with_membership(rows: Rows, node: exp.Expression, names: Names) -> tuple[Rows, exp.Expression]:
    """The rows with a hidden column that says whether the test holds, and what stands for the test then."""
    subquery = subquery_of(node.this if isinstance(node, exp.Exists) else node.args["query"])
    block, inside = names.block(subquery)
    if isinstance(node, exp.Exists):
        asked, block = _as_membership(block, inside, rows)
    else:
        asked = node.this
    members = inside.derived(_each_once(block, inside), NAME)
    name = text_of(node)
    made, (found, *_) = looked_up(rows, asked, members, names, node)
    return with_hidden(made, {name: is_null(found, True, span_of(node))}), named(name, node)


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


def _as_membership(block: Query, names: Names, outer: Rows) -> tuple[exp.Expression, Query]:
    """`EXISTS (SELECT … WHERE inner = outer AND rest)` as `outer IN (SELECT inner … WHERE rest)`; without such an equality, any
    row there is one with a constant."""
    _, rows = names.rows(replace(block, where=None))
    found = correlation(block, rows, outer, "EXISTS")
    if found is None and not block.group_by:
        one = exp.Literal.number(1)
        return one, replace(block, select=(SelectItem(one, span=block.span),))
    if found is None or not _groups_by(found.theirs, block, rows):
        raise speaks_otherwise("EXISTS", outer, block.span)
    return found.ours, replace(found.block, select=(SelectItem(found.theirs, span=span_of(found.theirs)),))


def _groups_by(value: exp.Expression, block: Query, rows: Rows) -> bool:
    """Whether the groups of a block, where it has any, are those of this value, which then is their key."""
    if not block.group_by:
        return block.having is None
    return [canonical(node, rows) for node in block.group_by] == [canonical(value, rows)]
