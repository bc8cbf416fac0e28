"""Pull queries with models: by key, and remembered."""

from __future__ import annotations

from pathlib import Path

import mergus

STREAM = "CREATE STREAM s (id INT KEY, a DOUBLE) WITH (kafka_topic='s', value_format='JSON', partitions=1);"


def times(folder: Path, factor: int) -> str:
    """The rest of CREATE MODEL for a model that multiplies."""
    file = folder / f"times{factor}.py"
    file.write_text(f"def predict(x):\n    return x * {factor}\n")
    return f"MODEL m INPUT (x DOUBLE) OUTPUT (y DOUBLE) WITH (provider='python', path='{file}');"


def test_a_model_is_followed_however_often_it_was_asked(tmp_path: Path) -> None:
    """From the third time on a statement's plan is remembered."""
    with mergus.connect(tmp_path / "data") as db:
        db.execute(STREAM)
        db.execute(f"CREATE {times(tmp_path, 2)}")
        db.execute("CREATE TABLE t AS SELECT id, LATEST_BY_OFFSET(a) AS a FROM s GROUP BY id;")
        db.insert("s", [{"id": number, "a": number} for number in range(1, 7)])
        db.wait()

        def asked(factor: int) -> None:
            for n in range(1, 7):
                text = f"SELECT id, m(a) + {n} AS y, MODEL_VERSION(m(a)) AS v, ROWTIME > 0 AS w FROM t WHERE id = {n};"
                assert db.query(text).rows() == [{"ID": n, "Y": n * factor + n, "V": factor - 1, "W": True}]
                assert db.query(f"SELECT a FROM t WHERE m(a) > {factor * n} AND id = {n};").rows() == []
                assert db.query(f"SELECT m(a) AS y FROM t WHERE id = {n};").rows() == [{"Y": n * factor}]
                assert db.query(f"SELECT m(a) AS y FROM t WHERE id = {n + 6};").rows() == []
                assert db.query(f"SELECT m({n}) AS y FROM t WHERE id = 1;").rows() == [{"Y": n * factor}]

        asked(2)
        db.execute(f"CREATE OR REPLACE {times(tmp_path, 3)}")
        asked(2)
        db.execute("ALTER MODEL m SET ALIAS champion = 2;")
        asked(3)
        db.execute("DROP TABLE t;")
        db.execute("CREATE TABLE t AS SELECT id, COUNT(*) AS a FROM s GROUP BY id;")
        db.wait()
        assert db.query("SELECT m(a) AS y FROM t WHERE id = 4;").rows() == [{"Y": 3.0}]
