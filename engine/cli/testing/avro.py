"""Records of test cases in AVRO: JSON as a case writes it, to a value of the topic's schema, and back.

Written apart from the engine's own reading and writing, so that each shows the other's mistakes. Names match exactly,
else in any case; a field that the case does not give takes its default, else null.
"""

from __future__ import annotations

import base64
import io
import struct
from collections.abc import Callable
from decimal import Context, Decimal
from typing import Any

import fastavro

from ...io.formats.avro.schema import branches, is_entries, kind_of, parsed
from ...io.formats.avro.values import default_value
from ...io.schemas.schema import Resolve, Schema

Json = Any
_EXACT = Context(prec=80)


def avro_bytes(value: Json, schema: Schema, resolve: Resolve, *, schema_id: int) -> bytes | None:
    """A case's value as the schema writes it, with Confluent's header."""
    if value is None:
        return None
    out = io.BytesIO()
    out.write(b"\0" + struct.pack(">I", schema_id))
    made = _written(value, parsed(schema, resolve, raw=False))
    fastavro.schemaless_writer(out, parsed(schema, resolve, raw=True), made)
    return out.getvalue()


def avro_json(payload: bytes | None, schema_of: Callable[[int], Schema], resolve: Resolve) -> Json:
    """What a case says of a payload."""
    if payload is None:
        return None
    if len(payload) < 5 or payload[0] != 0:
        raise ValueError("no schema id before the record")
    schema = schema_of(int.from_bytes(payload[1:5], "big"))
    read: Any = fastavro.schemaless_reader(io.BytesIO(payload[5:]), parsed(schema, resolve, raw=True), None)
    return _shown(read, parsed(schema, resolve, raw=False))


def _written(value: Json, node: Json) -> Any:
    real, nullable = branches(node)
    if value is None and nullable:
        return None
    if len(real) > 1:
        chosen = _chosen(value, real)
        return (
            chosen["name"] if isinstance(chosen, dict) and "name" in chosen else kind_of(chosen),
            _written(value, chosen),
        )
    node = real[0]
    match kind_of(node):
        case "record":
            return {f["name"]: _field(value, f) for f in node["fields"]}
        case "array" if is_entries(node):
            key, item = (f["type"] for f in node["items"]["fields"])
            return [{"key": _written(k, key), "value": _written(v, item)} for k, v in value.items()]
        case "array":
            return [_written(v, node["items"]) for v in value]
        case "map":
            return {str(k): _written(v, node["values"]) for k, v in value.items()}
        case "bytes" | "fixed":
            return _bytes(value, node)
        case "int" | "long":
            return int(value)
        case "float" | "double":
            return float(value)
        case "string" | "enum":
            return value if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
        case _:
            return value


_KINDS = {
    str: ("string", "enum", "bytes"),
    bool: ("boolean",),
    int: ("int", "long"),
    Decimal: ("double", "float", "bytes"),
}


def _chosen(value: Json, real: list[Json]) -> Json:
    wanted = _KINDS.get(type(value), ("array", "map", "record"))
    return next((n for n in real if kind_of(n) in wanted), real[0])


def _field(value: dict[str, Json], field: Json) -> Any:
    name = field["name"]
    if name not in value:
        name = next((n for n in value if n.upper() == field["name"].upper()), None)
    if name is None:
        return default_value(field["default"], field["type"]) if "default" in field else _written(None, field["type"])
    return _written(value[name], field["type"])


def _bytes(value: Json, node: Json) -> bytes:
    if isinstance(node, dict) and node.get("logicalType") == "decimal":
        number = int(Decimal(str(value)).scaleb(int(node.get("scale", 0)), _EXACT).to_integral_exact(context=_EXACT))
        return number.to_bytes(node.get("size") or number.bit_length() // 8 + 1, "big", signed=True)
    return base64.b64decode(value)


def _shown(value: Any, node: Json) -> Json:
    if value is None:
        return None
    real, _ = branches(node)
    node = real[0] if len(real) == 1 else _chosen_back(value, real)
    match kind_of(node):
        case "record":
            return {f["name"]: _shown(value[f["name"]], f["type"]) for f in node["fields"]}
        case "array" if is_entries(node):
            key, item = (f["type"] for f in node["items"]["fields"])
            return {str(_shown(e["key"], key)): _shown(e["value"], item) for e in value}
        case "array":
            return [_shown(v, node["items"]) for v in value]
        case "map":
            return {k: _shown(v, node["values"]) for k, v in value.items()}
        case "bytes" | "fixed" if isinstance(node, dict) and node.get("logicalType") == "decimal":
            return Decimal(int.from_bytes(value, "big", signed=True)).scaleb(-int(node.get("scale", 0)), _EXACT)
        case "bytes" | "fixed":
            return base64.b64encode(value).decode()
        case _:
            return value


def _chosen_back(value: Any, real: list[Json]) -> Json:
    kinds = {bytes: ("bytes", "fixed"), float: ("float", "double"), list: ("array",), dict: ("record", "map")}
    wanted = kinds.get(type(value)) or _KINDS.get(type(value), ())
    return next((n for n in real if kind_of(n) in wanted), real[0])
