"""Mergus from Python: statements, pull and push queries, functions, and a second start on the same folder."""

import asyncio
import datetime
import math
import subprocess
import sys
import threading
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

import mergus
from mergus.engine.errors import EnvironmentFault, UserError

STREAM = (
    "CREATE STREAM s (k STRING KEY, a INT, b STRUCT<x INT, y ARRAY<STRING>>)"
    " WITH (kafka_topic='s', value_format='JSON', partitions=2);"
)
TABLE = "CREATE TABLE t AS SELECT k, COUNT(*) AS n, SUM(a) AS total FROM s GROUP BY k EMIT CHANGES;"


@pytest.fixture
def db():
    with mergus.connect() as db:
        yield db


def test_statements_and_answers(db):
    db.execute(STREAM + TABLE)
    db.execute("INSERT INTO s VALUES ('p', 1, STRUCT(x := 1, y := ARRAY['q'])); INSERT INTO s (k, a) VALUES ('p', 2);")
    db.wait()
    assert db.query("SELECT * FROM t;").rows() == [{"K": "p", "N": 2, "TOTAL": 3}]
    assert db.query("SELECT n FROM t WHERE k = 'nobody';").one() is None
    assert db.query("SELECT b FROM s;").arrow().to_pylist() == [{"B": {"X": 1, "Y": ["q"]}}, {"B": None}]
    assert list(db.query("SELECT * FROM t;").df().columns) == ["K", "N", "TOTAL"]


def test_push_from_the_beginning_and_on(db):
    db.execute(STREAM)
    db.insert("S", [{"k": "one", "a": 1}])
    with db.push("SELECT k, a FROM s EMIT CHANGES LIMIT 2;", from_beginning=True) as push:
        rows = iter(push)
        assert next(rows) == {"K": "one", "A": 1}
        db.insert("S", [{"k": "two", "a": 2}])
        assert list(rows) == [{"K": "two", "A": 2}]


def test_push_as_async_iterator(db):
    db.execute(STREAM)
    db.insert("S", [{"k": str(i), "a": i} for i in range(3)])

    async def collect():
        push = db.push("SELECT a FROM s EMIT CHANGES LIMIT 3;", from_beginning=True)
        return [row["A"] async for row in push]

    assert sorted(asyncio.run(collect())) == [0, 1, 2]


def test_close_ends_a_waiting_push(db):
    db.execute(STREAM)
    push = db.push("SELECT * FROM s EMIT CHANGES;")
    threading.Timer(0.05, push.close).start()
    assert list(push) == []


def test_functions(db):
    @mergus.udf
    def shout(text: str) -> str:
        if text == "bad":
            raise ValueError("no")
        return text.upper() + "!"

    @mergus.udf(vectorized=True, params=["INT"], returns="INT")
    def twice(numbers):
        return pa.compute.multiply(numbers, 2)

    db.register(shout)
    db.register(twice)
    db.execute(STREAM + "CREATE STREAM u AS SELECT k, shout(k) AS s, twice(a) AS d FROM s EMIT CHANGES;")
    db.insert("S", [{"k": "good", "a": 2}, {"k": "bad", "a": 3}])
    db.wait()
    rows = sorted(db.query("SELECT * FROM u;").rows(), key=lambda r: r["K"])
    assert rows == [{"K": "bad", "S": None, "D": 6}, {"K": "good", "S": "GOOD!", "D": 4}]
    assert db.engine.failures()["bad"] == 1
    (entry,) = db.query("SELECT query, reason FROM mergus_processing_log;").rows()
    assert entry["QUERY"] == "CSAS_U_0"


def test_function_in_sql(db):
    db.execute(STREAM)
    db.execute("CREATE FUNCTION half(n INT) RETURNS DOUBLE LANGUAGE PYTHON AS $$\ndef half(n):\n    return n / 2\n$$;")
    db.execute("CREATE STREAM u AS SELECT k, half(a) AS h FROM s EMIT CHANGES; INSERT INTO s (k, a) VALUES ('x', 3);")
    db.wait()
    assert db.query("SELECT h FROM u;").rows() == [{"H": 1.5}]


def test_a_second_start(tmp_path):
    with mergus.connect(tmp_path) as db:
        db.execute(STREAM + TABLE + "CREATE TYPE pair AS STRUCT<x INT>; SHOW STREAMS;")
        db.insert("S", [{"k": "a", "a": 1}, {"k": "b", "a": 5}])
        db.wait()
        db.execute("PAUSE CTAS_T_0;")
    with mergus.connect(tmp_path) as db:
        assert db.engine.statuses()["CTAS_T_0"].state == "PAUSED"
        db.insert("S", [{"k": "a", "a": 2}])
        db.wait(20)  # not for a query that rests
        assert sorted(r["TOTAL"] for r in db.query("SELECT total FROM t;").rows()) == [1, 5]
        db.execute("RESUME CTAS_T_0;")
        db.wait()
        assert sorted(r["TOTAL"] for r in db.query("SELECT total FROM t;").rows()) == [3, 5]
        db.execute("TERMINATE CTAS_T_0; DROP TABLE t;" + TABLE)
        assert "CTAS_T_1" in db.engine.catalog.queries


