"""Whether a schema is one, and whether it goes with those registered before it.

Schemas compare by what they say, not by how they are written: JSON is kept compact, in the order of its keys. Which
direction is asked depends on the level: BACKWARD means that the new schema reads what the latest wrote, FORWARD that
the latest reads what the new one writes, FULL both, and _TRANSITIVE all earlier versions instead of the latest.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Sequence
from typing import Any

from .refusals import Refused
from .schema import Resolve, Schema, SchemaType

LEVELS = (
    "NONE",
    "BACKWARD",
    "BACKWARD_TRANSITIVE",
    "FORWARD",
    "FORWARD_TRANSITIVE",
    "FULL",
    "FULL_TRANSITIVE",
)

Canonical = Callable[[Schema, Resolve], str]
"""A schema's text as it is kept; raises ValueError where it is no schema of its type."""
CanRead = Callable[[Schema, Schema, Resolve], str | None]
"""(reader, writer, resolve): why the one cannot read what the other wrote, None where it can."""

_CANONICAL: dict[SchemaType, Canonical] = {}
_CAN_READ: dict[SchemaType, CanRead] = {}


def add_schema_type(
    schema_type: SchemaType, *, canonical: Canonical | None = None, can_read: CanRead | None = None
) -> None:
    """Say how schemas of a type are kept and compared; a format does when it is imported."""
    if canonical is not None:
        _CANONICAL[schema_type] = canonical
    if can_read is not None:
        _CAN_READ[schema_type] = can_read


def _know_formats() -> None:
    """Have the formats say how their schemas are kept and compared; here, because they import this module."""
    importlib.import_module("..formats.registry", __package__)


def _plain(schema: Schema, resolve: Resolve) -> str:
    """JSON without blanks, else the text without what surrounds it."""
    if schema.type == "PROTOBUF":
        return schema.text.strip()
    value: Any = json.loads(schema.text)
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def parse(schema: Schema, resolve: Resolve) -> Schema:
    """The schema as it is kept. Raises Refused (42201) where it is none."""
    if schema.type not in ("AVRO", "PROTOBUF", "JSON"):
        raise Refused(42201, f"Invalid schema: unknown type {schema.type}", hint="AVRO, PROTOBUF or JSON")
    _know_formats()
    try:
        text = _CANONICAL.get(schema.type, _plain)(schema, resolve)
    except ValueError as why:
        raise Refused(42201, f"Invalid {schema.type} schema", detail=str(why)) from None
    return Schema(schema.type, text, schema.references)


def check(new: Schema, earlier: Sequence[Schema], level: str | None, resolve: Resolve) -> str | None:
    """Why `new` does not go with `earlier` (oldest first), None where it does."""
    if level is None or level == "NONE" or not earlier:
        return None
    _know_formats()
    compared = earlier if level.endswith("_TRANSITIVE") else earlier[-1:]
    for old in reversed(compared):
        if old.type != new.type:
            return f"a schema of type {new.type} after one of type {old.type}"
        can_read = _CAN_READ.get(new.type)
        if can_read is None:
            continue
        backward, forward = not level.startswith("FORWARD"), not level.startswith("BACKWARD")
        reason = (can_read(new, old, resolve) if backward else None) or (
            can_read(old, new, resolve) if forward else None
        )
        if reason is not None:
            return reason
    return None
