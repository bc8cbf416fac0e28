"""Bad input costs itself only: the query goes on, and the processing log holds the record with its place and reason."""

import base64

import pyarrow as pa
import pytest

import mergus
from mergus.engine.errors import UserError

MALFORMED = {
    "JSON": (b'{"A": ', b'{"A": 7}', "not JSON"),
    "DELIMITED": (b"x,y,z", b"7", "expected 1 fields"),
    "KAFKA": (b"\x01", b"\x00\x00\x00\x07", "takes 4 bytes"),
}


@pytest.fixture
def db():
    with mergus.connect() as db:
        yield db


def write(db, topic, values):
    writer = db.engine.topics.writer()
    writer.write(topic, pa.record_batch({"value": pa.array(values, pa.binary())}))
    writer.close()


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_record(db, name):
    bad, good, reason = MALFORMED[name]
    db.execute(f"CREATE STREAM s (a INT) WITH (kafka_topic='s', value_format='{name}', partitions=1);")
    db.execute("CREATE STREAM u AS SELECT a + 1 AS b FROM s EMIT CHANGES;")
    write(db, "s", [good, bad, good])
    db.wait()
    assert db.query("SELECT b FROM u;").rows() == [{"B": 8}, {"B": 8}]
    (entry,) = db.query("SELECT * FROM mergus_processing_log;").rows()
    assert reason in entry["REASON"]
    assert (entry["QUERY"], entry["TOPIC"], entry["PARTITION"], entry["OFFSET"]) == ("CSAS_U_0", "s", 0, 1)
    assert base64.b64decode(entry["RECORD"]) == bad
    assert db.engine.failures() == {"bad": 1, "late": 0}
    assert 'mergus_query_rows_bad_total{query="CSAS_U_0"} 1.0' in db.engine.metrics_text()


def test_a_record_of_ten_megabytes(db):
    db.execute("CREATE STREAM s (a STRING) WITH (kafka_topic='s', value_format='JSON', partitions=1);")
    db.execute("CREATE STREAM u AS SELECT LEN(a) AS n FROM s EMIT CHANGES;")
    write(db, "s", [b'{"A":"' + b"x" * 10_000_000 + b'"}', b'{"A":"y"}'])
    db.wait()
    assert sorted(r["N"] for r in db.query("SELECT n FROM u;").rows()) == [1, 10_000_000]


def test_what_models_are_given(db):
    db.execute("CREATE STREAM s (m STRING) WITH (kafka_topic='s', value_format='JSON', partitions=1);")
    db.execute("CREATE STREAM u AS SELECT m, classify(m) AS k, cluster_id(m) AS c FROM s EMIT CHANGES;")
    long = b"connection refused " * 5_000
    write(db, "s", [b'{"M":null}', b'{"M":""}', b'{"M":"' + long + b'"}', b'{"M":"\xff"}'])
    db.wait(120)
    rows = db.query("SELECT m, k, c FROM u;").rows()
    assert [(r["K"] is None, r["C"] is None) for r in rows] == [(True, True), (False, False), (False, False)]
    assert db.engine.failures()["bad"] == 1


def test_a_late_row_is_logged_with_its_place(db):
    db.execute("CREATE STREAM s (k STRING KEY, a INT) WITH (kafka_topic='s', value_format='JSON', partitions=1);")
    db.execute(
        "CREATE TABLE t AS SELECT k, COUNT(*) AS n FROM s WINDOW TUMBLING (SIZE 1 SECOND, GRACE PERIOD 1 SECOND)"
        " GROUP BY k EMIT CHANGES;"
    )
    for rowtime in (0, 10_000, 500):
        db.execute(f"INSERT INTO s (rowtime, k, a) VALUES ({rowtime}, 'x', 1);")
    db.wait()
    (row,) = db.query("SELECT windowstart AS start, n FROM t;").rows()  # the first window is past its retention
    assert row == {"START": 10_000, "N": 1}
    (entry,) = db.query("SELECT * FROM mergus_processing_log;").rows()
    assert (entry["KIND"], entry["OFFSET"], entry["QUERY"]) == ("late", 2, "CTAS_T_0")
    assert db.engine.failures() == {"bad": 0, "late": 1}


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("SELECT agee FROM s EMIT CHANGES;", r"line 1:8[\s\S]*did you mean"),
        ("SELECT uccase(name) FROM s EMIT CHANGES;", r"line 1:8[\s\S]*did you mean"),
        ("SELECT * FROM ss EMIT CHANGES;", r"line 1:15[\s\S]*did you mean"),
        ("SELECT age FROM s WHERE age EMIT CHANGES;", "WHERE takes a BOOLEAN"),
        ("SELECT age + name FROM s EMIT CHANGES;", r"INTEGER \+ STRING[\s\S]*line 1:8"),
    ],
)
def test_places_and_suggestions(db, sql, words):
    db.execute("CREATE STREAM s (name STRING, age INT) WITH (kafka_topic='s', value_format='JSON', partitions=1);")
    with pytest.raises(UserError, match=words):
        db.push(sql)


