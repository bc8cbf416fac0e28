"""What comes over time: push queries whose clients go, many that wait, inserts acknowledged while they arrive, Arrow."""

from __future__ import annotations

import asyncio
import json
import logging
import time

import httpx
import pyarrow as pa
import pytest

import mergus
from mergus.engine.serving.http.request import BODY_MAX

STREAM = (
    "CREATE STREAM s (k STRING KEY, a INT, b STRUCT<x INT>) WITH (kafka_topic='s', value_format='JSON', partitions=1);"
)
PUSH = "SELECT k, a FROM s EMIT CHANGES;"


@pytest.fixture(scope="module")
def db():
    with mergus.connect() as db:
        db.execute(STREAM)
        yield db


def until(answers):
    end = time.monotonic() + 30
    while not answers():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.01)


def test_a_client_that_goes_ends_its_idle_query(db, client):
    with client.stream("POST", "/query-stream", json={"sql": PUSH}) as answer:
        lines = answer.iter_lines()  # kept: an iterator that is dropped closes the connection
        query_id = json.loads(next(lines))["queryId"]
        assert query_id in db.engine.questions.running()
    until(lambda: query_id not in db.engine.questions.running())


def test_many_waiting_queries_hold_nobody_up(db, url):
    async def main():
        limits = httpx.Limits(max_connections=100)
        async with httpx.AsyncClient(base_url=url, timeout=60, limits=limits) as client:
            streams = [client.stream("POST", "/query-stream", json={"sql": PUSH}) for _ in range(45)]
            answers = [await stream.__aenter__() for stream in streams]
            for answer in answers:
                await anext(answer.aiter_bytes())
            assert (await client.post("/ksql", json={"ksql": "SHOW STREAMS;"})).status_code == 200
            for stream in streams:
                await stream.__aexit__(None, None, None)

    asyncio.run(main())
    until(lambda: db.engine.questions.running() == [])


def test_the_array_form_of_a_push_query(client):
    body = {"sql": "SELECT a FROM s EMIT CHANGES LIMIT 1;", "properties": {"auto.offset.reset": "earliest"}}
    client.post("/ksql", json={"ksql": "INSERT INTO s (k, a) VALUES ('array', 7);"})
    answer = client.post("/query-stream", json=body, headers={"Accept": "application/json"})
    header, row = answer.json()
    assert answer.headers["content-type"] == "application/json"
    assert header["columnNames"] == ["A"]
    assert len(row) == 1
    older = client.post("/query", json={"ksql": body["sql"], "streamsProperties": body["properties"]}).json()
    assert older[0]["header"]["schema"] == "`A` INTEGER"


def test_arrow(client):
    client.post("/ksql", json={"ksql": "INSERT INTO s VALUES ('arrow', 3, STRUCT(x := 4));"})
    body = {"sql": "SELECT * FROM s WHERE k = 'arrow';"}
    answer = client.post("/query-stream", json=body, headers={"Accept": "application/vnd.apache.arrow.stream"})
    table = pa.ipc.open_stream(answer.content).read_all()
    assert table.to_pylist() == [{"K": "arrow", "A": 3, "B": {"X": 4}}]
    assert b"query_id" in table.schema.metadata


def test_inserts_are_acknowledged_while_they_arrive(url):
    async def main():
        acknowledged = asyncio.Event()

        async def lines():
            yield b'{"target": "s"}\n{"k": "early", "a"'
            yield b": 1}\nno json\n"
            await asyncio.wait_for(acknowledged.wait(), 30)
            yield b'{"k": "late", "nope": 1}\n'

        # HTTP/1.1 by hand: httpx reads nothing before it has sent all
        host, port = url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(
            b"POST /inserts-stream HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        )

        async def send():
            async for piece in lines():
                writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            writer.write(b"0\r\n\r\n")
            await writer.drain()

        sending = asyncio.create_task(send())
        acks = []
        async for line in reader:
            if line.startswith(b"{"):
                acks.append(json.loads(line))
                if acks[-1]["seq"] == 1:
                    acknowledged.set()
        await sending
        writer.close()
        return acks

    acks = asyncio.run(main())
    assert [(a["seq"], a["status"]) for a in acks] == [(0, "ok"), (1, "error"), (2, "error")]
    assert "not a JSON object" in acks[1]["message"]
    assert "column NOPE does not exist" in acks[2]["message"]


def test_twenty_thousand_inserts_over_http_2(url):
    rows = b'{"target": "s"}\n' + b"".join(b'{"k": "x", "a": "x"}\n' for _ in range(20_000))
    with httpx.Client(base_url=url, http1=False, http2=True, timeout=120) as client:
        answer = client.post("/inserts-stream", content=rows)
    assert answer.http_version == "HTTP/2"
    assert json.loads(answer.text.splitlines()[-1])["seq"] == 19_999


def test_a_body_that_is_too_large(client):
    answer = client.post("/ksql", content=b"x" * (BODY_MAX + 1))
    assert answer.status_code == 413
    assert "larger than" in answer.json()["message"]


def test_the_log_says_nothing_of_the_user(client, caplog, monkeypatch, db):
    logger = logging.getLogger("mergus")
    monkeypatch.setattr(logger, "propagate", True)
    with caplog.at_level(logging.DEBUG, "mergus"):
        client.get("/private-word")
        client.post("/ksql", json={"ksql": "SELECT 'private-word' FROM s;"})
        monkeypatch.setattr(db.engine, "info", lambda: 1 / {"private-word": 0}["private-word"])
        failed = client.get("/info")
    assert failed.status_code == 500
    assert failed.json()["@type"] == "generic_error"
    assert "GET (another path) 404" in caplog.text
    assert "GET /info: ZeroDivisionError" in caplog.text
    assert "private-word" not in caplog.text.replace('{"private-word": 0}["private-word"]', "")
