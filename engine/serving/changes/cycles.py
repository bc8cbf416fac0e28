"""Queries whose rows come back to them: told when the query is made, or refused where the property says so.

ksqlDB takes them in silence, and some are meant (a retry that a condition ends); one that is not fills its topics without end.
"""

from __future__ import annotations

from dataclasses import replace

from ...errors import Conflict
from ...plan.topology import QUERY, Node, topology, way_between, way_text
from .change import Change, World

CYCLES = "topology.cycles"


def without_cycle(change: Change, world: World) -> Change:
    """The change, with a warning for each query by which rows would come round. Raises Conflict where that is refused."""
    if world.replaying or not change.start:
        return change
    plans = {**world.plans, **{start.plan.query_id: start.plan for start in change.start}}
    edges = topology(change.catalog, plans, {}).edges
    nodes = (Node(QUERY, start.entry.query_id) for start in change.start)
    ways = [way_text(way) for node in nodes if (way := way_between(edges, node, node)) is not None]
    if ways and world.settings.get(CYCLES) == "refuse":
        raise Conflict(
            f"rows would go round in a cycle: {ways[0]}",
            detail=f"the property '{CYCLES}' refuses that",
            hint=f"write into another stream, or SET '{CYCLES}' = 'warn'",
        )
    return replace(
        change,
        warnings=tuple(f"rows go round in a cycle, without end unless a condition stops them: {way}" for way in ways),
    )
