"""What watches a model: shadow runs and monitors."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import mergus
from mergus.engine.inference.monitoring.shadow import SALT
from mergus.engine.inference.versions.arms import split_rows

COLUMNS = "INPUT (x DOUBLE) OUTPUT (y DOUBLE)"
UNLUCKY = "def predict(x):\n    if (x == 13).any():\n        raise ValueError('unlucky')\n    return x * 3\n"


@pytest.fixture
def db(tmp_path: Path):
    (tmp_path / "double.py").write_text("def predict(x):\n    return x * 2\n")
    (tmp_path / "unlucky.py").write_text(UNLUCKY)
    with mergus.connect(tmp_path / "data") as made:
        for name in ("double", "unlucky"):
            made.execute(f"CREATE OR REPLACE MODEL m {COLUMNS} WITH (provider='python', path='{tmp_path / name}.py');")
        made.execute("CREATE STREAM s (a DOUBLE) WITH (kafka_topic='s', value_format='JSON', partitions=1);")
        yield made


def rows(db: Any, sql: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = db.query(sql).rows()
    return found


def until(db: Any, sql: str, count: int) -> list[dict[str, Any]]:
    """The rows of a query, once there are so many: what watches works beside the batches."""
    end = time.monotonic() + 60
    while len(found := rows(db, sql)) < count and time.monotonic() < end:
        time.sleep(0.02)
    return found


def test_a_shadow_is_told_in_a_topic_and_touches_no_answer(db) -> None:
    db.execute("ALTER MODEL m SET SHADOW challenger INTO seen;")
    db.execute("CREATE STREAM o AS SELECT a, m(a) AS y FROM s EMIT CHANGES;")
    db.insert("s", [{"a": 1}, {"a": 13}, {"a": None}, {"a": 1}])
    db.wait()
    assert [r["Y"] for r in rows(db, "SELECT * FROM o;")] == [2, 26, None, 2]
    sql = "SELECT input->x AS x, version, shadow_version AS other, output, shadow_output AS said, error FROM seen;"
    found = [tuple(r.values()) for r in until(db, sql, 3)]
    assert found == [(1, 1, 2, 2, 3, None), (13, 1, 2, 26, None, "unlucky"), (1, 1, 2, 2, 3, None)]
    assert db.execute("SHOW MODEL HISTORY m;")[0].rows[-1][1] == "SET SHADOW"
    db.execute("ALTER MODEL m RESET SHADOW;")
    db.insert("s", [{"a": 5}])
    db.wait()
    assert [r["Y"] for r in rows(db, "SELECT * FROM o;")][-1] == 10
    assert db.execute("DESCRIBE MODEL m;")[0].body["modelDescription"]["shadow"] is None


def test_a_sample_is_the_same_rows_again(db) -> None:
    db.execute("ALTER MODEL m SET SHADOW challenger SAMPLE 20 PERCENT INTO seen;")
    db.insert("s", [{"a": i} for i in range(200)])
    asked = [rows(db, "SELECT m(a) FROM s;") for _ in range(2)]
    assert asked[0] == asked[1]
    values = [float(i) for i in range(200)]
    hashed = split_rows([pa.array([SALT] * 200), pa.array(values)], [(1, 20), (0, 80)])
    wanted = [v for v, arm in zip(values, hashed, strict=True) if arm]
    assert 20 <= len(wanted) <= 60  # 40 expected
    found = [r["X"] for r in until(db, "SELECT input->x AS x FROM seen;", 2 * len(wanted))]
    assert found == wanted * 2


def test_a_shadow_that_hangs_holds_up_no_other_watching(db, tmp_path: Path) -> None:
    (tmp_path / "hangs.py").write_text("import time\n\ndef predict(x):\n    time.sleep(1000)\n")
    db.execute(f"CREATE OR REPLACE MODEL m {COLUMNS} WITH (provider='python', path='{tmp_path / 'hangs'}.py');")
    db.execute("ALTER MODEL m SET SHADOW challenger INTO seen;")
    db.execute("CREATE STREAM known (x DOUBLE) WITH (kafka_topic='known', value_format='JSON', partitions=1);")
    db.insert("known", [{"x": 1}])
    db.execute("ALTER MODEL m SET MONITOR (reference = 'known', metrics = 'psi', window = '1 SECOND');")
    db.insert("s", [{"a": 7}])
    assert rows(db, "SELECT m(a) AS y FROM s;") == [{"Y": 14}]
    assert len(until(db, "SELECT * FROM m__drift;", 1)) >= 1
    db.execute("ALTER MODEL m SET ALIAS challenger = 2;")  # another shadow
    assert rows(db, "SELECT m(a) AS y FROM s;") == [{"Y": 14}]
    assert [r["SAID"] for r in until(db, "SELECT shadow_output AS said FROM seen;", 1)] == [21]


def test_refusals_of_a_shadow(db) -> None:
    for sql, said in (
        ("ALTER MODEL m SET SHADOW canary INTO seen;", "no alias CANARY"),
        ("ALTER MODEL m SET SHADOW challenger SAMPLE 0 PERCENT INTO seen;", "1 to 100"),
        ("ALTER MODEL m SET SHADOW challenger INTO s;", "no stream over topic"),
    ):
        with pytest.raises(mergus.MergusError, match=said):
            db.execute(sql)


def test_a_monitor_tells_of_drift_in_a_stream(db) -> None:
    db.execute("CREATE STREAM known (x DOUBLE) WITH (kafka_topic='known', value_format='JSON', partitions=1);")
    db.insert("known", [{"x": i % 100} for i in range(400)])
    db.execute(
        "ALTER MODEL m SET MONITOR (reference = 'known', metrics = 'psi,ks', window = '1 SECOND', threshold = 0.2);"
    )
    moved = [{"a": 50 + i % 100} for i in range(400)]
    db.insert("s", moved)
    assert len(rows(db, "SELECT m(a) AS y FROM s;")) == 400
    sql = "SELECT column_name AS c, metric, MAX(value) AS most, SUM(rows_seen) AS n FROM m__drift GROUP BY column_name, metric;"
    wanted = {(c, m): 400 for c in ("X", "OUTPUT") for m in ("psi", "ks")}
    end = time.monotonic() + 60
    found: list[dict[str, Any]] = []
    while {(r["C"], r["METRIC"]): r["N"] for r in found} != wanted:  # a window ends when nothing comes for a second
        assert time.monotonic() < end, found
        time.sleep(0.05)
        found = rows(db, sql)
    assert all(r["MOST"] > 0.4 for r in found)
    db.execute("ALTER MODEL m RESET MONITOR;")
    assert db.execute("DESCRIBE MODEL m;")[0].body["modelDescription"]["monitor"] is None


def test_a_monitor_beside_a_split_by_a_column_that_its_reference_lacks(db) -> None:
    db.execute("ALTER MODEL m SET SPLIT (champion 50, challenger 50) BY a;")
    db.execute("CREATE STREAM known (x DOUBLE) WITH (kafka_topic='known', value_format='JSON', partitions=1);")
    db.insert("known", [{"x": 1}])
    db.execute("ALTER MODEL m SET MONITOR (reference = 'known', metrics = 'psi', window = '1 SECOND');")
    db.insert("s", [{"a": 7}])
    assert rows(db, "SELECT m(a) AS y FROM s;")[0]["Y"] in (14, 21)
    assert until(db, "SELECT * FROM m__drift;", 1)


def test_a_monitor_outlives_its_reference(tmp_path: Path) -> None:
    (tmp_path / "double.py").write_text("def predict(x):\n    return x * 2\n")
    with mergus.connect(tmp_path / "data") as db:
        db.execute(f"CREATE MODEL m {COLUMNS} WITH (provider='python', path='{tmp_path / 'double'}.py');")
        db.execute("CREATE STREAM known (x DOUBLE) WITH (kafka_topic='known', value_format='JSON', partitions=1);")
        db.insert("known", [{"x": 1}])
        for sql, said in (
            ("SET MONITOR (reference = 'nothing')", "NOTHING does not exist"),
            ("SET MONITOR (reference = 'known', metric = 'psi')", "METRIC is not a property"),
            ("SET MONITOR (reference = 'known', metrics = 'mood')", "mood is not a metric"),
            ("SET MONITOR (reference = 'known', window = 'soon')", "WINDOW is a time"),
            ("SET MONITOR (reference = 'known', threshold = 'high')", "THRESHOLD is a number"),
        ):
            with pytest.raises(mergus.MergusError, match=said):
                db.execute(f"ALTER MODEL m {sql};")
        db.execute("ALTER MODEL m SET MONITOR (reference = 'known');")
        monitor = db.engine.catalog.models["M"].monitor
        db.insert("known", [{"x": 100}])
    with mergus.connect(tmp_path / "data") as db:
        assert db.engine.catalog.models["M"].monitor == monitor
        assert monitor.window_ms == 3_600_000
        assert db.query("SELECT * FROM m__drift;").rows() == []
