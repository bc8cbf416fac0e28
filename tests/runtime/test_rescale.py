"""Another number of workers: what is late, and which windows have closed, is what it was."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from plans import counts, open_topics, plan, produce, records, select

from mergus.engine.runtime.hosts.host import HostSettings
from mergus.engine.runtime.hosts.lifecycle import Lifecycle, RunSettings
from mergus.engine.sql.statements.statement import WindowClause

SECOND = WindowClause("TUMBLING", 1_000, None, 0)
KEYS = [f"k{i}" for i in range(8)]  # some in each partition


def windows(topics, topic: str) -> list[tuple[str, int, int]]:
    """A windowed table's updates: key, window start, count."""
    found = records(topics, topic)
    return [(k[:-8].decode(), int.from_bytes(k[-8:], "big"), json.loads(v)["N"]) for _, _, k, v in found]


def test_windows_stay_closed_under_another_number_of_workers(tmp_path):
    topics = open_topics(tmp_path)
    topics.create("finals", 2)
    final = select("K; count(*) AS N", "EVENTS", group_by="K", emit="FINAL", window=SECOND)
    plans = [counts(window=SECOND), plan(final, "CTAS_FINALS", "FINALS", table=True)]

    def put(time: int) -> None:
        for key in KEYS:
            produce(topics, [(key, 1)], at=time)

    put(0)
    put(10_000)
    for round_, workers in enumerate((2, 3, 1)):
        put(1)  # late, also as the first that this number of workers sees
        put(10_001)
        if round_ == 2:
            put(20_000)
        lifecycle = Lifecycle(HostSettings(tmp_path), topics, RunSettings(epoch_ms=50, workers=workers))
        for each in plans:
            lifecycle.start(each)
        statuses = lifecycle.wait_caught_up(limit_s=120)
        assert [s.metrics.rows_late for s in statuses] == [len(KEYS)] * len(plans)
        lifecycle.close()
    last = {(key, start): n for key, start, n in windows(topics, "counts")}
    closed = {(key, start): n for key in KEYS for start, n in ((0, 1), (10_000, 4))}
    assert last == closed | {(key, 20_000): 1 for key in KEYS}
    assert Counter(windows(topics, "finals")) == Counter((*place, n) for place, n in closed.items())
    topics.close()


def keys_of(topics) -> dict[int, str]:
    """A key of each partition."""
    topics.create("tried", 2)
    produce(topics, [(key, 1) for key in KEYS], topic="tried")
    return {partition: key.decode() for partition, _, key, _ in records(topics, "tried")}


@pytest.mark.parametrize("workers", [1, 2])
def test_windows_wait_for_the_partitions_of_silent_workers(tmp_path, workers):
    """Also for one that has given nothing yet, and after a restart for one that gives nothing more."""
    topics = open_topics(tmp_path)
    topics.create("finals", 2)
    final = plan(
        select("K; count(*) AS N", "EVENTS", group_by="K", emit="FINAL", window=SECOND), "CTAS_F", "FINALS", table=True
    )
    keys = keys_of(topics)
    told = []
    for places in (((0, 0), (0, 10_000)), ((1, 0),), ((0, 20_000),), ((1, 10_000),)):
        for partition, time in places:
            produce(topics, [(keys[partition], 1)], at=time)
        lifecycle = Lifecycle(HostSettings(tmp_path), topics, RunSettings(epoch_ms=50, workers=workers))
        lifecycle.start(final)
        lifecycle.wait_caught_up(limit_s=120)
        lifecycle.close()
        told.append(sorted(windows(topics, "finals")))
    assert told[0] == told[1] == told[2] == []
    assert told[3] == sorted((keys[partition], 0, 1) for partition in (0, 1))
    topics.close()
