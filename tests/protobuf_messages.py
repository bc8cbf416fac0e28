"""A message's class from its .proto text, as an application's generated code would have it."""

from __future__ import annotations

from typing import Any

from google.protobuf import message_factory

from mergus.engine.io.formats.protobuf.compile import compiled
from mergus.engine.io.schemas.schema import Reference, Schema


def message_class(text: str, name: str | None = None) -> Any:
    """The message of this name, the first one without; the text references no other."""

    def nothing(reference: Reference) -> Schema:
        raise AssertionError(reference)

    return message_factory.GetMessageClass(compiled(Schema("PROTOBUF", text), nothing).message(name))
