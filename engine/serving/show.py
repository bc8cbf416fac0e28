"""SHOW and LIST: what there is, from the catalog, the topics, the functions and the settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..errors import Unsupported
from ..inference.versions.registered import HIDDEN
from ..io.topics import Consumers, TopicInfo
from ..plan.physical.steps import QueryPlan
from ..plan.topology import topology
from ..runtime.flows.flow import FlowStatus
from ..sql.catalog import Catalog
from ..sql.functions import AggregateFunction, Function, FunctionRegistry, TableFunction
from ..sql.statements.statement import Show
from .describe.models import show_models
from .describe.sources import describe_query, watched_of
from .describe.topology import show_topology
from .results import Listing
from .shape import query_shape, relation_shape, type_shape

HIDDEN_TOPICS = ("_", "mergus_")


@dataclass(frozen=True)
class Shown:
    """What SHOW may look at: `topics` asks for them, `consumers` for who reads them, `statuses` are the queries',
    `properties` (name, value, origin) in order, `pushed` the push queries at work by id, `plans` those of the persistent
    ones, `missing` what is not as it should be: statements that the start could not carry out again, functions not taken."""

    catalog: Catalog
    registry: FunctionRegistry
    topics: Callable[[], Sequence[TopicInfo]]
    consumers: Callable[[], Mapping[str, Consumers]]
    statuses: Mapping[str, FlowStatus]
    properties: Sequence[tuple[str, str, str]]
    variables: Mapping[str, str]
    pushed: Mapping[str, str]
    plans: Mapping[str, QueryPlan]
    missing: Sequence[str] = ()

    @property
    def states(self) -> dict[str, str]:
        """Each query's: RUNNING, PAUSED, ERROR, UNRESPONSIVE."""
        return {query_id: status.state for query_id, status in self.statuses.items()}


def show(statement: Show, text: str, shown: Shown) -> Listing:
    """The answer to one SHOW, with what is missing in it."""
    return replace(_shown(statement, text, shown), warnings=tuple(shown.missing))


def _shown(statement: Show, text: str, shown: Shown) -> Listing:
    match statement.what:
        case "STREAMS" | "TABLES":
            return _relations(statement.what, text, shown)
        case "TOPICS":
            return _topics(text, shown, hidden=statement.all, extended=statement.extended)
        case "QUERIES":
            return _queries(text, shown, extended=statement.extended)
        case "FUNCTIONS":
            return _functions(text, shown)
        case "PROPERTIES":
            return _properties(text, shown)
        case "VARIABLES":
            rows = tuple(sorted(shown.variables.items()))
            body = {"variables": [{"name": n, "value": v} for n, v in rows]}
            return Listing(text, "variables", body, ("Variable Name", "Value"), rows)
        case "TYPES":
            types = sorted(shown.catalog.types.items())
            shapes = {"types": {name: type_shape(t) for name, t in types}}
            return Listing(text, "type_list", shapes, ("Type Name", "Schema"), tuple((n, str(t)) for n, t in types))
        case "MODELS":
            return show_models(shown.catalog.models, text)
        case "TOPOLOGY":
            return show_topology(topology(shown.catalog, shown.plans, shown.states), statement.form, text)
        case other:
            raise Unsupported(f"SHOW {other} is not supported yet", span=statement.span)


def _relations(what: str, text: str, shown: Shown) -> Listing:
    kind = what[:-1]
    found = sorted((r for r in shown.catalog.relations.values() if r.kind == kind), key=lambda r: r.name)
    rows = tuple((r.name, r.topic, r.key_format, r.value_format, r.windowed is not None) for r in found)
    columns = (f"{kind.title()} Name", "Kafka Topic", "Key Format", "Value Format", "Windowed")
    return Listing(text, what.lower(), {what.lower(): [relation_shape(r) for r in found]}, columns, rows)


def _topics(text: str, shown: Shown, *, hidden: bool, extended: bool) -> Listing:
    found = [t for t in shown.topics() if hidden or not t.name.startswith(HIDDEN_TOPICS)]
    rows: tuple[tuple[Any, ...], ...] = tuple((t.name, t.partitions, t.replicas) for t in found)
    body: dict[str, list[dict[str, Any]]] = {
        "topics": [{"name": t.name, "replicaInfo": [t.replicas] * t.partitions} for t in found]
    }
    columns = ("Kafka Topic", "Partitions", "Partition Replicas")
    if not extended:
        return Listing(text, "kafka_topics", body, columns, rows)
    readers = shown.consumers()
    read = [readers.get(t.name, Consumers()) for t in found]
    for shape, who in zip(body["topics"], read, strict=True):
        shape |= {"consumerCount": who.consumers, "consumerGroupCount": who.groups}
    rows = tuple((*row, who.consumers, who.groups) for row, who in zip(rows, read, strict=True))
    return Listing(text, "kafka_topics_extended", body, (*columns, "Consumers", "Consumer Groups"), rows)


def _queries(text: str, shown: Shown, *, extended: bool) -> Listing:
    entries = sorted(shown.catalog.queries.values(), key=lambda q: q.query_id)
    shapes: list[dict[str, Any]] = []
    rows: list[tuple[Any, ...]] = []
    for entry in entries:
        state = shown.states.get(entry.query_id, "UNKNOWN")
        sink = shown.catalog.find(entry.sink) if entry.sink is not None else None
        shapes.append(query_shape(entry.query_id, entry.statement, entry.kind, state, sink))
        rows.append(
            (entry.query_id, entry.kind, f"{state}:1", entry.sink, sink.topic if sink else None, entry.statement)
        )
    for query_id, statement in shown.pushed.items():
        shapes.append(query_shape(query_id, statement, "PUSH", "RUNNING", None))
        rows.append((query_id, "PUSH", "RUNNING:1", None, None, statement))
    columns = ("Query ID", "Query Type", "Status", "Sink Name", "Sink Kafka Topic", "Query String")
    if not extended:
        return Listing(text, "queries", {"queries": shapes}, columns, tuple(rows))
    watched = {query_id: watched_of(status) for query_id, status in shown.statuses.items()}
    told = [describe_query(shown.plans[e.query_id], e, watched.get(e.query_id)) for e in entries]
    described = [shape for shape, _ in told]
    people = "\n\n".join(words for _, words in told)
    return Listing(text, "query_descriptions", {"queryDescriptions": described}, columns, tuple(rows), people)


def function_kind(function: Function) -> str:
    """SCALAR, AGGREGATE or TABLE."""
    if isinstance(function, AggregateFunction):
        return "AGGREGATE"
    return "TABLE" if isinstance(function, TableFunction) else "SCALAR"


def _functions(text: str, shown: Shown) -> Listing:
    shown_as_one = (f for f in shown.registry.functions.values() if not any(sign in f.name for sign in HIDDEN))
    found = sorted(shown_as_one, key=lambda f: f.name.upper())
    rows = tuple((f.name.upper(), function_kind(f), f.category) for f in found)
    body = {"functions": [{"name": n, "type": t, "category": c} for n, t, c in rows]}
    return Listing(text, "function_names", body, ("Function Name", "Type", "Category"), rows)


def _properties(text: str, shown: Shown) -> Listing:
    shapes = [
        {"name": n, "scope": "KSQL", "value": v, "editable": origin == "session", "level": origin}
        for n, v, origin in shown.properties
    ]
    body = {"properties": shapes, "overwrittenProperties": [], "defaultProperties": []}
    return Listing(text, "properties", body, ("Property", "Value", "Origin"), tuple(shown.properties))
