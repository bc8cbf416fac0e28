"""Constants as DuckDB SQL, each with its exact type."""

from __future__ import annotations

import datetime
import math
from typing import Any

from ..types import (
    BIGINT,
    BOOLEAN,
    BYTES,
    DATE,
    DOUBLE,
    FLOAT,
    INTEGER,
    INTERVAL_UNIT,
    NULL,
    STRING,
    TIME,
    TIMESTAMP,
    SqlType,
    duckdb_type,
)


def literal_text(value: Any, sql_type: SqlType) -> str:
    """The DuckDB SQL of a Python value of `sql_type`."""
    if value is None:
        return "NULL" if sql_type is NULL else f"CAST(NULL AS {duckdb_type(sql_type)})"
    if sql_type is BOOLEAN:
        return "true" if value else "false"
    if sql_type in (STRING, INTERVAL_UNIT):
        return quoted(value)
    if sql_type is INTEGER:
        return str(value) if value >= 0 else f"CAST({value} AS INTEGER)"
    if sql_type is BIGINT:
        return f"CAST({value} AS BIGINT)"
    if sql_type in (DOUBLE, FLOAT):
        return f"CAST('{_float_text(value)}' AS {duckdb_type(sql_type)})"
    if sql_type is BYTES:
        return f"from_hex('{bytes(value).hex()}')"
    if sql_type in (DATE, TIME):
        return f"CAST('{value.isoformat()}' AS {duckdb_type(sql_type)})"
    if sql_type is TIMESTAMP:
        assert isinstance(value, datetime.datetime)
        return f"CAST('{value.isoformat(sep=' ')}' AS TIMESTAMP_MS)"
    return f"CAST('{value}' AS {duckdb_type(sql_type)})"


def quoted(text: str) -> str:
    """A string constant."""
    body = "'" + text.replace("'", "''") + "'"
    if "\0" not in text:
        return body
    return "(" + " || chr(0) || ".join("'" + part.replace("'", "''") + "'" for part in text.split("\0")) + ")"


def _float_text(value: float) -> str:
    if math.isnan(value):
        return "nan"
    return repr(float(value))
