"""SQL over a few values, worked out in Python: what DuckDB says of them, or that only DuckDB can tell.

A DuckDB call costs a millisecond for one row as for ten thousand, and most small batches are an addition. Aggregates are
SQL (`functions.StateColumn`) and stay so: this reads the same text. It knows whole and floating-point numbers, texts, bytes
and booleans; `+ - * / &`, `=`, CASE, COALESCE, least, greatest and casts; and the aggregates that need no more than these.
A text with anything else is foreign to it. Where DuckDB would raise, or round, or have a rule of its own (what overflows, is
not finite, is -0.0), a value is not made: `Unsure` is raised, and the caller asks DuckDB.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from typing import Any

from sqlglot import exp, parse_one

Values = Mapping[str, Any]
"""By column's name its value; inside an aggregate, its values."""

ORDER = "seq"
"""The column that every group of rows has: their order."""

_LIMITS = {"INTEGER": 1 << 31, "BIGINT": 1 << 63, "HUGEINT": 10**38}  # a HUGEINT is a decimal of 38 digits in Arrow
_FLOATING = ("FLOAT", "DOUBLE")
_CASTS = {
    exp.DType.INT: "INTEGER",
    exp.DType.BIGINT: "BIGINT",
    exp.DType.INT128: "HUGEINT",
    exp.DType.DOUBLE: "DOUBLE",
}
_EXACT = 1 << 53  # whole numbers below are doubles
TYPES = frozenset((*_LIMITS, *_FLOATING, "BOOLEAN", "VARCHAR", "BLOB"))
"""The DuckDB types of the columns that it knows."""


class Unsure(Exception):
    """Only DuckDB can tell what comes of these values."""


class _Foreign(Exception):
    """The text holds what is not known here."""


@dataclass(frozen=True)
class ByValue:
    """An expression: the DuckDB type of what it gives, and how."""

    type: str
    of: Callable[[Values], Any]


def by_value(sql: str, types: Mapping[str, str], result: str) -> ByValue | None:
    """`sql` over columns of these types, cast to `result`; None where only DuckDB can.

    >>> by_value("coalesce(least(a, b), 0) + 1", {"a": "BIGINT", "b": "BIGINT"}, "BIGINT").of({"a": None, "b": 4})
    5
    >>> by_value("count(*) * sum(a)", {"a": "INTEGER"}, "BIGINT").of({"a": [3, None], "seq": [1, 2]})
    6
    >>> by_value("a + b", {"a": "BIGINT", "b": "BIGINT"}, "BIGINT").of({"a": 2**63 - 1, "b": 1})
    Traceback (most recent call last):
    mergus.engine.sql.by_value.Unsure
    >>> by_value("list_sort(a)", {"a": "BIGINT[]"}, "BIGINT[]")
    """
    try:
        return _cast(_read(parse_one(sql, dialect="duckdb"), types), result)
    except _Foreign:
        return None


def _read(node: exp.Expr, types: Mapping[str, str]) -> ByValue:
    match node:
        case exp.Paren():
            return _read(node.this, types)
        case exp.Column():
            return _column(node.name, types)
        case exp.Literal(is_string=False):
            return _literal(node.name)
        case exp.TryCast():
            raise _Foreign
        case exp.Cast():
            return _cast(_read(node.this, types), _CASTS.get(node.to.this, ""))
        case exp.Add() | exp.Sub() | exp.Mul() | exp.BitwiseAnd() | exp.Div() | exp.EQ():
            return _binary(type(node), _read(node.left, types), _read(node.right, types))
        case exp.Coalesce() | exp.Least() | exp.Greatest():
            return _chosen(type(node), [_read(n, types) for n in (node.this, *node.expressions)])
        case exp.Case():
            return _case(node, types)
        case _:
            return _aggregate(node, types)


def _column(name: str, types: Mapping[str, str]) -> ByValue:
    kind = types.get(name)
    if kind not in TYPES:
        raise _Foreign
    if kind in _FLOATING:
        return ByValue(kind, lambda values: _checked("DOUBLE", values[name]))
    return ByValue(kind, lambda values: values[name])


def _literal(text: str) -> ByValue:
    if not text.isdecimal():
        number = float(text)
        return ByValue("DOUBLE", lambda values: number)
    whole = int(text)
    fitting = [kind for kind, limit in _LIMITS.items() if whole < limit]
    if not fitting:
        raise _Foreign
    return ByValue(fitting[0], lambda values: whole)


def _checked(kind: str, value: Any) -> Any:
    """A value of that type, if it is one of which nothing special is known."""
    if value is None:
        return None
    if kind == "DOUBLE":
        if not math.isfinite(value) or (value == 0 and math.copysign(1.0, value) < 0):
            raise Unsure
    elif not -_LIMITS[kind] <= value < _LIMITS[kind]:
        raise Unsure
    return value


def _cast(made: ByValue, kind: str) -> ByValue:
    of = made.of
    if made.type == kind:
        return made
    if made.type in _LIMITS and kind in _LIMITS:
        return ByValue(kind, lambda values: _checked(kind, of(values)))
    if kind != "DOUBLE" or made.type not in (*_LIMITS, "FLOAT"):
        raise _Foreign
    return ByValue(kind, lambda values: _as_double(of(values)))


def _as_double(number: float | None) -> float | None:
    if number is None:
        return None
    if abs(number) > _EXACT and isinstance(number, int):
        raise Unsure
    return float(number)


