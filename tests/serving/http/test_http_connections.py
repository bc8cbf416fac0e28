"""Connections as clients make them: HTTP/1.1 and HTTP/2 on one port, upgrades, requests behind each other, broken ones."""

from __future__ import annotations

import email.utils
import json
import logging
import socket
import time
from contextlib import contextmanager

import h2.connection
import h2.events
import httpx
import pytest

import mergus
from mergus.engine.serving.http import application, connections
from mergus.engine.serving.http.server import bind
from tests.mergus_server import until
from tests.serving_thread import served

INFO = b"GET /info HTTP/1.1\r\nHost: h\r\n"
UPGRADE = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n"
CHUNKED = b"POST /inserts-stream HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(scope="module")
def db():
    with mergus.connect() as db:
        db.execute("CREATE STREAM s (k STRING KEY, a INT) WITH (kafka_topic='s', value_format='JSON', partitions=1);")
        yield db


@contextmanager
def connected(url):
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        yield connection


def post(path, body, headers=b"", version=b"1.1"):
    head = b"POST %s HTTP/%s\r\nHost: h\r\nContent-Length: %d\r\n%s\r\n"
    return head % (path, version, len(body), headers) + body


def read_until(connection, ends):
    got = b""
    while not ends(got) and (piece := connection.recv(1 << 16)):
        got += piece
    return got


def answers(*sent, url):
    """All that comes back until the server closes, each piece sent some time after the one before."""
    with connected(url) as connection:
        for piece in sent:
            connection.sendall(piece)
            time.sleep(0.1)
        return read_until(connection, lambda got: False)


def test_both_versions_on_one_port(url):
    for http2 in (False, True):
        with httpx.Client(base_url=url, http1=not http2, http2=http2, timeout=60) as client:
            for _ in range(3):
                answer = client.post("/query-stream", json={"sql": "SELECT 1 AS one;"})
                assert answer.http_version == ("HTTP/2" if http2 else "HTTP/1.1")
                assert answer.text.splitlines()[1] == "[1]"
            made = email.utils.parsedate_to_datetime(answer.headers["date"]).timestamp()
            assert abs(made - time.time()) < 5


def test_a_preface_in_pieces(url):
    client = h2.connection.H2Connection()
    client.initiate_connection()
    client.send_headers(1, [(":method", "GET"), (":path", "/info"), (":authority", "h"), (":scheme", "http")], True)
    sent, events = client.data_to_send(), []
    with connected(url) as connection:
        for start, end in ((0, 1), (1, 3), (3, 20), (20, len(sent))):
            connection.sendall(sent[start:end])
            time.sleep(0.05)
        while not any(isinstance(event, h2.events.StreamEnded) for event in events):
            events += client.receive_data(connection.recv(1 << 16))
    (answer,) = (event for event in events if isinstance(event, h2.events.ResponseReceived))
    assert dict(answer.headers)[b":status"] == b"200"


def test_a_request_that_begins_as_the_preface_does(url):
    got = answers(b"P", post(b"/ksql", b"[]", b"Connection: close\r\n")[1:], url=url)
    assert got.startswith(b"HTTP/1.1 400")
    assert b"not a JSON object" in got


@pytest.mark.parametrize("before", [[], [INFO + b"\r\n"], [CHUNKED + b'10\r\n{"target": "s"}\n\r\n', b"0\r\n\r\n"]])
def test_a_request_that_asks_for_http_2_is_answered(url, before):
    asked = post(b"/query-stream", b'{"sql": "SELECT 1 AS one;"}', UPGRADE)
    with connected(url) as connection:
        for piece in before:
            connection.sendall(piece)
            time.sleep(0.1)
        if before:
            got = read_until(connection, lambda got: got.endswith((b"}}", b"\r\n0\r\n\r\n")))
            assert got.startswith(b"HTTP/1.1 200")
        connection.sendall(asked[:-10])
        time.sleep(0.1)
        connection.sendall(asked[-10:])
        assert read_until(connection, lambda got: b"[1]\n" in got).startswith(b"HTTP/1.1 200")
        connection.sendall(INFO + UPGRADE + b"\r\n")  # one without a body is answered over HTTP/2
        assert read_until(connection, lambda got: b"}}" in got).startswith(b"HTTP/1.1 101")


def test_an_answer_over_http_1_0_has_no_chunks(url):
    got = answers(post(b"/inserts-stream", b'{"target": "s"}\n{"k": "old"}\n', version=b"1.0"), url=url)
    head, _, body = got.partition(b"\r\n\r\n")
    assert b"chunked" not in head.lower()
    assert json.loads(body) == {"status": "ok", "seq": 0}


