"""What a filtered table tells its reader: each change by itself, the end of a row only where the row was told."""

from __future__ import annotations

import random

import duckdb
import pyarrow as pa
import pytest

from mergus.engine.operators.context import Context
from mergus.engine.operators.operator import DELETED, ROWTIME, SEQUENCE, WINDOW_END, WINDOW_START, Frame
from mergus.engine.operators.told import ToldOperator
from mergus.engine.plan.physical.steps import Materialize, Window
from mergus.engine.sql.schema import ColumnDef, Schema
from mergus.engine.sql.types import BIGINT, STRING
from mergus.engine.state.store import StateStore

SCHEMA = Schema((ColumnDef("V", BIGINT), ColumnDef("K", STRING, True)))
Change = tuple[str, int, int | None]
"""Key, end of the window, value: None where the row is gone."""


def told(
    instance: duckdb.DuckDBPyConnection, changes: list[Change], cut: int, window: Window | None = None
) -> tuple[list[Change], int]:
    """What goes on of changes in batches of `cut`, and how many keys are remembered at the end."""
    store = StateStore(instance)
    operator = ToldOperator(
        Materialize(1, 2, SCHEMA, "told_1", window, filtered=True, every=True),
        Context(store, lambda failure: None),
    )
    made: list[Change] = []
    for start in range(0, len(changes), cut):
        frame = Frame({1: batch(changes[start : start + cut], start)})
        with store.transaction():
            operator.run(frame)
        if 2 in frame.edges:
            out = frame.edges[2]
            ends = out.column(WINDOW_END).to_pylist()
            made += list(zip(out.column("c1").to_pylist(), ends, out.column("c0").to_pylist(), strict=True))
    remembered = store.tables["told_1"].rows
    store.close()
    return made, remembered


def batch(changes: list[Change], start: int) -> pa.Table:
    keys, ends, values = zip(*changes, strict=True)
    numbers = pa.array(range(start, start + len(changes)), pa.int64())
    return pa.table(
        {
            "c0": pa.array([-1 if v is None else v for v in values], pa.int64()),
            "c1": list(keys),
            WINDOW_START: pa.array([0] * len(changes), pa.int64()),
            WINDOW_END: pa.array(ends, pa.int64()),
            ROWTIME: numbers,
            SEQUENCE: numbers,
            DELETED: [v is None for v in values],
        }
    )


def expected(changes: list[Change], *, windowed: bool) -> tuple[list[Change], int]:
    standing, made = set(), []
    for change in changes:
        key, end, value = change
        place = (key, end) if windowed else key
        if value is not None or place in standing:
            made.append(change)
        (standing.discard if value is None else standing.add)(place)
    return made, len(standing)


@pytest.mark.parametrize("cut", [1, 3, 17, 1000])
@pytest.mark.parametrize("window", [None, Window("SESSION", 1000, 1000)], ids=["plain", "session"])
def test_the_end_is_told_of_what_was_told(instance: duckdb.DuckDBPyConnection, cut: int, window: Window | None) -> None:
    some = random.Random(7)
    changes = [
        (some.choice("abcde"), some.choice([10, 20]), some.choice([None, some.randrange(100)])) for _ in range(200)
    ]
    assert told(instance, changes, cut, window) == expected(changes, windowed=window is not None)


def test_without_a_row_that_goes(instance: duckdb.DuckDBPyConnection) -> None:
    changes: list[Change] = [("a", 1, 1), ("a", 1, 2), ("b", 1, 3)]
    assert told(instance, changes, 2) == (changes, 2)
