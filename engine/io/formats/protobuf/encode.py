"""Columns to PROTOBUF bytes: each column becomes bytes of its field, the fields of a row are joined.

A field without presence is left out where it holds its type's default, as every protobuf writer does; a NULL is left out
too, so that it comes back as the default, or as NULL where the schema can tell (`optional`, a wrapper, a message).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from google.protobuf.descriptor import FieldDescriptor

from ....errors import AnalysisError, RecordError
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
    SqlType,
    Struct,
    Vector,
)
from ..civil import civil_of
from ..format import FormatColumn
from . import wire
from .decimals import written_decimals
from .schema import DECIMAL_NAME, LOGICAL_NAMES, WRAPPER_NAMES, is_entry, oneofs, plain_fields

Descriptor = Any
Encode = Callable[[pa.Array], pa.Array]
"""Of a column the bytes of its field, number and all; NULL where the field is left out."""

_F = FieldDescriptor
_SIGNED = {_F.TYPE_INT32: np.int32, _F.TYPE_INT64: np.int64, _F.TYPE_SINT32: np.int32, _F.TYPE_SINT64: np.int64}
_UNSIGNED = {_F.TYPE_UINT32: np.uint32, _F.TYPE_UINT64: np.int64}  # a 64-bit one holds the bits of a BIGINT
_FIXED = {
    _F.TYPE_FIXED32: np.uint32,
    _F.TYPE_SFIXED32: np.int32,
    _F.TYPE_FIXED64: np.int64,
    _F.TYPE_SFIXED64: np.int64,
    _F.TYPE_FLOAT: np.float32,
    _F.TYPE_DOUBLE: np.float64,
}
_NONE = pa.scalar(None, pa.binary())


def message_encoder(
    message: Descriptor, columns: Sequence[tuple[str, SqlType]]
) -> Callable[[Sequence[pa.Array]], pa.Array]:
    """Columns to messages. Raises AnalysisError where the message has no field for a column, or one of another type."""
    fields = {f.name: f for f in plain_fields(message)}
    unions = dict(oneofs(message))
    encoders: list[Encode] = []
    for name, sql_type in columns:
        field = fields.get(name) or _unlike(fields, name)
        union = unions.get(name) or _unlike(unions, name)
        if field is not None:
            encoders.append(_field(field, sql_type))
        elif union is not None and isinstance(sql_type, Struct):
            encoders.append(_oneof(union, sql_type))
        else:
            raise AnalysisError(
                f"the PROTOBUF message {message.full_name} has no field for the column {name}",
                hint=f"its fields are {', '.join(fields)}",
            )

    def encode(arrays: Sequence[pa.Array]) -> pa.Array:
        return wire.merged([e(a) for e, a in zip(encoders, arrays, strict=True)])

    return encode


def _unlike(named: dict[str, Any], name: str) -> Any:
    """What bears the name in another case, when only one does."""
    near = [value for other, value in named.items() if other.upper() == name.upper()]
    return near[0] if len(near) == 1 else None


def _misfit(field: Descriptor, sql_type: SqlType) -> AnalysisError:
    return AnalysisError(f"the PROTOBUF field {field.full_name} cannot hold a value of type {sql_type}")


def _field(field: Descriptor, sql_type: SqlType) -> Encode:
    if is_entry(field):
        if not isinstance(sql_type, Map):
            raise _misfit(field, sql_type)
        return _map(field, sql_type)
    if field.is_repeated:
        if not isinstance(sql_type, Array | Vector):
            raise _misfit(field, sql_type)
        return _repeated(field, sql_type)
    value, wire_type = _value(field, sql_type)
    number, default = field.number, None if field.has_presence else _default(field, sql_type)

    def encode(array: pa.Array) -> pa.Array:
        if default is not None:
            array = pc.if_else(default(array), pa.scalar(None, array.type), array)
        return wire.tagged(value(array), number, wire_type)

    return encode


def _default(field: Descriptor, sql_type: SqlType) -> Encode:
    """Which values are the type's default. A zero below zero is none: it would lose its sign."""
    if field.type in (_F.TYPE_STRING, _F.TYPE_BYTES):
        return lambda array: pc.equal(pc.binary_length(array), 0)
    if field.type == _F.TYPE_ENUM:
        first = field.enum_type.values_by_number.get(0)
        return lambda array: pc.equal(array, first.name if first else "")
    if field.type in (_F.TYPE_FLOAT, _F.TYPE_DOUBLE):
        bits = pa.int32() if field.type == _F.TYPE_FLOAT else pa.int64()
        real = pa.float32() if field.type == _F.TYPE_FLOAT else pa.float64()
        return lambda array: pc.equal(array.cast(real).view(bits), 0)
    if field.type == _F.TYPE_BOOL:
        return lambda array: pc.invert(array)
    return lambda array: pc.equal(array, 0)


