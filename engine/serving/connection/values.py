"""Values in the places of `?`: what a program gives is never read as SQL."""

from __future__ import annotations

import base64
import datetime
import decimal
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlglot.tokenizer_core import TokenType

from ...errors import UserError
from ...sql.dialect import tokenize


def with_values(sql: str, values: Sequence[Any]) -> str:
    """The statements with a literal of each value in the place of its `?`. Raises UserError where their numbers differ, or a
    value is of a type that SQL does not have.

    >>> with_values("SELECT * FROM t WHERE k = ? AND n > ?; -- ?", ["it's", 1.5])
    "SELECT * FROM t WHERE k = 'it''s' AND n > 1.5E0; -- ?"
    >>> with_values("SELECT '?' AS a;", [])
    "SELECT '?' AS a;"
    """
    if isinstance(values, str | bytes | Mapping):
        raise UserError("values are given as a list", hint='db.query("… WHERE k = ?;", ["x"])')
    places = [token for token in tokenize(sql) if token.token_type is TokenType.PLACEHOLDER]
    if len(places) != len(values):
        raise UserError(f"{len(values)} values are given for {len(places)} places", detail="each ? takes one")
    for token, value in reversed(list(zip(places, values, strict=True))):
        sql = sql[: token.start] + literal(value) + sql[token.end + 1 :]
    return sql


def literal(value: Any) -> str:
    """The SQL expression that has this value.

    >>> import datetime
    >>> literal([1, None, True]), literal({"a": datetime.date(2024, 1, 2)})
    ('ARRAY[1, NULL, TRUE]', "MAP('a' := CAST('2024-01-02' AS DATE))")
    """
    for kinds, write in _WRITERS:
        if isinstance(value, kinds):
            return write(value)
    raise UserError(
        f"a value of type {type(value).__name__} has no SQL literal",
        hint="numbers, text, bytes, times, None, and lists and dictionaries of them have",
    )


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _double(value: float) -> str:
    if not math.isfinite(value):
        return f"CAST('{'NaN' if math.isnan(value) else 'Infinity' if value > 0 else '-Infinity'}' AS DOUBLE)"
    text = repr(value)
    return text if "e" in text else f"{text}E0"


def _items(values: Sequence[Any]) -> str:
    return ", ".join(literal(value) for value in values)


def _timestamp(value: datetime.datetime) -> str:
    utc = value.astimezone(datetime.UTC).replace(tzinfo=None) if value.tzinfo else value
    return f"CAST('{utc.isoformat(timespec='milliseconds')}' AS TIMESTAMP)"


_WRITERS: Sequence[tuple[type | tuple[type, ...], Callable[[Any], str]]] = (
    (type(None), lambda value: "NULL"),
    (bool, lambda value: str(value).upper()),
    (int, str),
    (float, _double),
    (decimal.Decimal, lambda value: f"{value:f}"),
    (str, _text),
    (bytes, lambda value: f"TO_BYTES('{base64.b64encode(value).decode()}', 'base64')"),
    (datetime.datetime, _timestamp),
    (datetime.date, lambda value: f"CAST('{value.isoformat()}' AS DATE)"),
    (datetime.time, lambda value: f"CAST('{value.isoformat(timespec='milliseconds')}' AS TIME)"),
    ((list, tuple), lambda value: f"ARRAY[{_items(value)}]"),
    (Mapping, lambda value: f"MAP({', '.join(f'{literal(k)} := {literal(v)}' for k, v in value.items())})"),
)
"""By type, the narrower one first."""
