"""Every engine: a small artefact of its kind, made here, gives its signature and the right answers."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mergus.engine.errors import MergusError
from mergus.engine.inference import providers
from mergus.engine.inference.program import Source, Tensor


def load(provider: str, path: Path, **options: str) -> Any:
    return providers.load(provider, Source("M", path, options))


def onnx_file(path: Path) -> Path:
    """y = 2x over two numbers a row."""
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper

    floats = TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "x"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", floats, ["rows", 2])],
        [helper.make_tensor_value_info("y", floats, ["rows", 2])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, str(path))
    return path


def skops_file(path: Path) -> Path:
    io = pytest.importorskip("skops.io")
    from sklearn.linear_model import LogisticRegression

    given = np.array([[0.0, 0], [1, 1], [0, 1], [5, 5], [6, 5], [5, 6]])
    io.dump(LogisticRegression().fit(given, ["low"] * 3 + ["high"] * 3), path)
    return path


def test_onnx(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    program = load("onnx", onnx_file(tmp_path / "m.onnx"))
    assert program.input_tensors == (Tensor("x", "float32", (2,)),)
    assert program({"x": np.array([[1.0, 2], [3, 4]])})["y"].tolist() == [[2, 4], [6, 8]]


def test_sklearn_classifier_gives_label_and_probability(tmp_path: Path) -> None:
    program = load("sklearn", skops_file(tmp_path / "m.skops"))
    assert program.input_tensors == (Tensor("features", "float64", (2,)),)
    assert [t.name for t in program.output_tensors] == ["label", "probability"]
    answer = program({"features": np.array([[0.0, 0], [6, 6]])})
    assert answer["label"].tolist() == [b"low", b"high"]
    assert answer["probability"].shape == (2, 2)


def test_sklearn_text_pipeline(tmp_path: Path) -> None:
    io = pytest.importorskip("skops.io")
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.naive_bayes import MultinomialNB
    from sklearn.pipeline import make_pipeline

    fitted = make_pipeline(CountVectorizer(), MultinomialNB()).fit(["all is well", "disk failure"], ["good", "bad"])
    io.dump(fitted, tmp_path / "m.skops")
    program = load("sklearn", tmp_path / "m.skops", method="predict")
    assert program.input_tensors == (Tensor("text", "string"),)
    assert program({"text": np.array([b"failure of disk"], dtype=object)})["prediction"].tolist() == [b"bad"]


def test_a_pickle_is_refused_unless_allowed(tmp_path: Path) -> None:
    import pickle

    pytest.importorskip("sklearn")
    from sklearn.dummy import DummyRegressor

    file = tmp_path / "m.pkl"
    file.write_bytes(pickle.dumps(DummyRegressor(strategy="constant", constant=7).fit([[1.0]], [7])))
    with pytest.raises(MergusError, match="pickle"):
        load("sklearn", file)
    program = load("sklearn", file, allow_pickle="true")
    assert program({t.name: np.ones((1, 1)) for t in program.input_tensors})["prediction"].tolist() == [7]


def test_python(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text("def score(x, text):\n    return {'y': x * 2, 'n': [len(t) for t in text]}\n")
    takes = (Tensor("x", "float64"), Tensor("text", "string"))
    gives = (Tensor("y", "float64"), Tensor("n", "int64"))
    program = providers.load("python", Source("M", tmp_path, {"function": "score"}, 1, takes, gives))
    answer = program({"x": np.array([1.5]), "text": np.array([b"abc"], dtype=object)})
    assert answer["y"].tolist() == [3.0]
    assert answer["n"].tolist() == [3]


@pytest.mark.parametrize(
    ("provider", "name"), [("onnx", "m.onnx"), ("sklearn", "m.skops"), ("tflite", "m.tflite"), ("keras", "m.keras")]
)
def test_a_broken_file_is_refused_with_words(tmp_path: Path, provider: str, name: str) -> None:
    if provider == "tflite":
        pytest.importorskip("ai_edge_litert")
    (tmp_path / name).write_bytes(b"this is no model")
    with pytest.raises(MergusError, match="model M"):
        load(provider, tmp_path / name)


def test_keras_and_tflite_give_what_the_savedmodel_gives(tmp_path: Path) -> None:
    tf = pytest.importorskip("tensorflow")
    layers = tf.keras.layers
    model = tf.keras.Sequential([layers.Input((3,), name="x"), layers.Dense(2, name="y")])
    model.save(tmp_path / "m.keras")
    model.export(tmp_path / "saved", verbose=False)
    rows = np.array([[1, 2, 3], [0, 0, 1]], dtype=np.float32)
    answers = []
    for provider, artefact in (("keras", "m.keras"), ("tensorflow", "saved")):
        program = load(provider, tmp_path / artefact)
        assert program.input_tensors[0].shape == (3,)
        made = program({program.input_tensors[0].name: rows})
        answers.append(made[program.output_tensors[0].name])
    np.testing.assert_allclose(answers[0], answers[1], rtol=1e-6)
    if not pytest.importorskip("ai_edge_litert"):
        return
    converter = tf.lite.TFLiteConverter.from_saved_model(str(tmp_path / "saved"))
    (tmp_path / "m.tflite").write_bytes(converter.convert())
    lite = load("tflite", tmp_path / "m.tflite")
    made = lite({lite.input_tensors[0].name: rows})
    np.testing.assert_allclose(made[lite.output_tensors[0].name], answers[0], rtol=1e-5)


def test_an_engine_of_another_package_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    class Point:
        name = "acme"

        def load(self) -> Any:
            return lambda source: f"loaded {source.name}"

    monkeypatch.setattr(providers, "entry_points", lambda group: [Point()] if group == "mergus.providers" else [])
    assert providers.load("acme", Source("M", Path("x"))) == "loaded M"  # type: ignore[comparison-overlap]
    with pytest.raises(MergusError, match="akme"):
        providers.find("akme")
