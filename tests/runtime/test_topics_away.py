"""The topics are away while queries run: what goes on by itself, what is told meanwhile, and who does not wait."""

from __future__ import annotations

import json
import threading
import time

import pyarrow as pa
import pytest
from confluent_kafka import KafkaError
from flows import until
from plans import counts, open_topics, produce, pull_all, pulled, records, rows_of

import mergus
from mergus.engine.errors import EnvironmentFault
from mergus.engine.io.embedded.topics import EmbeddedTopics
from mergus.engine.io.kafka.reader import KafkaReader
from mergus.engine.runtime.flows.delivery import Outbox
from mergus.engine.runtime.hosts.host import HostSettings
from mergus.engine.runtime.hosts.lifecycle import Lifecycle, RunSettings
from mergus.engine.runtime.telemetry import failures
from mergus.engine.runtime.telemetry.failures import Failures

AWAY = EnvironmentFault("the brokers do not answer")


def away(*args, **more):
    raise AWAY


@pytest.fixture
def topics(tmp_path):
    made = open_topics(tmp_path)
    yield made
    made.close()


def test_a_table_is_closed_where_its_output_cannot_be_written(tmp_path, topics, monkeypatch):
    """Else no later run could open it: the query would fail until its process ends, long after the topics are back."""
    lifecycle = Lifecycle(HostSettings(tmp_path), topics, RunSettings(in_process=True, epoch_ms=50))
    with monkeypatch.context() as while_away:
        for method in ("flush", "close", "abandon"):
            while_away.setattr(Outbox, method, away, raising=False)
        produce(topics, [("a", 1), ("a", 2)])
        lifecycle.start(counts())
        until(lambda: lifecycle.status("CTAS_COUNTS").state == "ERROR")
    lifecycle.wait_caught_up(limit_s=30)
    until(lambda: lifecycle.status("CTAS_COUNTS").state == "RUNNING")
    until(lambda: rows_of(pulled(lifecycle, "CTAS_COUNTS", pull_all())) == {"a": (2, 3)})
    lifecycle.close()


def test_how_queries_stand_is_told_without_the_topics(monkeypatch):
    with mergus.connect() as db:
        db.execute("CREATE STREAM s (a INT) WITH (kafka_topic='s', value_format='JSON', partitions=2);")
        db.execute("CREATE TABLE t AS SELECT a, COUNT(*) AS n FROM s GROUP BY a;")
        db.wait()
        for method in ("list", "describe", "end_offsets", "begin_offsets"):
            monkeypatch.setattr(EmbeddedTopics, method, away)
        (listing,) = db.engine.execute("SHOW QUERIES;")
        assert [q["state"] for q in listing.body["queries"]] == ["RUNNING"]
        (told,) = db.engine.execute("DESCRIBE t EXTENDED;")
        assert "Topic: T (the brokers do not answer)" in told.text
        assert "CTAS_T_0  RUNNING" in told.text
        assert not db.engine.statuses()["CTAS_T_0"].caught_up
        assert "mergus_query_rows_in_total" in db.engine.metrics_text()
        assert db.engine.health() == {"metastore": True, "kafka": False, "commandRunner": True}
        monkeypatch.undo()


def test_who_reports_a_failure_does_not_wait_for_the_topics(topics, caplog, monkeypatch):
    reached = threading.Event()

    class Away:
        def writer(self):
            reached.wait(30)
            return topics.writer()

    monkeypatch.setattr(failures.log, "propagate", True)
    monkeypatch.setattr(failures.log.parent, "propagate", True)
    noted = Failures(Away(), lambda: 0)
    begun = time.monotonic()
    for _ in range(100):
        noted.note("CTAS_T_0", "ConversionException: 'secret' is no number", "ConversionException")
    noted.note("CTAS_T_0", "the disk is full", "the disk is full")
    assert time.monotonic() - begun < 5
    reached.set()
    noted.close()
    reasons = [json.loads(v)["REASON"] for _, _, _, v in records(topics, "mergus_processing_log")]
    assert reasons == ["ConversionException: 'secret' is no number", "the disk is full"]
    assert [r.getMessage() for r in caplog.records] == [
        "query CTAS_T_0 has failed, and is tried again: ConversionException",
        "query CTAS_T_0 has failed, and is tried again: the disk is full",
    ]


@pytest.mark.parametrize("code", [KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN])
def test_a_lost_connection_is_no_failure_of_a_reader(code):
    """librdkafka mends it by itself."""
    reader = KafkaReader({"bootstrap.servers": "127.0.0.1:1", "log_level": "0"}, {("s", 0): 0}, ("value",))
    until(lambda: reader.poll(10, 100.0) is None)

    def told(code):
        return type("Told", (), {"error": lambda self: KafkaError(code), "topic": lambda self: None})()

    reader._told(told(code))
    with pytest.raises(EnvironmentFault):
        reader._told(told(KafkaError._AUTHENTICATION))
    reader.close()