@pytest.mark.parametrize("name", ["max.task.idle.ms", "ksql.streams.num.stream.threads", "consumer.max.poll.records"])
def test_properties_of_kafka_streams_are_taken_and_said_to_have_no_effect(db, name):
    (done,) = db.execute(f"SET '{name}' = '4';")
    assert "has no effect here" in done.warnings[0]
    (done,) = db.execute("SET 'auto.offset.reset' = 'earliest';")
    assert not done.warnings


def test_the_guarantee_that_queries_give(db):
    (done,) = db.execute("SET 'processing.guarantee' = 'exactly_once';")
    assert done.message.endswith("changed local property 'processing.guarantee' to 'exactly_once_v2'.")
    assert not done.warnings
    db.execute(
        "CREATE STREAM s (a INT) WITH (kafka_topic='s', format='JSON', partitions=1); CREATE STREAM u AS SELECT * FROM s;"
    )
    (explained,) = db.execute("EXPLAIN CSAS_U_0;")
    assert explained.text.endswith("\nProperties\n  processing.guarantee = exactly_once_v2\n")
    (done,) = db.execute("SET 'processing.guarantee' = 'at_least_once';")
    assert "over embedded topics every query is exactly once" in done.warnings[0]
    with pytest.raises(UserError, match="one of at_least_once, exactly_once_v2"):
        db.execute("SET 'processing.guarantee' = 'never';")


@pytest.mark.parametrize("form", ["JSON", "DELIMITED", "PROTOBUF_NOSR"])
def test_a_row_of_keys_only(db, form):
    db.execute(f"CREATE STREAM keys (k INT KEY) WITH (kafka_topic='keys', value_format='{form}', partitions=1);")
    db.execute("INSERT INTO keys VALUES (1);")
    db.insert("keys", [{"k": 2}])
    assert db.query("SELECT * FROM keys;").rows() == [{"K": 1}, {"K": 2}]


def test_a_connection_that_nobody_closes(tmp_path):
    program = (
        "import mergus; db = mergus.connect({0!r}); db.execute({1!r}); print(len(db.query('SELECT * FROM s;').rows()))"
    )
    text = program.format(str(tmp_path / "data"), STREAM + TABLE + "INSERT INTO s (k, a) VALUES ('a', 1);")
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=60, check=True)
    assert (done.stdout, done.stderr) == ("1\n", "")


def test_one_folder_one_engine(tmp_path):
    with mergus.connect(tmp_path), pytest.raises(EnvironmentFault, match="in use"):
        mergus.connect(tmp_path)


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("SELECT * FROM s;", "does not exist"),
        (STREAM + "SELECT nope FROM s EMIT CHANGES;", "column NOPE does not exist"),
        (STREAM + "CREATE STREAM s (a INT) WITH (kafka_topic='s', value_format='JSON');", "already exists"),
        (STREAM + TABLE + "DROP STREAM s;", "cannot drop stream S"),
        (STREAM + "CREATE TABLE x AS SELECT k, a FROM s EMIT CHANGES;", "produces a STREAM"),
        ("CREATE STREAM n (a INT) WITH (kafka_topic='n', value_format='JSON');", "topic n does not exist"),
        ("SET 'auto.offset.rest' = 'earliest';", "there is no property"),
        ("SET 'max.task.idel.ms' = '1000';", "there is no property.*max.task.idle.ms"),
        ("TERMINATE nothing;", "does not exist"),
        (
            "CREATE OR REPLACE FUNCTION ucase(x STRING) RETURNS STRING LANGUAGE PYTHON AS $$\ndef ucase(x):\n    return x\n$$;",
            "ships with",
        ),
        ("DROP FUNCTION ucase;", "ships with"),
        ("SELCT 1;", "syntax error|unknown statement|did you mean"),
    ],
)
def test_refusals(db, sql, words):
    with pytest.raises(UserError, match=f"(?s){words}"):
        db.execute(sql)


def test_text_that_is_not_closed_is_refused_with_its_place(db):
    with pytest.raises(UserError, match="this string is not closed") as refused:
        db.query("SELECT 'x;")
    assert (refused.value.span.start, refused.value.span.end) == (7, 8)


