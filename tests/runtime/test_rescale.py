"""Another number of workers: what is late, and which windows have closed, is what it was."""

from __future__ import annotations

import json
from collections import Counter

from plans import counts, open_topics, plan, produce, records, select

from mergus.engine.runtime.host import HostSettings
from mergus.engine.runtime.lifecycle import Lifecycle, RunSettings
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
