"""Statements about models: what they take, what they refuse with words, and who is told to have said them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

import mergus
from mergus.engine.sql.parser.parse import parse_statement
from mergus.engine.sql.statements.model import CreateModel
from tests.serving_thread import served

COLUMNS = "INPUT (x DOUBLE) OUTPUT (y DOUBLE)"
TWO = "def predict(t):\n    return {'label': list(t), 'length': [float(len(x)) for x in t]}\n"


@pytest.fixture
def db(tmp_path: Path):
    (tmp_path / "double.py").write_text("def predict(x):\n    return x * 2\n")
    (tmp_path / "two.py").write_text(TWO)
    with mergus.connect(tmp_path / "data") as made:
        made.engine.keeper.close()
        made.execute(create(tmp_path))
        made.execute("CREATE STREAM s (a DOUBLE, t STRING) WITH (kafka_topic='s', value_format='JSON', partitions=1);")
        yield made


def create(folder: Path, more: str = "") -> str:
    return f"CREATE OR REPLACE MODEL m {COLUMNS} WITH (provider='python', path='{folder}/double.py'{more});"


def said_by(db: Any) -> list[tuple[str, str]]:
    return [(event["action"], event["who"]) for event in db.models.history("m")]


def test_options_are_bigquerys_with(db, tmp_path: Path) -> None:
    options = f"OPTIONS (MODEL_TYPE = 'PYTHON', MODEL_PATH = '{tmp_path}/double.py', REASON = 'bigger')"
    db.execute(f"CREATE MODEL n {COLUMNS} {options};")
    assert db.models.history("n")[0]["reason"] == "bigger"
    assert db.query("SELECT n(4) AS y;").rows() == [{"Y": 8}]
    with pytest.raises(mergus.MergusError, match="PATH is given twice"):
        db.execute(f"CREATE MODEL o {COLUMNS} OPTIONS (MODEL_TYPE = 'python', PATH = 'a', MODEL_PATH = 'b');")
    lite = parse_statement("CREATE MODEL o OPTIONS (MODEL_TYPE = 'TENSORFLOW_LITE', MODEL_PATH = 'a.tflite')")
    assert isinstance(lite, CreateModel)
    assert [(p.name, p.value) for p in lite.properties] == [("PROVIDER", "tflite"), ("PATH", "a.tflite")]


def test_a_call_of_a_version_that_is_not_there_is_told_those_that_are(db, tmp_path: Path) -> None:
    for call in ("m@nobody(1)", "m$7(1)"):
        with pytest.raises(mergus.MergusError) as refused:
            db.query(f"SELECT {call} AS y;")
        assert refused.value.hint == "M is called as M, M$1, M@CHAMPION"


def test_a_version_stands_behind_a_quoted_name(db, tmp_path: Path) -> None:
    for _ in range(2):
        db.models.create(
            "my model", provider="python", path=tmp_path / "double.py", inputs={"x": "DOUBLE"}, outputs={"y": "DOUBLE"},
            replace=True,
        )  # fmt: skip
    assert db.query("SELECT `my model`$2(3) AS y, `my model`@champion(4) AS z;").rows() == [{"Y": 6, "Z": 8}]
    db.models.set_alias("my model", "champion", 2)
    assert db.models.drop("my model", 1) == "Version 1 of model my model dropped"


@pytest.mark.parametrize(
    ("sql", "said", "place"),
    [
        ("INSERT INTO s (a) VALUES (m(3));", "the model M cannot be called in VALUES", "line 1:27"),
        ("SELECT * FROM ML_EVALUATE(TABLE s, MODEL m, DESCRIPTOR(t), DESCRIPTOR(a), 'regression');",
         "a regression is about numbers, and the label T is STRING", "line 1:15"),
        ("SELECT * FROM ML_EVALUATE(TABLE s, MODEL w, DESCRIPTOR(a), DESCRIPTOR(t), 'regression');",
         "a regression is about numbers, and what W answers is STRING", "line 1:15"),
        ("ALTER MODEL m SET CANARY challenger 10 PERCENT FOR 1 HOUR ROLLBACK WHEN 'SELECT z > 1 FROM s';",
         "a canary's condition cannot be asked\nline 1:1", "line 1:8"),
        ("ALTER MODEL m SET CANARY challenger 10 PERCENT FOR 1 HOUR ROLLBACK WHEN 'SELECT COUNT(*) FROM s';",
         "a canary's condition gives true or false", "line 1:1"),
        ("ALTER MODEL m SET SHADOW challenger INTO 's';", "S exists already, and has other columns", "line 1:1"),
        ("CREATE MODEL d INPUT (x DOUBLE) OUTPUT (y DOUBLE) WITH (provider='python', path='{folder}/double.py',"
         " on_error='dlq', dead_letters='s');", "S exists already, and has other columns", "MODEL, VERSION, REASON"),
        ("ALTER MODEL m SET MONITOR (metrics = 'psi');", "SET MONITOR wants REFERENCE", "line 1:1"),
        ("ALTER MODEL m SET MONITOR (reference = 'x');", "the reference X gives nothing to compare with", "line 1:1"),
        ("ALTER MODEL m SET MONITOR (reference = 'v', metrics = 'centroid');", "nothing to compare with by centroid", ""),
        ("ALTER MODEL m SET MONITOR (reference = 'v', metrics = '');", "nothing to compare with by no metric", ""),
        ("ALTER MODEL m SET MONITOR (reference = 's');", "the reference S has no column X", "line 1:1"),
        ("ALTER MODEL m SET MONITOR (reference = 'v', threshold = -1);", "THRESHOLD is a number from 0 on", "line 1:1"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_with_words(db, tmp_path: Path, sql: str, said: str, place: str) -> None:
    db.execute(
        "CREATE MODEL w INPUT (t STRING) OUTPUT (label STRING, length DOUBLE)"
        f" WITH (provider='python', path='{tmp_path}/two.py');"
    )
    db.execute("CREATE STREAM x (x DOUBLE) WITH (kafka_topic='x', value_format='JSON', partitions=1);")
    db.execute("CREATE STREAM v (x DOUBLE) WITH (kafka_topic='v', value_format='JSON', partitions=1);")
    db.insert("s", [{"a": 1, "t": "one"}])
    db.insert("v", [{"x": 1}])
    db.execute(create(tmp_path))
    with pytest.raises(mergus.MergusError) as refused:
        db.query(sql) if sql.startswith("SELECT") else db.execute(sql.replace("{folder}", str(tmp_path)))
    assert said in str(refused.value)
    assert place in str(refused.value)
    assert sorted(p.name for p in (tmp_path / "data" / "models").iterdir() if p.is_dir()) == ["M", "W"]


@pytest.mark.parametrize("value", ["-1", "'nan'", "'much'"])
def test_a_tolerance_is_no_less_than_nothing(db, tmp_path: Path, value: str) -> None:
    with pytest.raises(mergus.MergusError, match="TOLERANCE is a number from 0 on"):
        db.execute(create(tmp_path, f", tolerance={value}"))


@pytest.mark.parametrize(
    ("provider", "option", "hint"),
    [
        ("python", "signature", "it reads FUNCTION, FILE"),
        ("python", "'acme.mode'", "it reads FUNCTION, FILE"),
        ("onnx", "method", ""),
        ("tfserving", "'remote.tries'", "it reads remote.transport, remote.timeout.ms"),
    ],
)
def test_what_an_engine_does_not_read_is_refused(db, provider: str, option: str, hint: str) -> None:
    with pytest.raises(mergus.MergusError, match=f"is not a property of provider {provider}") as refused:
        db.execute(f"CREATE MODEL o {COLUMNS} WITH (provider='{provider}', path='nowhere', {option}='x');")
    assert hint in str(refused.value)


def test_a_split_does_not_end_a_canary(db, tmp_path: Path) -> None:
    db.execute(create(tmp_path))
    db.execute("ALTER MODEL m SET CANARY challenger 10 PERCENT FOR 1 HOUR ROLLBACK WHEN ERROR_RATE > 0.1;")
    for sql in ("ALTER MODEL m SET SPLIT (champion 50, challenger 50);", "ALTER MODEL m RESET SPLIT;"):
        with pytest.raises(mergus.MergusError, match="has a canary, which is its split") as refused:
            db.execute(sql)
    db.execute(str(refused.value).partition("Hint: ")[2] + ";")
    db.execute("ALTER MODEL m SET SPLIT (champion 50, challenger 50);")


def test_an_alias_that_nothing_uses_is_dropped_and_stays_so(db, tmp_path: Path) -> None:
    db.execute(create(tmp_path))
    db.execute("ALTER MODEL m SET ALIAS beta = 2; ALTER MODEL m SET ALIAS gamma = 2;")
    db.execute("CREATE STREAM o AS SELECT m@gamma(a) AS y FROM s EMIT CHANGES;")
    db.execute("ALTER MODEL m SET SPLIT (champion 50, challenger 50); ALTER MODEL m SET SHADOW beta INTO t;")
    for alias, why in (
        ("champion", "a call without an alias runs it"),
        ("challenger", "the split is"),
        ("beta", "the shadow is"),
        ("gamma", "CSAS_O_0"),
        ("delta", "has no alias DELTA"),
    ):
        with pytest.raises(mergus.MergusError, match=why):
            db.execute(f"ALTER MODEL m DROP ALIAS {alias};")
    db.execute("ALTER MODEL m RESET SPLIT; ALTER MODEL m RESET SHADOW;")
    db.execute("ALTER MODEL m RESET ALIAS challenger; ALTER MODEL m DROP ALIAS beta BECAUSE 'over';")
    db.close()
    with mergus.connect(tmp_path / "data") as again:
        assert again.models.describe("m")["aliases"] == {"CHAMPION": 1, "GAMMA": 2}
        last = again.models.history("m")[-1]
        assert (last["action"], last["alias"], last["version"], last["reason"]) == ("DROP ALIAS", "BETA", 2, "over")
        with pytest.raises(mergus.MergusError, match="does not exist"):
            again.query("SELECT m@beta(1) AS y;")


def test_a_version_that_is_not_there_is_dropped_if_it_exists(db) -> None:
    assert db.execute("DROP MODEL IF EXISTS m$7;")[0].message == "Version 7 of model M does not exist."
    with pytest.raises(mergus.MergusError, match="has no version 7"):
        db.execute("DROP MODEL m$7;")


@pytest.mark.parametrize("cases", ["[]", '[{"input": 1}]', '[{"input": 1, "output": {}}]', '{"input": 1, "output": 2}'])
def test_a_self_test_has_cases_with_outputs(db, tmp_path: Path, cases: str) -> None:
    with pytest.raises(mergus.MergusError, match="SELF_TEST is a list of cases, each with an input and an output"):
        db.execute(create(tmp_path, f", self_test='{cases}'"))


def test_bigquerys_evaluate_finds_the_label_by_the_outputs_name(db, tmp_path: Path) -> None:
    db.execute("CREATE STREAM l (x DOUBLE, y DOUBLE) WITH (kafka_topic='l', value_format='JSON', partitions=1);")
    db.insert("l", [{"x": 1, "y": 3}, {"x": 2, "y": 4}])
    (made,) = db.query("SELECT * FROM ML.EVALUATE(MODEL m, TABLE l);").rows()
    assert (made["EVALUATED"], made["MAE"], list(made)) == (2, 0.5, ["EVALUATED", "MAE", "MSE", "RMSE", "R2"])
    two = f"WITH (provider='python', path='{tmp_path}/two.py')"
    db.execute(f"CREATE MODEL w INPUT (t STRING) OUTPUT (label STRING, length DOUBLE) {two};")
    db.execute("CREATE STREAM k (t STRING, label STRING) WITH (kafka_topic='k', value_format='JSON', partitions=1);")
    db.insert("k", [{"t": "a", "label": "a"}, {"t": "b", "label": "a"}])
    assert db.query("SELECT accuracy FROM ML.EVALUATE(MODEL w, TABLE k);").rows() == [{"ACCURACY": 0.5}]
    db.execute("CREATE STREAM n (x DOUBLE) WITH (kafka_topic='n', value_format='JSON', partitions=1);")
    with pytest.raises(mergus.MergusError, match="no column of an output's name"):
        db.query("SELECT * FROM ML.EVALUATE(MODEL m, TABLE n);")


def test_the_history_says_who(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "bob")
    (tmp_path / "double.py").write_text("def predict(x):\n    return x * 2\n")
    with mergus.connect(tmp_path / "data") as db:
        db.engine.keeper.close()
        db.execute(create(tmp_path))
        db.execute("SET 'mergus.user' = 'ann';")
        db.execute(create(tmp_path))
        db.execute("UNSET 'mergus.user';")
        again = "ALTER MODEL m SET CANARY challenger 10 PERCENT FOR 0 SECONDS AFTER 0 ROWS ROLLBACK WHEN 'SELECT {};';"
        db.execute(again.format("true"))
        db.engine.keeper.tick()
        with served(db.engine) as url:
            for header in ({"X-Forwarded-User": "eve"}, {}):
                asked = {"ksql": f"ALTER MODEL m SET ALIAS a{len(header)} = 1;"}
                assert httpx.post(f"{url}/ksql", json=asked, headers=header).status_code == 200
        told = said_by(db)
    assert told == [
        ("CREATE", "bob"),
        ("CREATE", "ann"),
        ("SET CANARY", "bob"),
        ("END CANARY", "the server"),
        ("SET ALIAS", "eve"),
        ("SET ALIAS", "127.0.0.1"),
    ]
    with mergus.connect(tmp_path / "data") as db:
        assert said_by(db) == told


def test_what_there_is_not_over_http_is_said(db) -> None:
    with served(db.engine) as url, httpx.Client(base_url=url, timeout=60) as client:
        for asked, status, said in (
            (client.get("/v1/models"), 404, "no model is named"),
            (client.post("/v2/repository/models/m/unload"), 400, "it is there until it is dropped"),
            (client.post("/v2/repository/models/nobody/unload"), 404, "there is no model nobody"),
        ):
            assert asked.status_code == status
            assert said in asked.json()["error"]


def test_a_model_is_loaded_over_http(db, tmp_path: Path) -> None:
    with served(db.engine) as url, httpx.Client(base_url=url, timeout=60) as client:
        path = "/v2/repository/models/{}/load"
        given = {"provider": "python", "path": f"{tmp_path}/double.py", "inputs": {"x": "DOUBLE"}}
        made = client.post(path.format("fresh"), json={"parameters": {**given, "outputs": {"y": "DOUBLE"}}})
        assert (made.status_code, made.json()) == (200, {"message": "Model FRESH version 1 created (CHAMPION)"})
        (tmp_path / "double.py").write_text("def predict(x):\n    return x * 20\n")
        assert client.post(path.format("fresh"), json={}).json()["message"].startswith("Model FRESH version 2 created")
        assert db.query("SELECT fresh(1) AS a, fresh@challenger(1) AS b;").rows() == [{"A": 2, "B": 20}]
        for name, parameters, status in (
            ("nobody", {}, 404),
            ("other", {"provider": "python"}, 400),
            ("other", {**given, "inputs": "x DOUBLE"}, 400),
            ("other", {**given, "name": "x"}, 400),
            ("other", given, 400),
            ("other", [1], 400),
        ):
            refused = client.post(path.format(name), json={"parameters": parameters})
            assert (refused.status_code, list(refused.json())) == (status, ["error"]), parameters


def test_a_large_artefact_is_told_of(db, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert db.execute(create(tmp_path))[0].warnings == ()
    monkeypatch.setattr("mergus.engine.serving.changes.models.LARGE_BYTES", 20)
    (warning,) = db.execute(create(tmp_path, ", reason='again'"))[0].warnings
    assert warning == "it is of 0 MB, which each process that calls it holds"
