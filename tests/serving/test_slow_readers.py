"""Clients that read slower than their query gives, or not at all: the query rests, nothing is lost, the server can be stopped."""

from __future__ import annotations

import json
import socket
import time

import h2.connection
import pyarrow as pa
import pytest

import mergus
from mergus.engine.clock import SystemClock
from mergus.engine.io.embedded.topics import EmbeddedTopics
from tests.mergus_server import running_server, until

STREAM = "CREATE STREAM s (a BIGINT, t STRING) WITH (kafka_topic='s', value_format='JSON', partitions=3);"
ROWS = 100_000


def written(topics, rows=ROWS):
    writer = topics.writer()
    writer.write(
        "s", pa.record_batch({"value": pa.array([b'{"A":%d,"T":"%s"}' % (i, b"x" * 90) for i in range(rows)])})
    )
    writer.close()


@pytest.fixture
def resting(tmp_path, monkeypatch):
    """An engine whose queries rest soon, and the queries that did."""
    with mergus.connect(tmp_path, settings={"inflight.bytes.max": 1 << 20, "epoch.ms": 50}) as db:
        db.execute(STREAM)
        written(db.engine.topics)
        db.execute("SET 'auto.offset.reset' = 'earliest';")
        rested, pause = [], db.engine.lifecycle.pause
        monkeypatch.setattr(db.engine.lifecycle, "pause", lambda query_id: (rested.append(query_id), pause(query_id)))
        yield db, rested


def test_a_slow_reader_gets_every_row_once(resting):
    db, rested = resting
    pulled = []
    for batch in db.scan("SELECT a FROM s;").batches():
        pulled += batch.column(0).to_pylist()
        time.sleep(0.02)
    assert sorted(pulled) == list(range(ROWS))
    pushed = []
    for row in db.push(f"SELECT a, t FROM s EMIT CHANGES LIMIT {ROWS};"):
        pushed.append(row["A"])
        if len(pushed) % 5_000 == 0:
            time.sleep(0.05)
    assert sorted(pushed) == list(range(ROWS))
    assert len(set(rested)) == 2


def test_a_query_that_rests_goes_on_with_what_it_remembers(resting):
    db, rested = resting
    push = iter(db.push("SELECT a % 20000 AS k, COUNT(*) AS n, MAX(t) AS t FROM s GROUP BY a % 20000 EMIT CHANGES;"))
    counts = {}
    while sum(counts.values()) < ROWS:
        row = next(push)
        assert row["N"] > counts.get(row["K"], 0)
        counts[row["K"]] = row["N"]
        if row["K"] % 1_000 == 0:
            time.sleep(0.01)
    assert set(counts.values()) == {ROWS // 20_000}
    assert rested


def test_a_query_that_rests_can_be_left(resting):
    db, rested = resting
    push = db.push("SELECT a, t FROM s EMIT CHANGES;")
    next(iter(push))
    until(lambda: rested, "the query to rest")
    push.close()
    assert db.engine.questions.running() == []


def over_http_1(host, body):
    return f"POST /query-stream HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def over_http_2(host, body):
    client = h2.connection.H2Connection()
    client.initiate_connection()
    head = {":method": "POST", ":path": "/query-stream", ":authority": host, ":scheme": "http"}
    client.send_headers(1, list(head.items()))
    client.send_data(1, body, end_stream=True)
    return client.data_to_send()


@pytest.mark.parametrize("version", [over_http_1, over_http_2])
def test_a_server_whose_clients_never_read_can_be_stopped(tmp_path, version):
    with running_server(tmp_path, environment={"MERGUS_INFLIGHT_BYTES_MAX": str(1 << 20)}) as server:
        server.statement(STREAM)
        topics = EmbeddedTopics(tmp_path / "topics", clock=SystemClock())
        written(topics)
        topics.close()
        host, port = server.url.removeprefix("http://").split(":")
        asked = {"sql": "SELECT * FROM s EMIT CHANGES;", "properties": {"auto.offset.reset": "earliest"}}
        body = json.dumps(asked).encode()
        clients = [socket.create_connection((host, int(port))) for _ in range(2)]
        for client in clients:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.sendall(version(host, body))
        until(lambda: server.metric("mergus_query_rows_in_total") > 0, "the queries to run")
        time.sleep(2)
        server.process.terminate()
        assert server.process.wait(60) == 0
        for client in clients:
            client.close()
