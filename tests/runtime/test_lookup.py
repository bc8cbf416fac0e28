"""Pull queries while small batches change a table: from memory, from the table, from both, always the same answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import plans
import pyarrow as pa
import pytest
from plans import catalog, select

from mergus.engine.clock import SystemClock
from mergus.engine.io.topics import RECORD_SCHEMA
from mergus.engine.plan.physical.steps import QueryPlan
from mergus.engine.plan.pull.plan import PullPlan, plan_pull
from mergus.engine.runtime.pipeline import Engine, PlanQuery, PlanTask
from mergus.engine.runtime.pull import places as places_module
from mergus.engine.runtime.telemetry.metrics import QueryMetrics
from mergus.engine.sql.builtin.registry import default_registry
from mergus.engine.state.duckdb import connect
from mergus.engine.state.reader import STATEMENTS_MAX


class Counting:
    """The query of a plan at work, given records one batch after the other, in one epoch."""

    def __init__(self, folder: Path, plan: QueryPlan) -> None:
        self.topics = plans.open_topics(folder, 1)
        self.instance = connect()
        engine = Engine(self.topics, self.instance, SystemClock(), lambda: None, exactly_once=True)
        self.query = PlanQuery(plan, engine, QueryMetrics("Q"), folder / "state")
        self.task: PlanTask = self.query.open_task(0, 1)
        self.task.begin_epoch(1)
        self.given = 0

    def batch(self, *rows: tuple[str, int]) -> None:
        offsets = range(self.given, self.given + len(rows))
        values = [json.dumps({"K": k, "V": v}).encode() for k, v in rows]
        zeros, none = [0] * len(rows), [None] * len(rows)
        columns = [zeros, zeros, list(offsets), list(offsets), none, values, none]
        arrays = [pa.array(c, f.type) for c, f in zip(columns, RECORD_SCHEMA, strict=True)]
        self.given += len(rows)
        with self.task.transaction():
            frame = self.task.process(0, self.task.decode([pa.RecordBatch.from_arrays(arrays, schema=RECORD_SCHEMA)]))
            (frame,) = self.task.shares(0, frame, 1)
            self.task.process(1, frame)

    def ask(self, items: str, where: str | None = None) -> list[dict[str, Any]]:
        return sorted(pa.concat_tables(self.task.query(pull(items, where))).to_pylist(), key=repr)

    def close(self) -> None:
        self.task.close()
        self.topics.close()
        self.instance.close()


def pull(items: str, where: str | None = None) -> PullPlan:
    clauses = {} if where is None else {"where": where}
    return plan_pull(select(items, "COUNTS", emit=None, **clauses), catalog(), default_registry())


@pytest.fixture(params=["counts", "counts_having"])
def counting(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Counting]:
    plan = plans.counts() if request.param == "counts" else plans.counts(having="count(*) > 0")
    made = Counting(tmp_path, plan)
    yield made
    made.close()


def test_a_key_is_looked_up_wherever_its_row_lies(counting: Counting) -> None:
    counting.batch(("a", 1), ("b", 5))
    counting.task.flush()
    counting.batch(("a", 2), ("c", 7))
    assert counting.ask("N; S", "K = 'a'") == [{"c0": 2, "c1": 3}]
    assert counting.ask("S; K; S AS T", "'b' = K") == [{"c0": 5, "c1": "b", "c2": 5}]
    assert counting.ask("N", "K = 'c'") == [{"c0": 1}]
    assert counting.ask("N", "K = 'd'") == []
    assert counting.ask("N", "K = 'a' AND K = 'c'") == []


def test_other_questions_see_memory_and_table_as_one(counting: Counting) -> None:
    counting.batch(("a", 1), ("b", 5))
    counting.task.flush()
    counting.batch(("a", 2), ("c", 7))
    assert counting.ask("K; N; S") == [
        {"c0": "a", "c1": 2, "c2": 3},
        {"c0": "b", "c1": 1, "c2": 5},
        {"c0": "c", "c1": 1, "c2": 7},
    ]
    assert counting.ask("N + 1 AS M", "K = 'a'") == [{"c0": 3}]
    assert counting.ask("N", "K = 'a' AND S > 3") == []
    assert counting.ask("K", "K IN ('a', 'b')") == [{"c0": "a"}, {"c0": "b"}]
    assert counting.ask("K", "S >= 5") == [{"c0": "b"}, {"c0": "c"}]


def test_many_expressions_over_one_key_and_over_all(counting: Counting) -> None:
    counting.batch(("a", 1), ("b", 5))
    counting.task.flush()
    counting.batch(("a", 2), ("c", 7))
    for more in range(2 * STATEMENTS_MAX):
        assert counting.ask(f"N + {more} AS M; S", "K = 'a'") == [{"c0": 2 + more, "c1": 3}]
        assert counting.ask(f"K; S + {more} AS M", "S > 4") == [
            {"c0": "b", "c1": 5 + more},
            {"c0": "c", "c1": 7 + more},
        ]


def test_small_and_large_batches_in_turn(counting: Counting) -> None:
    many = [(f"k{i}", i) for i in range(100)]
    for _ in range(2):
        counting.batch(*many)
        counting.batch(("k1", 1), ("k2", 1), ("k1", 1))
    assert counting.ask("N; S", "K = 'k1'") == [{"c0": 6, "c1": 6}]
    assert counting.ask("N; S", "K = 'k3'") == [{"c0": 2, "c1": 6}]
    assert len(counting.ask("K")) == 100


def test_a_windows_rows_are_asked_of_both(tmp_path: Path) -> None:
    counting = Counting(tmp_path, plans.counts_windowed(2))
    counting.batch(("a", 1), ("a", 1), ("a", 1))
    counting.task.flush()
    counting.batch(("a", 1), ("b", 1))
    assert [row["c1"] for row in counting.ask("K; N", "K = 'a'")] == [2, 2]
    assert len(counting.ask("K; N")) == 3
    counting.close()


def test_a_large_tables_keys_are_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers are those of the table, whether a row is where it was, has moved, has gone or is newer."""
    monkeypatch.setattr(places_module, "ROWS_MIN", 1)
    monkeypatch.setattr(places_module, "SCANS", 2)
    counting = Counting(tmp_path, plans.counts())
    table = counting.task._table
    assert table is not None
    places, state = table._places, table._state
    many = [(f"k{i}", i) for i in range(200)]
    counting.batch(*many)
    counting.task.flush()

    def ask(key: str) -> list[dict[str, Any]]:
        return counting.ask("N; S", f"K = '{key}'")

    for i in (7, 8):
        assert ask(f"k{i}") == [{"c0": 1, "c1": i}]
    places.close()
    numbers = dict(counting.instance.execute(f"SELECT {state.keys[0]}, rowid FROM {state.name}").fetchall())
    assert len(numbers) == 200
    assert {key: places.find((key,)) for key in numbers} == numbers
    assert places.find(("k",)) is None is places.find(("z",))
    counting.batch(*many, ("new", 5))
    counting.task.flush()
    assert ask("k7") == [{"c0": 2, "c1": 14}]
    assert ask("new") == [{"c0": 1, "c1": 5}]
    assert ask("nobody") == []
    moved, gone = numbers["k9"], numbers["k10"]
    counting.instance.execute(f"DELETE FROM {state.name} WHERE rowid = {gone}")
    counting.instance.execute(f"INSERT INTO {state.name} SELECT * FROM {state.name} WHERE rowid = {moved}")
    counting.instance.execute(f"DELETE FROM {state.name} WHERE rowid = {moved}")
    assert ask("k9") == [{"c0": 2, "c1": 18}]
    assert ask("k10") == []
    counting.close()
