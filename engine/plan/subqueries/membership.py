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
from ..analysis.aliases import with_aliases
from ..analysis.grouping import with_rows
from ..analysis.rows import Rows
from ..text import text_of
from .lookup import (
    NAME,
    Names,
    correlation,
    groups_by,
    is_key,
    looked_up,
    named,
    only_item,
    speaks_otherwise,
    with_hidden,
)


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
    value = only_item(block, "a sub-query in IN", "name the one that is compared: IN (SELECT x FROM …)")
    _, rows = names.rows(block)
    if block.group_by:
        return replace(block, having=with_rows(block.having)) if rows.node.is_table else block
    if not rows.node.is_table:
        text = text_of(value)
        raise AnalysisError(
            "IN and EXISTS ask a table, and this sub-query gives a stream",
            detail="of a stream they could only know what has come before",
            hint=f"write that it is that: SELECT {text} FROM … GROUP BY {text}; or CREATE TABLE … of it",
            span=block.span,
        )
    if is_key(value, rows, names.registry, "SELECT"):
        return block
    return replace(block, group_by=(value,), having=with_rows(None))


def _as_membership(block: Query, names: Names, outer: Rows) -> tuple[exp.Expression, Query]:
    """`EXISTS (SELECT … WHERE inner = outer AND rest)` as `outer IN (SELECT inner … WHERE rest)`; without such an equality, any
    row there is one with a constant."""
    _, rows = names.rows(replace(block, where=None))
    block, _ = with_aliases(block, rows, names.registry, in_where=False)
    found = correlation(block, rows, outer, "EXISTS")
    if found is None and not block.group_by:
        one = exp.Literal.number(1)
        return one, replace(block, select=(SelectItem(one, span=block.span),))
    if found is None or not (groups_by(block, found.theirs, rows) if block.group_by else block.having is None):
        raise speaks_otherwise("EXISTS", outer, block.span)
    return found.ours, replace(found.block, select=(SelectItem(found.theirs, span=span_of(found.theirs)),))
