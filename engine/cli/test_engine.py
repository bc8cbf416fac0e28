"""An engine for one test case: statements change a catalog and make plans; then the plans run over topics in memory.

As ksqlDB's own executor does it: all statements first, then the queries one by one in the order of their creation, each
input record a batch of its own. What a statement changes is worked out where the server has it worked out
(`serving/changes.py`); topics that a case does not declare are there, with one partition.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import duckdb

from ..errors import MergusError, Unsupported
from ..io.topics import TopicInfo
from ..operators.driver import Driver
from ..plan.steps import QueryPlan
from ..serving.change import Change, World
from ..serving.changes import changes_something, prepare
from ..serving.inserts import Inserter
from ..sql.catalog import Catalog, Relation
from ..sql.ddl import writable
from ..sql.functions import FunctionRegistry
from ..sql.parser import Parsed, iterate_statements
from ..sql.statements import (
    AlterSystem,
    Define,
    Describe,
    Explain,
    InsertValues,
    SetProperty,
    Show,
    Undefine,
    UnsetProperty,
)


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
        self.registry = registry
        self._instance = instance

    def execute(self, text: str) -> None:
        """Carry out the statements of a text. Raises what a session would."""
        for parsed in iterate_statements(text, self.catalog.types):
            self.carry_out(parsed)

    def run(self) -> None:
        """Run all queries over what their topics hold, in the order of their creation."""
        for plan in self.plans.values():
            self.driver.run(plan, 1)

    def carry_out(self, parsed: Parsed) -> None:
        """Carry out one statement."""
        if changes_something(parsed.statement):
            self._enter(prepare(parsed.statement, parsed.text, self._world()))
            return
        try:
            match parsed.statement:
                case InsertValues() as insert:
                    self._insert(insert)
                case SetProperty(name=name, value=value) | AlterSystem(name=name, value=value):
                    self.settings[name] = value
                case UnsetProperty(name=name):
                    self.settings.pop(name, None)
                case Define() | Undefine() | Show() | Describe() | Explain():
                    return
                case statement:
                    raise Unsupported(f"{type(statement).__name__} is not supported in a test case")
        except MergusError as error:
            raise error.at(parsed.text) from None

    def _world(self) -> World:
        return World(self.catalog, self.registry, self.settings, self._topic, makes_topics=True)

    def _topic(self, name: str) -> TopicInfo | None:
        """Topics are made as statements name them, with one partition where none says more."""
        return TopicInfo(name, self.driver.topics.partitions[name]) if name in self.driver.topics.partitions else None

    def _enter(self, change: Change) -> None:
        self.catalog, self.registry = change.catalog, change.registry
        for topic in change.create_topics:
            self.driver.topics.partitions[topic.name] = topic.partitions
        for query_id in change.terminate:
            self.plans.pop(query_id, None)
        for start in change.start:
            if start.plan.sink is not None:
                self.plans[start.plan.query_id] = start.plan
        for relation in self.catalog.relations.values():
            self.shapes.setdefault(relation.topic, relation)

    def _insert(self, statement: InsertValues) -> None:
        relation = writable(self.catalog, statement.name, statement.span)
        records = Inserter(relation, self._instance).from_statement(statement, self.registry, 0)
        self.driver.topics.extend(relation.topic, records)

    def sources(self) -> list[dict[str, Any]]:
        """What the catalog holds."""
        return [
            {"name": r.name, "type": r.kind.lower(), "schema": schema_text(r)} for r in self.catalog.relations.values()
        ]


def schema_text(relation: Relation) -> str:
    """The schema as the cases write it: KEY for tables too, the short name of INTEGER."""
    return relation.schema.text(is_table=False).replace("INTEGER", "INT")
