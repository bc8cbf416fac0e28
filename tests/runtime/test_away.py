"""Queries whose host does not answer, and flows that cannot even begin: told, waited for no longer than needed, and gone on
with when that is over."""

from __future__ import annotations

import os
import signal
import time

import pyarrow as pa
import pytest
from flows import until
from plans import big, counts, open_topics, passed, produce, pull_all, pulled, records, rows_of

from mergus.engine.clock import SystemClock
from mergus.engine.errors import EnvironmentFault
from mergus.engine.runtime.checkpoint import CheckpointStore
from mergus.engine.runtime.flows import flow
from mergus.engine.runtime.hosts import processes as hosts
from mergus.engine.runtime.hosts.host import HostSettings
from mergus.engine.runtime.hosts.lifecycle import Lifecycle, RunSettings
from mergus.engine.runtime.hosts.watch import Watch
from mergus.engine.runtime.pull.reading import Reading

EVENTS = [(f"k{i % 5}", i) for i in range(500)]


@pytest.fixture
def topics(tmp_path):
    made = open_topics(tmp_path)
    yield made
    made.close()


@pytest.fixture
def lifecycle(tmp_path, topics, monkeypatch):
    monkeypatch.setattr(hosts, "STATUS_S", 0.5)
    monkeypatch.setattr(hosts, "PING_S", 0.5)
    made = Lifecycle(HostSettings(tmp_path), topics, RunSettings(epoch_ms=50))
    yield made
    made.close()


@pytest.fixture
def stopped(lifecycle, topics):
    """A host that does nothing any more, with two queries."""
    produce(topics, EVENTS)
    lifecycle.start(counts())
    lifecycle.start(passed())
    lifecycle.wait_caught_up(limit_s=60)
    (host,) = lifecycle.host_processes()
    os.kill(host.pid, signal.SIGSTOP)
    yield host
    if host.pid in [h.pid for h in lifecycle.host_processes()]:
        os.kill(host.pid, signal.SIGCONT)


def states(lifecycle):
    return {query_id: status.state for query_id, status in lifecycle.statuses().items()}


def test_a_host_that_does_not_answer_is_told_and_not_waited_for(lifecycle, topics, stopped):
    with pytest.raises(hosts.HostAway, match="does not answer"):
        pulled(lifecycle, "CTAS_COUNTS", pull_all())
    begun = time.monotonic()
    for _ in range(20):
        with pytest.raises(hosts.HostAway, match="does not answer"):
            pulled(lifecycle, "CTAS_COUNTS", pull_all())
    assert time.monotonic() - begun < 5
    assert states(lifecycle) == {"CTAS_COUNTS": "UNRESPONSIVE", "CSAS_PASSED": "UNRESPONSIVE"}
    assert f"process {stopped.pid} does not answer" in (lifecycle.statuses()["CTAS_COUNTS"].error or "")
    os.kill(stopped.pid, signal.SIGCONT)
    until(lambda: set(states(lifecycle).values()) == {"RUNNING"})
    assert sum(n for n, _ in rows_of(pulled(lifecycle, "CTAS_COUNTS", pull_all())).values()) == 500


def test_a_query_made_meanwhile_begins_when_its_host_is_started_again(lifecycle, topics, stopped):
    lifecycle.start(big())
    assert states(lifecycle)["CTAS_BIG"] == "UNRESPONSIVE"
    os.kill(stopped.pid, signal.SIGKILL)
    until(lambda: set(states(lifecycle).values()) == {"RUNNING"})
    lifecycle.wait_caught_up(limit_s=60)
    assert pulled(lifecycle, "CTAS_BIG", pull_all("BIG", "N; C")).to_pylist() == [{"c0": 100, "c1": 5}]
    assert len(records(topics, "passed")) == 250


def test_the_end_does_not_wait_for_a_host_that_does_not_answer(lifecycle, stopped):
    begun = time.monotonic()
    lifecycle.close()
    assert time.monotonic() - begun < 10


def test_a_table_is_asked_between_two_lives_of_its_query(lifecycle, topics, monkeypatch):
    """Who asks is told to ask again: the table is there, and the question right."""
    hosts_for, asked = lifecycle._hosts_for, []

    def meanwhile(entry, processes):
        with pytest.raises(hosts.EnvironmentFault, match=r"not there now\n.*being started"):
            pulled(lifecycle, "CTAS_COUNTS", pull_all())
        asked.append(entry)
        return hosts_for(entry, processes)

    monkeypatch.setattr(lifecycle, "_hosts_for", meanwhile)
    lifecycle.start(counts())
    assert len(asked) == 1
    (host,) = lifecycle.host_processes()
    host.close("CTAS_COUNTS")
    with pytest.raises(hosts.EnvironmentFault, match="not there now"):
        pulled(lifecycle, "CTAS_COUNTS", pull_all())


