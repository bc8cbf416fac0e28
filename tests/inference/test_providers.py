"""Every engine: a small artefact of its kind, made here, gives its signature and the right answers."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mergus.engine.errors import MergusError
from mergus.engine.inference.arrays import to_tensor
from mergus.engine.inference.program import Source, Tensor
from mergus.engine.inference.providers import registry as providers


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


def test_onnx_of_a_converted_classifier_gives_its_probabilities(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    onnx = pytest.importorskip("onnx")
    helper, floats = onnx.helper, onnx.TensorProto.FLOAT
    row = helper.make_map_type_proto(onnx.TensorProto.STRING, helper.make_tensor_type_proto(floats, []))
    graph = helper.make_graph(
        [helper.make_node("ZipMap", ["x"], ["p"], domain="ai.onnx.ml", classlabels_strings=["bad", "good"])],
        "g",
        [helper.make_tensor_value_info("x", floats, ["rows", 2])],
        [helper.make_value_info("p", helper.make_sequence_type_proto(row))],
    )
    sets = [helper.make_opsetid("", 13), helper.make_opsetid("ai.onnx.ml", 1)]
    onnx.save(helper.make_model(graph, opset_imports=sets, ir_version=8), str(tmp_path / "m.onnx"))
    program = load("onnx", tmp_path / "m.onnx")
    assert program.output_tensors == (Tensor("p", "float32", (None,)),)
    assert program({"x": np.array([[0.25, 0.75]])})["p"].tolist() == [[0.25, 0.75]]


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


def test_sklearn_pipeline_over_a_table_of_numbers_texts_and_truth(tmp_path: Path) -> None:
    io, pandas = pytest.importorskip("skops.io"), pytest.importorskip("pandas")
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    rows = pandas.DataFrame(
        {"age": [1.0, 2, 30, 40], "City": ["a", "b", "a", "b"], "member": [True, False, True, True]}
    )
    columns = [("n", StandardScaler(), ["age"]), ("c", OneHotEncoder(), ["City"]), ("m", "passthrough", ["member"])]
    declared = (Tensor("age", "float64"), Tensor("city", "string"), Tensor("member", "bool"))
    trusted = {"trusted": "numpy.dtype"}
    for last, gives in ((LogisticRegression(), ["label", "probability"]), (Ridge(), ["prediction"])):
        fitted = make_pipeline(ColumnTransformer(columns), last).fit(rows, [0, 0, 1, 1])
        io.dump(fitted, tmp_path / "m.skops")
        with pytest.raises(MergusError, match="INPUT says which columns are texts"):
            load("sklearn", tmp_path / "m.skops", **trusted)
        program = providers.load("sklearn", Source("M", tmp_path / "m.skops", trusted, 1, declared))
        assert [(t.name, t.dtype) for t in program.input_tensors] == [
            ("age", "float64"),
            ("City", "string"),
            ("member", "bool"),
        ]
        assert [t.name for t in program.output_tensors] == gives  # though the encoder does not know the empty text
        asked = {"age": np.array([5.0]), "City": np.array([b"b"], dtype=object), "member": np.array([True])}
        wanted = fitted.predict(pandas.DataFrame({"age": [5.0], "City": ["b"], "member": [True]}))
        assert program(asked)[gives[0]].tolist() == wanted.tolist()


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
    ("provider", "name"),
    [
        ("onnx", "m.onnx"),
        ("sklearn", "m.skops"),
        ("tflite", "m.tflite"),
        ("keras", "m.keras"),
        ("openvino", "m.onnx"),
        ("graphdef", "m.pb"),
    ],
)
def test_a_broken_file_is_refused_with_words(tmp_path: Path, provider: str, name: str) -> None:
    pytest.importorskip({"tflite": "ai_edge_litert", "openvino": "openvino"}.get(provider, "numpy"))
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


def test_tflite_has_the_names_of_its_signature(tmp_path: Path) -> None:
    tf = pytest.importorskip("tensorflow")
    pytest.importorskip("ai_edge_litert")
    module = tf.Module()
    served = tf.function(
        lambda left, right: {"total": left + right, "first": left},
        input_signature=[tf.TensorSpec([None], tf.float32, name=name) for name in ("left", "right")],
    )
    tf.saved_model.save(module, str(tmp_path / "saved"), signatures=served)
    converter = tf.lite.TFLiteConverter.from_saved_model(str(tmp_path / "saved"))
    (tmp_path / "m.tflite").write_bytes(converter.convert())
    program = load("tflite", tmp_path / "m.tflite")
    assert {t.name for t in program.input_tensors} == {"left", "right"}
    assert {t.name for t in program.output_tensors} == {"total", "first"}
    made = program({"left": np.array([1, 2], np.float32), "right": np.array([10, 20], np.float32)})
    assert {name: values.tolist() for name, values in made.items()} == {"total": [11, 22], "first": [1, 2]}


def test_openvino_reads_its_own_files_and_onnx(tmp_path: Path) -> None:
    openvino = pytest.importorskip("openvino")
    answers = []
    (tmp_path / "ir").mkdir()
    openvino.save_model(openvino.convert_model(str(onnx_file(tmp_path / "m.onnx"))), str(tmp_path / "ir" / "m.xml"))
    for artefact in ("m.onnx", "ir"):
        program = load("openvino", tmp_path / artefact)
        assert program.input_tensors == (Tensor("x", "float32", (2,)),)
        assert program.output_tensors == (Tensor("y", "float32", (2,)),)
        for rows in ([[1.0, 2]], [[1.0, 2], [3, 4]]):  # a request serves calls of any size
            answers.append(program({"x": np.array(rows)})["y"].tolist())
        program.unload()
    assert answers == [[[2, 4]], [[2, 4], [6, 8]]] * 2
    (tmp_path / "empty").mkdir()
    with pytest.raises(MergusError, match="holds 0 models"):
        load("openvino", tmp_path / "empty")


def test_openvino_takes_calls_side_by_side(tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    program = load("openvino", onnx_file(tmp_path / "m.onnx"))

    def ask(number: int) -> bool:
        x = np.full((50, 2), number, dtype=np.float32)
        return all(bool((program({"x": x})["y"] == 2 * number).all()) for _ in range(50))

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(ask, range(8)))


def test_torchscript(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'mergus[torch]'")

    class Two(torch.nn.Module):
        def forward(self, x, n):  # type: ignore[no-untyped-def]
            return x * 2, x.sum(dim=1) + n

    example = (torch.ones(2, 3), torch.ones(2, dtype=torch.int64))
    torch.jit.save(torch.jit.trace(Two(), example), str(tmp_path / "m.pt"))
    takes = (Tensor("x", "float32", (3,)), Tensor("n", "int64"))
    gives = (Tensor("y", "float32", (3,)), Tensor("s", "float32"))
    program = providers.load("torchscript", Source("M", tmp_path / "m.pt", {}, 1, takes, gives))
    answer = program({"x": np.ones((4, 3)), "n": np.arange(4)})
    assert answer["y"].tolist() == [[2, 2, 2]] * 4
    assert answer["s"].tolist() == [3, 4, 5, 6]
    (tmp_path / "broken.pt").write_bytes(b"this is no model")
    with pytest.raises(MergusError, match="PyTorch cannot load"):
        providers.load("torchscript", Source("M", tmp_path / "broken.pt", {}, 1, takes, gives))


def test_torchscript_may_write_into_what_it_is_given(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'mergus[torch]'")

    class InPlace(torch.nn.Module):
        def forward(self, x):  # type: ignore[no-untyped-def]
            return x.mul_(2)

    torch.jit.save(torch.jit.trace(InPlace(), torch.ones(2, 3)), str(tmp_path / "m.pt"))
    tensor = Tensor("x", "float32", (3,))
    program = providers.load("torchscript", Source("M", tmp_path / "m.pt", {}, 1, (tensor,), (tensor,)))
    column = pa.array([[1, 2, 3]] * 2, pa.list_(pa.float32(), 3))
    assert program({"x": to_tensor(column)})["x"].tolist() == [[2, 4, 6]] * 2
    assert column.to_pylist() == [[1, 2, 3]] * 2


def test_torchscript_wants_its_tensors_told(tmp_path: Path) -> None:
    with pytest.raises(MergusError, match="does not say what it takes"):
        load("torchscript", tmp_path)
    texts = (Tensor("t", "string"),)
    with pytest.raises(MergusError, match="no tensors of texts"):
        providers.load("torchscript", Source("M", tmp_path, {}, 1, texts, texts))


def test_a_frozen_graph_by_the_names_of_its_tensors(tmp_path: Path) -> None:
    tf = pytest.importorskip("tensorflow")
    v1 = tf.compat.v1
    with tf.Graph().as_default() as graph:
        x = v1.placeholder(tf.float32, [None, 2], name="x")
        hidden = tf.multiply(x, tf.constant([2.0, 3.0]), name="net/hidden")
        tf.reduce_sum(hidden, axis=1, name="net/sum")
        text = v1.placeholder(tf.string, [None], name="t")
        tf.strings.upper(text, name="upper")
    (tmp_path / "m.pb").write_bytes(graph.as_graph_def().SerializeToString())
    program = load("graphdef", tmp_path / "m.pb")
    assert [str(t) for t in program.input_tensors] == ["x float32[rows, 2]", "t string[rows]"]
    assert {t.name for t in program.output_tensors} == {"net/sum", "upper"}
    answer = program({"x": np.ones((2, 2)), "t": np.array([b"a", b"b"], dtype=object)})
    assert answer["net/sum"].tolist() == [5, 5]
    assert answer["upper"].tolist() == [b"A", b"B"]
    program.unload()
    chosen = load("graphdef", tmp_path, **{"graphdef.inputs": "x", "graphdef.outputs": "net/hidden:0"})
    assert chosen({"x": np.ones((1, 2))})["net/hidden"].tolist() == [[2, 3]]
    with pytest.raises(MergusError, match=r"placeholders are x, t"):
        load("graphdef", tmp_path, **{"graphdef.inputs": "nobody"})


def test_an_engine_of_another_package_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    class Point:
        name = "Acme"

        def load(self) -> Any:
            return lambda source: f"loaded {source.name}"

    monkeypatch.setattr(providers, "entry_points", lambda group: [Point()] if group == "mergus.providers" else [])
    assert providers.load("acme", Source("M", Path("x"))) == "loaded M"  # type: ignore[comparison-overlap]
    with pytest.raises(MergusError, match="akme"):
        providers.find("akme")
