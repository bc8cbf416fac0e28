"""What clients written for ksqlDB ask and read beside queries: statuses, properties, push queries that TERMINATE ends, rows that
are refused."""

import json
import threading

import httpx
import pytest

import mergus

STREAM = """CREATE STREAM s (k STRING KEY, a INT, b BIGINT, st STRUCT<x INT>)
  WITH (kafka_topic='s', value_format='JSON', partitions=1);"""


@pytest.fixture(scope="module")
def db():
    with mergus.connect() as db:
        db.execute(STREAM)
        yield db


def statement(client, sql, **more):
    return client.post("/ksql", json={"ksql": sql, **more})


def test_the_status_of_a_command(client):
    (made,) = statement(client, "CREATE STREAM c AS SELECT * FROM s;").json()
    told = client.get(f"/status/{made['commandId']}").json()
    assert (told["status"], told["queryId"]) == ("SUCCESS", made["commandStatus"]["queryId"])
    assert client.get("/status").json()["commandStatuses"][made["commandId"]] == "SUCCESS"
    assert client.get("/status/stream/NONE/create").status_code == 404


def test_whether_a_property_may_be_set(client):
    assert client.get("/is_valid_property/ksql.streams.auto.offset.reset").json() is True
    assert client.get("/is_valid_property/auto.ofset.reset").status_code == 400


@pytest.mark.parametrize("properties", [{"auto.offset.reset": "middle"}, {"auto.ofset.reset": "latest"}])
@pytest.mark.parametrize(("path", "name"), [("/ksql", "streamsProperties"), ("/query-stream", "properties")])
def test_properties_of_a_request_are_checked(client, path, name, properties):
    refused = client.post(path, json={"ksql": "SHOW TYPES;", "sql": "SELECT * FROM s;", name: properties})
    assert refused.status_code == 400
    assert next(iter(properties)) in refused.json()["message"]


def test_a_text_that_cannot_be_read_does_nothing(client):
    refused = statement(
        client, "CREATE STREAM y1 AS SELECT * FROM s; CREATE STRM; CREATE STREAM y2 AS SELECT * FROM s;"
    )
    assert (refused.status_code, refused.json()["entities"]) == (400, [])
    (streams,) = statement(client, "SHOW STREAMS;").json()
    assert not {"Y1", "Y2"} & {each["name"] for each in streams["streams"]}
    made = (
        "CREATE TYPE point AS STRUCT<x INT>; DEFINE n = 'pts'; CREATE STREAM ${n} (p point) WITH (kafka_topic='${n}', "
    )
    assert statement(client, f"{made} value_format='JSON', partitions=1);").status_code == 200


def test_queries_are_told_to_ask_elsewhere(client):
    for sql in ("SELECT * FROM s;", "SELECT * FROM s EMIT CHANGES;", "PRINT s;"):
        assert statement(client, sql).json()["error_code"] == 40002


def test_terminate_ends_a_push_query(client, url):
    with httpx.stream(
        "POST", f"{url}/query-stream", json={"sql": "SELECT a FROM s EMIT CHANGES;"}, timeout=60
    ) as answer:
        lines = answer.iter_lines()
        query_id = json.loads(next(lines))["queryId"]
        (listed,) = statement(client, "SHOW QUERIES;").json()
        assert [q["queryType"] for q in listed["queries"] if q["id"] == query_id] == ["PUSH"]
        (ended,) = statement(client, f"TERMINATE {query_id};").json()
        assert ended["commandStatus"]["status"] == "SUCCESS"
        assert list(lines) == []
    assert statement(client, f"TERMINATE {query_id};").status_code == 400


def test_a_failure_on_the_way_is_an_error_message_in_the_older_form(client, url):
    statement(client, STREAM.replace("STREAM s", "STREAM gone").replace("'s'", "'gone'"))
    with httpx.stream("POST", f"{url}/query", json={"ksql": "SELECT a FROM gone EMIT CHANGES;"}, timeout=60) as answer:
        lines = answer.iter_lines()
        assert "header" in json.loads(next(lines).lstrip("[").rstrip(","))
        dropped = {"json": {"ksql": "DROP STREAM gone DELETE TOPIC;"}, "timeout": 60}
        threading.Thread(target=httpx.post, args=(f"{url}/ksql",), kwargs=dropped).start()
        last = json.loads(next(line for line in lines if line).rstrip("]"))
    assert last["errorMessage"]["error_code"] == last["error_code"] >= 50000


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"a": 2**31}, "does not fit INTEGER"),
        ({"b": 2**63}, "does not fit BIGINT"),
        ({"a": 1.9}, "takes a whole number"),
        ({"a": True}, "takes a whole number"),
        ({"k": 7}, "takes text"),
        ({"st": {"x": -(2**31) - 1}}, "does not fit INTEGER"),
        ({"st": {"x": 1, "z": 2}}, "field z does not exist, the fields are X"),
        ({"st": {"x": 1, "X": 2}}, "field X is given twice: as x and as X"),
        ({"ROWTIME": "soon"}, "takes a whole number"),
    ],
)
def test_an_insert_that_does_not_fit_is_refused(client, row, why):
    lines = [{"target": "s"}, row, {"a": 2.0}]
    told = client.post("/inserts-stream", content="\n".join(map(json.dumps, lines))).text.splitlines()
    refused, good = map(json.loads, told)
    assert refused["status"] == "error"
    assert why in refused["message"]
    assert good == {"status": "ok", "seq": 1}


def test_what_answers_say_of_types_queries_and_warnings(client):
    header = json.loads(client.post("/query-stream", json={"sql": "SELECT st FROM s;"}).text.splitlines()[0])
    assert header["columnTypes"] == ["STRUCT<`X` INTEGER>"]
    (described,) = statement(client, "DESCRIBE s;").json()
    assert {"sinks", "sinkKafkaTopics", "statusCount", "queryType"} <= described["sourceDescription"]["readQueries"][
        0
    ].keys()
    (told,) = statement(client, "SET 'num.stream.threads' = '4';").json()
    assert "no effect" in told["warnings"][0]["message"]
    (there,) = statement(client, "ASSERT TOPIC s;").json()
    assert (there["@type"], there["topicName"], there["exists"]) == ("assert_topic", "s", True)
    assert client.get("/healthcheck").json()["details"]["metastore"] == {"isHealthy": True}
