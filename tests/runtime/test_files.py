"""Bounded sources: a query over files ends, and gives what the files hold, once."""

from __future__ import annotations

import threading
from dataclasses import replace

import pyarrow as pa
import pytest
from flows import until
from plans import open_topics, plan, records, select

from mergus.engine.plan.physical.steps import FileRead
from mergus.engine.runtime.hosts.host import HostSettings
from mergus.engine.runtime.hosts.lifecycle import Lifecycle, RunSettings


@pytest.fixture
def lifecycle(tmp_path):
    topics = open_topics(tmp_path)
    made = Lifecycle(HostSettings(tmp_path), topics, RunSettings(in_process=True, epoch_ms=50))
    made.topics = topics
    yield made
    made.close()
    topics.close()


def over_file(made, path):
    (source,) = made.sources
    return replace(made, sources=(replace(source, file=FileRead(str(path), "csv")),))


def csv(tmp_path, rows=1_000):
    path = tmp_path / "events.csv"
    path.write_text("k,v\n" + "".join(f"k{i % 5},{i}\n" for i in range(rows)))
    return path


def test_a_push_query_over_a_file_gives_its_rows_in_order_and_ends(lifecycle, tmp_path):
    query = over_file(plan(select("V", "EVENTS", where="V % 2 = 0", emit="CHANGES"), "push", None), csv(tmp_path))
    got: list[pa.Table] = []
    ended = threading.Event()
    lifecycle.start_push(query, got.append, ended=lambda _: ended.set(), bounded=True)
    assert ended.wait(20)
    assert pa.concat_tables(got).column("c0").to_pylist() == list(range(0, 1_000, 2))
    lifecycle.terminate("push")


def test_a_persistent_query_over_a_file_finishes_once(lifecycle, tmp_path):
    query = over_file(plan(select("K; V", "EVENTS", emit="CHANGES"), "CSAS_PASSED", "PASSED"), csv(tmp_path))
    lifecycle.start(query)
    lifecycle.wait_caught_up(limit_s=20)
    until(lambda: lifecycle.status("CSAS_PASSED").state == "FINISHED")
    lifecycle.resume("CSAS_PASSED")
    lifecycle.wait_caught_up(limit_s=20)
    assert len(records(lifecycle.topics, "passed")) == 1_000
