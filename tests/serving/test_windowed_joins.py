"""Joins of windowed sources: rows of one key and one window meet; where windows share a start, the end tells them apart."""

from __future__ import annotations

import itertools
import struct

import pyarrow as pa
import pytest

import mergus
from mergus.engine.errors import AnalysisError

SESSIONS = """
CREATE {kind} a (k STRING {key}, n BIGINT)
  WITH (kafka_topic='a', value_format='JSON', partitions=1, window_type='SESSION');
CREATE TABLE b (k STRING PRIMARY KEY, m BIGINT)
  WITH (kafka_topic='b', value_format='JSON', partitions=1, window_type='SESSION');
"""
COUNTS = """
CREATE STREAM left_in (k STRING KEY, at BIGINT)
  WITH (kafka_topic='left_in', value_format='JSON', partitions=1, timestamp='at');
CREATE STREAM right_in (k STRING KEY, at BIGINT)
  WITH (kafka_topic='right_in', value_format='JSON', partitions=1, timestamp='at');
CREATE TABLE a AS SELECT k, COUNT(*) AS n FROM left_in WINDOW {} GROUP BY k;
CREATE TABLE b AS SELECT k, COUNT(*) AS m FROM right_in WINDOW {} GROUP BY k;
INSERT INTO left_in VALUES ('x', 1000);
INSERT INTO left_in VALUES ('x', 6000);
INSERT INTO right_in VALUES ('x', 1000);
INSERT INTO left_in VALUES ('x', 20000);
INSERT INTO right_in VALUES ('x', 20000);
"""
ROWS = "SELECT a.WINDOWEND AS we, a.n, b.m FROM a JOIN b ON a.k = b.k EMIT CHANGES;"


def put(db, topic: str, time: int, end: int, value: str | None) -> None:
    """A record of key x and the session from 1000 to `end`, as Kafka Streams lays it out."""
    writer = db.engine.topics.writer()
    columns = {
        "timestamp": pa.array([time], pa.int64()),
        "key": pa.array([b"x" + struct.pack(">qq", end, 1000)], pa.binary()),
        "value": pa.array([None if value is None else value.encode()], pa.binary()),
    }
    writer.write(topic, pa.record_batch(columns))
    writer.close()


def rows(db, last: int) -> list[tuple[int, int, int]]:
    """What the join gives, up to the window that ends at `last`."""
    with db.push(ROWS, from_beginning=True) as push:
        return list(itertools.takewhile(lambda row: row[0] != last, (tuple(row.values()) for row in push)))


def test_sessions_of_tables():
    with mergus.connect() as db:
        db.execute(SESSIONS.format(kind="TABLE", key="PRIMARY KEY"))
        put(db, "a", 1, 3000, '{"N": 1}')
        put(db, "a", 2, 6000, '{"N": 2}')
        put(db, "b", 3, 3000, '{"M": 10}')
        put(db, "b", 4, 6000, '{"M": 20}')
        put(db, "a", 5, 6000, '{"N": 3}')
        put(db, "b", 6, 9000, '{"M": 99}')
        put(db, "a", 7, 9000, '{"N": 99}')
        final = {end: (n, m) for end, n, m in rows(db, 9000)}  # of a batch one update a key
        assert final == {3000: (1, 10), 6000: (3, 20)}


def test_a_stream_and_a_table_of_sessions():
    with mergus.connect() as db:
        db.execute(SESSIONS.format(kind="STREAM", key="KEY"))
        put(db, "b", 1, 3000, '{"M": 10}')
        put(db, "b", 2, 6000, '{"M": 20}')
        put(db, "a", 3, 3000, '{"N": 1}')
        put(db, "a", 4, 6000, '{"N": 2}')
        put(db, "b", 5, 6000, None)
        put(db, "a", 6, 6000, '{"N": 3}')
        put(db, "a", 7, 3000, '{"N": 4}')
        put(db, "b", 8, 9000, '{"M": 99}')
        put(db, "a", 9, 9000, '{"N": 99}')
        assert rows(db, 9000) == [(3000, 1, 10), (6000, 2, 20), (3000, 4, 10)]


def test_windows_that_grow_from_one_start():
    window = "CUMULATIVE (SIZE 10 SECONDS, STEP 5 SECONDS)"
    with mergus.connect() as db:
        db.execute(COUNTS.format(window, window))
        final = {end: (n, m) for end, n, m in rows(db, 30_000)}
        final.pop(25_000, None)
        assert final == {5000: (1, 1), 10_000: (2, 1)}


def test_windows_of_other_kinds_do_not_meet():
    with mergus.connect() as db:
        db.execute(COUNTS.format("CUMULATIVE (SIZE 10 SECONDS, STEP 5 SECONDS)", "TUMBLING (SIZE 10 SECONDS)"))
        with pytest.raises(AnalysisError, match="implicit repartitioning of windowed sources is not supported"):
            db.push(ROWS)
