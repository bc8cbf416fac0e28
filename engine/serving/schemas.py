"""What statements ask of the schema registry and leave in it: columns inferred, schemas registered and deleted."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import AnalysisError, UnknownName, UserError
from ..io.formats.format import FormatColumn
from ..io.formats.registry import find
from ..io.schemas.opening import LOCATION, TOPIC, inferred_name, open_registry, registry_of, schema_id_of, subject_of
from ..io.schemas.schema import Registered, SchemaFormat
from ..sql.catalog import Relation
from ..sql.ddl_inferred import check_written
from ..sql.properties import INFERRING
from ..sql.schema import ColumnDef
from ..sql.transform import column_texts, columns_of_texts
from .changes.change import Registration, World

_COLUMNS = "mergus.columns."
"""How the notes in the command log begin that hold the columns of a schema."""
WRAP = "ksql.persistence.wrap.single.values"


def with_registry(properties: Mapping[str, str], topic: str, name: str, world: World) -> dict[str, str]:
    """Properties of formats, with where a format finds its schemas: host processes are told nothing else. `name`: of the
    stream or table; a single value is wrapped as the settings say where the statement does not."""
    wrap = world.settings.get(WRAP, "").lower()
    if name and wrap in ("true", "false"):
        properties = {"WRAP_SINGLE_VALUE": wrap, **properties}
    if world.schema_registry is None or not topic:
        return dict(properties)
    return {**properties, LOCATION: world.schema_registry, TOPIC: topic, "SOURCE": name}


@dataclass
class Inferring:
    """`sql.ddl_inferred.InferSchema` over the registry. `used`: by property, the ids of the schemas that were taken,
    which go into the command log: the topic's schema may be another one when the log is read again; so go the columns,
    in `notes`, for the registry may be away then."""

    world: World
    used: dict[str, str] = field(default_factory=dict)
    noted: dict[str, str] = field(default_factory=dict)

    @property
    def notes(self) -> dict[str, str]:
        """What the command log keeps."""
        return {**self.used, **self.noted}

    def __call__(self, name: str, topic: str, properties: Mapping[str, str], is_key: bool) -> Sequence[ColumnDef]:
        """The columns of a topic's keys or values."""
        given = schema_id_of(properties, is_key=is_key)
        known = given if given is not None else self.world.settings.get(inferred_name(is_key=is_key))
        note = _COLUMNS + inferred_name(is_key=is_key)
        if self.world.offline and known is not None and note in self.world.settings:
            number, found = int(known), columns_of_texts(json.loads(self.world.settings[note]))
        else:
            number, asked = self._asked(name, topic, properties, known, given, is_key=is_key)
            found = tuple((c.name, c.type) for c in asked)
        if given is None:
            self.used[inferred_name(is_key=is_key)] = str(number)
        self.noted[note] = json.dumps(column_texts(found))
        return [ColumnDef(column, kind, is_key) for column, kind in found]

    def _asked(
        self,
        name: str,
        topic: str,
        properties: Mapping[str, str],
        known: int | str | None,
        given: int | None,
        *,
        is_key: bool,
    ) -> tuple[int, Sequence[FormatColumn]]:
        """The id of the schema, and its columns, from the registry."""
        schemas, whole = schema_format(name), with_registry(properties, topic, "", self.world)
        registry = registry_of(whole, name)
        try:
            if known is not None:
                found: Any = (int(known), registry.by_id(int(known)))
            else:
                latest: Registered = registry.latest(subject_of(topic, is_key=is_key))
                found = (latest.id, latest.schema)
        except UnknownName as why:
            raise _no_schema(name, topic, why, given, is_key=is_key) from None
        number, schema = found
        if schema.type != schemas.schema_type:
            raise AnalysisError(f"the schema with id {number} is of type {schema.type}", detail=f"the format is {name}")
        return number, schemas.columns_of(schema, registry.resolve, whole, is_key=is_key)


