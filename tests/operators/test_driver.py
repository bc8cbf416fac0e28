"""Whole queries over topics in memory: what they write, whatever the cut."""

from __future__ import annotations

import struct
from typing import Any

import duckdb
import pytest

from mergus.engine.operators.decode import Decoding
from mergus.engine.operators.driver import Running, batches
from mergus.engine.operators.event_time.rowtime import LATEST_MS
from mergus.engine.operators.exchange import with_groups
from mergus.engine.operators.frame import merge_frames

from .queries import Bench, hopping, source, tumbling

EVENTS = source("S", "ID INTEGER KEY, NAME STRING, V BIGINT")
CUTS = pytest.mark.parametrize("cut", [1, 3, None])


def key(number: int, window: int | None = None) -> bytes:
    return struct.pack(">i", number) + (b"" if window is None else struct.pack(">q", window))


@CUTS
def test_filter_and_project(instance: duckdb.DuckDBPyConnection, cut: int | None) -> None:
    bench = Bench(instance, [EVENTS])
    for i in range(7):
        bench.put("s", i, {"NAME": f"n{i}", "V": i * 10}, i)
    bench.put("s", 9, None, 9)
    bench.driver.run(bench.plan("ID; V + 1 AS W", "S", where="V > 30"), cut)
    assert bench.out() == [(key(4), {"W": 41}, 4), (key(5), {"W": 51}, 5), (key(6), {"W": 61}, 6)]


def test_a_null_value_passes_a_projection(instance: duckdb.DuckDBPyConnection) -> None:
    bench = Bench(instance, [EVENTS])
    bench.put("s", 1, None, 5)
    bench.put("s", 2, {"NAME": "a", "V": 1}, 6)
    bench.driver.run(bench.plan("ID; V AS W", "S"), None)
    assert bench.out() == [(key(1), None, 5), (key(2), {"W": 1}, 6)]


def test_count_one_record_a_batch(instance: duckdb.DuckDBPyConnection) -> None:
    bench = Bench(instance, [EVENTS])
    for i, (k, v) in enumerate([(1, 5), (2, 7), (1, 1)]):
        bench.put("s", k, {"V": v}, i)
    bench.driver.run(bench.plan("ID; COUNT(*) AS N; SUM(V) AS T", "S", table=True, group_by="ID"), 1)
    assert bench.out() == [
        (key(1), {"N": 1, "T": 5}, 0),
        (key(2), {"N": 1, "T": 7}, 1),
        (key(1), {"N": 2, "T": 6}, 2),
    ]


@CUTS
def test_windows_with_late_rows(instance: duckdb.DuckDBPyConnection, cut: int | None) -> None:
    bench = Bench(instance, [EVENTS])
    for t in (0, 5, 12, 9, 14, 1, 36, 20):
        bench.put("s", 1, {"V": t}, t)
    plan = bench.plan("ID; COUNT(*) AS N; MAX(V) AS M", "S", table=True, group_by="ID", window=tumbling(10, 5))
    bench.driver.run(plan, cut)
    assert bench.table() == {
        key(1, 0): ({"N": 4, "M": 9}, 9),
        key(1, 10): ({"N": 2, "M": 14}, 14),
        key(1, 30): ({"N": 1, "M": 36}, 36),
    }
    assert [f.offset for f in bench.driver.failures if f.kind == "late"] == [7]


@CUTS
def test_hopping_windows(instance: duckdb.DuckDBPyConnection, cut: int | None) -> None:
    bench = Bench(instance, [EVENTS])
    for t in (0, 7, 12):
        bench.put("s", 1, {"V": 1}, t)
    bench.driver.run(bench.plan("ID; COUNT(*) AS N", "S", table=True, group_by="ID", window=hopping(10, 5)), cut)
    counts = {k: v["N"] for k, (v, _) in bench.table().items()}
    assert counts == {key(1, 0): 2, key(1, 5): 2, key(1, 10): 1}


