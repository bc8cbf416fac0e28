"""Columns to a JSON Schema as ksqlDB registers it, and a JSON Schema to the columns that ksqlDB infers.

Everything goes through Kafka Connect's types, whose names stand in the schema as `connect.type`, `connect.index`,
`connect.parameters` and the title of logical types. A column is optional: one of null and its type. Where ksqlDB writes a
map as a list of entries, which it cannot read back itself, the schema here says what the record holds: an object.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

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
from ...schemas.schema import Reference, Resolve, Schema

Json = Any
_CONNECT = "org.apache.kafka.connect.data."
_DECIMAL = _CONNECT + "Decimal"
PRECISION_DEFAULT = 38
_SCALARS: dict[SqlType, dict[str, Json]] = {
    BOOLEAN: {"type": "boolean"},
    INTEGER: {"type": "integer", "connect.type": "int32"},
    BIGINT: {"type": "integer", "connect.type": "int64"},
    FLOAT: {"type": "number", "connect.type": "float32"},
    DOUBLE: {"type": "number", "connect.type": "float64"},
    STRING: {"type": "string"},
    BYTES: {"type": "string", "connect.type": "bytes"},
    DATE: {"type": "integer", "title": _CONNECT + "Date", "connect.version": 1, "connect.type": "int32"},
    TIME: {"type": "integer", "title": _CONNECT + "Time", "connect.version": 1, "connect.type": "int32"},
    TIMESTAMP: {"type": "integer", "title": _CONNECT + "Timestamp", "connect.version": 1, "connect.type": "int64"},
}
_LOGICAL = {_CONNECT + "Date": DATE, _CONNECT + "Time": TIME, _CONNECT + "Timestamp": TIMESTAMP}
_OF_CONNECT: dict[str, SqlType] = {
    "int8": INTEGER,
    "int16": INTEGER,
    "int32": INTEGER,
    "int64": BIGINT,
    "float32": DOUBLE,
    "float64": DOUBLE,
}


def json_schema(columns: Sequence[tuple[str, SqlType]], *, wrapped: bool) -> str:
    """The schema of an object of these columns, or of the one column's bare value.

    >>> json_schema([("A", INTEGER)], wrapped=False)
    '{"oneOf":[{"type":"null"},{"type":"integer","connect.type":"int32"}]}'
    """
    made = _object(columns) if wrapped else _optional(columns[0][1])
    return json.dumps(made, separators=(",", ":"), ensure_ascii=False)


def _object(fields: Sequence[tuple[str, SqlType]]) -> dict[str, Json]:
    properties = {name: {"connect.index": i, **_optional(t)} for i, (name, t) in enumerate(fields)}
    return {"type": "object", "properties": properties}


def _optional(sql_type: SqlType) -> dict[str, Json]:
    return {"oneOf": [{"type": "null"}, _required(sql_type)]}


def _required(sql_type: SqlType) -> dict[str, Json]:
    match sql_type:
        case Decimal(precision, scale):
            parameters = {"scale": str(scale), "connect.decimal.precision": str(precision)}
            head = {"type": "number", "title": _DECIMAL, "connect.version": 1, "connect.type": "bytes"}
            return {**head, "connect.parameters": parameters}
        case Array(item):
            return {"type": "array", "items": _optional(item)}
        case Vector(size):
            return {"type": "array", "items": _SCALARS[FLOAT], "minItems": size, "maxItems": size}
        case Map(_, value):
            return {"type": "object", "connect.type": "map", "additionalProperties": _optional(value)}
        case Struct(fields):
            return _object(fields)
        case _:
            return _SCALARS[sql_type]


class _Reader:
    """Infers columns from one schema; knows where `$ref` leads."""

    def __init__(self, schema: Schema, resolve: Resolve, *, upper: bool) -> None:
        self.upper = upper
        self.documents: dict[str, Json] = {}
        self.root = self._parsed(schema)
        self._gather(schema.references, resolve)

    def _parsed(self, schema: Schema) -> Json:
        try:
            return json.loads(schema.text)
        except ValueError as why:
            raise AnalysisError("the JSON Schema is not JSON", detail=str(why)) from None

    def _gather(self, references: Sequence[Reference], resolve: Resolve) -> None:
        for reference in references:
            if reference.name not in self.documents:
                found = resolve(reference)
                self.documents[reference.name] = self._parsed(found)
                self._gather(found.references, resolve)

    def type(self, node: Json, path: str, inside: tuple[str, ...] = ()) -> SqlType:
        """The SQL type of a node. `inside`: the references on the way, so that a schema that holds itself is refused."""
        if not isinstance(node, dict):
            raise _refused(path, "any value is allowed there")
        if "$ref" in node:
            return self._referred(str(node["$ref"]), path, inside)
        for combined in ("oneOf", "anyOf"):
            if combined in node:
                return self._union(node[combined], path, inside)
        if "allOf" in node:
            return self._all(node["allOf"], path, inside)
        kind = node.get("type")
        if isinstance(kind, list):
            return self._union([{**node, "type": one} for one in kind], path, inside)
        if "enum" in node or kind == "string":
            return BYTES if node.get("connect.type") == "bytes" else STRING
        match kind:
            case "boolean":
                return BOOLEAN
            case "integer" | "number":
                return _number(node, path)
            case "array":
                return self._array(node, path, inside)
            case "object":
                return self._object(node, path, inside)
        raise _refused(path, "no type is given" if kind is None else f"its type is {kind}")

    def _union(self, choices: Sequence[Json], path: str, inside: tuple[str, ...]) -> SqlType:
        real = [c for c in choices if not (isinstance(c, dict) and c.get("type") == "null")]
        if len(real) != 1:
            raise _refused(path, f"it is one of {len(real)} types")
        return self.type(real[0], path, inside)

    def _all(self, parts: Sequence[Json], path: str, inside: tuple[str, ...]) -> SqlType:
        """Of several that hold together those that name a type; they must agree."""
        typed = [p for p in parts if isinstance(p, dict) and ({"type", "$ref", "enum", "oneOf", "anyOf"} & p.keys())]
        found = list(dict.fromkeys(self.type(p, path, inside) for p in typed))
        if found and all(isinstance(t, Struct) for t in found):
            fields = {name: t for struct in found if isinstance(struct, Struct) for name, t in struct.fields}
            return Struct(tuple(fields.items()))
        if len(found) != 1:
            raise _refused(path, f"it is {len(found)} types at once")
        return found[0]

    def _array(self, node: Mapping[str, Json], path: str, inside: tuple[str, ...]) -> SqlType:
        items = node.get("items")
        if not isinstance(items, dict):
            raise _refused(path, "the array does not say what its items are")
        if node.get("connect.type") == "map" and items.get("type") == "object":
            return Map(STRING, self.type(items.get("properties", {}).get("value"), path, inside))
        return Array(self.type(items, path, inside))

    def _object(self, node: Mapping[str, Json], path: str, inside: tuple[str, ...]) -> SqlType:
        others = node.get("additionalProperties")
        if node.get("connect.type") == "map" or (isinstance(others, dict) and others and not node.get("properties")):
            return Map(STRING, self.type(others, path, inside))
        fields = self.fields(node, path, inside)
        if not fields:
            raise _refused(path, "the object names no properties")
        return Struct(tuple(fields))

    def fields(self, node: Mapping[str, Json], path: str, inside: tuple[str, ...]) -> list[tuple[str, SqlType]]:
        """An object's properties in the order of connect.index, else in the order of the text."""
        placed: list[tuple[int, str, Json]] = []
        for name, property_ in node.get("properties", {}).items():
            given = property_.get("connect.index") if isinstance(property_, dict) else None
            placed.append((given if isinstance(given, int) else len(placed), name, property_))
        placed.sort(key=lambda p: p[0])
        return [
            (name.upper() if self.upper else name, self.type(p, f"{path}.{name}" if path else name, inside))
            for _, name, p in placed
        ]

    def _referred(self, target: str, path: str, inside: tuple[str, ...]) -> SqlType:
        if target in inside:
            raise _refused(path, f"{target} holds itself")
        file, _, pointer = target.partition("#")
        node = self.root if not file else self.documents.get(file)
        for step in pointer.split("/")[1:]:
            step = step.replace("~1", "/").replace("~0", "~")
            node = node.get(step) if isinstance(node, dict) else None
        if node is None:
            raise _refused(path, f"{target} leads nowhere")
        return self.type(node, path, (*inside, target))


