"""Aggregates whose state is a number or a value: COUNT, SUM, AVG, MIN, MAX, the deviations and CORRELATION.

State and merge are DuckDB SQL over whole batches. Integer sums wrap as Java's; DOUBLE sums depend on the order of rows in
the last digits only; NULLs are left out everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from ..functions import (
    AggregateFunction,
    AggregateOverload,
    AggregateSpec,
    Function,
    Generic,
    Matching,
    ParamType,
    StateColumn,
)
from ..types import (
    BIGINT,
    BOOLEAN,
    BYTES,
    DATE,
    DOUBLE,
    INTEGER,
    STRING,
    TIME,
    TIMESTAMP,
    Array,
    Decimal,
    SqlType,
    duckdb_type,
    is_numeric,
)

Resolve = Callable[[Sequence[SqlType], Sequence[Any]], AggregateSpec]

ANY = Generic("T")
NUMBER = Matching("NUMBER", is_numeric)
NUMBERS = Matching("ARRAY<NUMBER>", lambda t: isinstance(t, Array) and is_numeric(t.item))
COMPARABLE = Matching("COMPARABLE", lambda t: is_numeric(t) or t in (STRING, BYTES, DATE, TIME, TIMESTAMP))
_HALF: dict[SqlType, int] = {INTEGER: 1 << 31, BIGINT: 1 << 63}


def overload(resolve: Resolve, *params: ParamType, constants: int = 0, variadic: bool = False) -> AggregateOverload:
    """One signature of an aggregate."""
    return AggregateOverload(params, resolve, constants, variadic)


def wrapped(number: str, sql_type: SqlType) -> str:
    """A HUGEINT cut to the width of an integer type, as Java cuts it."""
    half = _HALF[sql_type]
    return f"(((({number}) + {half}) & {2 * half - 1}) - {half})::{duckdb_type(sql_type)}"


def _count(types: Sequence[SqlType], constants: Sequence[Any]) -> AggregateSpec:
    partial = "count({0})" if types else "count(*)"
    return AggregateSpec((StateColumn("BIGINT", partial, "{s} + {b}"),), "{0}", BIGINT, ("{s} - {b}",))


def _sum(types: Sequence[SqlType], constants: Sequence[Any]) -> AggregateSpec:
    sql_type = types[0]
    if sql_type in _HALF:
        return _integer_sum(sql_type)
    if isinstance(sql_type, Decimal):
        wide = f"DECIMAL(38, {sql_type.scale})"
        state = StateColumn(wide, f"coalesce(sum({{0}}), 0)::{wide}", "{s} + {b}")
        final = f"TRY_CAST({{0}} AS {duckdb_type(sql_type)})"
        overflow = f"numeric field overflow: {sql_type} cannot hold {{value}}, the result for {{group}}"
        return AggregateSpec((state,), final, sql_type, ("{s} - {b}",), overflow=overflow)
    state = StateColumn("DOUBLE", "coalesce(sum({0}::DOUBLE), 0.0)", "{s} + {b}")
    return AggregateSpec((state,), "{0}", DOUBLE, ("{s} - {b}",))


def _integer_sum(sql_type: SqlType) -> AggregateSpec:
    wide = "BIGINT" if sql_type is INTEGER else "HUGEINT"
    state = StateColumn(
        duckdb_type(sql_type),
        wrapped("coalesce(sum({0}), 0)", sql_type),
        wrapped(f"{{s}}::{wide} + {{b}}", sql_type),
    )
    return AggregateSpec((state,), "{0}", sql_type, (wrapped(f"{{s}}::{wide} - {{b}}", sql_type),))


def _sum_list(types: Sequence[SqlType], constants: Sequence[Any]) -> AggregateSpec:
    assert isinstance(types[0], Array)
    whole = _sum([types[0].item], constants)
    (state,) = whole.state
    return replace(whole, state=(replace(state, partial=state.partial.replace("{0}", "list_sum({0})")),))


def _avg(types: Sequence[SqlType], constants: Sequence[Any]) -> AggregateSpec:
    exact = types[0] in _HALF
    total = StateColumn(
        "HUGEINT" if exact else "DOUBLE", f"coalesce(sum({{0}}{'' if exact else '::DOUBLE'}), 0)", "{s} + {b}"
    )
    count = StateColumn("BIGINT", "count({0})", "{s} + {b}")
    final = "CASE WHEN {1} = 0 THEN 0.0::DOUBLE ELSE {0}::DOUBLE / {1} END"
    return AggregateSpec((total, count), final, DOUBLE, ("{s} - {b}", "{s} - {b}"))


def _extreme(reduce: str, choose: str) -> Resolve:
    def resolve(types: Sequence[SqlType], constants: Sequence[Any]) -> AggregateSpec:
        state = StateColumn(duckdb_type(types[0]), f"{reduce}({{0}})", f"{choose}({{s}}, {{b}})")
        return AggregateSpec((state,), "{0}", types[0])

    return resolve


def _deviation(final: str) -> Resolve:
    """Count, sum and the sum of squared deviations, merged as Chan, Golub and LeVeque do: no digits cancel out."""

    def resolve(types: Sequence[SqlType], constants: Sequence[Any]) -> AggregateSpec:
        present = "CASE WHEN {s0} = 0 OR {b0} = 0 THEN {s} + {b} ELSE {s} + {b} + "
        between = "pow(({s0} + {b0}) * {b1} - {b0} * ({s1} + {b1}), 2) / ({s0}::DOUBLE * {b0} * ({s0} + {b0})) END"
        states = (
            StateColumn("BIGINT", "count({0})", "{s} + {b}"),
            StateColumn("DOUBLE", "coalesce(sum({0}::DOUBLE), 0.0)", "{s} + {b}"),
            StateColumn("DOUBLE", "coalesce(var_pop({0}::DOUBLE) * count({0}), 0.0)", present + between),
        )
        kept, gap = "({s0} - {b0})", "pow(({s0} - {b0}) * {b1} - {b0} * ({s1} - {b1}), 2)"
        apart = f"greatest({{s}} - {{b}} - {gap} / ({kept}::DOUBLE * {{b0}} * {{s0}}), 0.0)"
        taken_off = f"CASE WHEN {{b0}} = 0 THEN {{s}} WHEN {kept} <= 0 THEN 0.0 ELSE {apart} END"
        undo = ("{s} - {b}", "{s} - {b}", taken_off)
        return AggregateSpec(states, f"CASE WHEN {{0}} < 2 THEN 0.0::DOUBLE ELSE {final} END", DOUBLE, undo)

    return resolve


def _at_extreme(reduce: str, choose: str) -> Resolve:
    """What stands in the row in which another column is at its largest or smallest: both are kept as one, so that of several
    such rows the order does not matter."""

    def resolve(types: Sequence[SqlType], constants: Sequence[Any]) -> AggregateSpec:
        present = "FILTER (WHERE {0} IS NOT NULL AND {1} IS NOT NULL)"
        kind = f"STRUCT(y {duckdb_type(types[1])}, x {duckdb_type(types[0])})"
        partial = f"{reduce}(struct_pack(y := {{1}}, x := {{0}})) {present}"
        return AggregateSpec((StateColumn(kind, partial, f"{choose}({{s}}, {{b}})"),), "({0}).x", types[0])

    return resolve


def _count_if(types: Sequence[SqlType], constants: Sequence[Any]) -> AggregateSpec:
    state = StateColumn("BIGINT", "count(*) FILTER (WHERE {0})", "{s} + {b}")
    return AggregateSpec((state,), "{0}", BIGINT, ("{s} - {b}",))


def _both_counted(result: str) -> Resolve:
    """Of how many rows a condition is true, and of how many it is false: so that a row can be taken back."""

    def resolve(types: Sequence[SqlType], constants: Sequence[Any]) -> AggregateSpec:
        states = tuple(StateColumn("BIGINT", f"count(*) FILTER (WHERE {c})", "{s} + {b}") for c in ("{0}", "NOT {0}"))
        return AggregateSpec(states, f"CASE WHEN {{0}} + {{1}} > 0 THEN {result} END", BOOLEAN, ("{s} - {b}",) * 2)

    return resolve


def _correlation(types: Sequence[SqlType], constants: Sequence[Any]) -> AggregateSpec:
    both = "FILTER (WHERE {0} IS NOT NULL AND {1} IS NOT NULL)"
    x, y = "{0}::DOUBLE", "{1}::DOUBLE"
    sums = [f"coalesce(sum({term}) {both}, 0.0)" for term in (x, y, f"{x} * {x}", f"{y} * {y}", f"{x} * {y}")]
    states = (
        StateColumn("BIGINT", f"count(*) {both}", "{s} + {b}"),
        *(StateColumn("DOUBLE", partial, "{s} + {b}") for partial in sums),
    )
    above = "({0} * {5} - {1} * {2})"
    below = "sqrt(({0} * {3} - {1} * {1}) * ({0} * {4} - {2} * {2}))"
    final = f"CASE WHEN {{0}} = 0 THEN 'nan'::DOUBLE ELSE {above} / {below} END"
    return AggregateSpec(states, final, DOUBLE, ("{s} - {b}",) * 6)


FUNCTIONS: tuple[Function, ...] = (
    AggregateFunction(
        "COUNT",
        (overload(_count), overload(_count, ANY)),
        "How many rows there are, or with an argument in how many it is not NULL.",
        examples=("COUNT(*)", "COUNT(order_id)"),
    ),
    AggregateFunction(
        "SUM",
        (overload(_sum, NUMBER),),
        "The sum of the argument; 0 when it is NULL in every row. INTEGER and BIGINT sums wrap.",
        examples=("SUM(price * quantity)",),
    ),
    AggregateFunction(
        "SUM_LIST",
        (overload(_sum_list, NUMBERS),),
        "The sum of all the elements of the argument's lists, NULLs left out. INTEGER and BIGINT sums wrap.",
        examples=("SUM_LIST(amounts)",),
    ),
    AggregateFunction(
        "AVG",
        (overload(_avg, NUMBER),),
        "The average of the argument over the rows in which it is not NULL.",
        examples=("AVG(latency_ms)",),
    ),
    AggregateFunction(
        "MIN",
        (overload(_extreme("min", "least"), COMPARABLE),),
        "The smallest value of the argument.",
        examples=("MIN(price)",),
    ),
    AggregateFunction(
        "MAX",
        (overload(_extreme("max", "greatest"), COMPARABLE),),
        "The largest value of the argument.",
        examples=("MAX(price)",),
    ),
    AggregateFunction(
        "ARG_MAX",
        (overload(_at_extreme("max", "greatest"), ANY, COMPARABLE),),
        "The first argument in the row in which the second is largest; of several, the largest. Rows in which one is NULL are "
        "left out.",
        examples=("ARG_MAX(product, price)",),
    ),
    AggregateFunction(
        "ARG_MIN",
        (overload(_at_extreme("min", "least"), ANY, COMPARABLE),),
        "The first argument in the row in which the second is smallest; of several, the smallest. Rows in which one is NULL are "
        "left out.",
        examples=("ARG_MIN(product, price)",),
    ),
    AggregateFunction(
        "COUNT_IF",
        (overload(_count_if, BOOLEAN),),
        "In how many rows the condition is true.",
        examples=("COUNT_IF(amount > 100)",),
    ),
    AggregateFunction(
        "BOOL_AND",
        (overload(_both_counted("{1} = 0"), BOOLEAN),),
        "Whether the condition is true in all rows in which it is not NULL; NULL where there is none.",
        examples=("BOOL_AND(paid)",),
    ),
    AggregateFunction(
        "BOOL_OR",
        (overload(_both_counted("{0} > 0"), BOOLEAN),),
        "Whether the condition is true in a row; NULL where it is NULL in all.",
        examples=("BOOL_OR(returned)",),
    ),
    AggregateFunction(
        "STDDEV_SAMPLE",
        (overload(_deviation("sqrt({2} / ({0} - 1))"), NUMBER),),
        "The standard deviation of the sample.",
        examples=("STDDEV_SAMPLE(latency_ms)",),
    ),
    AggregateFunction(
        "STDDEV_SAMP",
        (overload(_deviation("{2} / ({0} - 1)"), NUMBER),),
        "The variance of the sample (ksqlDB's name for it). STDDEV_SAMPLE is the standard deviation.",
        examples=("STDDEV_SAMP(latency_ms)",),
    ),
    AggregateFunction(
        "CORRELATION",
        (overload(_correlation, NUMBER, NUMBER),),
        "Pearson's correlation of two columns over the rows in which both are present; NaN below two such rows.",
        examples=("CORRELATION(load, latency_ms)",),
    ),
)
