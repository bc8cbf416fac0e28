"""Records of test cases in PROTOBUF: JSON as a case writes it to a message of the topic's schema, and back.

Names match exactly, else whatever their case; names that the message lacks are passed over; a field that is not set is its
default, or null where the message can tell, and so are bytes that are empty.
"""

from __future__ import annotations

import base64
import datetime
import struct
from collections.abc import Callable, Iterator
from decimal import Context, Decimal
from typing import Any

from google.protobuf import message_factory
from google.protobuf.descriptor import FieldDescriptor as F
from google.protobuf.message import DecodeError, Message

from ...io.formats.protobuf.compile import Descriptor, compiled, params
from ...io.formats.protobuf.decode import message_indexes
from ...io.formats.protobuf.records import message_header
from ...io.formats.protobuf.schema import DECIMAL_NAME, LOGICAL_NAMES, WRAPPER_NAMES, is_entry, oneofs, plain_fields
from ...io.schemas.schema import Resolve, Schema
from ...sql.types import DATE, TIME

Json = Any
_WHOLE = (
    F.TYPE_INT32, F.TYPE_INT64, F.TYPE_UINT32, F.TYPE_UINT64, F.TYPE_SINT32, F.TYPE_SINT64,
    F.TYPE_FIXED32, F.TYPE_FIXED64, F.TYPE_SFIXED32, F.TYPE_SFIXED64,
)  # fmt: skip
_EPOCH = datetime.date(1970, 1, 1)
_EXACT = Context(prec=80)


def protobuf_bytes(
    value: Json, schema: Schema, resolve: Resolve, *, schema_id: int | None = None, full_name: str | None = None
) -> bytes | None:
    """A case's value as a message of the schema; with Confluent's header where there is an id."""
    if value is None:
        return None
    whole = compiled(schema, resolve)
    descriptor = whole.message(full_name)
    message = message_factory.GetMessageClass(descriptor)()
    if not isinstance(value, dict):
        value = {descriptor.fields[0].name: value}
    _fill(message, descriptor, value)
    body: bytes = message.SerializeToString()
    return body if schema_id is None else message_header(schema_id, whole.indexes(descriptor)) + body


def protobuf_json(payload: bytes | None, schema_of: Callable[[int | None], Schema], resolve: Resolve) -> Json:
    """What a case says of a payload. `schema_of` gives the schema of the id before the message; of None, for payloads
    without a header (PROTOBUF_NOSR), it is asked first and raises KeyError where payloads have one."""
    if payload is None:
        return None
    indexes: tuple[int, ...] = (0,)
    at = 0
    try:
        schema = schema_of(None)
    except KeyError:
        if len(payload) < 6 or payload[0] != 0:
            raise ValueError("no schema id before the message") from None
        schema = schema_of(int.from_bytes(payload[1:5], "big"))
        indexes, at = message_indexes(payload)
    descriptor = compiled(schema, resolve).at(indexes)
    if descriptor is None:
        raise ValueError(f"the schema has no message at {indexes}")
    try:
        message = message_factory.GetMessageClass(descriptor).FromString(payload[at:])
    except DecodeError as why:
        raise ValueError(str(why)) from None
    return _read(message, descriptor)


def _found(value: dict[str, Json], name: str) -> Json:
    if name in value:
        return value[name]
    return next((v for n, v in value.items() if n.upper() == name.upper()), None)


def _given(descriptor: Descriptor, value: dict[str, Json]) -> Iterator[tuple[Descriptor, Json]]:
    for name, oneof in oneofs(descriptor):
        inner = _found(value, name)
        if isinstance(inner, dict):
            yield from ((f, _found(inner, f.name)) for f in oneof.fields)
    for field in plain_fields(descriptor):
        yield field, _found(value, field.name)


def _fill(message: Message, descriptor: Descriptor, value: dict[str, Json]) -> None:
    for field, given in _given(descriptor, value):
        if given is None:
            continue
        if is_entry(field):
            _fill_map(message, field, given)
        elif field.is_repeated:
            for item in given:
                if field.message_type is None:
                    getattr(message, field.name).append(_scalar(field, item))
                else:
                    _fill_message(getattr(message, field.name).add(), field, item)
        elif field.message_type is None:
            setattr(message, field.name, _scalar(field, given))
        else:
            inner = getattr(message, field.name)
            inner.SetInParent()
            _fill_message(inner, field, given)


