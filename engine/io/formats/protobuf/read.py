"""Messages of Google's runtime to Arrow columns, a batch of messages at a time.

The runtime parses in C, but hands a field out only through a Python object: so each field costs one pass over the batch,
`map` where it can be one, and everything after it (offsets, NULLs, units) is Arrow or numpy. A schema is compared with the
columns once, here; ksqlDB's rules of which type may be read as which are in `_scalar`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from operator import attrgetter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from google.protobuf import message_factory
from google.protobuf.descriptor import FieldDescriptor

from ....errors import RecordError
from ....sql.types import (
    BIGINT,
    BOOLEAN,
    BYTES,
    DATE,
    DOUBLE,
    FLOAT,
    INTEGER,
    STRING,
    TIME,
    TIMESTAMP,
    Array,
    Decimal,
    Map,
    Scalar,
    SqlType,
    Struct,
    Vector,
    arrow_type,
)
from ..civil import days_of
from ..json.text import writer as text_writer
from .decimals import read_decimals
from .schema import DECIMAL_NAME, LOGICAL_NAMES, WRAPPER_NAMES, is_entry, oneofs, plain_fields
from .wire import varint

Descriptor = Any
Messages = Sequence[Any]
Reader = Callable[[Messages], pa.Array]
"""Of a list of messages a column, or of a list of a field's values; None is NULL."""

_F = FieldDescriptor
_NARROW = (_F.TYPE_INT32, _F.TYPE_SINT32, _F.TYPE_SFIXED32)
_UNSIGNED_64 = (_F.TYPE_UINT64, _F.TYPE_FIXED64)
_WIDE = (*_UNSIGNED_64, _F.TYPE_INT64, _F.TYPE_SINT64, _F.TYPE_SFIXED64, _F.TYPE_UINT32, _F.TYPE_FIXED32)
_FLOATS = (_F.TYPE_FLOAT, _F.TYPE_DOUBLE)
_SECONDS_MAX = (2**63 - 1) // 1000 - 1
"""The type's own description ends with the year 9999; a TIMESTAMP does not."""


def message_reader(message: Descriptor, columns: Sequence[tuple[str, SqlType]], path: str = "") -> list[Reader]:
    """A reader a column. A column's field is the one of that name, whatever its case; none gives NULLs.

    Raises RecordError where a field's type cannot be read as the column's.
    """
    fields = {f.name.upper(): f for f in plain_fields(message)}
    fields.update({f.name: f for f in plain_fields(message)})
    unions = {n: o for name, oneof in oneofs(message) for n, o in ((name.upper(), oneof), (name, oneof))}
    readers: list[Reader] = []
    for name, sql_type in columns:
        field = fields.get(name, fields.get(name.upper()))
        union = unions.get(name, unions.get(name.upper()))
        if field is not None:
            readers.append(_field(field, sql_type, f"{path}->{name}"))
        elif union is not None and isinstance(sql_type, Struct):
            readers.append(_oneof(union, sql_type, f"{path}->{name}"))
        else:
            readers.append(_nothing(arrow_type(sql_type)))
    return readers


def _nothing(wanted: pa.DataType) -> Reader:
    return lambda messages: pa.nulls(len(messages), wanted)


def _refuse(field: Descriptor, sql_type: SqlType, path: str) -> RecordError:
    kind = "array" if field.is_repeated else field.message_type.full_name if field.message_type else _kind(field)
    return RecordError(f"Cannot deserialize type {kind} as type {sql_type} for path: {path}")


def _kind(field: Descriptor) -> str:
    names = {v: n for n, v in vars(_F).items() if n.startswith("TYPE_")}
    return str(names[field.type]).removeprefix("TYPE_").lower()


def _field(field: Descriptor, sql_type: SqlType, path: str) -> Reader:
    """A reader from messages to the column of one field."""
    name = field.name
    if is_entry(field):
        if not isinstance(sql_type, Map):
            raise _refuse(field, sql_type, path)
        return _map(field, sql_type, path)
    get = attrgetter(name)
    if field.is_repeated:
        if not isinstance(sql_type, Array | Vector):
            raise _refuse(field, sql_type, path)
        return _repeated(get, field, sql_type, path)
    values = _values(field, sql_type, path)
    if field.has_presence:
        return lambda messages: values([get(m) if m.HasField(name) else None for m in messages])
    return lambda messages: values(list(map(get, messages)))


