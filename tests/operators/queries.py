"""Queries for the operators' tests: SELECTs planned by the planner over sources declared in a line, run by the driver."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb
from sqlglot import exp, parse_one

from mergus.engine.operators.driver import Driver, Running, batches
from mergus.engine.plan.physical.steps import QueryPlan
from mergus.engine.plan.planner import plan_query
from mergus.engine.plan.target import SinkTarget
from mergus.engine.sql.builtin.registry import default_registry
from mergus.engine.sql.catalog import Catalog, Relation
from mergus.engine.sql.functions import FunctionRegistry
from mergus.engine.sql.properties import StateTtl
from mergus.engine.sql.schema import ColumnDef, Schema
from mergus.engine.sql.statements.statement import Join, Query, SelectItem, SourceRef, WindowClause
from mergus.engine.sql.types import parse_type


def node(text: str) -> exp.Expression:
    return parse_one(text, dialect="duckdb")


def schema(text: str) -> Schema:
    columns = []
    for part in text.split(", "):
        name, sql_type, *role = part.split(" ")
        columns.append(ColumnDef(name, parse_type(sql_type), bool(role)))
    return Schema(tuple(columns))


def source(name: str, columns: str, kind: str = "STREAM", **more: Any) -> Relation:
    given: dict[str, Any] = {"key_format": "KAFKA", "value_format": "JSON"} | more
    return Relation(name, kind, schema(columns), name.lower(), **given)


@dataclass
class Bench:
    """A catalog and a driver, fresh for each use."""

    instance: duckdb.DuckDBPyConnection
    relations: Sequence[Relation]
    partitions: Mapping[str, int] = field(default_factory=dict)
    registry: FunctionRegistry = field(default_factory=default_registry)

    def __post_init__(self) -> None:
        self.catalog = Catalog()
        for relation in self.relations:
            self.catalog.relations[relation.name] = relation
        self.driver = Driver(self.instance)
        self.driver.topics.partitions |= self.partitions

    def put(self, topic: str, key: Any, value: Any, timestamp: int = 0) -> None:
        if isinstance(key, int):
            key = key.to_bytes(4, "big", signed=True)
        raw = key.encode() if isinstance(key, str) else key
        text = value if isinstance(value, bytes) or value is None else json.dumps(value).encode()
        self.driver.topics.append(topic, raw, text, timestamp)

    def plan(self, select: str, from_: str, *, into: str = "OUT", table: bool = False, **clauses: Any) -> QueryPlan:
        items = tuple(
            SelectItem(None, is_star=True)
            if i == "*"
            else SelectItem(node(i.rsplit(" AS ", 1)[0]), *i.rsplit(" AS ", 1)[1:])
            for i in select.split("; ")
        )
        for clause in ("where", "having"):
            if clause in clauses:
                clauses[clause] = node(clauses[clause])
        for clause in ("group_by", "partition_by"):
            if clause in clauses:
                clauses[clause] = tuple(node(t) for t in clauses[clause].split("; "))
        emit = clauses.pop("emit", "CHANGES")
        state_ttl = StateTtl(clauses.pop("state_ttl_ms")) if "state_ttl_ms" in clauses else None
        query = Query(items, relation(from_), emit=emit, **clauses)
        sink = SinkTarget(into, into.lower(), table, state_ttl=state_ttl)
        return plan_query(query, self.catalog, self.registry, query_id=f"Q_{into}", sink=sink, settings={})

    def out(self, topic: str = "out") -> list[tuple[Any, Any, int]]:
        """(key, value, timestamp) of a topic; keys as bytes, values from JSON."""
        records = self.driver.topics.records.get(topic, [])
        return [(r.key, None if r.value is None else json.loads(r.value), r.timestamp) for r in records]

    def table(self, topic: str = "out") -> dict[Any, Any]:
        """What a table's topic says in the end."""
        final = {}
        for key, value, time in self.out(topic):
            if value is None:
                final.pop(key, None)
            else:
                final[key] = (value, time)
        return final


def relation(text: str) -> SourceRef | Join:
    if " JOIN " not in text:
        return SourceRef(text, text)
    left, rest = text.split(" LEFT JOIN ") if " LEFT JOIN " in text else text.split(" JOIN ")
    right, on = rest.split(" ON ")
    kind = "LEFT" if " LEFT JOIN " in text else "INNER"
    return Join(SourceRef(left, left), SourceRef(right, right), kind, node(on))


def tumbling(size_ms: int, grace_ms: int | None = None, **more: int) -> WindowClause:
    return WindowClause("TUMBLING", size_ms, None, grace_ms, **more)


def hopping(size_ms: int, advance_ms: int, grace_ms: int | None = None) -> WindowClause:
    return WindowClause("HOPPING", size_ms, advance_ms, grace_ms)


def cumulative(size_ms: int, step_ms: int, grace_ms: int | None = None, **more: int) -> WindowClause:
    return WindowClause("CUMULATIVE", size_ms, step_ms, grace_ms, **more)


def session(gap_ms: int, grace_ms: int | None = None, **more: int) -> WindowClause:
    return WindowClause("SESSION", gap_ms, None, grace_ms, **more)


def goes_back(bench: Bench, running: Running) -> None:
    """Work through what is there, an epoch a batch, and back again: at each epoch's end the state is what it was."""
    given_batches = batches(bench.driver.topics.read(running.topics), running.topics, 4)
    contents = []
    for epoch, batch in enumerate(given_batches, 1):
        running.stages[0].begin_epoch(epoch)
        running.process([batch])
        contents.append(state_of(running))
    for epoch in range(len(given_batches) - 1, 0, -1):
        for stage in running.stages:
            stage.rollback_to(epoch)
        assert state_of(running) == contents[epoch - 1]
    running.close()


def state_of(running: Running) -> dict[str, list[Any]]:
    running.store.settle()  # what small batches changed is in memory until the epoch closes
    connection, database = running.store.connection, running.store.database
    names = connection.execute(
        f"SELECT table_name FROM duckdb_tables() WHERE database_name = '{database}' AND table_name NOT LIKE '%undo'"
    ).fetchall()
    wanted = [n for (n,) in names if n not in ("layout", "durable")]
    return {n: sorted(connection.execute(f"SELECT * FROM {database}.{n}").fetchall(), key=repr) for n in wanted}
