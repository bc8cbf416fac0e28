"""Which queries run on one worker, for what they say would depend on how many there are."""

from __future__ import annotations

from .steps import JoinSides, PartialAggregate, QueryPlan, StreamStreamJoin, StreamTableJoin


def needs_one_worker(plan: QueryPlan) -> bool:
    """Whether what a query says depends on stream times behind an exchange: there a worker sees some of a partition's rows
    only, so that what is late, or closed, would depend on how many workers share them. Windows, times to live and joins of
    streams behind a join are so; and a join with a table behind an outer join of streams, whose rows go on alone as of a
    moment. So is a join with a table that the query works out under one key after another: its rows and the stream's would
    come by different workers, and in no order; or by another value than the key of its rows, which they keep."""
    seen_alone = False
    written_in = {step.output: number for number, stage in enumerate(plan.stages) for step in stage.steps}
    for number, stage in enumerate(plan.stages):
        for step in stage.steps:
            if isinstance(step, StreamTableJoin):
                left, right = written_in.get(step.left, 0), written_in.get(step.right, 0)
                if right > 1 or (right and left) or (step.is_lookup and not _by_own_key(step)):
                    return True
            timed = isinstance(step, PartialAggregate) and (step.window is not None or step.ttl_ms is not None)
            if number and (timed or isinstance(step, JoinSides)):
                return True
            if seen_alone and isinstance(step, StreamTableJoin):
                return True
            if isinstance(step, StreamStreamJoin) and step.kind != "INNER" and step.grace_ms is not None:
                seen_alone = True
    return False


def _by_own_key(step: StreamTableJoin) -> bool:
    return [c.is_key for c in step.left_schema].count(True) == 1 and step.left_schema.columns[step.left_key].is_key
