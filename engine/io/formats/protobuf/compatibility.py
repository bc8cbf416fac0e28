"""Whether messages of one PROTOBUF schema can be read with another: Confluent's rules.

What counts is the field's number, not its name. Fields may come and go, be renamed, and change between scalars that are
written alike; a message that goes, a field of another kind or another message, and numbers that become a list do not go.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from google.protobuf.descriptor import FieldDescriptor as F

from ....errors import UserError
from ...schemas.compatibility import add_schema_type
from ...schemas.schema import Resolve, Schema
from .compile import Compiled, compiled
from .schema import oneofs

Descriptor = Any
_ALIKE = (
    (F.TYPE_INT32, F.TYPE_INT64, F.TYPE_UINT32, F.TYPE_UINT64, F.TYPE_BOOL),
    (F.TYPE_SINT32, F.TYPE_SINT64),
    (F.TYPE_STRING, F.TYPE_BYTES),
    (F.TYPE_FIXED32, F.TYPE_SFIXED32),
    (F.TYPE_FIXED64, F.TYPE_SFIXED64),
)


def canonical(schema: Schema, resolve: Resolve) -> str:
    """The text as it is kept. Raises ValueError where it cannot be compiled."""
    try:
        compiled(schema, resolve)
    except UserError as why:
        raise ValueError(f"{why.message}: {why.detail}" if why.detail else why.message) from None
    return schema.text.strip() + "\n"


def can_read(reader: Schema, writer: Schema, resolve: Resolve) -> str | None:
    """Why messages of `writer` cannot be read with `reader`; None where they can."""
    old, new = compiled(writer, resolve), compiled(reader, resolve)
    known = {_name(m, new): m for m in new.all_messages()}
    for message in old.all_messages():
        name = _name(message, old)
        if name not in known:
            return f"the message {name} is gone"
        reason = next(_differences(known[name], message), None)
        if reason is not None:
            return reason
    return None


def _name(message: Descriptor, schema: Compiled) -> str:
    package = schema.file.package
    return str(message.full_name).removeprefix(f"{package}." if package else "")


def _differences(new: Descriptor, old: Descriptor) -> Iterator[str]:
    fields = {f.number: f for f in new.fields}
    for before in old.fields:
        after = fields.get(before.number)
        if after is not None and (reason := _changed(before, after)):
            yield f"field {before.number} of message {old.name}: {reason}"
        elif after is None and before.is_required:
            yield f"the required field {before.name} of message {old.name} is gone"
    there = {f.number for f in old.fields}
    for after in new.fields:
        if after.number not in there and after.is_required:
            yield f"the required field {after.name} of message {new.name} is new"
    for _, union in oneofs(old):
        gone = [f.name for f in union.fields if f.number not in fields]
        if gone:
            yield f"the field {gone[0]} is gone from the oneof {union.name} of message {old.name}"
    outside = {f.number for f in old.fields} - {f.number for _, u in oneofs(old) for f in u.fields}
    for _, union in oneofs(new):
        moved = [f.name for f in union.fields if f.number in outside]
        if len(moved) > 1:
            yield f"the fields {', '.join(moved)} moved into the oneof {union.name} of message {new.name}"


def _changed(before: Descriptor, after: Descriptor) -> str | None:
    if before.is_repeated != after.is_repeated and before.type not in (F.TYPE_STRING, F.TYPE_BYTES, F.TYPE_MESSAGE):
        return "numbers and lists of numbers are written differently"
    if (before.message_type is None) != (after.message_type is None) or (
        (before.enum_type is None) != (after.enum_type is None)
    ):
        return "it is of another kind"
    if before.message_type is not None:
        same = before.message_type.name == after.message_type.name
        return None if same else f"{before.message_type.name} became {after.message_type.name}"
    if before.type == after.type or any(before.type in kinds and after.type in kinds for kinds in _ALIKE):
        return None
    return "its type is written differently"


add_schema_type("PROTOBUF", canonical=canonical, can_read=can_read)
