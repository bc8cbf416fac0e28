"""`mergus parity`: a model in SQL and the bare framework on one file, how far they lie apart, and how the command ends."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mergus.engine.cli.failing import UsageError
from mergus.engine.cli.parity import parity
from mergus.engine.errors import MergusError
from mergus.engine.inference.monitoring.parity import differences
from mergus.engine.inference.program import object_array


@pytest.fixture(autouse=True)
def logging_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command sets up its process's log; here the process is the tests'."""
    monkeypatch.setattr("mergus.engine.cli.parity.log_to_stderr", lambda *_, **__: None)


TWO = "def predict(x):\n    return {'y': x * 2, 'kind': ['up' if s > 0 else 'down' for s in x.sum(axis=1)]}\n"
SPARSE = (
    "import numpy as np\n"
    "def predict(v):\n"
    "    rows = np.flatnonzero(v > 0)\n"
    "    return {'y_indices': rows[:, None].repeat(2, 1) * [1, 0], 'y_values': v[rows], 'y_shape': np.array([len(v), 1])}\n"
)
UNEVEN = "def predict(a):\n    return a + len(a) * 1e-3\n"
BAD = "def predict(a):\n    if (a == 3).any():\n        raise ValueError('three')\n    return a\n"


def setup_file(folder: Path, body: str, columns: str, more: str = "") -> Path:
    (folder / "m.py").write_text(body)
    made = folder / "register.sql"
    made.write_text(f"CREATE MODEL m {columns} WITH (PROVIDER = 'python', PATH = '{folder / 'm.py'}'{more});")
    return made


def told(capsys: pytest.CaptureFixture[str]) -> dict:
    return json.loads(capsys.readouterr().out)


def test_every_output_is_compared_and_null_is_passed_over(tmp_path: Path, capsys) -> None:
    setup = setup_file(tmp_path, TWO, "INPUT (x FLOAT[3]) OUTPUT (y FLOAT[3], kind STRING)")
    data = tmp_path / "rows.jsonl"
    data.write_text('{"x": [1, 2.5, 3]}\n{"x": null}\n{"x": [-1, -2.1, 0]}\n')
    assert parity("m", data, setup, format="json") == 0
    body = told(capsys)
    assert (body["model"], body["version"], body["rows"], body["nulls"], body["unanswered"]) == ("M", "1", 3, 1, 0)
    assert [(o["output"], o["count"], o["max"]) for o in body["outputs"]] == [("Y", 6, 0.0), ("KIND", 2, 0.0)]


def test_answers_that_are_null_bytes_or_of_several_lengths_are_compared(tmp_path: Path, capsys) -> None:
    body = (
        "def predict(t):\n"
        "    return {'label': [s if len(s) < 3 else None for s in t], 'n': [None if s == 'a' else len(s) for s in t],"
        " 'v': [[0.1] * len(s) for s in t], 'raw': [b'\\xff' + s.encode() for s in t]}\n"
    )
    setup = setup_file(tmp_path, body, "INPUT (t STRING) OUTPUT (label STRING, n INT, v ARRAY<DOUBLE>, raw BYTES)")
    data = tmp_path / "rows.csv"
    data.write_text("t,other\na,1\nbc,2\ndef,3\n,4\n")
    assert parity("m", data, setup, format="json") == 0
    body = told(capsys)
    assert (body["nulls"], body["unanswered"]) == (1, 0)
    assert [(o["output"], o["count"], o["beyond"]) for o in body["outputs"]] == [
        ("LABEL", 3, 0), ("N", 3, 0), ("V", 6, 0), ("RAW", 3, 0),
    ]  # fmt: skip


def test_a_sparse_answer_is_compared_as_it_stands(tmp_path: Path, capsys) -> None:
    sparse = "STRUCT<indices ARRAY<ARRAY<BIGINT>>, `values` ARRAY<DOUBLE>, shape ARRAY<BIGINT>>"
    setup = setup_file(tmp_path, SPARSE, f"INPUT (v DOUBLE) OUTPUT (y {sparse})")
    data = tmp_path / "rows.jsonl"
    data.write_text('{"v": 1.5}\n{"v": -1}\n{"v": 3}\n')
    assert parity("m", data, setup, format="json") == 0
    assert [(o["output"], o["count"], o["max"]) for o in told(capsys)["outputs"]] == [("Y", 7, 0.0)]


