"""CREATE OR REPLACE of a running query: it goes on under its id, from where it stands, with what it remembers."""

import pytest

import mergus
from mergus.engine.errors import Conflict

SOURCES = """
CREATE STREAM s (k STRING KEY, a INT) WITH (kafka_topic='s', value_format='JSON', partitions=1);
CREATE TABLE names (k STRING PRIMARY KEY, name STRING, age INT) WITH (kafka_topic='names', value_format='JSON', partitions=1);
"""
QUERIES = """
CREATE STREAM o AS SELECT k, a FROM s;
CREATE TABLE t AS SELECT k, COUNT(*) AS n FROM s GROUP BY k;
CREATE TABLE kept AS SELECT k, name FROM names;
CREATE STREAM joined AS SELECT s.k AS k, a, name FROM s JOIN names ON s.k = names.k;
"""


def insert(db, *numbers):
    db.insert("S", [{"k": "x", "a": a} for a in numbers])
    db.wait()


def test_what_came_before_stays_and_what_comes_is_made_the_new_way(tmp_path):
    with mergus.connect(tmp_path) as db:
        db.execute(SOURCES + QUERIES)
        db.insert("NAMES", [{"k": "x", "name": "Ann"}])
        db.wait()
        insert(db, 1, -5)
        ids = set(db.engine.catalog.queries)
        db.execute("CREATE OR REPLACE STREAM o AS SELECT k, a, a * 10 AS b FROM s WHERE a > 0;")
        db.execute("CREATE OR REPLACE TABLE t AS SELECT k, COUNT(*) AS n FROM s WHERE a > 0 GROUP BY k;")
        db.execute("CREATE OR REPLACE TABLE kept AS SELECT k, UCASE(name) AS name FROM names;")
        db.execute(
            "CREATE OR REPLACE STREAM joined AS SELECT s.k AS k, a + 100 AS a, name FROM s JOIN names ON s.k = names.k;"
        )
        assert set(db.engine.catalog.queries) == ids
        insert(db, 2, -7)
    with mergus.connect(tmp_path) as db:
        insert(db, 3)
        assert db.query("SELECT a, b FROM o;").rows() == [
            {"A": 1, "B": None},
            {"A": -5, "B": None},
            {"A": 2, "B": 20},
            {"A": 3, "B": 30},
        ]
        assert db.query("SELECT * FROM t;").rows() == [{"K": "x", "N": 4}]
        assert db.query("SELECT * FROM kept;").rows() == [{"K": "x", "NAME": "Ann"}]
        assert [r["A"] for r in db.query("SELECT a FROM joined;").rows()] == [1, -5, 102, 93, 103]


@pytest.fixture(scope="module")
def db():
    with mergus.connect() as db:
        db.execute(SOURCES + QUERIES)
        yield db


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("TABLE t AS SELECT k, MAX(a) AS n FROM s GROUP BY k", "would be changed"),
        ("TABLE t AS SELECT k, COUNT(a) AS n FROM s GROUP BY k", "its aggregates would change"),
        ("TABLE t AS SELECT k, COUNT(*) AS n, SUM(a) AS m FROM s GROUP BY k", "its aggregates would change"),
        ("TABLE t AS SELECT k, COUNT(*) AS n FROM s WINDOW TUMBLING (SIZE 1 HOUR) GROUP BY k", "its window"),
        ("TABLE t AS SELECT k, COUNT(*) AS n FROM o GROUP BY k", "would read other sources"),
        ("TABLE t WITH (state_ttl = '1 DAY') AS SELECT k, COUNT(*) AS n FROM s GROUP BY k", "STATE_TTL may be longer"),
        ("TABLE kept AS SELECT k, name, age FROM names", "the table keeps its rows"),
        ("STREAM o AS SELECT k, a FROM s PARTITION BY k", None),
        (
            "STREAM joined AS SELECT s.k AS k, a, name, age FROM s JOIN names ON s.k = names.k",
            "it keeps of its sources",
        ),
        ("STREAM joined AS SELECT k, a, 'x' AS name FROM s", "would read other sources"),
    ],
)
def test_what_cannot_go_on_is_refused(db, statement, why):
    if why is None:
        db.execute(f"CREATE OR REPLACE {statement};")
        return
    with pytest.raises(Conflict, match=why):
        db.execute(f"CREATE OR REPLACE {statement};")