def _oneof(union: Descriptor, sql_type: Struct, path: str) -> Reader:
    by_name = {n: f for f in union.fields for n in (f.name.upper(), f.name)}
    wanted = [(by_name.get(n, by_name.get(n.upper())), n, t) for n, t in sql_type.fields]
    readers = [_nothing(arrow_type(t)) if f is None else _field(f, t, f"{path}->{n}") for f, n, t in wanted]
    fields = list(arrow_type(sql_type))
    name = union.name

    def read(messages: Messages) -> pa.Array:
        absent = pa.array([m.WhichOneof(name) is None for m in messages], pa.bool_())
        return pa.StructArray.from_arrays([r(messages) for r in readers], fields=fields, mask=absent)

    return read


def _offsets(lists: Sequence[Any]) -> pa.Array:
    lengths = np.fromiter(map(len, lists), np.int64, len(lists))
    return pa.array(np.concatenate(([0], np.cumsum(lengths))).astype(np.int32))


def _repeated(get: Callable[[Any], Any], field: Descriptor, sql_type: Array | Vector, path: str) -> Reader:
    item = FLOAT if isinstance(sql_type, Vector) else sql_type.item
    values = _values(field, item, f"{path}->ARRAY")
    wanted = arrow_type(sql_type)

    def read(messages: Messages) -> pa.Array:
        lists = list(map(get, messages))
        items = values(list(chain.from_iterable(lists)))
        if not isinstance(sql_type, Vector):
            return pa.ListArray.from_arrays(_offsets(lists), items, type=wanted)
        if any(len(one) != sql_type.size for one in lists):
            raise RecordError(f"a field of {sql_type} needs {sql_type.size} numbers, path: {path}")
        return pa.FixedSizeListArray.from_arrays(items, type=wanted)

    return read


def _map(field: Descriptor, sql_type: Map, path: str) -> Reader:
    key, value = field.message_type.fields
    declared = field.message_type.GetOptions().map_entry
    keys = _values(key, sql_type.key, f"{path}->MAP_KEY")
    get, wanted = attrgetter(field.name), arrow_type(sql_type)
    of_key = attrgetter("key")
    if declared:
        items = _values(value, sql_type.value, f"{path}->MAP_VAL")
    else:
        items = _field(value, sql_type.value, f"{path}->MAP_VAL")  # of the entries themselves

    def read(messages: Messages) -> pa.Array:
        if declared:
            maps = list(map(get, messages))
            entries: Iterable[Any] = chain.from_iterable(m.values() for m in maps)
        else:  # the last entry of a key counts
            maps = [{of_key(e): e for e in get(m)} for m in messages]
            entries = chain.from_iterable(m.values() for m in maps)
        found = items(list(entries))
        return pa.MapArray.from_arrays(_offsets(maps), keys(list(chain.from_iterable(maps))), found, type=wanted)

    return read


def _values(field: Descriptor, sql_type: SqlType, path: str) -> Reader:
    """A reader from values of a field (not repeated) to a column."""
    message = field.message_type
    if message is None:
        return _scalar(field, sql_type, path)
    name = message.full_name
    if name == DECIMAL_NAME and isinstance(sql_type, Decimal):
        return lambda values: read_decimals(values, sql_type, path)
    if LOGICAL_NAMES.get(name) == sql_type:
        return {DATE: _dates, TIME: _times, TIMESTAMP: _timestamps}[sql_type]  # type: ignore[index]
    if name in WRAPPER_NAMES and not isinstance(sql_type, Struct):
        inner = _scalar(message.fields[0], sql_type, path)
        return lambda values: inner([None if v is None else v.value for v in values])
    if not isinstance(sql_type, Struct):
        raise _refuse(field, sql_type, path)
    readers = message_reader(message, sql_type.fields, path)
    empty = message_factory.GetMessageClass(message)()
    fields = list(arrow_type(sql_type))

    def read(values: Messages) -> pa.Array:
        absent = pa.array([v is None for v in values], pa.bool_())
        present = [empty if v is None else v for v in values]
        return pa.StructArray.from_arrays([r(present) for r in readers], fields=fields, mask=absent)

    return read


