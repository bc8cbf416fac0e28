"""Rows ahead of their table: found again, seen by readers in whole batches, written with the way back, never half."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from mergus.engine.state.recent import RecentRows
from mergus.engine.state.store import StateStore
from mergus.engine.state.table import StateTable


def open_table(store: StateStore) -> StateTable:
    return store.table("counts", [("k", "VARCHAR")], [("n", "BIGINT"), ("l", "BIGINT[]")])


def recent_of(store: StateStore) -> RecentRows:
    recent = open_table(store).keep_recent()
    assert recent is not None
    return recent


def add(store: StateStore, **amounts: int) -> None:
    """A small batch: adds to the keys' numbers, and notes what was added."""
    recent = recent_of(store)
    with store.transaction():
        batch = pa.table({"k": pa.array(list(amounts))})
        stored = recent.joined(batch, recent.find_all(batch)[1]).column("s").to_pylist()
        numbers = [amount + (row["n"] if row else 0) for row, amount in zip(stored, amounts.values(), strict=True)]
        lists = [[*(row["l"] if row else []), amount] for row, amount in zip(stored, amounts.values(), strict=True)]
        made = {"k": list(amounts), "n": pa.array(numbers, pa.int64()), "l": pa.array(lists, pa.list_(pa.int64()))}
        recent.put(pa.table(made), stored.count(None))


def set_directly(store: StateStore, key: str, number: int) -> None:
    table = open_table(store)
    with store.transaction():
        table.settle()
        found = store.connection.execute(f"SELECT rowid, n, l FROM {table.name} WHERE k = ?", [key]).fetchall()
        row, old, noted = found[0] if found else (None, None, None)
        names = ("k", "n", "l", "_rid", "old_n", "old_l")
        types = (pa.string(), pa.int64(), pa.list_(pa.int64()), pa.int64(), pa.int64(), pa.list_(pa.int64()))
        values = (key, number, [], row, old, noted)
        table.apply(pa.table([pa.array([v], t) for v, t in zip(values, types, strict=True)], names=names))


def in_table(store: StateStore) -> dict[str, int]:
    return dict(store.connection.execute(f"SELECT k, n FROM {open_table(store).name}").fetchall())


def seen(store: StateStore) -> dict[str, int]:
    reader = store.reader("counts")
    try:
        found = reader.read(lambda rows: f"SELECT k, n FROM {rows}")
        return dict(zip(found.column("k").to_pylist(), found.column("n").to_pylist(), strict=True))
    finally:
        reader.close()


def test_readers_see_what_the_table_has_not_yet(instance: duckdb.DuckDBPyConnection) -> None:
    store = StateStore(instance)
    set_directly(store, "a", 1)
    add(store, a=1, b=5)
    add(store, a=1)
    assert (in_table(store), seen(store)) == ({"a": 1}, {"a": 3, "b": 5})
    assert open_table(store).rows == 2
    store.settle()
    assert in_table(store) == seen(store) == {"a": 3, "b": 5}
    add(store, b=1, c=1)
    assert seen(store) == {"a": 3, "b": 6, "c": 1}
    lists = store.connection.execute(f"SELECT l FROM {open_table(store).name} ORDER BY k").fetchall()
    assert lists == [([1, 1],), ([5],)]
    store.close()


def test_a_direct_change_comes_after_the_recent_ones(instance: duckdb.DuckDBPyConnection) -> None:
    store = StateStore(instance)
    add(store, a=1, b=1)
    set_directly(store, "a", 10)
    assert in_table(store) == seen(store) == {"a": 10, "b": 1}
    with store.transaction():  # all in one batch, one way after the other
        add(store, a=1)
        set_directly(store, "a", 20)
        add(store, a=1)
    assert seen(store) == {"a": 21, "b": 1}
    open_table(store).expire("k = 'a'")
    add(store, a=1)
    assert seen(store) == {"a": 1, "b": 1}
    assert open_table(store).rows == 2
    store.close()


def test_a_batch_that_fails_leaves_nothing(instance: duckdb.DuckDBPyConnection) -> None:
    store = StateStore(instance)
    add(store, a=1)

    def half_a_batch(*, settles: bool) -> None:
        with store.transaction():
            add(store, a=1, b=1)
            if settles:
                store.settle()
                add(store, b=1)
            raise ZeroDivisionError

    for settles in (False, True):
        with pytest.raises(ZeroDivisionError):
            half_a_batch(settles=settles)
        assert (in_table(store), seen(store)) == ({}, {"a": 1})
    store.settle()
    assert in_table(store) == {"a": 1}
    store.close()


def test_epochs_are_undone_with_the_rows_ahead(instance: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    store = StateStore(instance, tmp_path / "s.duckdb")
    store.begin_epoch(1)
    add(store, a=1, b=1)
    store.begin_epoch(2)
    add(store, a=1, c=1)
    add(store, a=1)
    store.settle()
    add(store, a=1, d=1)
    assert seen(store) == {"a": 4, "b": 1, "c": 1, "d": 1}
    store.rollback_to(1)
    assert in_table(store) == seen(store) == {"a": 1, "b": 1}
    add(store, a=1)
    assert seen(store) == {"a": 2, "b": 1}
    store.close()


def test_a_kill_loses_only_what_is_of_no_closed_epoch(instance: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    store = StateStore(instance, tmp_path / "s.duckdb")
    store.begin_epoch(1)
    add(store, a=1)
    store.settle()
    store.begin_epoch(2)
    add(store, a=1, b=1)
    for file in tmp_path.glob("s.duckdb*"):
        shutil.copy(file, tmp_path / file.name.replace("s.", "copy."))
    store.close()
    for name, content in (("copy", {"a": 1}), ("s", {"a": 2, "b": 1})):  # a close writes, and can be undone
        again = StateStore(instance, tmp_path / f"{name}.duckdb")
        assert in_table(again) == content
        again.rollback_to(1)
        assert in_table(again) == {"a": 1}
        again.close()


def test_keys_that_only_duckdb_compares_rightly_are_not_held(instance: duckdb.DuckDBPyConnection) -> None:
    store = StateStore(instance)
    assert store.table("d", [("k", "DOUBLE")], [("n", "BIGINT")]).keep_recent() is None
    store.close()


def test_readers_on_other_threads_see_whole_batches(instance: duckdb.DuckDBPyConnection) -> None:
    """Each batch moves one from a to b, some also settle: whatever a reader sees adds up, and never goes back."""
    store = StateStore(instance)
    add(store, a=1000, b=0)
    wrong: list[dict[str, int]] = []
    done = threading.Event()

    def read() -> None:
        reader, last = store.reader("counts"), 0
        while not done.is_set():
            found = reader.read(lambda rows: f"SELECT k, n FROM {rows}")
            now = dict(zip(found.column("k").to_pylist(), found.column("n").to_pylist(), strict=True))
            if now["a"] + now["b"] != 1000 or now["b"] < last:
                wrong.append(now)
            last = now["b"]
        reader.close()

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    for number in range(200):
        add(store, a=-1, b=1)
        if number % 5 == 0:
            store.settle()
        if number % 37 == 0:
            set_directly(store, f"c{number}", 1)
    done.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert seen(store)["b"] == 200
    store.close()
