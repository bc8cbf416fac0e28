"""Columns to a .proto file as ksqlDB writes it, and a message to the columns that ksqlDB infers.

ksqlDB goes through Kafka Connect's types, which decides the names: the outer message is ConnectDefault1, those inside it
ConnectDefault2 … in the order of the columns; a map is a repeated message whose name ends in Entry; a oneof is a struct
named NAME_INDEX; unsigned 32-bit and all 64-bit integers are BIGINT, float is DOUBLE, an enum is STRING.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from google.protobuf.descriptor import FieldDescriptor

from ....errors import AnalysisError
from ....sql.types import (
    BIGINT,
    BOOLEAN,
    BYTES,
    DATE,
    DOUBLE,
    FLOAT,
    INTEGER,
    STRING,
    TIME,
    TIMESTAMP,
    Array,
    Decimal,
    Map,
    SqlType,
    Struct,
    Vector,
)
from ..format import FormatColumn
from .compile import params

Descriptor = Any
_SCALARS: dict[SqlType, str] = {
    BOOLEAN: "bool",
    INTEGER: "int32",
    BIGINT: "int64",
    FLOAT: "float",
    DOUBLE: "double",
    STRING: "string",
    BYTES: "bytes",
}
_LOGICAL: dict[SqlType, tuple[str, str]] = {
    DATE: ("google.type.Date", "google/type/date.proto"),
    TIME: ("google.type.TimeOfDay", "google/type/timeofday.proto"),
    TIMESTAMP: ("google.protobuf.Timestamp", "google/protobuf/timestamp.proto"),
}
_WRAPPERS: dict[str, str] = {
    "bool": "BoolValue",
    "int32": "Int32Value",
    "int64": "Int64Value",
    "float": "FloatValue",
    "double": "DoubleValue",
    "string": "StringValue",
    "bytes": "BytesValue",
}
LOGICAL_NAMES = {name: sql_type for sql_type, (name, _) in _LOGICAL.items()}
DECIMAL_NAME = "confluent.type.Decimal"
WRAPPER_NAMES = frozenset(f"google.protobuf.{n}" for n in (*_WRAPPERS.values(), "UInt32Value", "UInt64Value"))
PRECISION_DEFAULT = 38
"""Of a decimal whose schema names no precision; ksqlDB says 64, which no column here can hold."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_OF_FIELD: dict[int, SqlType] = {
    FieldDescriptor.TYPE_INT32: INTEGER,
    FieldDescriptor.TYPE_SINT32: INTEGER,
    FieldDescriptor.TYPE_SFIXED32: INTEGER,
    FieldDescriptor.TYPE_UINT32: BIGINT,
    FieldDescriptor.TYPE_FIXED32: BIGINT,
    FieldDescriptor.TYPE_INT64: BIGINT,
    FieldDescriptor.TYPE_UINT64: BIGINT,
    FieldDescriptor.TYPE_SINT64: BIGINT,
    FieldDescriptor.TYPE_FIXED64: BIGINT,
    FieldDescriptor.TYPE_SFIXED64: BIGINT,
    FieldDescriptor.TYPE_FLOAT: DOUBLE,
    FieldDescriptor.TYPE_DOUBLE: DOUBLE,
    FieldDescriptor.TYPE_BOOL: BOOLEAN,
    FieldDescriptor.TYPE_STRING: STRING,
    FieldDescriptor.TYPE_BYTES: BYTES,
    FieldDescriptor.TYPE_ENUM: STRING,
}
_MAP_KEYS = (INTEGER, BIGINT, BOOLEAN, STRING)


def check_column(column: FormatColumn) -> None:
    """Raise AnalysisError where no message can hold the column."""
    _check(column.type, column.name, column.name)


def check_message_name(full_name: str) -> None:
    """Raise AnalysisError where a name, with the package before it, names no message."""
    if not all(_NAME.match(part) for part in full_name.split(".")):
        raise AnalysisError(
            f"PROTOBUF cannot hold a message named `{full_name}`",
            detail="messages and their packages are named with letters, digits and underscores, and begin with no digit",
            hint="choose another name",
        )


