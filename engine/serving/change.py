"""What a statement changes, as data, and what may be known to work it out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ..io.schemas.schema import Schema
from ..io.topics import TopicInfo
from ..plan.steps import QueryPlan
from ..sql import ddl
from ..sql.catalog import Catalog, QueryEntry
from ..sql.functions import FunctionRegistry

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
    settings that the statement needs when it is entered again."""

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


@dataclass(frozen=True)
class World:
    """What `prepare` may know: the catalog, functions, settings of the statement, the topics there are, how the columns
    of files are found, and whether functions may come as text. `replaying`: statements that were
    accepted before are entered again, or taken as if they were: topics come into being when they are named.
    `schema_registry`: where schemas lie (`io.schemas.opening`), None where there is no registry."""

    catalog: Catalog
    registry: FunctionRegistry
    settings: Mapping[str, str]
    topic: Describe
    infer: ddl.InferColumns | None = None
    inline_functions: bool = True
    replaying: bool = False
    shipped: frozenset[str] = field(default_factory=frozenset)
    schema_registry: str | None = None