def test_files_stay_where_they_are_allowed(tmp_path):
    inside, outside = tmp_path / "in", tmp_path / "out.csv"
    inside.mkdir()
    (inside / "a.csv").write_text("x\n1\n")
    outside.write_text("x\n2\n")
    (inside / "link.csv").symlink_to(outside)
    with mergus.connect(settings={"files.allowed": str(inside)}) as db:
        db.execute(f"CREATE STREAM a WITH (path='{inside}/a.csv', path_format='csv');")
        assert db.query("SELECT * FROM a;").rows() == [{"x": 1}]
        for path in ("/etc/passwd", f"{inside}/../out.csv", f"{inside}/link.csv"):
            with pytest.raises(UserError):
                db.execute(f"CREATE STREAM b WITH (path='{path}', path_format='csv');")


def test_a_row_that_fails_is_told_with_its_place(db):
    for name in ("s", "t"):
        db.execute(f"CREATE STREAM {name} (a STRING) WITH (kafka_topic='{name}', value_format='JSON', partitions=1);")
    number = "SELECT CAST(a AS INT) AS n FROM"
    db.execute(f"CREATE STREAM one AS {number} s; CREATE STREAM both AS {number} s UNION ALL {number} t;")
    db.execute("CREATE TABLE counts AS SELECT CAST(a AS INT) AS n, COUNT(*) AS c FROM t GROUP BY CAST(a AS INT);")
    write(db, "s", [b'{"A":"1"}', b'{"A":"x"}'])
    write(db, "t", [b'{"A":"y"}'])
    db.wait()
    log = db.query("SELECT query, topic, `PARTITION`, `OFFSET` FROM mergus_processing_log;").rows()
    assert sorted({tuple(entry.values()) for entry in log}) == [
        ("CSAS_BOTH_1", "s", 0, 1),
        ("CSAS_BOTH_1", "t", 0, 0),
        ("CSAS_ONE_0", "s", 0, 1),
        ("CTAS_COUNTS_2", "t", 0, 0),
    ]


DIGITS = "9" * 5_000


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT a FROM s GROUP BY {};",
        "SELECT a FROM s ORDER BY {};",
        "SELECT a FROM s LIMIT {};",
        "SELECT a FROM s WHERE a = {};",
        "INSERT INTO s VALUES ({});",
        "SET 'idle_timeout' = '{}';",
    ],
)
def test_a_number_of_five_thousand_digits_is_refused_in_words(db, sql):
    db.execute("CREATE STREAM s (a INT) WITH (kafka_topic='s', value_format='JSON', partitions=1);")
    with pytest.raises(UserError):
        db.execute(sql.format(DIGITS))


@pytest.mark.parametrize("sql_type", ["INT", "BIGINT", "DECIMAL(38, 0)", "DECIMAL(38, 38)", "DATE", "TIMESTAMP"])
def test_text_of_five_thousand_digits_is_cast_to_null(db, sql_type):
    assert db.query(f"SELECT CAST('{DIGITS}' AS {sql_type}) AS x;").one() == {"X": None}
    assert db.query("SELECT CAST('" + "9" * 38 + "' AS DECIMAL(38, 0)) AS x;").one() == {"X": int("9" * 38)}


@pytest.mark.parametrize(
    "sql", ["SELECT '{}' AS x;", "SELECT 1 AS `{}`;", "-- {}\nSHOW TABLES;", "DEFINE x = '{}';", "'{}"]
)
def test_text_that_is_not_unicode_is_refused(db, sql):
    with pytest.raises(UserError, match="not Unicode"):
        db.execute(sql.format("\ud800"))