def _check(sql_type: SqlType, name: str, column: str) -> None:
    if not _NAME.match(name):
        raise AnalysisError(
            f"PROTOBUF cannot hold a field named `{name}`",
            detail=f"in column {column}; fields of a message are named with letters, digits and underscores",
        )
    match sql_type:
        case Array(Array() | Map() | Vector()):
            raise AnalysisError(
                f"PROTOBUF cannot hold the type {sql_type} of column {column}",
                detail="a repeated field of a message is not repeated again",
                hint="put the inner array or map into a STRUCT",
            )
        case Array(item):
            _check(item, name, column)
        case Map(key, value):
            if key != STRING:
                raise AnalysisError(
                    "PROTOBUF format only supports MAP types with STRING keys", detail=f"column {column} is {sql_type}"
                )
            _check(value, name, column)
        case Struct(fields):
            for inner, inner_type in fields:
                _check(inner_type, inner, column)
        case _:
            return


class _Writer:
    """One .proto file in the making: message names are counted, imports gathered."""

    def __init__(self, nullable: str | None) -> None:
        self.nullable = nullable
        self.numbers = itertools.count(2)
        self.imports: set[str] = set()

    def message(self, name: str, fields: Sequence[tuple[str, SqlType]], indent: str) -> list[str]:
        lines: list[str] = []
        inner: list[str] = []
        for number, (field, sql_type) in enumerate(fields, 1):
            label, proto, option = self.field(field, sql_type, indent + "  ", inner)
            lines.append(f"{indent}  {label}{proto} {field} = {number}{option};")
        if inner:
            lines += ["", *inner]
        return [f"{indent}message {name} {{", *lines, f"{indent}}}"]

    def field(self, name: str, sql_type: SqlType, indent: str, inner: list[str]) -> tuple[str, str, str]:
        """Label, type and option of a field; messages that it needs are added to `inner`."""
        label = "optional " if self.nullable == "OPTIONAL" else ""
        match sql_type:
            case Vector():
                return "repeated ", "float", ""
            case Array(item):
                return ("repeated ", *self.field(name, item, indent, inner)[1:])
            case Map(_, value):
                entry = f"ConnectDefault{next(self.numbers)}Entry"
                inner += self.entry(entry, value, indent)
                return "repeated ", entry, ""
            case Struct(fields):
                proto = f"ConnectDefault{next(self.numbers)}"
                proto += "Message" if proto == name else ""
                inner += self.message(proto, fields, indent)
                return label, proto, ""
            case Decimal(precision, scale):
                self.imports |= {"confluent/meta.proto", "confluent/type/decimal.proto"}
                pairs = f'{{key: "precision", value: "{precision}"}}, {{key: "scale", value: "{scale}"}}'
                return label, DECIMAL_NAME, f" [(confluent.field_meta) = {{params: [{pairs}]}}]"
        if sql_type in _LOGICAL:
            proto, file = _LOGICAL[sql_type]
            self.imports.add(file)
            return label, proto, ""
        scalar = _SCALARS[sql_type]
        if self.nullable == "WRAPPER":
            self.imports.add("google/protobuf/wrappers.proto")
            return "", f"google.protobuf.{_WRAPPERS[scalar]}", ""
        return label, scalar, ""

    def entry(self, name: str, value: SqlType, indent: str) -> list[str]:
        inner: list[str] = []
        label, proto, option = self.field("value", value, indent + "  ", inner)
        lines = [f"{indent}  string key = 1;", f"{indent}  {label}{proto} value = 2{option};"]
        return [f"{indent}message {name} {{", *lines, *(["", *inner] if inner else []), f"{indent}}}"]


def proto_text(columns: Sequence[FormatColumn], full_name: str | None, nullable: str | None) -> str:
    """The .proto file of these columns. `nullable`: None, OPTIONAL or WRAPPER, how NULL is told from a default.

    >>> print(proto_text([FormatColumn("A", INTEGER), FormatColumn("B", Array(STRING))], None, None))
    syntax = "proto3";
    <BLANKLINE>
    message ConnectDefault1 {
      int32 A = 1;
      repeated string B = 2;
    }
    <BLANKLINE>
    """
    writer = _Writer(nullable)
    package, _, name = (full_name or "ConnectDefault1").rpartition(".")
    body = writer.message(name, [(c.name, c.type) for c in columns], "")
    head = ['syntax = "proto3";', *([f"package {package};"] if package else []), ""]
    imports = [f'import "{file}";' for file in sorted(writer.imports)]
    return "\n".join([*head, *imports, *([""] if imports else []), *body, ""])


