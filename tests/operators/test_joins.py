"""Joins over made-up records: the same for every cut; as a plain, slow, record-at-a-time reading of the rules says; gone
from the state when nothing can meet them; and taken back by a rollback.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mergus.engine.errors import AnalysisError
from mergus.engine.operators.driver import Running, batches
from mergus.engine.plan.physical.copartition import check_partitions
from mergus.engine.plan.physical.steps import QueryPlan
from mergus.engine.plan.planner import plan_query
from mergus.engine.plan.target import SinkTarget
from mergus.engine.sql.parser.parse import iterate_statements
from mergus.engine.sql.statements.statement import CreateSourceAs

from .queries import Bench, goes_back, source, state_of

RELATIONS = [
    source("L", "ID INTEGER KEY, X INTEGER"),
    source("R", "ID INTEGER KEY, X INTEGER"),
    source("A", "ID INTEGER KEY, X INTEGER", "TABLE"),
    source("B", "ID INTEGER KEY, X INTEGER", "TABLE"),
    source("C", "ID INTEGER KEY, X INTEGER", "TABLE"),
]
KINDS = ["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"]
STREAMS = {
    f"{kind} {within}": f"SELECT {{key}} AS K, L.X AS LX, R.X AS RX FROM L {kind} R {within} ON L.ID = R.ID"
    for kind in KINDS
    for within in (
        "WITHIN 5 MILLISECONDS",
        "WITHIN (2 MILLISECONDS, 6 MILLISECONDS) GRACE PERIOD 3 MILLISECONDS",
        "WITHIN 3 MILLISECONDS GRACE PERIOD 0 MILLISECONDS",
    )
}
TABLES = {kind: f"SELECT {{key}} AS K, A.X AS LX, B.X AS RX FROM A {kind} B ON A.ID = B.ID" for kind in KINDS} | {
    "where": "SELECT A.ID AS K, A.X + B.X AS S FROM A JOIN B ON A.ID = B.ID WHERE A.X + B.X > 3",
    "foreign": "SELECT A.ID AS K, A.X AS LX, B.X AS RX FROM A JOIN B ON A.X = B.ID",
    "foreign left": "SELECT A.ID AS K, A.X AS LX, B.X AS RX FROM A LEFT JOIN B ON A.X = B.ID",
    "three": "SELECT A.ID AS K, A.X AS X, B.X AS Y, C.X AS Z FROM A LEFT JOIN B ON A.ID = B.ID JOIN C ON A.ID = C.ID",
    "aggregate": "SELECT A.X AS K, COUNT(*) AS N, SUM(B.X) AS T FROM A JOIN B ON A.ID = B.ID GROUP BY A.X",
}
KEYS = {"JOIN": "L.ID", "LEFT": "L.ID", "RIGHT": "R.ID", "FULL": "ROWKEY"}
value = st.none() | st.fixed_dictionaries({"X": st.integers(0, 3)})
Made = tuple[str, int, Any, int]


def records(topics: str, most: int = 16) -> st.SearchStrategy[list[Made]]:
    return st.lists(st.tuples(st.sampled_from(topics), st.integers(0, 2), value, st.integers(0, 40)), max_size=most)


def plan(bench: Bench, select: str, *, table: bool) -> QueryPlan:
    key = KEYS[next((k for k in ("LEFT", "RIGHT", "FULL") if f" {k} JOIN" in select), "JOIN")]
    key = key.replace("L.", "A.").replace("R.", "B.") if table else key
    text = f"CREATE {'TABLE' if table else 'STREAM'} OUT AS {select.format(key=key)};"
    (parsed,) = iterate_statements(text)
    assert isinstance(parsed.statement, CreateSourceAs)
    sink = SinkTarget("OUT", "out", table)
    return plan_query(parsed.statement.query, bench.catalog, bench.registry, query_id="Q", sink=sink, settings={})


def run(
    instance: duckdb.DuckDBPyConnection, select: str, given_records: Sequence[Made], cut: int | None, *, table: bool
) -> Bench:
    bench = Bench(instance, RELATIONS)
    for topic, key, row, time in given_records:
        bench.put(topic, key, row, time)
    bench.driver.run(plan(bench, select, table=table), cut)
    return bench


def by_key(bench: Bench) -> dict[Any, list[Any]]:
    found: dict[Any, list[Any]] = {}
    for key, row, time in bench.out():
        found.setdefault(key, []).append((row, time))
    return found


@pytest.mark.parametrize("name", STREAMS)
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(made=records("lr"))
def test_streams_are_joined_alike_for_every_cut(
    instance: duckdb.DuckDBPyConnection, name: str, made: list[Made]
) -> None:
    one, three, everything = (run(instance, STREAMS[name], made, cut, table=False) for cut in (1, 3, None))
    assert by_key(one) == by_key(three) == by_key(everything)
    late = [sorted(f.offset or 0 for f in b.driver.failures if f.kind == "late") for b in (one, three, everything)]
    assert late[0] == late[1] == late[2]


@pytest.mark.parametrize("name", TABLES)
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(made=records("abc"))
def test_tables_are_joined_alike_for_every_cut(
    instance: duckdb.DuckDBPyConnection, name: str, made: list[Made]
) -> None:
    one, three, everything = (run(instance, TABLES[name], made, cut, table=True).table() for cut in (1, 3, None))
    assert one == three == everything


def test_of_a_row_that_no_offset_numbers_the_last_change_counts(instance: duckdb.DuckDBPyConnection) -> None:
    """The left side is an aggregate: its rows have no offset, and places in a batch say nothing of the batch before."""
    totals = "(SELECT X AS K, SUM(ID) AS N, LATEST_BY_OFFSET(ID) AS F FROM L GROUP BY X) A"
    select = f"SELECT A.K AS K, A.N AS N, B.X AS BX FROM {totals} JOIN B ON A.F = B.ID"
    made: list[Made] = [("b", i, {"X": 100 + i}, 0) for i in range(4)]
    made += [("l", i % 4, {"X": i % 3}, i) for i in range(14)]
    last = {key: ({"N": n, "BX": x}, at) for key, n, x, at in ((0, 6, 100, 12), (1, 7, 101, 13), (2, 6, 103, 11))}
    for cut in (1, 3, 5, None):
        found = run(instance, select, made, cut, table=True).table()
        assert {int.from_bytes(key, "big"): row for key, row in found.items()} == last


class Row(NamedTuple):
    """A record of a stream that is kept."""

    time: int
    value: int


class Reference:
    """One partition's stream-stream join, record by record, as Kafka Streams documents it."""

    def __init__(self, kind: str, before: int, after: int, grace: int | None) -> None:
        self.alone = {"JOIN": "", "LEFT JOIN": "l", "RIGHT JOIN": "r", "FULL JOIN": "lr"}[kind]
        self.reach = {"l": (before, after), "r": (after, before)}
        self.grace = grace
        self.retention = before + after + (max(0, 86_400_000 - before - after) if grace is None else grace)
        self.times = {"l": -1, "r": -1}
        self.kept: dict[tuple[str, int], list[Row]] = {}
        self.waiting: list[tuple[int, int, str, int, Row]] = []  # (closes, side, side's name, key, row)
        self.out: dict[int, list[tuple[Any, int]]] = {}

    def put(self, side: str, key: int, value: int, time: int) -> None:
        other = "r" if side == "l" else "l"
        self.times[side] = max(self.times[side], time)
        now = max(self.times.values())
        for entry in sorted(self.waiting, key=lambda e: e[:2]):  # of equal ones the first that came
            if entry[0] < now:
                self.waiting.remove(entry)
                self.emit(entry[2], entry[3], entry[4], None)
        back, on = self.reach[side]
        met = [
            row
            for row in self.kept.get((other, key), [])
            if time - back <= row.time <= time + on and row.time > self.times[other] - self.retention
        ]
        for row in sorted(met, key=lambda r: r.time):
            self.emit(side, key, Row(time, value), row)
            self.waiting = [e for e in self.waiting if not (e[2] == other and e[3] == key and e[4] is row)]
        row = Row(time, value)
        if not met and side in self.alone:
            if self.grace is None or time + on < now:
                self.emit(side, key, row, None)
            else:
                self.waiting.append((time + on + self.grace, side == "l", side, key, row))
        if time > self.times[side] - self.retention:
            self.kept.setdefault((side, key), []).append(row)

    def emit(self, side: str, key: int, row: Row, other: Row | None) -> None:
        left, right = (row, other) if side == "l" else (other, row)
        values = {"LX": left.value if left else None, "RX": right.value if right else None}
        self.out.setdefault(key, []).append((values, max(row.time, other.time if other else -1)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("before", "after", "grace"), [(5, 5, None), (2, 6, 3), (3, 3, 0), (0, 4, 10)])
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(made=records("lr", 24))
def test_streams_are_joined_as_the_rules_say(
    instance: duckdb.DuckDBPyConnection, kind: str, before: int, after: int, grace: int | None, made: list[Made]
) -> None:
    reference = Reference(kind, before, after, grace)
    for topic, key, row, time in made:
        if row is not None:
            reference.put(topic, key, row["X"], time)
    ending = "" if grace is None else f" GRACE PERIOD {grace} MILLISECONDS"
    within = f"WITHIN ({before} MILLISECONDS, {after} MILLISECONDS){ending}"
    select = f"SELECT {{key}} AS K, L.X AS LX, R.X AS RX FROM L {kind} R {within} ON L.ID = R.ID"
    found = by_key(run(instance, select, made, 5, table=False))
    assert {int.from_bytes(key, "big"): rows for key, rows in found.items()} == reference.out


def test_buffers_are_empty_of_what_nothing_can_meet(instance: duckdb.DuckDBPyConnection) -> None:
    bench = Bench(instance, RELATIONS)
    kept = 10 + 10 + 5
    for i in range(50 * kept):
        bench.put("lr"[i % 2], i % 7, {"X": i}, i)
    within = "WITHIN 10 MILLISECONDS GRACE PERIOD 5 MILLISECONDS"
    running = Running(
        plan(bench, f"SELECT L.ID AS K, L.X AS LX, R.X AS RX FROM L LEFT JOIN R {within} ON L.ID = R.ID", table=False),
        instance,
    )
    for epoch, batch in enumerate(batches(bench.driver.topics.read(running.topics), running.topics, 20), 1):
        running.stages[0].begin_epoch(epoch)
        running.process([batch])
        running.store.durable(epoch)
        assert max(len(rows) for rows in state_of(running).values()) <= 3 * kept
    running.close()


@pytest.mark.parametrize(
    "select",
    [
        STREAMS["FULL JOIN WITHIN 3 MILLISECONDS GRACE PERIOD 0 MILLISECONDS"],
        TABLES["FULL JOIN"],
        TABLES["foreign left"],
    ],
)
def test_going_back_to_an_epoch(instance: duckdb.DuckDBPyConnection, select: str) -> None:
    bench, table = Bench(instance, RELATIONS), " A " in select
    for i in range(24):
        row = None if i % 7 == 6 else {"X": i % 4}
        bench.put("ab"[i % 2] if table else "lr"[i % 2], i % 3, row, i)
    running = Running(plan(bench, select, table=table), instance)
    goes_back(bench, running)


class Topic(NamedTuple):
    """A topic, for what a join asks of it."""

    partitions: int


def test_topics_that_are_joined_have_equal_partitions(instance: duckdb.DuckDBPyConnection) -> None:
    bench = Bench(instance, RELATIONS)
    joined = plan(bench, TABLES["JOIN"], table=True)
    check_partitions(joined.logical, {"a": Topic(2), "b": Topic(2)}.get)
    with pytest.raises(AnalysisError, match="numbers of partitions differ"):
        check_partitions(joined.logical, {"a": Topic(1), "b": Topic(2)}.get)
    by_foreign_key = plan(bench, TABLES["foreign"], table=True)
    check_partitions(by_foreign_key.logical, {"a": Topic(1), "b": Topic(2)}.get)
