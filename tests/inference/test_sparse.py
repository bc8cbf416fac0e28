"""Sparse tensors: rows of places and values as a batch's sparse tensor, as a dense one, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import mergus
from mergus.engine.errors import MergusError
from mergus.engine.inference.binding import Binding, bind, declared_tensors
from mergus.engine.inference.program import Tensor
from mergus.engine.inference.sparse import arrow_rows, column_type
from mergus.engine.sql.types import BIGINT, FLOAT, STRING, Array, Struct, Vector, arrow_type

KIND = column_type(FLOAT)
DENSE = Tensor("y", "float32", (None,))
TWO = [
    {"indices": [[1, 2], [0, 0]], "values": [5.0, 7.0], "shape": [2, 3]},
    {"indices": [[1, 0]], "values": [9.0], "shape": [2, 1]},
]


def rows(values: list[dict[str, Any]], kind: Struct = KIND) -> pa.Array:
    return arrow_rows(values, arrow_type(kind), kind)


def coo(prefix: str, *, rank: int = 2, dtype: str = "float32", names: tuple[str, ...] = ()) -> list[Tensor]:
    indices, values, shape = names or (f"{prefix}_indices", f"{prefix}_values", f"{prefix}_dense_shape")
    return [Tensor(indices, "int64", (rank + 1,)), Tensor(values, dtype), Tensor(shape, "int64")]


@pytest.mark.parametrize(
    ("tensors", "column"),
    [
        (coo("x"), "X"),
        (coo("x", names=("x/indices", "x/values", "x/shape")), "X"),
        (coo("x", names=("x", "x_1", "x_2")), "X"),
        (coo("", names=("indices", "values", "dense_shape")), "INPUT"),
        (coo("", names=("indices", "values", "shape"))[:2], "INPUT"),
    ],
)
def test_a_batch_is_one_sparse_tensor(tensors: list[Tensor], column: str) -> None:
    made = bind("m", tensors, [DENSE], None, None)
    assert made.input_columns == ((column, KIND),)
    assert made.input_tensors == tuple(tensors)
    assert Binding.of_json(made.as_json()) == made
    fed = made.prepare(rows(TWO))
    assert fed[tensors[0].name].tolist() == [[0, 0, 0], [0, 1, 2], [1, 1, 0]]  # places in order
    assert fed[tensors[1].name].tolist() == [7, 5, 9]
    if len(tensors) > 2:
        assert fed[tensors[2].name].tolist() == [2, 2, 3]
    declared = bind("m", tensors, [DENSE], (("X", KIND),), None) if column == "X" else made
    assert declared.input_tensors == tuple(tensors)


def test_beside_other_inputs_and_of_texts() -> None:
    kind = column_type(STRING)
    made = bind("m", [*coo("words", rank=1, dtype="string"), Tensor("n", "int64")], [DENSE], None, None)
    assert made.input_columns == (("WORDS", kind), ("N", BIGINT))
    words = rows([{"indices": [[1]], "values": ["a"], "shape": [4]}], kind)
    fed = made.prepare(words, pa.array([3]))
    assert fed["words_values"].tolist() == [b"a"]
    assert fed["n"].tolist() == [3]


def test_a_dense_tensor_gets_zeros_between() -> None:
    tensor = Tensor("x", "float32", (2, 3))
    made = bind("m", [tensor], [DENSE], (("anything", KIND),), None)
    assert made.prepare(rows(TWO))["x"].tolist() == [[[7, 0, 0], [0, 0, 5]], [[0, 0, 0], [9, 0, 0]]]
    with pytest.raises(MergusError, match="does not fit x"):
        bind("m", [Tensor("x", "float32", (2, 2))], [DENSE], (("x", KIND),), None).prepare(rows(TWO))


def test_answers_are_what_is_not_zero() -> None:
    kind = column_type(FLOAT)
    made = bind("m", [Tensor("x", "float32")], [Tensor("y", "float32", (3,))], None, (("y", kind),))
    answer = made.finish({"y": np.array([[0, 1.5, 0], [0, 0, 0], [2, 0, 3]], dtype=np.float32)})
    assert answer.type == arrow_type(kind)
    assert [list(v.values()) for v in answer.to_pylist()] == [
        [[[1]], [1.5], [3]],
        [[], [], [3]],
        [[[0], [2]], [2.0, 3.0], [3]],
    ]


def test_a_sparse_answer_is_cut_into_rows() -> None:
    made = bind("m", [Tensor("x", "float32")], [*coo("y"), Tensor("n", "int64")], None, None)
    assert made.output_columns == (("Y", KIND), ("N", BIGINT))
    assert Binding.of_json(made.as_json()) == made
    outputs = {
        "y_indices": np.array([[2, 1, 0], [0, 0, 2], [0, 1, 1]]),
        "y_values": np.array([9, 5, 7], dtype=np.float32),
        "y_dense_shape": np.array([3, 2, 3]),
        "n": np.array([4, 5, 6]),
    }
    by_row = made.by_row(outputs, 3)
    assert sorted(by_row) == ["n", "y_values"]
    answer = made.finish({name: values[[0, 2, 1]] for name, values in by_row.items()})  # rows are cut and put together
    assert [list(row.values()) for row in pc.struct_field(answer, [0]).to_pylist()] == [
        [[[0, 2], [1, 1]], [5.0, 7.0], [2, 3]],
        [[[1, 0]], [9.0], [2, 3]],
        [[], [], [2, 3]],
    ]
    declared = bind("m", [Tensor("x", "float32")], coo("y"), None, (("Y", KIND),))
    assert declared.output_tensors == tuple(coo("y"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"y_dense_shape": np.array([2, 2, 3])}, "no sparse tensor of 3 rows"),
        ({"y_values": np.array([1.0])}, "no sparse tensor of 3 rows"),
        ({"y_indices": np.array([[2, 2, 0], [0, 0, 2]])}, "outside y_dense_shape"),
    ],
)
def test_an_answer_that_is_no_tensor_of_the_rows_is_refused(change: dict[str, Any], words: str) -> None:
    made = bind("m", [Tensor("x", "float32")], coo("y"), None, None)
    outputs = {
        "y_indices": np.array([[2, 1, 0], [0, 0, 2]]),
        "y_values": np.array([9.0, 5.0]),
        "y_dense_shape": np.array([3, 2, 3]),
    }
    with pytest.raises(MergusError, match=words):
        made.by_row(outputs | change, 3)


def test_three_answers_whose_names_leave_doubt_are_three() -> None:
    made = bind("m", [Tensor("x", "float32")], coo("", names=("y", "y_1", "y_2")), None, None)
    assert [column for column, _ in made.output_columns] == ["Y", "Y_1", "Y_2"]


PLAIN = Struct((("VALUES", Array(FLOAT)), ("INDICES", Array(BIGINT)), ("SHAPE", Array(BIGINT))))


def test_in_one_dimension_a_place_may_be_a_number_and_fields_stand_in_any_order() -> None:
    made = bind("m", [Tensor("x", "float32", (3,))], [DENSE], (("x", PLAIN),), None)
    given = rows([{"indices": [2], "values": [4.0], "shape": [3]}], PLAIN)
    assert made.prepare(given)["x"].tolist() == [[0, 0, 4]]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"indices": [[0, 3]], "values": [1.0], "shape": [2, 3]}, "outside its SHAPE"),
        ({"indices": [[0, -1]], "values": [1.0], "shape": [2, 3]}, "outside its SHAPE"),
        ({"indices": [[0, 0]], "values": [1.0, 2.0], "shape": [2, 3]}, "as many INDICES"),
        ({"indices": [[0]], "values": [1.0], "shape": [2, 3]}, "not 2 numbers"),
        ({"indices": None, "values": [1.0], "shape": [2, 3]}, "NULL in its INDICES"),
        ({"indices": [[0, 0]], "values": [None], "shape": [2, 3]}, "NULL in its VALUES"),
    ],
)
def test_a_row_that_is_no_tensor_is_refused(row: dict[str, Any], words: str) -> None:
    with pytest.raises(MergusError, match=words):
        bind("m", coo("x"), [DENSE], None, None).prepare(rows([row]))


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(MergusError, match="does not fit tensor x_values"):
        bind("m", coo("x"), [DENSE], (("x", column_type(STRING)),), None)
    with pytest.raises(MergusError, match="no tensor is called so"):
        bind("m", [*coo("x"), Tensor("z", "int64")], [DENSE], (("y", KIND), ("z", BIGINT)), None)
    assert bind("m", [Tensor("x", "float32", (3,))], [DENSE], None, None).input_columns == (("X", Vector(3)),)
    assert [t.name for t in declared_tensors((("X", KIND),))] == ["x_indices", "x_values", "x_shape"]


GIVEN = [
    {"indices": [[3], [0]], "values": [2.0, 3.0], "shape": [4]},
    {"indices": [[9]], "values": [2.0], "shape": [4]},
    {"indices": [], "values": [], "shape": [4]},
]
COLUMN = "x STRUCT<indices ARRAY<ARRAY<BIGINT>>, `values` ARRAY<FLOAT>, shape ARRAY<BIGINT>>"


def answers(create: str) -> tuple[list[Any], list[str]]:
    """What a model says to GIVEN and a NULL, and the log's reasons."""
    with mergus.connect() as db:
        db.execute(create)
        db.execute(f"CREATE STREAM s (id INT KEY, {COLUMN}) WITH (kafka_topic='s', value_format='JSON', partitions=1);")
        db.insert("s", [{"id": i, "x": x} for i, x in enumerate([*GIVEN, None])])
        found = db.query("SELECT id, m(x) AS y FROM s;").rows()
        log = db.query("SELECT * FROM mergus_processing_log;").rows()
    return [r["Y"] for r in found], [r["REASON"] for r in log]


