"""Dates and times. Patterns and zones are Java's: what is in UTC and of fixed digits is formatted and parsed a column at a
time (`time_columns`), the rest in Python, row by row; arithmetic is DuckDB's. A TIMESTAMP is a moment in UTC."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa

from ..functions import ArrowFunction, Function, Overload, ScalarFunction, SqlTemplate
from ..types import DATE, INTERVAL_UNIT, SqlType, arrow_type, duckdb_type
from ..units import MILLIS, MONTHS, unit_of
from .table import function, overload, rows
from .time_columns import formatted, parsed
from .time_patterns import (
    DATE_LETTERS,
    LETTERS,
    TIME_LETTERS,
    ZONE_LETTERS,
    format_moment,
    from_millis,
    letters_of,
    parse_moment,
    to_millis,
    zone,
)

_DAY = MILLIS["DAY"]


def _utc(moment: dt.datetime) -> dt.datetime:
    return moment.replace(tzinfo=dt.UTC)


def _naive(moment: dt.datetime) -> dt.datetime:
    return moment.astimezone(dt.UTC).replace(tzinfo=None)


def _format_timestamp(moment: dt.datetime, pattern: str, where: str = "GMT") -> str:
    """Without a zone it is the one that Java calls GMT, where TIMESTAMPTOSTRING's is the server's."""
    return format_moment(_utc(moment) if where == "UTC" else _utc(moment).astimezone(zone(where)), pattern)


def _parse_timestamp(text: str, pattern: str, where: str = "UTC") -> dt.datetime:
    return _naive(parse_moment(text, pattern, zone(where)))


def _timestamp_to_string(millis: int, pattern: str, where: str = "UTC") -> str:
    return format_moment(from_millis(millis, zone(where)), pattern)


def _string_to_timestamp(text: str, pattern: str, where: str = "UTC") -> int:
    return to_millis(parse_moment(text, pattern, zone(where)))


def _only(pattern: str, *kinds: frozenset[str], of: str) -> None:
    """Raise ValueError where a pattern asks for what a date, or a time of day, does not have."""
    more = letters_of(pattern).difference(*kinds)
    if more:
        raise ValueError(f"{of} has no {sorted(more)[0]}, which {pattern!r} asks for")


def _format_date(day: dt.date, pattern: str) -> str:
    _only(pattern, DATE_LETTERS, of="a date")
    return format_moment(dt.datetime.combine(day, dt.time(), dt.UTC), pattern)


def _date_to_string(days: int, pattern: str) -> str:
    return _format_date(dt.date(1970, 1, 1) + dt.timedelta(days=days), pattern)


def _string_to_date(text: str, pattern: str) -> int:
    """Of a whole date; a time of day beside it is passed over."""
    letters = letters_of(pattern)
    if not letters & set("yu") or not ((letters & set("ML") and "d" in letters) or "D" in letters):
        raise ValueError(f"{pattern!r} gives no whole date")
    return (parse_moment(text, pattern).date() - dt.date(1970, 1, 1)).days


def _parse_date(text: str, pattern: str) -> dt.date:
    moment = parse_moment(text, pattern)
    if moment.time() != dt.time():
        raise ValueError(f"{text!r} is no date: it has a time of day")
    return moment.date()


def _format_time(time: dt.time, pattern: str) -> str:
    _only(pattern, TIME_LETTERS, of="a time of day")
    return format_moment(dt.datetime.combine(dt.date(1970, 1, 1), time, dt.UTC), pattern)


def _parse_time(text: str, pattern: str) -> dt.time:
    _only(pattern, TIME_LETTERS, ZONE_LETTERS, of="a time of day")
    letters = letters_of(pattern)
    if not letters & set("Hk") and not (letters & set("hK") and "a" in letters):
        raise ValueError(f"{pattern!r} gives no hour of the day")
    return parse_moment(text, pattern).time()


def _convert_zone(moment: dt.datetime, source: str, target: str) -> dt.datetime:
    """The wall clock of `target` when that of `source` shows `moment`."""
    return moment.replace(tzinfo=zone(source)).astimezone(zone(target)).replace(tzinfo=None)


def _millis_of(word: str, count: int) -> int:
    unit = unit_of(word)
    if unit not in MILLIS:
        raise ValueError(f"{word} is not WEEKS, DAYS, HOURS, MINUTES, SECONDS or MILLISECONDS")
    return MILLIS[unit] * count


def _time_shift(sign: int) -> Callable[..., dt.time]:
    """Moving a time of day, around midnight."""

    def moved(unit: str, count: int, time: dt.time) -> dt.time:
        since = ((time.hour * 60 + time.minute) * 60 + time.second) * 1000 + time.microsecond // 1000
        millis = (since + sign * _millis_of(unit, count)) % _DAY
        return (dt.datetime(1970, 1, 1) + dt.timedelta(milliseconds=millis)).time()

    return moved


def _shift(sign: str) -> SqlTemplate:
    """Moving a timestamp or a date, which keeps whole days; the unit is a literal."""

    def render(args: Sequence[str], types: Sequence[SqlType], result: SqlType) -> str:
        unit, count, moment = args
        word = unit_of(unit.strip("'")) or ""
        if word in MONTHS:
            interval = f"to_months(({count}) * {MONTHS[word]})"
        elif result is DATE:  # by whole days: a part of one is cut off, as Java's TimeUnit does
            millis = f"epoch_ms(({moment})::TIMESTAMP) {sign} ({count})::BIGINT * {_millis_of(word, 1)}"
            return f"(DATE '1970-01-01' + (({millis}) // {_DAY})::INTEGER)"
        else:
            interval = f"INTERVAL 1 MILLISECOND * (({count})::BIGINT * {_millis_of(word, 1)})"
        return f"(({moment})::TIMESTAMP {sign} {interval})::{duckdb_type(result)}"

    return SqlTemplate(render)


_MILLIS = pa.timestamp("ms")


def _as_moments(column: pa.Array) -> pa.Array:
    """Milliseconds or days since 1970, dates, times of day and timestamps as timestamps."""
    if pa.types.is_time(column.type):
        return column.cast(pa.time32("ms"), safe=False).cast(pa.int32()).cast(pa.int64()).cast(_MILLIS)
    return (column.cast(pa.date32()) if column.type == pa.int32() else column).cast(_MILLIS)


def _formatting(name: str, compute: Callable[..., str], letters: frozenset[str] = LETTERS) -> ArrowFunction:
    """Text of moments: by `formatted` where that knows the pattern, and it has `letters` only, else by `compute`, row by
    row."""
    by_row = rows(name, compute)

    def evaluate(moments: pa.Array, *how: pa.Array, types: Sequence[SqlType], result: SqlType) -> pa.Array:
        made = formatted(_as_moments(moments), *how, only=letters)
        return by_row.evaluate(moments, *how, types=types, result=result) if made is None else made

    return replace(by_row, evaluate=evaluate)


def _parsing(
    name: str, compute: Callable[..., Any], letters: frozenset[str] = LETTERS, *, needs: str = "", days: bool = False
) -> ArrowFunction:
    """Moments of text: by `parsed` where that knows the pattern, and it has `letters` only and all that it `needs`, else by
    `compute`, row by row. `days`: since 1970."""
    by_row = rows(name, compute)

    def evaluate(texts: pa.Array, *how: pa.Array, types: Sequence[SqlType], result: SqlType) -> pa.Array:
        made = parsed(texts, *how, only=letters, needs=frozenset(needs))
        if made is None:
            return by_row.evaluate(texts, *how, types=types, result=result)
        return (made.cast(pa.date32()) if days else made).cast(arrow_type(result))

    return replace(by_row, evaluate=evaluate)


def _f(name: str, description: str, *overloads: Overload, example: str) -> ScalarFunction:
    return function(name, description, "DATE / TIME", *overloads, examples=(example,))


def _shifting(name: str, description: str, made: ArrowFunction | SqlTemplate, kind: str) -> ScalarFunction:
    signature = f"{INTERVAL_UNIT}, INTEGER, {kind} -> {kind}"
    return _f(name, description, overload(signature, made), example=f"{name}(DAYS, 7, at)")


_NOW = "CAST(epoch_ms(now()) AS BIGINT)"

FUNCTIONS: tuple[Function, ...] = (
    _f(
        "FORMAT_TIMESTAMP",
        "A timestamp as text by a Java pattern, in a zone (UTC).",
        overload("TIMESTAMP, STRING -> STRING", _formatting("format_timestamp", _format_timestamp)),
        overload("TIMESTAMP, STRING, STRING -> STRING", _formatting("format_timestamp", _format_timestamp)),
        example="FORMAT_TIMESTAMP(at, 'yyyy-MM-dd HH:mm:ss')",
    ),
    _f(
        "PARSE_TIMESTAMP",
        "A timestamp from text by a Java pattern, in a zone (UTC).",
        overload("STRING, STRING -> TIMESTAMP", _parsing("parse_timestamp", _parse_timestamp)),
        overload("STRING, STRING, STRING -> TIMESTAMP", _parsing("parse_timestamp", _parse_timestamp)),
        example="PARSE_TIMESTAMP(text, 'yyyy-MM-dd HH:mm:ss')",
    ),
    _f(
        "TIMESTAMPTOSTRING",
        "Milliseconds since 1970 as text by a Java pattern, in a zone (UTC).",
        overload("BIGINT, STRING -> STRING", _formatting("timestamptostring", _timestamp_to_string)),
        overload("BIGINT, STRING, STRING -> STRING", _formatting("timestamptostring", _timestamp_to_string)),
        example="TIMESTAMPTOSTRING(ROWTIME, 'yyyy-MM-dd HH:mm:ss')",
    ),
    _f(
        "STRINGTOTIMESTAMP",
        "Milliseconds since 1970 from text by a Java pattern, in a zone (UTC).",
        overload("STRING, STRING -> BIGINT", _parsing("stringtotimestamp", _string_to_timestamp)),
        overload("STRING, STRING, STRING -> BIGINT", _parsing("stringtotimestamp", _string_to_timestamp)),
        example="STRINGTOTIMESTAMP(text, 'yyyy-MM-dd HH:mm:ss')",
    ),
    _f(
        "FORMAT_DATE",
        "A date as text by a Java pattern.",
        overload("DATE, STRING -> STRING", _formatting("format_date", _format_date, DATE_LETTERS)),
        example="FORMAT_DATE(day, 'dd/MM/yyyy')",
    ),
    _f(
        "PARSE_DATE",
        "A date from text by a Java pattern.",
        overload("STRING, STRING -> DATE", _parsing("parse_date", _parse_date, DATE_LETTERS)),
        example="PARSE_DATE(text, 'dd/MM/yyyy')",
    ),
    _f(
        "FORMAT_TIME",
        "A time of day as text by a Java pattern.",
        overload("TIME, STRING -> STRING", _formatting("format_time", _format_time, TIME_LETTERS)),
        example="FORMAT_TIME(at, 'HH:mm')",
    ),
    _f(
        "PARSE_TIME",
        "A time of day from text by a Java pattern.",
        overload("STRING, STRING -> TIME", _parsing("parse_time", _parse_time, TIME_LETTERS, needs="H")),
        example="PARSE_TIME(text, 'HH:mm')",
    ),
    _f(
        "DATETOSTRING",
        "Days since 1970 as text by a Java pattern.",
        overload("INTEGER, STRING -> STRING", _formatting("datetostring", _date_to_string, DATE_LETTERS)),
        example="DATETOSTRING(days, 'yyyy-MM-dd')",
    ),
    _f(
        "STRINGTODATE",
        "Days since 1970 from text by a Java pattern.",
        overload("STRING, STRING -> INTEGER", _parsing("stringtodate", _string_to_date, needs="yMd", days=True)),
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
        "NOW",
        "The timestamp of now; CURRENT_TIMESTAMP means the same.",
        overload("-> TIMESTAMP", f"epoch_ms({_NOW})::TIMESTAMP_MS"),
        example="NOW()",
    ),
    _f(
        "CURRENT_DATE",
        "The date of today, in UTC; it needs no parentheses.",
        overload("-> DATE", f"DATE '1970-01-01' + ({_NOW} // 86400000)::INTEGER"),
        example="CURRENT_DATE",
    ),
    _f(
        "TIMESTAMPDIFF",
        "How many whole units lie between two timestamps, below 0 where the second is the earlier.",
        overload(f"{INTERVAL_UNIT}, TIMESTAMP, TIMESTAMP -> BIGINT", "date_sub({0}, {1}, {2})"),
        example="TIMESTAMPDIFF(MINUTE, ordered, shipped)",
    ),
    _f(
        "DATE_DIFF",
        "How many beginnings of a YEAR, QUARTER, MONTH, DAY, HOUR, MINUTE or SECOND lie between two times; of a WEEK, how many"
        " times seven days.",
        overload("STRING, TIMESTAMP, TIMESTAMP -> BIGINT", "date_diff({0}, {1}, {2})"),
        overload("STRING, DATE, DATE -> BIGINT", "date_diff({0}, {1}, {2})"),
        example="DATE_DIFF('DAY', ordered, shipped)",
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
    _f(
        "DATE_TRUNC",
        "The beginning of the YEAR, QUARTER, MONTH, WEEK (Monday), DAY, HOUR, MINUTE or SECOND that a timestamp or date is in.",
        overload("STRING, TIMESTAMP -> TIMESTAMP", "date_trunc({0}, ({1})::TIMESTAMP)::TIMESTAMP_MS"),
        overload("STRING, DATE -> DATE", "date_trunc({0}, {1})::DATE"),
        example="DATE_TRUNC('HOUR', at)",
    ),
    _f(
        "DATE_PART",
        "A field of a timestamp, date or time of day: YEAR, QUARTER, MONTH, WEEK, DAY, DOW (Sunday 0), DOY, HOUR, MINUTE, SECOND;"
        " EXTRACT(HOUR FROM at) means the same.",
        overload("STRING, TIMESTAMP -> BIGINT", "date_part({0}, ({1})::TIMESTAMP)::BIGINT"),
        overload("STRING, DATE -> BIGINT", "date_part({0}, {1})::BIGINT"),
        overload("STRING, TIME -> BIGINT", "date_part({0}, {1})::BIGINT"),
        example="DATE_PART('HOUR', at)",
    ),
    _shifting("TIMESTAMPADD", "A timestamp later by so many units.", _shift("+"), "TIMESTAMP"),
    _shifting("TIMESTAMPSUB", "A timestamp earlier by so many units.", _shift("-"), "TIMESTAMP"),
    _shifting("DATEADD", "A date later by so many units.", _shift("+"), "DATE"),
    _shifting("DATESUB", "A date earlier by so many units.", _shift("-"), "DATE"),
    _shifting(
        "TIMEADD", "A time of day later by so many units, past midnight too.", rows("timeadd", _time_shift(1)), "TIME"
    ),
    _shifting(
        "TIMESUB",
        "A time of day earlier by so many units, before midnight too.",
        rows("timesub", _time_shift(-1)),
        "TIME",
    ),
)
