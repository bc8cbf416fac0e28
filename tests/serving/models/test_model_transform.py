"""TRANSFORM of a model where it is asked: SQL, HTTP, self-tests, shadows, watched folders, and all of it after a restart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

import mergus

SCORE = """def predict(text, weight):
    if any(t == 'BAD' for t in text):
        raise ValueError('bad text')
    return {'score': [len(t) * w for t, w in zip(text, weight)], 'seen': list(text)}
"""
BEFORE = (
    "INPUT (message STRING, who STRING)"
    " TRANSFORM (shout(message) AS text, CASE WHEN who = 'me' THEN 2E0 ELSE 1E0 END AS weight)"
)
AFTER = "OUTPUT (score DOUBLE, seen STRING) TRANSFORM (seen, score > 5 AS alarm, CAST(12 / CAST(score AS INT) AS INT) AS share)"
SHOUT = """CREATE FUNCTION shout(t STRING) RETURNS STRING LANGUAGE PYTHON AS $$
def shout(t: str) -> str:
    if t == 'boom':
        raise ValueError('not so loud')
    return t.upper()
$$;"""


def score(folder: Path, more: str = "", before: str = BEFORE, after: str = AFTER) -> str:
    (folder / "score.py").write_text(SCORE)
    return f"MODEL m {before} {after} WITH (provider='python', path='{folder}/score.py'{more});"


@pytest.fixture(scope="module")
def db(tmp_path_factory):
    folder = tmp_path_factory.mktemp("transforms")
    with mergus.connect(folder / "data", in_process=False) as made:
        made.execute(SHOUT)
        made.execute(f"CREATE {score(folder)}")
        made.models.create(
            "twice",
            provider="python",
            path=str(double(folder)),
            inputs={"t": "STRUCT<a DOUBLE>"},
            before={"x": "t->a"},
            outputs={"y": "DOUBLE"},
        )
        yield made


def double(folder: Path) -> Path:
    (folder / "double.py").write_text("def predict(x):\n    return x * 2\n")
    return folder / "double.py"


def rows(db: Any, sql: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = db.query(sql).rows()
    return found


def test_http_asks_the_function_that_sql_asks(db, url: str) -> None:
    with httpx.Client(base_url=url, timeout=60) as client:
        given = {"instances": [{"message": "abc", "who": "me"}, {"message": None, "who": "me"}]}
        answer = client.post("/v1/models/m:predict", json=given).json()
        assert answer == {
            "predictions": [{"seen": "ABC", "alarm": True, "share": 2}, {"seen": None, "alarm": None, "share": None}]
        }
        described = client.get("/v2/models/m").json()
        assert [(p["name"], p["datatype"]) for p in described["inputs"]] == [("message", "BYTES"), ("who", "BYTES")]
        assert [p["name"] for p in described["outputs"]] == ["seen", "alarm", "share"]
        tensors = [
            {"name": name, "shape": [1], "datatype": "BYTES", "data": [value]}
            for name, value in (("message", "abc"), ("who", "you"))
        ]
        answer = client.post("/v2/models/m/infer", json={"inputs": tensors}).json()
        assert [o["data"] for o in answer["outputs"]] == [["ABC"], [False], [4]]
        for bad, why in (("boom", "not so loud"), ("bad", "bad text"), ("", "")):
            answer = client.post("/v1/models/m:predict", json={"instances": [{"message": bad, "who": "me"}]})
            assert answer.status_code == 400
            assert why in answer.json()["error"]


def test_http_takes_and_gives_what_no_tensor_holds(db, url: str, tmp_path: Path) -> None:
    taken = "INPUT (e STRUCT<`Price` DECIMAL(6, 2), tags MAP<STRING, INT>>, day DATE) TRANSFORM (CAST(e->`Price` AS DOUBLE) AS x)"
    exact = "CAST(y AS DECIMAL(8, 3)) AS exact"
    given = f"OUTPUT (y DOUBLE) TRANSFORM ({exact}, STRUCT(n := y) AS made, FROM_DAYS(CAST(y AS INT)) AS d)"
    db.execute(f"CREATE MODEL wide {taken} {given} WITH (provider='python', path='{double(tmp_path)}');")
    row = {"e": {"Price": 2.25, "tags": {"a": 1}}, "day": "2024-02-29"}
    wanted = {"exact": 4.5, "made": {"N": 4.5}, "d": "1970-01-05"}
    with httpx.Client(base_url=url, timeout=60) as client:
        answer = client.post("/v1/models/wide:predict", json={"instances": [row]}).json()
        assert answer == {"predictions": [wanted]}
        answer = client.post("/v1/models/wide:predict", json={"inputs": {n: [v] for n, v in row.items()}}).json()
        assert answer == {"outputs": {n: [v] for n, v in wanted.items()}}
        assert client.post("/v1/models/twice:predict", json={"instances": [{"t": {"a": 1}}]}).json() == {
            "predictions": [2.0]
        }
        assert {p["datatype"] for p in client.get("/v2/models/wide").json()["inputs"]} == {"BYTES"}
        data = {"e": '{"Price": 2.25, "TAGS": null}', "day": "2024-02-29"}
        tensors = [{"name": n, "shape": [1], "datatype": "BYTES", "data": [v]} for n, v in data.items()]
        answer = client.post("/v2/models/wide/infer", json={"inputs": tensors}).json()
        assert [o["data"] for o in answer["outputs"]] == [["4.500"], ['{"N":4.5}'], ["1970-01-05"]]
        for bad in ({**row, "day": "soon"}, {**row, "e": 7}, {**row, "e": {"Price": "much"}}):
            answer = client.post("/v1/models/wide:predict", json={"instances": [bad]})
            assert (answer.status_code, "model wide: input" in answer.json()["error"]) == (400, True)
        tensors[0]["data"] = ["{"]
        answer = client.post("/v2/models/wide/infer", json={"inputs": tensors})
        assert (answer.status_code, "is not JSON" in answer.json()["error"]) == (400, True)


def test_what_fails_costs_its_row_in_the_middle_of_a_batch(db) -> None:
    db.execute("CREATE STREAM s (id INT KEY, t STRING) WITH (kafka_topic='s', value_format='JSON', partitions=1);")
    db.execute("CREATE STREAM o AS SELECT id, m(t, 'me')->share AS n, m(t, 'me')->seen AS seen FROM s EMIT CHANGES;")
    texts = ["a", "boom", "bad", "", None, "abc", "a", *"bcdefghij"]
    db.insert("s", [{"id": i, "t": t} for i, t in enumerate(texts)])
    db.wait()
    wanted = [None if t in ("boom", "bad", "", None) else (12 // (2 * len(t)), t.upper()) for t in texts]
    assert [r["N"] and (r["N"], r["SEEN"]) for r in rows(db, "SELECT * FROM o;")] == wanted
    assert "\nOUTPUT TRANSFORM (seen AS SEEN, " in db.execute("DESCRIBE MODEL m;")[0].text
    (version,) = db.models.describe("m")["versions"]
    assert version["errors"] >= 3
    assert version["transforms"]["OUTPUT"].startswith("seen AS SEEN, score > 5 AS ALARM")


def test_a_struct_is_taken_apart(db) -> None:
    db.execute("CREATE STREAM n (e STRUCT<a DOUBLE>) WITH (kafka_topic='n', value_format='JSON', partitions=1);")
    db.execute("CREATE STREAM p AS SELECT twice(e) AS y FROM n EMIT CHANGES;")
    db.insert("n", [{"e": {"A": 4}}, {"e": {"A": None}}])
    db.wait()
    assert [r["Y"] for r in rows(db, "SELECT * FROM p;")] == [8, None]


def test_transforms_are_the_versions_after_a_restart_too(tmp_path: Path) -> None:
    other = BEFORE.replace("2E0", "3E0")
    with mergus.connect(tmp_path / "data") as db:
        db.execute(SHOUT)
        db.execute("CREATE STREAM s (t STRING) WITH (kafka_topic='s', value_format='JSON', partitions=1);")
        db.execute(f"CREATE {score(tmp_path)}")
        db.execute("CREATE STREAM o AS SELECT m(t, 'me')->share AS n FROM s EMIT CHANGES;")
        test = """, self_test='[{"input": ["ab", "me"], "output": {"alarm": true, "share": 2}}]'"""
        db.execute(f"CREATE OR REPLACE {score(tmp_path, test, before=other)}")
        (shown,) = db.execute("SHOW CREATE MODEL m;")[0].rows[0]
        assert shown.startswith(
            "CREATE MODEL M INPUT (MESSAGE STRING, WHO STRING) TRANSFORM (shout(message) AS TEXT, CASE WHEN who = 'me' THEN 2E0"
            " ELSE 1E0 END AS WEIGHT) OUTPUT (SCORE DOUBLE, SEEN STRING) TRANSFORM (seen AS SEEN, score > 5 AS ALARM, "
        )
        db.execute(shown.replace("CREATE MODEL", "CREATE OR REPLACE MODEL", 1))
        first, _, again = db.models.describe("m")["versions"]
        assert first["transforms"] == again["transforms"]
        db.insert("s", [{"t": "ab"}])
        db.wait()
        db.execute("ALTER MODEL m SET ALIAS champion = 2;")
    with mergus.connect(tmp_path / "data") as db:
        assert db.execute("SHOW CREATE MODEL m;")[0].rows[0][0] != shown
        db.insert("s", [{"t": "ab"}])
        db.wait()
        db.execute("DROP FUNCTION shout;")  # the versions keep theirs
        db.execute("ALTER MODEL m ROLLBACK;")
        db.insert("s", [{"t": "ab"}])
        db.wait()
        assert [r["N"] for r in rows(db, "SELECT * FROM o;")] == [3, 2, 3]
        answers = rows(db, "SELECT m$2(t, 'me')->share AS two, m$3(t, 'me')->share AS three FROM s LIMIT 1;")
        assert answers == [{"TWO": 2, "THREE": 3}]


def test_a_watched_folder_keeps_the_transforms(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)  # what Python compiles is no part of a version
    with mergus.connect(tmp_path / "data") as db:
        db.engine.keeper.close()  # the test looks itself
        for number in (1, 2):
            (tmp_path / "base" / str(number)).mkdir(parents=True)
            (tmp_path / "base" / str(number) / "m.py").write_text(f"def predict(x):\n    return x + {number}\n")
            if number == 1:
                db.execute(
                    "CREATE MODEL m INPUT (a STRING) TRANSFORM (LEN(a) AS x) OUTPUT (y BIGINT) TRANSFORM (y * 10 AS y) WITH"
                    f" (provider='python', path='{tmp_path}/base', file='m.py', watch=true, promote=true);"
                )
        db.execute("CREATE STREAM s (a STRING) WITH (kafka_topic='s', value_format='JSON', partitions=1);")
        db.insert("s", [{"a": "abc"}])
        db.engine.keeper.tick()
        db.engine.keeper.tick()
        assert rows(db, "SELECT m(a) AS y, m$1(a) AS first FROM s;") == [{"Y": 50, "FIRST": 40}]


def test_a_tensor_that_does_not_fit_is_named_with_the_place(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    kind, helper = onnx.TensorProto.FLOAT, onnx.helper
    x, y = (helper.make_tensor_value_info(name, kind, ["rows"]) for name in "xy")
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", [x], [y])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(made, str(tmp_path / "m.onnx"))
    text = (
        "CREATE MODEL m INPUT (a STRING, b STRING) TRANSFORM ({}) OUTPUT (y FLOAT) WITH (provider='onnx', path='{}');"
    )
    with mergus.connect(tmp_path / "data") as db:
        for items, place, wanted in (
            ("TRIM(a) AS x", "TRIM(a) AS x", "TRANSFORM X STRING does not fit tensor x float32[rows]"),
            ("LEN(a) AS x, LEN(b) AS z", "LEN(b) AS z", "TRANSFORM names Z, and no tensor is called so"),
        ):
            statement = text.format(items, tmp_path / "m.onnx")
            with pytest.raises(mergus.MergusError) as refused:
                db.execute(statement)
            error = refused.value
            assert wanted in error.message
            assert error.span is not None
            assert statement[error.span.start : error.span.end] == place
            assert error.hint or error.detail
