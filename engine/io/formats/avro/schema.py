"""Avro schemas and SQL's types: what ksqlDB registers for columns, and which columns it sees in a schema.

Columns are optional, so each is a union with null. What Avro has no type for carries Kafka Connect's annotations, as
ksqlDB writes them: DECIMAL is bytes with their scale, and a map, whose keys may be NULL, is an array of entries.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import fastavro
from fastavro.schema import SchemaParseException, UnknownType

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
from ...schemas.schema import Resolve, Schema
from ..format import FormatColumn

Json = Any
NAMESPACE = "io.confluent.ksql.avro_schemas"
ENTRY = "MapEntry"
_CONNECT = "org.apache.kafka.connect.data."
_PLAIN = {
    BOOLEAN: "boolean",
    INTEGER: "int",
    BIGINT: "long",
    DOUBLE: "double",
    FLOAT: "float",
    STRING: "string",
    BYTES: "bytes",
}
_LOGICAL = {
    DATE: ("int", "Date", "date"),
    TIME: ("int", "Time", "time-millis"),
    TIMESTAMP: ("long", "Timestamp", "timestamp-millis"),
}
_FROM_LOGICAL = {("int", "date"): DATE, ("int", "time-millis"): TIME, ("long", "timestamp-millis"): TIMESTAMP}
_FROM_PLAIN = {
    "boolean": BOOLEAN,
    "int": INTEGER,
    "long": BIGINT,
    "float": DOUBLE,
    "double": DOUBLE,
    "string": STRING,
    "enum": STRING,
    "bytes": BYTES,
    "fixed": BYTES,
}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


# ----------------------------------------------------------------------------------------------------- columns to schema
def check_name(name: str) -> None:
    """Refuse a name of a field or a schema that Avro does not take."""
    if _NAME.match(name):
        return
    bad = next((c for c in name if not re.match(r"[A-Za-z0-9_]", c)), None)
    why = f"Illegal character in: {name}" if bad and name[:1] != bad else f"Illegal initial character: {name}"
    raise AnalysisError(
        f"Schema is not compatible with Avro: {why}",
        detail="names in Avro are letters, digits and underscores, and begin with no digit",
        hint="choose another name",
    )


def check_type(name: str, sql_type: SqlType) -> None:
    """Refuse what Avro cannot carry."""
    match sql_type:
        case Map(key, value):
            if key != STRING:
                raise AnalysisError(
                    "Avro only supports MAPs with STRING keys", detail=f"column {name} has keys of {key}"
                )
            check_type(name, value)
        case Array(item):
            check_type(name, item)
        case Struct(fields):
            for field, field_type in fields:
                check_name(field)
                check_type(name, field_type)
        case _:
            return


def record_of(columns: Sequence[tuple[str, SqlType]], full_name: str) -> Json:
    """A record of optional fields."""
    fields = [{"name": n, "type": _optional(t, f"{full_name}_{n}"), "default": None} for n, t in columns]
    namespace, _, name = full_name.rpartition(".")
    made = {"type": "record", "name": name, "fields": fields, "connect.name": full_name}
    return made | {"namespace": namespace} if namespace else made


def _optional(sql_type: SqlType, path: str) -> Json:
    return ["null", type_of(sql_type, path)]


def type_of(sql_type: SqlType, path: str) -> Json:
    """A type's schema; `path` names the records in it."""
    match sql_type:
        case Decimal(precision, scale):
            return {
                "type": "bytes",
                "scale": scale,
                "precision": precision,
                "connect.version": 1,
                "connect.parameters": {"scale": str(scale), "connect.decimal.precision": str(precision)},
                "connect.name": _CONNECT + "Decimal",
                "logicalType": "decimal",
            }
        case Array(item):
            return {"type": "array", "items": _optional(item, path)}
        case Vector():
            return {"type": "array", "items": "float"}
        case Map(_, value):
            namespace, _, name = path.rpartition(".")
            fields = [
                {"name": "key", "type": ["null", "string"], "default": None},
                {"name": "value", "type": _optional(value, path + "_MapValue"), "default": None},
            ]
            entry = {"type": "record", "name": name, "namespace": namespace, "fields": fields}
            return {"type": "array", "items": entry | {"connect.internal.type": ENTRY}, "connect.name": path}
        case Struct(fields=fields_of):
            return record_of(fields_of, path)
        case _ if sql_type in _LOGICAL:
            base, connect, logical = _LOGICAL[sql_type]
            return {"type": base, "connect.version": 1, "connect.name": _CONNECT + connect, "logicalType": logical}
        case _:
            return _PLAIN[sql_type]


# ------------------------------------------------------------------------------------------------------ schema to columns
def parsed(schema: Schema, resolve: Resolve, *, raw: bool) -> Json:
    """The schema as fastavro reads and writes with, its references resolved. `raw`: logical types as what they are
    written as; else names are replaced by what they mean. Raises ValueError where it is no Avro schema."""
    names: dict[str, Any] = {}
    return _parsed(schema, resolve, names, raw)


