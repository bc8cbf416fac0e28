"""Rows as JSON text in a response: names restored, numbers with all their digits, times as ISO 8601 text."""

from __future__ import annotations

import base64
import datetime
import json
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
    """A row of Python values as the JSON object that an insert takes: BYTES in base64, decimals and times as text.

    >>> import decimal
    >>> row_text({"a": 1.5, "b": b"ok", "c": decimal.Decimal("2.50")})
    '{"a": 1.5, "b": "b2s=", "c": "2.50"}'
    """
    return json.dumps(row, default=_as_text)


def _as_text(value: Any) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value.isoformat() if isinstance(value, datetime.date | datetime.time) else str(value)
