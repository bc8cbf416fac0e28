"""Plans for the runtime's tests: a count by key over JSON, a filter, and what reads their tables."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
from sqlglot import parse_one

from mergus.engine.clock import SystemClock
from mergus.engine.io.embedded.topics import EmbeddedTopics
from mergus.engine.plan.physical.steps import QueryPlan
from mergus.engine.plan.planner import plan_query
from mergus.engine.plan.pull.plan import PullPlan, plan_pull
from mergus.engine.plan.target import SinkTarget
from mergus.engine.runtime.hosts.lifecycle import Lifecycle
from mergus.engine.sql.builtin.registry import default_registry
from mergus.engine.sql.catalog import Catalog, Relation
from mergus.engine.sql.parser.parse import parse_statement
from mergus.engine.sql.schema import ColumnDef, Schema
from mergus.engine.sql.statements.statement import Query, RelationalQuery, SelectItem, SourceRef, WindowClause
from mergus.engine.sql.types import parse_type


def relation(name: str, columns: str, kind: str = "STREAM", **more) -> Relation:
    made = []
    for part in columns.split(", "):
        column, sql_type, *role = part.split(" ")
        made.append(ColumnDef(column, parse_type(sql_type), bool(role)))
    given = {"key_format": "KAFKA", "value_format": "JSON"} | more
    return Relation(name, kind, Schema(tuple(made)), name.lower(), **given)


def catalog() -> Catalog:
    made = Catalog()
    for each in (
        relation("EVENTS", "K STRING, V BIGINT"),
        relation("PASSED", "K STRING, V BIGINT"),
        relation("COUNTS", "K STRING KEY, N BIGINT, S BIGINT", "TABLE", query_id="CTAS_COUNTS"),
        relation("BIG", "N BIGINT KEY, C BIGINT", "TABLE", query_id="CTAS_BIG"),
    ):
        made.relations[each.name] = each
    return made


def select(items: str, from_: str, **clauses) -> Query:
    made = []
    for item in items.split("; "):
        text, *alias = item.split(" AS ")
        made.append(SelectItem(parse_one(text, dialect="duckdb"), *alias))
    for clause in ("where", "having"):
        if clause in clauses:
            clauses[clause] = parse_one(clauses[clause], dialect="duckdb")
    if "group_by" in clauses:
        clauses["group_by"] = (parse_one(clauses["group_by"], dialect="duckdb"),)
    return Query(tuple(made), SourceRef(from_, from_), **clauses)


def plan(query: Query | RelationalQuery, query_id: str, into: str | None, *, table: bool = False) -> QueryPlan:
    sink = None if into is None else SinkTarget(into, into.lower(), table)
    return plan_query(query, catalog(), default_registry(), query_id=query_id, sink=sink, settings={})


def counts(**clauses) -> QueryPlan:
    query = select("K; count(*) AS N; sum(V) AS S", "EVENTS", group_by="K", emit="CHANGES", **clauses)
    return plan(query, "CTAS_COUNTS", "COUNTS", table=True)


def counts_windowed(size_ms: int = 60_000) -> QueryPlan:
    return counts(window=WindowClause("TUMBLING", size_ms, None, None))


def passed() -> QueryPlan:
    return plan(select("K; V", "EVENTS", where="V % 2 = 0", emit="CHANGES"), "CSAS_PASSED", "PASSED")


def both() -> QueryPlan:
    """The events, and what has passed: a union of a topic with one that another query writes."""
    query = parse_statement("SELECT K, V FROM EVENTS UNION ALL SELECT K, -1 - V FROM PASSED EMIT CHANGES")
    assert isinstance(query, RelationalQuery)
    return plan(query, "CSAS_BOTH", "BOTH")


def chained() -> list[QueryPlan]:
    """Queries that read one another's topics."""
    return [counts(), big(), passed(), both()]


def big() -> QueryPlan:
    """A table over a table: how many keys have how many events."""
    query = select("N; count(*) AS C", "COUNTS", group_by="N", emit="CHANGES")
    return plan(query, "CTAS_BIG", "BIG", table=True)


def pull_all(table: str = "COUNTS", items: str = "K; N; S"):
    return plan_pull(select(items, table, emit=None), catalog(), default_registry())


def pulled(lifecycle: Lifecycle, query_id: str, pull: PullPlan) -> pa.Table:
    return pa.concat_tables(lifecycle.pull(query_id, pull))


def open_topics(folder: Path, partitions: int = 2) -> EmbeddedTopics:
    topics = EmbeddedTopics(folder / "topics", clock=SystemClock())
    for name in ("events", "passed", "counts", "big", "both", "mergus_processing_log"):
        if topics.describe(name) is None:
            topics.create(name, partitions)
    return topics


def produce(topics, rows: Iterable[tuple[str, int]], at: int = 0, topic: str = "events") -> None:
    rows = list(rows)
    values = [json.dumps({"K": k, "V": v}).encode() for k, v in rows]
    columns = {
        "timestamp": pa.array([at + i for i in range(len(rows))], pa.int64()),
        "key": pa.array([k.encode() for k, _ in rows], pa.binary()),
        "value": pa.array(values, pa.binary()),
    }
    writer = topics.writer()
    writer.write(topic, pa.RecordBatch.from_pydict(columns))
    writer.close()


def records(topics, topic: str) -> list[tuple[int, int, bytes | None, bytes | None]]:
    """(partition, offset, key, value) of all records of a topic."""
    reader = topics.reader({(topic, p): at for p, at in topics.begin_offsets(topic).items()}, ("key", "value"))
    found = []
    while (batch := reader.poll(10_000)) is not None:
        names = ("partition", "offset", "key", "value")
        found += list(zip(*(batch.column(n).to_pylist() for n in names), strict=True))
    reader.close()
    return found


def rows_of(table: pa.Table) -> dict[str, tuple[int, int]]:
    return {k: (n, s) for k, n, s in zip(*(table.column(i).to_pylist() for i in range(3)), strict=True)}
