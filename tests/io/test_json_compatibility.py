"""Which JSON Schemas may follow one another under a subject."""

from __future__ import annotations

import json
import uuid

import pytest

from mergus.engine.errors import Conflict, UserError
from mergus.engine.io.formats.json import with_schema  # noqa: F401 - its schemas are compared once it is there
from mergus.engine.io.schemas.opening import open_registry
from mergus.engine.io.schemas.schema import Schema

TEXT, WHOLE, NUMBER, NULL = {"type": "string"}, {"type": "integer"}, {"type": "number"}, {"type": "null"}


def of(closed: bool = False, required: tuple[str, ...] = (), **properties: object) -> dict[str, object]:
    shut = {"additionalProperties": False} if closed else {}
    return {"type": "object", "properties": properties, **shut, **({"required": list(required)} if required else {})}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (WHOLE, NUMBER),
        (TEXT, {"oneOf": [NULL, TEXT]}),
        ({"type": ["null", "string"]}, {"anyOf": [TEXT, NULL]}),
        (of(a=TEXT, b=TEXT), of(a=TEXT)),
        (of(True, a=TEXT), of(True, a=TEXT, b=TEXT)),
        (of(a={"enum": ["x"]}), of(a={"enum": ["x", "y"]})),
        ({"type": "array", "items": WHOLE}, {"type": "array", "items": NUMBER}),
        ({"type": "string", "maxLength": 3}, {"type": "string", "maxLength": 4}),
        (of(required=("a",), a=TEXT), of(a=TEXT)),
        (of(a={"connect.index": 0, **TEXT}), of(a={"connect.index": 0, **TEXT}, b={"connect.index": 1, **TEXT})),
        ({"$ref": "#/definitions/d", "definitions": {"d": WHOLE}}, WHOLE),
    ],
)
def test_goes_after(first: object, second: object) -> None:
    registry = open_registry(f"memory:{uuid.uuid4()}")
    number = registry.register("s", Schema("JSON", json.dumps(first)))
    assert registry.register("s", Schema("JSON", json.dumps(second))) != number


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        (NUMBER, WHOLE, "type number became integer"),
        ({"oneOf": [NULL, TEXT]}, TEXT, "null"),
        (of(a=TEXT), of(a=TEXT, b=TEXT), "#/properties/b: a property is added to an open content model"),
        (of(True, a=TEXT, b=TEXT), of(True, a=TEXT), "removed from a closed content model"),
        (of(a=TEXT), of(required=("a",), a=TEXT), "a property became required"),
        (of(a=TEXT), of(True, a=TEXT), "not allowed any more"),
        (of(a=TEXT), of(a={"enum": ["x"]}), "fewer values"),
        (of(a={"type": "array", "items": TEXT}), of(a={"type": "array", "items": WHOLE}), "#/properties/a/items"),
        ({"type": "string"}, {"type": "string", "maxLength": 4}, "narrower"),
        ({}, WHOLE, "any value was allowed"),
    ],
)
def test_does_not_go_after(first: object, second: object, reason: str) -> None:
    registry = open_registry(f"memory:{uuid.uuid4()}")
    registry.register("s", Schema("JSON", json.dumps(first)))
    with pytest.raises(Conflict) as refused:
        registry.register("s", Schema("JSON", json.dumps(second)))
    assert reason in str(refused.value)


def test_what_is_no_schema_is_refused() -> None:
    with pytest.raises(UserError, match="Invalid JSON schema"):
        open_registry(f"memory:{uuid.uuid4()}").register("s", Schema("JSON", "[1]"))


def test_a_schema_that_holds_itself_goes_after_itself() -> None:
    registry = open_registry(f"memory:{uuid.uuid4()}")
    node = of(value=TEXT, next={"$ref": "#"})
    registry.register("s", Schema("JSON", json.dumps(node)))
    registry.register("s", Schema("JSON", json.dumps({**node, "title": "again"})))