def test_requests_behind_each_other_are_answered_in_turn(url):
    asked = [post(b"/query-stream", b'{"sql": "SELECT %d AS n;"}' % n) for n in range(5)]
    with connected(url) as connection:
        connection.sendall(b"".join(asked))
        got = read_until(connection, lambda got: b"[4]\n" in got)
    assert got.count(b"HTTP/1.1 200") == 5
    assert [got.index(b"[%d]\n" % n) for n in range(5)] == sorted(got.index(b"[%d]\n" % n) for n in range(5))


def test_a_client_that_goes_ends_all_that_it_asked(db, url):
    push = b'{"sql": "SELECT k, a FROM s EMIT CHANGES;"}'
    with connected(url) as connection:
        connection.sendall(post(b"/query-stream", push) + INFO + b"\r\n")
        read_until(connection, lambda got: b"columnNames" in got)
        assert len(db.engine.questions.running()) == 1

    def gone():  # nothing more is read behind a request that waits: a row finds that the client has gone
        db.execute("INSERT INTO s (k, a) VALUES ('x', 1);")
        return db.engine.questions.running() == []

    until(gone, "the query to end", every_s=0.1)


BROKEN = {
    "no method": [b"hello there\r\n\r\n"],
    "no host": [b"GET /info HTTP/1.1\r\n\r\n"],
    "two hosts": [INFO + b"Host: other\r\n\r\n"],
    "a header's name": [INFO + b"a b: c\r\n\r\n"],
    "a length": [INFO + b"Content-Length: x\r\n\r\n"],
    "two lengths": [INFO + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
    "a chunk": [CHUNKED, b"zz\r\n"],
    "a preface": [b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"],
    "a long head": [INFO, *(b"a: " + b"x" * 30_000 + b"\r\n" for _ in range(3))],
    "a long header": [INFO + b"a: ", *(b"x" * 30_000 for _ in range(3))],
    "a long trailer": [CHUNKED + b"0\r\n", *(b"a: " + b"x" * 30_000 + b"\r\n" for _ in range(3))],
}


@pytest.mark.parametrize("sent", BROKEN.values(), ids=BROKEN)
def test_what_is_no_request_is_refused(url, caplog, sent):
    with caplog.at_level(logging.DEBUG):
        assert answers(*sent, url=url).startswith(b"HTTP/1.1 400")
    assert [record for record in caplog.records if record.name.startswith(("uvicorn", "hypercorn"))] == []


def test_nothing_is_said_in_the_midst_of_an_answer(url):
    with connected(url) as connection:
        connection.sendall(CHUNKED + b'10\r\n{"target": "s"}\n\r\n' + b'9\r\n{"k":"x"}\r\n' + b"1\r\n\n\r\n")
        begun = read_until(connection, lambda got: b'"seq":0}\n\r\n' in got)
        assert begun.startswith(b"HTTP/1.1 200")
        connection.sendall(b"zz\r\n")
        assert read_until(connection, lambda got: False) == b""


def test_who_goes_on_to_send_behind_the_answer_notices(url, monkeypatch):
    monkeypatch.setattr(application, "BODY_MAX", 100)
    with connected(url) as connection:
        connection.sendall(CHUNKED + b'10\r\n{"target": "s"}\n\r\n')
        time.sleep(0.1)
        connection.sendall(b"80\r\n" + b"x" * 128 + b"\r\n")
        assert b"a line is larger" in read_until(connection, lambda got: got.endswith(b"0\r\n\r\n"))
        connection.sendall(b"80\r\n" + b"x" * 128 + b"\r\n")
        assert connection.recv(1) == b""


@pytest.mark.parametrize("sent", [b"", b"P", INFO, INFO + b"\r\n"], ids=["nothing", "a byte", "half", "one"])
def test_a_connection_on_which_nothing_is_asked_is_closed(db, monkeypatch, sent):
    monkeypatch.setattr(connections, "KEEP_ALIVE_S", 1)
    with served(db.engine) as url, connected(url) as connection:
        connection.sendall(sent)
        begun = time.monotonic()
        got = read_until(connection, lambda got: False)
        assert time.monotonic() - begun > 0.5
        assert got.startswith(b"HTTP/1.1 200") == sent.endswith(b"\r\n\r\n")


def test_a_fault_of_the_server_does_not_cost_the_connection(db, url, monkeypatch):
    monkeypatch.setattr(db.engine, "info", lambda: 1 / 0)
    with connected(url) as connection:
        for _ in range(2):
            connection.sendall(INFO + b"\r\n")
            assert read_until(connection, lambda got: got.endswith(b"}")).startswith(b"HTTP/1.1 500")


def test_small_answers_are_not_held_back():
    with bind("127.0.0.1:0") as listening, socket.create_connection(listening.getsockname()):
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