def _scalar(field: Descriptor, sql_type: SqlType, path: str) -> Reader:
    """What may be read as what: a number as a wider one of its kind, everything without parts as STRING."""
    kind = field.type
    wanted = arrow_type(sql_type)
    if kind == _F.TYPE_ENUM and sql_type == STRING:
        return _enum(field.enum_type)
    if sql_type == STRING and kind != _F.TYPE_BYTES:
        return _texts(kind)
    if kind in _UNSIGNED_64 and sql_type == BIGINT:
        return lambda values: pa.array(values, pa.uint64()).view(wanted)  # Java has no unsigned: the same bits
    fits = {
        BOOLEAN: (_F.TYPE_BOOL,),
        INTEGER: _NARROW,
        BIGINT: (*_NARROW, *_WIDE),
        DOUBLE: _FLOATS,
        FLOAT: _FLOATS,
        BYTES: (_F.TYPE_BYTES,),
    }
    if not isinstance(sql_type, Scalar) or kind not in fits.get(sql_type, ()):
        raise _refuse(field, sql_type, path)
    return lambda values: pa.array(values, wanted)


def _enum(declared: Descriptor) -> Reader:
    names = {number: v.name for number, v in declared.values_by_number.items()}
    unknown = f"UNKNOWN_ENUM_VALUE_{declared.name}_"

    def read(values: Messages) -> pa.Array:
        given = [None if v is None else names.get(v) or f"{unknown}{v}" for v in values]
        return pa.array(given, pa.string())

    return read


def _texts(kind: int) -> Reader:
    if kind == _F.TYPE_STRING:
        return lambda values: pa.array(values, pa.string())
    sql_type = BOOLEAN if kind == _F.TYPE_BOOL else FLOAT if kind == _F.TYPE_FLOAT else DOUBLE
    write = text_writer(sql_type) if kind in (*_FLOATS, _F.TYPE_BOOL) else str
    return lambda values: pa.array([None if v is None else write(v) for v in values], pa.string())


def _parts(values: Messages, names: Sequence[str]) -> tuple[list[np.ndarray[Any, Any]], np.ndarray[Any, Any]]:
    """Number fields of messages as numpy arrays, 0 where a message is None; and where one is None."""
    absent = np.fromiter((v is None for v in values), np.bool_, len(values))
    parts = [
        np.fromiter((0 if v is None else get(v) for v in values), np.int64, len(values))
        for get in map(attrgetter, names)
    ]
    return parts, absent


def _timestamps(values: Messages) -> pa.Array:
    (seconds, nanos), absent = _parts(values, ("seconds", "nanos"))
    if ((abs(seconds) > _SECONDS_MAX) | (nanos < 0) | (nanos > 999_999_999)).any():
        raise RecordError("a timestamp is out of range")
    return pa.array(seconds * 1000 + nanos // 1_000_000, pa.int64(), mask=absent).cast(arrow_type(TIMESTAMP))


def _times(values: Messages) -> pa.Array:
    (hours, minutes, seconds, nanos), absent = _parts(values, ("hours", "minutes", "seconds", "nanos"))
    limits = ((hours, 23), (minutes, 59), (seconds, 59), (nanos, 999_999_999))
    if any(((part < 0) | (part > high)).any() for part, high in limits):
        raise RecordError("a time of day is out of range")
    ms = ((hours * 60 + minutes) * 60 + seconds) * 1000 + nanos // 1_000_000
    return pa.array(ms * 1000, pa.int64(), mask=absent).cast(arrow_type(TIME))


def _dates(values: Messages) -> pa.Array:
    (years, months, days), absent = _parts(values, ("year", "month", "day"))
    numbers = days_of(*(np.where(absent, 1, part) for part in (years, months, days)))
    if numbers is None:
        raise RecordError("a date does not exist")
    return pa.array(numbers, pa.int32(), mask=absent).cast(pa.date32())


def joined(payload: pa.Array) -> bytes:
    """Messages as the items of one repeated field with number 1: what one call of the parser takes."""
    lengths = pc.binary_length(payload).dictionary_encode()
    prefixes = pa.array([b"\x0a" + varint(n) for n in lengths.dictionary.to_pylist()], pa.binary())
    whole = pc.binary_join_element_wise(prefixes.take(lengths.indices), payload, pa.scalar(b"", pa.binary()))
    buffers = whole.buffers()
    offsets = np.frombuffer(buffers[1], np.int32)
    first, last = int(offsets[whole.offset]), int(offsets[whole.offset + len(whole)])
    return b"" if buffers[2] is None else bytes(memoryview(buffers[2])[first:last])
