"""kill -9 of a whole server and of its hosts, under load, over HTTP: every table ends as after an uninterrupted run.

Three kills each in `make test`, twenty in `make test-all`. The tables are compared with those of an engine of this
process that reads a copy of the same records and is left alone.
"""

from __future__ import annotations

import json
import random
import threading
import time
import uuid
from pathlib import Path

import pyarrow as pa
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

import mergus
from mergus.engine.clock import SystemClock
from mergus.engine.io.embedded.topics import EmbeddedTopics
from mergus.engine.runtime.telemetry import processing_log
from tests.mergus_server import Server, kill_9, start, until

TIMES = [3, pytest.param(20, marks=pytest.mark.slow)]
PARTS = 2
BEGUN_MS = int(time.time() * 1000) - 3_600_000  # what is older than a week a broker may remove
SOURCE = (
    "CREATE STREAM events (k STRING KEY, v BIGINT) WITH (kafka_topic='{topic}', value_format='JSON', partitions=2);"
)
DIRECT = """
CREATE TABLE counts WITH (kafka_topic='{topic}_counts') AS SELECT k, COUNT(*) AS n, SUM(v) AS total, MAX(v) AS top
  FROM events GROUP BY k;
CREATE TABLE minutes WITH (kafka_topic='{topic}_minutes') AS SELECT k, COUNT(*) AS n
  FROM events WINDOW TUMBLING (SIZE 10 SECONDS, GRACE PERIOD 1 DAY) GROUP BY k;
"""
CHAINED = """
CREATE STREAM passed AS SELECT k, v * 2 AS w FROM events WHERE v % 2 = 0;
CREATE TABLE sums AS SELECT k, SUM(w) AS total, COUNT(*) AS n FROM passed GROUP BY k;
CREATE TABLE how_many AS SELECT n, COUNT(*) AS keys FROM counts GROUP BY n;
CREATE TABLE declared (k STRING PRIMARY KEY, n BIGINT, total BIGINT) WITH (kafka_topic='{topic}_counts', value_format='JSON');
CREATE TABLE mirrored AS SELECT k, n, total FROM declared;
CREATE STREAM changes (k STRING KEY, n BIGINT) WITH (kafka_topic='{topic}_counts', value_format='JSON');
CREATE TABLE greatest AS SELECT k, MAX(n) AS n FROM changes GROUP BY k;
"""
TABLES = {
    "counts": "SELECT k, n, total, top FROM counts;",
    "minutes": "SELECT k, windowstart, n FROM minutes;",
    "sums": "SELECT k, total, n FROM sums;",
    "how_many": "SELECT n, keys FROM how_many WHERE keys > 0;",
    "mirrored": "SELECT k, n, total FROM mirrored;",
    "greatest": "SELECT k, n FROM greatest;",
}
EXACTLY_ONCE = """
SET 'processing.guarantee' = 'exactly_once_v2';
SET 'ksql.output.topic.name.prefix' = '{topic}_';
"""
COMPACTED = {"min.cleanable.dirty.ratio": "0.1", "segment.bytes": "500"}
OPTIONS = ("--setting", "epoch.ms=100", "--setting", "batch.rows.max=2000", "--setting", "log.level=error")


def columns(rows: list[tuple[int, bytes, bytes]]) -> pa.RecordBatch:
    times, keys, values = zip(*rows, strict=True)
    return pa.RecordBatch.from_pydict(
        {
            "timestamp": pa.array(times, pa.int64()),
            "key": pa.array(keys, pa.binary()),
            "value": pa.array(values, pa.binary()),
        }
    )


class Load:
    """Produces events from a thread of this process until told to stop, as any program beside the server does."""

    def __init__(self, seed: int) -> None:
        self.count = 0
        self._random = random.Random(seed)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._live)
        self._thread.start()

    def write(self, rows: list[tuple[int, bytes, bytes]]) -> None:
        raise AssertionError("a load writes somewhere")

    def _live(self) -> None:
        while not self._end.wait(0.02):
            rows = []
            for i in range(40):
                value = json.dumps({"V": self._random.randrange(1000)}).encode()
                rows.append((BEGUN_MS + (self.count + i) * 3, b"k%d" % self._random.randrange(50), value))
            self.write(rows)
            self.count += len(rows)

    def stop(self) -> None:
        self._end.set()
        self._thread.join()


