"""The processing log under a flood: so many entries, then numbers."""

from __future__ import annotations

import json
from collections import Counter

from mergus.engine.clock import SystemClock
from mergus.engine.io.embedded.topics import EmbeddedTopics
from mergus.engine.operators.operator import Failure
from mergus.engine.runtime.telemetry.processing_log import BURST, PER_SECOND, TOPIC, ProcessingLog, prepare


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
