"""UNION ALL and sub-queries in queries that go on: as push queries, over files, with headers, and who knows what they read."""

from __future__ import annotations

import pyarrow as pa
import pytest

import mergus
from mergus.engine.errors import MergusError, UserError
from mergus.engine.io.topics import HEADERS

STREAMS = """
CREATE STREAM a (id INT KEY, x INT) WITH (KAFKA_TOPIC = 'a', FORMAT = 'JSON', PARTITIONS = 2);
CREATE STREAM b (id INT KEY, y BIGINT) WITH (KAFKA_TOPIC = 'b', FORMAT = 'JSON', PARTITIONS = 1);
"""


@pytest.fixture
def db():
    with mergus.connect() as db:
        db.execute(STREAMS)
        db.insert("a", [{"id": i % 3, "x": i} for i in range(6)])
        db.insert("b", [{"id": i, "y": 100 + i} for i in range(2)])
        yield db


def pushed(db, query: str) -> list[dict]:
    with db.push(query, from_beginning=True) as push:
        return list(push)


def test_push_queries(db):
    union = "SELECT id, x FROM a WHERE x > 1 UNION ALL SELECT id, y FROM b"
    assert sorted(r["X"] for r in pushed(db, f"{union} EMIT CHANGES LIMIT 6;")) == [2, 3, 4, 5, 100, 101]
    groups = f"SELECT id, SUM(x) AS s FROM ({union}) u GROUP BY id"
    (row,) = pushed(db, f"WITH g AS ({groups}) SELECT id, s + 1 AS t FROM g WHERE s = 105 EMIT CHANGES LIMIT 1;")
    assert row == {"ID": 1, "T": 106}


def test_files_are_put_together_and_their_queries_end(db, tmp_path):
    (tmp_path / "old.csv").write_text("City,degrees\nOslo,3.5\nVoss,-1.0\n")
    (tmp_path / "new.csv").write_text("city,degrees\nOslo,4\n")
    for name in ("old", "new"):
        db.execute(f"CREATE STREAM {name} WITH (PATH = '{tmp_path}/{name}.csv', PATH_FORMAT = 'csv');")
    union = "SELECT city, degrees FROM old UNION ALL SELECT city, degrees FROM new"
    rows = pushed(db, f"SELECT city, degrees FROM ({union}) f WHERE degrees > 0 EMIT CHANGES;")
    assert sorted(tuple(r.values()) for r in rows) == [("Oslo", 3.5), ("Oslo", 4.0)]
    db.execute(f"CREATE TABLE mean AS SELECT city, AVG(degrees) AS c FROM ({union}) f GROUP BY city;")
    db.execute("CREATE STREAM all_of_them AS SELECT degrees FROM old UNION ALL SELECT x FROM a PARTITION BY NULL;")
    db.wait()
    assert sorted(tuple(r.values()) for r in db.query("SELECT * FROM mean;").rows()) == [("Oslo", 3.75), ("Voss", -1.0)]
    found = sorted(r["degrees"] for r in db.query("SELECT * FROM all_of_them;").rows())
    assert found == [-1.0, 0.0, 1.0, 2.0, 3.0, 3.5, 4.0, 5.0]


def test_headers_go_along_where_every_arm_s_row_is_made_of_one_record(db):
    db.execute("CREATE STREAM u AS SELECT id, x FROM a UNION ALL SELECT id, v FROM (SELECT id, y AS v FROM b) c;")
    trace = [{"key": "trace", "value": b"1"}]
    columns = {"timestamp": [0], "key": [b"9"], "value": [b'{"X":7,"Y":7}']}
    writer = db.engine.topics.writer()
    for topic in ("a", "b"):
        record = {n: pa.array(v) for n, v in columns.items()} | {"headers": pa.array([trace], HEADERS)}
        writer.write(topic, pa.record_batch(record))
    writer.close()
    db.wait()
    reader = db.engine.topics.reader({("U", 0): 0, ("U", 1): 0}, ("key", "value", "headers"))
    found = [row for _ in range(8) if (batch := reader.poll(100, 0)) is not None for row in batch.to_pylist()]
    reader.close()
    assert len(found) == 10
    assert [r["headers"] for r in found if r["key"] == b"9"] == [trace, trace]


def test_the_catalog_knows_what_a_union_reads(db):
    db.execute("CREATE STREAM u AS SELECT id, x FROM a UNION ALL SELECT id, v FROM (SELECT id, y + 1 AS v FROM b) c;")
    with pytest.raises(MergusError, match="CSAS_U"):
        db.execute("DROP STREAM b;")
    with pytest.raises(UserError, match="cannot be read and written"):
        db.execute("INSERT INTO a SELECT id, x FROM a UNION ALL SELECT id, 1 FROM b;")


def test_the_table_of_a_sub_query_is_asked_as_any(db):
    groups = "SELECT id, COUNT(*) AS n FROM a GROUP BY id"
    db.execute(f"CREATE TABLE t AS SELECT n, COUNT(*) AS ids FROM ({groups}) g GROUP BY n;")
    db.wait()
    assert db.query("SELECT * FROM t;").rows() == [{"N": 2, "IDS": 3}]
    assert db.query("SELECT ids FROM t WHERE n = 1;").rows() == []  # one that ids have only passed through


def test_explain_shows_the_arms(db):
    (said,) = db.execute("EXPLAIN SELECT id, x FROM a UNION ALL SELECT id, y FROM b EMIT CHANGES;")
    assert "Union of 2 streams" in str(said.body)
