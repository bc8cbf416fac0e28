"""Models on other servers: what a failing server costs, told by a transport that fails as asked; no clock, no network."""

import json
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from mergus.engine.errors import EnvironmentFault, RecordError, UserError
from mergus.engine.inference.program import Source
from mergus.engine.inference.providers.open_inference import OpenInferenceProgram
from mergus.engine.inference.providers.remote import Asking, Breaker, Endpoint
from mergus.engine.inference.providers.tfserving import TfServingProgram

URL = "http://there/v2/models/m"
METADATA = {
    "inputs": [{"name": "x", "datatype": "FP64", "shape": [-1]}],
    "outputs": [{"name": "y", "datatype": "BYTES", "shape": [-1, 2]}],
}


class There:
    """A server that answers what it is told to: a status with a body, or no connection at all."""

    def __init__(self, *answers: tuple[int, Any] | None) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, Any]] = []
        self.pauses: list[float] = []
        self.now = 0.0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append((request.url.path, json.loads(request.content) if request.content else None))
        answer = self.answers.pop(0)
        if answer is None:
            raise httpx.ConnectError("nobody there")
        return httpx.Response(answer[0], json=answer[1])


def endpoint(there: There, folder: Path, options: dict[str, str] | None = None, url: str = URL) -> Endpoint:
    file = folder / "endpoint.json"
    file.write_text(json.dumps({"url": url}))
    source = Source("M", file, options or {})
    asking = Asking(source, pause=there.pauses.append, breaker=Breaker(clock=lambda: there.now))
    return Endpoint(source, asking=asking, transport=httpx.MockTransport(there))


def test_what_fails_is_tried_again_with_growing_pauses(tmp_path: Path) -> None:
    there = There(None, (503, {}), (429, {}), (200, {"ok": 1}))
    assert endpoint(there, tmp_path).post(URL, {}) == {"ok": 1}
    assert len(there.pauses) == 3
    assert all(longest / 2 <= pause <= longest for pause, longest in zip(there.pauses, (0.1, 0.2, 0.4), strict=True))


def test_a_server_that_cannot_be_asked_is_not_the_rows_fault(tmp_path: Path) -> None:
    there = There(None, None)
    with pytest.raises(EnvironmentFault, match="cannot be asked") as failed:
        endpoint(there, tmp_path, {"remote.retries": "1"}).get(URL)
    assert "nobody there" in (failed.value.detail or "")


def test_a_refusal_is_the_rows_fault_and_not_tried_again(tmp_path: Path) -> None:
    there = There((400, {"error": "row 0: unlucky"}))
    with pytest.raises(RecordError, match="400 row 0: unlucky"):
        endpoint(there, tmp_path).post(URL, {})
    assert len(there.asked) == 1


@pytest.mark.parametrize("status", [301, 401, 403, 404, 405, 501])
def test_what_says_nothing_of_the_rows_is_not_their_fault(tmp_path: Path, status: int) -> None:
    """A token that has run out made every row NULL, after two requests for each."""
    there = There((status, {"error": "go away"}))
    with pytest.raises(EnvironmentFault, match=f"refuses: {status} go away"):
        endpoint(there, tmp_path).post(URL, {})
    assert len(there.asked) == 1


def test_an_answer_that_cannot_be_unpacked_is_asked_for_again(tmp_path: Path) -> None:
    there = There()
    answers = [httpx.Response(200, headers={"content-encoding": "gzip"}, stream=httpx.ByteStream(b"none")), None]
    file = tmp_path / "endpoint.json"
    file.write_text(json.dumps({"url": URL}))
    asking = Asking(Source("M", file, {}), pause=there.pauses.append)
    transport = httpx.MockTransport(lambda _: answers.pop(0) or httpx.Response(200, json={}))
    assert Endpoint(Source("M", file, {}), asking=asking, transport=transport).get(URL) == {}
    assert len(there.pauses) == 1


def test_an_answer_that_drips_comes_to_an_end(tmp_path: Path) -> None:
    now = [0.0]

    def drops() -> Any:
        for _ in range(100):
            now[0] += 3.0
            yield b" "

    class Dripping(httpx.SyncByteStream):
        def __iter__(self) -> Any:
            return drops()

    file = tmp_path / "endpoint.json"
    file.write_text(json.dumps({"url": URL}))
    told = Source("M", file, {"remote.retries": "0"})
    transport = httpx.MockTransport(lambda _: httpx.Response(200, stream=Dripping()))
    with pytest.raises(EnvironmentFault, match="cannot be asked") as failed:
        Endpoint(told, transport=transport, clock=lambda: now[0]).get(URL)
    assert "no whole answer within 10 s" in (failed.value.detail or "")
    assert now[0] == 12.0


