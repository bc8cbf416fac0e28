"""Topics of test cases whose records have schemas: what a case registers, and its JSON to bytes and back by schemas.

A topic's schemas are registered when the first statement names it, so that ids count in the order of the statements.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...io.formats.format import FormatColumn
from ...io.formats.registry import find
from ...io.schemas.opening import full_name_of, open_registry, schema_id_of, subject_of
from ...io.schemas.schema import Reference, Schema, SchemaFormat, SchemaType
from ...sql.schema import ColumnDef
from .avro import avro_bytes, avro_json
from .protobuf import protobuf_bytes, protobuf_json
from .records import Json, read_json, write_json

WITH_SCHEMAS = ("AVRO", "PROTOBUF", "PROTOBUF_NOSR", "JSON_SR")
_REFERENCES_FROM = 1_000_000  # ids of references, which cases do not count
_TYPES: dict[str, SchemaType] = {
    "AVRO": "AVRO",
    "PROTOBUF": "PROTOBUF",
    "PROTOBUF_NOSR": "PROTOBUF",
    "JSON_SR": "JSON",
    "JSON": "JSON",
}


@dataclass
class CaseSchemas:
    """The schemas of a case's topics, registered one topic at a time. Nothing is checked for compatibility, as in
    ksqlDB's own test runner."""

    location: str
    topics: Mapping[str, Mapping[str, Any]]
    _done: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        open_registry(self.location).set("", "compatibility", "NONE")  # type: ignore[union-attr]

    def register(self, topic: str) -> None:
        """Register what the case says of a topic, once."""
        if topic in self._done:
            return
        self._done.add(topic)
        said = self.topics.get(topic, {})
        for side in ("key", "value"):
            if said.get(f"{side}Schema") is not None:
                self._register(subject_of(topic, is_key=side == "key"), said, side)

    def register_all(self) -> None:
        """Register those of topics that no statement named."""
        for topic in self.topics:
            self.register(topic)

    def _register(self, subject: str, said: Mapping[str, Any], side: str) -> None:
        registry: Any = open_registry(self.location)
        references = tuple(self._reference(registry, r) for r in said.get(f"{side}SchemaReferences") or ())
        schema = _schema(
            said[f"{side}Schema"], str(said.get(f"{side}Format") or said.get("format") or "AVRO"), references
        )
        given = said.get(f"{side}SchemaId")
        registry.register(subject, schema, None if given is None else int(given))

    def _reference(self, registry: Any, said: Mapping[str, Any]) -> Reference:
        name = str(said["name"])
        schema = _schema(said["schema"], str(said.get("format") or "AVRO"), ())
        others = [s for s in registry.subjects() if s.startswith("reference:")]
        if f"reference:{name}" not in others:
            registry.register(f"reference:{name}", schema, _REFERENCES_FROM + len(others))
        return Reference(name, f"reference:{name}", registry.latest(f"reference:{name}").version)


def _schema(said: Json, format_name: str, references: tuple[Reference, ...]) -> Schema:
    kind = _TYPES.get(format_name.upper(), "AVRO")
    return Schema(kind, said if kind == "PROTOBUF" else write_json(said), references)


@dataclass(frozen=True)
class SchemaSide:
    """The keys or values of a topic, in a format with schemas. `columns`: of the relation over it, if there is one."""

    format: str
    location: str
    topic: str
    is_key: bool
    properties: Mapping[str, str]
    columns: tuple[ColumnDef, ...]

    def to_bytes(self, value: Json) -> bytes | None:
        """A case's value by the newest schema of the topic, or the one that the relation names."""
        if value is None:
            return None
        registry = open_registry(self.location)
        if self.format == "PROTOBUF_NOSR":
            return protobuf_bytes(value, self._own(), registry.resolve)
        number = schema_id_of(self.properties, is_key=self.is_key)
        if number is None:
            number = registry.latest(subject_of(self.topic, is_key=self.is_key)).id
        schema = registry.by_id(number)
        if self.format == "AVRO":
            return avro_bytes(value, schema, registry.resolve, schema_id=number)
        if self.format == "PROTOBUF":
            full_name = full_name_of(self.properties, is_key=self.is_key)
            return protobuf_bytes(value, schema, registry.resolve, schema_id=number, full_name=full_name)
        return b"\0" + number.to_bytes(4, "big") + write_json(value).encode()

    def from_bytes(self, payload: bytes | None) -> Json:
        """What a case says of a payload."""
        if payload is None:
            return None
        registry = open_registry(self.location)
        if self.format == "AVRO":
            return avro_json(payload, registry.by_id, registry.resolve)
        if self.format in ("PROTOBUF", "PROTOBUF_NOSR"):
            return protobuf_json(payload, self._by_id, registry.resolve)
        return read_json(payload[5:])

    def _by_id(self, number: int | None) -> Schema:
        if self.format == "PROTOBUF_NOSR":
            return self._own()
        if number is None:
            raise KeyError(self.format)
        return open_registry(self.location).by_id(number)

    def _own(self) -> Schema:
        made: Any = find(self.format)
        schemas: SchemaFormat = made
        return schemas.schema_of(_carried(self.columns), self.properties, is_key=self.is_key)


def _carried(columns: tuple[ColumnDef, ...]) -> list[FormatColumn]:
    return [FormatColumn(c.name, c.type) for c in columns]