def _parsed(schema: Schema, resolve: Resolve, names: dict[str, Any], raw: bool) -> Json:
    for reference in schema.references:
        _parsed(resolve(reference), resolve, names, raw)
    try:
        text = json.loads(schema.text) if schema.text.lstrip()[:1] in ('"', "{", "[") else schema.text.strip()
        return fastavro.parse_schema(_without_logical(text) if raw else text, named_schemas=names, expand=not raw)
    except (SchemaParseException, UnknownType, KeyError, TypeError, AttributeError) as why:
        raise ValueError(f"{type(why).__name__}: {why}") from None


def _without_logical(node: Json) -> Json:
    if isinstance(node, list):
        return [_without_logical(n) for n in node]
    if isinstance(node, dict):
        return {k: v if k == "default" else _without_logical(v) for k, v in node.items() if k != "logicalType"}
    return node


def branches(node: Json) -> tuple[list[Json], bool]:
    """The branches of a schema that are not null, and whether null is one; a schema that is no union is its only branch."""
    if not isinstance(node, list):
        return ([], True) if kind_of(node) == "null" else ([node], False)
    real = [n for n in node if kind_of(n) != "null"]
    return real, len(real) < len(node)


def kind_of(node: Json) -> str:
    """The word of a schema's type."""
    if isinstance(node, dict):
        inner = node["type"]
        return kind_of(inner) if not isinstance(inner, str) else inner
    return "union" if isinstance(node, list) else str(node)


def is_entries(node: Json) -> bool:
    """Whether an array's items are a map's entries."""
    items = node.get("items")
    if not isinstance(items, dict) or items.get("type") != "record":
        return False
    short = str(items.get("name", "")).rpartition(".")[2]
    marked = items.get("connect.internal.type") == ENTRY or short == ENTRY
    return marked and [f["name"] for f in items["fields"]] == ["key", "value"]


def branch_name(node: Json) -> str:
    """What a branch of a union is called as a field: its type, or its record's name."""
    if isinstance(node, dict) and "name" in node:
        return str(node["name"]).rpartition(".")[2]
    return kind_of(node)


class NoSqlType(ValueError):
    """A part of a schema that SQL has no type for."""


def sql_type_of(node: Json, *, keep_case: bool) -> SqlType:
    """The type that ksqlDB sees. Raises NoSqlType."""
    real, _ = branches(node)
    if len(real) != 1:
        if not real:
            raise NoSqlType("null")
        fields = [(branch_name(n), sql_type_of(n, keep_case=keep_case)) for n in real]
        return Struct(tuple((n if keep_case else n.upper(), t) for n, t in fields))
    node = real[0]
    kind = kind_of(node)
    if kind == "array":
        if is_entries(node):
            key, value = (sql_type_of(f["type"], keep_case=keep_case) for f in node["items"]["fields"])
            return Map(key, value)
        return Array(sql_type_of(node["items"], keep_case=keep_case))
    if kind == "map":
        return Map(STRING, sql_type_of(node["values"], keep_case=keep_case))
    if kind == "record":
        if "fields" not in node:
            raise NoSqlType("a record that holds itself")
        return Struct(tuple(fields_of(node, keep_case=keep_case)))
    return _scalar(node, kind)


def _scalar(node: Json, kind: str) -> SqlType:
    logical = node.get("logicalType") if isinstance(node, dict) else None
    if logical == "decimal" and kind in ("bytes", "fixed"):
        precision, scale = int(node["precision"]), int(node.get("scale", 0))
        if not 1 <= precision <= 38 or not 0 <= scale <= precision:
            raise NoSqlType(f"a decimal of {precision} digits")
        return Decimal(precision, scale)
    if (kind, logical) in _FROM_LOGICAL:
        return _FROM_LOGICAL[(kind, str(logical))]
    if kind not in _FROM_PLAIN:
        raise NoSqlType(kind)  # a name that stands in its own definition
    return _FROM_PLAIN[kind]


def fields_of(record: Json, *, keep_case: bool) -> list[tuple[str, SqlType]]:
    """A record's fields, but those that SQL has no type for, which ksqlDB leaves out too."""
    found = []
    for field in record["fields"]:
        try:
            sql_type = sql_type_of(field["type"], keep_case=keep_case)
        except NoSqlType:
            continue
        found.append((field["name"] if keep_case else field["name"].upper(), sql_type))
    return found


def columns_in(node: Json, *, unwrapped: str | None, keep_case: bool) -> list[FormatColumn]:
    """The columns of a whole schema; `unwrapped`: the name of the one column that it is, None for a record of columns."""
    try:
        if unwrapped is not None:
            return [FormatColumn(unwrapped, sql_type_of(node, keep_case=keep_case))]
        real, _ = branches(node)
        if len(real) != 1 or kind_of(real[0]) != "record":
            raise AnalysisError(
                "Schema returned from schema registry is anonymous type.",
                detail=f"it is {kind_of(node)}, not a record of columns",
                hint="set WRAP_SINGLE_VALUE = false in the WITH clause",
            )
        found = fields_of(real[0], keep_case=keep_case)
    except NoSqlType as why:
        raise AnalysisError("the schema cannot be read as columns", detail=f"SQL has no type for {why}") from None
    if not found:
        raise AnalysisError("Schema does not include any columns.", detail="SQL has no type for any of its fields")
    return [FormatColumn(n, t) for n, t in found]
