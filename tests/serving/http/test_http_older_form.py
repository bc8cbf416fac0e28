"""POST /query as ksqlDB's older form: rows that say what they are, the end told; and what its settings do not allow."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

import mergus

STATEMENTS = """
CREATE STREAM clicks (k STRING KEY, v INT) WITH (kafka_topic='clicks', value_format='JSON', partitions=1);
CREATE TABLE users (k STRING PRIMARY KEY, v INT) WITH (kafka_topic='users', value_format='JSON', partitions=1);
CREATE TABLE counts AS SELECT k, COUNT(*) AS n FROM clicks GROUP BY k;
CREATE TABLE numbers AS SELECT v, COUNT(*) AS n FROM clicks GROUP BY v;
"""


@pytest.fixture(scope="module")
def db():
    with mergus.connect() as db:
        db.execute(STATEMENTS)
        db.insert("clicks", [{"k": "a", "v": 1}, {"k": "b", "v": 2}, {"k": "a", "v": 3}])
        db.insert("users", [{"k": "x", "v": 1}])
        db.execute("INSERT INTO users (k) VALUES ('y');")
        db.wait(60)
        yield db


def asked(client, sql, **properties):
    answer = client.post("/query", json={"ksql": sql, "streamsProperties": properties})
    return answer.status_code, answer.json()


def columns(entries):
    return [e["row"]["columns"] for e in entries if "row" in e]


@pytest.mark.parametrize(
    ("limit", "rows", "end"),
    [("", 3, "Query Completed"), ("LIMIT 2", 2, "Limit Reached"), ("LIMIT 0", 0, "Limit Reached")],
)
def test_a_pull_query_over_a_stream_tells_its_end(client, limit, rows, end):
    status, entries = asked(client, f"SELECT k, v FROM clicks {limit};")
    assert status == 200
    assert columns(entries) == [["a", 1], ["b", 2], ["a", 3]][:rows]
    assert entries[-1] == {"finalMessage": end}


def test_a_pull_query_over_a_table_does_not(client):
    _, entries = asked(client, "SELECT n FROM counts WHERE k = 'a';")
    assert [list(e) for e in entries] == [["header"], ["row"]]


def printed(client, sql, accept="*/*"):
    answer = client.post("/query", json={"ksql": sql}, headers={"Accept": accept})
    return answer.headers["content-type"], answer.text.splitlines()


def test_print_answers_lines_of_text(client, db):
    db.execute("CREATE STREAM p (k INT KEY, v INT) WITH (kafka_topic='p', value_format='JSON', partitions=1);")
    db.execute(
        "INSERT INTO p (ROWTIME, k, v) VALUES (0, 7, 1); INSERT INTO p (ROWTIME, k) VALUES (1586520000123, NULL);"
    )
    media, lines = printed(client, "PRINT p FROM BEGINNING LIMIT 2;", "application/json")
    assert media.startswith("text/plain")
    assert lines == [
        "Key format: KAFKA_INT",
        "Value format: JSON or KAFKA_STRING",
        'rowtime: 1970/01/01 00:00:00.000 Z, key: 7, value: {"V":1}, partition: 0',
        'rowtime: 2020/04/10 12:00:00.123 Z, key: <null>, value: {"V":null}, partition: 0',
    ]
    _, lines = printed(client, "PRINT p FROM BEGINNING LIMIT 1;", "application/vnd.ksqlapi.delimited.v1")
    assert json.loads(lines[1]) == [0, 0, 0, "7", '{"V":1}']


def test_print_tells_windows_and_what_text_may_be(client, db):
    db.execute("CREATE STREAM q (v STRING) WITH (kafka_topic='q', value_format='DELIMITED', partitions=1);")
    windows = "WINDOW TUMBLING (SIZE 1 SECOND)"
    db.execute(f"CREATE TABLE w WITH (value_format='JSON') AS SELECT v, COUNT(*) AS n FROM q {windows} GROUP BY v;")
    db.execute("INSERT INTO q (ROWTIME, v) VALUES (1500, 'a');")
    db.wait(60)
    _, lines = printed(client, 'PRINT "q" FROM BEGINNING LIMIT 1;')
    assert lines[:2] == ["Key format: no data processed", "Value format: KAFKA_STRING"]
    _, lines = printed(client, "PRINT W FROM BEGINNING LIMIT 1;")
    assert lines == [
        "Key format: TUMBLING(KAFKA_STRING)",
        "Value format: JSON or KAFKA_STRING",
        'rowtime: 1970/01/01 00:00:01.500 Z, key: [a@1000/2000], value: {"N":1}, partition: 0',
    ]


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        ("*/*", "application/vnd.ksql.v1+json"),
        ("application/*", "application/vnd.ksql.v1+json"),
        ("text/html", "application/vnd.ksql.v1+json"),
        (
            "application/vnd.ksql.v1+json;q=0.5, application/vnd.ksqlapi.delimited.v1",
            "application/vnd.ksqlapi.delimited.v1",
        ),
        ("application/vnd.ksqlapi.delimited.v1;q=0, */*;q=0.1", "application/vnd.ksql.v1+json"),
        (
            "application/vnd.apache.arrow.stream;q=0.2, application/vnd.ksql.v1+json;q=0.1",
            "application/vnd.apache.arrow.stream",
        ),
    ],
)
def test_the_weights_of_what_is_accepted(client, accept, media):
    answer = client.post("/query", json={"ksql": "SELECT n FROM counts WHERE k = 'a';"}, headers={"Accept": accept})
    assert answer.headers["content-type"].split(";")[0] == media


def test_a_push_query_tells_that_its_limit_is_reached(client):
    _, entries = asked(client, "SELECT v FROM clicks EMIT CHANGES LIMIT 2;", **{"auto.offset.reset": "earliest"})
    assert (columns(entries), entries[-1]) == ([[1], [2]], {"finalMessage": "Limit Reached"})


def test_deleted_rows_of_a_table_say_so_and_records_of_a_stream_without_a_value_are_no_rows(db, client):
    topics = db.engine.topics
    before = topics.end_offsets("users")[0]
    db.execute("CREATE STREAM deletions (k STRING KEY, v INT) WITH (kafka_topic='users', value_format='JSON');")
    write(topics, "users", [(b"x", None), (b"z", b'{"V":4}')])
    sql, earliest = "SELECT k, v FROM {} EMIT CHANGES LIMIT {};", {"auto.offset.reset": "earliest"}
    _, entries = asked(client, sql.format("users", before + 2), **earliest)
    assert [e["row"] for e in entries if "row" in e][-2:] == [
        {"columns": ["x", None], "tombstone": True},
        {"columns": ["z", 4]},
    ]
    _, entries = asked(client, sql.format("deletions", before + 1), **earliest)
    assert columns(entries)[-1] == ["z", 4]


def write(topics, topic, rows):
    """Records as bytes, a NULL value too."""
    keys, values = (pa.array(column, pa.binary()) for column in zip(*rows, strict=True))
    writer = topics.writer()
    writer.write(topic, pa.record_batch({"key": keys, "value": values}))
    writer.close()


def test_what_is_produced_once_the_header_has_come_is_seen(db, client):
    for number in range(10, 15):
        with client.stream("POST", "/query", json={"ksql": "SELECT v FROM clicks EMIT CHANGES LIMIT 1;"}) as answer:
            lines = answer.iter_lines()
            assert "header" in next(lines)
            db.insert("clicks", [{"k": "c", "v": number}])
            assert json.loads(next(lines).rstrip(",]")) == {"row": {"columns": [number]}}


REFUSED = [
    ("SELECT * FROM counts WHERE n = 1;", {"ksql.query.pull.table.scan.enabled": False}),
    ("SELECT * FROM numbers WHERE v > 1;", {"ksql.query.pull.table.scan.enabled": False}),
    (
        "SELECT * FROM counts WHERE k < 'b';",
        {"ksql.query.pull.table.scan.enabled": False, "ksql.query.pull.range.scan.enabled": False},
    ),
    ("SELECT * FROM clicks;", {"ksql.query.pull.stream.enabled": False}),
    ("SELECT * FROM counts LIMIT 1;", {"ksql.query.pull.limit.clause.enabled": False}),
]


@pytest.mark.parametrize(("sql", "properties"), REFUSED)
def test_settings_refuse_what_looks_at_much(client, sql, properties):
    status, body = asked(client, sql, **properties)
    assert (status, body["error_code"]) == (400, 40001)
    assert any(f"'{name}' is 'false'" in body["message"] for name in properties)


@pytest.mark.parametrize("where", ["k = 'a'", "k IN ('a', 'b')", "k < 'b'", "k >= 'a' AND n > 0"])
def test_lookups_and_ranges_of_text_are_no_scans(client, where):
    status, entries = asked(
        client, f"SELECT n FROM counts WHERE {where};", **{"ksql.query.pull.table.scan.enabled": False}
    )
    assert (status, "row" in entries[1]) == (200, True)