class EmbeddedLoad(Load):
    def __init__(self, topics: EmbeddedTopics, topic: str, seed: int) -> None:
        self.topics, self.topic = topics, topic
        super().__init__(seed)

    def write(self, rows: list[tuple[int, bytes, bytes]]) -> None:
        writer = self.topics.writer()
        writer.write(self.topic, columns(rows))
        writer.close()


class KafkaLoad(Load):
    def __init__(self, bootstrap: str, topic: str, seed: int) -> None:
        self.topic = topic
        self.producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 2, "partitioner": "murmur2_random"})
        super().__init__(seed)

    def write(self, rows: list[tuple[int, bytes, bytes]]) -> None:
        for at, key, value in rows:
            self.producer.produce(self.topic, value, key, timestamp=at)
        self.producer.flush()


def kill_servers(folder: Path, server: Server, load: Load, times: int, options: tuple[str, ...]) -> Server:
    """Kill the server again and again while records come; gives the last one."""
    chance = random.Random(times)
    for _ in range(times):
        before = load.count
        until(lambda at=before: load.count > at + 200, "more load")
        time.sleep(chance.uniform(0.0, 0.6))  # the moment of death must be any
        server.kill()
        server = start(folder, *options)
    return server


def kill_hosts(server: Server, load: Load, times: int) -> None:
    """Kill all hosts of a server that goes on, again and again."""
    chance = random.Random(times)
    for kills in range(1, times + 1):
        before = load.count
        until(lambda at=before: load.count > at + 200, "more load")
        time.sleep(chance.uniform(0.0, 0.4))  # as above
        kill_9(server.hosts())
        until(lambda k=kills: server.metric("mergus_query_restarts_total") >= k, "the hosts' restart")


def settled(server: Server, produced: int, tables: list[str]) -> dict[str, list[list[object]]]:
    """The tables of a server that has worked everything in."""

    def quiet() -> bool:
        lag = server.metric("mergus_query_lag_records")
        counts = server.rows_if_there("SELECT k, n FROM counts;") if lag == 0 else None
        return counts is not None and sum(int(r[1]) for r in counts) == produced

    until(quiet, f"{produced} records to be worked in", every_s=0.1)
    return {name: server.rows(TABLES[name]) for name in tables}


def uninterrupted(
    records: list[list[pa.RecordBatch]], topic: str, sql: str, tables: list[str]
) -> dict[str, list[object]]:
    """What an engine that nothing happens to makes of the same records, partition by partition."""
    with mergus.connect() as db:
        db.execute(SOURCE.format(topic=topic))
        writer = db.engine.topics.writer()
        for part, batches in enumerate(records):
            for batch in batches:
                column = pa.array([part] * batch.num_rows, pa.int32())
                writer.write(topic, batch.select(["timestamp", "key", "value"]).append_column("partition", column))
        writer.close()
        db.execute(sql)
        db.wait(60)
        return {name: [list(row.values()) for row in db.query(TABLES[name]).rows()] for name in tables}


def compare(found: dict[str, list[list[object]]], wanted: dict[str, list[object]]) -> None:
    for name, rows in wanted.items():
        assert sorted(map(repr, found[name])) == sorted(map(repr, rows)), name


def embedded_records(topics: EmbeddedTopics, topic: str) -> list[list[pa.RecordBatch]]:
    made: list[list[pa.RecordBatch]] = [[] for _ in range(PARTS)]
    for part in range(PARTS):
        reader = topics.reader({(topic, part): 0}, ("key", "value", "timestamp"))
        while (batch := reader.poll(10_000)) is not None:
            made[part].append(batch)
        reader.close()
    return made


def kafka_records(bootstrap: str, topic: str) -> list[list[pa.RecordBatch]]:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": topic, "enable.auto.commit": False})
    made: list[list[pa.RecordBatch]] = []
    for part in range(PARTS):
        consumer.assign([TopicPartition(topic, part, 0)])
        _, end = consumer.get_watermark_offsets(TopicPartition(topic, part))
        rows: list[tuple[int, bytes, bytes]] = []
        while len(rows) < end:
            got = consumer.consume(end - len(rows), 30.0)
            assert got, f"{len(rows)} of {end} records of partition {part} came"
            rows += [(m.timestamp()[1], m.key(), m.value()) for m in got]
        made.append([columns(rows)])
    consumer.close()
    return made