@CUTS
def test_having_takes_rows_back(instance: duckdb.DuckDBPyConnection, cut: int | None) -> None:
    bench = Bench(instance, [EVENTS])
    for i in range(3):
        bench.put("s", 1, {"V": 1}, i)
    bench.put("s", 2, {"V": 1}, 3)
    bench.put("s", 2, {"V": 1}, 4)
    bench.driver.run(bench.plan("ID; COUNT(*) AS N", "S", table=True, group_by="ID", having="COUNT(*) = 2"), cut)
    assert {k: v for k, (v, _) in bench.table().items()} == {key(2): {"N": 2}}
    if cut == 1:
        assert [v for _, v, _ in bench.out()] == [{"N": 2}, None, {"N": 2}]


@CUTS
def test_emit_final(instance: duckdb.DuckDBPyConnection, cut: int | None) -> None:
    bench = Bench(instance, [EVENTS])
    for k, t in ((1, 0), (2, 1), (1, 3), (3, 12), (3, 27)):
        bench.put("s", k, {"V": 1}, t)
    plan = bench.plan("ID; COUNT(*) AS N", "S", table=True, group_by="ID", window=tumbling(10, 0), emit="FINAL")
    bench.driver.run(plan, cut)
    assert bench.out() == [(key(1, 0), {"N": 2}, 3), (key(2, 0), {"N": 1}, 1), (key(3, 10), {"N": 1}, 12)]


USERS = source("U", "ID INTEGER KEY, CITY STRING", "TABLE")


@CUTS
@pytest.mark.parametrize("kind", ["JOIN", "LEFT JOIN"])
def test_stream_table_join_as_of_the_row(instance: duckdb.DuckDBPyConnection, cut: int | None, kind: str) -> None:
    bench = Bench(instance, [EVENTS, USERS])
    bench.put("s", 1, {"V": 0}, 0)
    bench.put("u", 1, {"CITY": "x"}, 1)
    bench.put("s", 1, {"V": 1}, 2)
    bench.put("u", 1, {"CITY": "y"}, 3)
    bench.put("s", 1, {"V": 2}, 4)
    bench.put("u", 1, None, 5)
    bench.put("s", 1, {"V": 3}, 6)
    bench.driver.run(bench.plan("S.ID; V; CITY", f"S {kind} U ON S.ID = U.ID"), cut)
    met = [{"V": 1, "CITY": "x"}, {"V": 2, "CITY": "y"}]
    lone = [{"V": 0, "CITY": None}, *met, {"V": 3, "CITY": None}]
    assert [v for _, v, _ in bench.out()] == (lone if kind == "LEFT JOIN" else met)


@CUTS
def test_group_by_over_a_table(instance: duckdb.DuckDBPyConnection, cut: int | None) -> None:
    bench = Bench(instance, [USERS])
    for k, city in ((1, "a"), (2, "a"), (3, "b"), (1, "b"), (3, None)):
        bench.put("u", k, None if city is None else {"CITY": city}, k)
    bench.driver.run(bench.plan("CITY; COUNT(*) AS N", "U", table=True, group_by="CITY"), cut)
    assert {k: v["N"] for k, (v, _) in bench.table().items()} == {b"a": 1, b"b": 1}


@CUTS
def test_a_table_is_kept(instance: duckdb.DuckDBPyConnection, cut: int | None) -> None:
    bench = Bench(instance, [USERS])
    for k, city in ((1, "a"), (2, "a"), (1, "b"), (2, None), (None, "x")):
        bench.put("u", k, None if city is None else {"CITY": city}, 0)
    bench.driver.run(bench.plan("*", "U", table=True), cut)
    assert {k: v for k, (v, _) in bench.table().items()} == {key(1): {"CITY": "b"}}
    assert [f.reason for f in bench.driver.failures] == ["a table's record has no key"]


@CUTS
def test_a_failing_row_costs_itself(instance: duckdb.DuckDBPyConnection, cut: int | None) -> None:
    bench = Bench(instance, [EVENTS])
    for i, name in enumerate(["1", "x", "3"]):
        bench.put("s", i, {"NAME": name, "V": i}, i)
    bench.driver.run(bench.plan("ID; CAST(NAME AS INTEGER) AS N; V", "S"), cut)
    assert [v for _, v, _ in bench.out()] == [{"N": 1, "V": 0}, {"N": None, "V": 1}, {"N": 3, "V": 2}]
    assert [(f.kind, f.column, f.offset) for f in bench.driver.failures] == [("expression", "N", 1)]


