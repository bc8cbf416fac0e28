"""JSON in text. Jackson's rules are ksqlDB's: numbers keep their digits, and text that is no JSON gives NULL."""

from __future__ import annotations

import base64
import datetime
import decimal
import functools
import json
import re
from collections.abc import Callable
from typing import Any

import orjson
import pyarrow as pa

from ..compile.java_text import java_double
from ..functions import ArrowFunction, Function, ScalarFunction
from ..types import Array as ArrayType
from ..types import Map as MapType
from ..types import SqlType, Struct
from .table import function, overload, rows


class _Number(str):
    """A JSON number as it is written."""

    __slots__ = ()


_DECODER = json.JSONDecoder(parse_int=_Number, parse_float=_Number)


def _read(text: str) -> Any:
    """The first JSON value of a text, as Jackson reads it; raises ValueError where there is none."""
    return _DECODER.raw_decode(text.lstrip())[0]


def _written(value: Any) -> str:
    """A JSON value as compact text."""
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, list):
        return "[" + ",".join(_written(v) for v in value) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(k, ensure_ascii=False)}:{_written(v)}" for k, v in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)


def _shown(value: Any) -> str | None:
    """A value as a column shows it: text bare, the rest as JSON, null as NULL."""
    if value is None:
        return None
    return str(value) if isinstance(value, str) else _written(value)


_STEP = re.compile(r"\.([^.\[\]]+)|\[(-?\d+)\]|\[['\"](.+?)['\"]\]")
_MISSING = object()


def _extract(text: str, path: str) -> str | None:
    """orjson is four times as fast and loses how numbers are written: what is no text is read again."""
    steps = _steps(path)
    try:
        value = _at(orjson.loads(text), steps)
    except orjson.JSONDecodeError:  # what Jackson reads all the same
        value = None
    if isinstance(value, str):
        return value
    value = _at(_read(text), steps)
    return None if value is _MISSING else _shown(value)


@functools.lru_cache(maxsize=256)
def _steps(path: str) -> tuple[str, ...]:
    """Keys and places of a path; raises ValueError where it is none."""
    if not path.startswith("$"):
        raise ValueError(f"a path starts with $: {path!r}")
    steps: list[str] = []
    at = 1
    while at < len(path):
        step = _STEP.match(path, at)
        if not step:
            raise ValueError(f"not a path: {path!r}")
        at = step.end()
        steps.append(next(s for s in step.groups() if s is not None))
    return tuple(steps)


def _at(value: Any, steps: tuple[str, ...]) -> Any:
    """The value at the end of the steps; a step is a key of an object and a place in an array, however it is written."""
    for step in steps:
        if isinstance(value, dict):
            value = value.get(step, _MISSING)
        else:
            is_place = isinstance(value, list) and step.isdecimal() and int(step) < len(value)
            value = value[int(step)] if is_place else _MISSING
    return value


def _whole(text: str) -> Any:
    """The one JSON value that a text is; raises ValueError for anything else."""
    return json.loads(text, parse_int=_Number, parse_float=_Number)


def _is_json(text: str | None) -> bool:
    if text is None:
        return False
    try:
        _whole(text)
    except ValueError:
        return False
    return True


def _contains(text: str | None, wanted: Any) -> bool:
    try:
        items = [] if text is None else _whole(text)
    except ValueError:
        return False
    return isinstance(items, list) and any(_same(item, wanted) for item in items)


def _same(item: Any, wanted: Any) -> bool:
    """A number that is written as a whole one is one: 1 is not 1.0."""
    if isinstance(item, _Number):
        kind = int if item.lstrip("-").isdecimal() else float
        return type(wanted) is kind and kind(item) == wanted
    return type(item) is type(wanted) and bool(item == wanted)


def _keys(text: str) -> list[str] | None:
    value = _whole(text)
    return list(value) if isinstance(value, dict) else None


def _records(text: str) -> dict[str, str | None] | None:
    value = _whole(text)
    return {k: _shown(v) for k, v in value.items()} if isinstance(value, dict) else None


def _items(text: str) -> list[str] | None:
    value = _whole(text)
    return [_written(v) for v in value] if isinstance(value, list) else None


def _length(text: str) -> int | None:
    value = _whole(text)
    return len(value) if isinstance(value, list) else None


