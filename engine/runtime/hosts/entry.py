"""A query that was started and not ended, and how it stands when those that run it cannot say so."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

import pyarrow as pa

from ...plan.physical.steps import QueryPlan
from ..flows.flow import FlowStatus
from ..telemetry.metrics import QueryMetrics
from .host import FlowSpec, Host
from .processes import HostProcess


@dataclass
class Entry:
    """A query that was started and not ended."""

    plan: QueryPlan
    spec: FlowSpec
    place: str
    hosts: list[Host | HostProcess] = field(default_factory=list)
    paused: bool = False
    gone: QueryMetrics = field(default_factory=lambda: QueryMetrics(""))  # what hosts that have died had counted
    take: Callable[[pa.Table], None] | None = None
    ended: Callable[[FlowStatus], None] | None = None
    last: FlowStatus | None = None

    @property
    def silent(self) -> HostProcess | None:
        """One of its hosts that does not answer at all; None where all do."""
        return next((host for host in self.hosts if isinstance(host, HostProcess) and host.silent), None)


def last_known(query_id: str, entry: Entry) -> FlowStatus:
    """Of a query whose host does not answer: it cannot be said to have caught up."""
    if entry.last is not None:
        return replace(entry.last, under_way=not entry.paused)
    return FlowStatus(query_id, wanted(entry), False, None, None, QueryMetrics(query_id), under_way=not entry.paused)


def wanted(entry: Entry) -> str:
    """The state that it is meant to have."""
    return "PAUSED" if entry.paused else "RUNNING"


def unresponsive(status: FlowStatus, host: HostProcess) -> FlowStatus:
    """A status that nobody can tell: what is known of it is from before its host fell silent."""
    reason = f"its process {host.pid} does not answer; end that, and the query goes on from its checkpoint"
    return replace(status, state="UNRESPONSIVE", error=reason, under_way=True)


def as_one(statuses: Iterable[FlowStatus]) -> FlowStatus:
    """One status of a query's several processes: each reads its own share of the partitions."""
    first, *rest = statuses
    for other in rest:
        positions = {p: max(o, other.positions.get(p, o)) for p, o in (other.positions | first.positions).items()}
        metrics = first.metrics.plus(other.metrics)
        metrics.lag_records = sum(max(0, end - positions.get(p, end)) for p, end in first.ends.items())
        worse = other if first.state == "RUNNING" else first
        first = replace(
            worse, positions=positions, metrics=metrics, under_way=first.under_way or other.under_way, ends=first.ends
        )
    return first