def test_a_query_is_in_error_until_a_try_has_come_as_far_as_its_records(tmp_path, topics, monkeypatch):
    """Each try may wait long for the topics: it is no running query meanwhile."""
    lifecycle = Lifecycle(HostSettings(tmp_path), topics, RunSettings(in_process=True, epoch_ms=50))
    produce(topics, [("a", 1)])
    tries = threading.Semaphore(0)
    let_go = threading.Event()

    def long_away(*args):
        tries.release()
        let_go.wait(30)
        raise AWAY

    with monkeypatch.context() as while_away:
        while_away.setattr(EmbeddedTopics, "describe", long_away)
        lifecycle.start(counts())
        tries.acquire(timeout=30)
        let_go.set()
        tries.acquire(timeout=30)
        let_go.clear()
        tries.acquire(timeout=30)
        assert lifecycle.statuses()["CTAS_COUNTS"].state == "ERROR"
        assert b'mergus_query_state{query="CTAS_COUNTS",state="ERROR"} 1.0' in lifecycle.metrics()
        let_go.set()
    until(lambda: lifecycle.statuses()["CTAS_COUNTS"].state == "RUNNING")
    assert b'mergus_query_state{query="CTAS_COUNTS",state="ERROR"} 0.0' in lifecycle.metrics()
    lifecycle.close()


def test_a_topic_that_is_made_anew_is_read_from_its_beginning(tmp_path, topics):
    """Its offsets begin again: to go on at those of the old one would pass over as many of its records."""
    lifecycle = Lifecycle(HostSettings(tmp_path), topics, RunSettings(in_process=True, epoch_ms=50))
    produce(topics, [("a", i) for i in range(100)])
    lifecycle.start(counts())
    lifecycle.wait_caught_up(limit_s=30)
    topics.delete("events")
    until(lambda: lifecycle.status("CTAS_COUNTS").state == "ERROR")
    topics.create("events", 3)
    produce(topics, [("a", i) for i in range(250)])
    until(lambda: rows_of(pulled(lifecycle, "CTAS_COUNTS", pull_all()))["a"][0] == 350)
    reasons = [json.loads(v)["REASON"] for _, _, _, v in records(topics, "mergus_processing_log")]
    assert [r for r in reasons if "made anew" in r] == [
        "topic events has been made anew: it is read from its beginning"
    ]
    lifecycle.close()


def test_a_topic_that_is_made_anew_is_read_from_its_beginning_by_what_publishes_at_once(tmp_path):
    """How far such a query has published is noted beside its output, ahead of its checkpoint."""
    with mergus.connect(tmp_path) as db:
        db.execute(
            "CREATE STREAM s (a INT) WITH (kafka_topic='s', value_format='JSON', partitions=1);"
            "CREATE STREAM u AS SELECT a FROM s WHERE a >= 0;"
        )
        for rows in (100, 250):
            db.insert("S", [{"a": a} for a in range(rows)])
            until(lambda rows=rows: len(db.query("SELECT a FROM u;").rows()) >= rows)
            if rows == 100:
                db.engine.topics.delete("s")
                db.engine.topics.create("s", 1)
        db.wait()
        assert len(db.query("SELECT a FROM u;").rows()) == 350


def test_records_that_were_removed_before_they_were_read_are_told(tmp_path, topics, monkeypatch):
    produce(topics, [("a", i) for i in range(100)])
    run = RunSettings(in_process=True, epoch_ms=50)
    lifecycle = Lifecycle(HostSettings(tmp_path), topics, run)
    lifecycle.start(counts())
    lifecycle.wait_caught_up(limit_s=30)
    lifecycle.close()
    produce(topics, [("a", i) for i in range(50)])
    begins = EmbeddedTopics.begin_offsets
    (part,) = [p for p, end in topics.end_offsets("events").items() if end]
    moved = dict.fromkeys(topics.end_offsets("events"), 0) | {part: 120}
    monkeypatch.setattr(
        EmbeddedTopics, "begin_offsets", lambda self, name: moved if name == "events" else begins(self, name)
    )
    lifecycle = Lifecycle(HostSettings(tmp_path), topics, run)
    lifecycle.start(counts())
    until(lambda: rows_of(pulled(lifecycle, "CTAS_COUNTS", pull_all()))["a"][0] == 130)
    (reason,) = [json.loads(v)["REASON"] for _, _, _, v in records(topics, "mergus_processing_log")]
    assert "records from offset 100 on were removed before they were read; it goes on at 120" in reason
    lifecycle.close()


def test_a_processing_log_that_was_deleted_is_made_anew(tmp_path, topics):
    """Else every query with a bad record would be in ERROR until the server is started again."""
    lifecycle = Lifecycle(HostSettings(tmp_path), topics, RunSettings(in_process=True, epoch_ms=50))
    topics.delete("mergus_processing_log")
    produce(topics, [("a", 1)])
    writer = topics.writer()
    writer.write("events", pa.RecordBatch.from_pydict({"key": [b"a"], "value": [b"{not json"]}))
    writer.close()
    lifecycle.start(counts())
    (status,) = lifecycle.wait_caught_up(limit_s=30)
    assert status.state == "RUNNING"
    (entry,) = [json.loads(v) for _, _, _, v in records(topics, "mergus_processing_log")]
    assert (entry["QUERY"], entry["KIND"]) == ("CTAS_COUNTS", "deserialization")
    lifecycle.close()
