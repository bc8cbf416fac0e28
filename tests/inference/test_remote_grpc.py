"""Models asked by gRPC: a small server in this process speaks both protocols, and fails as it is told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mergus.engine.errors import EnvironmentFault, MergusError, RecordError, UserError
from mergus.engine.inference.program import Program, Source, Tensor
from mergus.engine.inference.providers import open_inference_grpc as open_inference
from mergus.engine.inference.providers import registry as providers
from mergus.engine.inference.providers import tfserving_grpc
from mergus.engine.inference.providers.remote import Asking, Breaker
from mergus.engine.inference.providers.remote_grpc import GrpcEndpoint

grpc = pytest.importorskip("grpc")
OIP, TFS = open_inference.MESSAGES, tfserving_grpc.MESSAGES
X, T = Tensor("x", "float32", (2,)), Tensor("t", "string")


class There:
    """Both services over one model: y is x doubled, l the texts in capitals. `failing`: statuses to answer before that."""

    def __init__(self) -> None:
        self.failing: list[Any] = []
        self.asked: list[Any] = []
        self.metadata: list[Any] = []
        handlers = {
            "/inference.GRPCInferenceService/ModelMetadata": (self.oip_metadata, OIP["ModelMetadataRequest"]),
            "/inference.GRPCInferenceService/ModelInfer": (self.oip_infer, OIP["ModelInferRequest"]),
            "/tensorflow.serving.PredictionService/GetModelMetadata": (
                self.tfs_metadata,
                TFS["GetModelMetadataRequest"],
            ),
            "/tensorflow.serving.PredictionService/Predict": (self.tfs_predict, TFS["PredictRequest"]),
        }
        made = {name: self._handler(answer, request) for name, (answer, request) in handlers.items()}

        class Handlers(grpc.GenericRpcHandler):
            def service(self, details: Any) -> Any:
                return made.get(details.method)

        self.server = grpc.server(ThreadPoolExecutor(2))
        self.server.add_generic_rpc_handlers((Handlers(),))
        self.port = self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()

    def _handler(self, answer: Callable[[Any], Any], request: Any) -> Any:
        def called(asked: Any, context: Any) -> Any:
            self.asked.append(asked)
            self.metadata.append(dict(context.invocation_metadata()))
            if self.failing:
                context.abort(self.failing.pop(0), "as it was told")
            return answer(asked)

        return grpc.unary_unary_rpc_method_handler(called, request.FromString, lambda a: a.SerializeToString())

    def oip_metadata(self, _: Any) -> Any:
        return OIP["ModelMetadataResponse"](
            inputs=[
                {"name": "x", "datatype": "FP32", "shape": [-1, 2]},
                {"name": "t", "datatype": "BYTES", "shape": [-1]},
            ],
            outputs=[
                {"name": "y", "datatype": "FP32", "shape": [-1, 2]},
                {"name": "l", "datatype": "BYTES", "shape": [-1]},
            ],
        )

    def oip_infer(self, asked: Any) -> Any:
        """y as raw bytes is left to the caller; here both as typed contents."""
        x, t = (open_inference._received(i, raw) for i, raw in zip(asked.inputs, asked.raw_input_contents, strict=True))
        made = OIP["ModelInferResponse"](model_name=asked.model_name)
        made.outputs.add(name="y", datatype="FP32", shape=x.shape, contents={"fp32_contents": (2 * x).reshape(-1)})
        made.outputs.add(
            name="l", datatype="BYTES", shape=t.shape, contents={"bytes_contents": [v.upper() for v in t.tolist()]}
        )
        return made

    def tfs_metadata(self, _: Any) -> Any:
        def info(dtype: int, *sizes: int) -> dict[str, Any]:
            return {"dtype": dtype, "tensor_shape": {"dim": [{"size": n} for n in sizes]}}

        entries = {
            "inputs": [{"key": "x", "value": info(1, -1, 2)}, {"key": "t", "value": info(7, -1)}],
            "outputs": [{"key": "y", "value": info(1, -1, 2)}, {"key": "l", "value": info(7, -1)}],
        }
        told = TFS["SignatureDefMap"](signature_def=[{"key": "serving_default", "value": entries}])
        packed = {"key": "signature_def", "value": {"value": told.SerializeToString()}}
        return TFS["GetModelMetadataResponse"](metadata=[packed])

    def tfs_predict(self, asked: Any) -> Any:
        given = {e.key: tfserving_grpc._received(e.key, e.value) for e in asked.inputs}
        upper = np.array([v.upper() for v in given["t"].tolist()], dtype=object)
        answers = {"y": tfserving_grpc._sent(X, 2 * given["x"]), "l": tfserving_grpc._sent(T, upper)}
        return TFS["PredictResponse"](outputs=[{"key": k, "value": v} for k, v in answers.items()])


@pytest.fixture
def there() -> Iterator[There]:
    made = There()
    yield made
    made.server.stop(None).wait()


def source(there: There, folder: Path, path: str, **options: str) -> Source:
    file = folder / "endpoint.json"
    file.write_text(json.dumps({"url": f"http://127.0.0.1:{there.port}{path}"}))
    return Source("M", file, {"remote.transport": "grpc", "remote.timeout.ms": "60000", **options})


PATHS = {"open_inference": "/v2/models/m/versions/3", "tfserving": "/v1/models/m/versions/3"}


@pytest.mark.parametrize("provider", PATHS)
def test_both_protocols_are_spoken(there: There, tmp_path: Path, provider: str, monkeypatch) -> None:
    monkeypatch.setenv("TOKEN_OF_M", "secret")
    told = source(there, tmp_path, PATHS[provider], **{"remote.token.env": "TOKEN_OF_M"})
    program: Program = providers.load(provider, told)
    assert {str(t) for t in program.input_tensors} == {"x float32[rows, 2]", "t string[rows]"}
    assert {str(t) for t in program.output_tensors} == {"y float32[rows, 2]", "l string[rows]"}
    for rows in (1, 2):
        x = np.arange(2 * rows, dtype=np.float64).reshape(rows, 2)
        answer = program({"x": x, "t": np.array([b"a", b"\xff\x00b"][:rows], dtype=object)})
        assert answer["y"].dtype == np.float32
        assert answer["y"].tolist() == (2 * x).tolist()
        assert answer["l"].tolist() == [b"A", b"\xff\x00B"][:rows]
    assert all(m["authorization"] == "Bearer secret" for m in there.metadata)
    last = there.asked[-1]
    told_version = last.model_version if provider == "open_inference" else last.model_spec.version.value
    assert str(told_version) == "3"
    program.unload()


def test_what_fails_is_tried_again_and_a_refusal_is_the_rows_fault(there: There, tmp_path: Path) -> None:
    pauses: list[float] = []
    told = source(there, tmp_path, "/v2/models/m")
    asking = Asking(told, pause=pauses.append, breaker=Breaker(clock=lambda: 0.0))
    endpoint = GrpcEndpoint(told, asking=asking)

    def ask() -> Any:
        method = "/inference.GRPCInferenceService/ModelMetadata"
        return endpoint.call(method, OIP["ModelMetadataRequest"](name="m"), OIP["ModelMetadataResponse"])

    code = grpc.StatusCode
    there.failing = [code.UNAVAILABLE, code.RESOURCE_EXHAUSTED, code.INTERNAL]
    assert [t.name for t in ask().inputs] == ["x", "t"]
    assert len(pauses) == 3
    there.failing = [code.INVALID_ARGUMENT]
    with pytest.raises(RecordError, match="INVALID_ARGUMENT as it was told"):
        ask()
    for refused in (code.UNAUTHENTICATED, code.NOT_FOUND):
        there.failing = [refused]
        with pytest.raises(EnvironmentFault, match=f"refuses: {refused.name}"):
            ask()
    there.failing = [code.UNAVAILABLE] * 5
    with pytest.raises(EnvironmentFault, match="cannot be asked"):
        ask()
    with pytest.raises(EnvironmentFault, match="asked again in 10"):  # five in a row: the breaker is open
        ask()
    endpoint.close()


def test_a_question_too_large_is_asked_in_halves(there: There, tmp_path: Path) -> None:
    """The server takes four megabytes, as gRPC's servers do unless told."""
    program = providers.load("open_inference", source(there, tmp_path, "/v2/models/m", **{"remote.retries": "0"}))
    rows = 700_000
    with pytest.raises(RecordError, match="RESOURCE_EXHAUSTED"):
        program({"x": np.zeros((rows, 2)), "t": np.array([b""] * rows, dtype=object)})
    program.unload()


