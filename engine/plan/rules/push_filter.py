"""Filter before a join what only one side of it decides: fewer rows cross the exchange.

A condition on the stream goes to the stream's side. One on the table goes to the table's side of an INNER join only: a
table row that it refuses becomes a tombstone, which an INNER join passes over, but a LEFT join would fill with NULLs.
"""

from __future__ import annotations

from dataclasses import replace

from ...sql.expressions import Column, Expr, columns_used, systems_used, transform
from ..logical import Filter, Join, Node, Project, rewrite
from ..predicates import split


def push_filter(root: Node) -> Node:
    """Move conditions below the joins that they stand on.

    >>> from ..examples import clicks, flag, users
    >>> sides = [Project(side, tuple(side.schema_columns()), side.schema) for side in (clicks(), users())]
    >>> join = Join(*sides, "INNER", left_key=0, right_key=0)
    >>> after = push_filter(Filter(join, flag(2)))
    >>> type(after).__name__, type(after.left.input).__name__
    ('Join', 'Filter')
    """
    return rewrite(root, _push)


def _push(node: Node) -> Node:
    if not isinstance(node, Filter) or not isinstance(node.input, Join) or node.input.between != "stream-table":
        return node
    join, width = node.input, len(node.input.left.schema)
    mine, rest = split(node.condition, lambda part: _reads(part, 0, width))
    left, right = join.left, join.right
    if mine is not None:
        left = _into(left, mine)
    if rest is not None and join.kind == "INNER":
        theirs, rest = split(rest, lambda part: _reads(part, width, len(join.schema)))
        if theirs is not None:
            right = _into(right, _shifted(theirs, -width))
    pushed = replace(join, left=left, right=right)
    return pushed if rest is None else Filter(pushed, rest)


def _reads(part: Expr, start: int, end: int) -> bool:
    used = columns_used((part,))
    return bool(used) and not systems_used((part,)) and all(start <= i < end for i in used)


def _shifted(expr: Expr, by: int) -> Expr:
    return transform(expr, lambda e: replace(e, index=e.index + by) if isinstance(e, Column) else None)


def _into(side: Node, condition: Expr) -> Node:
    """The filter over a side, below its projection where that only computes row by row, so that one call does both."""
    if not isinstance(side, Project) or side.explode:
        return _push(Filter(side, condition))
    columns = side.columns
    below = transform(condition, lambda e: columns[e.index] if isinstance(e, Column) else None)
    return replace(side, input=_push(Filter(side.input, below)))
