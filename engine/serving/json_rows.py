"""Rows as JSON text in a response: names restored, numbers with all their digits, times as ISO 8601 text."""

from __future__ import annotations

import base64
import datetime
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from ..io.formats.json.text import text
from ..sql.schema import Schema
from .json_values import value_writer
from .python_values import python_values


def row_texts(schema: Schema, table: pa.Table) -> Iterator[str]:
    """Each row of `table` (c0, c1 … of `schema`) as a JSON array."""
    writers = [value_writer(c.type) for c in schema]
    columns = [python_values(table.column(f"c{i}")) for i in range(len(schema))]
    for row in zip(*columns, strict=True):
        yield "[" + ",".join(write(value) for write, value in zip(writers, row, strict=True)) + "]"


def object_texts(schema: Schema, table: pa.Table) -> Iterator[str]:
    """Each row as a JSON object by column name."""
    names = [text(c.name) + ":" for c in schema]
    writers = [value_writer(c.type) for c in schema]
    columns = [python_values(table.column(f"c{i}")) for i in range(len(schema))]
    for row in zip(*columns, strict=True):
        cells = [name + write(value) for name, write, value in zip(names, writers, row, strict=True)]
        yield "{" + ",".join(cells) + "}"


def row_text(row: Mapping[str, Any]) -> str:
    """A row of Python values as the JSON object that an insert takes: BYTES in base64, decimals, times, NaN and infinity as
    text, NumPy's numbers and arrays as numbers and lists.

    >>> import decimal
    >>> row_text({"a": 1.5, "b": b"ok", "c": decimal.Decimal("2.50"), "d": [float("nan")]})
    '{"a": 1.5, "b": "b2s=", "c": "2.50", "d": ["NaN"]}'
    """
    try:
        return json.dumps(row, default=_plain, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(row))


def _plain(value: Any) -> Any:
    """What JSON has in the place of a value that it has not."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if hasattr(value, "tolist"):
        return value.tolist()
    return value.isoformat() if isinstance(value, datetime.date | datetime.time) else str(value)


def _finite(value: Any) -> Any:
    """The value with text in the place of numbers that are none, which JSON's readers here take for DOUBLE."""
    if isinstance(value, Mapping):
        return {name: _finite(held) for name, held in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(held) for held in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value if value is None or isinstance(value, bool | int | float | str) else _finite(_plain(value))
