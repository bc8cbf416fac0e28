"""DESCRIBE and EXPLAIN: sources with who reads and writes them, a query with its plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...errors import EnvironmentFault
from ...io.topics import TopicInfo
from ...plan.explain import explain
from ...plan.physical.steps import QueryPlan
from ...runtime.flows.flow import FlowStatus
from ...sql.catalog import Catalog, QueryEntry, Relation
from ...sql.statements.statement import Describe
from ..results import Listing
from ..shape import field_shape, query_shape


@dataclass(frozen=True)
class Watched:
    """What DESCRIBE EXTENDED says of a query: its state, its metrics by name, and why it failed last."""

    state: str
    metrics: Mapping[str, float]
    error: str | None = None


def watched_of(status: FlowStatus) -> Watched:
    """What DESCRIBE EXTENDED says of a query's status."""
    metrics = status.metrics
    return Watched(
        status.state,
        {
            "rows in": metrics.rows_in,
            "rows out": metrics.rows_out,
            "bad": metrics.rows_bad,
            "late": metrics.rows_late,
            "lag": metrics.lag_records,
            "mean batch": metrics.rows_in / max(1, sum(metrics.batch_rows.counts)),
            "latency p50 ms": 1000 * (metrics.latency_seconds.quantile(0.5) or 0),
            "latency p99 ms": 1000 * (metrics.latency_seconds.quantile(0.99) or 0),
            "state bytes": metrics.state_bytes,
            "restarts": metrics.restarts,
        },
        status.error,
    )


def describe_sources(
    statement: Describe,
    text: str,
    catalog: Catalog,
    topic: Callable[[str], TopicInfo | None],
    watched: Mapping[str, Watched],
) -> Listing:
    """One stream or table, or all of a kind. `watched`: the queries that write them, wanted only when EXTENDED."""
    if statement.name is not None:
        found = [catalog.get(statement.name, statement.span)]
    else:
        found = sorted((r for r in catalog.relations.values() if r.kind == statement.kind), key=lambda r: r.name)
    infos, away = _infos(found, topic)
    shapes = [
        _shape(r, catalog, info, watched, extended=statement.extended) for r, info in zip(found, infos, strict=True)
    ]
    told = [_extended(r, shape, away) for r, shape in zip(found, shapes, strict=True)] if statement.extended else []
    if statement.name is not None:
        body = {"sourceDescription": shapes[0]}
        return Listing(text, "sourceDescription", body, ("Field", "Type"), _fields(found[0]), "".join(told))
    rows = tuple((r.name, *field) for r in found for field in _fields(r))
    people = "\n\n".join(f"{r.name}\n{lines}" for r, lines in zip(found, told, strict=False))
    return Listing(text, "source_descriptions", {"sourceDescriptions": shapes}, ("Name", "Field", "Type"), rows, people)


def _infos(
    found: Sequence[Relation], topic: Callable[[str], TopicInfo | None]
) -> tuple[list[TopicInfo | None], str | None]:
    """The topics, as their relations were declared where they cannot be reached; and why they cannot."""
    infos: list[TopicInfo | None] = []
    away: str | None = None
    for relation in found:
        info = None
        if relation.topic:
            info = TopicInfo(relation.topic, relation.partitions or 0, relation.replicas or 0)
            try:
                info = info if away else topic(relation.topic)
            except EnvironmentFault as error:
                away = error.message
        infos.append(info)
    return infos, away


def _fields(relation: Relation) -> tuple[tuple[str, str], ...]:
    key = "PRIMARY KEY" if relation.is_table else "KEY"
    return tuple((c.name, f"{c.type}{f' ({key})' if c.is_key else ''}") for c in relation.schema)


def _shape(
    relation: Relation, catalog: Catalog, topic: TopicInfo | None, watched: Mapping[str, Watched], *, extended: bool
) -> dict[str, Any]:
    readers = [_query_shape(catalog.queries[q], catalog, watched) for q in catalog.readers(relation.name)]
    writers = [_query_shape(catalog.queries[q], catalog, watched) for q in catalog.writers(relation.name)]
    return {
        "name": relation.name,
        "windowType": relation.windowed,
        "stateTtlMs": relation.state_ttl_ms,
        "readQueries": readers,
        "writeQueries": writers,
        "fields": [field_shape(c) for c in relation.schema],
        "type": relation.kind,
        "timestamp": relation.timestamp_column or "",
        "statistics": _statistics(catalog.writers(relation.name), watched) if extended else "",
        "errorStats": _errors(catalog.writers(relation.name), watched) if extended else "",
        "extended": extended,
        "keyFormat": relation.key_format,
        "valueFormat": relation.value_format,
        "topic": relation.topic,
        "partitions": topic.partitions if topic else 0,
        "replication": topic.replicas if topic else 0,
        "statement": relation.statement,
    }


