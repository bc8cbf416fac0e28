"""A record of 10 MB on a real broker: read, worked on, and written again."""

from __future__ import annotations

import json
import uuid

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic

import mergus
from mergus.engine.errors import AnalysisError
from tests.mergus_server import until

pytestmark = pytest.mark.kafka
SIZE = 10_000_000
GUARANTEES = pytest.mark.parametrize("guarantee", ["at_least_once", "exactly_once_v2"])


def create(kafka, *topics):
    admin = AdminClient({"bootstrap.servers": kafka})
    for made in admin.create_topics(list(topics)).values():
        made.result(30)


@GUARANTEES
def test_ten_megabytes(kafka, tmp_path, guarantee):
    topic = "big" + uuid.uuid4().hex[:8]
    limits = {"max.message.bytes": "12000000"}
    create(kafka, NewTopic(topic, 1, 1, config=limits), NewTopic(f"{topic}_out", 1, 1, config=limits))
    settings = {"message.max.bytes": "12000000", "enable.idempotence": True}  # which keeps the order
    producer = Producer({"bootstrap.servers": kafka, **settings})
    for text in ("a", "b" * SIZE, "c"):
        producer.produce(topic, json.dumps({"A": text}).encode())
    producer.flush()
    with mergus.connect(tmp_path, kafka=kafka) as db:
        db.execute(f"SET 'processing.guarantee' = '{guarantee}';")
        db.execute(f"CREATE STREAM s (a STRING) WITH (kafka_topic='{topic}', value_format='JSON');")
        db.execute(f"CREATE STREAM u WITH (kafka_topic='{topic}_out') AS SELECT a, LEN(a) AS n FROM s EMIT CHANGES;")
        db.execute(
            f"CREATE TABLE t WITH (kafka_topic='{topic}_t') AS SELECT LEN(a) AS n, COUNT(*) AS c FROM s GROUP BY LEN(a);"
        )
        db.wait(60)
        assert sorted((r["N"], r["C"]) for r in db.query("SELECT n, c FROM t;").rows()) == [(1, 2), (SIZE, 1)]
        assert sorted(r["N"] for r in db.query("SELECT n FROM u;").rows()) == [1, 1, SIZE]
        assert db.engine.failures() == {"bad": 0, "late": 0}
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": topic, "auto.offset.reset": "earliest"})
    consumer.subscribe([f"{topic}_out"])
    sizes = [len(json.loads(consumer.poll(30).value())["A"]) for _ in range(3)]
    consumer.close()
    assert sizes == [1, SIZE, 1]


@GUARANTEES
def test_a_record_that_the_broker_refuses_is_said(kafka, tmp_path, guarantee):
    """The output's topic takes 1 MB: the query says so, and its neighbour goes on."""
    topic = "big" + uuid.uuid4().hex[:8]
    with mergus.connect(tmp_path, kafka=kafka) as db:
        db.execute(f"SET 'processing.guarantee' = '{guarantee}';")
        db.execute(f"CREATE STREAM s (a INT) WITH (kafka_topic='{topic}', value_format='JSON', partitions=1);")
        create(kafka, NewTopic(f"{topic}_out", 1, 1, config={"max.message.bytes": "1000000"}))
        db.execute(f"CREATE STREAM u WITH (kafka_topic='{topic}_out') AS SELECT LPAD('x', a, 'y') AS t FROM s;")
        db.execute(f"CREATE TABLE n WITH (kafka_topic='{topic}_n') AS SELECT a, COUNT(*) AS n FROM s GROUP BY a;")
        db.insert("S", [{"A": 3_000_000}])
        said = "could not be written to Kafka"  # the query is tried again and again; each time it says why it failed
        until(lambda: said in str(db.engine.statuses()["CSAS_U_0"].error), "the query's failure")
        until(lambda: db.query("SELECT * FROM n;").rows() != [], "the neighbour's row")
        assert db.query("SELECT * FROM n;").rows() == [{"A": 3_000_000, "N": 1}]


