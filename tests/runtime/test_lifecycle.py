"""Queries as the server runs them: started, read while they run, paused, parked, ended."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter

import pytest
from flows import until
from plans import big, counts, open_topics, passed, produce, pull_all, pulled, records, rows_of
from pyarrow import RecordBatch

from mergus.engine.runtime.checkpoint import CheckpointStore
from mergus.engine.runtime.hosts.host import HostSettings
from mergus.engine.runtime.hosts.lifecycle import Lifecycle, RunSettings


@pytest.fixture
def topics(tmp_path):
    made = open_topics(tmp_path)
    yield made
    made.close()


@pytest.fixture(params=["in process", "hosts"])
def lifecycle(request, tmp_path, topics):
    run = RunSettings(in_process=request.param == "in process", epoch_ms=50)
    made = Lifecycle(HostSettings(tmp_path), topics, run)
    yield made
    made.close()


EVENTS = [(f"k{i % 5}", i) for i in range(2_000)]
WANTED = {k: (400, sum(v for key, v in EVENTS if key == k)) for k in Counter(k for k, _ in EVENTS)}


def test_a_table_answers_and_its_topic_holds_it(lifecycle, topics):
    produce(topics, EVENTS)
    lifecycle.start(counts())
    (status,) = lifecycle.wait_caught_up(limit_s=30)
    assert status.state == "RUNNING"
    assert rows_of(pulled(lifecycle, "CTAS_COUNTS", pull_all())) == WANTED
    last = {k.decode(): json.loads(v)["N"] for _, _, k, v in records(topics, "counts")}
    assert last == {k: n for k, (n, _) in WANTED.items()}
    assert status.metrics.rows_in == 2_000


def test_chained_queries_catch_up_together(lifecycle, topics):
    lifecycle.start(counts())
    lifecycle.start(big())
    lifecycle.start(passed())
    produce(topics, EVENTS)
    lifecycle.wait_caught_up(limit_s=30)
    assert pulled(lifecycle, "CTAS_BIG", pull_all("BIG", "N; C")).to_pylist() == [{"c0": 400, "c1": 5}]
    assert len(records(topics, "passed")) == 1_000


def test_a_paused_query_stays_readable_and_goes_on(lifecycle, topics):
    produce(topics, EVENTS)
    lifecycle.start(counts())
    lifecycle.wait_caught_up(limit_s=30)
    lifecycle.pause("CTAS_COUNTS")
    produce(topics, EVENTS)
    assert lifecycle.status("CTAS_COUNTS").state == "PAUSED"
    assert rows_of(pulled(lifecycle, "CTAS_COUNTS", pull_all())) == WANTED
    lifecycle.resume("CTAS_COUNTS")
    lifecycle.wait_caught_up(limit_s=30)
    assert {n for n, _ in rows_of(pulled(lifecycle, "CTAS_COUNTS", pull_all())).values()} == {800}


def test_bad_records_are_counted_and_logged(lifecycle, topics):
    produce(topics, [("k", 1)])
    writer = topics.writer()
    writer.write("events", RecordBatch.from_pydict({"key": [b"k"], "value": [b"{not json"]}))
    writer.close()
    lifecycle.start(counts())
    lifecycle.wait_caught_up(limit_s=30)
    until(lambda: lifecycle.status("CTAS_COUNTS").metrics.rows_bad == 1)
    (entry,) = [json.loads(v) for _, _, _, v in records(topics, "mergus_processing_log")]
    assert (entry["QUERY"], entry["KIND"], entry["TOPIC"]) == ("CTAS_COUNTS", "deserialization", "events")
    assert b'mergus_query_rows_bad_total{query="CTAS_COUNTS"} 1.0' in lifecycle.metrics()


def test_how_a_query_stands_is_told_without_opening_its_checkpoint_beside_its_run(tmp_path, topics, monkeypatch):
    readers, read = [], CheckpointStore.read
    monkeypatch.setattr(CheckpointStore, "read", lambda *a: readers.append(threading.current_thread().name) or read(*a))
    for count in (400, 800):
        lifecycle = Lifecycle(HostSettings(tmp_path), topics, RunSettings(in_process=True, epoch_ms=50))
        lifecycle.start(counts(), paused=True)
        until(lambda made=lifecycle: not made.status("CTAS_COUNTS").under_way)
        assert sum(lifecycle.status("CTAS_COUNTS").positions.values()) == (count - 400) * 5
        produce(topics, EVENTS)
        lifecycle.resume("CTAS_COUNTS")
        lifecycle.wait_caught_up(limit_s=30)
        assert {n for n, _ in rows_of(pulled(lifecycle, "CTAS_COUNTS", pull_all())).values()} == {count}
        lifecycle.close()
    assert set(readers) == {"flow CTAS_COUNTS"}


def test_terminate_removes_the_state(lifecycle, topics):
    produce(topics, EVENTS)
    lifecycle.start(counts())
    lifecycle.wait_caught_up(limit_s=30)
    lifecycle.terminate("CTAS_COUNTS")
    assert lifecycle.statuses() == {}
    assert not lifecycle.folder("CTAS_COUNTS").exists()


def test_the_end_of_a_query_that_its_host_no_longer_has_harms_no_other(tmp_path, topics):
    lifecycle = Lifecycle(HostSettings(tmp_path), topics, RunSettings(in_process=False, epoch_ms=50))
    lifecycle.start(counts())
    lifecycle.start(passed())
    produce(topics, EVENTS)
    lifecycle.wait_caught_up(limit_s=30)
    (host,) = lifecycle._entry("CSAS_PASSED").hosts
    assert lifecycle._entry("CTAS_COUNTS").hosts == [host]
    host.close("CSAS_PASSED")  # as when it has come to its end by itself
    pid = host.pid
    lifecycle.terminate("CSAS_PASSED")
    assert [h.pid for h in lifecycle._entry("CTAS_COUNTS").hosts] == [pid]
    assert rows_of(pulled(lifecycle, "CTAS_COUNTS", pull_all())) == WANTED
    assert lifecycle.status("CTAS_COUNTS").metrics.restarts == 0
    lifecycle.close()


def test_an_idle_query_is_parked_answers_and_wakes(tmp_path, topics):
    hosts = HostSettings(tmp_path, idle_park_ms=100)
    lifecycle = Lifecycle(hosts, topics, RunSettings(in_process=True, epoch_ms=30))
    produce(topics, EVENTS)
    lifecycle.start(counts())
    lifecycle.start(passed())
    lifecycle.wait_caught_up(limit_s=60)
    until(lambda: all(s.parked for s in lifecycle.statuses().values()))
    assert rows_of(pulled(lifecycle, "CTAS_COUNTS", pull_all())) == WANTED
    for round_ in range(1, 4):
        begun = time.monotonic()
        produce(topics, [("k0", 0)])
        until(lambda n=round_: rows_of(pulled(lifecycle, "CTAS_COUNTS", pull_all()))["k0"][0] == 400 + n)
        assert time.monotonic() - begun < 5  # 0.1 s on an idle machine: bench/idle.py measures it
        until(lambda n=round_: len(records(topics, "passed")) == 1_000 + n)
        until(lambda: all(s.parked for s in lifecycle.statuses().values()))
    lifecycle.close()


@pytest.mark.parametrize("how", [{"workers": 2}, {"processes": 2}, {"workers": 2, "processes": 2}])
def test_several_workers_and_processes_give_the_same_answers(tmp_path, topics, how):
    produce(topics, EVENTS)
    for _ in range(2):  # and go on from their checkpoints
        lifecycle = Lifecycle(HostSettings(tmp_path), topics, RunSettings(epoch_ms=50, **how))
        lifecycle.start(counts())
        lifecycle.wait_caught_up(limit_s=60)
        rows = rows_of(pulled(lifecycle, "CTAS_COUNTS", pull_all()))
        lifecycle.close()
        assert {k: n for k, (n, _) in rows.items()} == dict.fromkeys(WANTED, 400)
    last = {k.decode(): json.loads(v)["N"] for _, _, k, v in records(topics, "counts")}
    assert last == {k: n for k, (n, _) in WANTED.items()}


def test_another_number_of_workers_takes_the_state_over(tmp_path, topics):
    for round_, workers in enumerate((1, 3, 2, 1), start=1):
        produce(topics, EVENTS)
        lifecycle = Lifecycle(HostSettings(tmp_path), topics, RunSettings(epoch_ms=50, workers=workers))
        lifecycle.start(counts())
        lifecycle.start(big())
        lifecycle.wait_caught_up(limit_s=60)
        assert {n for n, _ in rows_of(pulled(lifecycle, "CTAS_COUNTS", pull_all())).values()} == {400 * round_}
        assert len(list(lifecycle.folder("CTAS_COUNTS").glob("*.duckdb"))) == workers
        lifecycle.close()


def test_a_query_that_fails_is_shown_logged_and_tried_again(lifecycle, topics):
    lifecycle.start(passed())
    lifecycle.start(counts())
    topics.delete("counts")
    produce(topics, EVENTS)
    until(lambda: lifecycle.statuses()["CTAS_COUNTS"].error is not None)
    assert "counts" in lifecycle.statuses()["CTAS_COUNTS"].error
    until(lambda: len(records(topics, "passed")) == 1_000)  # the neighbour lives
    topics.create("counts", 2)
    lifecycle.resume("CTAS_COUNTS")
    until(lambda: lifecycle.status("CTAS_COUNTS").state == "RUNNING" and lifecycle.status("CTAS_COUNTS").caught_up)
    assert rows_of(pulled(lifecycle, "CTAS_COUNTS", pull_all())) == WANTED
    entries = [json.loads(v) for _, _, _, v in records(topics, "mergus_processing_log")]
    assert ("CTAS_COUNTS", "query") in {(e["QUERY"], e["KIND"]) for e in entries}


def test_what_was_counted_outlives_the_process_that_counted(tmp_path, topics):
    lifecycle = Lifecycle(HostSettings(tmp_path), topics, RunSettings(epoch_ms=50))
    try:
        produce(topics, EVENTS)
        lifecycle.start(counts())
        (before,) = lifecycle.wait_caught_up(limit_s=60)
        (host,) = lifecycle.host_processes()
        host.die()
        until(lambda: lifecycle.status("CTAS_COUNTS").metrics.restarts == 1)
        produce(topics, EVENTS[:10])
        (after,) = lifecycle.wait_caught_up(limit_s=60)
        assert after.metrics.rows_in >= before.metrics.rows_in + 10
        assert sum(after.metrics.batch_rows.counts) > sum(before.metrics.batch_rows.counts)
        assert after.metrics.state_bytes <= 2 * before.metrics.state_bytes + 4096
    finally:
        lifecycle.close()
