"""CREATE, ALTER and DROP of streams and tables, and the queries that make them: what follows from each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ...errors import AnalysisError, Conflict, InternalError, Span, UserError
from ...io.formats.format import FormatColumn
from ...io.formats.registry import find
from ...plan.physical.copartition import check_partitions
from ...plan.physical.steps import QueryPlan
from ...plan.physical.upgrade import why_not_upgraded
from ...plan.planner import plan_query, plan_source_table
from ...plan.target import SinkTarget
from ...sql import ddl
from ...sql.catalog import Catalog, QueryEntry, Relation
from ...sql.parser.parse import parse_statement
from ...sql.properties import SourceProperties, read_properties
from ...sql.schema import ColumnDef
from ...sql.statements.query import Query
from ...sql.statements.relational import RelationalQuery
from ...sql.statements.statement import AlterSource, CreateSource, CreateSourceAs, DropSource, InsertInto
from ..models.libraries import check_libraries
from ..schemas import Inferring, registrations, with_registry
from .change import Change, Start, World
from .topics import needed_topic, sink_topic

TOPIC_PREFIX = "ksql.output.topic.name.prefix"


def _exists(name: str, kind: str, world: World) -> Change:
    message = f"Cannot add {kind.lower()} {name}: a {world.catalog.get(name).word} with the same name already exists."
    return Change(message, world.catalog, world.registry, (kind.lower(), name, "create"), nothing=True)


def create(statement: CreateSource, text: str, world: World) -> Change:
    """A stream or table over a topic or over files; a source table also gets the query that keeps its rows."""
    kind = statement.kind
    old = world.catalog.find(statement.name)
    if old is not None and statement.if_not_exists:
        return _exists(statement.name, kind, world)
    inferring = Inferring(world)
    relation = ddl.define_source(statement, text, world.catalog, world.settings, check_format, world.infer, inferring)
    properties = with_registry({**relation.properties, **inferring.used}, relation.topic, relation.name, world)
    relation = replace(relation, properties=properties)
    catalog = world.catalog.copy()
    terminate = _ended_with(old, catalog)
    topics = () if relation.file is not None else needed_topic(relation, statement.properties, world)
    catalog.add(relation, or_replace=statement.or_replace, span=statement.span)
    start: tuple[Start, ...] = ()
    if statement.is_source and relation.is_table:
        query_id = catalog.new_query_id("CST", relation.name)
        relation = replace(relation, query_id=query_id)
        catalog.add(relation, or_replace=True)
        plan = plan_source_table(relation, query_id=query_id, settings=world.settings)
        entry = QueryEntry(query_id, (relation.name,), None, text)
        catalog.add_query(entry)
        start = (Start(plan, entry),)
    return Change(
        f"{kind.title()} {'replaced' if old else 'created'}",
        catalog,
        world.registry,
        (kind.lower(), relation.name, "create"),
        create_topics=topics,
        start=start,
        terminate=terminate,
        register=() if relation.file is not None else registrations(relation, world, of_query=False),
        notes=inferring.notes,
    )


def create_as(statement: CreateSourceAs, text: str, world: World) -> Change:
    """A stream or table and the query that makes it; one that is replaced goes on under its id."""
    old = world.catalog.find(statement.name)
    if old is not None and statement.if_not_exists:
        return _exists(statement.name, statement.kind, world)
    properties = ddl.sink_properties(statement, world.catalog)
    catalog = world.catalog.copy()
    terminate = _ended_with(old, catalog)
    prefix = "CSAS" if statement.kind == "STREAM" else "CTAS"
    query_id = terminate[0] if terminate else catalog.new_query_id(prefix, statement.name)
    target = _target(statement, properties, world)
    plan = _planned(statement.query, query_id, target, world)
    relation = _made_by(statement, properties, plan, text)
    relation = replace(relation, any_case=any(catalog.get(name).any_case for name in _names(plan)))
    if old is not None:
        ddl.check_upgrade(old, relation, statement.span)
        if query_id in world.plans:
            _check_goes_on(old, world.plans[query_id], plan, statement.span)
    catalog.add(relation, or_replace=statement.or_replace, span=statement.span)
    topics = sink_topic(relation, plan, statement.properties, world)
    entry = QueryEntry(query_id, _names(plan), relation.name, text)
    catalog.add_query(entry)
    return Change(
        f"Created query with ID {query_id}",
        catalog,
        world.registry,
        (statement.kind.lower(), relation.name, "create"),
        create_topics=topics,
        start=(Start(plan, entry),),
        terminate=terminate,
        query_id=query_id,
        register=registrations(relation, world, of_query=True),
        kept=terminate,
    )


def _check_goes_on(old: Relation, running: QueryPlan, plan: QueryPlan, span: Span | None) -> None:
    why = why_not_upgraded(running, plan)
    if why is not None:
        raise Conflict(
            f"cannot replace {old.word} {old.name}: {why}",
            detail=f"{plan.query_id} goes on from where it stands, with what it remembers",
            hint=f"DROP {old.kind} {old.name} first to begin anew",
            span=span,
        )


def _ended_with(old: Relation | None, catalog: Catalog) -> tuple[str, ...]:
    """The query that goes with the relation that is replaced or dropped, taken out of the catalog."""
    if old is None or old.query_id is None or old.query_id not in catalog.queries:
        return ()
    catalog.remove_query(old.query_id)
    return (old.query_id,)


def _target(statement: CreateSourceAs, properties: SourceProperties, world: World) -> SinkTarget:
    topic = properties.topic or world.settings.get(TOPIC_PREFIX, "") + statement.name
    return SinkTarget(
        statement.name,
        topic,
        statement.kind == "TABLE",
        properties.key_format,
        properties.value_format,
        with_registry(properties.format_properties, topic, statement.name, world),
        properties.timestamp,
        properties.timestamp_format,
        state_ttl=properties.state_ttl,
    )


def _planned(query: Query | RelationalQuery, query_id: str, target: SinkTarget, world: World) -> QueryPlan:
    """A persistent query's plan, its topics known to fit together."""
    plan = plan_query(query, world.catalog, world.registry, query_id=query_id, sink=target, settings=world.settings)
    check_partitions(plan.logical, world.topic)
    if not world.replaying:
        check_libraries(plan)
    return plan


