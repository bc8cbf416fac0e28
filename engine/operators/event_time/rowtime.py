"""Rowtime from a column: milliseconds, a TIMESTAMP, or text in a pattern of java.time's DateTimeFormatter.

A row without a usable time (NULL, before 1970, after what a TIMESTAMP holds, text that does not fit) has none: its record
goes to the processing log.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from ...errors import UserError
from ...sql.builtin.time_columns import parsed
from ...sql.builtin.time_patterns import parse_moment, to_millis

LATEST_MS = (1 << 63) // 1000
"""The last millisecond that a TIMESTAMP holds. Arithmetic of windows cannot overflow below it; what is later is a mistake,
such as a time in nanoseconds, and as a stream's time would close every window for good."""
UNUSABLE = "no usable timestamp: NULL, negative, after the year 294246, or not of the format"


def rowtimes(column: pa.ChunkedArray, pattern: str | None) -> pa.Array:
    """Milliseconds since 1970 UTC for each value; NULL where there is no usable time."""
    made = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if pa.types.is_string(made.type):
        if pattern is None:
            raise UserError("a timestamp column of type STRING needs a TIMESTAMP_FORMAT")
        made = _read(made, pattern)
    else:
        made = made.cast(pa.int64())
    return usable(made)


def usable(times: pa.Array) -> pa.Array:
    """Milliseconds since 1970 UTC, NULL where they are no time of a row.

    >>> usable(pa.array([-1, 0, LATEST_MS, LATEST_MS + 1, None])).to_pylist()
    [None, 0, 9223372036854775, None, None]
    """
    ends = pc.min_max(times).as_py()
    if ends["min"] is None or (ends["min"] >= 0 and ends["max"] <= LATEST_MS):
        return times
    return pc.if_else(pc.and_(pc.greater_equal(times, 0), pc.less_equal(times, LATEST_MS)), times, None)


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
