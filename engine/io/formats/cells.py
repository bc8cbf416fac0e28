"""Arrow columns as Python values, for encoders that write row by row.

Python's dates end with the year 9999 and begin with 1; a DATE or TIMESTAMP of SQL goes further (what was microseconds and is
read as milliseconds lies in the year 56,000). A column that holds such a one comes as the numbers that formats write: days
and milliseconds since 1970. Writers take both.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa


def cells(column: pa.Array) -> list[Any]:
    """The column's values; dates and timestamps as `datetime` has them, or all as numbers where it has not all of them."""
    try:
        return list(column.to_pylist())
    except (OverflowError, ValueError):
        return list(column.cast(_numbers(column.type)).to_pylist())


def _numbers(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_date32(kind):
        return pa.int32()
    if pa.types.is_timestamp(kind):
        return pa.int64()
    if pa.types.is_map(kind):
        return pa.map_(_numbers(kind.key_type), _numbers(kind.item_type))
    if pa.types.is_list(kind):
        return pa.list_(_numbers(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(f.name, _numbers(f.type)) for f in kind])
    return kind
