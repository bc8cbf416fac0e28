"""Formats by their SQL names. A third party adds one with `register`."""

from __future__ import annotations

import difflib

from ...errors import UnknownName
from .avro.records import AvroFormat
from .delimited import DelimitedFormat
from .format import Format
from .json.records import JsonFormat
from .json.with_schema import JsonSrFormat
from .kafka import KafkaFormat
from .none import NoneFormat
from .protobuf.records import ProtobufFormat, ProtobufNosrFormat

_SHIPPED: tuple[Format, ...] = (
    JsonFormat(),
    AvroFormat(),
    JsonSrFormat(),
    DelimitedFormat(),
    KafkaFormat(),
    NoneFormat(),
    ProtobufFormat(),
    ProtobufNosrFormat(),
)
_FORMATS: dict[str, Format] = {f.name: f for f in _SHIPPED}


def register(new: Format) -> None:
    """Add or replace a format."""
    _FORMATS[new.name] = new


def names() -> list[str]:
    """The formats there are."""
    return sorted(_FORMATS)


def find(name: str) -> Format:
    """The format of that name (any case). Raises UnknownName with a suggestion."""
    wanted = name.upper()
    if wanted in _FORMATS:
        return _FORMATS[wanted]
    near = difflib.get_close_matches(wanted, _FORMATS, n=1)
    hint = f'did you mean "{near[0]}"?' if near else f"use one of {', '.join(names())}"
    raise UnknownName(f"Unknown format: {name}", hint=hint)
