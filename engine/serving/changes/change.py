"""What a statement changes, as data, and what may be known to work it out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from ...inference.versions.store import Wanted
from ...io.schemas.schema import Schema
from ...io.topics import TopicInfo
from ...plan.physical.steps import QueryPlan
from ...sql import ddl
from ...sql.catalog import Catalog, QueryEntry
from ...sql.catalog_models import ModelEntry, ModelVersion
from ...sql.functions import FunctionRegistry
from ..models.dead_letters import Brought

Describe = Callable[[str], TopicInfo | None]


@dataclass(frozen=True)
class Start:
    """A query to be started; `latest`: from the end of its sources."""

    plan: QueryPlan
    entry: QueryEntry


@dataclass(frozen=True)
class Registration:
    """A schema to register under a subject; `replace`: also where the subject has one."""

    subject: str
    schema: Schema
    replace: bool


@dataclass(frozen=True)
class Change:
    """What follows from a statement. `catalog` and `registry` are those afterwards. `nothing`: it was so already. `notes`:
    settings that the statement needs when it is entered again. `kept`: those of `terminate` that start again, with their
    state and from where they stand. `warnings`: what is to be said beside that it was done."""

    message: str
    catalog: Catalog
    registry: FunctionRegistry
    entity: tuple[str, str, str] | None = None
    create_topics: tuple[TopicInfo, ...] = ()
    delete_topics: tuple[str, ...] = ()
    start: tuple[Start, ...] = ()
    terminate: tuple[str, ...] = ()
    pause: tuple[str, ...] = ()
    resume: tuple[str, ...] = ()
    query_id: str | None = None
    nothing: bool = False
    register: tuple[Registration, ...] = ()
    notes: Mapping[str, str] = field(default_factory=dict)
    kept: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class Models(Protocol):
    """What may be done about models: `inference.versions.ModelStore` is one."""

    folder: Path

    def bring(self, wanted: Wanted, number: int, now_ms: int) -> ModelVersion:
        """Copy, check and give a new version."""
        ...

    def check(self, name: str, version: ModelVersion) -> None:
        """Load a version and test it again."""
        ...

    def discard(self, name: str, number: int) -> None:
        """Take back a version that was brought."""
        ...


@dataclass(frozen=True)
class World:
    """What `prepare` may know: the catalog, functions, settings of the statement, the topics there are, how the columns
    of files are found, and whether functions may come as text. `replaying`: statements that were
    accepted before are entered again, or taken as if they were: topics come into being when they are named. `offline`: what
    lies outside the data folder is not asked.
    `schema_registry`: where schemas lie (`io.schemas.opening`), None where there is no registry. `now_ms`: when the
    statement was said; `models_used`: the queries that call a model, each with its reference (`@ALIAS`, `$3` or empty);
    `plans`: of the queries that run; `ask` answers a pull query; `bring_again` brings back what a model has failed on;
    `on_kafka`: where the topics are."""

    catalog: Catalog
    registry: FunctionRegistry
    settings: Mapping[str, str]
    topic: Describe
    infer: ddl.InferColumns | None = None
    inline_functions: bool = True
    replaying: bool = False
    offline: bool = False
    shipped: frozenset[str] = field(default_factory=frozenset)
    schema_registry: str | None = None
    now_ms: int = 0
    models: Models | None = None
    models_used: Callable[[str], tuple[tuple[str, str], ...]] = lambda name: ()
    plans: Mapping[str, QueryPlan] = field(default_factory=dict)
    ask: Callable[[str], pa.Table] | None = None
    bring_again: Callable[[ModelEntry], Brought] | None = None
    on_kafka: bool = False
