"""The state: whole batches, the way back to an epoch, a file copied as a kill leaves it, layouts that do not fit."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from mergus.engine.errors import Conflict, EnvironmentFault
from mergus.engine.state.duckdb import faults, fetch
from mergus.engine.state.store import StateStore
from mergus.engine.state.table import StateTable


def open_table(store: StateStore) -> StateTable:
    return store.table("counts", [("k", "VARCHAR")], [("n", "BIGINT")])


def change(store: StateStore, rows: dict[str, int | None]) -> None:
    """Set keys to numbers, None deletes."""
    table = open_table(store)
    found = {k: (r, n) for k, r, n in store.connection.execute(f"SELECT k, rowid, n FROM {table.name}").fetchall()}
    old = [found.get(k, (None, None)) for k in rows]
    columns = {
        "k": pa.array(list(rows)),
        "n": pa.array(list(rows.values()), pa.int64()),
        "_rid": pa.array([o[0] for o in old], pa.int64()),
        "old_n": pa.array([o[1] for o in old], pa.int64()),
        "_gone": pa.array([n is None for n in rows.values()]),
    }
    with store.transaction():
        table.apply(pa.table(columns))


def content(store: StateStore) -> dict[str, int]:
    return dict(store.connection.execute(f"SELECT k, n FROM {open_table(store).name}").fetchall())


def test_rows_are_inserted_updated_and_deleted(instance: duckdb.DuckDBPyConnection) -> None:
    store = StateStore(instance)
    change(store, {"a": 1, "b": 2})
    change(store, {"a": 3, "c": 4, "d": None})
    change(store, {"b": None})
    assert content(store) == {"a": 3, "c": 4}
    assert open_table(store).rows == 2
    store.close()


def test_rolling_back_undoes_later_epochs_only(instance: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    store = StateStore(instance, tmp_path / "s.duckdb")
    store.begin_epoch(1)
    change(store, {"a": 1, "b": 1})
    store.begin_epoch(2)
    change(store, {"a": 2, "c": 2})
    change(store, {"a": 20, "b": None})
    store.begin_epoch(3)
    change(store, {"b": 3, "c": None})
    store.rollback_to(1)
    assert content(store) == {"a": 1, "b": 1}
    change(store, {"a": 5})
    assert content(store) == {"a": 5, "b": 1}
    store.close()


def test_a_row_has_one_image_an_epoch(instance: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    store = StateStore(instance, tmp_path / "s.duckdb")
    store.begin_epoch(1)
    change(store, {"a": 0, "b": 0})
    change(store, {"a": 1})
    store.begin_epoch(2)
    for n in range(2, 5):
        change(store, {"a": n, f"c{n}": n})
    images = f"SELECT k, _existed, n FROM {open_table(store).name}_undo WHERE _epoch = 2 ORDER BY k"
    assert store.connection.execute(images).fetchall() == [("a", True, 1), *((f"c{n}", False, None) for n in (2, 3, 4))]
    with pytest.raises(duckdb.CatalogException):
        _change_and_fail(store, {"b": 9})
    change(store, {"b": 5})
    for _ in range(2):  # the second time with the number of an epoch that was undone
        store.rollback_to(1)
        assert content(store) == {"a": 1, "b": 0}
        store.begin_epoch(2)
        change(store, {"a": 5})
    store.close()


def _change_and_fail(store: StateStore, rows: dict[str, int | None]) -> None:
    with store.transaction():
        change(store, rows)
        store.connection.execute("SELECT * FROM nowhere")


def test_a_durable_epoch_cannot_be_undone(instance: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    store = StateStore(instance, tmp_path / "s.duckdb")
    store.begin_epoch(1)
    change(store, {"a": 1})
    store.begin_epoch(2)
    change(store, {"a": 2})
    store.durable(1)
    store.rollback_to(1)
    assert content(store) == {"a": 1}
    with pytest.raises(EnvironmentFault, match="cannot go back to epoch 0"):
        store.rollback_to(0)
    store.close()


def test_a_copy_of_the_file_opens_as_after_a_kill(instance: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    store = StateStore(instance, tmp_path / "s.duckdb")
    store.begin_epoch(1)
    change(store, {"a": 1})
    store.durable(1)
    store.begin_epoch(2)
    change(store, {"a": 2, "b": 2})
    for file in tmp_path.glob("s.duckdb*"):
        shutil.copy(file, tmp_path / file.name.replace("s.", "copy."))
    store.close()
    again = StateStore(instance, tmp_path / "copy.duckdb")
    assert content(again) == {"a": 2, "b": 2}
    again.rollback_to(1)
    assert content(again) == {"a": 1}
    again.close()


def test_a_failed_batch_leaves_nothing(instance: duckdb.DuckDBPyConnection) -> None:
    store = StateStore(instance)
    change(store, {"a": 1})

    def half_a_batch() -> None:
        with store.transaction():
            change(store, {"a": 2})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half_a_batch()
    assert content(store) == {"a": 1}
    store.close()


def test_a_full_disk_is_the_environments_fault() -> None:
    with pytest.raises(EnvironmentFault, match="Hint: free space"), faults("cannot write the state"):
        raise duckdb.IOException("IO Error: Could not write file: No space left on device")


def test_another_layout_is_refused(instance: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    store = StateStore(instance, tmp_path / "s.duckdb")
    change(store, {"a": 1})
    store.close()
    again = StateStore(instance, tmp_path / "s.duckdb")
    with pytest.raises(Conflict, match="another layout"):
        again.table("counts", [("k", "VARCHAR")], [("n", "DOUBLE")])
    again.close()


def test_a_reader_sees_whole_batches(instance: duckdb.DuckDBPyConnection) -> None:
    store = StateStore(instance)
    change(store, {"a": 1})
    reader = store.reader("counts")

    def seen() -> list[int]:
        return reader.read(lambda rows: f"SELECT n FROM {rows}").column("n").to_pylist()

    with store.transaction():
        change(store, {"a": 2})
        assert seen() == [1]
    assert seen() == [2]
    reader.close()
    store.close()


def test_files_elsewhere_are_out_of_reach(instance: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    with pytest.raises(duckdb.PermissionException):
        instance.execute("SELECT * FROM read_text('/etc/hostname')")
    with pytest.raises(EnvironmentFault, match="cannot open the state file"):
        StateStore(instance, tmp_path / "missing" / "s.duckdb")


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize("fresh", [True, False])
def test_rows_of_one_transaction_change_again_and_again(
    instance: duckdb.DuckDBPyConnection, fresh: bool, listed: bool
) -> None:
    """What a batch has written it updates and deletes itself, lists and all, be the rows new or known: DuckDB 2.0 crashed
    where it looked for such rows by their numbers."""
    store = StateStore(instance)
    table = store.table(
        "lists", [("k", "VARCHAR"), ("w", "BIGINT")], [("n", "BIGINT"), ("l", "VARCHAR[]" if listed else "VARCHAR")]
    )
    chance = random.Random(1)
    wanted: dict[str, int] = {}

    def value_of(n: int) -> list[str] | str:
        return [str(n)] * (n % 3) if listed else f"{n} " * 9

    def put(new: dict[str, int | None]) -> None:
        window = pa.array([None if len(k) < 6 else 1 for k in new], pa.int64())
        batch = pa.table({"k": list(new), "w": window, "n": pa.array(new.values(), pa.int64())})
        columns = "k, w, rowid AS _rid, n AS old_n, l AS old_l"
        found = fetch(store.connection, f"SELECT {columns} FROM {table.name}").combine_chunks()
        places = pc.index_in(batch.column("k"), found.column("k"))
        was = found.select(["_rid", "old_n", "old_l"]).take(places)
        kind = pa.list_(pa.string()) if listed else pa.string()
        told = pa.array([None if n is None else value_of(n) for n in new.values()], kind)
        gone = pa.array([n is None for n in new.values()])
        table.apply(pa.table({**columns_of(batch), **columns_of(was), "l": told, "_gone": gone}))
        wanted.update({k: n for k, n in new.items() if n is not None})
        for key in [k for k, n in new.items() if n is None]:
            wanted.pop(key, None)

    if not fresh:
        put({f"key {i}": i % 100 for i in range(1500)})
    for _ in range(25):
        with store.transaction():
            for _ in range(chance.choice([1, 3, 6])):
                drawn = [chance.randrange(1500) for _ in range(chance.choice([50, 400, 900]))]
                gone = 0.2 if fresh or not listed else 0  # without it all keys stay, and no row is new
                put({f"key {i}": None if chance.random() < gone else chance.randrange(100) for i in drawn})
    stored = store.connection.execute(f"SELECT k, n, l FROM {table.name}").fetchall()
    assert {k: n for k, n, _ in stored} == wanted
    assert all(told == value_of(n) for _, n, told in stored)
    assert table.rows == len(wanted)
    store.close()


def columns_of(table: pa.Table) -> dict[str, pa.ChunkedArray]:
    return dict(zip(table.schema.names, table.columns, strict=True))


def test_a_store_that_cannot_give_back_a_table_leaves_its_file_free(tmp_path, instance, monkeypatch):
    store = StateStore(instance, tmp_path / "0.duckdb")
    change(store, {"a": 1})

    def refuse():
        raise duckdb.TransactionException("the current transaction is aborted")

    monkeypatch.setattr(open_table(store), "close", refuse)
    with pytest.raises(duckdb.TransactionException):
        store.close()
    again = StateStore(instance, tmp_path / "0.duckdb")
    assert content(again) == {"a": 1}
    again.close()