def _common(kinds: Iterable[str]) -> str:
    """The type to which DuckDB brings values of several."""
    found = set(kinds)
    if len(found) == 1:
        return found.pop()
    if found <= _LIMITS.keys():
        return max(found, key=_LIMITS.__getitem__)
    if found <= {*_LIMITS, "DOUBLE"}:
        return "DOUBLE"
    raise _Foreign


_BINARY: Mapping[type[exp.Expr], Callable[[Any, Any], Any]] = {
    exp.Add: operator.add,
    exp.Sub: operator.sub,
    exp.Mul: operator.mul,
    exp.Div: operator.truediv,
    exp.BitwiseAnd: operator.and_,
    exp.EQ: operator.eq,
}


def _binary(node: type[exp.Expr], left: ByValue, right: ByValue) -> ByValue:
    kind, do = _common((left.type, right.type)), _BINARY[node]
    numbers = _LIMITS.keys() if node is exp.BitwiseAnd else {"DOUBLE"} if node is exp.Div else {*_LIMITS, "DOUBLE"}
    if kind not in numbers:
        raise _Foreign
    first, second = _cast(left, kind).of, _cast(right, kind).of

    def of(values: Values) -> Any:
        a, b = first(values), second(values)
        if a is None or b is None:
            return None
        try:
            made = do(a, b)
        except ArithmeticError:
            raise Unsure from None
        return made if node is exp.EQ else _checked(kind, made)

    return ByValue("BOOLEAN" if node is exp.EQ else kind, of)


def _first(present: Sequence[Any]) -> Any:
    return present[0]


_CHOICES: Mapping[type[exp.Expr], Callable[[Sequence[Any]], Any]] = {
    exp.Coalesce: _first,
    exp.Least: min,
    exp.Greatest: max,
}


def _chosen(node: type[exp.Expr], args: Sequence[ByValue]) -> ByValue:
    """One of those that are not NULL."""
    kind, choose = _common(a.type for a in args), _CHOICES[node]
    each = [_cast(a, kind).of for a in args]

    def of(values: Values) -> Any:
        present = [v for one in each if (v := one(values)) is not None]
        return choose(present) if present else None

    return ByValue(kind, of)


def _case(node: exp.Case, types: Mapping[str, str]) -> ByValue:
    if node.this is not None or node.args.get("default") is None:
        raise _Foreign
    conditions = [_cast(_read(branch.this, types), "BOOLEAN").of for branch in node.args["ifs"]]
    results = [_read(n, types) for n in (*(branch.args["true"] for branch in node.args["ifs"]), node.args["default"])]
    kind = _common(r.type for r in results)
    *chosen, otherwise = [_cast(r, kind).of for r in results]
    branches = list(zip(conditions, chosen, strict=True))

    def of(values: Values) -> Any:
        return next((result for condition, result in branches if condition(values)), otherwise)(values)

    return ByValue(kind, of)


# ------------------------------------------------------------------------------------------------------------- aggregates
_ADDED = {"INTEGER": "HUGEINT", "BIGINT": "HUGEINT", "HUGEINT": "HUGEINT", "DOUBLE": "DOUBLE"}


def _aggregate(node: exp.Expr, types: Mapping[str, str]) -> ByValue:
    match node:
        case exp.Count(this=exp.Star()):
            return ByValue("BIGINT", lambda values: len(values[ORDER]))
        case exp.Count(this=exp.Column()):
            _, each = _rows(node.this, types)
            return ByValue("BIGINT", lambda values: len(_present(each(values))))
        case exp.Sum():
            kind, each = _rows(node.this, types)
            if kind not in _ADDED:
                raise _Foreign
            total = _ADDED[kind]
            add = partial(reduce, operator.add)  # not `sum`, which some versions of Python make more exact
            return ByValue(total, lambda values: _checked(total, _of_present(add, each(values))))
        case exp.Min() | exp.Max():
            kind, each = _rows(node.this, types)
            choose: Callable[[Any], Any] = min if isinstance(node, exp.Min) else max
            return ByValue(kind, lambda values: _of_present(choose, each(values)))
        case exp.ArgMin() | exp.ArgMax():
            return _by_order(node.this, node.expression, types, last=isinstance(node, exp.ArgMax), nulls=False)
        case exp.Anonymous(this="arg_min_null" | "arg_max_null", expressions=[value, by]):
            return _by_order(value, by, types, last=node.this == "arg_max_null", nulls=True)
        case _:
            raise _Foreign


def _rows(node: exp.Expr, types: Mapping[str, str]) -> tuple[str, Callable[[Values], list[Any]]]:
    """An aggregate's argument, which reads one column: its type and its values, row by row."""
    names = {column.name for column in node.find_all(exp.Column)}
    if len(names) != 1:
        raise _Foreign
    (name,), made = names, _read(node, types)
    return made.type, lambda values: [made.of({name: value}) for value in values[name]]


def _present(found: Sequence[Any]) -> list[Any]:
    return [value for value in found if value is not None]


def _of_present(choose: Callable[[list[Any]], Any], found: Sequence[Any]) -> Any:
    present = _present(found)
    return choose(present) if present else None


def _by_order(value: exp.Expr, by: exp.Expr, types: Mapping[str, str], *, last: bool, nulls: bool) -> ByValue:
    """The value of the first row or the last, of those that have one or of all."""
    if by.name != ORDER or not isinstance(by, exp.Column):
        raise _Foreign
    kind, each = _rows(value, types)
    choose = max if last else min

    def of(values: Values) -> Any:
        found = each(values)
        places = [i for i, v in enumerate(found) if nulls or v is not None]
        return found[choose(places, key=values[ORDER].__getitem__)] if places else None

    return ByValue(kind, of)
