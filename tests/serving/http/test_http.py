"""HTTP as ksqlDB speaks it, on a real server of this process over a real socket, HTTP/1.1 and HTTP/2."""

import json
import subprocess
import sys
import time

import httpx
import pytest

STREAM = (
    "CREATE STREAM s (k STRING KEY, a INT, d DECIMAL(6, 2)) WITH (kafka_topic='s', value_format='JSON', partitions=1);"
)
TABLE = "CREATE TABLE t AS SELECT k, COUNT(*) AS n FROM s GROUP BY k EMIT CHANGES;"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    data = tmp_path_factory.mktemp("server") / "data"
    command = [sys.executable, "-m", "mergus.engine.cli.main", "server", "--data", str(data), "--listen", "127.0.0.1:0"]
    with subprocess.Popen(
        [*command, "--setting", "log.format=json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        url = process.stdout.readline().split()[-1]
        with httpx.Client(base_url=url, timeout=60) as client:
            answer = client.post("/ksql", json={"ksql": STREAM + TABLE})
            assert answer.status_code == 200, answer.text
            client.process = process
            yield client
        process.terminate()
        assert process.wait(30) == 0
        log = process.stderr.read()
    lines = [json.loads(line) for line in log.splitlines()]
    assert any(line["message"].startswith("POST /ksql 200") for line in lines)
    assert "secret-value" not in log


def statement(server, sql, **more):
    return server.post("/ksql", json={"ksql": sql, **more})


def pull(server, sql):
    lines = server.post("/query-stream", json={"sql": sql}).text.splitlines()
    return json.loads(lines[0]), [json.loads(line) for line in lines[1:]]


def until(answers):
    """Ask again until the answer is right; for what a query works in behind our back."""
    for _ in range(3000):
        if answers():
            return
        time.sleep(0.02)
    raise AssertionError("the answer did not come")


def test_statements_answer_entities(server):
    (status,) = statement(server, "CREATE STREAM u AS SELECT k, a FROM s EMIT CHANGES;").json()
    assert status["@type"] == "currentStatus"
    assert status["commandId"] == "stream/`U`/create"
    assert status["commandStatus"]["queryId"].startswith("CSAS_U_")
    (streams,) = statement(server, "SHOW STREAMS;").json()
    assert {
        "type": "STREAM",
        "name": "S",
        "topic": "s",
        "keyFormat": "KAFKA",
        "valueFormat": "JSON",
        "isWindowed": False,
    } in streams["streams"]
    (described,) = statement(server, "DESCRIBE s;").json()
    assert described["sourceDescription"]["fields"][2]["schema"]["parameters"] == {"precision": 6, "scale": 2}
    for text in ("DESCRIBE STREAMS;", "SHOW STREAMS EXTENDED;"):
        (told,) = statement(server, text).json()
        assert told["@type"] == "source_descriptions"
        assert described["sourceDescription"]["name"] in [each["name"] for each in told["sourceDescriptions"]]


def test_a_refusal_tells_place_and_what_came_before(server):
    answer = statement(server, "SHOW TABLES; SELECT nope FROM s EMIT CHANGES;")
    body = answer.json()
    assert answer.status_code == 400
    assert body["@type"] == "statement_error"
    assert body["error_code"] == 40001
    assert "column NOPE does not exist" in body["message"]
    assert "line 1:8" in body["message"]
    assert body["entities"][0]["@type"] == "tables"


def test_inserts_and_pull(server):
    lines = [{"target": "s"}, {"k": "x", "a": 1, "d": 12.5}, {"k": "x", "a": "secret-value"}, {"K": "x", "A": 2}]
    answer = server.post("/inserts-stream", content="\n".join(map(json.dumps, lines)))
    acks = [json.loads(line) for line in answer.text.splitlines()]
    assert [ack["status"] for ack in acks] == ["ok", "error", "ok"]
    until(lambda: pull(server, "SELECT n FROM t WHERE k = 'x';")[1] == [[2]])
    header, rows = pull(server, "SELECT * FROM s WHERE a = 1;")
    assert header["columnNames"] == ["K", "A", "D"]
    assert header["columnTypes"] == ["STRING", "INTEGER", "DECIMAL(6, 2)"]
    assert rows == [["x", 1, 12.5]]
    older = server.post("/query", json={"ksql": "SELECT n FROM t WHERE k = 'x';"}).json()
    assert older[1] == {"row": {"columns": [2]}}


def test_casts_in_the_processes_of_queries(server):
    casts = "CAST(a AS STRING) AS text, CAST(k AS INT) AS whole, CAST(k AS BIGINT) AS long, CAST(a AS BIGINT) AS wide"
    statement(server, "INSERT INTO s (k, a) VALUES ('12', 34);")
    created = statement(server, f"CREATE STREAM casts AS SELECT k, {casts} FROM s WHERE k = '12' EMIT CHANGES;")
    assert created.status_code == 200, created.text
    until(lambda: pull(server, "SELECT * FROM casts;")[1] == [["12", "34", 12, 12, 34]])
    assert pull(server, f"SELECT {casts} FROM s WHERE k = '12';")[1] == [["34", 12, 12, 34]]


def test_push_is_a_stream_that_ends_when_closed(server):
    body = {"sql": "SELECT k FROM s EMIT CHANGES;", "properties": {"auto.offset.reset": "earliest"}}
    statement(server, "INSERT INTO s (k, a) VALUES ('pushed', 1);")
    with server.stream("POST", "/query-stream", json=body) as answer:
        lines = answer.iter_lines()
        query_id = json.loads(next(lines))["queryId"]
        while json.loads(next(lines)) != ["pushed"]:
            pass
        assert server.post("/close-query", json={"queryId": query_id}).status_code == 200
        assert list(lines) == []
    assert server.post("/close-query", json={"queryId": query_id}).status_code == 400


def test_properties_and_variables(server):
    sql = "CREATE STREAM v AS SELECT k, a FROM ${from} EMIT CHANGES;"
    assert statement(server, sql, sessionVariables={"from": "s"}).status_code == 200
    (shown,) = statement(server, "SHOW PROPERTIES;", streamsProperties={"auto.offset.reset": "latest"}).json()
    listen = next(p for p in shown["properties"] if p["name"] == "listen")
    assert listen["level"] == "command line"


def test_state(server):
    assert server.get("/info").json()["KsqlServerInfo"]["serverStatus"] == "RUNNING"
    assert server.get("/healthcheck").json()["isHealthy"] is True
    text = server.get("/metrics").text
    for name in ("rows_in", "rows_out", "rows_bad", "rows_late", "restarts"):
        assert f'mergus_query_{name}_total{{query="CTAS_T_0"}}' in text


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("POST", "/ksql", "{", 400),
        ("POST", "/ksql", "[]", 400),
        ("POST", "/ksql", '{"other": 1}', 400),
        ("GET", "/ksql", "", 405),
        ("GET", "/nowhere", "", 404),
        ("POST", "/query-stream", '{"sql": "SHOW STREAMS;"}', 400),
        ("POST", "/query-stream", '{"sql": "SELECT * FROM nobody;"}', 400),
        ("POST", "/inserts-stream", '{"target": "nobody"}\n{"a": 1}', 400),
        ("POST", "/inserts-stream", "", 400),
    ],
)
def test_what_is_refused(server, method, path, content, status):
    answer = server.request(method, path, content=content)
    assert answer.status_code == status
    assert answer.json()["message"]