def test_python_values_of_every_kind_are_inserted(db):
    db.execute(
        "CREATE STREAM kinds (k STRING KEY, d DOUBLE, v DECIMAL(5, 2), b BYTES, many ARRAY<DOUBLE>)"
        " WITH (KAFKA_TOPIC = 'kinds', VALUE_FORMAT = 'JSON', PARTITIONS = 1);"
    )
    db.insert("kinds", [{"k": "a", "d": 1.5e-7, "v": Decimal("2.25"), "b": b"ok", "many": [0.1, 2]}])
    (row,) = db.query("SELECT d, v, b, many FROM kinds;").rows()
    assert row == {"D": 1.5e-7, "V": Decimal("2.25"), "B": b"ok", "MANY": [0.1, 2.0]}


def test_numpy_values_and_numbers_that_are_none_are_inserted(db):
    db.execute(
        "CREATE STREAM kinds (k INT KEY, d DOUBLE, many ARRAY<DOUBLE>, v FLOAT[2], o BOOLEAN)"
        " WITH (KAFKA_TOPIC = 'kinds', VALUE_FORMAT = 'JSON', PARTITIONS = 1);"
    )
    vector = np.array([0.5, 1], np.float32)
    db.insert("kinds", [{"k": np.int64(1), "d": np.float32(0.5), "v": vector, "o": np.bool_(True)}])
    db.insert("kinds", [{"k": 2, "d": float("-inf"), "many": np.array([1.0, np.inf])}, {"k": 3, "d": float("nan")}])
    first, second, third = db.query("SELECT * FROM kinds;").rows()
    assert first == {"K": 1, "D": 0.5, "MANY": None, "V": [0.5, 1.0], "O": True}
    assert (second["D"], second["MANY"]) == (-math.inf, [1.0, math.inf])
    assert math.isnan(third["D"])


def test_text_that_is_none_and_times_beyond_all_are_refused_by_row(db):
    db.execute(STREAM)
    for bad, why in (({"k": "\ud800"}, "column K is STRING"), ({"ROWTIME": 2**63 - 1}, "ROWTIME must not be after")):
        with pytest.raises(UserError, match=f"1 of 2 rows are refused, the others are written; row 0: {why}"):
            db.insert("s", [bad, {"k": "good"}])
    assert db.query("SELECT k FROM s;").rows() == [{"K": "good"}] * 2


def test_times_are_inserted_as_text_as_numbers_and_as_themselves(db):
    day, time, moment = datetime.date(2024, 1, 2), datetime.time(10, 11, 12), datetime.datetime(2024, 1, 2, 3, 4, 5)
    db.execute(
        "CREATE STREAM d (d DATE, t TIME, at TIMESTAMP, l ARRAY<DATE>) WITH (kafka_topic='d', value_format='JSON', partitions=1);"
    )
    db.insert("D", [{"d": "2024-01-02", "t": "10:11:12", "at": "2024-01-02T03:04:05", "l": ["2024-01-02"]}])
    db.insert("D", [{"d": 19724, "t": 36_672_000, "at": 1_704_164_645_000, "l": [19724]}])
    db.insert("D", [{"d": day, "t": time, "at": moment, "l": [day]}])
    assert db.query("SELECT * FROM d;").rows() == [{"D": day, "T": time, "AT": moment, "L": [day]}] * 3
    with pytest.raises(UserError, match="column T is TIME"):
        db.insert("D", [{"t": "25:00"}])


WRONG = [
    {"k": None, "a": 1},
    {"k": "x", "a": "one"},
    {"k": "x", "nope": 1},
    {"k": "x", "a": 1, "rowtime": -1},
    {"k": "x", "a": 1 << 40},
]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda row: str(sorted(row.items(), key=str)))
@pytest.mark.parametrize("value_format", ["JSON", "AVRO", "DELIMITED"])
def test_a_row_that_is_refused_costs_itself_only(db, wrong, value_format):
    properties = f"kafka_topic='d', value_format='{value_format}', partitions=1"
    db.execute(
        f"CREATE TABLE d (k STRING PRIMARY KEY, a INT) WITH ({properties}); CREATE TABLE kept AS SELECT * FROM d;"
    )
    with pytest.raises(UserError) as alone:
        db.insert("d", [wrong])
    with pytest.raises(UserError) as among:
        db.insert("d", [{"k": "p", "a": 1}, wrong, {"k": "q", "a": 2}, wrong])
    assert among.value.message == f"2 of 4 rows are refused, the others are written; row 1: {alone.value.message}"
    db.wait()
    assert db.query("SELECT * FROM kept ORDER BY k;").rows() == [{"K": "p", "A": 1}, {"K": "q", "A": 2}]


@pytest.mark.parametrize("given", [{"a": 1}, 7, "a", [1], ["a"], None])
def test_what_are_no_rows(db, given):
    db.execute(STREAM)
    with pytest.raises(UserError, match="dictionar"):
        db.insert("s", given)


