"""Small batches merged without DuckDB and by it: the same output, the same state."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mergus.engine.operators.aggregates import few_rows
from mergus.engine.operators.aggregates.few_rows import FewRows
from mergus.engine.operators.driver import Running, batches

from .queries import Bench, source, state_of, tumbling

ROWS = source("S", "ID STRING KEY, I INTEGER, V BIGINT, D DOUBLE, T STRING, B BOOLEAN")
CALLS = (
    "COUNT(*) AS N; COUNT(T) AS NT; SUM(I) AS SI; SUM(V) AS SV; SUM(D) AS SD; AVG(V) AS AV; AVG(D) AS AD; MIN(I) AS LI;"
    " MAX(V) AS MV; MIN(D) AS LD; MAX(T) AS MT; EARLIEST_BY_OFFSET(T) AS ET; LATEST_BY_OFFSET(B, false) AS LB"
)
row = st.fixed_dictionaries(
    {
        "I": st.none() | st.sampled_from([-(1 << 31), (1 << 31) - 1, 0, 7]),
        "V": st.none() | st.sampled_from([-(1 << 63), (1 << 63) - 1, (1 << 53) + 1, 3, -4]),
        "D": st.none() | st.sampled_from([0.1, -0.0, 1e308, 2.5, -1e-9]),
        "T": st.none() | st.sampled_from(["", "a", "Z", "é", "\U0001f600"]),
        "B": st.none() | st.booleans(),
    }
)
keys = itertools.count()
cuts = st.lists(st.lists(st.tuples(st.sampled_from("xyz"), row), min_size=1, max_size=5), min_size=1, max_size=4)


class Ways:
    """One query at work twice: as it comes, and with DuckDB alone."""

    def __init__(self, instance: duckdb.DuckDBPyConnection, **clauses: Any) -> None:
        self.bench = Bench(instance, [ROWS])
        plan = self.bench.plan(**({"from_": "S", "group_by": "ID", "table": True} | clauses))
        self.few, self.duckdb = Running(plan, instance), Running(plan, instance)

    def feed(self, rows: list[tuple[str, dict[str, Any]]], monkeypatch: pytest.MonkeyPatch) -> None:
        """A batch through both."""
        self.bench.driver.topics.records.clear()
        for key, value in rows:
            self.bench.put("s", key, value, timestamp=7)
        (batch,) = batches(self.bench.driver.topics.read(["s"]), self.few.topics, None)
        made = []
        for running, groups_max in ((self.few, few_rows.GROUPS_MAX), (self.duckdb, 0)):
            with monkeypatch.context() as patch:
                patch.setattr(few_rows, "GROUPS_MAX", groups_max)
                frame = running.process([batch])
            (edge,) = [edge.combine_chunks() for edge in frame.edges.values()] or [pa.table({})]
            made.append(edge)
        assert made[0].schema == made[1].schema
        assert repr(made[0].to_pylist()) == repr(made[1].to_pylist())


@pytest.fixture(scope="module")
def ways(instance: duckdb.DuckDBPyConnection) -> Iterator[list[Ways]]:
    both = [Ways(instance, select=f"ID; {CALLS}"), Ways(instance, select=f"ID; {CALLS}", window=tumbling(5))]
    yield both
    for each in both:
        each.few.close()
        each.duckdb.close()


@pytest.mark.parametrize("windowed", [0, 1])
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(cut=cuts)
def test_both_ways_agree(
    ways: list[Ways], windowed: int, cut: list[list[tuple[str, dict[str, Any]]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    number = next(keys)  # what was before is other keys'
    for rows in cut:
        ways[windowed].feed([(f"{key}{number}", value) for key, value in rows], monkeypatch)
    assert repr(state_of(ways[windowed].few)) == repr(state_of(ways[windowed].duckdb))


@pytest.mark.parametrize(
    ("clauses", "without_duckdb"),
    [
        ({"select": f"ID; {CALLS}"}, True),
        ({"select": "ID; COUNT(*) AS N", "window": tumbling(5)}, True),
        ({"select": "ID; COUNT(*) AS N; COLLECT_LIST(V) AS C"}, False),
        ({"select": "ID; COUNT(*) AS N", "having": "COUNT(*) > 1"}, False),
        ({"select": "ID; COUNT(*) AS N", "state_ttl_ms": 100}, False),
        ({"select": "ID; SUM(CAST(V AS DECIMAL(9, 2))) AS T"}, False),
    ],
)
def test_what_goes_without_duckdb(
    instance: duckdb.DuckDBPyConnection,
    monkeypatch: pytest.MonkeyPatch,
    clauses: dict[str, Any],
    without_duckdb: bool,
) -> None:
    merged = []
    merge = FewRows.merge

    def noted(self: FewRows, *args: Any) -> pa.Table | None:
        made = merge(self, *args)
        merged.append(made is not None)
        return made

    monkeypatch.setattr(FewRows, "merge", noted)
    bench = Bench(instance, [ROWS])
    for number in range(3):
        bench.put("s", "k", {"I": number, "V": number, "D": 0.5, "T": "t", "B": True})
    bench.driver.run(bench.plan(**({"from_": "S", "group_by": "ID", "table": True} | clauses)), 1)
    assert merged == ([False, True, True] if without_duckdb else [])