def test_a_label_is_said_and_a_path_that_names_no_model_is_refused(there: There, tmp_path: Path) -> None:
    told = source(there, tmp_path, "/v1/models/m/labels/canary")
    providers.load("tfserving", told).unload()
    assert there.asked[-1].model_spec.version_label == "canary"
    with pytest.raises(UserError, match="no signature other"):
        providers.load("tfserving", source(there, tmp_path, "/v1/models/m", signature="other"))
    for provider, path in (
        ("open_inference", "/v2"),
        ("open_inference", "/v1/models/m"),
        ("tfserving", "/v1/models/m/x/3"),
    ):
        with pytest.raises(UserError, match="which model"):
            providers.load(provider, source(there, tmp_path, path))
    with pytest.raises(MergusError, match="is rest or grpc"):
        providers.load("tfserving", source(there, tmp_path, "/v1/models/m", **{"remote.transport": "carrier pigeon"}))


def test_the_bytes_are_those_of_other_clients() -> None:
    """Written down from what Triton's and TensorFlow Serving's own client libraries send for the same question."""
    x = np.array([[1.0], [2.0]])
    tensor = Tensor("x", "float32", (1,))
    infer = OIP["ModelInferRequest"](model_name="m", model_version="3")
    infer.inputs.add(name="x", datatype="FP32", shape=(2, 1))
    infer.raw_input_contents.append(open_inference._raw(x, tensor))
    assert infer.SerializeToString().hex() == "0a016d1201332a0d0a01781204465033321a0202013a080000803f00000040"
    predict = TFS["PredictRequest"](model_spec={"name": "m", "signature_name": "s", "version": {"value": 3}})
    predict.inputs.add(key="x", value=tfserving_grpc._sent(tensor, np.array([[1.5], [2.0]])))
    wanted = "0a0a0a016d120208031a0173121b0a0178121608011208120208021202080122080000c03f00000040"
    assert predict.SerializeToString().hex() == wanted