def _oneof(union: Descriptor, sql_type: Struct) -> Encode:
    fields = {f.name: f for f in union.fields}
    inner: list[Encode] = []
    for name, inner_type in sql_type.fields:
        field = fields.get(name) or _unlike(fields, name)
        if field is None:
            raise AnalysisError(f"the PROTOBUF oneof {union.full_name} has no field named {name}")
        inner.append(_field(field, inner_type))

    def encode(array: pa.Array) -> pa.Array:
        parts: list[pa.Array] = []
        taken = pa.array(np.zeros(len(array), np.bool_))
        for e, child in zip(inner, array.flatten(), strict=True):  # the first that is not NULL counts
            parts.append(e(pc.if_else(taken, pa.scalar(None, child.type), child)))
            taken = pc.or_(taken, pc.is_valid(child))
        return wire.merged(parts)

    return encode


def _items(array: pa.Array, what: str) -> tuple[pa.Array, pa.Array]:
    """The items of lists, entries of maps; and how many each has. Raises RecordError for an item that is NULL."""
    if isinstance(array, pa.MapArray):
        array = array.cast(pa.list_(pa.struct([("key", array.type.key_type), ("value", array.type.item_type)])))
    items = pc.list_flatten(array)
    if items.null_count:
        raise RecordError(f"PROTOBUF cannot hold a NULL inside an array: {what}")
    return items, pc.list_value_length(array)


def _repeated(field: Descriptor, sql_type: Array | Vector) -> Encode:
    value, wire_type = _value(field, sql_type.item if isinstance(sql_type, Array) else FLOAT)
    number, packed = field.number, field.is_packed

    def encode(array: pa.Array) -> pa.Array:
        items, lengths = _items(array, field.name)
        if packed:
            body = wire.lists_joined(value(items), lengths)
            body = pc.if_else(pc.equal(lengths, 0), _NONE, body)
            return wire.tagged(wire.with_length(body), number, wire.LENGTH)
        return wire.lists_joined(wire.tagged(value(items), number, wire_type), lengths)

    return encode


def _map(field: Descriptor, sql_type: Map) -> Encode:
    entry = message_encoder(field.message_type, [("key", sql_type.key), ("value", sql_type.value)])
    number = field.number

    def encode(array: pa.Array) -> pa.Array:
        entries, lengths = _items(array, field.name)
        body = wire.with_length(entry(entries.flatten()))
        return wire.lists_joined(wire.tagged(body, number, wire.LENGTH), lengths)

    return encode


def _value(field: Descriptor, sql_type: SqlType) -> tuple[Encode, int]:
    """The bytes of single values without number, and their wire type."""
    message = field.message_type
    if message is None:
        return _scalar(field, sql_type)
    name = message.full_name
    inner: Encode
    if name == DECIMAL_NAME and isinstance(sql_type, Decimal):
        inner = _decimal(message)
    elif LOGICAL_NAMES.get(name) == sql_type:
        inner = _logical(message, sql_type)
    elif name in WRAPPER_NAMES and not isinstance(sql_type, Struct):
        wrapped = message_encoder(message, [("value", sql_type)])
        inner = _where_valid(lambda array: wrapped([array]))
    elif isinstance(sql_type, Struct):
        of_fields = message_encoder(message, sql_type.fields)
        inner = _where_valid(lambda array: of_fields(array.flatten()))
    else:
        raise _misfit(field, sql_type)
    return lambda array: wire.with_length(inner(array)), wire.LENGTH


def _where_valid(encode: Encode) -> Encode:
    return lambda array: pc.if_else(pc.is_valid(array), encode(array), _NONE)


def _scalar(field: Descriptor, sql_type: SqlType) -> tuple[Encode, int]:
    kind = field.type
    if kind in (_F.TYPE_STRING, _F.TYPE_BYTES):
        if sql_type != (STRING if kind == _F.TYPE_STRING else BYTES):
            raise _misfit(field, sql_type)
        return lambda array: wire.with_length(array.cast(pa.binary())), wire.LENGTH
    if kind == _F.TYPE_ENUM:
        if sql_type != STRING:
            raise _misfit(field, sql_type)
        return _enum(field.enum_type), wire.VARINT
    wanted = _SIGNED.get(kind) or _UNSIGNED.get(kind) or _FIXED.get(kind) or np.bool_
    real = kind in (_F.TYPE_FLOAT, _F.TYPE_DOUBLE)
    if sql_type not in ((BOOLEAN,) if kind == _F.TYPE_BOOL else (FLOAT, DOUBLE) if real else (INTEGER, BIGINT)):
        raise _misfit(field, sql_type)
    narrow = pa.from_numpy_dtype(wanted)
    zigzag = kind in (_F.TYPE_SINT32, _F.TYPE_SINT64)

    def numbers(array: pa.Array) -> pa.Array:
        try:
            cast = array.cast(narrow, safe=not real)
        except pa.ArrowInvalid:
            raise RecordError(f"a value is out of range for the PROTOBUF field {field.name}") from None
        plain = pc.fill_null(cast, False if wanted is np.bool_ else 0).to_numpy(zero_copy_only=False)
        if kind in _FIXED:
            body = wire.fixed(plain)
        else:
            body = wire.varints(wire.zigzag(plain) if zigzag else plain.astype(np.int64).view(np.uint64))
        return pc.if_else(pc.is_valid(array), body, _NONE) if array.null_count else body

    width = np.dtype(wanted).itemsize
    return numbers, wire.VARINT if kind not in _FIXED else wire.FIXED_64 if width == 8 else wire.FIXED_32


