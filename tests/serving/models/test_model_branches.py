"""A model in a branch of an expression is asked about the rows that take it, and about no other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import mergus

ASKED = """
from pathlib import Path

def predict(x):
    with Path(__file__).with_name("asked").open("a") as file:
        file.write("".join(f"{v:g} " for v in x))
    if (x < -5).any():
        raise ValueError("too low")
    return x * 2
"""


class Models:
    """Two models that write down what they are asked, and four rows."""

    def __init__(self, db: Any, folder: Path) -> None:
        self.db = db
        self.folder = folder
        (folder / "m.py").write_text(ASKED)
        db.execute(
            "CREATE STREAM s (id INT KEY, a DOUBLE, t STRING, f BOOLEAN) "
            "WITH (kafka_topic='s', value_format='JSON', partitions=1);"
        )
        for name, more in (("m", ""), ("n", ""), ("kept", ", on_error='dlq'")):
            db.execute(
                f"CREATE MODEL {name} INPUT (x DOUBLE) OUTPUT (y DOUBLE) "
                f"WITH (provider='python', path='{folder}/m.py', cache_rows=0{more});"
            )
        db.insert(
            "s",
            [
                {"id": 1, "a": 1, "t": "1", "f": True},
                {"id": 2, "a": -2, "t": "x", "f": False},
                {"id": 3, "a": 3},
                {"id": 4, "t": "4"},
            ],
        )
        db.wait()

    def asked(self) -> list[float]:
        """What they have been asked since."""
        made = []
        for file in self.folder.glob("data/models/*/*/asked"):
            made += [float(v) for v in file.read_text().split()]
            file.unlink()
        return sorted(made)

    def answers(self, expr: str, where: str = "") -> list[Any]:
        """The expression over the rows by their ids."""
        rows = self.db.query(f"SELECT id, {expr} AS y FROM s{where};").rows()
        return [row["Y"] for row in sorted(rows, key=lambda row: row["ID"])]


@pytest.fixture
def models(tmp_path: Path) -> Iterator[Models]:
    with mergus.connect(tmp_path / "data") as db:
        yield Models(db, tmp_path)


@pytest.mark.parametrize(
    ("expr", "wanted", "asked"),
    [
        ("CASE WHEN a > 0 THEN m(a) ELSE -5 END", [2, -5, 6, -5], [1, 3]),
        ("CASE WHEN a > 0 THEN -1 ELSE m(a) END", [-1, -4, -1, None], [-2]),
        ("CASE WHEN f THEN m(a) WHEN a = 3 THEN m(a) END", [2, None, 6, None], [1, 3]),
        (
            "CASE WHEN a > 0 THEN CASE WHEN a > 2 THEN m(a) ELSE m(-a) END WHEN f THEN m(9) ELSE 0 END",
            [-2, 0, 6, 0],
            [-1, 3],
        ),
        ("CASE WHEN m(a) > 3 THEN n(a) WHEN f THEN n(7) END", [14, None, 6, None], [-2, 1, 3, 3, 7]),
        ("CASE WHEN a > 0 THEN m(a) ELSE 0 END + COALESCE(m(a), 0)", [4, -4, 12, 0], [-2, 1, 3]),
        ("n(CASE WHEN f THEN m(a) ELSE a END)", [4, -4, 6, None], [-2, 1, 2, 3]),
        (
            "COALESCE(CASE WHEN m(a) > 3 THEN n(a) END, CASE WHEN f THEN n(a) END)",
            [2, None, 6, None],
            [-2, -2, 1, 1, 3, 3],
        ),
        ("COALESCE(a, m(5))", [1, -2, 3, 10], [5]),
        ("COALESCE(NULLIF(a, 3), m(6), m(7))", [1, -2, 12, 12], [6]),
        ("IFNULL(m(a), n(8))", [2, -4, 6, 16], [-2, 1, 3, 8]),
        ("f OR m(a) > 3", [True, False, True, None], [-2, 3]),
        ("f AND m(a) > 3", [False, False, None, False], [1, 3]),
        ("NOT (f AND m(a) > 3)", [True, True, None, True], [1, 3]),
        ("m(a) > 3 OR f", [True, False, True, None], [-2, 1, 3]),
        ("f OR (a > 0 AND m(a) > 3)", [True, False, True, None], [3]),
        ("CASE WHEN a > 0 THEN MODEL_VERSION(m(a)) END", [1, None, 1, None], []),
    ],
)
def test_only_the_rows_of_the_branch_are_asked(models: Models, expr: str, wanted: Any, asked: Any) -> None:
    models.asked()
    assert models.answers(expr) == wanted
    assert models.asked() == asked


@pytest.mark.parametrize(
    ("sql", "wanted", "asked"),
    [
        ("SELECT SUM(CASE WHEN a > 0 THEN m(a) ELSE 0 END) AS y FROM s", [8], [1, 3]),
        (
            "SELECT CASE WHEN a > 0 THEN m(a) ELSE -5 END AS y, COUNT(*) AS n FROM s "
            "GROUP BY CASE WHEN a > 0 THEN m(a) ELSE -5 END",
            [-5, 2, 6],
            [1, 3],
        ),
        ("SELECT COUNT(*) AS y FROM s WHERE f OR m(a) > 5", [2], [-2, 3]),
        ("SELECT COALESCE(s.a, m(5)) AS y FROM s JOIN more ON s.id = more.id", [1, 10], [5]),
        ("SELECT b + COALESCE(s.a, m(b)) AS y FROM more LEFT JOIN s ON s.id = more.id", [2, 12], [4]),
        ("SELECT COALESCE(m(s.a), n(b)) AS y FROM s JOIN more ON s.id = more.id", [2, 8], [1, 4]),
        ("SELECT COALESCE(m(b), -1) AS y FROM s LEFT JOIN more ON s.id = more.id", [-1, -1, 2, 8], [1, 4]),
    ],
)
def test_pull_queries_that_group_or_join(models: Models, sql: str, wanted: Any, asked: Any) -> None:
    db = models.db
    db.execute(
        "CREATE STREAM more (id INT KEY, b DOUBLE) WITH (kafka_topic='more', value_format='JSON', partitions=1);"
    )
    db.insert("more", [{"id": 1, "b": 1}, {"id": 4, "b": 4}])
    db.wait()
    models.asked()
    assert sorted(row["Y"] for row in db.query(sql + ";").rows()) == wanted
    assert models.asked() == asked


def test_calls_that_wait_for_each_other_are_made_about_all_rows(models: Models) -> None:
    one = "CASE WHEN f THEN m(a) WHEN a > 0 THEN CASE WHEN n(a) > 3 THEN m(a) END END"
    other = "CASE WHEN f THEN n(a) WHEN a > 0 THEN CASE WHEN m(a) > 3 THEN n(a) END END"
    assert models.answers(f"ARRAY[{one}, {other}]") == [[2, 2], [None, None], [6, 6], [None, None]]


def test_a_condition_that_fails_chooses_no_branch(models: Models) -> None:
    assert models.answers("CASE WHEN CAST(t AS INT) > 0 THEN m(a) ELSE 4 END") == [2, None, 4, None]
    assert models.answers("IFNULL(CAST(t AS DOUBLE), m(a))") == [1, None, 6, 4]


def test_where_and_select_share_a_call(models: Models) -> None:
    models.asked()
    where = " WHERE CASE WHEN a > 0 THEN m(a) ELSE 5 END > 1"
    assert models.answers("CASE WHEN f THEN m(a) END", where) == [2, None, None, None]
    assert models.answers("m(a)", where) == [2, -4, 6, None]
    models.asked()
    assert models.answers("id", " WHERE f OR m(a) > 5") == [1, 3]
    assert models.asked() == [-2, 3]


def test_a_row_does_not_leave_a_query_for_a_branch_that_it_does_not_take(models: Models) -> None:
    db = models.db
    db.execute("CREATE STREAM o AS SELECT id, CASE WHEN a > 0 THEN kept(a) ELSE -5 END AS y FROM s;")
    db.execute(
        "CREATE TABLE t AS SELECT id, CASE WHEN SUM(a) > 0 THEN kept(SUM(a)) ELSE -5 END AS y FROM s GROUP BY id;"
    )
    db.insert("s", [{"id": 9, "a": -9}])
    db.wait()
    wanted = [(1, 2), (2, -5), (3, 6), (4, -5), (9, -5)]
    assert [(r["ID"], r["Y"]) for r in db.query("SELECT * FROM o;").rows()] == wanted
    assert sorted((r["ID"], r["Y"]) for r in db.query("SELECT * FROM t;").rows()) == wanted
