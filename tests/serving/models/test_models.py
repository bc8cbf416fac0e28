"""Models from SQL: registered, called, moved, rolled back, split, dropped, and all of it again after a restart."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

import mergus

STREAM = "CREATE STREAM s (id INT KEY, a DOUBLE, t STRING) WITH (kafka_topic='s', value_format='JSON', partitions=1);"


def model(folder: Path, name: str, body: str) -> str:
    """CREATE MODEL's WITH (…) for a Python file."""
    (folder / f"{name}.py").write_text(body)
    return f"WITH (provider='python', path='{folder / name}.py'"


def times(folder: Path, factor: int) -> str:
    return model(folder, f"times{factor}", f"def predict(x):\n    return x * {factor}\n")


COLUMNS = "INPUT (x DOUBLE) OUTPUT (y DOUBLE)"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def rows(db: Any, sql: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = db.query(sql).rows()
    return found


def test_a_model_lives_through_versions_aliases_and_a_restart(data: Path, tmp_path: Path) -> None:
    with mergus.connect(data) as db:
        db.execute(STREAM)
        db.execute(f"CREATE MODEL m {COLUMNS} {times(tmp_path, 2)});")
        db.execute("CREATE STREAM o AS SELECT id, m(a) AS y, MODEL_VERSION(m(a)) AS v FROM s EMIT CHANGES;")
        db.insert("s", [{"id": 1, "a": 1}, {"id": 2}])
        db.wait()
        db.execute(f"CREATE OR REPLACE MODEL m {COLUMNS} {times(tmp_path, 3)});")
        db.insert("s", [{"id": 3, "a": 1}])
        db.wait()
        db.execute("ALTER MODEL m SET ALIAS champion = 2 BECAUSE 'three is more';")
        db.insert("s", [{"id": 4, "a": 1}])
        db.wait()
        (tmp_path / "times3.py").unlink()  # the registry has its own copy
        wanted = [(1, 2, 1), (2, None, None), (3, 2, 1), (4, 3, 2)]
        assert [(r["ID"], r["Y"], r["V"]) for r in rows(db, "SELECT * FROM o;")] == wanted
        history = db.execute("SHOW MODEL HISTORY m;")[0].rows
        assert [(r[1], r[2], r[3], r[4]) for r in history] == [
            ("CREATE", "CHAMPION", 1, ""),
            ("CREATE", "CHALLENGER", 2, ""),
            ("SET ALIAS", "CHAMPION", 2, "three is more"),
        ]
    with mergus.connect(data) as db:
        assert db.execute("SHOW MODEL HISTORY m;")[0].rows == history
        db.insert("s", [{"id": 5, "a": 1}])
        db.wait()
        db.execute("ALTER MODEL m ROLLBACK;")
        db.insert("s", [{"id": 6, "a": 1}])
        db.wait()
        assert [(r["Y"], r["V"]) for r in rows(db, "SELECT * FROM o;")][-2:] == [(3, 2), (2, 1)]
        pinned = rows(db, "SELECT m(a) AS d, m@challenger(a) AS c, m$1(a) AS one, m$2(a) AS two FROM s WHERE id = 1;")
        assert pinned == [{"D": 2, "C": 3, "ONE": 2, "TWO": 3}]
        with pytest.raises(mergus.MergusError, match="in use"):
            db.execute("DROP MODEL m;")
        with pytest.raises(mergus.MergusError, match="CHAMPION"):
            db.execute("DROP MODEL m$1;")


def test_a_split_is_by_the_key_and_the_same_again(data: Path, tmp_path: Path) -> None:
    with mergus.connect(data) as db:
        db.execute(STREAM)
        columns = "INPUT (x DOUBLE, who STRING) OUTPUT (y DOUBLE)"
        for factor in (2, 3):
            body = f"def predict(x, who):\n    return x * {factor}\n"
            db.execute(f"CREATE OR REPLACE MODEL m {columns} {model(tmp_path, f'm{factor}', body)});")
        db.execute("ALTER MODEL m SET SPLIT (champion 70, challenger 30) BY who;")
        db.insert("s", [{"id": i, "a": i % 7, "t": f"user {i % 50}"} for i in range(400)])
        sql = "SELECT t, model_version(m(a, t)) AS v FROM s;"
        first = rows(db, sql)
        assert rows(db, sql) == first
        arms: dict[str, set[int]] = {}
        for row in first:
            arms.setdefault(row["T"], set()).add(row["V"])
        assert all(len(arm) == 1 for arm in arms.values())
        share = sum(arm == {2} for arm in arms.values())
        assert 5 <= share <= 25  # of 50 users, 15 expected
        db.execute("ALTER MODEL m RESET SPLIT;")
        assert {r["V"] for r in rows(db, sql)} == {1}


UNLUCKY = "def predict(x):\n    if (x == 13).any():\n        raise ValueError('unlucky')\n    return x + 1\n"


def test_only_the_bad_row_errs(data: Path, tmp_path: Path) -> None:
    with mergus.connect(data) as db:
        db.execute(STREAM)
        made = model(tmp_path, "unlucky", UNLUCKY)
        db.execute(f"CREATE MODEL m {COLUMNS} {made});")
        db.execute(f"CREATE MODEL e {COLUMNS} {made}, on_error='error_column');")
        db.execute(f"CREATE MODEL f {COLUMNS} {made}, on_error='fail');")
        db.insert("s", [{"id": i, "a": i} for i in range(10, 20)] + [{"id": 20}])
        answers = rows(db, "SELECT id, m(a) AS y, e(a)->y AS ey, e(a)->error AS why, e(a)->model_version AS v FROM s;")
        for row in answers:
            number = row["ID"]
            bad = number in (13, 20)
            assert row["Y"] == row["EY"] == (None if bad else number + 1)
            assert row["WHY"] == ("unlucky" if number == 13 else None)
            assert row["V"] == (None if number == 20 else 1)
        with pytest.raises(mergus.MergusError, match="the query has failed"):
            db.query("SELECT f(a) FROM s;")


def test_a_model_that_ends_the_interpreter_errs_for_its_row(data: Path, tmp_path: Path) -> None:
    exits = model(tmp_path, "exits", "import sys\ndef predict(x):\n    return x if (x != 13).all() else sys.exit(3)\n")
    with mergus.connect(data) as db:
        db.execute(f"{STREAM} CREATE MODEL m {COLUMNS} {exits}, on_error='error_column');")
        db.insert("s", [{"id": i, "a": i} for i in (12, 13)])
        assert rows(db, "SELECT m(a)->error AS why FROM s;") == [{"WHY": None}, {"WHY": "3"}]


def test_a_model_stands_wherever_an_expression_does(data: Path, tmp_path: Path) -> None:
    with mergus.connect(data) as db:
        db.execute(STREAM)
        db.execute(f"CREATE MODEL m {COLUMNS} {times(tmp_path, 2)});")
        db.execute(
            "CREATE TABLE n AS SELECT m(a) AS k, COUNT(*) AS n FROM s WHERE m(m(a)) > 4 GROUP BY m(a) EMIT CHANGES;"
        )
        db.insert("s", [{"id": i, "a": i % 4} for i in range(12)])
        db.wait()
        assert sorted((r["K"], r["N"]) for r in rows(db, "SELECT * FROM n;")) == [(4, 3), (6, 3)]


@pytest.mark.parametrize(
    ("body", "more", "said"),
    [
        ("def predict(x):\n    return x * 2\n", ', self_test=\'[{"input": 1, "output": 3}]\'', "fails its self-test"),
        ("def predict(x):\n    raise ValueError('no')\n", ', self_test=\'[{"input": 1, "output": 3}]\'', "self-test"),
        ("import nothing_of_this_name\n", "", "does not run"),
        ("import os\nos.kill(os.getpid(), 9)\n", "", "ended the process"),
        ("def other(x):\n    return x\n", "", "no function predict"),
        ("import sys\nsys.exit(0)\n", "", "does not run"),
        ("async def predict(x):\n    return x\n", "", "a coroutine or a generator"),
        ("def predict(x):\n    yield x\n", "", "a coroutine or a generator"),
        ("def predict(x):\n    return x\n", ", sha256='00'", "not the one"),
        ("def predict(x):\n    return x\n", ", metod='x'", "METOD is not a property"),
        ("def predict(x):\n    return x\n", ", on_error='shrug'", "ON_ERROR"),
        ("def predict(x):\n    return x\n", ", self_test='{'", "no JSON"),
    ],
)
def test_what_is_not_fit_is_refused_at_create(data: Path, tmp_path: Path, body: str, more: str, said: str) -> None:
    with mergus.connect(data) as db:
        with pytest.raises(mergus.MergusError, match=said):
            db.execute(f"CREATE MODEL m {COLUMNS} {model(tmp_path, 'm', body)}{more});")
        assert db.execute("SHOW MODELS;")[0].rows == ()
        assert not list((data / "models").rglob("m.py"))


def test_names_and_signatures_are_kept_apart(data: Path, tmp_path: Path) -> None:
    with mergus.connect(data) as db:
        db.execute(f"CREATE MODEL m {COLUMNS} {times(tmp_path, 2)});")
        for sql, said in (
            (f"CREATE MODEL m {COLUMNS} {times(tmp_path, 2)});", "exists already"),
            (f"CREATE MODEL embed {COLUMNS} {times(tmp_path, 2)});", "function EMBED exists"),
            (
                f"CREATE OR REPLACE MODEL m INPUT (x STRING) OUTPUT (y DOUBLE) {times(tmp_path, 2)});",
                "another signature",
            ),
            ("ALTER MODEL m SET ALIAS champion = 9;", "no version 9"),
            ("ALTER MODEL m ROLLBACK;", "no earlier version"),
            ("DESCRIBE MODEL n;", "model N does not exist"),
        ):
            with pytest.raises(mergus.MergusError, match=said):
                db.execute(sql)
        assert db.execute(f"CREATE MODEL IF NOT EXISTS m {COLUMNS} {times(tmp_path, 2)});")[0].message.endswith(
            "already."
        )
        assert "CREATE MODEL M INPUT (X DOUBLE) OUTPUT (Y DOUBLE)" in db.execute("SHOW CREATE MODEL m;")[0].text
        assert db.execute("DESCRIBE MODEL m;")[0].rows[0][:4] == (1, "CHAMPION", "python", "python")
        with pytest.raises(mergus.MergusError, match="it is a model: DESCRIBE MODEL M"):
            db.execute("DESCRIBE m;")
        db.execute("DROP MODEL m;")
        assert not (data / "models" / "M").exists()
        db.execute("DROP MODEL IF EXISTS m;")


def test_a_name_in_quotes_is_kept_through_changes(data: Path, tmp_path: Path) -> None:
    with mergus.connect(data, in_process=True) as db:
        db.execute(STREAM)
        db.insert("s", [{"id": 1, "a": 1}])
        for factor in (2, 3):
            db.execute(f"CREATE OR REPLACE MODEL `a name` {COLUMNS} {times(tmp_path, factor)});")
        db.execute("ALTER MODEL `a name` SET ALIAS champion = 2;")
        assert rows(db, "SELECT `a name`(a) AS y FROM s;") == [{"Y": 3}]
        db.execute("DROP MODEL `a name`;")
        with pytest.raises(mergus.MergusError, match="does not exist"):
            db.query("SELECT `a name`(a) FROM s;")


def test_numbers_are_rounded_as_the_tensors_are(data: Path, tmp_path: Path) -> None:
    columns = "INPUT (x FLOAT, n INT, v FLOAT[2], a ARRAY<FLOAT>) OUTPUT (y DOUBLE)"
    body = "def predict(x, n, v, a):\n    return x + n + v.sum(axis=1) + a.sum(axis=1)\n"
    with mergus.connect(data, in_process=True) as db:
        db.execute(
            "CREATE STREAM s (d DOUBLE, n INT, b BIGINT, l ARRAY<DOUBLE>) "
            "WITH (kafka_topic='s', value_format='JSON', partitions=1);"
        )
        db.execute(f"CREATE MODEL m {columns} {model(tmp_path, 'sums', body)});")
        db.execute(
            "CREATE STREAM o AS SELECT m(d, n, l, l) AS y, m(1.5, 1, ARRAY[d, n], ARRAY[b]) AS z FROM s EMIT CHANGES;"
        )
        db.insert("s", [{"d": 0.1, "n": 1, "b": 2, "l": [1, 0.5]}, {"d": 1, "n": 1, "b": 1, "l": [1]},
                        {"d": 1, "n": 1, "b": 1, "l": [1, None]}])  # fmt: skip
        db.wait()
        made = [(r["Y"], r["Z"]) for r in rows(db, "SELECT * FROM o;")]
        assert made[0] == (pytest.approx(4.1), pytest.approx(5.6))
        assert made[1:] == [(None, 5.5), (None, 5.5)]
        reasons = [r["REASON"] for r in rows(db, "SELECT * FROM mergus_processing_log;")]
        assert "length 1 to array with length 2" in reasons[0]
        assert reasons[1:] == ["an array holds NULL, which a model does not take"]
        for call, said in (
            (
                "m(d, b, l, l)",
                r"N INTEGER, V FLOAT\[2\], A ARRAY<FLOAT>\)\n *Hint: CAST\(… AS INTEGER\) makes N of BIGINT",
            ),
            ("m(d, n, ARRAY[d], l)", "takes 2 numbers, not 1"),
            ("m(l, n, l, l)", r"does not take \(ARRAY<DOUBLE>, INTEGER"),
        ):
            with pytest.raises(mergus.MergusError, match=said):
                db.query(f"SELECT {call} FROM s;")


def test_a_model_whose_library_is_missing_is_refused_by_the_statement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with mergus.connect() as db:
        db.execute(STREAM)
        for sql in (
            "CREATE STREAM u AS SELECT id, classify(t) AS kind FROM s;",
            "CREATE TABLE n AS SELECT classify(t) AS kind, COUNT(*) AS n FROM s GROUP BY classify(t);",
            "SELECT embed(t) FROM s;",
        ):
            with pytest.raises(
                mergus.MergusError,
                match=r"needs tensorflow, which is not installed[^H]*Hint: pip install 'mergus\[tens",
            ):
                db.execute(sql)
        assert not db.engine.catalog.queries


def test_beyond_this_machine_folders_are_limited_and_python_is_off(data: Path, tmp_path: Path) -> None:
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    outside.mkdir()
    inside.mkdir()
    (inside / "link.py").symlink_to(outside / "m.py")
    made = model(outside, "m", "def predict(x):\n    return x\n")
    with mergus.connect(data, files_allowed=str(inside)) as db:
        for path in (made, f"WITH (provider='python', path='{inside}/link.py'"):
            with pytest.raises(mergus.MergusError, match="outside the folders"):
                db.execute(f"CREATE MODEL m {COLUMNS} {path});")
    with (
        mergus.connect(data, functions_inline=False) as db,
        pytest.raises(mergus.MergusError, match="switched off"),
    ):
        db.execute(f"CREATE MODEL m {COLUMNS} {made});")


def test_an_alias_moves_in_host_processes(data: Path, tmp_path: Path) -> None:
    with mergus.connect(data, in_process=False) as db:
        db.execute(STREAM)
        for factor in (2, 3):
            db.execute(f"CREATE OR REPLACE MODEL m {COLUMNS} {times(tmp_path, factor)});")
        db.execute("CREATE STREAM o AS SELECT id, m(a) AS y FROM s EMIT CHANGES;")
        for number, move in ((1, "SET ALIAS champion = 2"), (2, "ROLLBACK"), (3, "SET ALIAS champion = 2")):
            db.insert("s", [{"id": number, "a": 1}])
            db.wait()
            db.execute(f"ALTER MODEL m {move};")
        assert [r["Y"] for r in rows(db, "SELECT * FROM o;")] == [2, 3, 2]


def test_ml_predict_gives_the_source_and_the_outputs(data: Path, tmp_path: Path) -> None:
    with mergus.connect(data) as db:
        db.execute(STREAM)
        both = "def predict(a):\n    return {'y': a + 1, 'kind': ['big' if v > 2 else 'small' for v in a]}\n"
        db.execute(f"CREATE MODEL m INPUT (a DOUBLE) OUTPUT (y DOUBLE, kind STRING) {model(tmp_path, 'both', both)});")
        db.execute(f"CREATE MODEL one {COLUMNS} {times(tmp_path, 2)});")
        predict = "ML_PREDICT(TABLE s, MODEL m, DESCRIPTOR(a))"
        db.execute(
            f"CREATE TABLE n AS SELECT kind, COUNT(*) AS n FROM {predict} WHERE y > 1 GROUP BY kind EMIT CHANGES;"
        )
        db.insert("s", [{"id": i, "a": i, "t": "x"} for i in range(5)])
        db.wait()
        assert sorted((r["KIND"], r["N"]) for r in rows(db, "SELECT * FROM n;")) == [("big", 2), ("small", 2)]
        wanted = {"ID": 3, "A": 3, "T": "x", "Y": 4, "KIND": "big"}
        assert rows(db, f"SELECT * FROM {predict} WHERE id = 3;") == [wanted]
        assert rows(db, "SELECT * FROM ML.PREDICT(MODEL m, TABLE s) p WHERE p.id = 3;") == [wanted]
        assert rows(db, "SELECT y FROM ML_PREDICT(TABLE s, MODEL one$1, DESCRIPTOR(a)) WHERE y = 8;") == [{"Y": 8}]
        named = "ML_PREDICT(MODEL => MODEL m, INPUT => TABLE s, ARGS => DESCRIPTOR(a), CONFIG => MAP['async', 'true'])"
        assert rows(db, f"SELECT * FROM {named} WHERE id = 3;") == [wanted]
        assert rows(db, f"SELECT * FROM {predict[:-1]}, MAP['async', 'false']) WHERE id = 3;") == [wanted]
        for sql, said in (
            (f"SELECT * FROM {predict[:-1]}, MAP['colour', 'red']);", "'colour' is not a setting"),
            (f"SELECT * FROM {predict[:-1]}, MAP['async']);", "a value for each name"),
            ("SELECT * FROM ML_PREDICT(INPUT => TABLE s, ARGS => DESCRIPTOR(a));", "wants MODEL"),
            ("SELECT * FROM ML_PREDICT(TABLE s, INPUT => TABLE s);", "stands twice"),
            ("SELECT * FROM ML_PREDICT(TABLE s, MODEL none, DESCRIPTOR(a));", "model NONE does not exist"),
            ("SELECT * FROM ML_PREDICT(TABLE s, MODEL m, DESCRIPTOR(b));", "column B does not exist"),
            ("SELECT * FROM ML_PREDICT(TABLE s, MODEL m, DESCRIPTOR(a, id));", "takes 1 columns"),
            ("SELECT * FROM ML.PREDICT(MODEL one, TABLE s);", "no column X"),
        ):
            with pytest.raises(mergus.MergusError, match=said):
                db.query(sql)


def test_a_pull_query_over_a_table_calls_models(data: Path, tmp_path: Path) -> None:
    with mergus.connect(data, in_process=False) as db:
        db.execute(STREAM)
        db.execute(f"CREATE MODEL m {COLUMNS} {model(tmp_path, 'unlucky', UNLUCKY)});")
        db.execute("CREATE TABLE n AS SELECT id, LATEST_BY_OFFSET(a) AS a FROM s GROUP BY id EMIT CHANGES;")
        db.execute(
            "CREATE TABLE w AS SELECT id, COUNT(*) AS c FROM s WINDOW TUMBLING (SIZE 1 DAY) GROUP BY id EMIT CHANGES;"
        )
        db.insert("s", [{"id": i, "a": i} for i in (12, 13, 14, 15)])
        db.wait()
        sql = "SELECT id, m(a) AS y, MODEL_VERSION(m(a)) AS v FROM n WHERE"
        assert rows(db, f"{sql} id = 12;") == [{"ID": 12, "Y": 13, "V": 1}]
        assert rows(db, f"{sql} id = 13;") == [{"ID": 13, "Y": None, "V": 1}]
        assert rows(db, f"{sql} id = 99;") == []
        assert sorted(r["ID"] for r in rows(db, f"{sql} m(m(a)) > 14;")) == [14, 15]
        assert len(rows(db, f"{sql} m(a) > 0 LIMIT 2;")) == 2
        windowed = rows(db, "SELECT id, m(c) AS y, WINDOWSTART AS ws FROM w WHERE id = 12;")
        assert [(r["Y"], r["WS"] is None) for r in windowed] == [(2, False)]
        assert rows(db, "SELECT y FROM ML_PREDICT(TABLE n, MODEL m, DESCRIPTOR(a)) WHERE id = 14;") == [{"Y": 15}]
        log = rows(db, "SELECT * FROM mergus_processing_log;")
        assert {(r["KIND"], r["REASON"]) for r in log} == {("model", "unlucky")}


def test_ml_evaluate_gives_metrics_that_can_be_grouped(data: Path, tmp_path: Path) -> None:
    with mergus.connect(data) as db:
        db.execute(
            "CREATE STREAM s (id INT KEY, a DOUBLE, y DOUBLE, big BOOLEAN, shop STRING)"
            " WITH (kafka_topic='s', value_format='JSON', partitions=1);"
        )
        db.execute(f"CREATE MODEL m {COLUMNS} {times(tmp_path, 2)});")
        size = model(tmp_path, "size", "def predict(x):\n    return x > 2\n")
        db.execute(f"CREATE MODEL c INPUT (x DOUBLE) OUTPUT (label BOOLEAN) {size});")
        answers, labels = [2, 4, 6, 8], [2, 5, 6, 6]
        truth = (True, False, True, True)  # the model says: no, no, yes, yes
        shops = ("a", "a", "b", "b")
        db.insert(
            "s",
            [
                {"id": i, "a": i, "y": label, "big": big, "shop": shop}
                for i, (label, big, shop) in enumerate(zip(labels, truth, shops, strict=True), 1)
            ]
            + [{"id": 5, "a": 5, "shop": "a"}, {"id": 6, "y": 1, "big": True, "shop": "a"}],
        )
        regression = "ML_EVALUATE(TABLE s, MODEL m, DESCRIPTOR(y), DESCRIPTOR(a), 'regression')"
        (found,) = rows(db, f"SELECT * FROM {regression};")
        off = [p - y for p, y in zip(answers, labels, strict=True)]
        squares, mean = sum(e * e for e in off), sum(labels) / 4
        assert found == {
            "EVALUATED": 4,
            "MAE": pytest.approx(sum(map(abs, off)) / 4),
            "MSE": pytest.approx(squares / 4),
            "RMSE": pytest.approx((squares / 4) ** 0.5),
            "R2": pytest.approx(1 - squares / sum((y - mean) ** 2 for y in labels)),
        }
        classes = (
            "ML_EVALUATE(INPUT => TABLE s, MODEL => MODEL c, LABEL => DESCRIPTOR(big), ARGS => DESCRIPTOR(a),"
            " TASK => 'classification')"
        )
        wanted = {"EVALUATED": 4, "ACCURACY": 0.75, "PRECISION": 1, "RECALL": pytest.approx(2 / 3), "F1": 0.8}
        assert rows(db, f"SELECT * FROM {classes};") == [wanted]
        db.execute(f"CREATE TABLE t AS SELECT shop, accuracy FROM {classes} GROUP BY shop;")
        db.wait()
        assert sorted((r["SHOP"], r["ACCURACY"]) for r in rows(db, "SELECT * FROM t;")) == [("a", 0.5), ("b", 1)]
        for sql, said in (
            ("SELECT * FROM ML_EVALUATE(TABLE s, MODEL m, DESCRIPTOR(z), DESCRIPTOR(a), 'regression');", "column Z"),
            ("SELECT * FROM ML_EVALUATE(TABLE s, MODEL m, DESCRIPTOR(y), DESCRIPTOR(a), 'guessing');", "a task is"),
            ("SELECT * FROM ML_EVALUATE(TABLE s, MODEL m, DESCRIPTOR(y), DESCRIPTOR(a));", "wants TASK"),
        ):
            with pytest.raises(mergus.MergusError, match=said):
                db.query(sql)


def test_a_version_whose_inputs_have_changed_places_is_refused(data: Path, tmp_path: Path) -> None:
    made = model(tmp_path, "less", "def predict(a, b):\n    return a - b\n")
    with mergus.connect(data) as db:
        db.execute(f"CREATE MODEL m INPUT (a DOUBLE, b DOUBLE) OUTPUT (y DOUBLE) {made});")
        with pytest.raises(mergus.MergusError, match="inputs in another order"):
            db.execute(f"CREATE OR REPLACE MODEL m INPUT (b DOUBLE, a DOUBLE) OUTPUT (y DOUBLE) {made});")
        assert [path.name for path in (data / "models" / "M").iterdir()] == ["1"]
        db.execute(f"CREATE OR REPLACE MODEL m INPUT (a DOUBLE, b DOUBLE) OUTPUT (y DOUBLE) {made});")
