"""An engine for one test case: statements change a catalog and make plans; then the plans run over topics in memory.

As ksqlDB's own executor does it: all statements first, then the queries one by one in the order of their creation, each
input record a batch of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import duckdb

from ..errors import AnalysisError, Conflict, Unsupported
from ..io.formats.format import FormatColumn
from ..io.formats.registry import find
from ..operators.driver import Driver
from ..plan.planner import plan_query, plan_source_table
from ..plan.steps import QueryPlan
from ..plan.target import SinkTarget
from ..serving.inserts import Inserter
from ..sql.catalog import Catalog, QueryEntry, Relation
from ..sql.ddl import altered, check_sink, check_upgrade, define_source, sink_properties, to_drop, writable
from ..sql.functions import FunctionRegistry
from ..sql.parser import Parsed, iterate_statements
from ..sql.schema import ColumnDef
from ..sql.statements import (
    AlterSource,
    AlterSystem,
    CreateSource,
    CreateSourceAs,
    CreateType,
    Define,
    Describe,
    DropSource,
    DropType,
    Explain,
    InsertInto,
    InsertValues,
    SetProperty,
    Show,
    Terminate,
    Undefine,
    UnsetProperty,
)

TOPIC_PREFIX = "ksql.output.topic.name.prefix"


class CaseEngine:
    """Catalog, plans and topics of one case. `instance` is shared between cases."""

    def __init__(
        self,
        instance: duckdb.DuckDBPyConnection,
        registry: FunctionRegistry,
        settings: Mapping[str, str],
    ) -> None:
        self.catalog = Catalog()
        self.driver = Driver(instance)
        self.settings = dict(settings)
        self.plans: dict[str, QueryPlan] = {}
        self.shapes: dict[str, Relation] = {}  # the first relation over each topic, also when it has been dropped
        self._instance = instance
        self._registry = registry
        self._inserts = 0

    def execute(self, text: str) -> None:
        """Carry out the statements of a text. Raises what a session would."""
        for parsed in iterate_statements(text, self.catalog.types):
            self._carry_out(parsed)

    def run(self) -> None:
        """Run all queries over what their topics hold, in the order of their creation."""
        for plan in self.plans.values():
            self.driver.run(plan, 1)

    def _carry_out(self, parsed: Parsed) -> None:
        statement, text = parsed.statement, parsed.text
        try:
            match statement:
                case CreateSource():
                    self._create(statement, text)
                case CreateSourceAs():
                    self._create_as(statement, text)
                case InsertInto():
                    self._insert_into(statement, text)
                case InsertValues():
                    self._insert_values(statement)
                case DropSource():
                    self._drop(statement)
                case AlterSource():
                    self._enter(altered(statement, self.catalog, check_format), or_replace=True)
                case CreateType(name=name, type=sql_type, if_not_exists=lenient):
                    self.catalog.add_type(name, sql_type, if_not_exists=lenient)
                case DropType(name=name, if_exists=lenient):
                    self.catalog.drop_type(name, if_exists=lenient)
                case Terminate(query_id=query_id):
                    for ended in [query_id] if query_id else list(self.catalog.queries):
                        self.plans.pop(self.catalog.remove_query(ended).query_id, None)
                case SetProperty(name=name, value=value) | AlterSystem(name=name, value=value):
                    self.settings[name] = value
                case UnsetProperty(name=name):
                    self.settings.pop(name, None)
                case Define() | Undefine() | Show() | Describe() | Explain():
                    return
                case _:
                    raise Unsupported(f"{type(statement).__name__} is not supported in a test case")
        except (AnalysisError, Conflict, Unsupported) as error:
            raise error.at(text) from None

    def _create(self, statement: CreateSource, text: str) -> None:
        if statement.if_not_exists and self.catalog.find(statement.name):
            return
        relation = define_source(statement, text, self.catalog, self.settings, check_format)
        self._enter(relation, or_replace=statement.or_replace)
        if relation.is_source and relation.is_table:
            query_id = self.catalog.new_query_id("CST", relation.name)
            plan_source_table(relation, query_id=query_id, settings=self.settings)

    def _enter(self, relation: Relation, *, or_replace: bool = False) -> None:
        self.catalog.add(relation, or_replace=or_replace)
        self.shapes[relation.topic] = self.shapes.get(relation.topic, relation)
        if relation.partitions:
            self.driver.topics.partitions[relation.topic] = relation.partitions

    def _create_as(self, statement: CreateSourceAs, text: str) -> None:
        if statement.if_not_exists and self.catalog.find(statement.name):
            return
        given = sink_properties(statement, self.catalog)
        is_table = statement.kind == "TABLE"
        target = SinkTarget(
            statement.name,
            given.topic or self.settings.get(TOPIC_PREFIX, "") + statement.name,
            is_table,
            given.key_format,
            given.value_format,
            given.format_properties,
            given.timestamp,
            given.timestamp_format,
        )
        query_id = self.catalog.new_query_id("CTAS" if is_table else "CSAS", statement.name)
        plan = plan_query(
            statement.query, self.catalog, self._registry, query_id=query_id, sink=target, settings=self.settings
        )
        sink = plan.sink
        assert sink is not None
        check_sink(sink.schema, sink.formats.key, sink.formats.value, given, check_format)
        relation = Relation(
            name=statement.name,
            kind=statement.kind,
            schema=sink.schema,
            topic=sink.topic,
            key_format=sink.formats.key,
            value_format=sink.formats.value,
            properties=dict(sink.formats.properties),
            partitions=given.partitions,
            replicas=given.replicas,
            timestamp_column=given.timestamp,
            timestamp_format=given.timestamp_format,
            windowed=sink.windowed.kind if sink.windowed else None,
            window_size_ms=sink.windowed.size_ms if sink.windowed else None,
            statement=text,
            query_id=query_id,
        )
        old = self.catalog.find(statement.name)
        if old is not None:
            check_upgrade(old, relation, statement.span)
            if old.query_id is not None:
                self.catalog.remove_query(old.query_id)
                self.plans.pop(old.query_id)
        self._enter(relation, or_replace=statement.or_replace)
        self._start(plan, text, statement.name)

    def _start(self, plan: QueryPlan, text: str, sink: str) -> None:
        sources = tuple(s.name for s in plan.sources)
        self.catalog.add_query(QueryEntry(plan.query_id, sources, sink, text))
        self.plans[plan.query_id] = plan

    def _insert_into(self, statement: InsertInto, text: str) -> None:
        relation = writable(self.catalog, statement.name, statement.span)
        if relation.is_table:
            raise AnalysisError(
                f"INSERT INTO can only be used to insert into a stream: {relation.name} is a table", span=statement.span
            )
        target = SinkTarget(
            relation.name,
            relation.topic,
            False,
            relation.key_format,
            relation.value_format,
            relation.properties,
            relation.timestamp_column,
            relation.timestamp_format,
            relation.schema,
        )
        query_id = self.catalog.new_query_id("INSERTQUERY")
        plan = plan_query(
            statement.query, self.catalog, self._registry, query_id=query_id, sink=target, settings=self.settings
        )
        self._start(plan, text, relation.name)

    def _insert_values(self, statement: InsertValues) -> None:
        relation = writable(self.catalog, statement.name, statement.span)
        records = Inserter(relation, self._instance).from_statement(statement, self._registry, 0)
        self.driver.topics.extend(relation.topic, records)

    def _drop(self, statement: DropSource) -> None:
        relation = to_drop(statement, self.catalog)
        if relation is None:
            return
        own = relation.query_id
        if (
            own is not None
            and not self.catalog.readers(relation.name)
            and self.catalog.writers(relation.name) == (own,)
        ):
            self.catalog.remove_query(own)
            self.plans.pop(own, None)
        self.catalog.drop(relation.name, statement.span)

    def sources(self) -> list[dict[str, Any]]:
        """What the catalog holds."""
        return [
            {"name": r.name, "type": r.kind.lower(), "schema": schema_text(r)} for r in self.catalog.relations.values()
        ]


def check_format(name: str, columns: Sequence[ColumnDef], properties: Mapping[str, str], is_key: bool) -> None:
    """Whether a format can carry columns (sql.ddl.FormatCheck)."""
    find(name).check([FormatColumn(c.name, c.type) for c in columns], properties, is_key=is_key)


def schema_text(relation: Relation) -> str:
    """The schema as the cases write it: KEY for tables too, the short name of INTEGER."""
    schema = replace(relation.schema)
    return schema.text(is_table=False).replace("INTEGER", "INT")
