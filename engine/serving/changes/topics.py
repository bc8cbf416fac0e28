"""Topics that CREATE needs: the one that is to be made, or why what is there does not fit what WITH says of it.

What WITH leaves open is the broker's to say, or, of a query's result, as of the query's first source.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ...errors import AnalysisError, Conflict, EnvironmentFault, MergusError, Span, UnknownName
from ...io.topics import DEFAULT_REPLICAS, TopicInfo, Topics
from ...plan.physical.steps import QueryPlan
from ...sql.catalog import Relation
from ...sql.statements.statement import Property
from .change import World

_NAMES = ("VALUE_AVRO_SCHEMA_FULL_NAME", "VALUE_SCHEMA_FULL_NAME")
_FOR_EVER = -1
log = logging.getLogger("mergus.engine")


def needed_topic(relation: Relation, given: Sequence[Property], world: World) -> tuple[TopicInfo, ...]:
    """The topic to make, if it is not there. Raises where it cannot be made, or is there in another shape."""
    _check_given(relation, given, world)
    found = world.topic(relation.topic)
    if found is None:
        if relation.partitions is None and not world.replaying:
            raise UnknownName(
                f"topic {relation.topic} does not exist",
                hint="give PARTITIONS in the WITH clause to have it made",
            )
        return (topic_of(relation, relation.partitions or 1),)
    _check_found(relation, found, given, world)
    return ()


def sink_topic(relation: Relation, plan: QueryPlan, given: Sequence[Property], world: World) -> tuple[TopicInfo, ...]:
    """The topic of a query's result: what is not said of it is as of its first source's."""
    if world.topic(relation.topic) is not None:
        return needed_topic(relation, given, world)
    _check_given(relation, given, world)
    source = world.topic(plan.sources[0].topic)
    if source is None:
        return (topic_of(relation, relation.partitions or 1),)
    kept_ms = plan.window.retention_ms if plan.window is not None and relation.is_table and world.on_kafka else None
    return (topic_of(relation, relation.partitions or source.partitions, source, kept_ms),)


def topic_of(
    relation: Relation, partitions: int, source: TopicInfo | None = None, windows_ms: int | None = None
) -> TopicInfo:
    """The topic that a relation writes to, as it is to be made; `source`: the one that a query makes it of;
    `windows_ms`: how long the windows of a table are kept there, as ksqlDB keeps them in Kafka."""
    replicas, retention_ms = relation.replicas, relation.retention_ms
    if source is not None:
        replicas = source.replicas if replicas is None else replicas
        inherited_ms = source.retention_ms if windows_ms is None else windows_ms
        retention_ms = inherited_ms if retention_ms is None else retention_ms
    config = {"cleanup.policy": _policy(relation)}
    if retention_ms is not None and "delete" in config["cleanup.policy"]:
        config["retention.ms"] = str(retention_ms)
    return TopicInfo(relation.topic, partitions, DEFAULT_REPLICAS if replicas is None else replicas, config)


def _policy(relation: Relation) -> str:
    """What Kafka calls it: the last record of a key stays, what is past retention goes, or both."""
    if not relation.is_table:
        return "delete"
    return "compact" if relation.windowed is None else "compact,delete"


def make_topic(topics: Topics, wanted: TopicInfo) -> bool:
    """Whether it was made: one that is there already stays as it is."""
    try:
        topics.create(wanted.name, wanted.partitions, wanted.replicas, wanted.config)
    except Conflict:
        log.info("topic is there already", extra={"topic": wanted.name})
        return False
    return True


@contextmanager
def making(topics: Topics, wanted: Sequence[TopicInfo]) -> Iterator[None]:
    """Make a statement's topics; where what follows is refused, those that were made go again."""
    made: list[str] = []
    try:
        for one in wanted:
            if make_topic(topics, one):
                made.append(one.name)
        yield
    except MergusError:
        for name in made:
            try:
                topics.delete(name)
            except MergusError as error:
                log.warning("a topic of a refused statement is left: %s", error.message, extra={"topic": name})
        raise


def delete_topic(topics: Topics, name: str) -> None:
    """DELETE TOPIC of a statement that is carried out but for that; one that has gone is no matter."""
    try:
        if topics.describe(name) is not None:
            topics.delete(name)
    except MergusError as error:
        raise EnvironmentFault(
            f"the statement is carried out, but topic {name} is not deleted",
            detail=error.message,
            hint="make a stream over the topic, and DROP that with DELETE TOPIC",
        ) from error


def _check_given(relation: Relation, given: Sequence[Property], world: World) -> None:
    """What WITH may not say of a topic. Statements that were accepted once are not looked at again."""
    if world.replaying:
        return
    spans = {p.name: p.span for p in given}
    if relation.retention_ms is not None and relation.is_table and relation.windowed is None:
        raise AnalysisError(
            "RETENTION_MS cannot be given for a table without windows",
            detail="its topic is compacted: the last record of each key is kept",
            hint="leave it out; STATE_TTL lets a table of GROUP BY forget keys that are not updated",
            span=spans.get("RETENTION_MS"),
        )
    if all(name in spans for name in _NAMES):
        raise AnalysisError(
            f"{_NAMES[0]} and {_NAMES[1]} cannot both be given: they are one property",
            hint=f"use {_NAMES[1]}",
            span=spans[_NAMES[0]],
        )


def _check_found(relation: Relation, found: TopicInfo, given: Sequence[Property], world: World) -> None:
    """A topic that is there has what WITH says of it: as many partitions, no fewer replicas, its retention."""
    wanted = relation.partitions
    if wanted is not None and wanted != found.partitions:
        raise _conflict(relation, "PARTITIONS", f"{found.partitions} partitions, not {wanted}", given)
    if world.replaying:
        return
    if relation.replicas is not None and relation.replicas > found.replicas:
        raise _conflict(relation, "REPLICAS", f"{found.replicas} replicas, not {relation.replicas}", given)
    kept_ms = _FOR_EVER if found.retention_ms is None else found.retention_ms
    if relation.retention_ms is not None and relation.retention_ms != kept_ms:
        raise _conflict(relation, "RETENTION_MS", f"a retention of {kept_ms} ms, not {relation.retention_ms}", given)


def _conflict(relation: Relation, name: str, what: str, given: Sequence[Property]) -> Conflict:
    span: Span | None = next((p.span for p in given if p.name == name), None)
    return Conflict(f"topic {relation.topic} has {what}", hint=f"leave out {name} to use the topic as it is", span=span)
