"""PROTOBUF and PROTOBUF_NOSR: a record as a protobuf message, with and without a schema registry.

With one, Confluent's wire format stands before the message: a zero byte, the schema's id, and which message of the schema it
is. Without one, the message is that of the columns, in their order. Values are always messages of named fields: a single
value cannot be written without one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ....errors import AnalysisError
from ...schemas.opening import full_name_of, registry_of, schema_id_of, written_schema
from ...schemas.schema import Resolve, Schema, SchemaType
from ..format import FormatColumn
from ..schema_header import header
from . import compatibility  # noqa: F401 - registers how schemas are compared
from .compile import Compiled, Descriptor, compiled
from .decode import FIRST_MESSAGE, ProtobufDecoder
from .encode import ProtobufEncoder
from .schema import check_column, check_message_name, columns, proto_text
from .wire import varint

_NULLABLE = ("OPTIONAL", "WRAPPER")


def nullable_of(properties: Mapping[str, str], *, is_key: bool) -> str | None:
    """KEY_ or VALUE_PROTOBUF_NULLABLE_REPRESENTATION: how NULL is told from a default. Raises AnalysisError."""
    name = f"{'KEY' if is_key else 'VALUE'}_PROTOBUF_NULLABLE_REPRESENTATION"
    given = properties.get(name)
    if given is not None and given.upper() not in _NULLABLE:
        raise AnalysisError(f"{name} is one of {', '.join(_NULLABLE)}, not {given!r}")
    return None if given is None else given.upper()


def message_header(schema_id: int, indexes: tuple[int, ...]) -> bytes:
    """What stands before a message: the schema's id, then the way to the message, one byte for the first.

    >>> message_header(7, (0,)).hex(), message_header(7, (1, 0)).hex()
    ('000000000700', '0000000007040200')
    """
    way = b"\0" if indexes == FIRST_MESSAGE else b"".join(varint(i << 1) for i in (len(indexes), *indexes))
    return header(schema_id) + way


def _no_references(reference: object) -> Schema:
    raise AnalysisError(f"a schema made from columns refers to nothing: {reference}")


class ProtobufNosrFormat:
    """Messages of the columns' own schema, nothing before them."""

    name = "PROTOBUF_NOSR"

    def check(self, columns: Sequence[FormatColumn], properties: Mapping[str, str], *, is_key: bool) -> None:
        """No arrays in arrays, text keys in maps, names that a .proto file takes; no single value without a field."""
        nullable_of(properties, is_key=is_key)
        check_message_name(full_name_of(properties, is_key=is_key) or "_")
        if not is_key and properties.get("WRAP_SINGLE_VALUE", "true").lower() == "false":
            raise AnalysisError(
                f"Format '{self.name}' does not support 'WRAP_SINGLE_VALUE' set to 'false'.",
                detail="a protobuf message has fields, even if it has one only",
            )
        for column in columns:
            check_column(column)

    def schema_of(self, columns: Sequence[FormatColumn], properties: Mapping[str, str], *, is_key: bool) -> Schema:
        """The .proto file of the columns."""
        full_name = full_name_of(properties, is_key=is_key)
        return Schema("PROTOBUF", proto_text(columns, full_name, nullable_of(properties, is_key=is_key)))

    def decoder(
        self, columns: Sequence[FormatColumn], properties: Mapping[str, str], *, is_key: bool
    ) -> ProtobufDecoder:
        """A decoder of the wanted columns."""
        return ProtobufDecoder(columns, None, lambda: self._made(columns, properties, is_key=is_key))

    def encoder(
        self, columns: Sequence[FormatColumn], properties: Mapping[str, str], *, is_key: bool
    ) -> ProtobufEncoder:
        """An encoder of all columns."""
        _, message = self._made(columns, properties, is_key=is_key)
        return ProtobufEncoder(message, columns, b"")

    def _made(
        self, columns: Sequence[FormatColumn], properties: Mapping[str, str], *, is_key: bool
    ) -> tuple[Compiled, Descriptor]:
        schema = compiled(self.schema_of(columns, properties, is_key=is_key), _no_references)
        return schema, schema.message(None)


class ProtobufFormat(ProtobufNosrFormat):
    """Messages of schemas in a registry."""

    name = "PROTOBUF"
    schema_type: SchemaType = "PROTOBUF"

    def columns_of(
        self, schema: Schema, resolve: Resolve, properties: Mapping[str, str], *, is_key: bool
    ) -> list[FormatColumn]:
        """The columns of the message that KEY_ or VALUE_SCHEMA_FULL_NAME names, else of the first."""
        message = compiled(schema, resolve).message(full_name_of(properties, is_key=is_key))
        return columns(message, upper=schema_id_of(properties, is_key=is_key) is None)

    def decoder(
        self, columns: Sequence[FormatColumn], properties: Mapping[str, str], *, is_key: bool
    ) -> ProtobufDecoder:
        """A decoder of the wanted columns, from whatever schemas the records name."""
        registry = registry_of(properties, self.name)
        return ProtobufDecoder(columns, lambda schema_id: compiled(registry.by_id(schema_id), registry.resolve))

    def encoder(
        self, columns: Sequence[FormatColumn], properties: Mapping[str, str], *, is_key: bool
    ) -> ProtobufEncoder:
        """An encoder of all columns, with the schema that an id names, else with their own, which is registered."""
        registry = registry_of(properties, self.name)
        made = self.schema_of(columns, properties, is_key=is_key)
        schema_id, schema = written_schema(properties, made, self.name, is_key=is_key)
        whole = compiled(schema, registry.resolve)
        message = whole.message(full_name_of(properties, is_key=is_key))
        return ProtobufEncoder(message, columns, message_header(schema_id, whole.indexes(message)))
