"""kill -9 of the processes of one flow over several: every record is worked in once."""

from __future__ import annotations

import random
import threading
import time
import uuid
from pathlib import Path

import pyarrow as pa
import pytest

from mergus.engine.clock import SystemClock
from mergus.engine.io.embedded.topics import EmbeddedTopics
from mergus.engine.io.kafka.topics import KafkaTopics
from mergus.engine.io.topics import Topics
from tests.mergus_server import kill_9, running_server, until

STATEMENTS = """
SET 'processing.guarantee' = 'exactly_once_v2';
CREATE STREAM s (x INT) WITH (kafka_topic='{topic}', value_format='JSON', partitions=4);
CREATE STREAM o WITH (kafka_topic='{topic}_o') AS SELECT x + 1 AS y FROM s EMIT CHANGES;
CREATE TABLE t WITH (kafka_topic='{topic}_t') AS SELECT x % 10 AS digit, COUNT(*) AS n FROM s GROUP BY x % 10;
"""
OPTIONS = ("--setting", "processes=2", "--setting", "log.level=error")


@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.slow)])
@pytest.mark.parametrize("on", ["embedded", pytest.param("broker", marks=pytest.mark.kafka)])
def test_no_record_is_lost_and_none_comes_twice(
    tmp_path: Path, kills: int, on: str, request: pytest.FixtureRequest
) -> None:
    bootstrap = request.getfixturevalue("kafka") if on == "broker" else None
    topic = "s" + uuid.uuid4().hex[:8]
    with running_server(tmp_path / "data", *OPTIONS, *(["--kafka", bootstrap] if bootstrap else [])) as server:
        server.statement(STATEMENTS.format(topic=topic))
        topics: Topics = EmbeddedTopics(tmp_path / "data" / "topics", clock=SystemClock())
        if bootstrap:
            topics = KafkaTopics(bootstrap)
        ended, sent = threading.Event(), [0]
        writing = threading.Thread(target=write, args=(topics, topic, ended, sent))
        writing.start()
        try:
            for _ in range(kills):
                time.sleep(random.uniform(2, 4))
                kill_9(server.hosts())
        finally:
            ended.set()
            writing.join()
            topics.close()
        counted = lambda: sum(n for (n,) in server.rows_if_there("SELECT n FROM t;") or [])  # noqa: E731
        until(lambda: counted() >= sent[0], "all rows to be counted", 120)
        until(lambda: len(server.rows_if_there("SELECT y FROM o;") or []) >= sent[0], "all rows to be passed on", 120)
        assert sorted(y for (y,) in server.rows("SELECT y FROM o;")) == list(range(1, sent[0] + 1))
        assert counted() == sent[0]


def write(topics: Topics, topic: str, ended: threading.Event, sent: list[int]) -> None:
    """The whole numbers, in order, until it is over."""
    writer = topics.writer()
    while not ended.wait(0.02):
        values = [b'{"X":%d}' % x for x in range(sent[0], sent[0] + 5)]
        writer.deliver(topic, pa.record_batch({"value": pa.array(values, pa.binary())}))
        sent[0] += 5
    writer.close()
