"""Combine partial aggregates before the exchange, so that a batch sends one row a group and not one a record.

Not over a table, whose rows are taken back one by one, nor where a user's aggregate works row by row, nor in sessions:
which one a row belongs to, and whether it is late, only the state knows. Nor where groups have a time to live: whether a row
begins its group anew only the state knows.
"""

from __future__ import annotations

from dataclasses import replace

from ...sql.functions import AggregateSpec
from ..logical import Aggregate, Node, rewrite


def combine_partial(root: Node) -> Node:
    """Mark every Aggregate whose rows may be combined.

    >>> from ..examples import clicks
    >>> before = Aggregate(clicks(), keys=1, calls=())
    >>> before.combine, combine_partial(before).combine
    (False, True)
    """
    return rewrite(root, _mark)


def _mark(node: Node) -> Node:
    if not isinstance(node, Aggregate) or node.input.is_table:
        return node
    if node.ttl_ms is not None or (node.grouped is not None and node.grouped.is_session):
        return node
    return replace(node, combine=all(isinstance(call.spec, AggregateSpec) for call in node.calls))
