"""What a Python function may give from call to call: whole numbers and fractions, rows of several lengths, None."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mergus.engine.errors import UserError
from mergus.engine.inference.binding import bind, declared_tensors
from mergus.engine.inference.model_function import ModelFunction
from mergus.engine.inference.program import Source
from mergus.engine.inference.providers import registry as providers
from mergus.engine.inference.runtime import ModelRuntime
from mergus.engine.sql.types import parse_type


def function(folder: Path, body: str, takes: str, gives: str) -> ModelFunction:
    """A Python function as a model of one input and one output."""
    (folder / "m.py").write_text(body)
    inputs, outputs = (("X", parse_type(takes)),), (("Y", parse_type(gives)),)
    tensors = declared_tensors(inputs), declared_tensors(outputs)
    made = bind("M", *tensors, inputs, outputs)
    return ModelFunction(
        name="M",
        artefact=folder / "m.py",
        inputs=dict(inputs),
        output=outputs[0][1],
        prepare=made.prepare,
        finish=made.finish,
        provider="python",
        declared=tensors,
    )


def answers(made: ModelFunction, *batches: list[Any], rows_max: int = 1024) -> list[list[Any]]:
    runtime = ModelRuntime(rows_max=rows_max)
    return [runtime.infer(made, [pa.array(batch, made.arrow_inputs[0])]).values.to_pylist() for batch in batches]


HALF = "def predict(x):\n    return [1 if v > 0 else 0.5 for v in x.tolist()]\n"


def test_whole_numbers_of_one_call_do_not_cut_the_fractions_of_the_next(tmp_path: Path) -> None:
    made = function(tmp_path, HALF, "DOUBLE", "DOUBLE")
    assert answers(made, [1, 2], [1, -1]) == [[1, 1], [1, 0.5]]
    assert answers(made, [1, 2, -1, -2], rows_max=2) == [[1, 1, 0.5, 0.5]]


def test_texts_as_numpy_holds_them_are_not_cut(tmp_path: Path) -> None:
    body = "import numpy as np\ndef predict(x):\n    return np.array([b'ab' * int(v) for v in x])\n"
    made = function(tmp_path, body, "DOUBLE", "STRING")
    assert answers(made, [1, 2], [1, 3], [4, 1]) == [["ab", "abab"], ["ab", "ababab"], ["abababab", "ab"]]
    assert answers(made, [1, 3], rows_max=1) == [["ab", "ababab"]]


def test_zeros_at_the_end_of_a_text_stay(tmp_path: Path) -> None:
    made = function(tmp_path, "def predict(x):\n    return [v + '\\0' for v in x]\n", "STRING", "STRING")
    assert answers(made, ["a", ""]) == [["a\0", "\0"]]


@pytest.mark.parametrize(
    ("gives", "body", "wanted"),
    [
        ("ARRAY<DOUBLE>", "[[v] * int(v) for v in x.tolist()]", [[], [1], [2, 2]]),
        ("ARRAY<INT>", "[[int(v)] * int(v) for v in x.tolist()]", [[], [1], [2, 2]]),
        ("ARRAY<STRING>", "[['é'] * int(v) for v in x.tolist()]", [[], ["é"], ["é", "é"]]),
        ("ARRAY<ARRAY<DOUBLE>>", "[[[v] * int(v)] * int(v) for v in x.tolist()]", [[], [[1]], [[2, 2], [2, 2]]]),
        ("ARRAY<DOUBLE>", "[[v] * len(x) for v in x.tolist()]", [[0, 0], [1, 1], [2]]),
    ],
)
def test_rows_of_several_lengths(tmp_path: Path, gives: str, body: str, wanted: list[Any]) -> None:
    made = function(tmp_path, f"def predict(x):\n    return {body}\n", "DOUBLE", gives)
    assert answers(made, [0, 1, 2], rows_max=2) == [wanted]
    if "len(x)" not in body:
        assert answers(made, [0, 1, 2], [2, 0], [7, 1]) == [
            wanted,
            [wanted[2], wanted[0]],
            [*answers(made, [7])[0], wanted[1]],
        ]


def test_a_row_of_another_length_than_the_vector_errs_alone(tmp_path: Path) -> None:
    made = function(tmp_path, "def predict(x):\n    return [[v] * int(v) for v in x]\n", "DOUBLE", "FLOAT[2]")
    result = ModelRuntime().infer(made, [pa.array([1.0, 2.0, 3.0])])
    assert result.values.to_pylist() == [None, [2, 2], None]
    assert [row for row, _ in result.errors] == [0, 2]


def test_none_is_null_and_no_failure(tmp_path: Path) -> None:
    for gives in ("DOUBLE", "INT"):
        body = "def predict(x):\n    return [None if v < 0 else int(v) for v in x]\n"
        result = ModelRuntime().infer(function(tmp_path, body, "DOUBLE", gives), [pa.array([1.0, -1.0])])
        assert (result.values.to_pylist(), result.errors) == ([1, None], [])


def test_a_number_that_is_too_large_errs_alone(tmp_path: Path) -> None:
    made = function(tmp_path, "def predict(x):\n    return [int(v) * 10**9 for v in x]\n", "DOUBLE", "INT")
    result = ModelRuntime().infer(made, [pa.array([1.0, 9.0, 1e30])])
    assert (result.values.to_pylist(), [row for row, _ in result.errors]) == ([10**9, None, None], [1, 2])


@pytest.mark.parametrize("takes", ["a", "x, y", "x, /", "**kwargs", "x, y=1", "*, x"])
def test_a_function_that_takes_other_names_is_refused(tmp_path: Path, takes: str) -> None:
    (tmp_path / "m.py").write_text(f"def predict({takes}):\n    return 1\n")
    tensors = declared_tensors((("X", parse_type("DOUBLE")),))
    source = Source("M", tmp_path / "m.py", {}, 1, tensors, tensors)
    if takes in ("**kwargs", "x, y=1", "*, x"):
        providers.load("python", source)
    else:
        with pytest.raises(UserError, match=r"predict\(.*\) cannot be called with x"):
            providers.load("python", source)


def test_what_does_not_tell_its_names_is_taken(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text("predict = max\n")
    tensors = declared_tensors((("X", parse_type("DOUBLE")),))
    program = providers.load("python", Source("M", tmp_path / "m.py", {}, 1, tensors, tensors))
    with pytest.raises(TypeError):
        program({"x": np.array([1.0])})
