"""The models that ship, as the functions that a statement calls."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from mergus.engine.inference.runtime import ModelRuntime
from mergus.engine.inference.versions.artefact import MODELS_ROOT, verify
from mergus.udfs.classify import classify, classify_detail
from mergus.udfs.cluster_id import cluster_id
from mergus.udfs.embed import embed

FUNCTIONS = [embed, classify, classify_detail, cluster_id]
RESOLUTION = (
    "com.amazonaws.SdkClientException: Unable to execute HTTP request: "
    "a231d9e5-c804-4beb-a5cc-ca0d10868d22: Temporary failure in name resolution"
)
NO_RESOLUTION = "SdkClientException: Unable to execute HTTP request: 4a13e174-8f4b-4572-98f8-7958a9330f77"
UNRELATED = [
    RESOLUTION,
    "Connection to node 3 (10.0.0.7:9092) could not be established. Node may not be available.",
    "Failed password for root from 203.0.113.7 port 50022 ssh2",
    "Server listening on 0.0.0.0 port 22.",
    "java.lang.OutOfMemoryError: Java heap space",
    'java.lang.NullPointerException: Cannot invoke "String.length()" because "<local1>" is null',
    'ERROR: relation "orders" does not exist at character 15',
    'ERROR: duplicate key value violates unique constraint "users_pkey"',
    "checkpoint complete: wrote 42 buffers (0.3%)",
    "Starting worker 7",
    "Stopping worker 7",
    "GET /index.html HTTP/1.1 200",
    "Background saving terminated with success",
    "Accepted password for alice from 203.0.113.9 port 4022 ssh2",
    "Order 7781 created by bob",
    "Payment 7781 declined: insufficient funds",
    "No space left on device",
    "Too many open files",
    "upstream timed out (110: Connection timed out) while reading response header from upstream",
    "Disk usage on /var is at 91%",
    "Slow query: 1200 ms",
    "Certificate for example.org expires in 12 days",
]
SAME = [
    (
        "Failed to open file /etc/app/a.conf: Permission denied",
        "2031-04-05 10:11:12,123 ERROR [main] Unable to open file /srv/b.json",
    ),
    ("Connection refused by 10.0.0.1:5432", "Connection refused by 10.9.8.7:6432"),
    ("Processing order 17", "Processing order 99817"),
    ("java.net.SocketTimeoutException: Read timed out", "SocketTimeoutException: Read timed out after 3000 ms"),
    ("Could not parse message 77: unexpected token", "Failed to parse message 4f2a91c3"),
]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.name)
def test_null_is_null_and_every_text_has_an_answer(function: object) -> None:
    texts = [
        None,
        "",
        " ",
        "7",
        "a" * 100_000,
        "error " * 20_000,
        "\ufffd\ufffdbad bytes\ufffd",
        "日志 错误 连接失败",
        "\x00\n\t",
        "é" * 1023 + "x",
    ]
    result = ModelRuntime().infer(function, [pa.array(texts, pa.string())])  # type: ignore[arg-type]
    assert result.errors == []
    assert [value is None for value in result.values.to_pylist()] == [True] + [False] * (len(texts) - 1)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.name)
def test_an_answer_depends_on_its_line_only(function: object) -> None:
    whole = ModelRuntime().infer(function, [pa.array(UNRELATED)]).values.to_pylist()  # type: ignore[arg-type]
    single = ModelRuntime(rows_max=1)
    for text, expected in zip(UNRELATED, whole, strict=True):
        (given,) = single.infer(function, [pa.array([text])]).values.to_pylist()  # type: ignore[arg-type]
        if isinstance(given, list):
            np.testing.assert_allclose(given, expected, atol=2e-6)
        elif isinstance(given, dict):
            assert given["f0"] == expected["f0"]
            assert given["f1"] == pytest.approx(expected["f1"], abs=1e-6)
        else:
            assert given == expected


def test_one_cluster_whatever_the_package_the_parameter_and_the_tail() -> None:
    first, second = cluster_id([RESOLUTION, NO_RESOLUTION]).to_pylist()
    assert first == second
    assert len(first) == 16
    assert int(first, 16) >= 0


def test_unrelated_lines_have_clusters_of_their_own() -> None:
    ids = cluster_id(UNRELATED).to_pylist()
    assert len(set(ids)) == len(UNRELATED)


@pytest.mark.parametrize("pair", SAME, ids=lambda p: p[0][:30])
def test_other_wordings_headers_and_tails_keep_the_cluster(pair: tuple[str, str]) -> None:
    first, second = cluster_id(list(pair)).to_pylist()
    assert first == second


def test_vectors_have_length_one_and_are_near_for_lines_that_say_the_same() -> None:
    column = embed([RESOLUTION, NO_RESOLUTION, "Starting worker 7", ""])
    assert column.type == pa.list_(pa.float32(), 64)
    vectors = np.array(column.to_pylist())
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    near, far = vectors[0] @ vectors[1], vectors[0] @ vectors[2]
    assert near > 0.8 > 0.5 > far


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (RESOLUTION, "failure"),
        ("Failed to write to disk: No space left on device", "failure"),
        ("panic: runtime error: index out of range [5] with length 3", "failure"),
        ("Failed password for invalid user admin from 203.0.113.7 port 22 ssh2", "security"),
        ("Certificate for example.org expires in 12 days", "warning"),
        ("Server listening on 0.0.0.0:8080", "lifecycle"),
        ('203.0.113.7 - - [10/Oct/2030:13:55:36 +0000] "GET /index.html HTTP/1.1" 200 2326 "-" "curl/8.1"', "access"),
        ("Slow query: 1200 ms", "performance"),
        ("Processed 120 records, 0 errors", "normal"),
        ("", "normal"),
    ],
)
def test_kinds_of_lines(text: str, kind: str) -> None:
    assert classify([text]).to_pylist() == [kind]


def test_kind_and_probability_come_from_one_model_call() -> None:
    runtime = ModelRuntime()
    lines = pa.array(["disk failed", "all fine"])
    kinds = runtime.infer(classify, [lines]).values.to_pylist()
    details = runtime.infer(classify_detail, [lines]).values.to_pylist()
    assert [d["f0"] for d in details] == kinds
    assert all(1 / 7 < d["f1"] <= 1 for d in details)
    assert runtime.stats(classify).model_calls == 1


@pytest.mark.parametrize(
    ("model", "files"),
    [
        ("embed", ["artefact"]),
        ("classify", ["artefact"]),
        ("cluster_id", ["artefact"]),
        ("digits", ["artefact", "digits.tflite"]),
        ("captions", ["greedy.pb", "beam.pb"]),
        ("car_buyer", ["artefact"]),
        ("machine_health", ["artefact/1.tflite", "artefact/2.tflite"]),
    ],
)
def test_artefacts_are_whole_small_and_described(model: str, files: list[str]) -> None:
    folder: Path = MODELS_ROOT / model
    assert all(verify(model, f"{model}/{file}").size_bytes < 5_000_000 for file in files)
    figures = json.loads((folder / "figures.json").read_text())
    card = (folder / "MODEL_CARD.md").read_text("utf-8")
    for heading in ("## Data", "## Method", "## Held-out figures", "## Limits"):
        assert heading in card
    for group in figures.values():
        for value in group.values() if isinstance(group, dict) else [group]:
            if isinstance(value, float):
                assert f"{value:.2f}" in card
