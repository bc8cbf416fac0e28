"""Dates and times. Patterns and zones are Java's, so formatting and parsing run in Python, a row at a time; arithmetic is
DuckDB's. A TIMESTAMP is a moment in UTC."""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Callable
from typing import Any

from ..functions import Function, Overload, ScalarFunction
from ..types import INTERVAL_UNIT
from .table import function, overload, rows
from .time_patterns import format_moment, from_millis, parse_moment, to_millis, zone

_UNITS = {
    "MILLISECONDS": 1,
    "SECONDS": 1000,
    "MINUTES": 60_000,
    "HOURS": 3_600_000,
    "DAYS": 86_400_000,
}
_MONTHS = {"MONTH": 1, "MONTHS": 1, "YEAR": 12, "YEARS": 12}
_DAY = 86_400_000


def _utc(moment: dt.datetime) -> dt.datetime:
    return moment.replace(tzinfo=dt.UTC)


def _naive(moment: dt.datetime) -> dt.datetime:
    return moment.astimezone(dt.UTC).replace(tzinfo=None)


def _format_timestamp(moment: dt.datetime, pattern: str, where: str = "UTC") -> str:
    return format_moment(_utc(moment) if where == "UTC" else _utc(moment).astimezone(zone(where)), pattern)


def _parse_timestamp(text: str, pattern: str, where: str = "UTC") -> dt.datetime:
    return _naive(parse_moment(text, pattern, zone(where)))


def _timestamp_to_string(millis: int, pattern: str, where: str = "UTC") -> str:
    return format_moment(from_millis(millis, zone(where)), pattern)


def _string_to_timestamp(text: str, pattern: str, where: str = "UTC") -> int:
    return to_millis(parse_moment(text, pattern, zone(where)))


def _format_date(day: dt.date, pattern: str) -> str:
    return format_moment(dt.datetime.combine(day, dt.time(), dt.UTC), pattern)


def _date_to_string(days: int, pattern: str) -> str:
    return _format_date(dt.date(1970, 1, 1) + dt.timedelta(days=days), pattern)


def _string_to_date(text: str, pattern: str) -> int:
    return (_parse_date(text, pattern) - dt.date(1970, 1, 1)).days


def _parse_date(text: str, pattern: str) -> dt.date:
    return parse_moment(text, pattern).date()


def _format_time(time: dt.time, pattern: str) -> str:
    return format_moment(dt.datetime.combine(dt.date(1970, 1, 1), time, dt.UTC), pattern)


def _parse_time(text: str, pattern: str) -> dt.time:
    return parse_moment(text, pattern).time()


def _convert_zone(moment: dt.datetime, source: str, target: str) -> dt.datetime:
    """The wall clock of `target` when that of `source` shows `moment`."""
    return moment.replace(tzinfo=zone(source)).astimezone(zone(target)).replace(tzinfo=None)


def _millis_of(unit: str, count: int) -> int:
    word = unit.upper().removesuffix("S") + "S"
    if word not in _UNITS:
        raise ValueError(f"{unit} is not MILLISECONDS, SECONDS, MINUTES, HOURS, DAYS, MONTHS or YEARS")
    return _UNITS[word] * count


def _months_later(moment: dt.datetime, months: int) -> dt.datetime:
    """The same day so many months on, or the month's last day where it has no such day."""
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return moment.replace(year=year, month=month + 1, day=min(moment.day, last))


def _shift(sign: int) -> tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]]:
    """Moving a timestamp, a date (by whole days) and a time of day (around midnight)."""

    def timestamp(unit: str, count: int, moment: dt.datetime) -> dt.datetime:
        months = _MONTHS.get(unit)
        if months is not None:
            return _months_later(moment, sign * count * months)
        return moment + sign * dt.timedelta(milliseconds=_millis_of(unit, count))

    def date(unit: str, count: int, day: dt.date) -> dt.date:
        return timestamp(unit, count, dt.datetime.combine(day, dt.time())).date()

    def time(unit: str, count: int, time: dt.time) -> dt.time:
        since = ((time.hour * 60 + time.minute) * 60 + time.second) * 1000 + time.microsecond // 1000
        moved = (since + sign * _millis_of(unit, count)) % _DAY
        return (dt.datetime(1970, 1, 1) + dt.timedelta(milliseconds=moved)).time()

    return timestamp, date, time


def _f(name: str, description: str, *overloads: Overload, example: str) -> ScalarFunction:
    return function(name, description, "DATE / TIME", *overloads, examples=(example,))


def _shifting(name: str, description: str, compute: Callable[..., Any], kind: str) -> ScalarFunction:
    made = rows(name.lower(), compute)
    return _f(
        name, description, overload(f"{INTERVAL_UNIT}, INTEGER, {kind} -> {kind}", made), example=f"{name}(DAYS, 7, at)"
    )


_ADD, _SUB = _shift(1), _shift(-1)
_NOW = "CAST(epoch_ms(now()) AS BIGINT)"

