"""What an engine does about embedded topics unasked."""

from __future__ import annotations

import pyarrow as pa
import pytest

import mergus
from tests.mergus_server import until

EAGER = {"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0", "segment.bytes": "0"}


def keys(topics, name):
    reader = topics.reader({(name, 0): 0}, ("key",))
    batch = reader.poll(100)
    reader.close()
    return [] if batch is None else batch.column("key").to_pylist()


def write(topics, name):
    writer = topics.writer()
    for key in (b"a", b"b", b"a", b"c"):
        writer.write(name, pa.record_batch({"key": [key], "value": [b"1"]}))
        writer.flush()
    writer.close()


@pytest.mark.parametrize("every_ms", [5, 0])
def test_topics_that_nobody_writes_to_are_cleaned(tmp_path, every_ms):
    names = ("topic.retention.check.ms", "topic.compaction.check.ms")
    with mergus.connect(tmp_path, settings=dict.fromkeys(names, every_ms)) as db:
        topics = db.engine.topics
        topics.create("old", config={"retention.ms": "200"})
        topics.create("table", config=EAGER)
        write(topics, "table")
        write(topics, "old")
        if every_ms:
            until(lambda: topics.begin_offsets("old") == {0: 4}, "retention")
            until(lambda: keys(topics, "table") == [b"b", b"a", b"c"], "compaction")
        else:
            assert not db.engine.topics_keeper._thread.is_alive()


def test_a_fault_of_the_disk_is_told_and_the_next_look_is_taken(tmp_path, caplog):
    with mergus.connect(tmp_path, settings={"topic.compaction.check.ms": 5}) as db:
        topics = db.engine.topics
        topics.create("table", config=EAGER)
        topics._store.connection.execute("UPDATE topics SET config = replace(config, '\"0\"', '\"x\"')")
        until(lambda: "the topics could not be looked after: topic setting" in caplog.text, "the fault")
        topics._store.connection.execute("UPDATE topics SET config = replace(config, '\"x\"', '\"0\"')")
        write(topics, "table")
        until(lambda: keys(topics, "table") == [b"b", b"a", b"c"], "compaction")
