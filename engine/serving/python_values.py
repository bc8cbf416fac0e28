"""Arrow cells of answers as Python values, with texts for the times that Python's calendar does not have.

`datetime` knows the years 1 to 9999; a DATE or TIMESTAMP of SQL goes further: microseconds that are read as milliseconds
lie in the year 56,000. One such row must not cost the answer.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

from ..io.formats.cells import cells
from ..io.formats.civil import civil_of

_DAY_MS = 86_400_000
_EPOCH = datetime.datetime(1970, 1, 1)
_FIRST, _LAST = ((day - _EPOCH.date()).days for day in (datetime.date.min, datetime.date.max))


class FarTime(str):
    """A DATE or TIMESTAMP before the year 1 or after 9999, in ISO 8601, as Java writes it: a sign before such a year."""

    def isoformat(self, timespec: str = "auto") -> str:
        """The text: what writes dates and datetimes writes these, too."""
        return str(self)


def python_values(column: pa.Array | pa.ChunkedArray) -> list[Any]:
    """The column's values as `to_pylist` gives them, a FarTime where Python has no date.

    >>> python_values(pa.array([0, 1700000000000000, None], pa.timestamp("ms")))
    [datetime.datetime(1970, 1, 1, 0, 0), '+55840-11-08T22:13:20.000', None]
    """
    try:
        return list(column.to_pylist())
    except (OverflowError, ValueError):
        read = _reader(column.type)
        return [read(value) for value in cells(column)]


def python_rows(table: pa.Table) -> list[dict[str, Any]]:
    """A dictionary a row."""
    columns = [python_values(column) for column in table.columns]
    return [dict(zip(table.column_names, row, strict=True)) for row in zip(*columns, strict=True)]


def _reader(kind: pa.DataType) -> Callable[[Any], Any]:
    """From what `cells` gives, where dates are numbers."""
    if pa.types.is_date32(kind):
        return lambda v: None if v is None else _date(v)
    if pa.types.is_timestamp(kind):
        return lambda v: None if v is None else _timestamp(v)
    if pa.types.is_map(kind):
        key, item = _reader(kind.key_type), _reader(kind.item_type)
        return lambda v: None if v is None else [(key(k), item(x)) for k, x in v]
    if pa.types.is_list(kind):
        each = _reader(kind.value_type)
        return lambda v: None if v is None else [each(x) for x in v]
    if pa.types.is_struct(kind):
        fields = {f.name: _reader(f.type) for f in kind}
        return lambda v: None if v is None else {name: read(v[name]) for name, read in fields.items()}
    return lambda v: v


def _date(days: int) -> datetime.date | FarTime:
    if _FIRST <= days <= _LAST:
        return _EPOCH.date() + datetime.timedelta(days)
    year, month, day = (int(part[0]) for part in civil_of(np.array([days])))
    sign = "+" if year > 9999 else "-" if year < 0 else ""
    return FarTime(f"{sign}{abs(year):04}-{month:02}-{day:02}")


def _timestamp(ms: int) -> datetime.datetime | FarTime:
    days, rest = divmod(ms, _DAY_MS)
    day, time = _date(days), (_EPOCH + datetime.timedelta(milliseconds=rest)).time()
    if isinstance(day, FarTime):
        return FarTime(f"{day}T{time.isoformat('milliseconds')}")
    return datetime.datetime.combine(day, time)