def test_values_come_as_memory_or_as_lists() -> None:
    def output(datatype: str, shape: list[int], **contents: Any) -> Any:
        return OIP["InferTensor"](name="y", datatype=datatype, shape=shape, contents=contents)

    assert open_inference._received(output("BOOL", [2], bool_contents=[True, False]), None).tolist() == [True, False]
    assert open_inference._received(output("INT8", [2]), b"\xff\x02").tolist() == [-1, 2]
    assert open_inference._received(output("BYTES", [1, 1]), b"\x02\0\0\0hi").tolist() == [[b"hi"]]
    for bad in (output("FP32", [3], fp32_contents=[1.0]), output("COMPLEX", [1])):
        with pytest.raises(EnvironmentFault, match="shape or type"):
            open_inference._received(bad, None)

    def tensor(dtype: int, **more: Any) -> Any:
        return TFS["TensorProto"](dtype=dtype, tensor_shape={"dim": [{"size": 3}]}, **more)

    assert tfserving_grpc._received("y", tensor(19, half_val=[0x3C00])).tolist() == [1.0, 1.0, 1.0]
    assert tfserving_grpc._received("y", tensor(9, int64_val=[1, 2])).tolist() == [1, 2, 2]
    assert tfserving_grpc._received("y", tensor(1)).tolist() == [0.0, 0.0, 0.0]
    assert tfserving_grpc._received("y", tensor(7, string_val=[b"a"])).tolist() == [b"a"] * 3
    with pytest.raises(EnvironmentFault, match="does not have: 8"):
        tfserving_grpc._received("y", tensor(8))