def _enum(declared: Descriptor) -> Encode:
    numbers = {name: v.number for name, v in declared.values_by_name.items()}

    def encode(array: pa.Array) -> pa.Array:
        coded = array.dictionary_encode()
        unknown = [v for v in coded.dictionary.to_pylist() if v not in numbers]
        if unknown:
            raise RecordError(f"{unknown[0]!r} is no value of the PROTOBUF enum {declared.name}")
        known = np.array([numbers[v] for v in coded.dictionary.to_pylist()], np.int64)
        return wire.varints(known.view(np.uint64)).take(coded.indices)

    return encode


def _decimal(message: Descriptor) -> Encode:
    encode = message_encoder(message, [("value", BYTES), ("precision", BIGINT), ("scale", INTEGER)])

    def body(array: pa.Array) -> pa.Array:
        numbers, digits = written_decimals(array)
        return encode([numbers, digits, pa.array(np.full(len(array), array.type.scale, np.int32))])

    return _where_valid(body)


def _logical(message: Descriptor, sql_type: SqlType) -> Encode:
    """Dates and times as the messages that Google's own types use for them."""
    names = {
        DATE: ("year", "month", "day"),
        TIME: ("hours", "minutes", "seconds", "nanos"),
        TIMESTAMP: ("seconds", "nanos"),
    }[sql_type]  # type: ignore[index]
    encode = message_encoder(
        message, [(n, BIGINT if n == "seconds" and sql_type == TIMESTAMP else INTEGER) for n in names]
    )

    def split(array: pa.Array) -> list[pa.Array]:
        if sql_type == DATE:
            days = pc.fill_null(array.cast(pa.int32()), 0).to_numpy()
            return [part.astype(np.int32) for part in civil_of(days)]
        if sql_type == TIME:
            micros = pc.fill_null(array.cast(pa.int64()), 0).to_numpy()
            seconds = micros // 1_000_000
            return [seconds // 3600, seconds // 60 % 60, seconds % 60, micros % 1_000_000 * 1000]
        ms = pc.fill_null(array.cast(pa.int64()), 0).to_numpy()
        return [ms // 1000, ms % 1000 * 1_000_000]

    def body(array: pa.Array) -> pa.Array:
        parts = [pa.array(p) if isinstance(p, np.ndarray) else p for p in split(array)]
        return encode(parts)

    return _where_valid(body)


class ProtobufEncoder:
    """Columns to bytes. `header` stands before each message: Confluent's, or nothing."""

    def __init__(self, message: Descriptor, columns: Sequence[FormatColumn], header: bytes) -> None:
        self.message = message_encoder(message, [(c.name, c.type) for c in columns])
        self.prefix = pa.scalar(header, pa.binary())
        self.has_prefix = bool(header)

    def encode(
        self, columns: Sequence[pa.Array], is_null: pa.Array | None, connection: duckdb.DuckDBPyConnection
    ) -> tuple[pa.Array, list[tuple[int, str]]]:
        """One message a row; a row that the message cannot hold is an error."""
        if not columns or not len(columns[0]):
            return pa.nulls(0 if is_null is None else len(is_null), pa.binary()), []
        body, errors = self._rows(list(columns))
        encoded = wire.concatenated(self.prefix, body) if self.has_prefix else body
        if is_null is not None:
            encoded = pc.if_else(is_null, _NONE, encoded)
            errors = [(row, why) for row, why in errors if not is_null[row].as_py()]
        return encoded, errors

    def _rows(self, columns: list[pa.Array]) -> tuple[pa.Array, list[tuple[int, str]]]:
        try:
            return self.message(columns), []
        except RecordError as why:
            rows = len(columns[0])
            if rows == 1:
                return pa.nulls(1, pa.binary()), [(0, why.message)]
            half = rows // 2  # the batch is halved until the bad row stands alone
            left, bad_left = self._rows([c.slice(0, half) for c in columns])
            right, bad_right = self._rows([c.slice(half) for c in columns])
            return pa.concat_arrays([left, right]), bad_left + [(row + half, reason) for row, reason in bad_right]