def test_transforms_stand_on_both_sides(tmp_path: Path, capsys) -> None:
    columns = (
        "INPUT (a STRING) TRANSFORM (ARRAY[CAST(a AS DOUBLE), 2E0, LEN(a)] AS x)"
        " OUTPUT (y ARRAY<DOUBLE>, kind STRING) TRANSFORM (y[1] + 0.5E0 AS first, LCASE(kind) = 'up' AS up)"
    )
    setup = setup_file(tmp_path, TWO, columns)
    data = tmp_path / "rows.jsonl"
    data.write_text('{"a": "1.5"}\n{"a": null}\n{"a": "-7"}\n')
    assert parity("m", data, setup, format="json") == 0
    body = told(capsys)
    assert (body["rows"], body["nulls"], body["unanswered"]) == (3, 1, 0)
    assert [(o["output"], o["count"], o["max"]) for o in body["outputs"]] == [("FIRST", 2, 0.0), ("UP", 2, 0.0)]


def test_a_difference_ends_with_1(tmp_path: Path, capsys) -> None:
    """This model's answer hangs on how many rows it is asked at once, which the engine halves by finding the repeats."""
    setup = setup_file(tmp_path, UNEVEN, "INPUT (a DOUBLE) OUTPUT (y DOUBLE)")
    data = tmp_path / "rows.csv"
    data.write_text("amount,other\n1,x\n1,x\n2,x\n2,x\n")
    assert parity("m", data, setup, columns="amount") == 1
    shown = capsys.readouterr().out
    assert shown.count("0.002") == 6  # mean, quartiles, p99 and max
    assert "variance" in shown
    assert "tolerance 0.0001" in shown


def test_a_row_that_sql_does_not_answer_ends_with_1(tmp_path: Path, capsys) -> None:
    data = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"a": [1.0, 2.0, 3.0]}), data)
    setup = setup_file(tmp_path, BAD, "INPUT (a DOUBLE) OUTPUT (y DOUBLE)", ", ON_ERROR = 'error_column'")
    assert parity("m", data, setup, format="json") == 1
    body = told(capsys)
    assert body["unanswered"] == 1
    assert body["outputs"][0]["count"] == 2


def test_a_data_folder_is_only_read(tmp_path: Path, capsys) -> None:
    import mergus

    data = tmp_path / "rows.jsonl"
    data.write_text('{"a": 1}\n{"a": 2}\n')
    with mergus.connect(tmp_path / "data") as db:  # holds the folder's lock all the time
        setup = setup_file(tmp_path, "def predict(a):\n    return a\n", "INPUT (a DOUBLE) OUTPUT (y DOUBLE)")
        db.execute(setup.read_text())
        assert parity("m@champion", data, data=tmp_path / "data", format="json") == 0
        assert told(capsys)["version"] == "1"
        for model, words in (("n", "no model N"), ("m$3", "known are"), ("m@x", "known are")):
            with pytest.raises(UsageError, match=words):
                parity(model, data, data=tmp_path / "data")


def test_what_is_wrong_is_told(tmp_path: Path) -> None:
    data = tmp_path / "rows.csv"
    data.write_text("b,c\n1,2\n")
    with pytest.raises(MergusError, match="no column text"):
        parity("embed", data)
    with pytest.raises(MergusError, match="takes 1 columns"):
        parity("embed", data, columns="b,c")
    (tmp_path / "empty.csv").write_text("text\n")
    with pytest.raises(UsageError, match="has no rows"):
        parity("embed", tmp_path / "empty.csv")
    with pytest.raises(MergusError, match="there is no file"):
        parity("embed", tmp_path / "none.csv")


def test_the_figures() -> None:
    bare = np.array([[0.0, 1.0], [np.nan, np.inf]])
    found = differences("Y", [[0.5, 1.0], [None, float("inf")]], bare, 0.1)
    assert (found.count, found.max, found.beyond) == (4, 0.5, 1)
    assert (found.p25, found.p50, found.mean) == (0.0, 0.0, 0.125)
    assert differences("Y", [1.0], np.array([np.nan]), 0.1).max == np.inf
    assert differences("V", [[1.0], [2.0, None]], object_array([[1.5], [2.0, None]], (2,)), 0.1).beyond == 1
    assert differences("T", ["a", None, None], np.array(["a", None, "b"], dtype=object), 0.1).beyond == 1
    assert differences("T", ["a", "b"], np.array([b"a", b"c"], dtype=object), 0.1).beyond == 1
    with pytest.raises(MergusError, match="SQL gives 1 values"):
        differences("Y", [1.0], bare, 0.1)
