"""The models of SQL over HTTP: TensorFlow Serving's and the Open Inference Protocol's shapes, with SQL's versions and splits."""

from __future__ import annotations

import json
import math
from typing import Any

import httpx
import pytest

import mergus

BOTH = """import numpy as np
def predict(a, t):
    if (a == 13).any():
        raise ValueError('unlucky')
    vector = np.stack([a, a * FACTOR], axis=1).astype('float32')
    return {'v': vector, 'label': [f'{x}!' for x in t]}
"""
BYTES = "def predict(r):\n    return [x + x for x in r]\n"


@pytest.fixture(scope="module")
def db(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    with mergus.connect(folder / "data", in_process=False) as made:
        for name, body in (
            ("double", "def predict(x):\n    return x * 2\n"),
            ("triple", "def predict(x):\n    return x * 3\n"),
            ("both", BOTH.replace("FACTOR", "10")),
            ("raw", BYTES),
        ):
            (folder / f"{name}.py").write_text(body)
        one = "INPUT (x DOUBLE) OUTPUT (y DOUBLE)"
        for file in ("double", "triple"):
            made.execute(f"CREATE OR REPLACE MODEL m {one} WITH (provider='python', path='{folder}/{file}.py');")
        made.execute(
            "CREATE MODEL both INPUT (a DOUBLE, t STRING) OUTPUT (v FLOAT[2], label STRING)"
            f" WITH (provider='python', path='{folder}/both.py');"
        )
        made.execute(
            f"CREATE MODEL raw INPUT (r BYTES) OUTPUT (o BYTES) WITH (provider='python', path='{folder}/raw.py');"
        )
        made.execute(
            "CREATE MODEL whole INPUT (x BIGINT) OUTPUT (y BIGINT)"
            f" WITH (provider='python', path='{folder}/double.py');"
        )
        yield made


def predict(client: httpx.Client, path: str, body: Any) -> Any:
    answer = client.post(f"/v1/models/{path}:predict", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_rows_and_columns_as_tensorflow_serving_has_them(client) -> None:
    assert predict(client, "m", {"instances": [1, 2.5, None]}) == {"predictions": [2, 5, None]}
    assert predict(client, "M", {"instances": [{"x": 1}], "signature_name": "serving_default"}) == {"predictions": [2]}
    assert predict(client, "m", {"instances": [[1.0], [2.0]]}) == {"predictions": [2, 4]}
    assert predict(client, "m", {"inputs": [1, 2]}) == {"outputs": [2, 4]}
    assert predict(client, "m", {"inputs": {"x": [1, 2]}}) == {"outputs": [2, 4]}
    rows = {"instances": [{"a": 1, "t": "x"}, {"A": 2, "T": "y"}]}
    wanted = [{"v": [1, 10], "label": "x!"}, {"v": [2, 20], "label": "y!"}]
    assert predict(client, "both", rows) == {"predictions": wanted}
    columns = {"inputs": {"a": [1, 2], "t": ["x", "y"]}}
    assert predict(client, "both", columns) == {"outputs": {"v": [[1, 10], [2, 20]], "label": ["x!", "y!"]}}
    assert predict(client, "raw", {"instances": [{"b64": "YQ=="}, "b"]}) == {
        "predictions": [{"b64": "YWE="}, {"b64": "YmI="}]
    }
    assert predict(client, "m", {"instances": []}) == {"predictions": []}


def test_not_a_number_is_a_token(client) -> None:
    answer = client.post("/v1/models/m:predict", content='{"instances": [NaN, -Infinity]}')
    assert "[NaN, -Infinity]" in answer.text
    assert math.isnan(json.loads(answer.text)["predictions"][0])


def test_versions_labels_and_status(client) -> None:
    one = {"instances": [1]}
    assert predict(client, "m/versions/2", one) == {"predictions": [3]}
    assert predict(client, "m/labels/challenger", one) == {"predictions": [3]}
    assert client.post("/v1/models/m/labels/champion:predict", json=one).headers["mergus-model-version"] == "1"
    versions = client.get("/v1/models/m").json()["model_version_status"]
    assert [(v["version"], v["state"], v["status"]["error_code"]) for v in versions] == [
        ("2", "AVAILABLE", "OK"),
        ("1", "AVAILABLE", "OK"),
    ]
    (version,) = client.get("/v1/models/m/labels/challenger").json()["model_version_status"]
    assert version["version"] == "2"
    metadata = client.get("/v1/models/both/metadata").json()
    signature = metadata["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert metadata["model_spec"]["version"] == "1"
    assert signature["inputs"]["t"]["dtype"] == "DT_STRING"
    assert [d["size"] for d in signature["outputs"]["v"]["tensor_shape"]["dim"]] == ["-1", "2"]


def tensor(name: str, datatype: str, shape: list[int], data: Any, **more: Any) -> dict[str, Any]:
    return {"name": name, "shape": shape, "datatype": datatype, "data": data, **more}


def test_the_open_inference_protocol(client) -> None:
    assert client.get("/v2").json()["name"] == "mergus"
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json() == {"ready": True}
    assert client.get("/v2/models/m/versions/2/ready").json() == {"name": "m", "ready": True}
    assert client.get("/v2/models/both").json() == {
        "name": "both",
        "versions": ["1"],
        "platform": "python",
        "inputs": [
            {"name": "a", "datatype": "FP64", "shape": [-1]},
            {"name": "t", "datatype": "BYTES", "shape": [-1]},
        ],
        "outputs": [
            {"name": "v", "datatype": "FP32", "shape": [-1, 2]},
            {"name": "label", "datatype": "BYTES", "shape": [-1]},
        ],
    }
    given = [tensor("a", "FP32", [2, 1], [[1], [2]]), tensor("t", "BYTES", [2], ["x", "y"])]
    answer = client.post("/v2/models/both/infer", json={"id": "7", "inputs": given}).json()
    assert (answer["id"], answer["model_name"], answer["model_version"]) == ("7", "both", "1")
    assert answer["outputs"] == [
        tensor("v", "FP32", [2, 2], [1, 10, 2, 20]),
        tensor("label", "BYTES", [2], ["x!", "y!"]),
    ]
    some = client.post("/v2/models/both/infer", json={"inputs": given, "outputs": [{"name": "label"}]}).json()
    assert [o["name"] for o in some["outputs"]] == ["label"]
    for reference, wanted in (("2", [3]), ("challenger", [3]), ("1", [2])):
        path = f"/v2/models/m/versions/{reference}/infer"
        made = client.post(path, json={"inputs": [tensor("x", "INT64", [1], [1])]}).json()
        assert made["outputs"][0]["data"] == wanted
    raw = tensor("r", "BYTES", [1], ["YQ=="], parameters={"content_type": "base64"})
    (output,) = client.post("/v2/models/raw/infer", json={"inputs": [raw]}).json()["outputs"]
    assert (output["data"], output["parameters"]) == (["YWE="], {"content_type": "base64"})
    index = client.post("/v2/repository/index").json()
    assert {(m["name"], m["version"]) for m in index} >= {("M", "1"), ("M", "2"), ("BOTH", "1")}


def test_a_split_is_the_one_of_sql(db, client) -> None:
    db.execute("CREATE STREAM s (x DOUBLE) WITH (kafka_topic='s', value_format='JSON', partitions=1);")
    db.execute("ALTER MODEL m SET SPLIT (champion 50, challenger 50);")
    try:
        values = [float(i) for i in range(20)]
        db.insert("s", [{"x": v} for v in values])
        wanted = {r["X"]: r["V"] for r in db.query("SELECT x, MODEL_VERSION(m(x)) AS v FROM s;").rows()}
        made = client.post("/v2/models/m/infer", json={"inputs": [tensor("x", "FP64", [20], values)]}).json()
        assert made["parameters"]["versions"] == [str(wanted[v]) for v in values]
        assert made["outputs"][0]["data"] == [v * (wanted[v] + 1) for v in values]
        assert "model_version" not in made
        answer = client.post("/v1/models/m:predict", json={"instances": values})
        assert answer.headers["mergus-model-version"] == "1,2"
    finally:
        db.execute("ALTER MODEL m RESET SPLIT;")


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "said"),
    [
        ("POST", "/v1/models/none:predict", {"instances": [1]}, 404, "no model none"),
        ("POST", "/v1/models/abs:predict", {"instances": [1]}, 404, "no model abs"),
        ("POST", "/v1/models/m/versions/9:predict", {"instances": [1]}, 404, "no version 9"),
        ("POST", "/v1/models/m/labels/canary:predict", {"instances": [1]}, 404, "no alias CANARY"),
        ("GET", "/v1/models/none", None, 404, "no model none"),
        ("GET", "/v2/models/none/ready", None, 404, "no model none"),
        ("POST", "/v1/models/m:predict", {}, 400, "either 'instances'"),
        ("POST", "/v1/models/m:predict", {"instances": 1}, 400, "a list of rows"),
        ("POST", "/v1/models/m:predict", {"instances": ["a"]}, 400, "input x is DOUBLE"),
        ("POST", "/v1/models/m:predict", {"instances": [{"y": 1}]}, 400, "input x is missing"),
        ("POST", "/v1/models/m:predict", {"instances": [1], "signature_name": "other"}, 400, "no signature other"),
        ("POST", "/v1/models/both:predict", {"instances": [1]}, 400, "must be named"),
        ("POST", "/v1/models/both:predict", {"instances": [{"a": 13, "t": "x"}]}, 400, "row 0: unlucky"),
        ("POST", "/v1/models/both:predict", {"inputs": {"a": [1], "t": []}}, 400, "different numbers of rows"),
        ("POST", "/v2/models/m/infer", {"inputs": [tensor("x", "FP64", [2], [1])]}, 400, "wants 2 values, not 1"),
        ("POST", "/v2/models/m/infer", {"inputs": [tensor("x", "BYTES", [1], ["a"])]}, 400, "FP64, not BYTES"),
        ("POST", "/v2/models/m/infer", {"inputs": [tensor("x", "FP99", [1], [1])]}, 400, "FP64, not FP99"),
        ("POST", "/v2/models/m/infer", {"inputs": [tensor("z", "FP64", [1], [1])]}, 400, "input x is missing"),
        ("POST", "/v2/models/m/infer", {"inputs": 1}, 400, "list of tensors"),
        ("POST", "/v2/models/m/infer", {"inputs": [tensor("x", "FP64", [1], [1])], "outputs": [{"name": "q"}]}, 400, "Q"),
        ("GET", "/v2/models/m/versions/%C2%B2", None, 404, "no alias ²"),
        ("GET", "/v2/models/m/versions/" + "9" * 5000, None, 404, "no version 999"),
        ("GET", "/v1/models/m/versions/" + "9" * 5000, None, 404, "no version 999"),
        ("POST", "/v1/models/whole:predict", {"instances": [1, 2.5]}, 400, "2.5 is no whole number"),
        ("POST", "/v2/models/whole/infer", {"inputs": [tensor("x", "FP64", [1], [2.5])]}, 400, "2.5 is no whole number"),
        ("POST", "/v2/models/m/infer", {"inputs": [tensor("x", "FP64", [2**70, 0], [])]}, 400, "none of a tensor"),
        ("POST", "/v2/models/m/infer", {"inputs": [tensor("x", "FP64", [1 << 25, 0], [])]}, 400, "none of a tensor"),
        ("POST", "/v2/models/m/infer", {"inputs": [tensor("x", "FP64", [1] * 70, [1])]}, 400, "none of a tensor"),
        ("POST", "/v2/models/m/infer", {"inputs": [tensor("x", "FP64", [1], [1])] * 2}, 400, "two tensors of one name"),
        ("POST", "/v2/models/m/infer", {"inputs": [{"name": "x", "datatype": "FP64", "shape": [1]}]}, 400, "no 'data'"),
        ("POST", "/inferences", {"text": "a", "model": "m"}, 400, "takes DOUBLE"),
        ("POST", "/inferences", {}, 400, "text"),
    ],
)  # fmt: skip
def test_refusals(client, method: str, path: str, body: Any, status: int, said: str) -> None:
    answer = client.request(method, path, json=body)
    assert answer.status_code == status
    assert said in answer.json()["error"]


def test_whole_numbers_may_be_written_with_a_point(client) -> None:
    assert predict(client, "whole", {"instances": [1.0, 2]})["predictions"] == [2, 4]


def test_tensors_as_bytes_are_refused_in_words(client) -> None:
    answer = client.post("/v2/models/m/infer", content=b"{}12345678", headers={"Inference-Header-Content-Length": "2"})
    assert answer.status_code == 400
    assert "binary_data" in answer.json()["error"]


def test_one_text(client) -> None:
    vector = client.post("/inferences", json={"text": "disk full"}).json()["vector"]
    assert len(vector) == 64
    assert abs(sum(v * v for v in vector) - 1) < 1e-5
    (same,) = predict(client, "embed", {"instances": ["disk full"]})["predictions"]
    assert same == vector


@pytest.mark.parametrize(
    ("provider", "path"), [("open_inference", "/v2/models/both"), ("tfserving", "/v1/models/both/versions/1")]
)
def test_our_own_models_as_another_servers(db, url, provider: str, path: str) -> None:
    name = f"far_{provider}"
    db.execute(f"CREATE MODEL {name} WITH (provider='{provider}', path='{url}{path}', 'remote.retries'='1');")
    db.execute(
        f"CREATE STREAM {provider}_s (id INT, a DOUBLE, t STRING)"
        f" WITH (kafka_topic='{provider}_s', value_format='JSON', partitions=1);"
    )
    db.insert(f"{provider}_s", [{"id": i, "a": a, "t": "x"} for i, a in enumerate([1, 13, 3])])
    sql = f"SELECT id, {name}(a, t)->v AS v, {name}(a, t)->label AS label FROM {provider}_s;"
    found = [tuple(r.values()) for r in db.query(sql).rows()]
    assert found == [
        (0, [1, 10], "x!"),
        (1, None, None),
        (2, [3, 30], "x!"),
    ]  # 13 is unlucky there, and costs its row only
