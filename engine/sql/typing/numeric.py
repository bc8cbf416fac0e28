"""Arithmetic as ksqlDB does it: result types, and DuckDB SQL that wraps, truncates and raises where Java does.

INTEGER sums are computed in BIGINT and BIGINT sums in HUGEINT, then cut to their width, because DuckDB raises where Java
wraps: 6–9 ns a row and operation, and the operands' text appears once, so that nested arithmetic stays linear. Integer
division by zero raises (the row's value is NULL and the row is logged); DOUBLE gives Infinity and NaN.
"""

from __future__ import annotations

import decimal
import re
from collections.abc import Callable, Sequence

from ...errors import Span, TypeMismatch
from ..expressions import Call, Cast, Expr, Literal
from ..functions import ArrowFunction, SqlTemplate
from ..types import BIGINT, INTEGER, NULL, STRING, Decimal, SqlType, duckdb_type, is_numeric
from .coercion import as_decimal, clipped_decimal, coerce, wider_number
from .decimals import divide_rounded

_MASKS: dict[SqlType, tuple[str, str, str]] = {
    INTEGER: ("BIGINT", "2147483648", "4294967295"),
    BIGINT: ("HUGEINT", "9223372036854775808", "18446744073709551615"),
}
_RANGE: dict[SqlType, int] = {INTEGER: 1 << 31, BIGINT: 1 << 63}


def _wrapped(operation: str, sql_type: SqlType) -> str:
    """The integer `operation`, computed one size up, cut to the width of `sql_type` as Java cuts it."""
    _, half, mask = _MASKS[sql_type]
    return f"(((({operation}) + {half}) & {mask}) - {half})::{duckdb_type(sql_type)}"


def _integer(symbol: str) -> Callable[[Sequence[str], Sequence[SqlType], SqlType], str]:
    def render(args: Sequence[str], types: Sequence[SqlType], result: SqlType) -> str:
        if result not in _MASKS:
            return f"({args[0]} {symbol} {args[1]})"
        wide = _MASKS[result][0]
        return _wrapped(f"({args[0]})::{wide} {symbol} ({args[1]})::{wide}", result)

    return render


def _divide(args: Sequence[str], types: Sequence[SqlType], result: SqlType) -> str:
    if result in _MASKS and types[1] in _RANGE and _positive(args[1]):
        return f"({args[0]} // {args[1]})"
    if result in _MASKS:  # one size up: the smallest number divided by -1 wraps
        wide = _MASKS[result][0]
        return _wrapped(f"({args[0]})::{wide} // ({args[1]})::{wide}", result)
    return f"({args[0]} / {args[1]})"


def _positive(text: str) -> bool:
    """Whether the divisor's text is a constant above 0: nothing can wrap or fail then, at a quarter of the cost."""
    digits = re.fullmatch(r"(\d+)|CAST\((\d+) AS BIGINT\)", text)
    return digits is not None and int(digits[1] or digits[2]) > 0


def _modulo(args: Sequence[str], types: Sequence[SqlType], result: SqlType) -> str:
    if result in _MASKS:
        wide = _MASKS[result][0]
        return f"(({args[0]})::{wide} % ({args[1]})::{wide})::{duckdb_type(result)}"
    return f"({args[0]} % {args[1]})"


_RENDER = {"+": _integer("+"), "-": _integer("-"), "*": _integer("*"), "/": _divide, "%": _modulo}


def decimal_result(symbol: str, left: Decimal, right: Decimal) -> Decimal:
    """The type of DECIMAL arithmetic."""
    whole_left, whole_right = left.precision - left.scale, right.precision - right.scale
    scale = max(left.scale, right.scale)
    match symbol:
        case "*":
            return clipped_decimal(left.precision + right.precision + 1, left.scale + right.scale)
        case "/":
            scale = max(6, left.scale + right.precision + 1)
            return clipped_decimal(whole_left + right.scale + scale, scale)
        case "%":
            return clipped_decimal(min(whole_left, whole_right) + scale, scale)
        case _:
            return clipped_decimal(max(whole_left, whole_right) + scale + 1, scale)


def arithmetic(symbol: str, left: Expr, right: Expr, span: Span | None) -> Expr:
    """`left symbol right` with its type; raises TypeMismatch where the operator does not take the operands."""
    if left.type is STRING and right.type is STRING and symbol == "+":
        return Call("+", (left, right), STRING, SqlTemplate(lambda a, t, r: f"({a[0]} || {a[1]})"), span)
    if not is_numeric(left.type) or not is_numeric(right.type):
        _refuse(symbol, left.type, right.type, span)
    if isinstance(left, Literal) and isinstance(right, Literal) and left.value is not None and right.value is not None:
        folded = _fold(symbol, left, right)
        if folded is not None:
            return folded
    result = wider_number(left.type, right.type)
    if isinstance(result, Decimal):
        return _decimal(symbol, left, right, span)
    if (
        result in _MASKS
        and symbol in "/%"
        and isinstance(left, Literal)
        and isinstance(right, Literal)
        and not right.value
    ):
        return Literal(None, result)  # it fails in every row: NULL, and not an error that DuckDB folds inside a TRY
    args = tuple(a if a.type == result or result in _MASKS else Cast(a, result, span) for a in (left, right))
    return Call(symbol, args, result, SqlTemplate(_RENDER[symbol]), span)