def _fill_map(message: Message, field: Descriptor, given: dict[str, Json]) -> None:
    key, value = field.message_type.fields
    entries = getattr(message, field.name)
    for name, item in given.items():
        if not field.message_type.GetOptions().map_entry:
            _fill(entries.add(), field.message_type, {"key": name, "value": item})
        elif value.message_type is None:
            entries[_scalar(key, name)] = _scalar(value, item)
        else:
            _fill_message(entries[_scalar(key, name)], value, item)


def _fill_message(message: Any, field: Descriptor, given: Json) -> None:
    name = field.message_type.full_name
    if given is None:
        return
    if name == DECIMAL_NAME:
        _fill_decimal(message, field, Decimal(str(given)))
    elif name in LOGICAL_NAMES:
        _fill_time(message, LOGICAL_NAMES[name], int(given))
    elif name in WRAPPER_NAMES:
        message.value = _scalar(field.message_type.fields[0], given)
    else:
        _fill(message, field.message_type, given)


def _fill_decimal(message: Any, field: Descriptor, number: Decimal) -> None:
    scale = int(params(field).get("scale", 0))
    exact = number.quantize(Decimal(1).scaleb(-scale), context=_EXACT)
    unscaled = int(exact.scaleb(scale, context=_EXACT))
    message.value = unscaled.to_bytes((unscaled.bit_length() + 8) // 8, "big", signed=True)
    message.precision, message.scale = max(1, len(str(abs(unscaled)))), scale


def _fill_time(message: Any, logical: Any, number: int) -> None:
    if logical == DATE:
        day = _EPOCH + datetime.timedelta(days=number)
        message.year, message.month, message.day = day.year, day.month, day.day
    elif logical == TIME:
        seconds = number // 1000
        message.hours, message.minutes, message.seconds = seconds // 3600, seconds // 60 % 60, seconds % 60
        message.nanos = number % 1000 * 1_000_000
    else:
        message.seconds, message.nanos = number // 1000, number % 1000 * 1_000_000


def _scalar(field: Descriptor, given: Json) -> Any:
    if given is None:
        return field.default_value
    if field.type in _WHOLE:
        return int(given)
    if field.type in (F.TYPE_FLOAT, F.TYPE_DOUBLE):
        return float(given)
    if field.type == F.TYPE_BOOL:
        return given if isinstance(given, bool) else str(given).lower() == "true"
    if field.type == F.TYPE_BYTES:
        return base64.b64decode(given)
    if field.type == F.TYPE_ENUM:
        return field.enum_type.values_by_name[given].number
    return ("true" if given else "false") if isinstance(given, bool) else str(given)


def _read(message: Any, descriptor: Descriptor) -> dict[str, Json]:
    out: dict[str, Json] = {}
    for name, oneof in oneofs(descriptor):
        chosen = message.WhichOneof(oneof.name)
        inner = {f.name: _field(message, f) if f.name == chosen else None for f in oneof.fields}
        out[name] = None if chosen is None else inner
    for field in plain_fields(descriptor):
        out[field.name] = _field(message, field)
    return out


def _field(message: Any, field: Descriptor) -> Json:
    value = getattr(message, field.name)
    if is_entry(field):
        key, item = field.message_type.fields
        if field.message_type.GetOptions().map_entry:
            return {_key(k): _value(item, value[k]) for k in value}
        return {_key(_field(entry, key)): _field(entry, item) for entry in value}
    if field.is_repeated:
        return [_value(field, v) for v in value]
    if field.has_presence and not message.HasField(field.name):
        return None
    return _value(field, value)


def _key(value: Json) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _value(field: Descriptor, value: Any) -> Json:
    if field.message_type is None:
        if field.type == F.TYPE_BYTES:
            return base64.b64encode(value).decode() if value else None
        if field.type == F.TYPE_ENUM:
            return field.enum_type.values_by_number[value].name
        if field.type == F.TYPE_UINT64 or field.type == F.TYPE_FIXED64:
            return struct.unpack("q", struct.pack("Q", value))[0]
        return value
    name = field.message_type.full_name
    if name == DECIMAL_NAME:
        return Decimal(int.from_bytes(value.value, "big", signed=True)).scaleb(-value.scale, context=_EXACT)
    if name in LOGICAL_NAMES:
        return _time(value, LOGICAL_NAMES[name])
    if name in WRAPPER_NAMES:
        return _value(field.message_type.fields[0], value.value)
    return _read(value, field.message_type)


def _time(value: Any, logical: Any) -> int:
    if logical == DATE:
        return (datetime.date(value.year, value.month, value.day) - _EPOCH).days
    if logical == TIME:
        return int(((value.hours * 60 + value.minutes) * 60 + value.seconds) * 1000 + value.nanos // 1_000_000)
    return int(value.seconds * 1000 + value.nanos // 1_000_000)