def is_bare(columns: Sequence[FormatColumn]) -> bool:
    """Whether a schema's one column is the value itself, and no field of a record."""
    return len(columns) == 1 and columns[0].name in ("ROWKEY", "ROWVAL")


def schema_format(name: str) -> SchemaFormat:
    """A format that has schemas."""
    found: Any = find(name)
    made: SchemaFormat = found
    return made


def _no_schema(name: str, topic: str, why: UserError, given: int | None, *, is_key: bool) -> AnalysisError:
    side = "keys" if is_key else "values"
    subject = subject_of(topic, is_key=is_key)
    what = f"Schema for message {side} on topic '{topic}' does not exist in the Schema Registry."
    hint = f"register one under subject {subject}, list the columns, or choose another format than {name}"
    if given is not None:
        what = f"Schema for message {side} on topic '{topic}' with id {given} does not exist in the Schema Registry."
    return AnalysisError(what, detail=why.message, hint=hint)


# ----------------------------------------------------------------------------------------------------------- registering
def registrations(relation: Relation, world: World, *, of_query: bool) -> tuple[Registration, ...]:
    """The schemas to register for a stream or table: where its columns were listed and the topic has none yet, or, of a
    query, always; but not where the statement names a schema, which the query's columns must fit."""
    found: list[Registration] = []
    if world.offline:
        return ()
    for is_key in (True, False):
        name = relation.key_format if is_key else relation.value_format
        columns = _carried(relation, is_key=is_key)
        if name not in INFERRING or not columns or LOCATION not in relation.properties:
            continue
        if schema_id_of(relation.properties, is_key=is_key) is not None:
            if of_query:
                _check_fits(relation, name, columns, is_key=is_key)
        elif inferred_name(is_key=is_key) not in relation.properties:
            schema = schema_format(name).schema_of(columns, relation.properties, is_key=is_key)
            found.append(Registration(subject_of(relation.topic, is_key=is_key), schema, replace=of_query))
    return tuple(found)


def _carried(relation: Relation, *, is_key: bool) -> list[FormatColumn]:
    return [FormatColumn(c.name, c.type) for c in relation.schema if c.is_key == is_key and c.header is None]


def _check_fits(relation: Relation, name: str, columns: Sequence[FormatColumn], *, is_key: bool) -> None:
    properties = relation.properties
    registry = registry_of(properties, name)
    number = schema_id_of(properties, is_key=is_key)
    assert number is not None
    try:
        schema = registry.by_id(number)
    except UnknownName as why:
        raise _no_schema(name, relation.topic, why, number, is_key=is_key) from None
    if schema.type != schema_format(name).schema_type:
        raise AnalysisError(f"the schema with id {number} is of type {schema.type}", detail=f"the format is {name}")
    known = schema_format(name).columns_of(schema, registry.resolve, properties, is_key=is_key)
    made = ([ColumnDef(c.name, c.type, is_key) for c in listed] for listed in (columns, known))
    check_written(*made, by_name=not is_bare(known), is_key=is_key)


def register(wanted: Iterable[Registration], location: str) -> None:
    """Register schemas. Raises UserError where the registry refuses one; subjects made before it go again."""
    made: list[str] = []
    for one in wanted:
        registry = open_registry(location)
        is_there = one.subject in registry.subjects()
        if is_there and not one.replace:
            continue
        try:
            registry.register(one.subject, one.schema)
            made += [] if is_there else [one.subject]
        except UserError as why:
            for subject in made:
                registry.delete_subject(subject)
            raise AnalysisError(
                f"Could not register schema for subject {one.subject}.", detail=_reason(why), hint=why.hint
            ) from None


def _reason(error: UserError) -> str:
    return error.message if error.detail is None else f"{error.message}: {error.detail}"


def delete(topics: Iterable[str], location: str) -> None:
    """Delete the subjects of topics that go."""
    for topic in topics:
        for is_key in (True, False):
            try:
                open_registry(location).delete_subject(subject_of(topic, is_key=is_key))
            except UnknownName:
                continue
