"""Combine partial aggregates before the exchange, so that a batch sends one row a group and not one a record.

Not over a table, whose rows are taken back one by one, nor below a stream's join with a table, which meets every update of
it, nor where a user's aggregate works row by row, nor in sessions: which one a row belongs to, and whether it is late, only
the state knows. Nor where groups have a time to live: whether a row begins its group anew only the state knows.
"""

from __future__ import annotations

from dataclasses import replace

from ...sql.functions import AggregateSpec
from ..logical import Aggregate, Join, Node, rewrite


def combine_partial(root: Node) -> Node:
    """Mark every Aggregate whose rows may be combined.

    >>> from ..examples import clicks
    >>> before = Aggregate(clicks(), keys=1, calls=())
    >>> before.combine, combine_partial(before).combine
    (False, True)
    """
    return rewrite(root, _mark)


def _mark(node: Node) -> Node:
    if isinstance(node, Join) and node.between == "stream-table":
        return replace(node, right=rewrite(node.right, _unmark))
    if not isinstance(node, Aggregate) or node.input.is_table:
        return node
    if node.ttl_ms is not None or (node.grouped is not None and node.grouped.is_session):
        return node
    return replace(node, combine=all(isinstance(call.spec, AggregateSpec) for call in node.calls))


def _unmark(node: Node) -> Node:
    return replace(node, combine=False) if isinstance(node, Aggregate) else node
