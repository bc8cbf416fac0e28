"""Statements to catalogs and plans, for the planner's tests: the sources of golden/_sources.sql, and models to call."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from mergus.engine.plan.physical.steps import QueryPlan
from mergus.engine.plan.planner import plan_query
from mergus.engine.plan.target import SinkTarget
from mergus.engine.sql.builtin.registry import default_registry
from mergus.engine.sql.catalog import Catalog, Relation
from mergus.engine.sql.functions import FunctionRegistry, ModelCall, Overload, ScalarFunction
from mergus.engine.sql.parser.parse import parse_statements
from mergus.engine.sql.properties import read_properties
from mergus.engine.sql.schema import ColumnDef, Schema
from mergus.engine.sql.statements.statement import CreateSource, CreateSourceAs, InsertInto, Query, RelationalQuery
from mergus.engine.sql.types import BIGINT, STRING

GOLDEN = Path(__file__).parent / "golden"


@cache
def catalog() -> Catalog:
    """The sources that all tests read."""
    made = Catalog()
    for parsed in parse_statements((GOLDEN / "_sources.sql").read_text()):
        assert isinstance(parsed.statement, CreateSource)
        made.add(relation(parsed.statement))
    return made


@cache
def registry() -> FunctionRegistry:
    """The functions that ship, and two models."""
    functions = default_registry()
    for name, takes in (("SCORE", STRING), ("DOUBLE_SCORE", BIGINT)):
        functions.add(ScalarFunction(name, (Overload((takes,), BIGINT, ModelCall(name)),)))
    return functions


def relation(statement: CreateSource) -> Relation:
    """A source as its statement declares it."""
    columns = sorted((ColumnDef(e.name, e.type, e.is_key) for e in statement.elements), key=lambda c: not c.is_key)
    given = {p.name.upper(): str(p.value) for p in statement.properties}
    window = given.get("WINDOW_TYPE")
    return Relation(
        statement.name,
        statement.kind,
        Schema(tuple(columns)),
        given["KAFKA_TOPIC"],
        given.get("FORMAT", given.get("KEY_FORMAT", "KAFKA")),
        given.get("FORMAT", given.get("VALUE_FORMAT", "JSON")),
        windowed=window,
        window_size_ms=60_000 if window else None,
    )


def parse(text: str) -> Query | RelationalQuery | CreateSourceAs | InsertInto:
    """The one statement of a text."""
    (parsed,) = parse_statements(text)
    assert isinstance(parsed.statement, Query | RelationalQuery | CreateSourceAs | InsertInto)
    return parsed.statement


def plan(text: str, settings: dict[str, str] | None = None) -> QueryPlan:
    """The plan of a query over the tests' sources."""
    statement = parse(text)
    if isinstance(statement, Query | RelationalQuery):
        return plan_query(statement, catalog(), registry(), query_id="PUSH_1", sink=None, settings=settings or {})
    return plan_query(
        statement.query, catalog(), registry(), query_id="QUERY_1", sink=_target(statement), settings=settings or {}
    )


def _target(statement: CreateSourceAs | InsertInto) -> SinkTarget:
    if isinstance(statement, InsertInto):
        into = catalog().get(statement.name)
        return SinkTarget(into.name, into.topic, into.is_table, into.key_format, into.value_format, into=into.schema)
    given = {p.name.upper(): str(p.value) for p in statement.properties}
    timestamp = given.get("TIMESTAMP")
    ttl = read_properties([p for p in statement.properties if p.name == "STATE_TTL"], of_query=True).state_ttl
    return SinkTarget(
        statement.name,
        statement.name,
        statement.kind == "TABLE",
        given.get("FORMAT", given.get("KEY_FORMAT")),
        given.get("FORMAT", given.get("VALUE_FORMAT")),
        timestamp_column=None if timestamp is None else timestamp.upper(),
        state_ttl=ttl,
    )
