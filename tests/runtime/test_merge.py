"""The order of two topics' records, whatever was fetched first; what is counted."""

from __future__ import annotations

import pickle
import random

import pyarrow as pa
import pytest

from mergus.engine.operators.measured import Measured
from mergus.engine.runtime.flows.control import Credits
from mergus.engine.runtime.flows.merge import Heads
from mergus.engine.runtime.telemetry.metrics import QueryMetrics, exposition


def batch(topic: int, times: list[int], start: int = 0) -> pa.RecordBatch:
    columns = {"topic": [topic] * len(times), "offset": list(range(start, start + len(times))), "timestamp": times}
    return pa.RecordBatch.from_pydict(columns)


def order(batches: list[pa.RecordBatch]) -> list[tuple[int, int]]:
    return [(r["topic"], r["offset"]) for b in batches for r in b.to_pylist()]


def by_heads(queues: list[list[int]]) -> list[tuple[int, int]]:
    """One record at a time: the earliest head, the lower topic where two are even."""
    at, made = [0] * len(queues), []
    while any(i < len(q) for i, q in zip(at, queues, strict=True)):
        live = [(q[i], t) for t, (i, q) in enumerate(zip(at, queues, strict=True)) if i < len(q)]
        _, topic = min(live)
        made.append((topic, at[topic]))
        at[topic] += 1
    return made


def test_a_restart_changes_no_order():
    chance = random.Random(2)
    for _ in range(100):
        queues = [[chance.randrange(20) for _ in range(chance.randrange(12))] for _ in range(2)]
        heads, restarted = Heads([None, None]), Heads([None, None])
        made: list[list[tuple[int, int]]] = [[], []]
        at = [0, 0]
        while at != [len(q) for q in queues]:
            for topic, queue in enumerate(queues):
                end = chance.randint(at[topic], len(queue))
                for each in (heads, restarted):
                    each.add(topic, batch(topic, queue[at[topic] : end], at[topic]))
                at[topic] = end
            made[0] += order(heads.release())
            made[1] += order(restarted.release())
            restarted = Heads(restarted.latest)
        assert made[0] == made[1]


def test_as_one_record_at_a_time_would_go():
    chance = random.Random(1)
    for _ in range(100):
        queues = [[chance.randrange(20) for _ in range(chance.randrange(12))] for _ in range(3)]
        heads = Heads([None] * 3)
        for topic, times in enumerate(queues):
            heads.add(topic, batch(topic, times))
        assert order(heads.release()) == by_heads(queues)


def test_nothing_passes_what_a_topic_may_still_bring():
    heads = Heads([None] * 2)
    heads.add(0, batch(0, [1, 2, 9]))
    assert heads.release(frozenset({1})) == []
    heads.add(1, batch(1, [1, 3]))
    assert order(heads.release(frozenset({1}))) == [(0, 0), (1, 0), (0, 1), (1, 1)]
    heads.add(1, batch(1, [4], start=2))
    assert order(heads.release()) == [(1, 2), (0, 2)]


def test_credits_run_out_and_come_back():
    credits_ = Credits(10)
    credits_.take(12)
    assert not credits_.left()
    credits_.give(12)
    assert credits_.left()
    assert credits_.peak == 12


def test_metrics_by_their_names():
    metrics = QueryMetrics("CTAS_X_1", restarts=2, lag_records=3, state_bytes=4)
    metrics.batch(20)
    metrics.delivered(5, [0.002, 0.3])
    metrics.failed("late")
    metrics.failed("expression")
    text = exposition([metrics], {"CTAS_X_1": "PAUSED"}).decode()
    for line in (
        'mergus_query_rows_in_total{query="CTAS_X_1"} 20.0',
        'mergus_query_rows_out_total{query="CTAS_X_1"} 5.0',
        'mergus_query_rows_bad_total{query="CTAS_X_1"} 1.0',
        'mergus_query_rows_late_total{query="CTAS_X_1"} 1.0',
        'mergus_query_restarts_total{query="CTAS_X_1"} 2.0',
        'mergus_query_lag_records{query="CTAS_X_1"} 3.0',
        'mergus_query_state_bytes{query="CTAS_X_1"} 4.0',
        'mergus_query_state{query="CTAS_X_1",state="PAUSED"} 1.0',
        'mergus_query_state{query="CTAS_X_1",state="RUNNING"} 0.0',
        'mergus_query_batch_rows_bucket{le="100.0",query="CTAS_X_1"} 1.0',
        'mergus_query_latency_seconds_bucket{le="0.0025",query="CTAS_X_1"} 1.0',
        'mergus_query_latency_seconds_count{query="CTAS_X_1"} 2.0',
    ):
        assert line in text
    assert metrics.latency_seconds.quantile(0.5) == 0.0025


class GrowsWhilePickled:
    """A part that, while it is being written to a pipe, has the flow meet another."""

    def __init__(self, parts):
        self.parts = parts

    def __reduce__(self):
        self.parts[(len(self.parts), 0)] = Measured()
        return Measured, ()


def test_a_snapshot_stands_still_while_the_flow_goes_on():
    metrics = QueryMetrics("Q")
    parts = metrics.parts[0] = {}
    parts[(0, 0)] = GrowsWhilePickled(parts)
    parts[(0, 1)] = Measured()
    with pytest.raises(RuntimeError, match="changed size"):
        pickle.dumps(metrics)
    told = metrics.snapshot()
    metrics.batch(3)
    assert pickle.loads(pickle.dumps(told)).batch_rows.counts == [0] * 9
    assert metrics.batch_rows.total == 3