FUNCTIONS: tuple[Function, ...] = (
    _f(
        "FORMAT_TIMESTAMP",
        "A timestamp as text by a Java pattern, in a zone (UTC).",
        overload("TIMESTAMP, STRING -> STRING", rows("format_timestamp", _format_timestamp)),
        overload("TIMESTAMP, STRING, STRING -> STRING", rows("format_timestamp", _format_timestamp)),
        example="FORMAT_TIMESTAMP(at, 'yyyy-MM-dd HH:mm:ss')",
    ),
    _f(
        "PARSE_TIMESTAMP",
        "A timestamp from text by a Java pattern, in a zone (UTC).",
        overload("STRING, STRING -> TIMESTAMP", rows("parse_timestamp", _parse_timestamp)),
        overload("STRING, STRING, STRING -> TIMESTAMP", rows("parse_timestamp", _parse_timestamp)),
        example="PARSE_TIMESTAMP(text, 'yyyy-MM-dd HH:mm:ss')",
    ),
    _f(
        "TIMESTAMPTOSTRING",
        "Milliseconds since 1970 as text by a Java pattern, in a zone (UTC).",
        overload("BIGINT, STRING -> STRING", rows("timestamptostring", _timestamp_to_string)),
        overload("BIGINT, STRING, STRING -> STRING", rows("timestamptostring", _timestamp_to_string)),
        example="TIMESTAMPTOSTRING(ROWTIME, 'yyyy-MM-dd HH:mm:ss')",
    ),
    _f(
        "STRINGTOTIMESTAMP",
        "Milliseconds since 1970 from text by a Java pattern, in a zone (UTC).",
        overload("STRING, STRING -> BIGINT", rows("stringtotimestamp", _string_to_timestamp)),
        overload("STRING, STRING, STRING -> BIGINT", rows("stringtotimestamp", _string_to_timestamp)),
        example="STRINGTOTIMESTAMP(text, 'yyyy-MM-dd HH:mm:ss')",
    ),
    _f(
        "FORMAT_DATE",
        "A date as text by a Java pattern.",
        overload("DATE, STRING -> STRING", rows("format_date", _format_date)),
        example="FORMAT_DATE(day, 'dd/MM/yyyy')",
    ),
    _f(
        "PARSE_DATE",
        "A date from text by a Java pattern.",
        overload("STRING, STRING -> DATE", rows("parse_date", _parse_date)),
        example="PARSE_DATE(text, 'dd/MM/yyyy')",
    ),
    _f(
        "FORMAT_TIME",
        "A time of day as text by a Java pattern.",
        overload("TIME, STRING -> STRING", rows("format_time", _format_time)),
        example="FORMAT_TIME(at, 'HH:mm')",
    ),
    _f(
        "PARSE_TIME",
        "A time of day from text by a Java pattern.",
        overload("STRING, STRING -> TIME", rows("parse_time", _parse_time)),
        example="PARSE_TIME(text, 'HH:mm')",
    ),
    _f(
        "DATETOSTRING",
        "Days since 1970 as text by a Java pattern.",
        overload("INTEGER, STRING -> STRING", rows("datetostring", _date_to_string)),
        example="DATETOSTRING(days, 'yyyy-MM-dd')",
    ),
    _f(
        "STRINGTODATE",
        "Days since 1970 from text by a Java pattern.",
        overload("STRING, STRING -> INTEGER", rows("stringtodate", _string_to_date)),
        example="STRINGTODATE(text, 'yyyy-MM-dd')",
    ),
    _f(
        "UNIX_TIMESTAMP",
        "Milliseconds since 1970: now, or of a timestamp.",
        overload("-> BIGINT", _NOW),
        overload("TIMESTAMP -> BIGINT", "epoch_ms({0})"),
        example="UNIX_TIMESTAMP()",
    ),
    _f(
        "UNIX_DATE",
        "Days since 1970: today, or of a date.",
        overload("-> INTEGER", f"({_NOW} // 86400000)::INTEGER"),
        overload("DATE -> INTEGER", "({0} - DATE '1970-01-01')::INTEGER"),
        example="UNIX_DATE()",
    ),
    _f(
        "FROM_UNIXTIME",
        "The timestamp of milliseconds since 1970.",
        overload("BIGINT -> TIMESTAMP", "epoch_ms({0})::TIMESTAMP_MS"),
        example="FROM_UNIXTIME(millis)",
    ),
    _f(
        "FROM_DAYS",
        "The date of days since 1970.",
        overload("INTEGER -> DATE", "DATE '1970-01-01' + {0}"),
        example="FROM_DAYS(days)",
    ),
    _f(
        "CONVERT_TZ",
        "A timestamp's wall clock from one zone in another.",
        overload("TIMESTAMP, STRING, STRING -> TIMESTAMP", rows("convert_tz", _convert_zone)),
        example="CONVERT_TZ(at, 'UTC', 'Asia/Tokyo')",
    ),
    _shifting("TIMESTAMPADD", "A timestamp later by so many units.", _ADD[0], "TIMESTAMP"),
    _shifting("TIMESTAMPSUB", "A timestamp earlier by so many units.", _SUB[0], "TIMESTAMP"),
    _shifting("DATEADD", "A date later by so many units.", _ADD[1], "DATE"),
    _shifting("DATESUB", "A date earlier by so many units.", _SUB[1], "DATE"),
    _shifting("TIMEADD", "A time of day later by so many units, past midnight too.", _ADD[2], "TIME"),
    _shifting("TIMESUB", "A time of day earlier by so many units, before midnight too.", _SUB[2], "TIME"),
)