def test_http_2(server):
    with httpx.Client(base_url=server.base_url, http1=False, http2=True, timeout=60) as client:
        answer = client.get("/info")
        assert answer.http_version == "HTTP/2"


def test_a_port_in_use(server, tmp_path):
    listen = f"{server.base_url.host}:{server.base_url.port}"
    command = [
        sys.executable,
        "-m",
        "mergus.engine.cli.main",
        "server",
        "--data",
        str(tmp_path / "d"),
        "--listen",
        listen,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "the port is in use" in done.stderr
    assert "--listen" in done.stderr


def test_a_text_that_is_not_one_query_does_nothing_where_queries_are_asked(server):
    for text in (
        "SELECT * FROM t; DROP TABLE t;",
        "DROP TABLE t; SELECT * FROM t;",
        "DROP TABLE t;",
        "SELECT 1 FROM t; ??",
    ):
        for path, name in (("/query-stream", "sql"), ("/query", "ksql")):
            answer = server.post(path, json={name: text})
            assert (answer.status_code, answer.json()["@type"]) == (400, "statement_error"), text
    assert pull(server, "SELECT * FROM t WHERE k = 'nobody';")[1] == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/ksql", r"""{"ksql": "INSERT INTO s (k, a) VALUES ('\ud800', 1);"}"""),
        ("/ksql", r"""{"ksql": "SHOW \uDFFF STREAMS;"}"""),
        ("/query-stream", r"""{"sql": "SELECT * FROM t WHERE k = '\ud800';"}"""),
        ("/query-stream", r"""{"sql": "SELECT * FROM t;", "sessionVariables": {"a": "\ud800"}}"""),
    ],
)
def test_half_a_pair_of_surrogates_is_refused(server, path, body):
    answer = server.post(path, content=body)
    assert answer.status_code == 400
    assert "surrogates" in answer.json()["message"]
    whole = r"""{"sql": "SELECT '\ud83d\ude00' AS smile FROM t WHERE k = 'none';"}"""
    assert server.post("/query-stream", content=whole).status_code == 200


def test_half_a_pair_of_surrogates_among_inserts_costs_its_row_only(server):
    rows = r"""{"k": "\ud800", "a": 1}""" + "\n" + '{"k": "a", "a": "\\udfff"}\n{"k": "behind", "a": 1}\n'
    answer = server.post("/inserts-stream", content='{"target": "s"}\n' + rows)
    assert [json.loads(line)["status"] for line in answer.text.splitlines()] == ["error", "error", "ok"]