@CUTS
def test_a_failing_condition_drops_its_row(instance: duckdb.DuckDBPyConnection, cut: int | None) -> None:
    bench = Bench(instance, [EVENTS])
    for i, name in enumerate(["1", "x", "3"]):
        bench.put("s", i, {"NAME": name, "V": i}, i)
    bench.driver.run(bench.plan("ID; V", "S", where="CAST(NAME AS INTEGER) > 0"), cut)
    assert [v for _, v, _ in bench.out()] == [{"V": 0}, {"V": 2}]
    assert [f.offset for f in bench.driver.failures] == [1]


def test_bad_bytes_go_to_the_log_with_their_record(instance: duckdb.DuckDBPyConnection) -> None:
    bench = Bench(instance, [EVENTS])
    bench.put("s", 1, b"{nonsense", 0)
    bench.put("s", 1, {"V": 1}, -1)
    bench.put("s", 1, {"V": 2}, 1)
    bench.driver.run(bench.plan("ID; V", "S"), None)
    assert [v for _, v, _ in bench.out()] == [{"V": 2}]
    assert [(f.kind, f.topic, f.offset) for f in bench.driver.failures] == [
        ("deserialization", "s", 0),
        ("deserialization", "s", 1),
    ]
    assert bench.driver.failures[0].record == b"{nonsense"


def test_of_a_bad_key_its_own_bytes_are_told(instance: duckdb.DuckDBPyConnection) -> None:
    bench = Bench(instance, [source("S", "ID STRING KEY, V BIGINT")])
    bench.put("s", "a", {"V": 1}, 0)
    bench.put("s", b"\xff\xfe", {"V": 2}, 1)
    bench.put("s", b"\xff", b"{nonsense", 2)
    bench.driver.run(bench.plan("ID; V", "S"), None)
    assert [v for _, v, _ in bench.out()] == [{"V": 1}]
    assert [(f.reason, f.record) for f in bench.driver.failures] == [
        ("key: not UTF-8 at byte 0", b"\xff\xfe"),
        ("key: not UTF-8 at byte 0", b"\xff"),
    ]


@pytest.mark.parametrize("window", [tumbling(1000), hopping(10_000, 3_000)])
def test_a_time_beyond_all_times_costs_its_record(instance: duckdb.DuckDBPyConnection, window: Any) -> None:
    """It overflowed the arithmetic of windows, and as the stream's time closed them all."""
    bench = Bench(instance, [EVENTS])
    for moment in (1_000, 2**63 - 1, LATEST_MS + 1, 253_402_300_800_000, 2_000):
        bench.put("s", 1, {"V": moment}, moment)
    bench.driver.run(bench.plan("ID; COUNT(*) AS N", "S", table=True, group_by="ID", window=window), None)
    assert [f.offset for f in bench.driver.failures if f.kind == "deserialization"] == [1, 2]
    assert bench.out()


def test_frames_that_share_a_few_of_many_keys(instance):
    """Two workers' groups come to their owner together: the keys of both are worked in in two rounds, of which the second
    is small enough for memory and the first is not."""
    bench = Bench(instance, [source("S", "NAME STRING, V BIGINT")])
    for i in range(100):
        bench.put("s", None, {"NAME": f"n{i}", "V": 1}, i)
    for i in range(70):
        bench.put("s", None, {"NAME": f"n{i % 3}", "V": 2}, 100 + i)
    plan = bench.plan("NAME; COUNT(*) AS N; SUM(V) AS T", "S", group_by="NAME", table=True)
    running = Running(plan, instance)
    first, second = batches(bench.driver.topics.read(running.topics), running.topics, 100)
    decoding = Decoding(plan.sources, running.topics, running.store.evaluation, running.failures.append)
    with running.store.transaction():
        frames = [running.stages[0].process(decoding.decode([records])) for records in (first, second)]
        frame = running.stages[1].process(with_groups(merge_frames(frames), plan.stages[1].exchange))
    rows = {r["c0"]: (r["c1"], r["c2"]) for table in frame.edges.values() for r in table.to_pylist()}
    running.close()
    assert rows == {f"n{i}": (1, 1) for i in range(100)} | {"n0": (25, 49), "n1": (24, 47), "n2": (24, 47)}
