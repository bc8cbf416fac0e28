"""The same statements over a real Apache Kafka broker."""

import json
import time
import uuid

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic

import mergus
from mergus.engine.errors import EnvironmentFault, MergusError
from tests.mergus_server import running_server, until

pytestmark = pytest.mark.kafka


@pytest.fixture
def name():
    return "t" + uuid.uuid4().hex[:10]


def test_streams_and_tables(kafka, name, tmp_path):
    source = f"CREATE STREAM s (k STRING KEY, a INT) WITH (kafka_topic='{name}', value_format='JSON', partitions=3);"
    table = (
        f"CREATE TABLE t WITH (kafka_topic='{name}_t') AS SELECT k, COUNT(*) AS n, SUM(a) AS total FROM s GROUP BY k;"
    )
    with mergus.connect(tmp_path, kafka=kafka) as db:
        db.execute(source + table)
        producer = Producer({"bootstrap.servers": kafka})
        for i in range(3_000):
            producer.produce(name, json.dumps({"A": i}).encode(), f"key{i % 7}".encode())
        producer.produce(name, b"not json", b"key0")
        producer.flush()
        db.wait(60)
        rows = db.query("SELECT * FROM t;").rows()
        assert sum(r["N"] for r in rows) == 3_000
        assert sum(r["TOTAL"] for r in rows) == sum(range(3_000))
        assert db.engine.failures()["bad"] == 1
        assert db.engine.topics.describe(name).partitions == 3
    with mergus.connect(tmp_path, kafka=kafka) as db:
        db.insert("S", [{"k": "key0", "a": 1}])
        db.wait(60)
        assert db.query("SELECT n FROM t WHERE k = 'key0';").one() == {"N": 430}
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": name, "auto.offset.reset": "earliest"})
    consumer.subscribe([f"{name}_t"])
    last = {}
    while last.get(b"key0", {}).get("N") != 430:
        message = consumer.poll(30)
        assert message is not None
        assert message.error() is None
        last[message.key()] = json.loads(message.value())
    consumer.close()


def test_records_of_transactions_are_caught_up_with(kafka, name, tmp_path):
    """The marker that ends a transaction is an offset without a record: who waits for the last record waits for no more."""
    with mergus.connect(tmp_path, kafka=kafka) as db:
        for side in "lr":
            db.execute(
                f"CREATE STREAM {side} (k STRING KEY, a INT)"
                f" WITH (kafka_topic='{name}_{side}', value_format='JSON', partitions=1);"
            )
        producer = Producer({"bootstrap.servers": kafka, "transactional.id": name})
        producer.init_transactions()
        for a in range(3):
            producer.begin_transaction()
            for side in "lr":
                producer.produce(f"{name}_{side}", json.dumps({"A": a}).encode(), b"k", timestamp=1_000 + a)
            producer.commit_transaction()
        db.execute(
            f"CREATE STREAM j WITH (kafka_topic='{name}_j') AS"
            " SELECT l.k, l.a AS x, r.a AS y FROM l JOIN r WITHIN 0 SECONDS ON l.k = r.k EMIT CHANGES;"
        )
        db.wait(60)
        rows = db.query("SELECT x, y FROM j;").rows()
        assert sorted((r["X"], r["Y"]) for r in rows) == [(0, 0), (1, 1), (2, 2)]


def test_headers_go_along(kafka, name, tmp_path):
    trace = [("trace", b"1"), ("trace", b"2")]
    with mergus.connect(tmp_path, kafka=kafka) as db:
        db.execute(f"CREATE STREAM s (a INT) WITH (kafka_topic='{name}', value_format='JSON', partitions=1);")
        db.execute(f"CREATE STREAM u WITH (kafka_topic='{name}_u') AS SELECT a + 1 AS b FROM s;")
        producer = Producer({"bootstrap.servers": kafka})
        producer.produce(name, b'{"A":1}', headers=trace)
        producer.produce(name, b'{"A":2}')
        producer.flush()
        consumer = Consumer({"bootstrap.servers": kafka, "group.id": name, "auto.offset.reset": "earliest"})
        db.wait(60)
        consumer.subscribe([f"{name}_u"])
        found = [consumer.poll(30) for _ in range(2)]
        assert [(m.value(), m.headers()) for m in found] == [(b'{"B":2}', trace), (b'{"B":3}', None)]
        consumer.close()


