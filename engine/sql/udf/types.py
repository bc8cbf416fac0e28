"""Python's types and values beside SQL's: annotations to types, and rows between Arrow and what a user's function sees.

A user's function gets and gives plain Python values: a MAP is a dict, a STRUCT a dict by field name, an ARRAY a list.
"""

from __future__ import annotations

import datetime
import decimal
import types as python_types
import typing
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy
import pyarrow as pa

from ...errors import UserError
from ..types import (
    BIGINT,
    BOOLEAN,
    BYTES,
    DATE,
    DOUBLE,
    FLOAT,
    STRING,
    TIME,
    TIMESTAMP,
    Array,
    Map,
    SqlType,
    Struct,
    Vector,
    arrow_type,
)

Convert = Callable[[Any], Any]

_SCALARS: dict[object, SqlType] = {
    bool: BOOLEAN,
    int: BIGINT,
    float: DOUBLE,
    str: STRING,
    bytes: BYTES,
    datetime.date: DATE,
    datetime.time: TIME,
    datetime.datetime: TIMESTAMP,
}
_LISTS = (list, tuple, set, Iterable, Iterator, typing.Iterable, typing.Iterator)
_YIELDED = ("Generator", "Iterable", "Iterator", "AsyncGenerator", "AsyncIterable", "AsyncIterator")


def is_optional(annotation: Any) -> bool:
    """Whether an annotation says `| None`."""
    return _union(annotation) and type(None) in typing.get_args(annotation)


def _union(annotation: Any) -> bool:
    return typing.get_origin(annotation) in (typing.Union, python_types.UnionType)


def type_of_annotation(annotation: Any, where: str) -> SqlType:
    """The SQL type that a Python annotation means; raises UserError where it means none."""
    if isinstance(annotation, str):
        raise UserError(f"{where}: the annotation {annotation!r} cannot be resolved", hint="is its name imported?")
    if _union(annotation):
        rest = [a for a in typing.get_args(annotation) if a is not type(None)]
        if len(rest) == 1:
            return type_of_annotation(rest[0], where)
    if annotation in _SCALARS:
        return _SCALARS[annotation]
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is list and len(args) == 1:
        return Array(type_of_annotation(args[0], where))
    if origin is dict and len(args) == 2:
        return Map(type_of_annotation(args[0], where), type_of_annotation(args[1], where))
    raise UserError(f"{where}: no SQL type is known for {_name(annotation)}", hint=_hint(annotation))


def item_of_annotation(annotation: Any, where: str) -> SqlType:
    """The SQL type of the rows that a table function's annotation `list[T]` or `Iterator[T]` promises."""
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if args and (origin in _LISTS or getattr(origin, "__name__", "") in _YIELDED):
        return type_of_annotation(args[0], where)
    raise UserError(f"{where}: a table function gives list[…] or Iterator[…], not {_name(annotation)}")


def _name(annotation: Any) -> str:
    return getattr(annotation, "__name__", None) or str(annotation)


def _hint(annotation: Any) -> str:
    if annotation is decimal.Decimal:
        return "a DECIMAL needs its digits: @udf(params=['DECIMAL(10, 2)'], returns='DECIMAL(10, 2)')"
    if annotation in (list, dict):
        return "say what it holds: list[str], dict[str, int]"
    return "int, float, str, bool, bytes, date, time, datetime, list[…], dict[str, …]; or @udf(params=[…], returns='…')"


def is_complete(arguments: Sequence[Any], takes_null: Sequence[bool]) -> bool:
    """Whether a function is called for these: none is NULL but where its parameter takes that; the last parameter may repeat."""
    last = len(takes_null) - 1
    return all(a is not None or takes_null[min(i, last)] for i, a in enumerate(arguments))


def rows_of(columns: Sequence[Any], types: Sequence[SqlType]) -> list[tuple[Any, ...]]:
    """The rows of a call's columns, in Python's values; a function without arguments is given their number."""
    if not types:
        return [()] * columns[0]
    return list(zip(*(to_rows(c, t) for c, t in zip(columns, types, strict=True)), strict=True))


def to_python(sql_type: SqlType) -> Convert | None:
    """How to turn Arrow's Python values into the user's, or None when they are the same."""
    match sql_type:
        case Array(item):
            inner = to_python(item)
            return None if inner is None else _each(inner)
        case Map(key, value):
            k, v = to_python(key) or _same, to_python(value) or _same
            return lambda entries: None if entries is None else {k(a): v(b) for a, b in entries}
        case Struct(fields):
            made = [(name, f"f{i}", to_python(t) or _same) for i, (name, t) in enumerate(fields)]
            return lambda row: None if row is None else {name: convert(row[f]) for name, f, convert in made}
        case _:
            return None


def from_python(sql_type: SqlType) -> Convert | None:
    """How to turn the user's values into what Arrow takes, or None when they are the same."""
    match sql_type:
        case Array(item):
            inner = from_python(item)
            return _listed if inner is None else _each(inner)
        case Map(key, value):
            k, v = from_python(key) or _same, from_python(value) or _same
            return lambda found: None if found is None else [(k(a), v(b)) for a, b in _items(found)]
        case Struct(fields):
            made = [(name, f"f{i}", from_python(t) or _same) for i, (name, t) in enumerate(fields)]
            return lambda row: None if row is None else _struct(row, made)
        case _:
            return _EXACT.get(sql_type) if not isinstance(sql_type, Vector) else _listed


def _same(value: Any) -> Any:
    return value


def _listed(value: Any) -> Any:
    return value if value is None or isinstance(value, list) else list(value)


def _each(convert: Convert) -> Convert:
    return lambda values: None if values is None else [convert(v) for v in values]


def _items(found: Any) -> Iterable[tuple[Any, Any]]:
    return found.items() if isinstance(found, dict) else found


def _struct(row: Any, fields: list[tuple[str, str, Convert]]) -> dict[str, Any]:
    given = row if isinstance(row, dict) else vars(row)
    by_name = {str(k).upper(): v for k, v in given.items()}
    missing = set(by_name) - {name.upper() for name, _, _ in fields}
    if missing:
        raise TypeError(f"no such field: {', '.join(sorted(missing))}")
    return {f: convert(given[name] if name in given else by_name.get(name.upper())) for name, f, convert in fields}


def _text(value: Any) -> Any:
    if value is not None and not isinstance(value, str):
        raise TypeError(f"it gave {type(value).__name__}, not str")
    return value


def _flag(value: Any) -> Any:
    if value is not None and not isinstance(value, bool):
        raise TypeError(f"it gave {type(value).__name__}, not bool")
    return value


_EXACT: dict[SqlType, Convert] = {STRING: _text, BOOLEAN: _flag, FLOAT: _same}


def to_arrow(values: list[Any], sql_type: SqlType) -> pa.Array:
    """A column of the user's values."""
    convert = from_python(sql_type)
    return pa.array(values if convert is None else [convert(v) for v in values], arrow_type(sql_type))


def _moments(column: pa.Array) -> list[Any]:
    """Timestamps and dates by way of numpy, which makes Python's objects fifty times faster than Arrow."""
    unit = "datetime64[D]" if pa.types.is_date(column.type) else "datetime64[us]"
    moments: list[Any] = numpy.asarray(column.to_numpy(zero_copy_only=False)).astype(unit).tolist()
    return moments


def to_rows(column: pa.Array, sql_type: SqlType) -> list[Any]:
    """A column as the user's values."""
    convert = to_python(sql_type)
    values: list[Any] = _moments(column) if sql_type in (TIMESTAMP, DATE) else column.to_pylist()
    return values if convert is None else [convert(v) for v in values]
