"""Which types become which: implicit widening, common types of lists, and what CAST allows.

Literals are laxer than expressions, as in ksqlDB: `'10'` beside numbers is a number and `'2024-01-01'` beside a DATE is a
date, while a STRING column stays a STRING. Constructors (`ARRAY[…]`, `MAP(…)`, `STRUCT(…)`) are coerced element by element.
"""

from __future__ import annotations

import decimal
from collections.abc import Sequence
from dataclasses import replace

from ...errors import Span, TypeMismatch
from ..expressions import Call, Cast, Expr, Literal
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
    Array,
    Decimal,
    Map,
    Scalar,
    SqlType,
    Struct,
    Vector,
    is_numeric,
)
from .literals import convert_literal, literal_as_text, numeric_type_of_text

ARRAY_CONSTRUCTOR = "ARRAY[]"
MAP_CONSTRUCTOR = "MAP()"
STRUCT_CONSTRUCTOR = "STRUCT()"

_TEMPORAL = (DATE, TIME, TIMESTAMP)
_WIDTH: dict[SqlType, int] = {INTEGER: 0, BIGINT: 1, FLOAT: 3, DOUBLE: 4}
_CASTS: dict[SqlType, frozenset[SqlType]] = {
    BOOLEAN: frozenset({STRING}),
    INTEGER: frozenset({STRING}),
    BIGINT: frozenset({STRING}),
    FLOAT: frozenset({STRING}),
    DOUBLE: frozenset({STRING}),
    STRING: frozenset({BOOLEAN, INTEGER, BIGINT, FLOAT, DOUBLE, DATE, TIME, TIMESTAMP}),
    DATE: frozenset({STRING, TIMESTAMP}),
    TIME: frozenset({STRING}),
    TIMESTAMP: frozenset({STRING, DATE, TIME}),
    BYTES: frozenset(),
}


def clipped_decimal(precision: int, scale: int) -> Decimal:
    """DECIMAL(precision, scale), or where that exceeds 38 digits the nearest that keeps the digits before the point."""
    if precision > 38:
        whole = precision - scale
        scale = max(min(scale, 6), min(scale, 38 - whole))
        precision = 38
    return Decimal(max(precision, 1), min(scale, precision))


def as_decimal(sql_type: SqlType) -> Decimal:
    """The DECIMAL that holds every value of an exact number's type."""
    if isinstance(sql_type, Decimal):
        return sql_type
    return Decimal(10, 0) if sql_type is INTEGER else Decimal(19, 0)


def wider_number(left: SqlType, right: SqlType) -> SqlType:
    """The narrowest type that holds the numbers of both."""
    if isinstance(left, Decimal) or isinstance(right, Decimal):
        other = right if isinstance(left, Decimal) else left
        if other in (FLOAT, DOUBLE):
            return DOUBLE
        a, b = as_decimal(left), as_decimal(right)
        scale = max(a.scale, b.scale)
        return clipped_decimal(max(a.precision - a.scale, b.precision - b.scale) + scale, scale)
    return left if _WIDTH[left] >= _WIDTH[right] else right


def widens(source: SqlType, target: SqlType) -> bool:
    """Whether every value of `source` is silently taken where a `target` is wanted."""
    if source == target or source is NULL:
        return True
    match source, target:
        case Decimal(), Decimal():
            return source.scale <= target.scale and source.precision - source.scale <= target.precision - target.scale
        case (Scalar(), Decimal()):
            return source in (INTEGER, BIGINT) and widens(as_decimal(source), target)
        case (Decimal(), Scalar()):
            return target in (FLOAT, DOUBLE)
        case Scalar(), Scalar():
            return source in _WIDTH and target in _WIDTH and _WIDTH[source] < _WIDTH[target]
        case Array(a), Array(b):
            return widens(a, b)
        case Vector(), Array(b):
            return widens(FLOAT, b)
        case Map(), Map():
            return widens(source.key, target.key) and widens(source.value, target.value)
        case Struct(), Struct():
            wanted = dict(target.fields)
            return all(name in wanted and widens(t, wanted[name]) for name, t in source.fields)
        case _:
            return False


