"""Groups before the exchange: rows of several partitions become one, and each partition's stream time is told."""

from __future__ import annotations

import duckdb
import pytest

from mergus.engine.operators.driver import Running, batches
from mergus.engine.state.table import FEW_ROWS

from .queries import Bench, source, tumbling

EVENTS = source("S", "ID INTEGER KEY, NAME STRING, V BIGINT")
PARTITIONS = 3


@pytest.mark.parametrize("nameless", [False, True])
@pytest.mark.parametrize("windowed", [False, True])
def test_groups_of_several_partitions(instance: duckdb.DuckDBPyConnection, windowed: bool, nameless: bool) -> None:
    bench = Bench(instance, [EVENTS], partitions={"s": PARTITIONS})
    count = 3 * FEW_ROWS
    for number in range(count):
        bench.put("s", number, {"NAME": "ab"[number % 2], "V": number}, timestamp=number)
    if nameless:  # a row that has no group is told, and does no harm to the others
        bench.put("s", 7, {"V": 1}, timestamp=count)
    window = {"window": tumbling(1_000)} if windowed else {}
    items = "NAME; COUNT(*) AS N; SUM(V) AS T; LATEST_BY_OFFSET(V) AS X"
    running = Running(bench.plan(select=items, from_="S", group_by="NAME", table=True, **window), instance)
    records = bench.driver.topics.read(["s"])
    (batch,) = batches(records, ["s"], None)
    frame = running.process([batch])

    (table,) = frame.edges.values()
    found = {row["c0"]: (row["c1"], row["c2"], row["c3"]) for row in table.to_pylist()}
    values = {name: range(at, count, 2) for at, name in enumerate("ab")}
    assert found == {name: (len(own), sum(own), own[-1]) for name, own in values.items()}
    assert [failure.kind for failure in running.failures] == ["expression"] * nameless
    if windowed:
        latest = {p: max(r.timestamp for r in records[:count] if r.partition == p) for p in range(PARTITIONS)}
        assert frame.stream_time == latest
    running.close()
