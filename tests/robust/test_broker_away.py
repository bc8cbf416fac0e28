"""A server whose broker is away when it starts: a real broker, as after a reboot of both machines."""

from __future__ import annotations

import json
import os

import pytest
from confluent_kafka import Producer

from mergus.engine.errors import EnvironmentFault
from mergus.engine.io.kafka import topics as topics_module
from mergus.engine.io.kafka.topics import KafkaTopics
from tests.kafka_broker import BrokerUnavailable, own_broker
from tests.mergus_server import Refused, running_server, start, until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]
STATEMENTS = """
CREATE STREAM s (k STRING KEY, a INT) WITH (kafka_topic='s', value_format='JSON', partitions=2);
CREATE TABLE t AS SELECT k, COUNT(*) AS n FROM s GROUP BY k EMIT CHANGES;
INSERT INTO s VALUES ('x', 1);
"""
EXACTLY_ONCE = """
SET 'processing.guarantee' = 'exactly_once_v2';
CREATE STREAM e (k STRING KEY, a INT) WITH (kafka_topic='e', value_format='JSON', partitions=2);
CREATE STREAM passed AS SELECT * FROM e;
CREATE TABLE counted AS SELECT k, COUNT(*) AS n FROM passed GROUP BY k;
"""


@pytest.fixture
def broker():
    try:
        with own_broker() as made:
            yield made
    except BrokerUnavailable as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))


def test_a_broker_that_does_not_answer(broker, monkeypatch):
    """Whatever is asked of it, after its time the answer is a fault of the environment."""
    monkeypatch.setattr(topics_module, "TIMEOUT_S", 1.0)
    monkeypatch.setattr(topics_module, "REACH_S", 1.0)
    monkeypatch.setattr(topics_module, "FIRST_REACH_S", 0.5)
    topics = KafkaTopics(broker.address)
    topics.create("here", 1)
    broker.hang()
    for ask in (
        lambda: topics.create("there", 1),
        lambda: topics.delete("here"),
        lambda: topics.describe("here"),
        lambda: topics.identities(["here"]),
        lambda: topics.end_offsets("here"),
        topics.consumers,
    ):
        with pytest.raises(EnvironmentFault, match="cannot"):
            ask()


def test_a_start_without_the_broker(tmp_path, broker):
    options = ("--kafka", broker.address, "--setting", "log.level=error")
    server = start(tmp_path, *options)
    server.statement(STATEMENTS)
    until(lambda: server.rows("SELECT * FROM t;") == [["x", 1]], "the table")
    until(lambda: any((tmp_path / "state/CTAS_T_0/checkpoint").iterdir()), "a checkpoint")
    server.kill()
    broker.stop()
    with running_server(tmp_path, *options) as server:
        until(lambda: server.state("CTAS_T_0") == "ERROR", "the query to be in ERROR")
        (told,) = server.statement("DESCRIBE t EXTENDED;")
        assert "see whether the brokers can be reached" in told["sourceDescription"]["errorStats"]
        with pytest.raises(Refused) as refused:
            server.open("/healthcheck")
        assert refused.value.status == 503
        with pytest.raises(Refused) as refused:
            server.statement("CREATE STREAM u AS SELECT * FROM s;")
        assert refused.value.status == 503
        broker.start()
        until(lambda: server.state("CTAS_T_0") == "RUNNING", "the query to go on", 90)
        server.statement("INSERT INTO s VALUES ('x', 2);")
        until(lambda: server.rows_if_there("SELECT * FROM t;") == [["x", 2]], "the table to go on")
        with server.open("/healthcheck") as answer:
            assert json.loads(answer.read())["isHealthy"]


def test_exactly_once_while_the_broker_comes_and_goes(tmp_path, broker):
    """Transactions that it takes with it are made again, those that it had committed are not."""
    producer = Producer({"bootstrap.servers": broker.address, "enable.idempotence": True})
    options = ("--kafka", broker.address, "--setting", "log.level=error")
    rows = 0
    with running_server(tmp_path, *options) as server:
        server.statement(EXACTLY_ONCE)
        for _ in range(3):
            for _ in range(200):
                for _ in range(10):
                    producer.produce("e", b'{"A": %d}' % rows, b"k%d" % (rows % 7))
                    rows += 1
                producer.poll(0.01)
            broker.stop()  # while the queries have hardly begun with these
            broker.start()
            until(lambda: producer.flush(1.0) == 0, "the producer", 90)
        passed = lambda: [a for (a,) in server.rows_if_there("SELECT a FROM passed;") or []]  # noqa: E731
        until(lambda: len(passed()) >= rows, "the stream", 120)
        assert sorted(passed()) == list(range(rows))
        counted = lambda: sum(n for (n,) in server.rows_if_there("SELECT n FROM counted;") or [])  # noqa: E731
        until(lambda: counted() >= rows, "the table behind it", 120)
        assert counted() == rows