def test_a_query_whose_folder_cannot_be_held_is_in_error_and_tried_again(lifecycle, topics):
    in_the_way = lifecycle.folder("CTAS_COUNTS") / "lock"
    in_the_way.mkdir(parents=True)
    produce(topics, EVENTS)
    lifecycle.start(counts())
    until(lambda: states(lifecycle) == {"CTAS_COUNTS": "ERROR"})
    assert str(in_the_way) in (lifecycle.statuses()["CTAS_COUNTS"].error or "")
    in_the_way.rmdir()
    until(lambda: states(lifecycle) == {"CTAS_COUNTS": "RUNNING"})
    lifecycle.wait_caught_up(limit_s=60)
    assert sum(n for n, _ in rows_of(pulled(lifecycle, "CTAS_COUNTS", pull_all())).values()) == 500


class Panic(BaseException):
    """What the Rust library raises; it is no Exception."""


def test_a_checkpoint_that_is_half_made_is_made_anew(tmp_path, monkeypatch):
    def half(folder, count):
        (folder / "part-0.sqlite3").touch()
        raise Panic("unable to open database file")

    store = CheckpointStore(tmp_path / "checkpoint")
    with monkeypatch.context() as patched:
        patched.setattr("mergus.engine.runtime.checkpoint.init_db_dir", half)
        with pytest.raises(hosts.EnvironmentFault, match=r"cannot make the checkpoint in .*\n.*unable to open"):
            store.prepare()
    assert store.prepare() is not None
    assert store.read("Q", "source", "first").resume_epoch == 1
    assert sorted(p.name for p in store.folder.iterdir()) == ["making", "part-0.sqlite3", "void_epoch"]


class Unclosable:
    """A task that cannot be closed."""

    def query(self, pull):
        yield pa.table({"c0": [1]})

    def close(self):
        raise OSError("too many open files")


def test_a_table_that_cannot_be_closed_after_reading_can_be_read_again():
    opened = []
    reading = Reading("Q", lambda: None, lambda: opened.append(Unclosable()) or [opened[-1]])
    for turn in (1, 2):
        assert len(list(reading.pull(pull_all()))) == 1
        assert len(opened) == turn
        with pytest.raises(OSError, match="too many"), reading.ended():
            pass
    with reading.ended():
        pass


def test_a_checkpoint_that_cannot_be_read_is_told_and_tried_again(tmp_path, topics, monkeypatch):
    """As of another user: the query's thread had ended of it, and nobody told."""
    run = RunSettings(in_process=True, epoch_ms=50)
    produce(topics, EVENTS)
    lifecycle = Lifecycle(HostSettings(tmp_path), topics, run)
    lifecycle.start(counts())
    lifecycle.wait_caught_up(limit_s=60)
    lifecycle.close()

    def refused(*_):
        raise EnvironmentFault("cannot read the checkpoint")

    with monkeypatch.context() as patched:
        patched.setattr(flow, "_owned", refused)
        patched.setattr(CheckpointStore, "read", refused)
        lifecycle = Lifecycle(HostSettings(tmp_path), topics, run)
        lifecycle.start(counts())
        until(lambda: states(lifecycle) == {"CTAS_COUNTS": "ERROR"})
        assert lifecycle.statuses()["CTAS_COUNTS"].error == "cannot read the checkpoint"
    until(lambda: states(lifecycle) == {"CTAS_COUNTS": "RUNNING"})
    assert sum(n for n, _ in rows_of(pulled(lifecycle, "CTAS_COUNTS", pull_all())).values()) == 500
    lifecycle.close()


def test_a_clock_that_is_put_back_is_seen(topics):
    """Bytewax would let flows rest until the clock is where it was: their process begins anew."""

    class PutBack(SystemClock):
        back_ms = 0

        def now_ms(self):
            return super().now_ms() - self.back_ms

    clock, told = PutBack(), []
    watch = Watch(topics, list, 20, clock, told.append)
    clock.back_ms = 3_600_000
    until(lambda: told != [])
    clock.back_ms = -3_600_000
    watch.close()
    assert [round(seconds) for seconds in told] == [3_600]
