"""Rewrite rules, one a file: each takes a logical tree and gives one that means the same and costs less."""

from __future__ import annotations

from ..logical import Node
from .combine_partial import combine_partial
from .hoist_models import hoist_models
from .merge_projections import merge_projections
from .prune_columns import prune_columns
from .push_filter import push_filter

RULES = (merge_projections, push_filter, hoist_models, combine_partial, prune_columns)


def optimize(root: Node) -> Node:
    """All rules, in the order in which each makes room for the next."""
    for rule in RULES:
        root = rule(root)
    return root
