"""Which steps tell every update of a batch, and not each key's last alone.

A table that goes on to a topic, to a reader or into another table is told by its last updates as well. A row of a stream meets
a table as of its moment, so all updates before it count, also where they lie in its own batch; and where an aggregate takes
rows back behind a join of tables, a group that a row has only passed through is a group all the same.
"""

from __future__ import annotations

from .steps import Aggregate, Edge, QueryPlan, Retract, StreamTableJoin, edges_read


def every_update(plan: QueryPlan, stage: int) -> frozenset[Edge]:
    """The edges of a stage on which every update is told."""
    steps = [step for s in plan.stages for step in s.steps]
    behind = [step for s in plan.stages[stage:] for step in s.steps]
    told: set[Edge] = set()
    for step in reversed(steps):
        if isinstance(step, StreamTableJoin):
            told.add(step.right)
        elif step.output in told:
            told.update(edges_read(step))
    if any(isinstance(step, Retract) for step in behind):
        told.update(step.output for step in behind if not isinstance(step, Aggregate))
    return frozenset(told)
