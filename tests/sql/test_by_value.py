"""SQL worked out in Python gives what DuckDB gives, or says that it does not know."""

from __future__ import annotations

import struct
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mergus.engine.sql.by_value import Unsure, by_value

CONNECTION = duckdb.connect()
ARROW = {
    "INTEGER": pa.int32(),
    "BIGINT": pa.int64(),
    "FLOAT": pa.float32(),
    "DOUBLE": pa.float64(),
    "BOOLEAN": pa.bool_(),
    "VARCHAR": pa.string(),
    "BLOB": pa.binary(),
}
VALUES = {
    "INTEGER": st.sampled_from([-(1 << 31), -1, 0, 1, (1 << 31) - 1]) | st.integers(-9, 9),
    "BIGINT": st.sampled_from([-(1 << 63), (1 << 63) - 1, (1 << 53) + 1]) | st.integers(-9, 9),
    "FLOAT": st.floats(width=32),
    "DOUBLE": st.floats() | st.sampled_from([-0.0, 0.0, 1e308, 0.1]),
    "BOOLEAN": st.booleans(),
    "VARCHAR": st.text(max_size=3) | st.sampled_from(["", "a", "B", "é", "\uffff", "\U00010000"]),
    "BLOB": st.binary(max_size=3),
}
SCALARS = [
    ("a + b", "BIGINT"),
    ("a - b * 3", "BIGINT"),
    ("((((a::HUGEINT + b) + 9223372036854775808) & 18446744073709551615) - 9223372036854775808)::BIGINT", "BIGINT"),
    ("CASE WHEN b = 0 THEN 0.0::DOUBLE ELSE a::DOUBLE / b END", "DOUBLE"),
    ("coalesce(a, b, 0)", "BIGINT"),
    ("least(a, b)", "DOUBLE"),
    ("greatest(a, b)", "DOUBLE"),
    ("a + b * 0.5", "DOUBLE"),
    ("a / b", "DOUBLE"),
    ("greatest(a, b)", "VARCHAR"),
    ("coalesce(least(a, b), b)", "BLOB"),
    ("a = b", "BIGINT"),
    ("a + b", "INTEGER"),
]
AGGREGATES = [
    ("coalesce(sum(a), 0)", ("INTEGER", "BIGINT", "DOUBLE")),
    ("coalesce(sum(a::DOUBLE), 0.0) / count(*)", ("INTEGER", "BIGINT", "FLOAT", "DOUBLE")),
    ("count(*) - count(a)", tuple(ARROW)),
    ("min(a)", tuple(ARROW)),
    ("max(a)", tuple(ARROW)),
    ("arg_min(a, seq)", tuple(ARROW)),
    ("arg_max_null(a, seq)", tuple(ARROW)),
]


def bits(value: Any) -> Any:
    return struct.pack("d", value) if isinstance(value, float) else value


def agrees(sql: str, types: dict[str, str], given: dict[str, Any], rows: pa.Table) -> None:
    """`given`: what Python gets of `rows`."""
    kind = CONNECTION.execute(f"SELECT typeof({sql}) FROM rows").fetchone()
    made = by_value(sql, types, kind[0]) if kind else None
    assert made is not None
    try:
        value = made.of(given)
    except Unsure:
        return
    (told,) = CONNECTION.execute(f"SELECT {sql} FROM rows").fetchone() or (None,)
    assert bits(value) == bits(told)
    assert type(value) is type(told)


@pytest.mark.parametrize(("sql", "kind"), SCALARS)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_of_one_row(sql: str, kind: str, data: st.DataObject) -> None:
    values = {name: data.draw(st.none() | VALUES[kind]) for name in "ab"}
    rows = pa.table({name: pa.array([value], ARROW[kind]) for name, value in values.items()})
    agrees(sql, dict.fromkeys("ab", kind), values, rows)


@pytest.mark.parametrize(("sql", "kind"), [(sql, kind) for sql, kinds in AGGREGATES for kind in kinds])
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_of_several(sql: str, kind: str, data: st.DataObject) -> None:
    values = data.draw(st.lists(st.none() | VALUES[kind], min_size=1, max_size=6))
    order = data.draw(st.permutations(range(len(values))))
    rows = pa.table({"a": pa.array(values, ARROW[kind]), "seq": pa.array(order, pa.int64())})
    agrees(sql, {"a": kind, "seq": "BIGINT"}, {"a": values, "seq": order}, rows)


@pytest.mark.parametrize(
    "sql",
    [
        "list_sort(list(a))",
        "count(*) FILTER (WHERE a IS NOT NULL)",
        "TRY_CAST(a AS DECIMAL(9, 2))",
        "a::VARCHAR",
        "sum(DISTINCT a)",
        "count(DISTINCT a)",
        "a % 2",
        "arg_min(a, b)",
        "CASE WHEN a = b THEN a END",
        "170141183460469231731687303715884105728 + a",
    ],
)
def test_foreign(sql: str) -> None:
    assert by_value(sql, {"a": "BIGINT", "b": "BIGINT", "seq": "BIGINT"}, "BIGINT") is None


def test_types_that_are_not_known() -> None:
    assert by_value("count(a)", {"a": "DECIMAL(9, 2)", "seq": "BIGINT"}, "BIGINT") is None
    assert by_value("a", {"a": "BIGINT"}, "DECIMAL(38, 0)") is None
