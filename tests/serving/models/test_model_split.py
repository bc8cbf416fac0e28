"""Splits by columns that a model is not asked: the calls take them by themselves, in queries that run too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import mergus

STREAM = """CREATE STREAM s (id INT KEY, a DOUBLE, who STRING) WITH (kafka_topic='s', value_format='JSON', partitions=1);
CREATE STREAM bare (id INT KEY, a DOUBLE) WITH (kafka_topic='s', value_format='JSON', partitions=1);"""
SPLIT = "ALTER MODEL m SET SPLIT (champion 50, challenger 50) BY who;"


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Two models of two versions each, the second of which adds a half."""
    folder = tmp_path_factory.mktemp("split")
    with mergus.connect(folder / "data") as made:
        made.execute(STREAM)
        for name in "mn":
            for number in (1, 2):
                path = folder / f"{name}{number}.py"
                path.write_text(f"def predict(x):\n    return x + {number - 1} * 0.5\n")
                made.execute(
                    f"CREATE OR REPLACE MODEL {name} INPUT (x DOUBLE) OUTPUT (y DOUBLE)"
                    f" WITH (provider='python', path='{path}');"
                )
        yield made


def rows(db: Any, sql: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = db.query(sql).rows()
    return found


def arms(found: list[dict[str, Any]], column: str) -> dict[str, set[Any]]:
    made: dict[str, set[Any]] = {}
    for row in found:
        made.setdefault(row["WHO"], set()).add(row[column])
    return made


def test_a_query_that_runs_begins_to_read_the_key(db: Any) -> None:
    db.execute("CREATE STREAM o AS SELECT id, m(a) AS y, MODEL_VERSION(m(a)) AS v FROM s EMIT CHANGES;")
    db.execute("CREATE TABLE t AS SELECT who, m(SUM(a)) AS y FROM s GROUP BY who EMIT CHANGES;")
    people = [{"id": i, "a": i, "who": f"user {i % 20}"} for i in range(100)]
    db.insert("s", people)
    db.wait()
    db.execute(SPLIT)
    db.insert("s", people)
    db.wait()
    asked = rows(db, "SELECT id, who, MODEL_VERSION(m(a)) AS v FROM s;")
    by_user = arms(asked, "V")
    assert all(len(arm) == 1 for arm in by_user.values())
    assert {1, 2} == {v for arm in by_user.values() for v in arm}
    answered = rows(db, "SELECT * FROM o;")
    assert {r["V"] for r in answered[:100]} == {1}
    assert [(r["ID"], r["V"]) for r in answered[100:]] == [(r["ID"], r["V"]) for r in asked[:100]]
    assert all(r["Y"] == r["ID"] + (r["V"] - 1) / 2 for r in answered)
    assert {r["WHO"]: {1 + round(2 * (r["Y"] % 1))} for r in rows(db, "SELECT * FROM t;")} == by_user


def test_models_of_one_salt_send_a_key_the_same_way(db: Any) -> None:
    db.execute(SPLIT)
    both = "SELECT who, MODEL_VERSION(m(a)) AS v, MODEL_VERSION(n(m(a))) AS w, n(m(a)) - a AS more FROM s;"
    db.execute("ALTER MODEL n SET SPLIT (champion 50, challenger 50) BY who;")
    assert all(r["V"] == r["W"] and r["MORE"] == r["V"] - 1 for r in rows(db, both))
    db.execute("ALTER MODEL n SET SPLIT (champion 50, challenger 50) BY who SALT 'another trial';")
    assert any(r["V"] != r["W"] for r in rows(db, both))
    assert db.execute("DESCRIBE MODEL n;")[0].body["modelDescription"]["split"].endswith("SALT 'another trial'")
    db.execute("ALTER MODEL n RESET SPLIT;")


def test_a_canary_is_by_a_column_too(db: Any) -> None:
    db.execute("ALTER MODEL n SET CANARY challenger 50 PERCENT BY who FOR 1 HOUR ROLLBACK WHEN ERROR_RATE > 0.5;")
    assert all(len(arm) == 1 for arm in arms(rows(db, "SELECT who, MODEL_VERSION(n(a)) AS v FROM s;"), "V").values())
    db.execute("ALTER MODEL n END CANARY ROLLBACK;")
    assert {r["V"] for r in rows(db, "SELECT MODEL_VERSION(n(a)) AS v FROM bare;")} == {1}


def test_a_source_without_the_column_is_refused_at_the_call(db: Any) -> None:
    db.execute(SPLIT)
    sql = "SELECT id, m(a) AS y FROM bare;"
    with pytest.raises(mergus.MergusError, match="model M is split by WHO, which is no column here") as refused:
        db.query(sql)
    assert refused.value.span is not None
    assert sql[refused.value.span.start : refused.value.span.end] == "m(a)"
    assert len(rows(db, "SELECT m@champion(a) AS y, m$2(a) AS z FROM bare LIMIT 3;")) == 3
    found = rows(db, "SELECT y, who FROM ML_PREDICT(TABLE s, MODEL m, DESCRIPTOR(a)) LIMIT 3;")
    assert len(found) == 3


def test_a_split_that_a_running_query_cannot_follow_is_refused(db: Any) -> None:
    db.execute("ALTER MODEL n RESET SPLIT;")
    db.execute("CREATE STREAM p AS SELECT id, n(a) AS y FROM bare EMIT CHANGES;")
    with pytest.raises(mergus.MergusError, match="cannot go on: model N is split by WHO"):
        db.execute("ALTER MODEL n SET SPLIT (champion 1, challenger 1) BY who;")
    assert db.execute("DESCRIBE MODEL n;")[0].body["modelDescription"]["split"] is None


def test_it_is_so_after_a_restart(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text("def predict(x):\n    return x\n")
    made = f"CREATE OR REPLACE MODEL m INPUT (x DOUBLE) OUTPUT (y DOUBLE) WITH (provider='python', path='{tmp_path}/m.py');"
    data = [{"id": i, "a": i, "who": f"user {i % 7}"} for i in range(40)]
    with mergus.connect(tmp_path / "data") as db:
        db.execute(STREAM + made + made)
        db.execute("CREATE STREAM o AS SELECT id, who, MODEL_VERSION(m(a)) AS v FROM s EMIT CHANGES;")
        db.execute(SPLIT)
        db.insert("s", data)
        db.wait()
    with mergus.connect(tmp_path / "data") as db:
        db.insert("s", data)
        db.wait()
        found = rows(db, "SELECT * FROM o;")
        assert len(found) == 80
        assert found[:40] == found[40:]
