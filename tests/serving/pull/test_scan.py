"""Pull queries that are answered while they are read: over HTTP and from Python, to the end, to an error, and left."""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
import time

import pyarrow as pa
import pytest

import mergus
from mergus.engine.errors import EnvironmentFault, UserError
from mergus.engine.runtime.pull.scan import Pieces

TABLE = """
CREATE STREAM s (k STRING KEY, v BIGINT) WITH (kafka_topic='s', value_format='JSON', partitions=1);
CREATE TABLE t AS SELECT k, COUNT(*) AS n FROM s GROUP BY k;
"""


@pytest.fixture(scope="module")
def db():
    with mergus.connect() as db:
        db.execute(TABLE)
        yield db


class Host:
    """Gives pieces of a thousand rows: `count` of them and then an error, or without end."""

    def __init__(self, count: int | None = None) -> None:
        self.made = 0
        self.closed = False
        self._count = count

    def pull(self, query_id, pull):
        try:
            for number in itertools.count() if self._count is None else range(self._count):
                self.made += 1
                rows = range(number * 1000, number * 1000 + 1000)
                yield pa.table({"c0": [f"k{row}" for row in rows], "c1": pa.array(rows, pa.int64())})
            raise EnvironmentFault("the host has ended")
        finally:
            self.closed = True


@pytest.fixture
def endless(db, monkeypatch):
    host = Host()
    monkeypatch.setattr(db.engine.lifecycle, "pull", host.pull)
    return host


@pytest.fixture
def broken(db, monkeypatch):
    host = Host(count=5)
    monkeypatch.setattr(db.engine.lifecycle, "pull", host.pull)
    return host


def until(holds):
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.01)


@pytest.mark.parametrize("path", ["/query-stream", "/query"])
def test_rows_arrive_while_the_scan_goes_on_and_a_client_that_leaves_ends_it(endless, client, path):
    with client.stream("POST", path, json={"ksql": "SELECT * FROM t;"}) as answer:
        lines = answer.iter_lines()
        assert len(list(itertools.islice(lines, 5_000))) == 5_000
        assert not endless.closed
    until(lambda: endless.closed)


def test_an_error_on_the_way_is_the_last_line(broken, client):
    answer = client.post("/query-stream", json={"sql": "SELECT * FROM t;"})
    assert answer.status_code == 200
    _, *rows, last = map(json.loads, answer.text.splitlines())
    assert len(rows) == 5_000
    assert last["@type"] == "generic_error"
    assert "the host has ended" in last["message"]
    assert broken.closed


def test_from_python(db, endless):
    with db.scan("SELECT k, n FROM t;") as rows:
        assert rows.schema.names == ["K", "N"]
        assert next(iter(rows)) == {"K": "k0", "N": 0}
        assert next(rows.batches()).num_rows == 1_000
        assert endless.made < 5
    assert endless.closed


def test_from_python_elsewhere(endless, url):
    remote = mergus.connect(server=url)
    with remote.scan("SELECT k, n FROM t;") as rows:
        batches = rows.batches()
        assert [next(batches).num_rows for _ in range(50)] == [1_000] * 50
        assert not endless.closed
    until(lambda: endless.closed)


def test_an_error_on_the_way_is_raised_in_python(db, broken, url):
    for connection in (db, mergus.connect(server=url)):
        batches = connection.scan("SELECT k, n FROM t;").batches()
        assert sum(batch.num_rows for batch in itertools.islice(batches, 5)) == 5_000
        with pytest.raises(EnvironmentFault, match="the host has ended"):
            next(batches)
        with pytest.raises(EnvironmentFault, match="the host has ended"):
            connection.query("SELECT k, n FROM t;")


def test_asynchronously(db, endless):
    async def main():
        async for row in db.scan("SELECT k, n FROM t;"):
            if row["N"] == 3_000:
                break
        assert row == {"K": "k3000", "N": 3_000}

    asyncio.run(main())
    until(lambda: endless.closed)


def test_what_is_no_scan(db):
    with pytest.raises(UserError, match="scan\\(\\) takes one SELECT without EMIT"):
        db.scan("SELECT k FROM s EMIT CHANGES;")
    assert db.engine.questions.running() == []


@pytest.fixture(scope="module")
def topic(db):
    """A stream of 25,000 records."""
    db.execute("CREATE STREAM big (v BIGINT) WITH (kafka_topic='big', value_format='JSON', partitions=1);")
    values = pa.array([b'{"V": %d}' % v for v in range(25_000)], pa.binary())
    writer = db.engine.topics.writer()
    writer.write("big", pa.record_batch({"value": values}))
    writer.close()


def test_a_stream_is_read_in_pieces(db, topic):
    scan = db.scan("SELECT v FROM big;")
    pieces = [batch.num_rows for batch in scan.batches()]
    assert sum(pieces) == 25_000
    assert max(pieces) <= 10_000
    assert db.engine.questions.running() == []


def test_who_leaves_a_stream_ends_its_query(db, topic):
    batches = db.scan("SELECT v FROM big;").batches()
    next(batches)
    assert len(db.engine.questions.running()) == 1
    batches.close()
    until(lambda: db.engine.questions.running() == [])


def test_closing_does_not_wait_for_a_piece_that_does_not_come():
    asked, stopped = threading.Event(), threading.Event()

    def tables():
        yield pa.table({"c0": [1]})
        asked.set()
        stopped.wait(60)

    pieces = Pieces(tables(), stopped.set)
    next(pieces)
    reader = threading.Thread(target=lambda: next(pieces, None))
    reader.start()
    assert asked.wait(60)
    pieces.close()
    reader.join(60)
    assert not reader.is_alive()