def test_a_topic_that_is_made_anew_at_once_is_counted_once(kafka, name, tmp_path):
    """Before anybody has missed it, and longer than it was: offsets alone do not tell."""
    admin, producer = AdminClient({"bootstrap.servers": kafka}), Producer({"bootstrap.servers": kafka})

    def produce(key, count):
        for _ in range(count):
            producer.produce(name, b'{"A":1}', key)
        producer.flush()

    def rows():
        return {row["K"]: row["N"] for row in db.query("SELECT * FROM t;").rows()}

    with mergus.connect(tmp_path, kafka=kafka) as db:
        db.execute(
            f"CREATE STREAM s (k STRING KEY, a INT) WITH (kafka_topic='{name}', value_format='JSON', partitions=1);"
            f"CREATE TABLE t WITH (kafka_topic='{name}_t') AS SELECT k, COUNT(*) AS n FROM s GROUP BY k EMIT CHANGES;"
        )
        produce("old", 100)
        until(lambda: rows() == {"old": 100}, "the table")
        time.sleep(1.5)  # they are durable
        admin.delete_topics([name])[name].result(30)
        admin.create_topics([NewTopic(name, 1, 1)])[name].result(30)
        produce("new", 250)
        until(lambda: rows().get("new", 0) >= 250, "the new topic's records")
        db.wait()
        assert rows() == {"old": 100, "new": 250}


def test_a_topic_that_is_made_anew_is_read_by_several_processes(kafka, name, tmp_path):
    """None of them can end its share alone: they are started again."""
    admin, producer = AdminClient({"bootstrap.servers": kafka}), Producer({"bootstrap.servers": kafka})

    def produce(count):
        for i in range(count):
            producer.produce(name, b'{"A":1}', f"k{i % 5}".encode(), partition=i % 2)
        producer.flush()

    def rows():
        return sum(n for _, n in server.rows_if_there("SELECT * FROM t;") or [])

    with running_server(tmp_path, "--kafka", kafka, "--setting", "processes=2") as server:
        server.statement(
            f"CREATE STREAM s (k STRING KEY, a INT) WITH (kafka_topic='{name}', value_format='JSON', partitions=2);"
            f"CREATE TABLE t WITH (kafka_topic='{name}_t') AS SELECT k, COUNT(*) AS n FROM s GROUP BY k EMIT CHANGES;"
        )
        produce(100)
        until(lambda: rows() == 100, "the table")
        admin.delete_topics([name])[name].result(30)
        until(lambda: server.metric("mergus_query_restarts_total") > 0, "the query to miss its topic")
        admin.create_topics([NewTopic(name, 2, 1)])[name].result(30)
        produce(250)
        until(lambda: rows() >= 350, "the new topic's records")
        assert rows() == 350


def test_a_broker_that_is_not_there(tmp_path):
    with pytest.raises(EnvironmentFault, match=r"Kafka at 127\.0\.0\.1:1"):
        mergus.connect(tmp_path, kafka="127.0.0.1:1")


def test_secrets_stay_out_of_words(tmp_path):
    settings = {
        "kafka.security.protocol": "SASL_PLAINTEXT",
        "kafka.sasl.mechanism": "PLAIN",
        "kafka.sasl.username": "me",
    }
    settings["kafka.sasl.password"] = "very-hidden"
    with pytest.raises(MergusError) as refused:
        mergus.connect(tmp_path, kafka="127.0.0.1:1", settings=settings)
    assert "very-hidden" not in str(refused.value)
