"""Statements that the machine refuses (a full disk): none of it is done, then or later."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest

import mergus
from mergus.engine.errors import EnvironmentFault
from mergus.engine.io.embedded import writer

STATEMENTS = """
CREATE STREAM s (k STRING KEY, a INT) WITH (kafka_topic='s', value_format='JSON', partitions=1);
CREATE TABLE t AS SELECT k, COUNT(*) AS n FROM s GROUP BY k EMIT CHANGES;
INSERT INTO s VALUES ('x', 1);
"""


@pytest.fixture
def db():
    with mergus.connect() as made:
        made.execute(STATEMENTS)
        yield made


def rows(db: Any, sql: str) -> list[Any]:
    return [tuple(row.values()) for row in db.query(sql).rows()]


def test_a_row_that_was_refused_is_not_written_with_the_next(db, monkeypatch):
    def full(*_):
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(writer, "_append", full)
        with pytest.raises(EnvironmentFault, match="disk is full"):
            db.execute("INSERT INTO s VALUES ('x', 2);")
        (refused,) = list(db.engine.insert_rows("S", [{"K": "x", "A": 3}]))
        assert refused is not None
    db.execute("INSERT INTO s VALUES ('x', 4);")
    assert rows(db, "SELECT a FROM s;") == [(1,), (4,)]


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE OR REPLACE TABLE t AS SELECT k, COUNT(*) AS n FROM s WHERE a > 0 GROUP BY k EMIT CHANGES;",
        "TERMINATE CTAS_T_0;",
        "PAUSE CTAS_T_0;",
        "DROP TABLE t DELETE TOPIC;",
        "ALTER SYSTEM 'auto.offset.reset' = 'latest';",
    ],
)
def test_what_cannot_be_recorded_is_not_done(db, monkeypatch, statement):
    def full(*_, **__):
        raise EnvironmentFault("cannot use the command log", detail="database or disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(db.engine.commands, "append", full)
        with pytest.raises(EnvironmentFault, match="command log"):
            db.execute(statement)
    db.execute("INSERT INTO s VALUES ('x', 2);")
    db.engine.wait_caught_up(60)
    assert rows(db, "SELECT n FROM t;") == [(2,)]
    assert {query_id: status.state for query_id, status in db.engine.statuses().items()} == {"CTAS_T_0": "RUNNING"}
    assert db.engine.topics.describe("T") is not None
    assert db.engine.system == {}
    db.execute(statement)


def test_a_topic_that_cannot_be_deleted_is_told_and_the_rest_is_done(db, monkeypatch):
    def away(name):
        raise EnvironmentFault("the brokers are away")

    with monkeypatch.context() as patched:
        patched.setattr(db.engine.topics, "delete", away)
        with pytest.raises(EnvironmentFault, match="carried out, but topic T is not deleted"):
            db.execute("DROP TABLE t DELETE TOPIC;")
    assert db.engine.statuses() == {}
    db.execute("CREATE TABLE t (k STRING PRIMARY KEY, n BIGINT) WITH (kafka_topic='T', value_format='JSON');")
    db.execute("DROP TABLE t DELETE TOPIC;")
    assert db.engine.topics.describe("T") is None
