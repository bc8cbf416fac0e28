"""Stream times of a query's groupings: each has its own, also after a restart, and those of earlier versions are read."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from mergus.engine.operators.context import Context
from mergus.engine.operators.event_time.marks import LeastTime, WindowTimes
from mergus.engine.operators.operator import window_time
from mergus.engine.state.store import StateStore

SECOND = 1  # the number of a query's second grouping


def times(
    instance: duckdb.DuckDBPyConnection, folder: Path, number: int, *, kept: bool
) -> tuple[StateStore, WindowTimes]:
    store = StateStore(instance, folder / "0.duckdb")
    store.begin_epoch(store.epoch + 1)
    return store, WindowTimes(Context(store, lambda failure: None), number, kept=kept)


@pytest.mark.parametrize(
    ("began", "stands"),
    [
        ({0: -1, 1: -1}, {0: -1, 1: -1}),  # a first start: both partitions are live
        ({0: 50, 1: -1}, {0: 50, 1: -1}),  # the checkpoint of a version with one time for all groupings
        ({0: 50, 1: 60, window_time(SECOND, 0): 7}, {0: 7, 1: -1}),  # partition 1 has been added since
    ],
)
def test_where_a_second_grouping_begins(
    instance: duckdb.DuckDBPyConnection, tmp_path: Path, began: dict[int, int], stands: dict[int, int]
) -> None:
    store, second = times(instance, tmp_path, SECOND, kept=False)
    second.hear(began)
    assert second.now == stands
    second.hear({0: 1000})  # the first one's
    assert second.now == stands
    assert LeastTime(SECOND).hear(second.told() | {0: 1000}) == min(stands.values())
    store.close()


def test_times_behind_an_exchange_lie_in_the_state(instance: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    store, first = times(instance, tmp_path, 0, kept=True)
    first.hear({0: 50})
    with store.transaction():
        first.keep()
    store.close()

    store, second = times(instance, tmp_path, SECOND, kept=True)
    assert second.now == {0: 50}  # as an earlier version has left them: it knew no other
    second.hear({0: 70, 1: 80})
    assert second.now == {0: 50, 1: -1}
    with store.transaction():
        second.keep()
    store.close()

    for number, stands in ((SECOND, {0: 50, 1: -1}), (0, {0: 50})):
        store, known = times(instance, tmp_path, number, kept=True)
        assert known.now == stands
        store.close()