def oneofs(message: Descriptor) -> Iterator[tuple[str, Descriptor]]:
    """The oneofs that a schema's author wrote, with the name of their column: not those behind `optional`."""
    for place, oneof in enumerate(message.oneofs):
        if not (len(oneof.fields) == 1 and oneof.name == "_" + oneof.fields[0].name):
            yield f"{oneof.name}_{place}", oneof


def plain_fields(message: Descriptor) -> list[Descriptor]:
    """The fields outside of oneofs."""
    inside = {f.number for _, oneof in oneofs(message) for f in oneof.fields}
    return [f for f in message.fields if f.number not in inside]


def is_entry(field: Descriptor) -> bool:
    """Whether a repeated field is a map: one declared so, or a message NAMEEntry of key and value as Connect writes it."""
    message = field.message_type
    if message is None or not field.is_repeated:
        return False
    names = [f.name for f in message.fields]
    return bool(message.GetOptions().map_entry) or (message.name.endswith("Entry") and names == ["key", "value"])


def columns(message: Descriptor, *, upper: bool) -> list[FormatColumn]:
    """The columns of a message, oneofs first; names in upper case unless they come from a schema asked for by id."""
    fields = _fields(message, (), upper=upper)
    if not fields:
        raise AnalysisError(f"the PROTOBUF message {message.full_name} has no fields")
    return [FormatColumn(name, sql_type) for name, sql_type in fields]


def _fields(message: Descriptor, outside: tuple[str, ...], *, upper: bool) -> list[tuple[str, SqlType]]:
    within = (*outside, message.full_name)
    found: list[tuple[str, SqlType]] = []
    for name, oneof in oneofs(message):
        inner = [(f.name.upper() if upper else f.name, _type(f, within, upper=upper)) for f in oneof.fields]
        found.append((name.upper() if upper else name, Struct(tuple(inner))))
    for field in plain_fields(message):
        found.append((field.name.upper() if upper else field.name, _type(field, within, upper=upper)))
    return found


def _type(field: Descriptor, within: tuple[str, ...], *, upper: bool) -> SqlType:
    if is_entry(field):
        key, value = field.message_type.fields
        if _OF_FIELD.get(key.type) not in _MAP_KEYS:
            raise _refused(field, "its keys are neither text, whole numbers nor booleans")
        return Map(STRING, _type(value, within, upper=upper))
    single = _single(field, within, upper=upper)
    return Array(single) if field.is_repeated else single


def _single(field: Descriptor, within: tuple[str, ...], *, upper: bool) -> SqlType:
    if field.type in _OF_FIELD:
        return _OF_FIELD[field.type]
    message = field.message_type
    if message is None or field.type == FieldDescriptor.TYPE_GROUP:
        raise _refused(field, "it is a group")
    name = message.full_name
    if name == DECIMAL_NAME:
        return decimal_type(params(field))
    if name in LOGICAL_NAMES:
        return LOGICAL_NAMES[name]
    if name in WRAPPER_NAMES:
        return _OF_FIELD[message.fields[0].type]
    if name in within:
        raise _refused(field, f"the message {name} holds itself")
    fields = _fields(message, within, upper=upper)
    if not fields:
        raise _refused(field, f"the message {name} has no fields")
    return Struct(tuple(fields))


def decimal_type(parameters: Mapping[str, str]) -> Decimal:
    """A decimal's type from the parameters of its field."""
    precision, scale = (parameters.get(n, "") for n in ("precision", "scale"))
    digits = int(precision) if precision.isdecimal() else PRECISION_DEFAULT
    return Decimal(min(digits, PRECISION_DEFAULT), int(scale) if scale.isdecimal() else 0)


def _refused(field: Descriptor, why: str) -> AnalysisError:
    return AnalysisError(f"SQL cannot hold the PROTOBUF field {field.full_name}", detail=why)
