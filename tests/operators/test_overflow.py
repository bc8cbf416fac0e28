"""A sum that its DECIMAL cannot hold is NULL and told with its group; the group comes back when the sum fits again."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest

from .queries import Bench, session, source, tumbling

PAID = source("S", "ID INTEGER KEY, V DECIMAL(3,1)")
AMOUNTS = [60.5, 60.5, -90.0]


@pytest.mark.parametrize("window", [None, tumbling(1000), session(1000)], ids=["plain", "tumbling", "session"])
def test_what_overflows_is_told_and_comes_back(instance: duckdb.DuckDBPyConnection, window: Any) -> None:
    bench = Bench(instance, [PAID])
    for at, amount in enumerate(AMOUNTS):
        bench.put("s", 7, {"V": amount}, at)
    query: dict[str, Any] = {"group_by": "ID"} | ({"window": window} if window else {})
    bench.driver.run(bench.plan("ID; SUM(V) AS T; COUNT(*) AS N", "S", table=True, **query), 1)
    rows = [value for _, value, _ in bench.out() if value is not None]
    assert rows == [{"T": 60.5, "N": 1}, {"T": None, "N": 2}, {"T": 31.0, "N": 3}]
    (failure,) = bench.driver.failures
    assert (failure.kind, failure.column) == ("aggregate", "SUM")
    assert failure.reason == ("SUM: numeric field overflow: DECIMAL(3, 1) cannot hold 121.0, the result for ID = 7")


def test_the_most_frequent_of_too_many_are_told(instance: duckdb.DuckDBPyConnection) -> None:
    bench = Bench(instance, [source("S", "ID INTEGER KEY, V INTEGER")])
    for value in range(1001):
        bench.put("s", 7, {"V": value})
    bench.driver.run(bench.plan("ID; TOPKCOUNT(V, 1) AS T", "S", table=True, group_by="ID"), 600)
    assert [value["T"] for _, value, _ in bench.out()] == [[{"VALUE": 0, "COUNT": 1}], None]
    (failure,) = bench.driver.failures
    assert (failure.kind, failure.reason) == ("aggregate", "TOPKCOUNT: more than 1000 different values for ID = 7")


def test_a_sum_of_nothing_is_no_overflow(instance: duckdb.DuckDBPyConnection) -> None:
    bench = Bench(instance, [PAID])
    bench.put("s", 7, {"V": None})
    bench.driver.run(bench.plan("ID; SUM(V) AS T", "S", table=True, group_by="ID"), 1)
    assert [value for _, value, _ in bench.out()] == [{"T": 0.0}]
    assert not bench.driver.failures
