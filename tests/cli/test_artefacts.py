"""`mergus inspect` and `mergus freeze`: what is said of an artefact is what CREATE MODEL makes of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import mergus
from mergus.engine.cli.artefacts import freeze, inspect
from mergus.engine.cli.failing import UsageError
from mergus.engine.errors import MergusError
from mergus.engine.inference.providers.registry import of_artefact
from mergus.engine.inference.versions.artefact import MODELS_ROOT

CAR_BUYER = MODELS_ROOT / "car_buyer" / "artefact"
LINES = ("Connection refused by 10.0.0.1", "user bob logged in", "")


def told(capsys: pytest.CaptureFixture[str]) -> dict:
    return json.loads(capsys.readouterr().out)


def test_what_is_said_is_what_the_statement_makes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("tensorflow")
    assert inspect(CAR_BUYER, name="buyer", format="json") == 0
    found = told(capsys)
    assert (found["provider"], found["loader"]) == ("tensorflow", "v2")
    assert found["bytes"] == sum(
        f.stat().st_size for f in CAR_BUYER.rglob("*") if f.is_file() and f.name != "manifest.json"
    )
    assert {(c["side"], c["column"], c["type"]) for c in found["columns"]} == {
        ("INPUT", "DEVICE", "STRING"),
        ("INPUT", "APPS", "ARRAY<STRING>"),
        ("INPUT", "ADS", "ARRAY<STRING>"),
        ("OUTPUT", "PROBABILITY", "FLOAT"),
    }
    assert "apps string[rows, 16]" in [c["tensor"] for c in found["columns"]]
    with mergus.connect(tmp_path) as db:
        db.execute(found["statement"])
        body = db.execute("DESCRIBE MODEL `buyer`;")[0].body["modelDescription"]
    assert {c["name"] for c in body["inputs"]} == {"DEVICE", "APPS", "ADS"}
    assert body["versions"][0]["sha256"] == found["sha256"]


def test_a_frozen_graph_answers_as_the_folder_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("tensorflow")
    file = tmp_path / "kind_of-line.pb"
    assert freeze(MODELS_ROOT / "classify" / "artefact", file, format="json") == 0
    found = told(capsys)
    assert [c["column"] for c in found["columns"]] == ["TEXT", "LABEL", "PROBABILITY"]
    with mergus.connect(tmp_path / "data") as db:
        db.execute(found["statement"])
        for line in LINES:
            (row,) = db.query(f"SELECT classify('{line}') AS folder, kind_of_line('{line}')->label AS file;").rows()
            assert row["FILE"] == row["FOLDER"]


def test_a_model_with_a_table_beside_its_graph_stays_a_folder(tmp_path: Path) -> None:
    tf = pytest.importorskip("tensorflow")
    words = tf.lookup.KeyValueTensorInitializer(["a", "b"], [1, 2], value_dtype=tf.int64)
    module = tf.Module()
    module.table = tf.lookup.StaticHashTable(words, -1)
    spec = tf.TensorSpec([None], tf.string, name="x")
    module.find = tf.function(lambda x: {"y": module.table.lookup(x)}, input_signature=[spec])
    tf.saved_model.save(module, str(tmp_path / "words"), signatures=module.find)
    with pytest.raises(MergusError, match="does not work as a frozen graph") as refused:
        freeze(tmp_path / "words", tmp_path / "words.pb")
    assert "beside the graph" in str(refused.value)
    assert not (tmp_path / "words.pb").exists()


def test_what_cannot_be_used_is_said(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text("def predict(x):\n    return x\n")
    with pytest.raises(MergusError, match="INPUT") as refused:
        inspect(tmp_path / "m.py")
    assert "CREATE MODEL" in str(refused.value)
    (tmp_path / "cut.onnx").write_bytes(b"\x08\x07")
    with pytest.raises(MergusError, match="CUT"):
        inspect(tmp_path / "cut.onnx")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"artefact": Path("nowhere.onnx")}, "no artefact nowhere.onnx"),
        ({"artefact": MODELS_ROOT / "captions"}, "does not tell its engine"),
        ({"artefact": Path(__file__), "provider": "tfserving"}, "another server"),
        ({"artefact": Path(__file__), "option": ["signature"]}, "name=value"),
    ],
)
def test_wrong_usage(arguments: dict, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        inspect(**arguments)


def test_freezing_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "m.pb").touch()
    with pytest.raises(UsageError, match="exists already"):
        freeze(CAR_BUYER, tmp_path / "m.pb")
    with pytest.raises(UsageError, match="no SavedModel"):
        freeze(tmp_path, tmp_path / "n.pb")


def test_an_engine_is_told_by_the_files_names(tmp_path: Path) -> None:
    assert of_artefact(Path("a/model.ONNX")) == "onnx"
    assert of_artefact(Path("a/notes.txt")) is None
    (tmp_path / "network.bin").touch()
    (tmp_path / "network.xml").touch()
    assert of_artefact(tmp_path) == "openvino"
    (tmp_path / "network.onnx").touch()
    assert of_artefact(tmp_path) is None
    (tmp_path / "saved_model.pb").touch()
    assert of_artefact(tmp_path) == "tensorflow"
