"""What a schema registry keeps and answers, and what a format does whose schemas lie in one.

A record's bytes begin with a zero byte and the schema's id, four bytes big-endian (Confluent's wire format), but for
PROTOBUF_NOSR. A format finds its registry by the property SCHEMA_REGISTRY, a location for `open_registry`: formats are
made in host processes too, which get properties and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from ..formats.format import Format, FormatColumn

SchemaType = Literal["AVRO", "PROTOBUF", "JSON"]


@dataclass(frozen=True)
class Reference:
    """A schema that another one imports: by what name, and where it is registered."""

    name: str
    subject: str
    version: int


@dataclass(frozen=True)
class Schema:
    """A schema as registered: its text (Avro's JSON, a .proto file, a JSON Schema) and what it imports."""

    type: SchemaType
    text: str
    references: tuple[Reference, ...] = ()


@dataclass(frozen=True)
class Registered:
    """A schema under a subject; versions count from 1, the id is the registry's."""

    subject: str
    version: int
    id: int
    schema: Schema


class SchemaRegistry(Protocol):
    """Safe for several threads. Every method raises UserError with the registry's reason when it refuses, UnknownName
    when there is no such thing, and EnvironmentFault when it cannot be reached."""

    def register(self, subject: str, schema: Schema) -> int:
        """The id of the schema, the old one where an equal schema is there. Checked against the subject's compatibility."""
        ...

    def by_id(self, schema_id: int) -> Schema:
        """The schema of an id."""
        ...

    def latest(self, subject: str) -> Registered:
        """The newest version of a subject."""
        ...

    def version(self, subject: str, version: int) -> Registered:
        """A version of a subject."""
        ...

    def subjects(self) -> list[str]:
        """All subjects, sorted."""
        ...

    def delete_subject(self, subject: str) -> list[int]:
        """Remove a subject (DROP … DELETE TOPIC does); its versions."""
        ...


Resolve = Callable[[Reference], Schema]


class SchemaFormat(Format, Protocol):
    """A format with schemas. Properties beside those of every format: SCHEMA_REGISTRY, TOPIC (subjects are TOPIC-key and
    TOPIC-value), KEY_SCHEMA_ID / VALUE_SCHEMA_ID, KEY_SCHEMA_FULL_NAME / VALUE_SCHEMA_FULL_NAME, WRAP_SINGLE_VALUE."""

    schema_type: SchemaType

    def schema_of(self, columns: Sequence[FormatColumn], properties: Mapping[str, str], *, is_key: bool) -> Schema:
        """The schema that ksqlDB would register for these columns."""
        ...

    def columns_of(
        self, schema: Schema, resolve: Resolve, properties: Mapping[str, str], *, is_key: bool
    ) -> list[FormatColumn]:
        """The columns that ksqlDB would infer from a schema. Raises UserError naming the field that SQL cannot hold."""
        ...
