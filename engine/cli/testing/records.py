"""Records of test cases: JSON as a case writes it, to the bytes of the topic's real formats, and back.

A case's numbers keep their digits on the way (they are read as Decimal), so that what the engine does to them shows.
"""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from ...errors import UserError
from ...sql.schema import ColumnDef
from ...sql.types import BIGINT, BYTES, DOUBLE, INTEGER, SqlType

Json = Any
_LAYOUTS: dict[SqlType, str] = {INTEGER: ">i", BIGINT: ">q", DOUBLE: ">d"}


def read_json(text: str | bytes) -> Json:
    """JSON with every number as it is written."""
    return json.loads(text, parse_float=Decimal)


def write_json(value: Json) -> str:
    """The same back.

    >>> write_json(read_json('{"a": [1.10, null, "x"]}'))
    '{"a": [1.10, null, "x"]}'
    """
    match value:
        case Decimal():
            return str(value)
        case dict():
            return "{" + ", ".join(f"{json.dumps(k)}: {write_json(v)}" for k, v in value.items()) + "}"
        case list():
            return "[" + ", ".join(write_json(v) for v in value) + "]"
        case _:
            return json.dumps(value)


@dataclass(frozen=True)
class Side:
    """The keys or the values of a topic: their format and columns."""

    format: str
    columns: tuple[ColumnDef, ...]
    delimiter: str = ","

    def to_bytes(self, value: Json) -> bytes | None:
        """A case's value as the topic carries it; None is a NULL payload."""
        if value is None or self.format == "NONE":
            return None
        if self.format == "KAFKA":
            return _kafka_bytes(value, self._type(), self.columns)
        if self.format == "DELIMITED":
            return _plain_text(value, self.delimiter).encode()
        return write_json(value).encode()

    def from_bytes(self, payload: bytes | None) -> Json:
        """What a case says of a payload."""
        if payload is None or self.format == "NONE":
            return None
        if self.format == "KAFKA":
            return _kafka_value(payload, self._type())
        if self.format == "DELIMITED":
            return payload.decode()
        return read_json(payload)

    def _type(self) -> SqlType | None:
        return self.columns[0].type if len(self.columns) == 1 else None


def _plain_text(value: Json, delimiter: str) -> str:
    if isinstance(value, list):
        return delimiter.join("" if v is None else _plain_text(v, delimiter) for v in value)
    if isinstance(value, dict):
        return _plain_text(list(value.values()), delimiter)
    return value if isinstance(value, str) else write_json(value)


def _kafka_bytes(value: Json, kind: SqlType | None, columns: tuple[ColumnDef, ...]) -> bytes:
    if isinstance(value, dict) and len(value) == 1:
        value = next(iter(value.values()))
    if kind in _LAYOUTS and isinstance(value, int | float | Decimal | str):
        number = float(value) if kind == DOUBLE else int(value)
        return struct.pack(_LAYOUTS[kind], number)
    if kind == BYTES and isinstance(value, str):
        return base64.b64decode(value)
    if kind is None and not columns and isinstance(value, int):
        return struct.pack(">q", value)
    return (value if isinstance(value, str) else write_json(value)).encode()


def _kafka_value(payload: bytes, kind: SqlType | None) -> Json:
    if kind in _LAYOUTS:
        (number,) = struct.unpack(_LAYOUTS[kind], payload)
        return number
    if kind == BYTES:
        return base64.b64encode(payload).decode()
    return payload.decode()


class OneSide(Protocol):
    """The keys or the values of a topic: a case's JSON to bytes and back."""

    def to_bytes(self, value: Json) -> bytes | None:
        """A case's value as the topic carries it; None is a NULL payload."""
        ...

    def from_bytes(self, payload: bytes | None) -> Json:
        """What a case says of a payload."""
        ...


@dataclass(frozen=True)
class TopicShape:
    """How a topic's records are written, as the first relation over it says."""

    key: OneSide
    value: OneSide
    window: str | None = None
    window_size_ms: int | None = None

    def key_bytes(self, key: Json, window: Mapping[str, Any] | None) -> bytes | None:
        """A key with its window, in Kafka Streams' layout."""
        raw = self.key.to_bytes(key)
        if raw is None or window is None or self.window is None:
            return raw
        end = struct.pack(">q", window["end"]) if self.window == "SESSION" else b""
        return raw + end + struct.pack(">q", window["start"])

    def key_json(self, raw: bytes | None) -> tuple[Json, dict[str, Any] | None]:
        """A key and its window."""
        if raw is None or self.window is None:
            return self.key.from_bytes(raw), None
        (start,) = struct.unpack(">q", raw[-8:])
        if self.window == "SESSION":
            (end,) = struct.unpack(">q", raw[-16:-8])
            return self.key.from_bytes(raw[:-16]), {"start": start, "end": end, "type": "session"}
        window = {"start": start, "end": start + (self.window_size_ms or 0), "type": "time"}
        return self.key.from_bytes(raw[:-8]), window


def checked(convert: Callable[[], bytes | None], what: str) -> bytes | None:
    """A conversion whose failure is the case's fault."""
    try:
        return convert()
    except (ValueError, struct.error, TypeError, KeyError, AttributeError) as why:
        raise UserError(f"the case's {what} cannot be written in the topic's format", detail=str(why)) from None
