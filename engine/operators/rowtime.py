"""Rowtime from a column: milliseconds, a TIMESTAMP, or text in a pattern of java.time's DateTimeFormatter.

A row without a usable time (NULL, before 1970, text that does not fit) has none: its record goes to the processing log.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from ..errors import UserError

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_FIELDS = {
    "y": r"(?P<year>\d{4})",
    "u": r"(?P<year>\d{4})",
    "yy": r"(?P<short_year>\d{2})",
    "M": r"(?P<month>\d{1,2})",
    "MM": r"(?P<month>\d{2})",
    "MMM": r"(?P<month_name>[A-Za-z]{3})",
    "d": r"(?P<day>\d{1,2})",
    "dd": r"(?P<day>\d{2})",
    "H": r"(?P<hour>\d{1,2})",
    "HH": r"(?P<hour>\d{2})",
    "h": r"(?P<hour>\d{1,2})",
    "hh": r"(?P<hour>\d{2})",
    "m": r"(?P<minute>\d{1,2})",
    "mm": r"(?P<minute>\d{2})",
    "s": r"(?P<second>\d{1,2})",
    "ss": r"(?P<second>\d{2})",
    "a": r"(?P<half>AM|PM|am|pm)",
    "E": r"[A-Za-z]{3}",
    "X": r"(?P<zone>Z|[+-]\d{2}(?::?\d{2})?)",
    "Z": r"(?P<zone>[+-]\d{4})",
    "z": r"(?P<zone>UTC|GMT|Z)",
}
_TOKEN = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*|[^A-Za-z']+")


def rowtimes(column: pa.ChunkedArray, pattern: str | None) -> pa.Array:
    """Milliseconds since 1970 UTC for each value; NULL where there is no usable time."""
    made = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if pa.types.is_string(made.type):
        if pattern is None:
            raise UserError("a timestamp column of type STRING needs a TIMESTAMP_FORMAT")
        read = reader(pattern)
        # Row by row: no vectorised parser knows Java's patterns.
        made = pa.array([None if v is None else read(v) for v in made.to_pylist()], pa.int64())
    else:
        made = made.cast(pa.int64())
    return pc.if_else(pc.less(made, 0), None, made)


def reader(pattern: str) -> Callable[[str], int | None]:
    """A function from text to milliseconds, None where the text is not of the pattern. Raises UserError for a pattern
    with a letter that is not known."""
    compiled = re.compile("".join(_part(m, pattern) for m in _TOKEN.finditer(pattern)) + r"\Z")

    def read(text: str) -> int | None:
        found = compiled.match(text)
        return None if found is None else _milliseconds({k: v for k, v in found.groupdict().items() if v is not None})

    return read


def _part(token: re.Match[str], pattern: str) -> str:
    text, quoted, letter = token.group(), token.group(1), token.group(2)
    if quoted is not None:
        return re.escape(quoted.replace("''", "'") or "'")
    if letter is None:
        return re.escape(text)
    if letter == "S":
        return rf"(?P<fraction>\d{{{len(text)}}})"
    known = _FIELDS.get(text) or (_FIELDS.get(letter) if letter in "yuEXZz" else None)
    if known is None:
        raise UserError(f"unknown letters {text!r} in the timestamp format {pattern!r}")
    return known


def _milliseconds(parts: dict[str, str]) -> int | None:
    year = int(parts["year"]) if "year" in parts else 2000 + int(parts.get("short_year", "-30"))
    month = int(parts.get("month", "1"))
    if "month_name" in parts:
        if parts["month_name"].lower() not in _MONTHS:
            return None
        month = _MONTHS.index(parts["month_name"].lower()) + 1
    hour = int(parts.get("hour", "0"))
    if "half" in parts:
        hour = hour % 12 + (12 if parts["half"].lower() == "pm" else 0)
    try:
        moment = datetime(
            year, month, int(parts.get("day", "1")), hour, int(parts.get("minute", "0")), int(parts.get("second", "0")),
            tzinfo=UTC,
        )  # fmt: skip
    except ValueError:
        return None
    fraction = timedelta(milliseconds=int(parts.get("fraction", "0").ljust(3, "0")[:3]))
    return round((moment - _zone(parts.get("zone", "Z")) + fraction).timestamp() * 1000)


def _zone(text: str) -> timedelta:
    if text in ("Z", "UTC", "GMT"):
        return timedelta(0)
    digits = text[1:].replace(":", "").ljust(4, "0")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return offset if text[0] == "+" else -offset
