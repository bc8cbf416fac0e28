"""Whether one Avro schema reads what another wrote: the rules of schema resolution in Avro's specification."""

from __future__ import annotations

import json

from ...schemas.schema import Resolve, Schema
from .schema import Json, kind_of, parsed

_WIDENS = {
    "long": ("int",),
    "float": ("int", "long"),
    "double": ("int", "long", "float"),
    "string": ("bytes",),
    "bytes": ("string",),
}
_PRIMITIVE = frozenset(["null", "boolean", "int", "long", "float", "double", "string", "bytes"])


def canonical(schema: Schema, resolve: Resolve) -> str:
    """The text that a schema is kept as: compact, plain types by their word alone. Raises ValueError where it is none."""
    parsed(schema, resolve, raw=True)
    text = schema.text.strip()
    value = json.loads(text) if text[:1] in ('"', "{", "[") else text
    return json.dumps(_shortened(value), separators=(",", ":"), ensure_ascii=False)


def _shortened(node: Json) -> Json:
    if isinstance(node, list):
        return [_shortened(n) for n in node]
    if isinstance(node, dict):
        if node.get("type") == "record" and not isinstance(node.get("fields"), list):
            raise ValueError(f"record {node.get('name')} has no fields")
        if node.keys() == {"type"} and isinstance(node["type"], str) and node["type"] in _PRIMITIVE:
            return node["type"]
        return {k: v if k == "default" else _shortened(v) for k, v in node.items()}
    return node


def can_read(reader: Schema, writer: Schema, resolve: Resolve) -> str | None:
    """Why `reader` cannot read what `writer` wrote, None where it can."""
    return _unreadable(parsed(reader, resolve, raw=False), parsed(writer, resolve, raw=False), "/")


def _unreadable(reader: Json, writer: Json, path: str) -> str | None:
    if isinstance(writer, list):
        return next((why for w in writer if (why := _unreadable(reader, w, path))), None)
    if isinstance(reader, list):
        reasons = [_unreadable(r, writer, path) for r in reader]
        return None if None in reasons else f"{path}: no branch of the reader's union takes {kind_of(writer)}"
    kind, written = kind_of(reader), kind_of(writer)
    if kind != written:
        return None if written in _WIDENS.get(kind, ()) else f"{path}: {written} cannot be read as {kind}"
    match kind:
        case "array":
            return _unreadable(reader["items"], writer["items"], path + "items/")
        case "map":
            return _unreadable(reader["values"], writer["values"], path + "values/")
        case "fixed" | "enum" | "record":
            return _unreadable_named(reader, writer, kind, path)
        case _:
            return None


def _short(name: str) -> str:
    return name.rpartition(".")[2]


def _unreadable_named(reader: Json, writer: Json, kind: str, path: str) -> str | None:
    aliases = [_short(a) for a in reader.get("aliases", ())]
    if _short(reader["name"]) != _short(writer["name"]) and _short(writer["name"]) not in aliases:
        return f"{path}: expected {reader['name']}, written as {writer['name']}"
    if kind == "fixed":
        return None if reader["size"] == writer["size"] else f"{path}: fixed of {writer['size']} bytes"
    if kind == "enum":
        lost = [s for s in writer["symbols"] if s not in reader["symbols"]]
        return f"{path}: the reader has no symbol {', '.join(lost)}" if lost and "default" not in reader else None
    if "fields" not in reader or "fields" not in writer:
        return None  # a record inside itself: compared where it is defined
    written = {f["name"]: f["type"] for f in writer["fields"]}
    for field in reader["fields"]:
        name = next((n for n in (field["name"], *field.get("aliases", ())) if n in written), None)
        inner = f"{path}{field['name']}/"
        if name is None:
            if "default" not in field:
                return f"{inner}: the reader's field has no default and was not written"
        elif why := _unreadable(field["type"], written[name], inner):
            return why
    return None
