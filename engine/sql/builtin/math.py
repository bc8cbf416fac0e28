"""Mathematics: where Java gives NaN or Infinity and DuckDB raises, the template says so."""

from __future__ import annotations

import decimal
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from ..functions import ArrowFunction, Function, Overload, ScalarFunction
from ..types import Decimal, SqlType
from .table import first_type, function, overload, rows

_NAN, _INF = "'nan'::DOUBLE", "'inf'::DOUBLE"
_EARTH_KM, _EARTH_MILES = 6371.0, 3959.0


def _math(name: str, description: str, *overloads: Overload, example: str) -> ScalarFunction:
    return function(name, description, "MATHEMATICAL", *overloads, examples=(example,))


def _of_double(name: str, description: str, template: str) -> ScalarFunction:
    return _math(name, description, overload("DOUBLE -> DOUBLE", template), example=f"{name}(x)")


def _whole_decimal(types: Sequence[SqlType]) -> SqlType:
    """The digits before the point, as in ksqlDB: where all of them are 9, what is rounded up does not fit."""
    given = types[0]
    assert isinstance(given, Decimal)
    return Decimal(max(1, given.precision - given.scale), 0)


def _to_places(negative: str, positive: str) -> Callable[[Any, int], Any]:
    """Rounding to decimal places of the number as it is written, negative numbers by `negative`'s rule."""

    def compute(value: Any, places: int) -> Any:
        if isinstance(value, float):
            if not math.isfinite(value):
                return value
            return float(_quantized(decimal.Decimal(repr(value)), places))
        return _quantized(value, places)

    def _quantized(value: decimal.Decimal, places: int) -> decimal.Decimal:
        with decimal.localcontext() as context:
            context.prec = 400
            rule = negative if value < 0 else positive
            return value.quantize(decimal.Decimal(1).scaleb(-places), rounding=rule)

    return compute


def _by_column(name: str, compute: Callable[[Any, int], Any], nearest: Any, border: float) -> ArrowFunction:
    """DOUBLEs to one number of places, a column at once; where a value lies so near a `border` between two results that its
    decimal digits decide, and where it is no number of moderate size, by `compute`."""
    by_row = rows(name, compute)

    def evaluate(values: pa.Array, places: pa.Array, *, types: Sequence[SqlType], result: SqlType) -> pa.Array:
        given, all_places = values.to_numpy(), places.to_numpy()
        if not len(given) or not 0 <= all_places[0] <= 9 or (all_places != all_places[0]).any():
            return by_row.evaluate(values, places, types=types, result=result)
        count = int(all_places[0])
        with np.errstate(all="ignore"):
            scaled = given * 10.0**count
            apart = np.abs((scaled - border) - np.rint(scaled - border))
            made = nearest(scaled) / 10.0**count
        unsure = ~((np.abs(scaled) < 1e9) & (apart > 1e-6))
        made[unsure] = [compute(value, count) for value in given[unsure].tolist()]
        return pa.array(made)

    return replace(by_row, evaluate=evaluate)


_ROUND = _to_places(decimal.ROUND_HALF_DOWN, decimal.ROUND_HALF_UP)
_TRUNC = _to_places(decimal.ROUND_DOWN, decimal.ROUND_DOWN)


def _saturated(whole: str) -> str:
    """A whole DOUBLE as a BIGINT as Java has it: too large is the largest, NaN 0."""
    ends = "WHEN {0} >= 9223372036854775808.0 THEN 9223372036854775807"
    guarded = f"greatest(least({whole}, 9223372036854774784.0), -9223372036854775808.0)"
    return f"CASE WHEN {{0}} IS NULL THEN NULL WHEN isnan({{0}}) THEN 0 {ends} ELSE {guarded}::BIGINT END"


_UNITS = {
    **dict.fromkeys(("", "KM", "KILOMETER", "KILOMETERS", "KILOMETRE", "KILOMETRES"), _EARTH_KM),
    **dict.fromkeys(("MI", "MILE", "MILES"), _EARTH_MILES),
}


