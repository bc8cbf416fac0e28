"""EARLIEST and LATEST_BY_OFFSET in sessions: by arrival, across batches and a restart; states of earlier versions are read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from mergus.engine.operators.driver import Running, batches
from mergus.engine.plan.physical.steps import Aggregate, AggregateCall, PartialAggregate, QueryPlan

from .queries import Bench, session, source, tumbling

TAPS = source("S", "ID INTEGER KEY, V BIGINT")
CALLS = ("EARLIEST_BY_OFFSET(V)", "LATEST_BY_OFFSET(V)", "EARLIEST_BY_OFFSET(V, 2)", "EARLIEST_BY_OFFSET(V, false)")
ITEMS = "; ".join(["ID", *(f"{call} AS A{i}" for i, call in enumerate(CALLS))])
ROWS = ((300, 1), (100, 2), (310, 3), (110, 4), (205, None))  # the sessions of 100 and 300 become one at last


def answers(plan: QueryPlan, bench: Bench, path: Path, instance: duckdb.DuckDBPyConnection, *stops: int) -> Any:
    """What the last session says; `stops`: before which records the query is closed and opened anew."""
    records = bench.driver.topics.read(["s"])
    for first, last in zip((0, *stops), (*stops, len(records)), strict=True):
        running = Running(plan, instance, path=path)
        running.store.begin_epoch(first + 1)
        for batch in batches(records[first:last], ["s"], 1):
            frame = running.process([batch])
        running.store.settle()
        running.close()
    return [row for table in frame.edges.values() for row in table.to_pylist() if not row["_deleted"]]


@pytest.mark.parametrize("stop", range(1, 5))
def test_arrival_holds_across_a_restart(instance: duckdb.DuckDBPyConnection, tmp_path: Path, stop: int) -> None:
    bench = with_rows(instance)
    plan = bench.plan(ITEMS, "S", table=True, group_by="ID", window=session(100))
    (row,) = answers(plan, bench, tmp_path / "0.duckdb", instance, stop)
    assert [row[f"c{i}"] for i in range(1, 5)] == [1, 4, [1, 2], 1]


def test_a_state_of_an_earlier_version_goes_on(instance: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    bench = with_rows(instance)
    plan = bench.plan(ITEMS, "S", table=True, group_by="ID", window=session(100))
    known = bench.plan(ITEMS, "S", into="OLD", table=True, group_by="ID", window=tumbling(100))
    calls = next(step.calls for step in known.stages[0].steps if isinstance(step, PartialAggregate))
    path = tmp_path / "0.duckdb"
    records = bench.driver.topics.read(["s"])
    before = Running(earlier(plan, calls), instance, path=path)
    for epoch, batch in enumerate(batches(records[:4], ["s"], 1), 1):
        before.store.begin_epoch(epoch)
        before.process([batch])
    before.close()

    running = Running(plan, instance, path=path)
    for stage in running.stages:
        stage.rollback_to(3)  # images of that version, too
    for batch in batches(records[3:], ["s"], 1):
        frame = running.process([batch])
    (row,) = (row for table in frame.edges.values() for row in table.to_pylist() if not row["_deleted"])
    assert [row[f"c{i}"] for i in range(1, 5)] == [2, 4, [2, 1], 2]  # which came first of 100 and 300 is not known
    running.close()


def with_rows(instance: duckdb.DuckDBPyConnection) -> Bench:
    bench = Bench(instance, [TAPS])
    for time, value in ROWS:
        bench.put("s", 1, {"V": value}, timestamp=time)
    return bench


def earlier(plan: QueryPlan, calls: tuple[AggregateCall, ...]) -> QueryPlan:
    """The plan with aggregates as they were kept."""

    def step(of: Any) -> Any:
        match of:
            case PartialAggregate():
                return replace(of, calls=calls)
            case Aggregate():
                return replace(of, partial=replace(of.partial, calls=calls))
            case _:
                return of

    return replace(plan, stages=tuple(replace(s, steps=tuple(map(step, s.steps))) for s in plan.stages))
