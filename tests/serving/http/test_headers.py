"""Headers of records go along with what a query makes of each of them, through a running engine."""

import pyarrow as pa

import mergus
from mergus.engine.io.topics import HEADERS

TRACE = [{"key": "trace", "value": b"1"}, {"key": "empty", "value": None}]


def test_from_a_topic_through_a_stream_and_a_table(tmp_path):
    with mergus.connect(tmp_path) as db:
        db.execute("CREATE STREAM s (k INT KEY, a INT) WITH (kafka_topic='s', format='JSON', partitions=1);")
        db.execute("CREATE STREAM plus WITH (kafka_topic='plus') AS SELECT k, a + 1 AS b FROM s;")
        db.execute("CREATE TABLE t (k INT PRIMARY KEY, b INT) WITH (kafka_topic='plus', format='JSON');")
        db.execute("CREATE TABLE kept WITH (kafka_topic='kept') AS SELECT k, b FROM t WHERE b > 1;")
        records = {
            "timestamp": pa.array([0, 0, 0]),
            "key": pa.array([b"1", b"2", b"3"]),
            "value": pa.array([b'{"A":1}', b'{"A":2}', b'{"A":3}']),
            "headers": pa.array([TRACE, None, []], HEADERS),
        }
        writer = db.engine.topics.writer()
        writer.write("s", pa.record_batch(records))
        writer.flush()
        db.wait()
        writer.write("s", pa.record_batch(records).select(["timestamp", "key", "value"]))  # none has headers
        writer.close()
        db.wait()
        assert db.query("SELECT * FROM kept;").rows() == [{"K": k, "B": k + 1} for k in (1, 2, 3)]
        for topic in ("plus", "kept"):
            reader = db.engine.topics.reader({(topic, 0): 0}, ("key", "value", "headers"))
            found = [batch for _ in range(6) if (batch := reader.poll(10, 0)) is not None]
            reader.close()
            rows = [r for batch in found for r in batch.select(["key", "headers"]).to_pylist()]
            assert {r["key"]: r["headers"] for r in reversed(rows)} == {b"1": TRACE, b"2": None, b"3": []}, topic
