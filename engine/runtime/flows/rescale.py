"""Another number of workers: a query's state dealt out anew by key group.

Each worker has a state file, and key groups, not workers, name the rows in it. So files for another number of workers are
made of the old ones by `_kg`. They are made aside and put in place when all are whole: a crash leaves the old ones, or
finds the new ones `ready` and goes on from there. The state must be as of a checkpoint, with nothing left to undo.
"""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import duckdb

from ...errors import Unsupported
from ...state.duckdb import attach, cursor
from .work import owner

_ASIDE = "rescale"
_one_at_a_time = threading.Lock()  # the names that files are attached under belong to the process


def workers_before(folder: Path) -> int | None:
    """How many workers the state in `folder` was made by; None when there is none."""
    finish(folder)
    file = folder / "workers"
    return int(file.read_text()) if file.exists() else None


def note_workers(folder: Path, workers: int) -> None:
    """Remember how many workers the state in `folder` is made by."""
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / "workers.new"
    fresh.write_text(str(workers))
    fresh.replace(folder / "workers")


def rescale(folder: Path, instance: duckdb.DuckDBPyConnection, before: int, workers: int) -> None:
    """Deal the rows of `before` state files out to `workers` new ones. Nobody may have them open."""
    with _one_at_a_time:
        _rescale(folder, instance, before, workers)


def _rescale(folder: Path, instance: duckdb.DuckDBPyConnection, before: int, workers: int) -> None:
    aside = folder / _ASIDE
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    connection = cursor(instance)
    olds = [f"old{i}" for i in range(before) if (folder / f"{i}.duckdb").exists()]
    try:
        for name in olds:
            attach(connection, folder / f"{name.removeprefix('old')}.duckdb", name)
        for worker in range(workers):
            if olds:
                _deal(connection, olds, aside / f"{worker}.duckdb", worker, workers)
    finally:
        for name in olds:
            connection.execute(f"DETACH {name}")
        connection.close()
    note_workers(aside, workers)
    (aside / "ready").touch()
    finish(folder)


def _deal(connection: duckdb.DuckDBPyConnection, olds: list[str], path: Path, worker: int, workers: int) -> None:
    attach(connection, path, "fresh")
    rows = connection.execute(f"SELECT table_name FROM duckdb_tables() WHERE database_name = '{olds[0]}'").fetchall()
    for (table,) in rows:
        connection.execute(f"CREATE TABLE fresh.{table} AS SELECT * FROM {olds[0]}.{table} LIMIT 0")
        if table == "layout":
            connection.execute(f"INSERT INTO fresh.{table} SELECT * FROM {olds[0]}.{table}")
        elif table == "durable":
            each = " UNION ALL ".join(f"SELECT epoch FROM {old}.durable" for old in olds)
            connection.execute(f"INSERT INTO fresh.durable SELECT max(epoch) FROM ({each}) HAVING count(*) > 0")
        elif table.endswith("_marks"):  # every worker's (operators/event_time/marks.py)
            each = " UNION ALL ".join(f"SELECT mark, until FROM {old}.{table}" for old in olds)
            connection.execute(f"INSERT INTO fresh.{table} SELECT mark, max(until) FROM ({each}) GROUP BY mark")
        elif not table.endswith("_undo"):
            _deal_rows(connection, olds, table, worker, workers)
    connection.execute("CHECKPOINT fresh")
    connection.execute("DETACH fresh")


def _deal_rows(connection: duckdb.DuckDBPyConnection, olds: list[str], table: str, worker: int, workers: int) -> None:
    columns = [d[0] for d in connection.execute(f"SELECT * FROM {olds[0]}.{table} LIMIT 0").description or ()]
    if "_kg" not in columns:
        raise Unsupported(
            "this query's state cannot be dealt out to another number of workers",
            detail=f"the rows of {table} have no key group",
            hint="start the server with the number of workers that it had, or drop the query and create it anew",
        )
    groups = [str(g) for g in range(64) if owner(g, workers) == worker]
    own = f"coalesce(_kg, 0) IN ({', '.join(groups) or '-1'})"
    for old in olds:
        connection.execute(f"INSERT INTO fresh.{table} SELECT * FROM {old}.{table} WHERE {own}")


def finish(folder: Path) -> None:
    """Put files that were made whole into their places, also after a crash in between."""
    aside = folder / _ASIDE
    if not (aside / "ready").exists():
        return
    if (aside / "workers").exists():  # the last to move, so that a second try knows what is left to do
        for old in folder.glob("*.duckdb*"):
            if not (aside / "moving").exists():
                old.unlink()
        (aside / "moving").touch()
        for fresh in aside.glob("*.duckdb*"):
            fresh.replace(folder / fresh.name)
        (aside / "workers").replace(folder / "workers")
    shutil.rmtree(aside)
