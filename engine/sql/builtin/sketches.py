"""Sketches: aggregates that answer about, with a bound, from a state that does not grow with the rows.

Both are of the kinds that do not mind in which order rows come or how they were cut into batches, in DuckDB's SQL over whole
batches like every other aggregate. The sketches of the `datasketches` library (KLL, HLL, CPC) draw random numbers or estimate
from the order of updates: their answers would change with where a batch is cut, and over its Python interface each
group would be a call of its own.

- Percentiles: a histogram whose buckets grow by a constant factor (as in Masson, Rim and Lee, "DDSketch", 2019), so that a
  value differs from its bucket's by 1 % at most. Counts are added, and taken back: so it works over tables.
- Different values: the 2,048 smallest of the values' hashes (Bar-Yossef et al., 2002). How densely they lie tells how many
  there are. The hash is MD5's, for it is stored: DuckDB's own may change with its version.

There is no sketch of the most frequent values. Those that are bounded (Misra and Gries, Space-Saving, a count-min sketch with a
heap) drop a value that has come seldom so far, so that what they answer depends on the order of rows, and here on the cut:
after a restart it might be another answer. TOPKCOUNT counts exactly up to a bound instead, and says where it ends.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..functions import AggregateFunction, AggregateSpec, Function, StateColumn
from ..types import BIGINT, DOUBLE, Array, SqlType
from .aggregates import COMPARABLE, NUMBER, NUMBERS, overload
from .aggregates_lists import counted
from .percentiles import share, shares

_ERROR = 0.01
_GROWTH = (1 + _ERROR) / (1 - _ERROR)
_MIDDLE = 2 / (_GROWTH + 1)  # of a bucket's upper bound: no value of the bucket is further away than the error
_ONE = 40_000
"""The bucket of 1. All DOUBLEs have buckets between 1 and twice that; those of negative values are below 0."""
_BUCKETS = "MAP(INTEGER, BIGINT)"
_HASHES = 2_048
_HASHES_TYPE = "UBIGINT[]"


def _percentile(types: Sequence[SqlType], constants: Sequence[Any]) -> AggregateSpec:
    return _by_size(_value_at(share("APPROX_PERCENTILE", constants[0])), DOUBLE)


def _percentiles(types: Sequence[SqlType], constants: Sequence[Any]) -> AggregateSpec:
    values = [_value_at(one) for one in shares("APPROX_PERCENTILE", constants[0])]
    return _by_size(f"[{', '.join(values)}]", Array(DOUBLE))


def _by_size(final: str, sql_type: SqlType) -> AggregateSpec:
    """Over counts of the values by the bucket of their size."""
    value = "{0}::DOUBLE"
    power = f"least({_ONE}, ceil(ln(abs({value})) / {math.log(_GROWTH)!r}))::INTEGER"
    bucket = f"CASE WHEN isnan({value}) THEN NULL WHEN {value} = 0 THEN 0 ELSE sign({value})::INTEGER * ({_ONE} + {power}) END"
    state, undo = counted(_BUCKETS, bucket)
    return AggregateSpec((state,), final, sql_type, (undo,))


def _value_at(part: float) -> str:
    """The value of the bucket in which the rank lies: counts are gone through from the smallest until it is reached."""
    rank = f"floor({part!r} * (list_sum(map_values({{0}})) - 1))::BIGINT + 1"
    step = "CASE WHEN a.value <= 0 THEN a ELSE struct_pack(key := b.key, value := a.value - b.value) END"
    first = f"struct_pack(key := NULL::INTEGER, value := {rank})"
    bucket = f"list_reduce(list_sort(map_entries({{0}})), lambda a, b: {step}, {first}).key"
    size = f"sign(k) * {_MIDDLE!r} * pow({_GROWTH!r}, abs(k) - {_ONE})"
    return f"list_transform([{bucket}], lambda k: CASE WHEN k = 0 THEN 0.0::DOUBLE ELSE {size} END)[1]"


def _distinct(types: Sequence[SqlType], constants: Sequence[Any]) -> AggregateSpec:
    hashes = "list(DISTINCT md5_number_lower({0}::VARCHAR)::UBIGINT) FILTER (WHERE {0} IS NOT NULL)"
    state = StateColumn(_HASHES_TYPE, _least(f"coalesce({hashes}, [])"), _least("list_distinct(list_concat({s}, {b}))"))
    share = f"({{0}}[{_HASHES}]::DOUBLE / {2.0**64!r})"
    final = f"CASE WHEN len({{0}}) < {_HASHES} THEN len({{0}}) ELSE round({_HASHES - 1} / {share}) END::BIGINT"
    return AggregateSpec((state,), final, BIGINT)


def _least(hashes: str) -> str:
    return f"(list_sort({hashes}))[:{_HASHES}]"


FUNCTIONS: tuple[Function, ...] = (
    AggregateFunction(
        "APPROX_PERCENTILE",
        (
            overload(_percentile, NUMBER, NUMBER, constants=1),
            overload(_percentiles, NUMBER, NUMBERS, constants=1),
        ),
        "The value below which a share (0 to 1) of the column's values lies, to within 1 % of it: APPROX_PERCENTILE(ms, 0.5) is "
        "about the median; with an ARRAY of shares, a value for each. Keeps counts by size, some hundred of them, and not the "
        "values; NULL where there is none.",
        examples=("APPROX_PERCENTILE(latency_ms, 0.95)", "APPROX_PERCENTILE(latency_ms, ARRAY[0.5, 0.9, 0.99])"),
    ),
    AggregateFunction(
        "APPROX_COUNT_DISTINCT",
        (overload(_distinct, COMPARABLE),),
        "About how many different values the column has, NULL not counted: exactly below 2,048, above it to within 2.2 % "
        "(standard error). Keeps 16 KB a group at most, where COUNT_DISTINCT keeps all values.",
        examples=("APPROX_COUNT_DISTINCT(user_id)",),
    ),
)
