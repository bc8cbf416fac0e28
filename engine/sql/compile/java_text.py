"""Text as Java writes and reads it, where DuckDB has no equal: DOUBLE with an exponent, times in ISO form with parts left out.

These run for the rows that need them only (numbers below 0.001 or from ten million on; text cast to a time).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy
import pyarrow as pa

from ..functions import ArrowFunction
from ..typing.literals import parse_date, parse_time, parse_timestamp_ms


def java_double(value: float, *, single: bool = False) -> str:
    """`value` as Java's Double.toString (or Float.toString) gives it: `1.0E10`, `1.0E-4`, `Infinity`."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0:
        return "-0.0" if math.copysign(1, value) < 0 else "0.0"
    if not single and 1e-3 <= abs(value) < 1e7:
        return repr(value)
    digits, exponent = _shortest(abs(value), single)
    sign = "-" if value < 0 else ""
    if -3 <= exponent < 7:
        return sign + _positional(digits, exponent)
    return f"{sign}{digits[0]}.{digits[1:] or '0'}E{exponent}"


def _shortest(value: float, single: bool) -> tuple[str, int]:
    """The fewest digits that read back as `value`, and the power of ten of the first one."""
    text = numpy.format_float_scientific(numpy.float32(value) if single else value, unique=True, trim="-")
    mantissa, exponent = text.split("e")
    return _subnormal(mantissa.replace(".", ""), value, single), int(exponent)


def _subnormal(digits: str, value: float, single: bool) -> str:
    """Java writes the smallest DOUBLE with two digits."""
    return "49" if digits == "5" and value == 5e-324 and not single else digits


def _positional(digits: str, exponent: int) -> str:
    if exponent < 0:
        return "0." + "0" * (-exponent - 1) + digits
    digits = digits.ljust(exponent + 2, "0")
    return digits[: exponent + 1] + "." + digits[exponent + 1 :]


def _double_text(values: pa.Array) -> pa.Array:
    single = pa.types.is_float32(values.type)
    return pa.array([java_double(v, single=single) for v in values.to_pylist()], pa.string())


def _reading(read: Callable[[str], Any], result: pa.DataType) -> Callable[[pa.Array], pa.Array]:
    def evaluate(texts: pa.Array) -> pa.Array:
        return pa.array([read(t) for t in texts.to_pylist()], result)

    return evaluate


DOUBLE_TEXT = ArrowFunction("double_text", _double_text, row_at_a_time=True)
PARSE_TIMESTAMP = ArrowFunction("cast_timestamp", _reading(parse_timestamp_ms, pa.timestamp("ms")), row_at_a_time=True)
PARSE_DATE = ArrowFunction("cast_date", _reading(parse_date, pa.date32()), row_at_a_time=True)
PARSE_TIME = ArrowFunction("cast_time", _reading(parse_time, pa.time64("us")), row_at_a_time=True)