def test_tables_are_inserted(db):
    import duckdb
    import pandas as pd

    db.execute(STREAM)
    nested = pa.table({"k": ["x", "y"], "a": [1, None], "b": [{"x": 1, "y": ["q"]}, None]})
    for given in (
        nested,
        nested.to_batches()[0],
        nested.to_reader(),
        pd.DataFrame({"k": ["x", "y"], "a": pd.array([1, None], dtype="Int32"), "b": nested["b"].to_pylist()}),
        duckdb.sql("SELECT 'x' AS k, 1 AS a, {x: 1, y: ['q']} AS b UNION ALL SELECT 'y', NULL, NULL"),
    ):
        db.insert("s", given)
    rows = [{"K": "x", "A": 1, "B": {"X": 1, "Y": ["q"]}}, {"K": "y", "A": None, "B": None}]
    assert sorted(db.query("SELECT * FROM s;").rows(), key=lambda row: row["K"]) == [rows[0]] * 5 + [rows[1]] * 5


VALUES = [
    *(True, 7, -7, 1 << 40, 1.5, -2.25e-9, float("inf"), Decimal("-1.50")),
    *("it's '; DROP STREAM s; -- ?", "", "\n\\ü", b"\x00'", [1, None, 3], ["a", "b?"], {"a": 1}),
    *(datetime.datetime(2024, 1, 2, 3, 4, 5, 678000), datetime.date(2024, 1, 2), datetime.time(3, 4, 5)),
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_value_in_the_place_of_a_question_mark_is_that_value(db, value):
    (row,) = db.query("SELECT ? AS v, '?' AS text;", [value]).rows()
    assert row["V"] == (list(value.items()) if isinstance(value, dict) else value)
    assert row["TEXT"] == "?"
    assert type(row["V"]) is (list if isinstance(value, dict) else type(value))


def test_values_in_every_kind_of_statement(db):
    db.execute(STREAM + "INSERT INTO s (k, a) VALUES (?, ?); INSERT INTO s (k, a) VALUES (?, ?);", ["x", 1, "y", 2])
    assert db.query("SELECT a FROM s WHERE k = ?;", ["y"]).rows() == [{"A": 2}]
    assert list(db.push("SELECT a FROM s WHERE k = ? EMIT CHANGES LIMIT 1;", ["x"], from_beginning=True)) == [{"A": 1}]
    assert list(db.scan("SELECT k FROM s WHERE a > ?;", [1])) == [{"K": "y"}]
    db.execute("INSERT INTO s (k, a) VALUES (?, ?);", ["z", None])
    assert db.query("SELECT k FROM s WHERE a IS NULL;").rows() == [{"K": "z"}]


@pytest.mark.parametrize(
    ("sql", "values", "words"),
    [
        ("SELECT ?;", [], "0 values are given for 1 places"),
        ("SELECT ?;", [1, 2], "2 values are given for 1 places"),
        ("SELECT ?;", "x", "values are given as a list"),
        ("SELECT ?;", [object()], "a value of type object has no SQL literal"),
    ],
)
def test_values_that_do_not_fit(db, sql, values, words):
    with pytest.raises(UserError, match=words):
        db.query(sql, values)


FILTERED = """
CREATE TABLE prices (sku STRING PRIMARY KEY, price BIGINT) WITH (kafka_topic='prices', value_format='JSON', partitions=1);
INSERT INTO prices VALUES ('a', 1);
INSERT INTO prices VALUES ('b', 9);
INSERT INTO prices VALUES ('a', 8);
INSERT INTO prices VALUES ('a', 2);
INSERT INTO prices VALUES ('a', 3);
INSERT INTO prices (sku) VALUES ('c');
INSERT INTO prices VALUES ('c', 7);
"""


@pytest.mark.parametrize(
    ("items", "from_", "rows"),
    [
        ("sku, price", "prices", [("b", 9), ("a", 8), ("a", None), ("c", 7)]),
        ("price * 2 AS p, sku", "prices", [(18, "b"), (16, "a"), (None, "a"), (14, "c")]),
        ("price", "prices", [(9,), (8,), (None,), (7,)]),
        ("sku", "(SELECT price, sku FROM prices WHERE price > 2) p", [("b",), ("a",), ("a",), ("c",)]),
    ],
)
def test_a_filtered_table_tells_the_end_of_rows_that_it_told(db, items, from_, rows):
    if "PRICES" not in db.engine.catalog.relations:
        db.execute(FILTERED)
    sql = f"SELECT {items} FROM {from_} WHERE price > 5 EMIT CHANGES LIMIT 4;"
    with db.push(sql, from_beginning=True) as push:
        assert [tuple(row.values()) for row in push] == rows


def test_a_connection_may_be_closed_twice(tmp_path) -> None:
    with mergus.connect(tmp_path / "data") as db:
        db.close()
    db.close()
