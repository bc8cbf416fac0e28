"""Times that are moved and subtracted: `at + INTERVAL '5' MINUTE`, `day + 1`, `day - other`.

An interval is written out as the function that moves a time of that type (TIMESTAMPADD …), and has no type of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot import exp

from ...errors import Span, TypeMismatch
from ..expressions import Call, Cast, Expr, Literal
from ..functions import FunctionRegistry, ScalarFunction, SqlTemplate
from ..scope import span_of
from ..types import BIGINT, DATE, INTEGER, INTERVAL_UNIT, NULL, TIME, TIMESTAMP, is_numeric
from ..units import MILLIS, WHOLE_DAYS
from .coercion import coerce
from .compare import counts_time
from .numeric import arithmetic

_MOVES = {TIMESTAMP: "TIMESTAMP", DATE: "DATE", TIME: "TIME"}


@dataclass(frozen=True)
class Part:
    """So many units, later or (`back`) earlier."""

    count: exp.Expression
    unit: str
    back: bool = False


def parts_of(node: exp.Expression, *, back: bool = False) -> list[Part] | None:
    """What an interval is put together of; None where `node` is no interval. `back`: it is subtracted."""
    match node:
        case exp.Paren():
            return parts_of(node.this, back=back)
        case exp.Neg():
            return parts_of(node.this, back=not back)
        case exp.Interval():
            return [Part(node.this, node.args["unit"].name, back)]
        case exp.Add() | exp.Sub():
            left = parts_of(node.this, back=back)
            right = parts_of(node.expression, back=back != isinstance(node, exp.Sub))
            return None if left is None or right is None else [*left, *right]
        case _:
            return None


def stray(node: exp.Expression) -> TypeMismatch:
    """An interval where a value is wanted."""
    return TypeMismatch(
        "an INTERVAL is no value: it is added to a time, or subtracted from one",
        hint="write at + INTERVAL '5' MINUTE; TIMESTAMPDIFF(SECOND, a, b) gives a number",
        span=span_of(node),
    )


def moved(value: Expr, part: Part, count: Expr, registry: FunctionRegistry, span: Span | None) -> Expr:
    """A time later, or earlier, by a part of an interval. A DATE that is moved by less than days is a TIMESTAMP then; ROWTIME
    and the bounds of windows are moved in milliseconds."""
    if value.type is NULL:
        value = Literal(None, TIMESTAMP)
    if value.type is BIGINT and counts_time(value) and part.unit in MILLIS:
        factor = Literal(MILLIS[part.unit], BIGINT)
        return arithmetic("-" if part.back else "+", value, arithmetic("*", count, factor, span), span)
    if value.type is DATE and part.unit not in WHOLE_DAYS:
        value = Cast(value, TIMESTAMP, span)
    if value.type not in _MOVES or (value.type is TIME and part.unit in WHOLE_DAYS):
        raise TypeMismatch(
            f"{value.type} {'-' if part.back else '+'} INTERVAL … {part.unit}S is not defined",
            detail="TIMESTAMP and DATE are moved by any interval, TIME by hours and less, and ROWTIME by days and less",
            hint="CAST(… AS TIMESTAMP) reads text, FROM_UNIXTIME(…) milliseconds",
            span=span,
        )
    name = f"{_MOVES[value.type]}{'SUB' if part.back else 'ADD'}"
    function = registry.find(name)
    assert isinstance(function, ScalarFunction)  # they ship
    args = (Literal(part.unit, INTERVAL_UNIT), coerce(count, INTEGER, span), value)
    return Call(name, args, value.type, function.overloads[0].implementation, span)


_DAYS = SqlTemplate(lambda a, t, r: f"({a[0]} - {a[1]})::INTEGER")


def of_times(symbol: str, left: Expr, right: Expr, registry: FunctionRegistry, span: Span | None) -> Expr | None:
    """Arithmetic on times without an interval: days between dates, and a date so many days later; None for other operands.
    Raises TypeMismatch for a difference of times, which would be an interval."""
    kinds = {left.type, right.type}
    if symbol == "-" and kinds == {DATE}:
        return Call("DAYS BETWEEN", (left, right), INTEGER, _DAYS, span)
    if symbol in "+-" and left.type is DATE and right.type is INTEGER:
        part = Part(exp.Null(), "DAY", symbol == "-")
        return moved(left, part, right, registry, span)
    if symbol == "-" and kinds <= {DATE, TIMESTAMP} and TIMESTAMP in kinds:
        raise TypeMismatch(
            f"{left.type} - {right.type} is not defined: there is no type for a length of time",
            hint="TIMESTAMPDIFF(SECOND, earlier, later) gives it in whole units; UNIX_TIMESTAMP(a) - UNIX_TIMESTAMP(b) in ms",
            span=span,
        )
    if symbol in "+-" and is_numeric(right.type) and left.type in (TIMESTAMP, TIME):
        raise TypeMismatch(
            f"{left.type} {symbol} {right.type} is not defined",
            hint=f"say which unit is meant: {symbol} INTERVAL 5 MINUTES",
            span=span,
        )
    return None
