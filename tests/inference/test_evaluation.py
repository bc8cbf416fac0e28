"""A TRANSFORM's expressions over columns: what is a column already goes through, the rest is DuckDB's."""

from __future__ import annotations

import pyarrow as pa
import pytest

from mergus.engine.errors import InternalError
from mergus.engine.inference.evaluation import Evaluation, private_instance
from mergus.engine.inference.versions.packing import packed_sides
from mergus.engine.sql.expressions import Call, Column, Expr
from mergus.engine.sql.functions import SqlTemplate
from mergus.engine.sql.transform import Transform
from mergus.engine.sql.types import BIGINT, STRING

A, B = Column(0, "A", BIGINT), Column(1, "B", STRING)
TWICE = Call("*", (A, A), BIGINT, SqlTemplate(lambda args, types, result: f"({args[0]} + {args[1]})"))
GIVEN = [pa.array([1, 2], pa.int64()), pa.array(["x", None])]


def packed(*expressions: Expr) -> str:
    gives = tuple((f"C{i}", e.type) for i, e in enumerate(expressions))
    return packed_sides({"INPUT": Transform((), gives, ("",) * len(gives), expressions)})["INPUT"]


def nothing() -> object:
    raise InternalError("DuckDB is not needed")


def test_columns_go_through_without_duckdb() -> None:
    made = Evaluation(packed(B, A, B), nothing)(GIVEN)
    assert [column.to_pylist() for column in made] == [["x", None], [1, 2], ["x", None]]


def test_what_is_worked_out_stands_between_them() -> None:
    evaluation = Evaluation(packed(B, TWICE, A, TWICE), private_instance)
    made = evaluation(GIVEN)
    evaluation.close()
    assert [column.to_pylist() for column in made] == [["x", None], [2, 4], [1, 2], [2, 4]]


def test_what_is_worked_out_needs_it() -> None:
    with pytest.raises(InternalError):
        Evaluation(packed(A, TWICE), nothing)(GIVEN)
