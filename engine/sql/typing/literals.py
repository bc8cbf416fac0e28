"""Literals in another type: numbers from numbers and text, times from text as ksqlDB reads them.

Done once, when a statement is analyzed, so that a literal of the wrong form is the author's error and not a NULL in every row.
"""

from __future__ import annotations

import datetime
import decimal
import re
from typing import Any

from ...errors import Span, TypeMismatch
from ..expressions import Literal
from ..types import (
    BIGINT,
    BOOLEAN,
    BYTES,
    DATE,
    DOUBLE,
    FLOAT,
    INTEGER,
    NULL,
    STRING,
    TIME,
    TIMESTAMP,
    Decimal,
    SqlType,
    is_numeric,
)

_RANGE: dict[SqlType, int] = {INTEGER: 1 << 31, BIGINT: 1 << 63}
_EPOCH = datetime.datetime(1970, 1, 1)
_TIMESTAMP = re.compile(
    r"(?P<year>\d{1,4})(?:-(?P<month>\d{1,2})(?:-(?P<day>\d{1,2}))?)?"
    r"(?:[T ](?:(?P<hour>\d{1,2})(?::(?P<minute>\d{1,2})(?::(?P<second>\d{1,2})(?:\.(?P<fraction>\d{1,9}))?)?)?)?)?"
    r"(?P<zone>Z|[+-]\d{2}:?\d{2})?\Z"
)
_TIME = re.compile(r"\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?", re.ASCII)


def convert_literal(literal: Literal, target: SqlType, span: Span | None = None) -> Literal:
    """`literal` as a `target`; raises TypeMismatch where its value does not fit or read as one."""
    if literal.value is None or literal.type is NULL:
        return Literal(None, target)
    value = literal.value
    if literal.type == target:
        return literal
    try:
        if literal.type is STRING:
            return Literal(_from_text(value, target), target)
        if is_numeric(literal.type) and is_numeric(target):
            return Literal(_number(value, target), target)
        if literal.type is DATE and target is TIMESTAMP:
            return Literal(datetime.datetime.combine(value, datetime.time()), TIMESTAMP)
    except ArithmeticError as error:  # what decimal says of it is for programmers
        raise TypeMismatch(f"{_shown(literal)} is not a valid {target}", span=span) from error
    except ValueError as error:
        said = "is not a valid" if literal.type is STRING else "does not fit"
        raise TypeMismatch(f"{_shown(literal)} {said} {target}", detail=str(error) or None, span=span) from error
    raise TypeMismatch(f"{literal.type} {_shown(literal)} cannot be used where {target} is wanted", span=span)


def _shown(literal: Literal) -> str:
    """A value as it is written in SQL."""
    if literal.type in (STRING, DATE, TIME, TIMESTAMP):
        return "'" + str(literal.value).replace("'", "''") + "'"
    return literal_as_text(literal)


def literal_as_text(literal: Literal) -> str:
    """A number or boolean as text, as it is written in SQL."""
    if literal.type is BOOLEAN:
        return "true" if literal.value else "false"
    return str(literal.value)


def _from_text(text: str, target: SqlType) -> Any:
    if is_numeric(target):
        return _number(decimal.Decimal(text.strip()), target)
    if target is BOOLEAN:
        return parse_boolean(text)
    if target is TIMESTAMP:
        return from_epoch_ms(parse_timestamp_ms(text))
    if target is DATE:
        return parse_date(text)
    if target is TIME:
        return parse_time(text)
    if target is BYTES:
        raise ValueError("BYTES come from TO_BYTES(text, encoding)")
    raise ValueError("there is no such implicit conversion")


def _number(value: Any, target: SqlType) -> Any:
    if target in (DOUBLE, FLOAT):
        return float(value)
    exact = decimal.Decimal(value) if not isinstance(value, float) else decimal.Decimal(repr(value))
    if isinstance(target, Decimal):
        return fit_decimal(exact, target)
    if exact != exact.to_integral_value():
        raise ValueError("it has a fraction")
    limit = _RANGE[target]
    if not -limit <= int(exact) < limit:
        raise ValueError("it is out of range")
    return int(exact)