def _number(node: Mapping[str, Json], path: str) -> SqlType:
    title, connect = node.get("title"), node.get("connect.type")
    if title in _LOGICAL:
        return _LOGICAL[title]
    if title == _DECIMAL or connect == "bytes":
        parameters = node.get("connect.parameters") or {}
        precision = int(parameters.get("connect.decimal.precision", PRECISION_DEFAULT))
        return Decimal(min(precision, PRECISION_DEFAULT), int(parameters.get("scale", 0)))
    if connect is None:
        return BIGINT if node.get("type") == "integer" else DOUBLE
    if connect not in _OF_CONNECT:
        raise _refused(path, f"its connect.type is {connect}")
    return _OF_CONNECT[connect]


def _refused(path: str, why: str) -> AnalysisError:
    return AnalysisError(
        f"SQL cannot hold {f'the JSON Schema field {path}' if path else 'the JSON Schema'}", detail=why
    )


def inferred(schema: Schema, resolve: Resolve, *, wrapped: bool, single: str, upper: bool) -> list[tuple[str, SqlType]]:
    """The columns of a schema: an object's properties, or one column named `single` of the whole value."""
    reader = _Reader(schema, resolve, upper=upper)
    whole = reader.type(reader.root, "")
    if not wrapped:
        return [(single, whole)]
    if not isinstance(whole, Struct):
        raise AnalysisError(
            "Schema returned from schema registry is anonymous type. To use this schema with ksqlDB, set "
            "'WRAP_SINGLE_VALUE=false' in the WITH clause properties.",
            detail=f"the value is {whole}, not an object of named fields",
        )
    return list(whole.fields)


def optional_properties(schema: Schema) -> frozenset[str]:
    """The properties of an object's schema that may be null or have a default."""
    root = json.loads(schema.text)
    choices = root.get("oneOf") or root.get("anyOf") or [root]
    found = [(n, p) for c in choices if isinstance(c, dict) for n, p in c.get("properties", {}).items()]
    return frozenset(name for name, property_ in found if _may_be_null(property_))


def _may_be_null(node: Json) -> bool:
    if not isinstance(node, dict) or "default" in node:
        return True
    kind = node.get("type")
    if kind == "null" or (isinstance(kind, list) and "null" in kind):
        return True
    return any(_may_be_null(c) for combined in ("oneOf", "anyOf") for c in node.get(combined, ()))
