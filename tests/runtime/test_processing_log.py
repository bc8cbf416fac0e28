"""The processing log under a flood: so many entries, then numbers."""

from __future__ import annotations

import json
from collections import Counter

import pytest

import mergus
from mergus.engine.clock import SystemClock
from mergus.engine.errors import UserError
from mergus.engine.io.embedded.topics import EmbeddedTopics
from mergus.engine.operators.operator import Failure
from mergus.engine.runtime.telemetry.processing_log import BURST, PER_SECOND, TOPIC, ProcessingLog, prepare
from tests.mergus_server import until


def test_a_flood_is_told_by_numbers(tmp_path):
    clock = SystemClock()
    now_ms = [clock.now_ms()]
    counted: Counter[str] = Counter()
    topics = EmbeddedTopics(tmp_path, clock=clock)
    prepare(topics)
    log = ProcessingLog("Q", topics, lambda: now_ms[0], lambda kind: counted.update([kind]))

    def entries():
        batch = topics.reader({(TOPIC, 0): 0}).poll(1_000_000, 1000)
        return [json.loads(value) for value in batch.column("value").to_pylist()]

    for offset in range(BURST + 50):
        log.report(Failure("bad", "deserialization", "t", 0, offset, None, b"x"))
    log.report(Failure("late", "late", "t", 0, 7))
    log.flush()
    made = entries()
    assert [e["OFFSET"] for e in made] == [*range(BURST), BURST, 7]
    assert [made[0]["RECORD"], made[-1]["RECORD"]] == ["eA==", None]
    assert [e["REASON"].split()[:2] for e in made[-2:]] == [["50", "more"], ["1", "more"]]
    assert [e["KIND"] for e in made[-2:]] == ["deserialization", "late"]
    assert counted == {"deserialization": BURST + 50, "late": 1}
    now_ms[0] += 2_000
    for offset in range(3 * PER_SECOND):
        log.report(Failure("bad", "deserialization", "t", 0, offset))
    log.close()
    assert len(entries()) == BURST + 2 + 2 * PER_SECOND + 1
    topics.close()


@pytest.mark.parametrize(
    "statement",
    [
        "DROP STREAM mergus_processing_log;",
        "DROP STREAM IF EXISTS mergus_processing_log DELETE TOPIC;",
        "INSERT INTO mergus_processing_log (query) VALUES ('x');",
        "INSERT INTO mergus_processing_log SELECT a AS query FROM s;",
        "ALTER STREAM mergus_processing_log ADD COLUMN q INT;",
        "CREATE STREAM mergus_processing_log AS SELECT * FROM s;",
        "CREATE OR REPLACE STREAM mergus_processing_log (a INT) WITH (kafka_topic='s', value_format='JSON');",
        "CREATE STREAM z (a INT) WITH (kafka_topic='mergus_processing_log', value_format='JSON');",
        "CREATE STREAM z WITH (kafka_topic='mergus_processing_log') AS SELECT * FROM s;",
    ],
)
def test_nobody_but_the_engine_changes_the_log(db, statement):
    with pytest.raises(UserError, match=r"the engine's own|read-only"):
        db.execute(statement)
    assert db.query("SELECT * FROM mergus_processing_log;").rows() == []


@pytest.fixture(scope="module")
def db():
    with mergus.connect() as made:
        made.execute("CREATE STREAM s (a STRING) WITH (kafka_topic='s', value_format='JSON', partitions=1);")
        yield made


def test_the_log_is_read_by_others_also_after_a_restart(tmp_path):
    with mergus.connect(data=tmp_path) as db:
        db.execute("CREATE STREAM s (a INT) WITH (kafka_topic='s', value_format='JSON', partitions=1);")
        db.execute(
            "CREATE SOURCE STREAM kinds (kind STRING) WITH (kafka_topic='mergus_processing_log', value_format='JSON');"
        )
        db.execute("CREATE TABLE bad AS SELECT kind, COUNT(*) AS n FROM mergus_processing_log GROUP BY kind;")
    with mergus.connect(data=tmp_path) as db:
        db.execute("CREATE STREAM one AS SELECT 1 / (a - 1) AS b FROM s;")
        db.execute("INSERT INTO s VALUES (1);")
        db.wait()
        until(lambda: db.query("SELECT n FROM bad WHERE kind = 'expression';").rows() == [{"N": 1}], "the count")
        assert db.query("SELECT kind FROM kinds;").rows() == [{"KIND": "expression"}]