def castable(source: SqlType, target: SqlType) -> bool:
    """Whether CAST(source AS target) exists."""
    if source == target or source is NULL:
        return True
    if is_numeric(source) and is_numeric(target):
        return True
    match source, target:
        case Decimal(), Scalar():
            return target is STRING
        case Scalar(), Decimal():
            return source is STRING
        case Scalar(), Scalar():
            return target in _CASTS.get(source, frozenset())
        case ((Array() | Map() | Struct() | Vector()), Scalar()):
            return target is STRING
        case Array(a), Array(b):
            return castable(a, b)
        case Array(a), Vector():
            return is_numeric(a)
        case Vector(), Array(b):
            return is_numeric(b)
        case Map(), Map():
            return castable(source.key, target.key) and castable(source.value, target.value)
        case Struct(), Struct():
            wanted = dict(target.fields)
            return all(castable(t, wanted[name]) for name, t in source.fields if name in wanted)
        case _:
            return False


def coerce(
    expr: Expr, target: SqlType, span: Span | None = None, *, in_list: bool = False, inserted: bool = False
) -> Expr:
    """`expr` as a `target`, where that is implicit; raises TypeMismatch where it is not. `in_list`: it is an element of
    a list or constructor, where a number or boolean beside text is its text. `inserted`: it is a row's value, where text
    is no number and no boolean, and neither of them text."""
    if expr.type == target:
        return expr
    if isinstance(expr, Literal):
        if inserted:
            _check_inserted(expr, target, span)
        elif in_list and target is STRING and expr.value is not None:
            return Literal(literal_as_text(expr), STRING)
        return convert_literal(expr, target, span)
    if isinstance(expr, Call):
        rebuilt = _coerce_constructor(expr, target, span, inserted)
        if rebuilt is not None:
            return rebuilt
    if expr.type is NULL or widens(expr.type, target):
        return Cast(expr, target, span)
    raise TypeMismatch(
        f"{expr.type} cannot be used where {target} is wanted",
        hint=f"CAST(… AS {target}) converts it" if castable(expr.type, target) else None,
        span=span,
    )


def _check_inserted(literal: Literal, target: SqlType, span: Span | None) -> None:
    if literal.type is STRING and literal.value is not None and (is_numeric(target) or target is BOOLEAN):
        convert_literal(literal, target, span)  # what is none says that itself
        raise TypeMismatch(
            f"STRING '{literal.value}' cannot be used where {target} is wanted",
            hint="write it without the quotes",
            span=span,
        )


def _coerce_constructor(call: Call, target: SqlType, span: Span | None, inserted: bool) -> Expr | None:
    match call.function, target:
        case "ARRAY[]", Array(item):
            return replace(
                call, args=tuple(coerce(a, item, span, in_list=True, inserted=inserted) for a in call.args), type=target
            )
        case "ARRAY[]", Vector(size):
            if len(call.args) != size:
                raise TypeMismatch(f"{target} takes {size} numbers, not {len(call.args)}", span=span)
            floats = replace(call, args=tuple(coerce(a, FLOAT, span) for a in call.args), type=Array(FLOAT))
            return Cast(floats, target, span)
        case "MAP()", Map(key, value):
            wanted = [value if i % 2 else key for i in range(len(call.args))]
            pairs = zip(call.args, wanted, strict=True)
            args = tuple(coerce(a, t, span, in_list=True, inserted=inserted) for a, t in pairs)
            return replace(call, args=args, type=target)
        case "STRUCT()", Struct(fields):
            assert isinstance(call.type, Struct)
            given = {name: arg for (name, _), arg in zip(call.type.fields, call.args, strict=True)}
            if set(given) - {name for name, _ in fields}:
                return None
            args = tuple(
                coerce(given[n], t, span, inserted=inserted) if n in given else Literal(None, t) for n, t in fields
            )
            return replace(call, args=args, type=target)
        case _:
            return None