def _query_shape(entry: QueryEntry, catalog: Catalog, watched: Mapping[str, Watched]) -> dict[str, Any]:
    state = watched[entry.query_id].state if entry.query_id in watched else "RUNNING"
    sink = None if entry.sink is None else catalog.find(entry.sink)
    return query_shape(entry.query_id, entry.statement, entry.kind, state, sink)


def _statistics(query_ids: Sequence[str], watched: Mapping[str, Watched]) -> str:
    lines = []
    for query_id in query_ids:
        if query_id in watched:
            numbers = "  ".join(f"{name}: {value:g}" for name, value in watched[query_id].metrics.items())
            lines.append(f"{query_id}  {watched[query_id].state}  {numbers}")
    return "\n".join(lines)


def _errors(query_ids: Sequence[str], watched: Mapping[str, Watched]) -> str:
    known = [(query_id, watched[query_id].error) for query_id in query_ids if query_id in watched]
    return "\n".join(f"{query_id}  failed last: {error}" for query_id, error in known if error)


def _extended(relation: Relation, shape: Mapping[str, Any], away: str | None) -> str:
    known = away or f"partitions: {shape['partitions']}, replicas: {shape['replication']}"
    lines = [
        f"Topic: {relation.topic} ({known})",
        f"Formats: key {relation.key_format}, value {relation.value_format}",
        f"Statement: {relation.statement}",
    ]
    if relation.state_ttl_ms is not None:
        lines.append(f"State: a key is kept for {relation.state_ttl_ms} ms after its last row")
    lines += [f"Read by: {q['id']} ({q['state']})" for q in shape["readQueries"]]
    lines += [f"Written by: {q['id']} ({q['state']})" for q in shape["writeQueries"]]
    if shape["statistics"]:
        lines.append(str(shape["statistics"]))
    if shape["errorStats"]:
        lines.append(str(shape["errorStats"]))
    return "\n".join(lines)


def describe_plan(text: str, plan: QueryPlan, entry: QueryEntry | None, watched: Watched | None) -> Listing:
    """EXPLAIN's answer: the plan as text, and as ksqlDB's query description."""
    description = _description(plan, entry, watched, text)
    return Listing(text, "queryDescription", {"queryDescription": description}, (), (), description["executionPlan"])


def describe_query(plan: QueryPlan, entry: QueryEntry, watched: Watched | None) -> tuple[dict[str, Any], str]:
    """One entry of SHOW QUERIES EXTENDED, and the same for people."""
    known = {} if watched is None else {entry.query_id: watched}
    lines = [entry.query_id, f"Statement: {entry.statement}"]
    lines += [f"Reads: {', '.join(entry.sources)}", f"Writes: {entry.sink or '-'}"]
    lines += [line for line in (_statistics([entry.query_id], known), _errors([entry.query_id], known)) if line]
    return _description(plan, entry, watched, entry.statement), "\n".join(lines)


def _description(plan: QueryPlan, entry: QueryEntry | None, watched: Watched | None, text: str) -> dict[str, Any]:
    told = explain(plan)
    return {
        "id": "" if entry is None else entry.query_id,
        "statementText": text if entry is None else entry.statement,
        "windowType": None if plan.window is None else plan.window.kind,
        "fields": [field_shape(c) for c in plan.schema],
        "sources": [s.name for s in plan.sources],
        "sinks": [] if plan.sink is None else [plan.sink.name],
        "topology": told,
        "executionPlan": told,
        "overriddenProperties": dict(plan.settings),
        "ksqlHostQueryStatus": {},
        "queryType": "PUSH" if plan.sink is None else "PERSISTENT",
        "queryErrors": []
        if watched is None or not watched.error
        else [{"errorMessage": watched.error, "type": "UNKNOWN"}],
        "tasksMetadata": [],
        "state": None if watched is None else watched.state,
    }
