"""SQL values as JSON in requests and answers: numbers with all their digits, BYTES in base64, times as ISO 8601 text."""

from __future__ import annotations

import datetime
import decimal
from collections.abc import Callable, Mapping
from typing import Any

from ..errors import RecordError
from ..io.formats.json.exact import Reader, reader
from ..io.formats.json.text import Writer, writer
from ..sql.types import BIGINT, DATE, INTEGER, STRING, TIME, TIMESTAMP, SqlType
from ..sql.typing.literals import from_epoch_ms, parse_date, parse_time, parse_timestamp_ms


def _timestamp(value: datetime.datetime) -> str:
    return f'"{value.isoformat(timespec="milliseconds")}"'


def _time(value: datetime.time) -> str:
    return f'"{value.isoformat(timespec="milliseconds" if value.microsecond else "seconds")}"'


_WRITTEN: Mapping[SqlType, Writer] = {TIMESTAMP: _timestamp, DATE: lambda v: f'"{v.isoformat()}"', TIME: _time}


def value_writer(sql_type: SqlType) -> Writer:
    """A function from the Python value of an Arrow cell of `sql_type` to its JSON text."""
    return writer(sql_type, _WRITTEN)


def _moment(sql_type: SqlType, made: type, parse: Callable[[str], Any]) -> Reader:
    counted = reader(sql_type)

    def read(value: Any) -> Any:
        if isinstance(value, made):
            return value
        return parse(value) if isinstance(value, str) else counted(value)

    return read


def _whole(sql_type: SqlType, bits: int) -> Reader:
    """Of a whole number that fits: a topic's JSON is read as Java's casts do, which make another number of it."""

    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int | decimal.Decimal) or value != int(value):
            raise RecordError(f"{sql_type} takes a whole number")
        if not -(1 << bits - 1) <= value < 1 << bits - 1:
            raise RecordError(f"the number does not fit {sql_type}")
        return int(value)

    return read


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise RecordError(f"{STRING} takes text")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise RecordError("half of a pair of surrogates is no character") from None
    return value


_READ: Mapping[SqlType, Reader] = {
    INTEGER: _whole(INTEGER, 32),
    BIGINT: _whole(BIGINT, 64),
    STRING: _text,
    DATE: _moment(DATE, datetime.date, parse_date),
    TIME: _moment(TIME, datetime.time, parse_time),
    TIMESTAMP: _moment(TIMESTAMP, datetime.datetime, lambda text: from_epoch_ms(parse_timestamp_ms(text))),
}


def value_reader(sql_type: SqlType) -> Reader:
    """A function from a parsed JSON value to the Python value that Arrow takes for `sql_type`, where it is one: numbers that
    do not fit are refused. Times also as numbers, which is how a topic's JSON has them. It raises RecordError, TypeError or
    ValueError."""
    return reader(sql_type, _READ)