def _made_by(statement: CreateSourceAs, properties: SourceProperties, plan: QueryPlan, text: str) -> Relation:
    """The catalog's entry of what a query makes."""
    sink = plan.sink
    if sink is None:
        raise InternalError("a persistent query without a sink")
    ddl.check_sink(sink.schema, sink.formats.key, sink.formats.value, properties, check_format)
    window = sink.windowed
    return Relation(
        name=statement.name,
        kind=statement.kind,
        schema=sink.schema,
        topic=sink.topic,
        key_format=sink.formats.key,
        value_format=sink.formats.value,
        properties=dict(sink.formats.properties),
        partitions=properties.partitions,
        replicas=properties.replicas,
        retention_ms=properties.retention_ms,
        timestamp_column=properties.timestamp,
        timestamp_format=properties.timestamp_format,
        windowed=None if window is None else window.kind,
        window_size_ms=None if window is None or window.is_bounded else window.size_ms,
        statement=text,
        query_id=plan.query_id,
        state_ttl_ms=None if properties.state_ttl is None else properties.state_ttl.ms,
    )


def check_format(name: str, columns: Sequence[ColumnDef], properties: Mapping[str, str], is_key: bool) -> None:
    """Whether a format can carry the columns (ddl.FormatCheck)."""
    found = find(name)
    found.check([FormatColumn(c.name, c.type) for c in columns if c.header is None], properties, is_key=is_key)


def _names(plan: QueryPlan) -> tuple[str, ...]:
    return tuple(dict.fromkeys(s.name for s in plan.sources))


def insert_into(statement: InsertInto, text: str, world: World) -> Change:
    """A query that writes into a stream that is there."""
    into = ddl.writable(world.catalog, statement.name, statement.span)
    if into.is_table:
        raise AnalysisError(
            f"INSERT INTO can only be used to insert into a stream. {into.name} is a table.",
            hint=f"make the table of one query: CREATE OR REPLACE TABLE {into.name} AS SELECT …",
            span=statement.span,
        )
    catalog = world.catalog.copy()
    query_id = _insert_id(statement, catalog)
    plan = _planned(statement.query, query_id, _target_into(into), world)
    if into.name in _names(plan):
        raise AnalysisError(f"{into.name} cannot be read and written by one query", span=statement.span)
    entry = QueryEntry(query_id, _names(plan), into.name, text)
    catalog.add_query(entry)
    return Change(
        f"Created query with ID {query_id}",
        catalog,
        world.registry,
        ("stream", into.name, "create"),
        start=(Start(plan, entry),),
        query_id=query_id,
    )