def _concat(*texts: str) -> str | None:
    """Objects are merged, the later winning; anything else is joined into one array. One value alone stays as it is."""
    values = [_whole(t) for t in texts]
    if len(values) == 1:
        return _written(values[0])
    if all(isinstance(v, dict) for v in values):
        return _written({k: v for value in values for k, v in value.items()})
    return _written([item for v in values for item in (v if isinstance(v, list) else [v])])


def _to_json(column: pa.Array, *, types: Any, result: SqlType) -> pa.Array:
    return pa.array([_encoded(v, types[0]) for v in column.to_pylist()], pa.string())


def _encoded(value: Any, sql_type: SqlType) -> str:
    if value is None:
        return "null"
    match sql_type:
        case ArrayType(item):
            return "[" + ",".join(_encoded(v, item) for v in value) + "]"
        case MapType(_, item):
            return (
                "{" + ",".join(f"{json.dumps(str(k), ensure_ascii=False)}:{_encoded(v, item)}" for k, v in value) + "}"
            )
        case Struct(fields):
            pairs = ((name, value[f"f{i}"], t) for i, (name, t) in enumerate(fields))
            return "{" + ",".join(f"{json.dumps(n, ensure_ascii=False)}:{_encoded(v, t)}" for n, v, t in pairs) + "}"
    if isinstance(value, bytes):
        return json.dumps(base64.b64encode(value).decode())
    if isinstance(value, float):
        return java_double(value)
    if isinstance(value, decimal.Decimal):
        return f"{value:f}"
    if isinstance(value, bool | int | str):
        return json.dumps(value, ensure_ascii=False)
    return f'"{_moment(value)}"'


def _moment(value: Any) -> str:
    """A date or time as text: a TIMESTAMP with milliseconds, a TIME without, and without seconds where they are none."""
    if isinstance(value, datetime.datetime):
        return value.isoformat(timespec="milliseconds")
    if isinstance(value, datetime.time):
        return value.isoformat(timespec="seconds" if value.second else "minutes")
    return str(value.isoformat())


def _json(name: str, description: str, signature: str, compute: Callable[..., Any], example: str) -> ScalarFunction:
    return function(name, description, "JSON", overload(signature, rows(name.lower(), compute)), examples=(example,))


FUNCTIONS: tuple[Function, ...] = (
    _json(
        "EXTRACTJSONFIELD",
        "The value at a path of JSON text; NULL where there is none.",
        "STRING, STRING -> STRING",
        _extract,
        "EXTRACTJSONFIELD(message, '$.user.name')",
    ),
    function(
        "IS_JSON_STRING",
        "Whether the text is JSON.",
        "JSON",
        overload("STRING -> BOOLEAN", rows("is_json_string", _is_json, null=True)),
        examples=("IS_JSON_STRING(message)",),
    ),
    function(
        "JSON_ARRAY_CONTAINS",
        "Whether the JSON array in the text holds the value.",
        "JSON",
        *(
            overload(f"STRING, {t} -> BOOLEAN", rows("json_array_contains", _contains, null=True))
            for t in ("STRING", "BOOLEAN", "INTEGER", "BIGINT", "DOUBLE")
        ),
        examples=("JSON_ARRAY_CONTAINS(tags, 'new')",),
    ),
    _json(
        "JSON_ARRAY_LENGTH",
        "How many elements the JSON array in the text has.",
        "STRING -> INTEGER",
        _length,
        "JSON_ARRAY_LENGTH(tags)",
    ),
    _json(
        "JSON_KEYS",
        "The keys of the JSON object in the text.",
        "STRING -> ARRAY<STRING>",
        _keys,
        "JSON_KEYS(message)",
    ),
    _json(
        "JSON_RECORDS",
        "The JSON object in the text as a map of text.",
        "STRING -> MAP<STRING, STRING>",
        _records,
        "JSON_RECORDS(message)",
    ),
    _json(
        "JSON_ITEMS",
        "The elements of the JSON array in the text, each as JSON.",
        "STRING -> ARRAY<STRING>",
        _items,
        "JSON_ITEMS(events)",
    ),
    _json(
        "JSON_CONCAT",
        "JSON objects merged, or values joined into one JSON array.",
        "STRING… -> STRING",
        _concat,
        "JSON_CONCAT(a, b)",
    ),
    function(
        "TO_JSON_STRING",
        "The value as JSON text.",
        "JSON",
        overload(
            "ANY -> STRING",
            ArrowFunction("to_json_string", _to_json, null_in_null_out=False, row_at_a_time=True, typed=True),
        ),
        examples=("TO_JSON_STRING(address)",),
    ),
)