def common_type(items: Sequence[Expr], span: Span | None = None, *, in_list: bool = False) -> SqlType | None:
    """The type that all `items` can take, found from left to right; None when all are NULL."""
    found: SqlType | None = None
    for item in items:
        if item.type is NULL:
            continue
        found = item.type if found is None else _join(found, item, span, in_list=in_list)
    return found


def _join(target: SqlType, item: Expr, span: Span | None, *, in_list: bool = True) -> SqlType:
    source = item.type
    if isinstance(item, Literal) and (item.value is None or (in_list and target is STRING and _has_text(source))):
        return target
    if isinstance(item, Call):
        joined = _join_constructor(target, item, span)
        if joined is not None:
            return joined
    if isinstance(item, Literal) and source is STRING and target is not STRING:
        if is_numeric(target):
            return wider_number(numeric_type_of_text(item.value, target, span), target)
        if target is BOOLEAN or target in _TEMPORAL:
            convert_literal(item, target, span)
            return target
    joined = join_types(source, target)
    if joined is None:
        raise TypeMismatch(
            f"{source} and {target} have no common type",
            detail="the values of a list, of CASE branches and of constructors must agree in type",
            hint="convert one of them with CAST",
            span=span,
        )
    return joined


def _has_text(sql_type: SqlType) -> bool:
    return sql_type is BOOLEAN or is_numeric(sql_type)


def _join_constructor(target: SqlType, call: Call, span: Span | None) -> SqlType | None:
    match call.function, target:
        case "ARRAY[]", Array(item):
            return Array(_join_all(item, call.args, span))
        case "MAP()", Map(key, value):
            return Map(_join_all(key, call.args[::2], span), _join_all(value, call.args[1::2], span))
        case "STRUCT()", Struct(fields):
            assert isinstance(call.type, Struct)
            wanted = dict(fields)
            given = {n: a for (n, _), a in zip(call.type.fields, call.args, strict=True)}
            names = [*given, *(n for n in wanted if n not in given)]
            return Struct(tuple((n, _field(wanted.get(n), given.get(n), span)) for n in names))
        case _:
            return None


def _field(wanted: SqlType | None, given: Expr | None, span: Span | None) -> SqlType:
    if given is None or given.type is NULL:
        return wanted or STRING
    return given.type if wanted is None else _join(wanted, given, span)


def _join_all(target: SqlType, items: Sequence[Expr], span: Span | None) -> SqlType:
    for item in items:
        if item.type is not NULL:
            target = _join(target, item, span)
    return target


def join_types(left: SqlType, right: SqlType) -> SqlType | None:
    """The type that values of both take without a literal's help, or None."""
    if left is NULL:
        return right
    if right is NULL or left == right:
        return left
    if is_numeric(left) and is_numeric(right):
        return wider_number(left, right)
    match left, right:
        case Array(a), Array(b):
            item = join_types(a, b)
            return None if item is None else Array(item)
        case Map(), Map():
            key, value = join_types(left.key, right.key), join_types(left.value, right.value)
            return None if key is None or value is None else Map(key, value)
        case _:
            return left if widens(right, left) else right if widens(left, right) else None


def decimal_of(value: decimal.Decimal) -> Decimal:
    """The narrowest DECIMAL that holds `value` as it is written."""
    digits, exponent = value.as_tuple().digits, value.as_tuple().exponent
    assert isinstance(exponent, int)
    scale = max(0, -exponent)
    if value == 0:
        return clipped_decimal(scale + 1, scale)
    return clipped_decimal(max(len(digits) + max(0, exponent), scale), scale)


def as_text(arg: Expr | None, span: Span | None) -> Expr | None:
    """What || and CONCAT join beside text: numbers, booleans and times, as CAST writes them. None stands for a lambda."""
    if arg is None or arg.type in (NULL, STRING, BYTES) or isinstance(arg.type, Array | Map | Struct | Vector):
        return arg
    return Cast(arg, STRING, span)
