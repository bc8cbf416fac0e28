"""First calls of a model: made once, before rows wait for its answers, and dropped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from mergus.engine.inference.model_function import ModelFunction
from mergus.engine.inference.runtime import ModelRuntime
from mergus.engine.inference.warming import first_calls
from mergus.engine.sql.types import parse_type
from tests.inference.fake_model import FakeModel, fake

__all__ = ["fake"]


def model(artefact: Path = Path("/nowhere"), *, takes: str = "DOUBLE", **settings: Any) -> ModelFunction:
    return ModelFunction("m", artefact, {"x": parse_type(takes)}, parse_type("DOUBLE"), **settings)


def test_a_model_is_called_once_before_rows_come_and_nothing_of_it_counts(fake: Path) -> None:
    function, runtime = model(fake), ModelRuntime()
    runtime.warm(function)
    runtime.warm(function)
    assert FakeModel.asked == [[0.0]]
    assert (runtime.stats(function).rows, runtime.stats(function).model_rows) == (0, 0)
    assert runtime.infer(function, [pa.array([0.0])]).values.to_pylist() == [0.0]
    assert FakeModel.asked == [[0.0], [0.0]]  # nor is it remembered


def test_golden_inputs_are_asked_where_there_are_such(fake: Path) -> None:
    ModelRuntime().warm(model(fake), [pa.array([3.0, 4.0])])
    assert FakeModel.asked == [[3.0, 4.0]]


def test_each_of_a_models_batch_sizes_is_called(fake: Path) -> None:
    ModelRuntime().warm(model(fake, batch_sizes=(1, 4)), [pa.array([3.0, 5.0])])
    assert FakeModel.asked == [[3.0], [3.0, 5.0, 3.0, 5.0]]


def test_a_model_that_refuses_zeros_is_ready_all_the_same(fake: Path) -> None:
    FakeModel.refuses.add(0.0)
    function, runtime = model(fake), ModelRuntime()
    runtime.warm(function)
    assert runtime.infer(function, [pa.array([2.0])]).values.to_pylist() == [4.0]


@pytest.mark.parametrize(
    ("takes", "asked"),
    [
        ("INTEGER", 0),
        ("BOOLEAN", False),
        ("STRING", ""),
        ("BYTES", b""),
        ("FLOAT[3]", [0.0, 0.0, 0.0]),
        ("ARRAY<ARRAY<FLOAT[2]>>", [[[0.0, 0.0]]]),
        ("ARRAY<STRING>", [""]),
    ],
)
def test_zeros_are_of_the_models_types(takes: str, asked: Any) -> None:
    assert [[column.to_pylist() for column in call] for call in first_calls(model(takes=takes), None)] == [[[asked]]]


@pytest.mark.parametrize("provider", ["python", "tfserving", "open_inference", "somebodys"])
def test_a_call_that_may_do_anything_is_made_only_with_what_somebody_has_written(provider: str) -> None:
    function = model(provider=provider)
    assert first_calls(function, None) == []
    assert first_calls(function, [pa.array([1.0])]) == [[pa.array([1.0])]]


def test_zeros_mean_nothing_to_a_sparse_tensor() -> None:
    sparse = "STRUCT<indices ARRAY<ARRAY<BIGINT>>, `values` ARRAY<FLOAT>, shape ARRAY<BIGINT>>"
    assert first_calls(model(takes=sparse), None) == []