def test_a_python_function_gets_the_three_and_a_bad_row_errs_alone(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text(
        "import numpy as np\n"
        "def predict(x_indices, x_values, x_shape):\n"
        "    made = np.zeros(tuple(x_shape))\n"
        "    made[tuple(x_indices.T)] = x_values\n"
        "    return made @ [1, 10, 100, 1000]\n"
    )
    given = (
        f"INPUT ({COLUMN}) OUTPUT (y DOUBLE) WITH (provider='python', path='{tmp_path / 'm.py'}', batch_sizes='1,8')"
    )
    said, reasons = answers(f"CREATE MODEL m {given};")
    assert said == [2003.0, None, 0.0, None]
    assert ["outside its SHAPE" in reason for reason in reasons] == [True]


def test_a_sparse_answer_in_sql_beside_rows_that_fail(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text(
        "import numpy as np\n"
        "def predict(v):\n"
        "    if 13.0 in v:\n"
        "        raise ValueError('unlucky')\n"
        "    rows = np.flatnonzero(v > 0)\n"
        "    places = np.stack([rows, v[rows].astype(int)], axis=1)\n"
        "    return {'y_indices': places, 'y_values': v[rows], 'y_shape': np.array([len(v), 20])}\n"
    )
    column = COLUMN.replace("x ", "y ", 1).replace("FLOAT", "DOUBLE")
    with mergus.connect() as db:
        db.execute(
            f"CREATE MODEL m INPUT (v DOUBLE) OUTPUT ({column}) WITH (provider='python', path='{tmp_path / 'm.py'}', "
            "batch_sizes='4');"
            "CREATE STREAM s (id INT KEY, v DOUBLE) WITH (kafka_topic='s', value_format='JSON', partitions=1);"
        )
        values = [3.0, -1.0, 13.0, 3.0, None, 7.0, 8.0]
        db.insert("s", [{"id": i, "v": v} for i, v in enumerate(values)])
        found = [row["Y"] for row in db.query("SELECT id, m(v) AS y FROM s;").rows()]
        reasons = [row["REASON"] for row in db.query("SELECT * FROM mergus_processing_log;").rows()]
        tables = db.query("SELECT id, m(v)->`values`[1] AS y FROM s WHERE ARRAY_LENGTH(m(v)->indices) = 1;").rows()
    assert [None if row is None else list(row.values()) for row in found] == [
        [[[3]], [3.0], [20]],
        [[], [], [20]],
        None,
        [[[3]], [3.0], [20]],
        None,
        [[[7]], [7.0], [20]],
        [[[8]], [8.0], [20]],
    ]
    assert reasons
    assert all("unlucky" in reason for reason in reasons)
    assert [row["Y"] for row in tables] == [3.0, 3.0, 7.0, 8.0]


@pytest.mark.slow
def test_a_savedmodel_with_a_sparse_signature_answers_in_sql(tmp_path: Path) -> None:
    tf = pytest.importorskip("tensorflow")

    class Weighted(tf.Module):
        @tf.function(input_signature=[tf.SparseTensorSpec([None, 4], tf.float32)])
        def __call__(self, x):  # type: ignore[no-untyped-def]
            weights = tf.constant([[1.0], [10.0], [100.0], [1000.0]])
            return {"y": tf.reshape(tf.sparse.sparse_dense_matmul(x, weights), [-1])}

    model = Weighted()
    tf.saved_model.save(model, str(tmp_path / "m"), signatures={"serving_default": model.__call__})
    said, _ = answers(f"CREATE MODEL m INPUT ({COLUMN}) WITH (provider='tensorflow', path='{tmp_path / 'm'}');")
    assert said == [2003.0, None, 0.0, None]
