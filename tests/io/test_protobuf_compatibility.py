"""Which PROTOBUF schemas may follow one another under a subject."""

from __future__ import annotations

import uuid

import pytest

from mergus.engine.errors import Conflict, UserError
from mergus.engine.io.formats.protobuf import records  # noqa: F401 - its schemas are compared once it is there
from mergus.engine.io.schemas.opening import open_registry
from mergus.engine.io.schemas.schema import Schema


def proto(text: str) -> Schema:
    return Schema("PROTOBUF", 'syntax = "proto3";\n' + text)


FIRST = (
    "message A { int32 a = 1; string s = 2; B b = 3; oneof o { int32 x = 4; int32 y = 5; } } message B { int64 n = 1; }"
)

MOVED = FIRST.replace("int32 a = 1; string s = 2;", "").replace("int32 x", "int32 a = 1; string s = 2; int32 x")


@pytest.mark.parametrize(
    "second",
    [
        FIRST.replace("string s = 2;", ""),
        FIRST.replace("string s", "bytes other"),
        FIRST.replace("int32 a", "uint64 a"),
        FIRST.replace("int32 a = 1;", "int32 a = 1; double more = 9;"),
        FIRST.replace("string s", "repeated string s"),
        "package p; " + FIRST,
    ],
)
def test_goes_after(second: str) -> None:
    registry = open_registry(f"memory:{uuid.uuid4()}")
    first = registry.register("s", proto(FIRST))
    assert registry.register("s", proto(second)) != first


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        (FIRST.replace("int32 a", "sint32 a"), "its type is written differently"),
        (FIRST.replace("int32 a", "repeated int32 a"), "lists of numbers"),
        (FIRST.replace("B b = 3", "string b = 3"), "another kind"),
        (FIRST.replace(" message B", " message C").replace("B b", "C b"), "B became C"),
        (FIRST.replace(" int32 y = 5;", ""), "gone from the oneof"),
        (MOVED, "moved into"),
    ],
)  # fmt: skip
def test_does_not_go_after(second: str, reason: str) -> None:
    registry = open_registry(f"memory:{uuid.uuid4()}")
    registry.register("s", proto(FIRST))
    with pytest.raises(Conflict) as refused:
        registry.register("s", proto(second))
    assert reason in str(refused.value)


def test_what_is_no_schema_is_refused() -> None:
    with pytest.raises(UserError, match="Invalid PROTOBUF schema") as refused:
        open_registry(f"memory:{uuid.uuid4()}").register("s", proto("message A { B b = 1; }"))
    assert '"B" is not defined' in str(refused.value)
