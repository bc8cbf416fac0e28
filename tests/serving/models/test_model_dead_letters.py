"""ON_ERROR = 'dlq': rows that a model fails on leave the query, are kept with all that is known of them, and come again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import mergus

COLUMNS = "INPUT (x DOUBLE) OUTPUT (y DOUBLE)"
UNLUCKY = "def predict(x):\n    if (x == 13).any():\n        raise ValueError('unlucky')\n    return x + 1\n"
CALM = "def predict(x):\n    return x + 1\n"
STREAM = "CREATE STREAM s (id INT KEY, a DOUBLE) WITH (kafka_topic='s', value_format='JSON', partitions=2);"


def create(folder: Path, name: str, body: str, more: str = ", on_error='dlq'") -> str:
    (folder / f"{name}.py").write_text(body)
    return f"CREATE OR REPLACE MODEL m {COLUMNS} WITH (provider='python', path='{folder / name}.py'{more});"


def rows(db: Any, sql: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = db.query(sql).rows()
    return found


def said(db: Any, sql: str) -> str:
    message: str = db.execute(sql)[0].message
    return message


@pytest.mark.parametrize("in_process", [True, False])
def test_what_a_model_fails_on_is_kept_and_comes_again(tmp_path: Path, in_process: bool) -> None:
    with mergus.connect(tmp_path / "data", in_process=in_process) as db:
        db.execute(STREAM + create(tmp_path, "unlucky", UNLUCKY))
        db.execute("CREATE STREAM o AS SELECT id, m(a) AS y, MODEL_VERSION(m(a)) AS v FROM s EMIT CHANGES;")
        db.insert("s", [{"id": i, "a": i, "rowtime": 1000 + i} for i in range(10, 16)])
        db.wait()
        assert sorted((r["ID"], r["Y"]) for r in rows(db, "SELECT * FROM o;")) == [
            (i, i + 1) for i in range(10, 16) if i != 13
        ]
        (letter,) = rows(db, "SELECT *, ROWTIME AS t FROM m__dead_letters;")
        place = letter.pop("PARTITION"), letter.pop("OFFSET")
        assert letter == {
            "MODEL": "M",
            "VERSION": 1,
            "REASON": "unlucky",
            "QUERY": "CSAS_O_0",
            "TOPIC": "s",
            "KEY": '{"ID":13}',
            "INPUT": {"X": 13.0},
            "T": 1013,
        }
        assert rows(db, f"SELECT id FROM s WHERE rowpartition = {place[0]} AND rowoffset = {place[1]};") == [{"ID": 13}]
        assert rows(db, "SELECT * FROM mergus_processing_log;") == []
        assert said(db, "ALTER MODEL m REPLAY DEAD LETTERS;") == "Model M: 1 records come again"
        db.wait()  # the model has not learnt: it fails again
        assert [(r["TOPIC"], r["INPUT"]) for r in rows(db, "SELECT * FROM m__dead_letters;")] == [
            ("s", {"X": 13}),
            ("CSAS_O_0-s-again", {"X": 13}),
        ]
    with mergus.connect(tmp_path / "data", in_process=in_process) as db:
        db.execute(create(tmp_path, "calm", CALM, ", on_error='dlq', promote='true'"))
        assert said(db, "ALTER MODEL m REPLAY DEAD LETTERS BECAUSE 'it is calm';") == "Model M: 1 records come again"
        assert said(db, "ALTER MODEL m REPLAY DEAD LETTERS;") == "Model M: 0 records come again"
        db.wait()
        found = rows(db, "SELECT *, ROWTIME AS t FROM o WHERE id = 13;")
        assert found == [{"ID": 13, "Y": 14, "V": 2, "T": 1013}]
        assert len(rows(db, "SELECT * FROM o;")) == 6
        history = db.execute("SHOW MODEL HISTORY m;")[0].rows
        assert [(r[1], r[4]) for r in history if r[1].startswith("REPLAY")] == [
            ("REPLAY DEAD LETTERS", "1 records come again"),
            ("REPLAY DEAD LETTERS", "1 records come again: it is calm"),
            ("REPLAY DEAD LETTERS", "0 records come again"),
        ]
        db.execute("TERMINATE CSAS_O_0;")
        assert "CSAS_O_0-s-again" not in {t["name"] for t in db.execute("SHOW TOPICS;")[0].body["topics"]}


def test_a_count_behind_the_model_takes_in_what_comes_again(tmp_path: Path) -> None:
    with mergus.connect(tmp_path / "data") as db:
        db.execute(STREAM + create(tmp_path, "unlucky", UNLUCKY))
        db.execute("CREATE TABLE n AS SELECT m(a) AS y, COUNT(*) AS c FROM s GROUP BY m(a) EMIT CHANGES;")
        db.insert("s", [{"id": i, "a": a} for i, a in enumerate([12, 13, 13, 14])])
        db.wait()
        assert sorted((r["Y"], r["C"]) for r in rows(db, "SELECT * FROM n;")) == [(13, 1), (15, 1)]
        db.execute(create(tmp_path, "calm", CALM, ", on_error='dlq', promote='true'"))
        assert said(db, "ALTER MODEL m REPLAY DEAD LETTERS;") == "Model M: 2 records come again"
        db.wait()
        assert sorted((r["Y"], r["C"]) for r in rows(db, "SELECT * FROM n;")) == [(13, 1), (14, 2), (15, 1)]


def test_a_table_keeps_the_row_without_an_answer(tmp_path: Path) -> None:
    with mergus.connect(tmp_path / "data") as db:
        db.execute(
            "CREATE TABLE t (id INT PRIMARY KEY, a DOUBLE) WITH (kafka_topic='t', value_format='JSON', partitions=1);"
        )
        db.execute(create(tmp_path, "unlucky", UNLUCKY))
        db.execute("CREATE TABLE o AS SELECT id, m(a) AS y FROM t EMIT CHANGES;")
        db.insert("t", [{"id": 1, "a": 1}, {"id": 2, "a": 2}])
        db.wait()
        db.insert("t", [{"id": 1, "a": 13}])
        db.wait()
        assert sorted((r["ID"], r["Y"]) for r in rows(db, "SELECT * FROM o;")) == [(1, None), (2, 3)]
        assert said(db, "ALTER MODEL m REPLAY DEAD LETTERS;") == "Model M: 0 records come again; 1 cannot come again"


def test_a_running_query_follows_a_version_that_keeps_its_failures(tmp_path: Path) -> None:
    with mergus.connect(tmp_path / "data") as db:
        db.execute(STREAM + create(tmp_path, "unlucky", UNLUCKY, ""))
        db.execute("CREATE STREAM o AS SELECT id, m(a) AS y FROM s EMIT CHANGES;")
        db.insert("s", [{"id": 1, "a": 13}])
        db.wait()
        with pytest.raises(mergus.MergusError, match="keeps nothing that it fails on"):
            db.execute("ALTER MODEL m REPLAY DEAD LETTERS;")
        db.execute(create(tmp_path, "unlucky", UNLUCKY, ", on_error='dlq', dead_letters='lost', promote='true'"))
        db.insert("s", [{"id": 2, "a": 13}, {"id": 3, "a": 1}])
        db.wait()
        assert sorted((r["ID"], r["Y"]) for r in rows(db, "SELECT * FROM o;")) == [(1, None), (3, 2)]
        assert [r["INPUT"] for r in rows(db, "SELECT * FROM lost;")] == [{"X": 13}]
        assert "'DEAD_LETTERS'" not in db.execute("SHOW CREATE MODEL m;")[0].text
        assert "DEAD_LETTERS = 'lost'" in db.execute("SHOW CREATE MODEL m;")[0].text


def test_what_only_asks_gets_null_and_an_entry(tmp_path: Path) -> None:
    with mergus.connect(tmp_path / "data") as db:
        db.execute(STREAM + create(tmp_path, "unlucky", UNLUCKY))
        db.insert("s", [{"id": 1, "a": 13}, {"id": 2, "a": 1}])
        assert sorted((r["ID"], r["Y"]) for r in rows(db, "SELECT id, m(a) AS y FROM s;")) == [(1, None), (2, 2)]
        assert rows(db, "SELECT * FROM m__dead_letters;") == []
        assert [r["REASON"] for r in rows(db, "SELECT * FROM mergus_processing_log;")] == ["unlucky"]
        with pytest.raises(mergus.MergusError, match="goes with ON_ERROR"):
            db.execute(create(tmp_path, "calm", CALM, ", dead_letters='lost'"))


def test_a_row_of_a_file_keeps_its_place_and_is_told(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("id,a\n1,10\n2,13\n")
    with mergus.connect(tmp_path / "data") as db:
        db.execute(create(tmp_path, "unlucky", UNLUCKY))
        db.execute(f"CREATE STREAM f (id INT, a DOUBLE) WITH (path='{tmp_path}/f.csv', path_format='csv');")
        db.execute("CREATE STREAM o AS SELECT id, m(a) AS y FROM f EMIT CHANGES;")
        db.wait()
        assert [(r["ID"], r["Y"]) for r in rows(db, "SELECT * FROM o;")] == [(1, 11), (2, None)]
        (letter,) = rows(db, "SELECT topic, `OFFSET`, input FROM m__dead_letters;")
        assert letter == {"TOPIC": f"{tmp_path}/f.csv", "OFFSET": 1, "INPUT": {"X": 13}}
        assert said(db, "ALTER MODEL m REPLAY DEAD LETTERS;") == "Model M: 0 records come again; 1 cannot come again"