@pytest.mark.parametrize(
    "answer",
    [{}, [], "text", {"outputs": {}}, {"outputs": [1]}, {"outputs": [{"name": "y"}]},
     {"outputs": [{"name": "y", "datatype": "INT64", "shape": [1], "data": [1.5]}]},
     {"outputs": [{"name": "y", "datatype": "INT8", "shape": [1], "data": [300]}]}],
)  # fmt: skip
def test_what_is_no_answer_is_not_the_rows_fault(tmp_path: Path, answer: Any) -> None:
    there = There((200, METADATA), (200, answer))
    program = OpenInferenceProgram(Source("M", tmp_path), endpoint(there, tmp_path))
    with pytest.raises(EnvironmentFault, match="not of the protocol's form"):
        program({"x": np.array([1.0])})


def test_a_tensor_s_data_may_have_a_list_for_each_dimension(tmp_path: Path) -> None:
    output = {"name": "y", "datatype": "BYTES", "shape": [2, 2], "data": [["a", "b"], ["c", "d"]]}
    numbers = {"name": "z", "datatype": "INT64", "shape": [2, 1], "data": [[1], [2.0]]}
    there = There((200, METADATA), (200, {"outputs": [output, numbers]}))
    made = OpenInferenceProgram(Source("M", tmp_path), endpoint(there, tmp_path))({"x": np.array([1.0, 2.0])})
    assert made["y"].tolist() == [[b"a", b"b"], [b"c", b"d"]]
    assert made["z"].tolist() == [[1], [2]]


def test_after_failures_in_a_row_nobody_is_asked_for_a_while(tmp_path: Path) -> None:
    there = There(*[None] * 5, (200, {}), (200, {}))
    asked = endpoint(there, tmp_path, {"remote.retries": "4"})
    with pytest.raises(EnvironmentFault, match="cannot be asked"):
        asked.get(URL)
    with pytest.raises(EnvironmentFault, match=r"asked again in 10\.0 s"):
        asked.get(URL)
    assert len(there.asked) == 5
    there.now = 10.0
    assert asked.get(URL) == {}  # one try, and it is closed again
    assert asked.get(URL) == {}


def test_the_open_inference_protocol_is_spoken(tmp_path: Path) -> None:
    output = {"name": "y", "datatype": "BYTES", "shape": [2, 2], "data": ["a", "b", "c", "d"]}
    there = There((200, METADATA), (200, {"outputs": [output]}), (200, {"outputs": [output | {"shape": [3]}]}))
    program = OpenInferenceProgram(Source("M", tmp_path), endpoint(there, tmp_path))
    assert str(program.input_tensors[0]) == "x float64[rows]"
    assert str(program.output_tensors[0]) == "y string[rows, 2]"
    made = program({"x": np.array([1.0, 2.0])})
    assert made["y"].tolist() == [[b"a", b"b"], [b"c", b"d"]]
    sent = {"name": "x", "shape": [2], "datatype": "FP64", "data": [1.0, 2.0]}
    assert there.asked[1] == ("/v2/models/m/infer", {"inputs": [sent]})
    with pytest.raises(EnvironmentFault, match="shape or type"):
        program({"x": np.array([1.0, 2.0])})


def test_tensorflow_serving_is_spoken(tmp_path: Path) -> None:
    def tensor(dtype: str, *sizes: int) -> dict[str, Any]:
        return {"dtype": dtype, "tensor_shape": {"dim": [{"size": str(n)} for n in sizes]}}

    signature = {"inputs": {"t": tensor("DT_STRING", -1)}, "outputs": {"v": tensor("DT_FLOAT", -1, 2)}}
    told = {"metadata": {"signature_def": {"signature_def": {"serving_default": signature}}}}
    there = There((200, told), (200, {"outputs": [[1, 2], [3, 4]]}), (200, told))
    url = "http://there/v1/models/m"
    program = TfServingProgram(Source("M", tmp_path), endpoint(there, tmp_path, url=url))
    made = program({"t": np.array([b"a", b"b"], dtype=object)})
    assert made["v"].tolist() == [[1, 2], [3, 4]]
    assert there.asked[1] == (
        "/v1/models/m:predict",
        {"signature_name": "serving_default", "inputs": {"t": ["a", "b"]}},
    )
    with pytest.raises(UserError, match="no signature other"):
        TfServingProgram(Source("M", tmp_path, {"signature": "other"}), endpoint(there, tmp_path, url=url))


def test_a_token_comes_from_the_environment(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.delenv("TOKEN_OF_M", raising=False)
    with pytest.raises(UserError, match="no variable TOKEN_OF_M"):
        endpoint(There(), tmp_path, {"remote.token.env": "TOKEN_OF_M"})
