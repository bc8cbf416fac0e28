"""One flow in this process: order, workers, epochs, failures, back-pressure."""

from __future__ import annotations

from collections import Counter

import pytest
from fakes import MemoryTopics, counts_in
from flows import Flow, until

from mergus.engine.runtime.checkpoint import SourceSnapshot


@pytest.fixture
def topics():
    cluster = MemoryTopics()
    cluster.create("in", 3)
    cluster.create("out", 1)
    return cluster


def rows(n, keys=7, start=0):
    return [(start + i, f"k{i % keys}".encode(), str(i).encode()) for i in range(n)]


def wanted(n, keys=7):
    return Counter(f"k{i % keys}" for i in range(n))


def last_values(cluster, topic="out"):
    return {k.decode(): int(v) for _, k, v in cluster.records[topic][0]}


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_counts_the_same_for_any_number_of_workers(topics, tmp_path, workers):
    topics.put("in", rows(20_000))
    flow = Flow(topics, tmp_path, workers=workers)
    flow.run()
    assert flow.control.failure is None
    assert counts_in(tmp_path) == wanted(20_000)
    assert last_values(topics) == wanted(20_000)
    assert len({t for task in flow.tasks for t in task.threads}) == workers


@pytest.mark.parametrize("workers", [1, 2])
def test_a_query_of_one_stage_passes_records_on_once(topics, tmp_path, workers):
    topics.put("in", rows(5_000))
    Flow(topics, tmp_path, stages=1, workers=workers).run()
    assert sorted(int(v) for _, _, v in topics.records["out"][0]) == list(range(5_000))


def test_goes_on_where_it_was_stopped(topics, tmp_path):
    topics.put("in", rows(1_000))
    flow = Flow(topics, tmp_path, bounded=False).start()
    until(lambda: flow.metrics.rows_in >= 1_000)
    flow.stop()
    topics.put("in", rows(500))
    Flow(topics, tmp_path).run()
    assert counts_in(tmp_path) == wanted(1_000) + wanted(500)
    assert last_values(topics) == wanted(1_000) + wanted(500)


def test_stream_times_are_part_of_the_checkpoint(topics, tmp_path):
    topics.put("in", rows(100, start=5_000))
    first = Flow(topics, tmp_path)
    first.run()
    assert max(first.run_.checkpoint().stream_times.values()) == 5_099
    topics.put("in", [(1, b"k0", b"x")])
    again = Flow(topics, tmp_path)
    again.run()
    assert max(again.run_.checkpoint().stream_times.values()) == 5_099


@pytest.mark.parametrize("workers", [1, 2])
def test_a_raising_stage_ends_its_flow_and_its_epoch_is_done_again(topics, tmp_path, workers):
    topics.put("in", rows(3_000))
    flow = Flow(topics, tmp_path, bounded=False, workers=workers).start()
    until(lambda: len(topics.records["out"][0]) > 0)
    topics.put("in", [*rows(50), (0, b"k1", b"raise"), *rows(50)])
    flow.thread.join(20)
    assert flow.error is None
    assert flow.control.failure is not None
    assert "a value that raises" in flow.control.failure.message
    for part in topics.records["in"]:  # the author mends the data
        part[:] = [(t, k, b"1" if v == b"raise" else v) for t, k, v in part]
    for _ in range(2):  # also a second start from the same void epoch
        Flow(topics, tmp_path, workers=workers).run()
    total = wanted(3_000) + wanted(50) + wanted(50) + Counter(["k1"])
    assert counts_in(tmp_path) == total
    assert last_values(topics) == total


def test_neighbours_of_a_raising_flow_live(topics, tmp_path):
    topics.create("in2", 1)
    topics.create("out2", 1)
    before = Flow(topics, tmp_path / "a", source="in2", sink="out2", bounded=False).start()
    failing = Flow(topics, tmp_path / "b", bounded=False).start()
    topics.put("in2", rows(10))
    until(lambda: before.metrics.rows_in == 10)
    topics.put("in", [(0, b"k", b"raise")])
    failing.thread.join(20)
    after = Flow(topics, tmp_path / "c", source="in2", sink="out", bounded=False).start()
    topics.put("in2", rows(10))
    until(lambda: before.metrics.rows_in == 20 and after.metrics.rows_in == 20)
    before.stop()
    after.stop()
    assert failing.control.failure is not None
    assert before.control.failure is None
    assert after.control.failure is None


@pytest.mark.parametrize("workers", [1, 2])
def test_no_more_bytes_are_under_way_than_allowed(topics, tmp_path, workers):
    topics.put("in", rows(30_000))
    flow = Flow(topics, tmp_path, workers=workers, bytes_max=20_000, rows_max=200, slow_s=0.001)
    flow.run()
    credits_ = flow.control.credits
    assert counts_in(tmp_path) == wanted(30_000)
    assert credits_.peak < 20_000 + workers * 3 * 200 * 100  # the limit and a batch a part
    assert credits_.under_way == 0


def test_batches_grow_under_load_and_vanish_when_idle(topics, tmp_path):
    topics.put("in", rows(60_000))
    flow = Flow(topics, tmp_path, bounded=False).start()
    until(lambda: flow.metrics.rows_in == 60_000)
    assert max(flow.tasks[0].calls) > 10_000
    topics.put("in", rows(1))
    until(lambda: flow.metrics.rows_in == 60_001)
    flow.stop()
    assert flow.tasks[0].calls[-1] == 1


def test_two_topics_are_worked_on_in_order_of_time(topics, tmp_path):
    topics.create("left", 1)
    topics.create("right", 1)
    topics.put("left", [(t, b"l", str(t).encode()) for t in range(0, 30_000, 2)])
    topics.put("right", [(t, b"r", str(t).encode()) for t in range(1, 30_000, 2)])
    Flow(topics, tmp_path, source=("left", "right"), stages=1).run()
    assert [int(v) for _, _, v in topics.records["out"][0]] == list(range(30_000))


def test_two_topics_whose_times_go_back_keep_their_order_after_a_restart(topics, tmp_path):
    topics.create("left", 1)
    topics.create("right", 1)
    topics.put("left", [(100, b"l", b"first")])
    Flow(topics, tmp_path, source=("left", "right"), stages=1).run()
    topics.put("left", [(10, b"l", b"held back by the first")])
    topics.put("right", [(50, b"r", b"before it")])
    Flow(topics, tmp_path, source=("left", "right"), stages=1).run()
    assert [v for _, _, v in topics.records["out"][0]] == [b"first", b"before it", b"held back by the first"]


def test_a_checkpoint_without_the_latest_times_is_read(topics, tmp_path, monkeypatch):
    """As a data folder of a version that did not note them has it."""
    topics.create("left", 1)
    topics.create("right", 1)
    topics.put("left", [(100, b"l", b"1")])

    def older(self):
        return {name: value for name, value in vars(self).items() if "latest" not in name}

    with monkeypatch.context() as patched:
        patched.setattr(SourceSnapshot, "__getstate__", older)
        Flow(topics, tmp_path, source=("left", "right"), stages=1).run()
    topics.put("right", [(50, b"r", b"2")])
    Flow(topics, tmp_path, source=("left", "right"), stages=1).run()
    assert [v for _, _, v in topics.records["out"][0]] == [b"1", b"2"]
