"""Models that others have made, as they ship: fetched by the test that uses them, skipped where that is not possible."""

import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mergus
from mergus.engine.inference.program import Source
from mergus.engine.inference.providers import registry as providers


def fetched(package: str, folder: Path) -> Path:
    """The files of a wheel, without installing it."""
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder), package]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        pytest.skip(f"{package} cannot be fetched")
    with zipfile.ZipFile(wheels[0]) as wheel:
        wheel.extractall(folder)
    return folder


@pytest.mark.slow
def test_one_network_in_three_formats_gives_one_answer(tmp_path: Path) -> None:
    for library in ("tensorflow", "onnxruntime", "ai_edge_litert"):
        pytest.importorskip(library)
    saved = fetched("basic-pitch==0.4.0", tmp_path) / "basic_pitch" / "saved_models" / "icassp_2022"
    sound = np.sin(np.arange(43844) / 20).astype(np.float32).reshape(1, -1, 1)
    answers: list[list[Any]] = []
    for provider, name in (("tensorflow", "nmp"), ("onnx", "nmp.onnx"), ("tflite", "nmp.tflite")):
        program = providers.load(provider, Source("M", saved / name))
        made = program({program.input_tensors[0].name: sound})
        assert len(made) == 3
        answers.append(sorted(made.values(), key=lambda a: (a.shape[2], float(a.mean()))))
        assert provider != "tensorflow" or program.loader == "v1"  # its version 2 part names layers that are gone
    for answer in answers[1:]:
        for one, other in zip(answers[0], answer, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-2)


@pytest.mark.slow
def test_a_classifier_of_texts_is_registered_and_answers(tmp_path: Path) -> None:
    pytest.importorskip("tensorflow")
    path = fetched("guesslang==2.2.1", tmp_path) / "guesslang" / "data" / "model"
    with mergus.connect() as db:
        db.execute("CREATE STREAM s (id INT KEY, t STRING) WITH (kafka_topic='s', value_format='JSON', partitions=1);")
        columns = "INPUT (content STRING) OUTPUT (classes ARRAY<STRING>, probabilities FLOAT[54])"
        db.execute(f"CREATE MODEL g {columns} WITH (provider='tensorflow', path='{path}', signature='predict');")
        db.insert("s", [{"id": 1, "t": "SELECT a, b FROM x WHERE c = 1 GROUP BY a;"}, {"id": 2}])
        found = db.query("SELECT g(t)->classes[1] AS kind FROM s;").rows()
        assert found == [{"KIND": "sql"}, {"KIND": None}]
        with pytest.raises(mergus.MergusError, match="no signature nosuch"):
            db.execute(f"CREATE MODEL h WITH (provider='tensorflow', path='{path}', signature='nosuch');")
