"""Percentiles, exact: MEDIAN and PERCENTILE. The values are kept, which is what exact takes; sketches.py has what is bounded.

A percentile is of the values, whatever their order, so a list that is put together batch by batch will do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...errors import TypeMismatch
from ..functions import AggregateFunction, AggregateSpec, Function, StateColumn
from ..types import DOUBLE, Array, SqlType
from .aggregates import NUMBER, NUMBERS, overload
from .aggregates_lists import without_last


def share(name: str, given: Any) -> float:
    """A share of the values, from 0 to 1."""
    if given is None or not 0 <= given <= 1:
        raise TypeMismatch(f"{name} takes a share from 0 to 1, not {given}", hint="the 95th percentile is 0.95")
    return float(given)


def shares(name: str, given: Sequence[Any]) -> list[float]:
    """Several of them, at least one."""
    if not given:
        raise TypeMismatch(f"{name} takes at least one share", hint=f"{name}(x, ARRAY[0.5, 0.95])")
    return [share(name, one) for one in given]


def _of_values(result: str, sql_type: SqlType) -> AggregateSpec:
    """`result`: over the list of the values, as quantile_cont takes it."""
    partial = "coalesce(list({0}::DOUBLE) FILTER (WHERE {0} IS NOT NULL), [])"
    state = StateColumn("DOUBLE[]", partial, "list_concat({s}, {b})")
    undo = f"list_reduce({{b}}, lambda kept, x: {without_last('kept', 'x')}, {{s}})"
    return AggregateSpec((state,), f"list_aggregate({{0}}, 'quantile_cont', {result})", sql_type, (undo,))


def _median(types: Sequence[SqlType], constants: Sequence[Any]) -> AggregateSpec:
    return _of_values("0.5::DOUBLE", DOUBLE)


def _percentile(types: Sequence[SqlType], constants: Sequence[Any]) -> AggregateSpec:
    return _of_values(f"{share('PERCENTILE', constants[0])!r}::DOUBLE", DOUBLE)


def _percentiles(types: Sequence[SqlType], constants: Sequence[Any]) -> AggregateSpec:
    return _of_values(f"{shares('PERCENTILE', constants[0])!r}::DOUBLE[]", Array(DOUBLE))


FUNCTIONS: tuple[Function, ...] = (
    AggregateFunction(
        "MEDIAN",
        (overload(_median, NUMBER),),
        "The middle one of the column's values, or between the two in the middle; NULL where there is none. Exact: the values "
        "are kept. APPROX_PERCENTILE keeps counts only.",
        examples=("MEDIAN(latency_ms)",),
    ),
    AggregateFunction(
        "PERCENTILE",
        (
            overload(_percentile, NUMBER, NUMBER, constants=1),
            overload(_percentiles, NUMBER, NUMBERS, constants=1),
        ),
        "The value below which a share (0 to 1) of the column's values lies, between two of them where the share falls there; "
        "with an ARRAY of shares, one for each. Exact: the values are kept.",
        examples=("PERCENTILE(latency_ms, 0.95)", "PERCENTILE(latency_ms, ARRAY[0.5, 0.9, 0.99])"),
    ),
)