def embedded(folder: Path, times: int, *, hosts: bool, options: tuple[str, ...] = OPTIONS) -> None:
    server = start(folder, *options)
    try:
        sql = (DIRECT + CHAINED).format(topic="events")
        topics = EmbeddedTopics(folder / "topics", clock=SystemClock())
        for name, policy in (("counts", "compact"), ("minutes", "compact,delete")):
            topics.create(f"events_{name}", PARTS, config={"cleanup.policy": policy, **COMPACTED})
        server.statement(SOURCE.format(topic="events") + sql)
        load = EmbeddedLoad(topics, "events", seed=times)
        try:
            if hosts:
                kill_hosts(server, load, times)
            else:
                server = kill_servers(folder, server, load, times, options)
        finally:
            load.stop()
        settled(server, load.count, [])
        assert server.stop() == 0  # what chained queries still owe is settled by an end in order
        server = start(folder, *options)
        tables = list(TABLES)
        wanted = uninterrupted(embedded_records(topics, "events"), "events", sql, tables)
        compare(settled(server, load.count, tables), wanted)
        check_compacted(topics, always=options != OPTIONS)
        topics.close()
    finally:
        server.stop()


def check_compacted(topics: EmbeddedTopics, *, always: bool) -> None:
    """Of what the tables' topics had more than once some is gone (where they are compacted `always`), and nobody was told of
    removed records."""
    for name in ("events_counts", "events_minutes"):
        kept = embedded_records(topics, name)
        ends = topics.end_offsets(name)
        keys = [key for part in kept for batch in part for key in batch.column("key").to_pylist()]
        assert not always or len(keys) < sum(ends.values()) or len(keys) == len(set(keys))  # or nothing was there to go
        for part, batches in enumerate(kept):
            offsets = [at for batch in batches for at in batch.column("offset").to_pylist()]
            assert offsets == sorted(set(offsets))
            assert offsets[-1] == ends[part] - 1
    log = topics.reader({(processing_log.TOPIC, 0): 0}, ("value",)).poll(10_000)
    assert log is None or not any(b"removed" in text for text in log.column("value").to_pylist())


@pytest.mark.parametrize("times", TIMES)
def test_a_killed_server(tmp_path, times):
    """It is killed while it compacts, too: it hardly does anything else."""
    options = (*OPTIONS, "--setting", "topic.compaction.check.ms=5")
    embedded(tmp_path / "data", times, hosts=False, options=options)


@pytest.mark.parametrize("times", TIMES)
def test_killed_hosts(tmp_path, times):
    embedded(tmp_path / "data", times, hosts=True)


@pytest.mark.kafka
@pytest.mark.parametrize("exactly_once", [False, True])
@pytest.mark.parametrize("times", TIMES)
def test_a_killed_server_on_kafka(kafka, tmp_path, times, exactly_once):
    """At least once holds for tables straight from source topics: what was written before a kill may have been written twice,
    and what stands behind it has read that. Exactly once for all."""
    topic = "kill" + uuid.uuid4().hex[:8]
    options = (*OPTIONS, "--kafka", kafka)
    server = start(tmp_path / "data", *options)
    try:
        sql = (DIRECT + CHAINED if exactly_once else DIRECT).format(topic=topic)
        asked = EXACTLY_ONCE.format(topic=topic) if exactly_once else ""
        server.statement(asked + SOURCE.format(topic=topic) + sql)
        load = KafkaLoad(kafka, topic, seed=times)
        try:
            server = kill_servers(tmp_path / "data", server, load, times, options)
            kill_hosts(server, load, 1)
        finally:
            load.stop()
        tables = list(TABLES) if exactly_once else ["counts", "minutes"]
        wanted = uninterrupted(kafka_records(kafka, topic), topic, sql, tables)
        settled(server, load.count, [])
        assert server.stop() == 0  # what chained queries still owe is settled by an end in order
        server = start(tmp_path / "data", *options)
        compare(settled(server, load.count, tables), wanted)
    finally:
        server.stop()