def _distance(
    lat1: float | None, lon1: float | None, lat2: float | None, lon2: float | None, unit: str | None = None
) -> float | None:
    """The great-circle distance by the haversine formula. A unit that is NULL or blank is the kilometre."""
    if lat1 is None or lon1 is None or lat2 is None or lon2 is None:
        return None
    for value, limit in ((lat1, 90), (lat2, 90), (lon1, 180), (lon2, 180)):
        if not -limit <= value <= limit:
            raise ValueError("latitudes lie between -90 and 90, longitudes between -180 and 180")
    radius = _UNITS.get((unit or "").strip().upper())
    if radius is None:
        raise ValueError(f"{unit!r} is neither KM nor MILES")
    p1, p2 = math.radians(lat1), math.radians(lat2)
    half = math.sin((p2 - p1) / 2) ** 2 + math.sin(math.radians(lon2 - lon1) / 2) ** 2 * math.cos(p1) * math.cos(p2)
    return 2 * radius * math.asin(math.sqrt(half))


FUNCTIONS: tuple[Function, ...] = (
    _math(
        "ABS",
        "The absolute value.",
        overload("INTEGER -> INTEGER", "(((abs({0}::BIGINT) + 2147483648) & 4294967295) - 2147483648)::INTEGER"),
        overload("BIGINT -> BIGINT", "CASE WHEN {0} = -9223372036854775807 - 1 THEN {0} ELSE abs({0}) END"),
        overload("DOUBLE -> DOUBLE", "abs({0})"),
        overload("DECIMAL -> DOUBLE", "abs({0})", first_type),
        example="ABS(balance)",
    ),
    _math(
        "CEIL",
        "The smallest whole number not below the argument.",
        overload("INTEGER -> INTEGER", "{0}"),
        overload("BIGINT -> BIGINT", "{0}"),
        overload("DOUBLE -> DOUBLE", "ceil({0})"),
        overload("DECIMAL -> DOUBLE", "ceil({0})", first_type),
        example="CEIL(price)",
    ),
    _math(
        "FLOOR",
        "The largest whole number not above the argument.",
        overload("INTEGER -> INTEGER", "{0}"),
        overload("BIGINT -> BIGINT", "{0}"),
        overload("DOUBLE -> DOUBLE", "floor({0})"),
        overload("DECIMAL -> DOUBLE", "floor({0})", first_type),
        example="FLOOR(price)",
    ),
    _math(
        "ROUND",
        "The nearest whole number, or with a second argument the number to that many decimal places; halves go up.",
        overload("INTEGER -> BIGINT", "{0}::BIGINT"),
        overload("BIGINT -> BIGINT", "{0}"),
        overload(
            "DOUBLE -> BIGINT",
            _saturated("floor({0}) + ({0} - floor({0}) >= 0.5)::DOUBLE"),  # {0} + 0.5 is not exact
        ),
        overload("DECIMAL -> BIGINT", "floor({0} + 0.5)", _whole_decimal),
        overload("DOUBLE, INTEGER -> DOUBLE", _by_column("round", _ROUND, np.rint, 0.5)),
        overload("DECIMAL, INTEGER -> DOUBLE", rows("round", _ROUND), first_type),
        example="ROUND(price, 2)",
    ),
    _math(
        "TRUNC",
        "The number without its fraction, or with a second argument cut to that many decimal places.",
        overload("INTEGER -> BIGINT", "{0}::BIGINT"),
        overload("BIGINT -> BIGINT", "{0}"),
        overload(
            "DOUBLE -> BIGINT",
            _saturated("trunc({0})"),
        ),
        overload("DECIMAL -> BIGINT", "trunc({0})", _whole_decimal),
        overload("DOUBLE, INTEGER -> DOUBLE", _by_column("trunc", _TRUNC, np.trunc, 0.0)),
        overload("DECIMAL, INTEGER -> DOUBLE", rows("trunc", _TRUNC), first_type),
        example="TRUNC(price, 1)",
    ),
    _math(
        "SIGN",
        "-1, 0 or 1.",
        overload("INTEGER -> INTEGER", "sign({0})::INTEGER"),
        overload("BIGINT -> INTEGER", "sign({0})::INTEGER"),
        overload("DOUBLE -> INTEGER", "CASE WHEN isnan({0}) THEN 0 ELSE sign({0})::INTEGER END"),
        example="SIGN(balance)",
    ),
    _of_double("SQRT", "The square root; NaN below 0.", f"CASE WHEN {{0}} < 0 THEN {_NAN} ELSE sqrt({{0}}) END"),
    _of_double("CBRT", "The cube root.", "cbrt({0})"),
    _of_double("EXP", "e to the power of the argument.", "exp({0})"),
    _of_double(
        "LN",
        "The natural logarithm; -Infinity of 0, NaN below.",
        f"CASE WHEN {{0}} = 0 THEN -{_INF} WHEN {{0}} < 0 THEN {_NAN} ELSE ln({{0}}) END",
    ),
    _math(
        "LOG",
        "The natural logarithm, or with two arguments the logarithm of the second to the base of the first.",
        overload("DOUBLE -> DOUBLE", f"CASE WHEN {{0}} = 0 THEN -{_INF} WHEN {{0}} < 0 THEN {_NAN} ELSE ln({{0}}) END"),
        overload(
            "DOUBLE, DOUBLE -> DOUBLE",
            f"CASE WHEN {{0}} IS NULL OR {{1}} IS NULL THEN NULL WHEN {{0}} <= 0 OR {{0}} = 1 OR {{1}} < 0 THEN {_NAN} "
            f"WHEN {{1}} = 0 THEN -{_INF} ELSE ln({{1}}) / ln({{0}}) END",
        ),
        example="LOG(2, size)",
    ),
    _math(
        "POWER",
        "The first to the power of the second.",
        overload("DOUBLE, DOUBLE -> DOUBLE", "pow({0}, {1})"),
        example="POWER(x, 2)",
    ),
    _math("PI", "The number pi.", overload("-> DOUBLE", "pi()"), example="PI()"),
    _math("RANDOM", "A random number from 0 to below 1.", overload("-> DOUBLE", "random()"), example="RANDOM()"),
    *(
        _of_double(name, description, f"CASE WHEN abs({{0}}) > 1 THEN {_NAN} ELSE {name.lower()}({{0}}) END")
        for name, description in (("ACOS", "The arc cosine."), ("ASIN", "The arc sine."))
    ),
    *(
        _of_double(name, description, f"CASE WHEN isinf({{0}}) THEN {_NAN} ELSE {name.lower()}({{0}}) END")
        for name, description in (("COS", "The cosine."), ("SIN", "The sine."), ("TAN", "The tangent."))
    ),
    *(
        _of_double(name, description, f"{name.lower()}({{0}})")
        for name, description in (
            ("ATAN", "The arc tangent."),
            ("COSH", "The hyperbolic cosine."),
            ("SINH", "The hyperbolic sine."),
            ("TANH", "The hyperbolic tangent."),
            ("DEGREES", "Radians in degrees."),
            ("RADIANS", "Degrees in radians."),
        )
    ),
    _of_double("COT", "The cotangent; Infinity of 0.", "1.0::DOUBLE / tan({0})"),
    _math(
        "ATAN2",
        "The angle of the point (x, y), y given first.",
        overload("DOUBLE, DOUBLE -> DOUBLE", "atan2({0}, {1})"),
        example="ATAN2(y, x)",
    ),
    _math(
        "GEO_DISTANCE",
        "The distance of two points on the Earth, (lat1, lon1, lat2, lon2) in degrees, in KM or MILES.",
        overload("DOUBLE, DOUBLE, DOUBLE, DOUBLE -> DOUBLE", rows("geo_distance", _distance, null=True)),
        overload("DOUBLE, DOUBLE, DOUBLE, DOUBLE, STRING -> DOUBLE", rows("geo_distance", _distance, null=True)),
        example="GEO_DISTANCE(lat, lon, 52.52, 13.40, 'KM')",
    ),
)
