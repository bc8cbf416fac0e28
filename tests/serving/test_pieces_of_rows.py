"""An answer's rows in pieces, so that a large one needs the memory of a piece where it is written as text."""

from __future__ import annotations

import pyarrow as pa
import pytest

from mergus.engine.serving.results import PIECE_ROWS, Rows
from mergus.engine.sql.schema import ColumnDef, Schema
from mergus.engine.sql.types import BIGINT

SCHEMA = Schema((ColumnDef("N", BIGINT),))


@pytest.mark.parametrize(
    ("count", "pieces"),
    [(0, [0]), (1, [1]), (PIECE_ROWS, [PIECE_ROWS]), (2 * PIECE_ROWS + 5, [PIECE_ROWS, PIECE_ROWS, 5])],
)
def test_pieces(count: int, pieces: list[int]) -> None:
    table = pa.table({"c0": pa.array(range(count), pa.int64())})
    made = list(Rows("SELECT", SCHEMA, table).tables())
    assert [piece.num_rows for piece in made] == pieces
    assert pa.concat_tables(made).equals(table)
