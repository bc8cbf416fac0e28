"""The end of files: nothing follows, so windows close, rows that met nothing go on, and files are read in the order of time."""

from __future__ import annotations

import pytest

import mergus

MINUTE = 60_000
CUTS = [{"batch.rows.max": 1}, {"batch.rows.max": 3}, {}, {"workers": 2}]


def stamped(minutes: float) -> str:
    seconds = round(minutes * 60)
    return f"2024-01-01T{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}Z"


def made(db, tmp_path, name, rows):
    """A stream `name` over a file of (minute, who, n)."""
    lines = "".join(f"{stamped(at)},{who},{n}\n" for at, who, n in rows)
    (tmp_path / f"{name}.csv").write_text("at,who,n\n" + lines)
    db.execute(f"CREATE STREAM {name} WITH (path='{tmp_path}/{name}.csv', path_format='csv', timestamp='at');")


def answered(db, sql):
    """What a push query gives, which ends with its files."""
    return [tuple(row.values()) for row in db.push(sql)]


def told(db, table):
    """What a windowed table's topic holds."""
    db.execute(
        f"CREATE STREAM told (who STRING KEY, n BIGINT) WITH (kafka_topic='{table}', value_format='JSON',"
        " window_type='TUMBLING', window_size='1 MINUTE');"
    )
    rows = db.query("SELECT who, n FROM told;").rows()
    db.execute("DROP STREAM told;")
    return [(row["WHO"], row["N"]) for row in rows]


ROWS = [(0, "ann", 1), (0.2, "bob", 2), (1.5, "ann", 3), (1.6, "ann", 4), (7.9, "cy", 5)]
START = 1704067200000


@pytest.mark.parametrize("settings", CUTS, ids=str)
@pytest.mark.parametrize(
    ("window", "wanted"),
    [
        ("TUMBLING (SIZE 1 MINUTE)", [(0, "ann", 1), (0, "bob", 2), (1, "ann", 7), (7, "cy", 5)]),
        ("SESSION (30 SECONDS)", [(0, "ann", 1), (0.2, "bob", 2), (1.5, "ann", 7), (7.9, "cy", 5)]),
        ("TUMBLING (SIZE 1 MINUTE, GRACE PERIOD 1 DAY)", [(0, "ann", 1), (0, "bob", 2), (1, "ann", 7), (7, "cy", 5)]),
        ("HOPPING (SIZE 2 MINUTES, ADVANCE BY 1 MINUTE)", None),
    ],
)
def test_windows_close_at_the_end_of_files(tmp_path, settings, window, wanted):
    with mergus.connect(tmp_path / "data", settings=settings) as db:
        made(db, tmp_path, "f", ROWS)
        rows = answered(db, f"SELECT WINDOWSTART, who, SUM(n) AS n FROM f WINDOW {window} GROUP BY who EMIT FINAL;")
    if wanted is None:
        spans = {w: [(at, who, n) for at, who, n in ROWS if w <= at < w + 2] for w in range(-1, 9)}
        wanted = [
            (w, who, sum(n for _, other, n in span if other == who))
            for w, span in spans.items()
            for who in {who for _, who, _ in span}
        ]
    assert sorted(rows) == sorted((START + round(at * MINUTE), who, n) for at, who, n in wanted)


@pytest.mark.parametrize("settings", CUTS, ids=str)
def test_windows_over_closed_windows_close_too(tmp_path, settings):
    with mergus.connect(tmp_path / "data", settings=settings) as db:
        made(db, tmp_path, "f", ROWS)
        each = "SELECT who, SUM(n) AS n FROM f WINDOW TUMBLING (SIZE 1 MINUTE) GROUP BY who EMIT FINAL"
        window = "TUMBLING (SIZE 2 MINUTES)"
        rows = answered(
            db,
            f"SELECT WINDOWSTART, COUNT(*) AS c, MAX(n) AS n FROM ({each}) AS x WINDOW {window} GROUP BY 1 EMIT FINAL;",
        )
    assert [((at - START) / MINUTE, c, n) for at, c, n in rows] == [(0, 3, 7), (6, 1, 5)]


def test_a_table_of_files_holds_its_last_windows_once(tmp_path):
    for _ in range(2):  # the second start finds the end told
        with mergus.connect(tmp_path / "data") as db:
            if not db.engine.catalog.relations.get("T"):
                made(db, tmp_path, "f", ROWS)
                window = "TUMBLING (SIZE 1 MINUTE, RETENTION 1 HOUR, GRACE PERIOD 0 SECONDS)"
                db.execute(f"CREATE TABLE t AS SELECT who, SUM(n) AS n FROM f WINDOW {window} GROUP BY who EMIT FINAL;")
            db.wait(60)
            assert sorted(r["N"] for r in db.query("SELECT n FROM t;").rows()) == [1, 2, 5, 7]
            assert told(db, "T") == [("ann", 1), ("bob", 2), ("ann", 7), ("cy", 5)]
            assert db.engine.failures() == {"bad": 0, "late": 0}


@pytest.mark.parametrize("settings", CUTS, ids=str)
def test_files_are_joined_in_the_order_of_their_times(tmp_path, settings):
    """The second file's rows meet those of the first of their time, however long the first is; what met nothing goes on."""
    with mergus.connect(tmp_path / "data", settings=settings) as db:
        made(
            db, tmp_path, "f", [(i / 10, f"k{i}", i) for i in range(3_000 if "batch.rows.max" not in settings else 300)]
        )
        made(db, tmp_path, "g", [(i / 10, f"k{i}", -i) for i in range(0, 300, 2)])
        db.execute(
            "CREATE STREAM j AS SELECT f.who AS k, f.n AS x, g.n AS y FROM f LEFT JOIN g WITHIN 1 SECOND GRACE PERIOD 1 SECOND"
            " ON f.who = g.who;"
        )
        db.wait(100)
        rows = [(r["X"], r["Y"]) for r in db.query("SELECT x, y FROM j;").rows()]
        assert db.engine.failures() == {"bad": 0, "late": 0}
    count = 3_000 if "batch.rows.max" not in settings else 300
    assert sorted(rows, key=lambda r: r[0]) == [(i, -i if i < 300 and not i % 2 else None) for i in range(count)]


def test_beside_a_topic_windows_stay_open(tmp_path):
    """A topic goes on, and so does time: what comes later by it may belong to a window."""
    with mergus.connect(tmp_path / "data") as db:
        made(db, tmp_path, "f", ROWS)
        db.execute(
            "CREATE TABLE names (who STRING PRIMARY KEY, name STRING) WITH (kafka_topic='n', value_format='JSON', partitions=1);"
        )
        db.execute("INSERT INTO names (rowtime, who, name) VALUES (0, 'ann', 'Ann');")
        db.execute(
            "CREATE TABLE t AS SELECT f.who AS who, COUNT(*) AS n FROM f JOIN names ON f.who = names.who"
            " WINDOW TUMBLING (SIZE 1 MINUTE, RETENTION 1 HOUR, GRACE PERIOD 0 SECONDS) GROUP BY f.who EMIT FINAL;"
        )
        db.wait(60)
        assert told(db, "T") == [("ann", 1)]
