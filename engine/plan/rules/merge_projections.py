"""Put a sub-query's projection and the one around it together, so that both are one call.

A column that cannot fail is written out wherever it is named. One that can fail is NULL where it does, and what is around it
goes on with that NULL: so it is moved only where it stands for itself, and once. Conditions on what cannot fail go below the
projection, and below a filter that is there already, so that everything else is computed of fewer rows.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from ...sql.compile.expression import cannot_fail
from ...sql.expressions import Column, Expr, columns_used, transform, walk
from ...sql.typing.compare import logical
from ..logical import Filter, Node, Project, rewrite
from ..predicates import split


def merge_projections(root: Node) -> Node:
    """Merge a projection, and the filter below it, with the projection that they read.

    >>> from ..examples import clicks, flag
    >>> from ...sql.schema import Schema
    >>> inner = Project(clicks(), clicks().schema_columns(), clicks().schema)
    >>> after = merge_projections(Project(Filter(inner, flag(2)), (inner.columns[1],), Schema(inner.schema.columns[1:2])))
    >>> type(after.input).__name__, type(after.input.input).__name__
    ('Filter', 'Read')
    """
    return rewrite(root, _merge)


def _merge(node: Node) -> Node:
    match node:
        case Filter(input=Project() as below):
            return _through(node.condition, below)
        case Filter(input=Filter() as below):
            return replace(below, condition=logical("AND", below.condition, node.condition, None))
        case Project(input=Project() as below) if _can_move(node, below):
            columns = tuple(_written(expr, below) for expr in node.columns)
            return replace(node, input=below.input, columns=columns)
        case _:
            return node


def _through(condition: Expr, below: Project) -> Node:
    """A filter over a projection: the parts of its condition that can go below it do."""
    movable = {i for i, expr in enumerate(below.columns) if i not in below.explode and cannot_fail(expr)}
    sooner, later = split(condition, lambda part: columns_used((part,)) <= movable)
    if sooner is not None:
        below = replace(below, input=_merge(Filter(below.input, _written(sooner, below))))
    return below if later is None else Filter(below, later)


def _can_move(node: Project, below: Project) -> bool:
    if below.explode:
        return False
    named = Counter(e.index for expr in node.columns for e in walk(expr) if isinstance(e, Column))
    itself = {expr.index for i, expr in enumerate(node.columns) if isinstance(expr, Column) and i not in node.explode}
    return all(cannot_fail(below.columns[i]) or (count == 1 and i in itself) for i, count in named.items())


def _written(expr: Expr, below: Project) -> Expr:
    return transform(expr, lambda e: below.columns[e.index] if isinstance(e, Column) else None)