def _target_into(into: Relation) -> SinkTarget:
    return SinkTarget(
        into.name,
        into.topic,
        into.is_table,
        into.key_format,
        into.value_format,
        into.properties,
        into.timestamp_column,
        into.timestamp_format,
        into=into.schema,
    )


def planned_again(query_id: str, running: QueryPlan, world: World, span: Span | None) -> Start:
    """A query that runs, by a plan that `world` gives for its statement: what it makes and remembers stays as it is. Raises
    Conflict where it would not, and what planning raises."""
    entry = world.catalog.queries[query_id]
    try:
        plan = _plan_of(entry, replace(world, settings=running.settings))
    except UserError as error:
        raise Conflict(
            f"query {query_id} cannot go on: {error.message}",
            detail=error.detail,
            hint=f"TERMINATE {query_id} first",
            span=span,
        ) from error
    why = "what it makes would change" if plan.schema != running.schema else why_not_upgraded(running, plan)
    if why is not None:
        raise Conflict(f"query {query_id} cannot go on: {why}", hint=f"TERMINATE {query_id} first", span=span)
    return Start(plan, entry)


def _plan_of(entry: QueryEntry, world: World) -> QueryPlan:
    """The plan of a query's statement as the world is now."""
    query_id, statement = entry.query_id, parse_statement(entry.statement, world.catalog.types)
    if isinstance(statement, CreateSourceAs):
        properties = read_properties(statement.properties, of_query=True)
        return _planned(statement.query, query_id, _target(statement, properties, world), world)
    if isinstance(statement, InsertInto):
        into = ddl.writable(world.catalog, statement.name, statement.span)
        return _planned(statement.query, query_id, _target_into(into), world)
    raise InternalError(f"{query_id} has no statement that can be planned again")


def _insert_id(statement: InsertInto, catalog: Catalog) -> str:
    """INSERT INTO … WITH (QUERY_ID = 'name') names its query; else the next number does."""
    for given in statement.properties:
        if given.name != "QUERY_ID" or not isinstance(given.value, str):
            raise AnalysisError(
                f"unknown property in the WITH clause: {given.name}",
                hint="INSERT INTO takes QUERY_ID = '…' only",
                span=given.span,
            )
        if given.value.upper() in catalog.queries:
            raise Conflict(f"query {given.value.upper()} already exists", span=given.span)
        return given.value.upper()
    return catalog.new_query_id("INSERTQUERY")


def drop(statement: DropSource, world: World) -> Change:
    """A stream or table goes, with the query that made it and, when asked, its topic."""
    kind, name = statement.kind, statement.name
    relation = ddl.to_drop(statement, world.catalog)
    if relation is None:
        message = f"{kind.title()} {name} does not exist."
        return Change(message, world.catalog, world.registry, (kind.lower(), name, "drop"), nothing=True)
    catalog = world.catalog.copy()
    terminate = _ended_with(relation, catalog)
    catalog.drop(name, statement.span)
    delete: tuple[str, ...] = ()
    if statement.delete_topic and relation.topic:
        users = catalog.topic_users(relation.topic)
        if users:
            raise Conflict(
                f"cannot delete topic {relation.topic}",
                detail=f"it is also used by {', '.join(users)}",
                hint="leave out DELETE TOPIC, or drop those first",
                span=statement.span,
            )
        delete = (relation.topic,)
    message = f"Source `{name}` (topic: {relation.topic}) was dropped."
    return Change(
        message,
        catalog,
        world.registry,
        (kind.lower(), name, "drop"),
        terminate=terminate,
        delete_topics=delete,
    )


def alter(statement: AlterSource, world: World) -> Change:
    """Columns are added."""
    relation = ddl.altered(statement, world.catalog, check_format)
    catalog = world.catalog.copy()
    catalog.add(relation, or_replace=True, span=statement.span)
    return Change(f"{relation.kind.title()} altered", catalog, world.registry, (relation.word, relation.name, "alter"))
