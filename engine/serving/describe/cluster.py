"""What a cluster's clients ask of it: who reads which topic, and what each server has at work (here: the one)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...io.topics import Consumers
from ...plan.origins import topics_read
from ...plan.physical.one_worker import needs_one_worker
from ...plan.physical.steps import QueryPlan
from ...runtime.flows.flow import FlowStatus


def consumers_of(plans: Mapping[str, QueryPlan], others: Mapping[str, Consumers], workers: int) -> dict[str, Consumers]:
    """Who reads each topic: `others` of the cluster's, and the queries, each a group of as many consumers as it has
    workers."""
    made = dict(others)
    for plan in plans.values():
        for topic in topics_read(plan.sources):
            known = made.get(topic, Consumers())
            own = 1 if needs_one_worker(plan) else workers
            made[topic] = Consumers(known.consumers + own, known.groups + 1)
    return made


def cluster_status(
    address: str, plans: Mapping[str, QueryPlan], statuses: Mapping[str, FlowStatus], now_ms: int
) -> dict[str, Any]:
    """The answer to GET /clusterStatus: `address` is the server's own, as host:port. The lag is that of a query behind the
    topics that it reads."""
    shapes: dict[str, Any] = {}
    lags: dict[str, Any] = {}
    for query_id, status in sorted(statuses.items()):
        plan = plans.get(query_id)
        stores = [plan.materialized] if plan is not None and plan.materialized is not None else []
        shapes[query_id] = {
            "activeStores": stores,
            "activePartitions": [{"topic": t, "partition": p} for t, p in sorted(status.positions)],
            "standByStores": [],
            "standByPartitions": [],
        }
        lags |= {f"{query_id}#{store}": _lag(status) for store in stores}
    told = {
        "hostAlive": True,
        "lastStatusUpdateMs": now_ms,
        "activeStandbyPerQuery": shapes,
        "hostStoreLags": {"stateStoreLags": lags, "updateTimeMs": now_ms},
    }
    return {"clusterStatus": {address: told}}


def _lag(status: FlowStatus) -> dict[str, Any]:
    parts: dict[str, dict[str, int]] = {}
    for (topic, partition), at in sorted(status.positions.items()):
        known = parts.setdefault(str(partition), {"currentOffsetPosition": 0, "endOffsetPosition": 0, "offsetLag": 0})
        end = max(at, status.ends.get((topic, partition), at))
        known["currentOffsetPosition"] += at
        known["endOffsetPosition"] += end
        known["offsetLag"] += end - at
    return {"lagByPartition": parts, "size": len(parts)}
