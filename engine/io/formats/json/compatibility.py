"""Whether values of one JSON Schema are values of another too: Confluent's rules.

A schema is read as the list of its alternatives, since `oneOf`, `anyOf` and a list of types say the same; every alternative
of the writer must be one that the reader takes. An object is open unless `additionalProperties` is false: what is not named
may be there with any value, so that a property cannot be added to an open one without contradicting values that exist. But an
object whose every property has a `connect.index` is a row's of columns, written by ksqlDB, by Kafka Connect or here: nothing
lies in it that it does not name, and so ALTER … ADD COLUMN may add one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...schemas.compatibility import add_schema_type
from ...schemas.schema import Reference, Resolve, Schema

Json = Any
_ANY: dict[str, Json] = {}
_UPPER = ("maxLength", "maximum", "exclusiveMaximum", "maxItems", "maxProperties")
_LOWER = ("minLength", "minimum", "exclusiveMinimum", "minItems", "minProperties")
_TYPES = ("string", "number", "integer", "boolean", "null", "object", "array")
_NAMED = ("properties", "patternProperties", "definitions", "$defs")  # hold schemas by name
_INSIDE = ("items", "additionalProperties", "oneOf", "anyOf", "allOf", "not")  # are a schema, or a list of them
_DEPTH_MAX = 60  # of schemas that hold themselves


class _Document:
    """A schema and those it refers to by name."""

    def __init__(self, schema: Schema, resolve: Resolve) -> None:
        self.root: Json = json.loads(schema.text)
        self.others: dict[str, Json] = {}
        self._gather(schema.references, resolve)

    def _gather(self, references: Sequence[Reference], resolve: Resolve) -> None:
        for reference in references:
            if reference.name not in self.others:
                found = resolve(reference)
                self.others[reference.name] = json.loads(found.text)
                self._gather(found.references, resolve)

    def alternatives(self, node: Json, depth: int = 0) -> list[dict[str, Json]]:
        """What a node may be: schemas of one type each, or `_ANY`."""
        if node is True or node is None or depth > _DEPTH_MAX:
            return [_ANY]
        if node is False:
            return []
        if "$ref" in node:
            return self.alternatives(self._referred(str(node["$ref"])), depth + 1)
        for word in ("oneOf", "anyOf"):
            if word in node:
                return [a for choice in node[word] for a in self.alternatives(choice, depth + 1)]
        if "allOf" in node:
            merged = {k: v for part in node["allOf"] if isinstance(part, dict) for k, v in part.items()}
            return self.alternatives(merged, depth + 1)
        kinds = node.get("type")
        if isinstance(kinds, list):
            return [{**node, "type": kind} for kind in kinds]
        return [node] if kinds is not None or "enum" in node else [_ANY]

    def _referred(self, target: str) -> Json:
        file, _, pointer = target.partition("#")
        node = self.others.get(file) if file else self.root
        for step in pointer.split("/")[1:]:
            node = node.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(node, dict) else None
        return node


class _Comparison:
    """Compares two documents from the root down."""

    def __init__(self, reader: _Document, writer: _Document) -> None:
        self.reader = reader
        self.writer = writer
        self.known: dict[tuple[int, int], str | None] = {}

    def reason(self, new: Json, old: Json, path: str) -> str | None:
        """Why a value of `old` may be none of `new`."""
        pair = (id(new), id(old))
        if pair not in self.known:
            self.known[pair] = None  # while it is compared: a schema that holds itself goes with itself
            self.known[pair] = self._reason(new, old, path)
        return self.known[pair]

    def _reason(self, new: Json, old: Json, path: str) -> str | None:
        accepted = self.reader.alternatives(new)
        if _ANY in accepted:
            return None
        for given in self.writer.alternatives(old):
            if given == _ANY:
                return f"{path}: any value was allowed, now only some are"
            reasons = [next(self._differences(one, given, path), None) for one in accepted]
            if None not in reasons:
                same = [r for r, one in zip(reasons, accepted, strict=True) if one.get("type") == given.get("type")]
                near = same or (reasons if len(reasons) == 1 else [])
                return near[0] if near else f"{path}: type {given.get('type')} is not allowed any more"
        return None

    def _differences(self, new: Mapping[str, Json], old: Mapping[str, Json], path: str) -> Iterator[str]:
        kinds = (old.get("type"), new.get("type"))
        if None not in kinds and kinds[0] != kinds[1] and kinds != ("integer", "number"):
            yield f"{path}: type {kinds[0]} became {kinds[1]}"
        if "enum" in new and ("enum" not in old or not all(v in new["enum"] for v in old["enum"])):
            yield f"{path}: fewer values are allowed"
        yield from _limits(new, old, path)
        if kinds[1] == "array" and (why := self.reason(new.get("items"), old.get("items"), f"{path}/items")):
            yield why
        if kinds[1] == "object":
            yield from self._properties(new, old, path)

    def _properties(self, new: Mapping[str, Json], old: Mapping[str, Json], path: str) -> Iterator[str]:
        after, before = new.get("properties", {}), old.get("properties", {})
        rest_new, rest_old = (
            new.get("additionalProperties", True),
            old.get("additionalProperties", not _of_columns(before)),
        )
        for name, node in after.items():
            here = f"{path}/properties/{name}"
            if name in before:
                why = self.reason(node, before[name], here)
            elif rest_old is False:
                why = None
            elif rest_old is True:
                accepted = self.reader.alternatives(node)
                why = None if _ANY in accepted else f"{here}: a property is added to an open content model"
            else:
                why = self.reason(node, rest_old, here)
            if why:
                yield why
        for name in before.keys() - after.keys():
            here = f"{path}/properties/{name}"
            if rest_new is False:
                yield f"{here}: a property is removed from a closed content model"
            elif rest_new is not True and (why := self.reason(rest_new, before[name], here)):
                yield why
        if rest_new is not True:
            if rest_old is False:
                return
            if rest_new is False or (why := self.reason(rest_new, rest_old, f"{path}/additionalProperties")):
                yield f"{path}/additionalProperties: {'are not allowed any more' if rest_new is False else why}"
        for name in sorted(set(new.get("required", ())) - set(old.get("required", ()))):
            if not (isinstance(after.get(name), dict) and "default" in after[name]):
                yield f"{path}/required/{name}: a property became required"


def _of_columns(properties: Mapping[str, Json]) -> bool:
    return bool(properties) and all(isinstance(p, dict) and "connect.index" in p for p in properties.values())


def _limits(new: Mapping[str, Json], old: Mapping[str, Json], path: str) -> Iterator[str]:
    for word in _UPPER:
        if word in new and (word not in old or old[word] > new[word]):
            yield f"{path}/{word}: narrower than it was"
    for word in _LOWER:
        if word in new and (word not in old or old[word] < new[word]):
            yield f"{path}/{word}: narrower than it was"
    if "pattern" in new and old.get("pattern") != new["pattern"]:
        yield f"{path}/pattern: narrower than it was"


def can_read(reader: Schema, writer: Schema, resolve: Resolve) -> str | None:
    """Why a value of `writer` may be none of `reader`; None where each is."""
    new, old = _Document(reader, resolve), _Document(writer, resolve)
    return _Comparison(new, old).reason(new.root, old.root, "#")


def _nodes(root: Json) -> Iterator[dict[str, Json]]:
    """A schema and those inside it."""
    left = [root]
    while left:
        node = left.pop()
        if not isinstance(node, dict):
            continue
        yield node
        for word in _NAMED:
            if isinstance(named := node.get(word), dict):
                left += named.values()
        for word in _INSIDE:
            inside = node.get(word)
            left += inside if isinstance(inside, list) else [inside]


def canonical(schema: Schema, resolve: Resolve) -> str:
    """The text as it is kept: no blanks. Raises ValueError where it is no schema."""
    value: Json = json.loads(schema.text)
    if not isinstance(value, dict | bool):
        raise ValueError("a JSON Schema is an object, true or false")
    for node in _nodes(value):
        kinds = node.get("type", [])
        for kind in kinds if isinstance(kinds, list) else [kinds]:
            if kind not in _TYPES:
                raise ValueError(f"unknown type {json.dumps(kind)}: {', '.join(_TYPES)} or a list of these")
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


add_schema_type("JSON", canonical=canonical, can_read=can_read)
