"""An engine for one test case: statements change a catalog and make plans; then the plans run over topics in memory.

What a statement changes is worked out where a server's is (`serving.changes`); only what is done about it differs: topics
lie in memory, and queries are run when the case says so, one after the other, each input record a batch of its own.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import duckdb

from ...errors import AnalysisError, Conflict, Unsupported
from ...inference.versions.store import ModelStore
from ...io.schemas.opening import forget
from ...io.topics import TopicInfo
from ...operators.driver import Driver
from ...plan.physical.steps import QueryPlan
from ...serving.changes.change import Change, World
from ...serving.changes.statement import changes_something, prepare
from ...serving.describe.models import models_used
from ...serving.inserts import Inserter
from ...serving.schemas import delete, register
from ...serving.topic_answers import refused_here
from ...sql.catalog import Catalog, Relation
from ...sql.ddl import writable
from ...sql.defines import substitutes
from ...sql.functions import FunctionRegistry
from ...sql.parser.parse import Parsed, iterate_statements
from ...sql.statements.statement import (
    AlterSystem,
    CreateSource,
    CreateSourceAs,
    Define,
    Describe,
    DescribeFunction,
    DescribeModel,
    Explain,
    InsertValues,
    SetProperty,
    Show,
    Statement,
    Undefine,
    UnsetProperty,
)

_numbers = itertools.count()


class CaseEngine:
    """Catalog, plans and topics of one case. `instance` is shared between cases; `models`: where a case may keep models."""

    def __init__(
        self,
        instance: duckdb.DuckDBPyConnection,
        registry: FunctionRegistry,
        settings: Mapping[str, str],
        models: ModelStore | None = None,
    ) -> None:
        self.models = models
        self.schema_registry = f"memory:case {next(_numbers)}"
        self.on_topic: Callable[[str], None] = lambda topic: None  # before the first statement over a topic
        self.catalog = Catalog()
        self.driver = Driver(instance)
        self.settings = dict(settings)
        self.variables: dict[str, str] = {}
        self.plans: dict[str, QueryPlan] = {}
        self.paused: set[str] = set()
        self.shapes: dict[str, Relation] = {}  # the first relation over each topic, also when it has been dropped
        self.instance = instance
        self.registry = registry
        self._shipped = frozenset(registry.functions)
        self._uncounted: set[str] = set()  # topics of which nobody said how many partitions they have

    def close(self) -> None:
        """Forget the schemas."""
        forget(self.schema_registry)

    def execute(self, text: str) -> None:
        """Carry out the statements of a text. Raises what a session would."""
        types, of_settings = self.catalog.types, self.settings
        for parsed in iterate_statements(text, types, self.variables, lambda: substitutes(of_settings)):
            self.carry_out(parsed)

    def run(self) -> None:
        """Run all queries over what their topics hold, in the order of their creation."""
        for plan in self.plans.values():
            self.driver.run(plan, 1)

    def carry_out(self, parsed: Parsed) -> None:
        """Carry out one statement."""
        statement, text = parsed.statement, parsed.text
        try:
            match statement:
                case InsertValues():
                    self._insert_values(statement)
                case SetProperty(name=name, value=value) | AlterSystem(name=name, value=value):
                    self.settings[name] = value
                case UnsetProperty(name=name):
                    self.settings.pop(name, None)
                case Define(name=name, value=value):
                    self.variables[name] = value
                case Undefine(name=name):
                    self.variables.pop(name, None)
                case Show() | Describe() | DescribeFunction() | DescribeModel() | Explain():
                    return
                case _ if changes_something(statement):
                    self._announce(statement)
                    self._enter(prepare(statement, text, self._world()))
                case _:
                    raise refused_here(statement)
        except (AnalysisError, Conflict, Unsupported) as error:
            raise error.at(text) from None

    def _announce(self, statement: Statement) -> None:
        if isinstance(statement, CreateSource | CreateSourceAs):
            given = [p.value for p in statement.properties if p.name == "KAFKA_TOPIC"]
            self.on_topic(str(given[0]) if given else statement.name)

    def _world(self) -> World:
        """Topics come into being when they are named, as when a command log is read again: a case does not make them."""
        return World(
            self.catalog,
            self.registry,
            self.settings,
            self._topic,
            replaying=True,
            shipped=self._shipped,
            schema_registry=self.schema_registry,
            models=self.models,
            models_used=lambda name: models_used(self.plans, name),
            plans=self.plans,
        )

    def _topic(self, name: str) -> TopicInfo | None:
        count = None if name in self._uncounted else self.driver.topics.partitions.get(name)
        return None if count is None else TopicInfo(name, count)

    def _enter(self, change: Change) -> None:
        register(change.register, self.schema_registry)
        delete(change.delete_topics, self.schema_registry)
        before, self.catalog, self.registry = self.catalog.relations, change.catalog, change.registry
        if self.models is not None:
            self.models.publish(self.catalog.models)
        for topic in change.create_topics:
            self.driver.topics.partitions[topic.name] = topic.partitions
            if topic.partitions == 1 and not any(r.topic == topic.name and r.partitions for r in self._relations()):
                self._uncounted.add(topic.name)
        for name in change.delete_topics:
            self.driver.topics.partitions.pop(name, None)
        for name, relation in self.catalog.relations.items():
            if before.get(name) is not relation:
                self.shapes.setdefault(relation.topic, relation)
        self.paused |= set(change.pause)
        self.paused -= {*change.resume, *change.terminate}
        for query_id in change.terminate:
            self.plans.pop(query_id, None)
        for start in change.start:
            if start.plan.sink is not None:  # a source table's own query has nothing to show
                self.plans[start.entry.query_id] = start.plan

    def _relations(self) -> Iterable[Relation]:
        return self.catalog.relations.values()

    def _insert_values(self, statement: InsertValues) -> None:
        relation = writable(self.catalog, statement.name, statement.span)
        records = Inserter(relation, self.instance).from_statement(statement, self.registry, 0)
        self.driver.topics.extend(relation.topic, records)

    def sources(self) -> list[dict[str, Any]]:
        """What the catalog holds."""
        return [{"name": r.name, "type": r.kind.lower(), "schema": schema_text(r)} for r in self._relations()]


def schema_text(relation: Relation) -> str:
    """The schema as the cases write it: KEY for tables too, the short name of INTEGER."""
    return relation.schema.text(is_table=False).replace("INTEGER", "INT")
