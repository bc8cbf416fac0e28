"""Exact division of decimals that are too wide for DuckDB's HUGEINT: in Python, a row at a time, because nothing in
DuckDB or Arrow holds the intermediate digits."""

from __future__ import annotations

import decimal
from collections.abc import Callable

import pyarrow as pa

from ..types import Decimal, arrow_type


def divide_rounded(result: Decimal) -> Callable[[pa.Array, pa.Array], pa.Array]:
    """Division of decimal arrays, rounded half up to `result`; raises on division by zero."""
    context = decimal.Context(prec=120, rounding=decimal.ROUND_HALF_UP)
    unit = decimal.Decimal(1).scaleb(-result.scale)

    def divide(left: pa.Array, right: pa.Array) -> pa.Array:
        quotients = [
            None if a is None or b is None else context.divide(a, b).quantize(unit, context=context)
            for a, b in zip(left.to_pylist(), right.to_pylist(), strict=True)
        ]
        return pa.array(quotients, arrow_type(result))

    return divide
