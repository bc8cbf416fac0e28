"""Columns and tensors: what is read off a signature, what is checked against it."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mergus.engine.errors import MergusError, RecordError
from mergus.engine.inference.binding import Binding, bind
from mergus.engine.inference.program import Tensor
from mergus.engine.sql.types import BIGINT, DOUBLE, FLOAT, INTEGER, STRING, Array, Vector

FOUR = Tensor("features", "float32", (2,))
LABEL = Tensor("label", "string")


@pytest.mark.parametrize(
    ("tensor", "column"),
    [
        (Tensor("x", "float32"), FLOAT),
        (Tensor("x", "float32", (1,)), FLOAT),
        (Tensor("x", "float64"), DOUBLE),
        (Tensor("x", "int8"), INTEGER),
        (Tensor("x", "int64", (None,)), Array(BIGINT)),
        (Tensor("x", "float32", (8,)), Vector(8)),
        (Tensor("x", "float64", (8,)), Array(DOUBLE)),
        (Tensor("x", "float32", (None, 8)), Array(Vector(8))),
        (Tensor("x", "float32", (8, None)), Array(Array(FLOAT))),
        (Tensor("x", "string", (3,)), Array(STRING)),
    ],
)
def test_a_tensor_is_a_column(tensor: Tensor, column: object) -> None:
    made = bind("m", [tensor], [LABEL], None, None)
    assert made.input_columns == (("X", column),)
    assert made.output_columns == (("LABEL", STRING),)
    assert Binding.of_json(made.as_json()) == made


def test_a_name_that_is_no_plain_word_keeps_its_spelling() -> None:
    made = bind("m", [Tensor("in:0", "float32")], [LABEL], None, None)
    assert made.input_columns == (("in:0", FLOAT),)


def test_one_tensor_is_fed_from_columns_of_numbers() -> None:
    made = bind("m", [FOUR], [LABEL], (("A", DOUBLE), ("B", INTEGER)), None)
    tensors = made.prepare(pa.array([1.0, 2.0]), pa.array([3, 4], pa.int32()))
    assert made.packed
    assert tensors["features"].tolist() == [[1, 3], [2, 4]]
    assert tensors["features"].dtype == np.float32


@pytest.mark.parametrize(
    ("dtype", "kind", "good", "bad"),
    [
        ("int32", pa.int64(), [0, -(2**31), 2**31 - 1], [2**31, -(2**31) - 1]),
        ("uint8", pa.int32(), [0, 255], [-1, 256]),
        ("uint64", pa.int64(), [0, 2**63 - 1], [-1]),
        ("int64", pa.float64(), [-0.0, -7.0, -(2.0**63)], [1.5, 2.0**63, float("nan"), float("inf"), 1e300]),
        ("uint64", pa.float64(), [7.0, 2.0**63], [-1.0, 2.0**64]),
        ("float32", pa.float64(), [0.5, 0.1], []),
    ],
)
def test_a_number_that_a_tensor_cannot_hold_is_no_other_number(
    dtype: str, kind: pa.DataType, good: list[Any], bad: list[Any]
) -> None:
    columns = (("A", BIGINT if pa.types.is_integer(kind) else DOUBLE),)
    for tensor in (Tensor("x", dtype), Tensor("x", dtype, (1,))):
        made = bind("m", [tensor], [LABEL], columns, None)
        held = made.prepare(pa.array(good, kind))["x"]
        assert held.dtype == np.dtype(dtype)
        assert held.reshape(-1).tolist() == np.array(good, dtype=dtype).tolist()
        for value in bad:
            with pytest.raises(RecordError, match="does not fit tensor x"):
                made.prepare(pa.array([good[0], value], kind))
    two = bind("m", [Tensor("x", dtype, (2,))], [LABEL], (("A", DOUBLE), ("B", DOUBLE)), None)
    for value in bad:
        with pytest.raises(RecordError, match="does not fit tensor x"):
            two.prepare(pa.array([1.0]), pa.array([value]))


def test_nested_lists_become_tensors_of_more_dimensions_and_back() -> None:
    made = bind("m", [Tensor("x", "float32", (None, 2))], [Tensor("y", "float32", (None, 2))], None, None)
    column = pa.array([[[1.0, 2.0], [3.0, 4.0]]], pa.list_(pa.list_(pa.float32(), 2)))
    tensors = made.prepare(column)
    assert tensors["x"].shape == (1, 2, 2)
    assert made.finish({"y": tensors["x"]}).to_pylist() == [[[1.0, 2.0], [3.0, 4.0]]]


def test_several_outputs_are_a_struct() -> None:
    made = bind("m", [FOUR], [LABEL, Tensor("p", "float32")], None, None)
    answer = made.finish({"label": np.array([b"a"], dtype=object), "p": np.array([0.5], dtype=np.float32)})
    assert answer.to_pylist() == [{"f0": "a", "f1": 0.5}]


@pytest.mark.parametrize(
    ("inputs", "outputs", "said"),
    [
        ((("X", Vector(3)),), None, "features"),
        ((("X", STRING),), None, "features"),
        ((("A", DOUBLE), ("B", DOUBLE), ("C", DOUBLE)), None, "INPUT names A"),
        (None, (("LABEL", DOUBLE),), "label"),
        (None, (("A", STRING), ("B", STRING)), "OUTPUT names A"),
    ],
)
def test_a_mismatch_names_the_tensor(inputs: object, outputs: object, said: str) -> None:
    with pytest.raises(MergusError, match=said):
        bind("m", [FOUR], [LABEL], inputs, outputs)  # type: ignore[arg-type]


def test_a_tensor_that_nothing_feeds_is_named() -> None:
    takes = [Tensor("a", "float32"), Tensor("b", "float32")]
    with pytest.raises(MergusError, match="tensor b"):
        bind("m", takes, [LABEL], (("A", FLOAT),), None)
