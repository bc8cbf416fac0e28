"""Windows in the running engine: silent partitions, late rows, what is left on disk, and the bytes of windowed keys."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from mergus.engine.errors import UserError
from mergus.engine.serving.connection.local import Connection, connect

HITS = (
    "CREATE STREAM hits (host STRING KEY, ms INT) WITH (kafka_topic = 'hits', value_format = 'JSON', partitions = {});"
)
GROUPS = "SELECT host, COUNT(*) AS n FROM hits WINDOW {} GROUP BY host"


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Connection]:
    with connect(tmp_path / "data", settings={"epoch.ms": 20}) as opened:
        yield opened


def put(db: Connection, host: str, rowtime: int) -> None:
    db.execute(f"INSERT INTO hits (rowtime, host, ms) VALUES ({rowtime}, '{host}', 1);")


def keys(db: Connection, topic: str) -> list[bytes]:
    topics = db.engine.topics
    end = topics.end_offsets(topic)
    reader = topics.reader({(topic, p): 0 for p in end}, ("key",))
    found: list[bytes] = []
    try:
        while any(offset < end[p] for (_, p), offset in reader.positions().items()):
            batch = reader.poll(1000)
            found += batch.column("key").to_pylist() if batch is not None else []
    finally:
        reader.close()
    return found


@pytest.mark.parametrize("workers", [1, 2])
def test_a_silent_partition_holds_no_window_open_after_idle_timeout(tmp_path: Path, workers: int) -> None:
    with connect(tmp_path / "data", settings={"epoch.ms": 20, "workers": workers}) as db:
        db.execute(HITS.format(2))
        db.execute("SET 'idle_timeout' = '1 MILLISECOND';")
        window = "TUMBLING (SIZE 10 SECONDS, GRACE PERIOD 0 SECONDS)"
        db.execute(f"CREATE TABLE finals AS {GROUPS.format(window)} EMIT FINAL;")
        deadline, at = time.monotonic() + 30, 0
        while not keys(db, "FINALS") and time.monotonic() < deadline:
            put(db, "one key, one partition", at)
            db.wait(30)
            at += 1000
        assert keys(db, "FINALS")[0][-8:] == bytes(8)


def test_without_it_the_window_stays_open(db: Connection) -> None:
    db.execute(HITS.format(2))
    db.execute(f"CREATE TABLE finals AS {GROUPS.format('TUMBLING (SIZE 10 SECONDS)')} EMIT FINAL;")
    for at in range(0, 60_000, 10_000):
        put(db, "one key, one partition", at)
    db.wait(30)
    assert keys(db, "FINALS") == []


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        ("TUMBLING (SIZE 10 SECONDS)", [(20_000,), (30_000,)]),
        ("HOPPING (SIZE 10 SECONDS, ADVANCE BY 5 SECONDS)", [(20_000,), (15_000,), (30_000,), (25_000,)]),
        ("SESSION (1 SECONDS)", [(21_000, 21_000), (30_000, 30_000)]),
        ("CUMULATIVE (SIZE 20 SECONDS, STEP 10 SECONDS)", [(30_000, 20_000), (40_000, 20_000)]),
    ],
)
def test_windowed_keys_have_kafka_streams_layout(db: Connection, window: str, expected: list[Any]) -> None:
    """The key's bytes, then the start; of sessions and cumulative windows the end and the start; eight bytes each, big-endian."""
    db.execute(HITS.format(1))
    db.execute(f"CREATE TABLE made AS {GROUPS.format(window)};")
    put(db, "h", 21_000)
    put(db, "h", 30_000)
    db.wait(30)
    wanted = {b"h" + b"".join(struct.pack(">q", bound) for bound in bounds) for bounds in expected}
    assert set(keys(db, "MADE")) == wanted
    kind = window.split()[0]
    size = ", window_size = '10 SECONDS'" if kind in ("TUMBLING", "HOPPING") else ""
    db.execute(
        "CREATE STREAM back (host STRING KEY, n BIGINT) WITH "
        f"(kafka_topic = 'MADE', value_format = 'JSON', window_type = '{kind}'{size});"
    )
    db.execute("CREATE STREAM bounds AS SELECT host, WINDOWSTART AS s, WINDOWEND AS e FROM back;")
    db.wait(30)
    assert set(keys(db, "BOUNDS")) == wanted  # the windows are read and written again as they were


