"""DESCRIBE: a source with who reads and writes it, a function with its signatures, a query with its plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import UnknownName
from ..io.topics import TopicInfo
from ..plan.explain import explain
from ..plan.steps import QueryPlan
from ..runtime.flow import FlowStatus
from ..sql.catalog import Catalog, QueryEntry, Relation
from ..sql.functions import (
    AggregateFunction,
    AggregateOverload,
    FunctionRegistry,
    LambdaParam,
    Overload,
    ParamType,
    TableOverload,
)
from ..sql.scope import suggestion
from ..sql.signatures import param_text
from ..sql.statements import Describe, DescribeFunction
from .results import Listing
from .shape import field_shape
from .show import function_kind


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


def describe_relation(
    statement: Describe,
    text: str,
    catalog: Catalog,
    topic: TopicInfo | None,
    watched: Mapping[str, Watched],
) -> Listing:
    """One stream or table. `watched`: the queries that write it, wanted only when EXTENDED."""
    assert statement.name is not None
    relation = catalog.get(statement.name, statement.span)
    readers = [_query_shape(catalog.queries[q], watched) for q in catalog.readers(relation.name)]
    writers = [_query_shape(catalog.queries[q], watched) for q in catalog.writers(relation.name)]
    shape: dict[str, Any] = {
        "name": relation.name,
        "windowType": relation.windowed,
        "readQueries": readers,
        "writeQueries": writers,
        "fields": [field_shape(c) for c in relation.schema],
        "type": relation.kind,
        "timestamp": relation.timestamp_column or "",
        "statistics": _statistics(catalog.writers(relation.name), watched) if statement.extended else "",
        "errorStats": _errors(catalog.writers(relation.name), watched) if statement.extended else "",
        "extended": statement.extended,
        "keyFormat": relation.key_format,
        "valueFormat": relation.value_format,
        "topic": relation.topic,
        "partitions": topic.partitions if topic else 0,
        "replication": topic.replicas if topic else 0,
        "statement": relation.statement,
    }
    key = "PRIMARY KEY" if relation.is_table else "KEY"
    rows = tuple((c.name, f"{c.type}{f' ({key})' if c.is_key else ''}") for c in relation.schema)
    body = {"sourceDescription": shape}
    people = _extended(relation, shape) if statement.extended else ""
    return Listing(text, "sourceDescription", body, ("Field", "Type"), rows, people)


def _query_shape(entry: QueryEntry, watched: Mapping[str, Watched]) -> dict[str, Any]:
    state = watched[entry.query_id].state if entry.query_id in watched else "RUNNING"
    return {"id": entry.query_id, "queryString": entry.statement, "state": state, "queryType": entry.kind}


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


def _extended(relation: Relation, shape: Mapping[str, Any]) -> str:
    lines = [
        f"Topic: {relation.topic} (partitions: {shape['partitions']}, replicas: {shape['replication']})",
        f"Formats: key {relation.key_format}, value {relation.value_format}",
        f"Statement: {relation.statement}",
    ]
    lines += [f"Read by: {q['id']} ({q['state']})" for q in shape["readQueries"]]
    lines += [f"Written by: {q['id']} ({q['state']})" for q in shape["writeQueries"]]
    if shape["statistics"]:
        lines.append(str(shape["statistics"]))
    if shape["errorStats"]:
        lines.append(str(shape["errorStats"]))
    return "\n".join(lines)


# ---------------------------------------------------------------------------------------------------------------- functions


def _type_text(param: ParamType) -> str:
    """A parameter's type as people read it: ARRAY<T>, LAMBDA (T) => R."""
    return f"LAMBDA {param_text(param)}" if isinstance(param, LambdaParam) else param_text(param)


def _signature(overload: Overload | TableOverload | AggregateOverload) -> tuple[list[dict[str, Any]], str]:
    last = len(overload.params) - 1
    if isinstance(overload, AggregateOverload) and overload.params:
        last = overload.repeats % len(overload.params)
    arguments = [
        {"name": f"arg{i}", "type": _type_text(p), "description": "", "isVariadic": overload.variadic and i == last}
        for i, p in enumerate(overload.params)
    ]
    if isinstance(overload, AggregateOverload):
        return arguments, ""
    returns = overload.returns
    return arguments, "by its arguments" if callable(returns) else _type_text(returns)


def describe_function(statement: DescribeFunction, text: str, registry: FunctionRegistry) -> Listing:
    """One function with all its signatures."""
    function = registry.find(statement.name)
    if function is None:
        raise UnknownName(
            f"function {statement.name} does not exist",
            hint=suggestion(statement.name.upper(), registry.functions) or "SHOW FUNCTIONS lists them",
            span=statement.span,
        )
    name = function.name.upper()
    shapes, rows = [], []
    for overload in function.overloads:
        arguments, returns = _signature(overload)
        shapes.append({"arguments": arguments, "returnType": returns, "description": function.description})
        listed = ", ".join(a["type"] + (", ..." if a["isVariadic"] else "") for a in arguments)
        rows.append((f"{name}({listed})", returns))
    body = {
        "name": name,
        "description": function.description,
        "author": function.author,
        "version": "",
        "path": "internal",
        "functions": shapes,
        "type": function_kind(function),
    }
    people = "\n".join([f"{name} ({function_kind(function)}): {function.description}", *function.examples])
    if isinstance(function, AggregateFunction):
        rows = [(signature, "") for signature, _ in rows]
    return Listing(text, "describe_function", body, ("Signature", "Returns"), tuple(rows), people)


# ------------------------------------------------------------------------------------------------------------------ queries


def describe_plan(text: str, plan: QueryPlan, entry: QueryEntry | None, watched: Watched | None) -> Listing:
    """EXPLAIN's answer: the plan as text, and as ksqlDB's query description."""
    told = explain(plan)
    description = {
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
    return Listing(text, "queryDescription", {"queryDescription": description}, (), (), told)
