"""Cases that the oracle has found, or that were suspected and stay true: each as it was printed."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from .cases import Case, Query, Record, Setup
from .clauses import Aggregate, Is, Window
from .froms import FinalGroupsOf, FinalsOf, ForeignKeyOf, StreamStreamOf, StreamTableOf, TableTableOf
from .test_oracle import check

EVERY_CUT = tuple(Setup(cut, 1, workers) for cut in (1, 3, None) for workers in (1, 2))

FOUND = {
    "a group is entered and left within a batch, and keeps its time": Case(
        Query(TableTableOf("A", "B", "INNER"), None, (), "A.X", (Aggregate("COUNT"), Aggregate("SUM", "B.Y"))),
        (
            Record("B", 0, (None, 2), 7),
            Record("A", 0, (1, 4), 3),
            Record("A", 0, (2, 4), 1),
            Record("B", 0, (None, 1), 0),
            Record("A", 0, (3, 4), 1),
        ),
        EVERY_CUT,
    ),
    "a second join of streams knows after a kill what is too late for it": Case(
        Query(
            StreamStreamOf(StreamStreamOf("L", "R", "INNER", 5, 5, 0), "P", "LEFT", 2, 2, 0),
            None,
            ("L.X", "R.X", "P.X"),
        ),
        (
            Record("L", 1, (1, 1), 50),
            Record("R", 1, (2, 1), 50),
            Record("P", 1, (3, 1), 50),
            Record("P", 1, (4, 1), 51),
            Record("P", 1, (5, 1), 42),
            Record("L", 1, (6, 1), 42),
            Record("R", 1, (7, 1), 42),
        ),
        (Setup(1, 1, 1), Setup(1, 1, 1, 4)),
    ),
    "a window behind a join knows after a kill what is too late for it": Case(
        Query(
            StreamTableOf("L", "A", outer=True),
            None,
            (),
            "L.ID",
            (Aggregate("COUNT"),),
            Window("TUMBLING", 10, None, 0),
        ),
        (Record("L", 1, (1, 1), 50), Record("L", 1, (1, 1), 51), Record("L", 1, (1, 1), 3)),
        (Setup(1, 1, 1), Setup(1, 1, 1, 2), Setup(1, 3, 2, 2)),
    ),
    "rows of one worker come together with tombstones of another": Case(
        Query(ForeignKeyOf("A", "B", outer=True), None, ("A.Y",)),
        (Record("A", 2, (None, None), 0), Record("A", 3, None, 0), Record("B", 1, (0, None), 0)),
        (Setup(3, 3, 2),),
    ),
    "what a foreign key says of a row that has left it comes after what its new one says": Case(
        Query(ForeignKeyOf("A", "B", outer=False), None, ("A.Y", "B.Y")),
        (
            Record("B", 2, (0, 20), 0),  # on the second worker, as is A's row; its answers come after the first's
            Record("B", 0, (0, 10), 0),  # on the first
            Record("A", 2, (2, 1), 1),
            Record("B", 1, (0, 30), 1),
            Record("B", 2, (0, 21), 2),
            Record("A", 2, (0, 2), 3),
        ),
        (Setup(3, 1, 2), Setup(1, 1, 2), Setup(None, 1, 2)),
    ),
    "what is late behind a join does not depend on the number of workers": Case(
        Query(
            StreamTableOf("L", "A", outer=True),
            None,
            (),
            "L.X",
            (Aggregate("COUNT"),),
            Window("HOPPING", 10, 5, 0),
        ),
        tuple(Record("L", key, (1, 1), time) for key, time in enumerate((0, 30, 1, 60, 31, 2))),
        EVERY_CUT,
    ),
    "what is late for a grouping is a matter of the rows that it sees": Case(
        Query(
            TableTableOf(
                FinalGroupsOf(FinalsOf("L", Window("TUMBLING", 10, None, 0))),
                FinalGroupsOf(FinalsOf("L", Window("TUMBLING", 10, None, 0), Is("L.X", ">", 3)), "H"),
                "LEFT",
            ),
            None,
            ("G.X", "G.Y", "H.X", "H.Y"),
        ),
        tuple(
            Record("L", 1, (x, 1), time) for x, time in ((5, 0), (0, 30), (5, 1), (5, 40), (5, 31), (0, 90), (5, 60))
        ),
        (*EVERY_CUT, Setup(1, 1, 1, 0), Setup(1, 1, 1, 2), Setup(1, 1, 1, 4), Setup(3, 3, 2, 1)),
    ),
}


@pytest.mark.parametrize("name", FOUND)
def test_found(instance: duckdb.DuckDBPyConnection, tmp_path: Path, name: str) -> None:
    check(FOUND[name], instance, tmp_path)
