"""Rowtime from a column: milliseconds, a TIMESTAMP, or text in a pattern of java.time's DateTimeFormatter.

A row without a usable time (NULL, before 1970, text that does not fit) has none: its record goes to the processing log.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from ..errors import UserError
from ..sql.builtin.time_columns import parsed
from ..sql.builtin.time_patterns import parse_moment, to_millis


def rowtimes(column: pa.ChunkedArray, pattern: str | None) -> pa.Array:
    """Milliseconds since 1970 UTC for each value; NULL where there is no usable time."""
    made = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if pa.types.is_string(made.type):
        if pattern is None:
            raise UserError("a timestamp column of type STRING needs a TIMESTAMP_FORMAT")
        made = _read(made, pattern)
    else:
        made = made.cast(pa.int64())
    return pc.if_else(pc.less(made, 0), None, made)


def _read(texts: pa.Array, pattern: str) -> pa.Array:
    """A whole column at once where the pattern is of fixed fields and all rows fit, else row by row."""
    if len(texts) and not texts.null_count:
        moments = parsed(texts, pa.array([pattern]))
        if moments is not None:
            return moments.cast(pa.int64())
    return pa.array([None if text is None else _millis(text, pattern) for text in texts.to_pylist()], pa.int64())


def _millis(text: str, pattern: str) -> int | None:
    try:
        return to_millis(parse_moment(text, pattern))
    except (ValueError, OverflowError):
        return None
