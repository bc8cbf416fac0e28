"""Values as people read them in a table: scalars bare, BYTES in base64, what is nested as the JSON of an answer.

By Arrow's types, because a prompt on a server has no others.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pyarrow as pa

from ..io.formats.json.text import shortest

Cell = Callable[[Any], str]


def cell_writer(kind: pa.DataType) -> Cell:
    """A function from the Python value of an Arrow cell of `kind` to its text; NULL for None.

    >>> cell_writer(pa.map_(pa.string(), pa.list_(pa.int32())))([("a", [1, None])])
    '{"a": [1, null]}'
    >>> cell_writer(pa.float32())(1.100000023841858)
    '1.1'
    """
    write = _nested(kind) if pa.types.is_nested(kind) else _scalar(kind)
    return lambda value: "NULL" if value is None else write(value)


def scalar_text(value: Any) -> str:
    """A value that is not nested, and not NULL."""
    match value:
        case bool():
            return str(value).lower()
        case bytes():
            return base64.b64encode(value).decode()
        case _:
            return str(value)


def _scalar(kind: pa.DataType) -> Cell:
    """A 32-bit number by its own shortest text, as JSON and CSV have it."""
    return (lambda v: scalar_text(shortest(v))) if pa.types.is_float32(kind) else scalar_text


def _nested(kind: pa.DataType) -> Cell:
    """As JSON, with the keys and order of the type."""
    if pa.types.is_map(kind):
        key, item = _nested(kind.key_type), _nested(kind.item_type)
        if pa.types.is_string(kind.key_type):
            return _or_null(lambda v: "{" + ", ".join(f"{key(k)}: {item(x)}" for k, x in v) + "}")
        return _or_null(lambda v: "[" + ", ".join(f'{{"K": {key(k)}, "V": {item(x)}}}' for k, x in v) + "]")
    if pa.types.is_struct(kind):
        fields = [(f.name, json.dumps(f.name, ensure_ascii=False), _nested(f.type)) for f in kind]
        return _or_null(lambda v: "{" + ", ".join(f"{text}: {write(v[name])}" for name, text, write in fields) + "}")
    if pa.types.is_nested(kind):
        each = _nested(kind.value_type)
        return _or_null(lambda v: "[" + ", ".join(map(each, v)) + "]")
    if (
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_decimal(kind)
        or pa.types.is_boolean(kind)
    ):
        return _or_null(_scalar(kind))
    return _or_null(_quoted)


def _or_null(write: Cell) -> Cell:
    return lambda value: "null" if value is None else write(value)


def _quoted(value: Any) -> str:
    text = value.isoformat() if hasattr(value, "isoformat") else scalar_text(value)
    return json.dumps(text, ensure_ascii=False)
