"""Comparisons and predicates as ksqlDB has them: two-valued, with coercion of literals and checks of types.

`=`, `<`, IN and BETWEEN are false, not NULL, where an operand is NULL; so NOT (a = b) is true there. `IS TRUE` does it at
half a nanosecond a row. NaN equals nothing and is above nothing, unlike in DuckDB.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...errors import Span, TypeMismatch
from ..expressions import Call, Cast, Column, Expr, Literal, System
from ..functions import SqlTemplate
from ..types import (
    BIGINT,
    BOOLEAN,
    BYTES,
    DATE,
    DOUBLE,
    FLOAT,
    NULL,
    STRING,
    TIME,
    TIMESTAMP,
    Array,
    Map,
    SqlType,
    Struct,
    Vector,
    is_numeric,
)
from .coercion import coerce, common_type, join_types, widens
from .literals import convert_literal, parse_timestamp_ms

_ORDERED = {STRING, BYTES, DATE, TIME, TIMESTAMP}
_MAGIC = ("ROWTIME", "WINDOWSTART", "WINDOWEND")
_INFINITY = "'inf'::DOUBLE"


def compare(symbol: str, left: Expr, right: Expr, span: Span | None) -> Expr:
    """`left symbol right` for = <> < <= > >=."""
    if NULL in (left.type, right.type):
        raise TypeMismatch(
            f"comparison with NULL is not supported: {left.type} {symbol} {right.type}",
            hint="use IS NULL or IS NOT NULL",
            span=span,
        )
    left, right = _operands(left, right, symbol, span)
    return Call(symbol, (left, right), BOOLEAN, _template(symbol, left, right), span)


def distinct(negated: bool, left: Expr, right: Expr, span: Span | None) -> Expr:
    """IS DISTINCT FROM, or with `negated` IS NOT DISTINCT FROM."""
    if left.type is NULL or right.type is NULL:
        raise TypeMismatch("IS DISTINCT FROM NULL is not supported", hint="use IS NULL or IS NOT NULL", span=span)
    left, right = _operands(left, right, "=", span)
    symbol = "IS NOT DISTINCT FROM" if negated else "IS DISTINCT FROM"
    template = SqlTemplate(lambda a, t, r: f"({_plain(a[0], t[0])} {symbol} {_plain(a[1], t[1])})")
    return Call(symbol, (left, right), BOOLEAN, template, span)


def in_list(value: Expr, items: Sequence[Expr], span: Span | None) -> Expr:
    """`value IN (items)`."""
    if isinstance(value, System) and value.name in _MAGIC:
        items = [_magic(value, item, span) for item in items]
    wanted = common_type([value, *items], span, in_list=True)
    if wanted is None:
        raise TypeMismatch("NULL IN (…) is not supported", hint="use IS NULL", span=span)
    args = tuple(coerce(e, wanted, span, in_list=True) for e in (value, *items) if e.type is not NULL or e is value)
    if len(args) == 1:
        return Literal(False, BOOLEAN)
    return Call("IN", args, BOOLEAN, SqlTemplate(_in), span)


def _in(args: Sequence[str], types: Sequence[SqlType], result: SqlType) -> str:
    texts = [_plain(a, t) for a, t in zip(args, types, strict=True)]
    return f"(({texts[0]} IN ({', '.join(texts[1:])})) IS TRUE)"


def between(value: Expr, low: Expr, high: Expr, span: Span | None) -> Expr:
    """`value BETWEEN low AND high`."""
    return logical("AND", compare(">=", value, low, span), compare("<=", value, high, span), span)


def like(value: Expr, pattern: Expr, escape: str | None, span: Span | None) -> Expr:
    """`value LIKE pattern [ESCAPE escape]`; there is no escape character unless one is given."""
    for operand in (value, pattern):
        if operand.type not in (STRING, NULL):
            raise TypeMismatch(f"LIKE takes STRING, not {operand.type}", span=span)
    if escape is not None and len(escape) != 1:
        raise TypeMismatch(f"ESCAPE takes one character: {escape!r}", span=span)
    suffix = "" if escape is None else " ESCAPE '" + escape.replace("'", "''") + "'"
    args = tuple(coerce(e, STRING, span) for e in (value, pattern))
    return Call("LIKE", args, BOOLEAN, SqlTemplate(lambda a, t, r: f"(({a[0]} LIKE {a[1]}{suffix}) IS TRUE)"), span)


def is_null(value: Expr, negated: bool, span: Span | None) -> Expr:
    """IS NULL, or with `negated` IS NOT NULL."""
    test = "IS NOT NULL" if negated else "IS NULL"
    return Call(test, (value,), BOOLEAN, SqlTemplate(lambda a, t, r: f"({a[0]} {test})"), span)


def logical(symbol: str, left: Expr, right: Expr, span: Span | None) -> Expr:
    """AND, OR."""
    args = tuple(_boolean(e, symbol, span) for e in (left, right))
    return Call(symbol, args, BOOLEAN, SqlTemplate(lambda a, t, r: f"({a[0]} {symbol} {a[1]})"), span)


def negation(operand: Expr, span: Span | None) -> Expr:
    """NOT."""
    args = (_boolean(operand, "NOT", span),)
    return Call("NOT", args, BOOLEAN, SqlTemplate(lambda a, t, r: f"(NOT {a[0]})"), span)


def _boolean(operand: Expr, symbol: str, span: Span | None) -> Expr:
    if operand.type is NULL:
        return Literal(None, BOOLEAN)
    if operand.type is not BOOLEAN:
        raise TypeMismatch(f"{symbol} takes BOOLEAN, not {operand.type}", span=span)
    return operand


def _operands(left: Expr, right: Expr, symbol: str, span: Span | None) -> tuple[Expr, Expr]:
    """Both sides in the type in which they are compared."""
    left, right = _magic(right, left, span), _magic(left, right, span)
    wanted = _comparison_type(left, right, span)
    if wanted is None or not _comparable(wanted, symbol):
        raise TypeMismatch(
            f"{left.type} {symbol} {right.type} is not defined",
            detail=f"{wanted} is compared with = and <> only" if wanted is not None else None,
            hint="CAST one side to the other's type" if wanted is None else None,
            span=span,
        )
    return _as(left, wanted, span), _as(right, wanted, span)


def _comparable(sql_type: SqlType, symbol: str) -> bool:
    return symbol in ("=", "<>") or is_numeric(sql_type) or sql_type in _ORDERED


def _comparison_type(left: Expr, right: Expr, span: Span | None) -> SqlType | None:
    temporal = {left.type, right.type} & {DATE, TIME, TIMESTAMP}
    if temporal:
        if len(temporal) == 1 and {left.type, right.type} <= temporal | {STRING}:
            return temporal.pop()
        return TIMESTAMP if temporal == {DATE, TIMESTAMP} else None
    if isinstance(left.type, Vector) or isinstance(right.type, Vector):
        return left.type if left.type == right.type else None
    if isinstance(left.type, Array | Map | Struct):
        return left.type if widens(right.type, left.type) else _constructed(left, right, span)
    return join_types(left.type, right.type)


def _constructed(left: Expr, right: Expr, span: Span | None) -> SqlType | None:
    if not isinstance(right.type, type(left.type)):
        return None
    return common_type([left, right], span)


def _as(operand: Expr, wanted: SqlType, span: Span | None) -> Expr:
    if operand.type == wanted:
        return operand
    if operand.type is STRING and wanted in (DATE, TIME, TIMESTAMP):
        return convert_literal(operand, wanted, span) if isinstance(operand, Literal) else Cast(operand, wanted, span)
    if operand.type is DATE and wanted is TIMESTAMP:
        return Cast(operand, wanted, span)
    return coerce(operand, wanted, span)


_MILLISECONDS = SqlTemplate(lambda a, t, r: f"epoch_ms({a[0]})")


def counts_time(value: Expr) -> bool:
    """Whether a value is ROWTIME, WINDOWSTART or WINDOWEND, moved or not: a time, in milliseconds."""
    if isinstance(value, Call) and value.function in ("+", "-") and value.type is BIGINT:
        return counts_time(value.args[0]) and not counts_time(value.args[1])
    return isinstance(value, System | Column) and value.name in _MAGIC and value.type is BIGINT


def _magic(beside: Expr, operand: Expr, span: Span | None) -> Expr:
    """A string literal beside ROWTIME, WINDOWSTART or WINDOWEND is the time it reads as, in milliseconds; so is a timestamp."""
    if not counts_time(beside):
        return operand
    if operand.type in (TIMESTAMP, DATE):
        return Call("UNIX_TIMESTAMP", (_as(operand, TIMESTAMP, span),), BIGINT, _MILLISECONDS, span)
    if not isinstance(operand, Literal) or operand.type is not STRING or operand.value is None:
        return operand
    try:
        return Literal(parse_timestamp_ms(operand.value), BIGINT)
    except ValueError as error:
        raise TypeMismatch(
            f"{operand.value!r} is not a time", detail=str(error), hint="write '2024-12-31T23:59:59.999'", span=span
        ) from error


def _plain(text: str, sql_type: SqlType) -> str:
    """Maps compare by entries in any order."""
    return f"list_sort(map_entries({text}))" if isinstance(sql_type, Map) else text


def _template(symbol: str, left: Expr, right: Expr) -> SqlTemplate:
    render: Callable[[Sequence[str], Sequence[SqlType], SqlType], str]
    if left.type in (DOUBLE, FLOAT):
        bounded = [not isinstance(e, Literal) for e in (left, right)]
        return SqlTemplate(lambda a, t, r: _floating(symbol, a, bounded))
    if isinstance(left.type, Map):
        render = lambda a, t, r: f"(({_plain(a[0], t[0])} {symbol} {_plain(a[1], t[1])}) IS TRUE)"  # noqa: E731
        return SqlTemplate(render)
    return SqlTemplate(lambda a, t, r: f"(({a[0]} {symbol} {a[1]}) IS TRUE)")


def _floating(symbol: str, args: Sequence[str], bounded: Sequence[bool]) -> str:
    """A comparison that NaN fails: DuckDB sorts NaN above infinity and equal to itself."""
    left, right = args
    tests = [f"{left} {symbol} {right}"]
    guarded = {"<": [right], "<=": [right], ">": [left], ">=": [left], "=": [left, right], "<>": [left, right]}[symbol]
    tests += [f"{g} <= {_INFINITY}" for g in guarded if bounded[0 if g is left else 1]]
    if symbol == "=" and not all(bounded):
        tests = tests[:1]
    return f"(({' AND '.join(tests)}) IS TRUE)"
