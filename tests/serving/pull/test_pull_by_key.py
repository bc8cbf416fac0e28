"""Questions for a key are read from the state itself: they answer what the same question over the whole table does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import mergus
from mergus.engine.serving.connection.local import Connection

TABLES = """
CREATE STREAM events (k STRING KEY, n INT, v DOUBLE) WITH (kafka_topic = 'events', value_format = 'JSON', partitions = 2);
CREATE TABLE people (id INT PRIMARY KEY, name STRING) WITH (kafka_topic = 'people', value_format = 'JSON', partitions = 1);
CREATE TABLE totals AS SELECT k, COUNT(*) AS c, AVG(v) AS mean, MAX(v) - MIN(v) AS spread FROM events GROUP BY k;
CREATE TABLE pairs WITH (key_format = 'JSON')
  AS SELECT n, COUNT(*) AS c, k, LATEST_BY_OFFSET(v) AS last FROM events GROUP BY k, n;
CREATE TABLE many AS SELECT k, COUNT(*) AS c FROM events GROUP BY k HAVING COUNT(*) > 1;
CREATE TABLE kept AS SELECT id, UCASE(name) AS name, name AS own FROM people;
"""
QUESTIONS = [
    "SELECT c, mean FROM totals WHERE k = '{0}'",
    "SELECT mean + 1 AS m, k, 'x' AS x, c FROM totals WHERE '{0}' = k",
    "SELECT spread, c FROM totals WHERE k = '{0}'",
    "SELECT * FROM totals WHERE k = '{0}'",
    "SELECT c, last, k FROM pairs WHERE n = {1} AND k = '{0}'",
    "SELECT ROWTIME AS at, c FROM totals WHERE k = '{0}'",
    "SELECT c FROM many WHERE k = '{0}'",
    "SELECT name, id, own FROM kept WHERE id = {1}",
    "SELECT CAST(own AS INT) AS i, id FROM kept WHERE id = {1}",
]
KEYS = [("a", 1), ("it's", 2), ("a", 2), ("", 3), ("none", 9)]


@pytest.fixture(scope="module")
def db() -> Iterator[Connection]:
    with mergus.connect() as db:
        db.execute(TABLES)
        rows = [("a", 1, 0.5), ("a", 2, 1.5), ("it's", 2, 7.0), ("", 3, None), ("a", 1, 2.5), ("it's", 2, 8.0)]
        db.insert("events", [{"k": k, "n": n, "v": v} for k, n, v in rows])
        db.insert("people", [{"id": 1, "name": "ann"}, {"id": 2, "name": "7"}, {"id": 3, "name": None}])
        db.wait(60)
        yield db


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_same_as_over_the_whole_table(db: Connection, question: str) -> None:
    found = 0
    table = question.split(" FROM ")[1].split()[0]
    for _ in range(2):  # a shape is known when it has been asked twice
        for key in KEYS:
            text = question.format(key[0].replace("'", "''"), key[1])
            whole = text.replace("ROWTIME", "t").replace(
                f"FROM {table}", f"FROM (SELECT *, ROWTIME AS t FROM {table}) AS {table}"
            )
            if "*" in question:
                whole = text.replace(f"FROM {table}", f"FROM (SELECT * FROM {table}) AS {table}")
            rows = db.query(text + ";").rows()
            assert rows == db.query(whole + ";").rows()
            found += len(rows)
    assert found