def _refuse(symbol: str, left: SqlType, right: SqlType, span: Span | None) -> None:
    hint = None
    if NULL in (left, right):
        hint = "give the NULL a type: CAST(NULL AS …)"
    elif STRING in (left, right):
        hint = "CAST(… AS …) converts text and numbers; CONCAT joins text"
    raise TypeMismatch(f"{left} {symbol} {right} is not defined", hint=hint, span=span)


def _fold(symbol: str, left: Literal, right: Literal) -> Literal | None:
    """Integer constants computed once (`12*4+2`), as Java would; None for what is left to each row."""
    sql_type = wider_number(left.type, right.type)
    if sql_type not in _RANGE or (symbol in "/%" and right.value == 0):
        return None
    a, b = int(left.value), int(right.value)
    match symbol:
        case "+":
            value = a + b
        case "-":
            value = a - b
        case "*":
            value = a * b
        case "/":
            value = abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
        case _:
            value = abs(a) % abs(b) * (-1 if a < 0 else 1)
    half = _RANGE[sql_type]
    return Literal((value + half) % (2 * half) - half, sql_type)


def _decimal(symbol: str, left: Expr, right: Expr, span: Span | None) -> Expr:
    a, b = as_decimal(left.type), as_decimal(right.type)
    result = decimal_result(symbol, a, b)
    args = (coerce(left, a, span), coerce(right, b, span))
    if symbol == "/":
        digits = a.precision + result.scale + b.scale - a.scale
        if digits <= 37:
            return Call("/", args, result, SqlTemplate(_decimal_division), span)
        return Call(
            "/", args, result, ArrowFunction("decimal_divide", divide_rounded(result), row_at_a_time=True), span
        )
    if symbol == "*" and a.scale + b.scale > 38:
        raise TypeMismatch(f"{a} {symbol} {b} has more than 38 digits", hint="CAST one side to fewer digits", span=span)
    return Call(symbol, args, result, SqlTemplate(_decimal_operation(symbol)), span)


def _decimal_operation(symbol: str) -> Callable[[Sequence[str], Sequence[SqlType], SqlType], str]:
    def render(args: Sequence[str], types: Sequence[SqlType], result: SqlType) -> str:
        return f"CAST({args[0]} {symbol} {args[1]} AS {duckdb_type(result)})"

    return render


def _decimal_division(args: Sequence[str], types: Sequence[SqlType], result: SqlType) -> str:
    """Exact division in HUGEINT, rounded half up: unscaled left, widened by the missing digits, over unscaled right."""
    left, right = types
    assert isinstance(left, Decimal)
    assert isinstance(right, Decimal)
    assert isinstance(result, Decimal)
    shift = result.scale + right.scale - left.scale
    a = f"((({args[0]}) * {10**left.scale})::HUGEINT * {10**shift}::HUGEINT)"
    b = f"(({args[1]}) * {10**right.scale})::HUGEINT"
    rounded = "(2 * abs(q.a) + abs(q.b)) // (2 * abs(q.b)) * sign(q.a) * sign(q.b)"
    quotient = f"list_transform([{{'a': {a}, 'b': {b}}}], lambda q: {rounded})[1]"
    unit = f"CAST('{decimal.Decimal(1).scaleb(-result.scale):f}' AS DECIMAL({max(result.scale, 1)}, {result.scale}))"
    return f"CAST(CAST({quotient} AS DECIMAL(38, 0)) * {unit} AS {duckdb_type(result)})"


def negate(operand: Expr, span: Span | None) -> Expr:
    """`-operand`."""
    if not is_numeric(operand.type):
        raise TypeMismatch(f"-{operand.type} is not defined", span=span)
    if isinstance(operand, Literal) and operand.value is not None:
        value = -operand.value
        if operand.type in _RANGE and value == _RANGE[operand.type]:
            value = -value
        return Literal(value, operand.type)
    return Call("-", (operand,), operand.type, SqlTemplate(_negation), span)


def _negation(args: Sequence[str], types: Sequence[SqlType], result: SqlType) -> str:
    if result in _MASKS:
        return _wrapped(f"-(({args[0]})::{_MASKS[result][0]})", result)
    return f"(-({args[0]}))"