@pytest.mark.parametrize("retention", ["", ", RETENTION 1 DAYS"])
def test_late_rows_are_counted_and_in_the_processing_log(db: Connection, retention: str) -> None:
    db.execute(HITS.format(1))
    db.execute(f"CREATE TABLE made AS {GROUPS.format(f'SESSION (1 SECONDS{retention}, GRACE PERIOD 1 SECONDS)')};")
    db.insert("hits", [{"host": "h", "rowtime": at} for at in (10_000, 1_000, 9_500)])
    db.wait(30)
    assert db.query("SELECT n FROM made;").rows() == [{"N": 2}]
    (status,) = db.engine.lifecycle.statuses().values()
    assert status.metrics.rows_late == 1


def test_a_time_to_live_is_told_and_may_be_changed(db: Connection) -> None:
    db.execute(HITS.format(1))
    made = "CREATE OR REPLACE TABLE made WITH (state_ttl = '{}') AS SELECT host, COUNT(*) AS n FROM hits GROUP BY host;"
    db.execute(made.format("1 MINUTE"))
    put(db, "gone", 0)
    put(db, "stays", 90_000)
    db.wait(30)
    assert [r["HOST"] for r in db.query("SELECT host FROM made;").rows()] == ["stays"]
    db.execute(made.format("2 MINUTES"))
    put(db, "new", 200_000)
    db.wait(30)
    assert {r["HOST"] for r in db.query("SELECT host FROM made;").rows()} == {"stays", "new"}
    put(db, "new", 210_000)
    db.wait(30)
    assert [(r["HOST"], r["N"]) for r in db.query("SELECT host, n FROM made;").rows()] == [("new", 2)]
    (told,) = db.execute("DESCRIBE made EXTENDED;")
    assert "120000 ms after its last row" in told.text


@pytest.mark.parametrize(
    ("window", "ttl"),
    [
        ("WINDOW TUMBLING (SIZE 1 SECONDS, GRACE PERIOD 1 SECONDS)", ""),
        ("WINDOW SESSION (1 SECONDS, GRACE PERIOD 1 SECONDS)", ""),
        ("WINDOW CUMULATIVE (SIZE 1 SECONDS, STEP 500 MILLISECONDS, GRACE PERIOD 1 SECONDS)", ""),
        ("", "WITH (state_ttl = '2 SECONDS')"),
    ],
)
def test_the_state_of_what_has_expired_is_gone_from_disk(tmp_path: Path, window: str, ttl: str) -> None:
    """Over 50 retention periods the state holds the windows, or the keys, of the last few."""
    folder = tmp_path / "data"
    with connect(folder, settings={"epoch.ms": 20}) as db:
        db.execute(HITS.format(1))
        db.execute(f"CREATE TABLE made {ttl} AS SELECT host, COUNT(*) AS n FROM hits {window} GROUP BY host;")
        for at in range(0, 100_000, 500):
            put(db, f"h{at % 7}" if window else f"h{at}", at)
        db.wait(60)
    (file,) = folder.glob("state/*/*.duckdb")
    with duckdb.connect(str(file), read_only=True) as state:
        (rows,) = state.execute("SELECT count(*) FROM groups_1").fetchall()[0]
        (images,) = state.execute("SELECT count(*) FROM groups_1_undo").fetchall()[0]
    assert 0 < rows <= 12
    assert images < 100


def test_the_remedy_for_a_windowed_table_that_is_only_declared(db: Connection) -> None:
    """It is no CREATE TABLE AS, which takes no windowed table."""
    declared = "CREATE {} w (url STRING PRIMARY KEY, n BIGINT) WITH (kafka_topic = 'w', value_format = 'JSON', {});"
    db.execute(declared.format("TABLE", "partitions = 1, window_type = 'SESSION'"))
    with pytest.raises(UserError) as refused:
        db.query("SELECT * FROM w;")
    assert refused.value.hint == "CREATE SOURCE TABLE in place of CREATE TABLE"
    db.execute("DROP TABLE w;")
    db.execute(declared.format("SOURCE TABLE", "window_type = 'SESSION'"))
    assert db.query("SELECT * FROM w;").rows() == []