@GUARANTEES
def test_a_time_that_the_broker_refuses_costs_its_record(kafka, tmp_path, guarantee):
    """One row of a batch: the topic would refuse its neighbours with it, again and again."""
    topic, far = "far" + uuid.uuid4().hex[:8], 1_700_000_000_000_000
    with mergus.connect(tmp_path, kafka=kafka) as db:
        db.execute(f"SET 'processing.guarantee' = '{guarantee}';")
        db.execute(f"CREATE STREAM s (t BIGINT) WITH (kafka_topic='{topic}', value_format='JSON', partitions=1);")
        create(kafka, NewTopic(f"{topic}_out", 1, 1, config={"message.timestamp.after.max.ms": "3600000"}))
        db.execute(
            "CREATE SOURCE STREAM log (reason STRING, topic STRING)"
            " WITH (kafka_topic='mergus_processing_log', format='JSON');"
        )
        db.insert("S", [{"T": 1_000}, {"T": far}, {"T": 2_000}])
        db.execute(f"CREATE STREAM u WITH (kafka_topic='{topic}_out', timestamp='t') AS SELECT t FROM s;")
        db.wait(60)
        until(lambda: [r["T"] for r in db.query("SELECT t FROM u;").rows()] == [1_000, 2_000], "the neighbours")
        assert db.engine.statuses()["CSAS_U_0"].state == "RUNNING"
        assert db.engine.failures() == {"bad": 1, "late": 0}
        reasons = [r["REASON"] for r in db.query(f"SELECT reason FROM log WHERE topic = '{topic}_out';").rows()]
        limit = "more than 3600000 ms after the time of writing (the topic's message.timestamp.after.max.ms)"
        assert reasons == [f"{far} is {limit}"]


@GUARANTEES
def test_a_topic_that_takes_fewer_times_than_it_did(kafka, tmp_path, guarantee):
    """The broker's refusal has its limits looked up again."""
    topic, far = "far" + uuid.uuid4().hex[:8], 1_900_000_000_000
    with mergus.connect(tmp_path, kafka=kafka) as db:
        db.execute(f"SET 'processing.guarantee' = '{guarantee}';")
        db.execute(f"CREATE STREAM s (t BIGINT) WITH (kafka_topic='{topic}', value_format='JSON', partitions=1);")
        create(kafka, NewTopic(f"{topic}_out", 1, 1, config={"message.timestamp.after.max.ms": str(far)}))
        db.execute(f"CREATE STREAM u WITH (kafka_topic='{topic}_out', timestamp='t') AS SELECT t FROM s;")
        db.insert("S", [{"T": far}])
        until(lambda: [r["T"] for r in db.query("SELECT t FROM u;").rows()] == [far], "the row that is taken")
        limit = ConfigEntry("message.timestamp.after.max.ms", "3600000", incremental_operation=AlterConfigOpType.SET)
        changed = ConfigResource(ConfigResource.Type.TOPIC, f"{topic}_out", incremental_configs=[limit])
        admin = AdminClient({"bootstrap.servers": kafka})
        admin.incremental_alter_configs([changed])[changed].result(30)
        db.insert("S", [{"T": far}, {"T": 2_000}])
        until(lambda: [r["T"] for r in db.query("SELECT t FROM u;").rows()] == [far, 2_000], "the neighbour")
        until(lambda: db.engine.failures()["bad"] >= 1, "the row that is left out")
        until(lambda: db.engine.statuses()["CSAS_U_0"].state == "RUNNING", "the query")


def test_an_insert_of_a_time_that_the_broker_refuses(kafka, tmp_path):
    topic = "far" + uuid.uuid4().hex[:8]
    create(kafka, NewTopic(topic, 1, 1, config={"message.timestamp.before.max.ms": "3600000"}))
    with mergus.connect(tmp_path, kafka=kafka) as db:
        db.execute(f"CREATE STREAM s (a INT) WITH (kafka_topic='{topic}', value_format='JSON');")
        with pytest.raises(
            AnalysisError, match=r"does not take a record of this time\n[^D]*Detail: 1000 is more than 3600000"
        ):
            db.execute("INSERT INTO s (ROWTIME, a) VALUES (1000, 1);")
        db.execute("INSERT INTO s (a) VALUES (2);")
        assert db.query("SELECT a FROM s;").rows() == [{"A": 2}]