def fit_decimal(value: decimal.Decimal, target: Decimal) -> decimal.Decimal:
    """`value` with the scale of `target`; raises ValueError when it has too many digits."""
    with decimal.localcontext() as context:
        context.prec = 100
        rounded = value.quantize(decimal.Decimal(1).scaleb(-target.scale))
    if rounded != value:
        raise ValueError(f"it has more than {target.scale} digits behind the point")
    if abs(rounded) >= decimal.Decimal(10) ** (target.precision - target.scale):
        raise ValueError(f"it has more than {target.precision - target.scale} digits before the point")
    return rounded


def numeric_type_of_text(text: str, beside: SqlType, span: Span | None) -> SqlType:
    """The type of the number that a string literal holds; raises TypeMismatch when it holds none."""
    try:
        value = decimal.Decimal(text.strip())
        if not value.is_finite():
            raise ValueError("not a finite number")
    except (ValueError, ArithmeticError) as error:
        raise TypeMismatch(f"{text!r} is not a valid {beside}", span=span) from error
    digits, exponent = value.as_tuple().digits, value.as_tuple().exponent
    assert isinstance(exponent, int)
    if exponent == 0 and "e" not in text.lower() and "." not in text and abs(value) < 1 << 63:
        return INTEGER if -(1 << 31) <= value < 1 << 31 else BIGINT
    scale = max(0, -exponent)
    return Decimal(min(38, max(len(digits) + max(0, exponent), scale, 1)), min(38, scale))


def parse_boolean(text: str) -> bool:
    """Text as ksqlDB's booleans: a prefix of true or yes, of false or no; raises ValueError for anything else."""
    word = text.strip().lower()
    if word and any(w.startswith(word) for w in ("true", "yes")):
        return True
    if word and any(w.startswith(word) for w in ("false", "no")):
        return False
    raise ValueError(f"{text!r} is neither true nor false")


def parse_timestamp_ms(text: str) -> int:
    """Milliseconds since 1970 of `yyyy-MM-dd'T'HH:mm:ss.SSS` with a zone or without (UTC), cut off at any field. 24:00 is the
    next day's midnight, as Java reads it.

    >>> parse_timestamp_ms("1970-01-01T24"), parse_timestamp_ms("1970")
    (86400000, 0)
    """
    found = _TIMESTAMP.match(text.strip())
    if not found:
        raise ValueError(f"{text!r} does not read as yyyy-MM-dd'T'HH:mm:ss.SSS")
    part = found.groupdict()
    hour, minute, second = (int(part[name] or 0) for name in ("hour", "minute", "second"))
    millis = int(((part["fraction"] or "") + "000")[:3])
    days = int(hour == 24 and not minute and not second and not millis)
    moment = datetime.datetime(
        int(part["year"]), int(part["month"] or 1), int(part["day"] or 1), hour - 24 * days, minute, second
    )  # fmt: skip
    return to_epoch_ms(moment) + days * 86_400_000 + millis - _zone_ms(part["zone"])


def _zone_ms(zone: str | None) -> int:
    if zone in (None, "", "Z"):
        return 0
    assert zone is not None
    minutes = int(zone[1:3]) * 60 + int(zone[-2:])
    return (-1 if zone[0] == "-" else 1) * minutes * 60_000


def parse_date(text: str) -> datetime.date:
    """A date; a timestamp's text gives its day when the rest is midnight."""
    moment = from_epoch_ms(parse_timestamp_ms(text))
    if moment.time() != datetime.time():
        raise ValueError(f"{text!r} has a time of day")
    return moment.date()


def parse_time(text: str) -> datetime.time:
    """A time of day: HH:mm with seconds and fraction or without, no more and no less, as Java's LocalTime reads it."""
    if not _TIME.fullmatch(text.strip()):
        raise ValueError(f"{text!r} does not read as HH:mm:ss.SSS")
    return datetime.time.fromisoformat(text.strip())


def to_epoch_ms(moment: datetime.datetime) -> int:
    """Milliseconds since 1970 of a UTC moment without zone."""
    return (moment - _EPOCH) // datetime.timedelta(milliseconds=1)


def from_epoch_ms(millis: int) -> datetime.datetime:
    """The UTC moment (without zone) that many milliseconds after 1970."""
    return _EPOCH + datetime.timedelta(milliseconds=millis)
