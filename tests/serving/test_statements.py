"""Statements from end to end in one process: what ksqlDB's documentation says of them, beside what `tests/cases` holds."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

import mergus
from mergus.engine.errors import UserError


@pytest.fixture
def db():
    with mergus.connect() as made:
        yield made


def rows(db: Any, sql: str) -> list[Any]:
    return [tuple(row.values()) for row in db.query(sql).rows()]


@pytest.mark.parametrize(
    ("select", "wanted"),
    [
        ("SELECT id FROM g WHERE id > 0 EMIT CHANGES LIMIT 1;", (5,)),
        ("SELECT id, ROWOFFSET FROM g WHERE ROWOFFSET >= 0 EMIT CHANGES LIMIT 1;", (5, 0)),
        ("SELECT id, ROWTIME FROM g WHERE ROWTIME > 0 EMIT CHANGES LIMIT 1;", (5, 7)),
    ],
)
def test_a_push_query_over_a_table_whose_values_nobody_reads(db, select, wanted):
    db.execute("CREATE TABLE g (id INT PRIMARY KEY, v INT) WITH (kafka_topic='g', value_format='JSON', partitions=1);")
    db.execute("INSERT INTO g (ROWTIME, id, v) VALUES (7, 5, 1);")
    with db.push(select, from_beginning=True) as push:
        assert [tuple(row.values()) for row in push] == [wanted]


def test_timestamps_by_any_pattern_of_java(db):
    db.execute("""CREATE STREAM t (k INT KEY, e STRING) WITH (kafka_topic='t', value_format='JSON', partitions=1, timestamp='e',
      timestamp_format='EEEE, MMMM d, yyyy[ HH:mm z]');""")
    db.insert(
        "t",
        [{"k": 1, "e": "Monday, May 4, 2020"}, {"k": 2, "e": "Monday, May 4, 2020 10:00 PST"}, {"k": 3, "e": "soon"}],
    )
    assert rows(db, "SELECT k, ROWTIME FROM t;") == [(1, 1588550400000), (2, 1588611600000)]
    with pytest.raises(UserError, match="TIMESTAMP_FORMAT takes a pattern"):
        db.execute("CREATE STREAM u WITH (timestamp='e', timestamp_format='foo') AS SELECT * FROM t;")


def test_inserts_take_what_fits(db):
    db.execute("CREATE STREAM d (a STRING, b STRING) WITH (kafka_topic='d', format='DELIMITED', partitions=1);")
    db.execute("INSERT INTO d VALUES ('a', 'b');")
    assert rows(db, "SELECT * FROM d;") == [("a", "b")]
    db.execute(
        "CREATE STREAM e (k INT KEY, x BYTES, n DECIMAL(4, 2)) WITH (kafka_topic='e', value_format='JSON', partitions=1);"
    )
    db.execute("INSERT INTO e VALUES (1, 'IQ==', 10.010);")
    assert [(k, x, str(n)) for k, x, n in rows(db, "SELECT * FROM e;")] == [(1, b"!", "10.01")]
    for values, why in (("(1, NULL, 10.019)", "behind the point"), ("(1, 'no base64', 1)", "cannot be computed")):
        with pytest.raises(UserError, match=why):
            db.execute(f"INSERT INTO e VALUES {values};")
    db.execute(
        "CREATE TABLE m (a INT PRIMARY KEY, b STRING PRIMARY KEY, v INT) WITH (kafka_topic='m', partitions=1, format='JSON');"
    )
    db.execute("INSERT INTO m VALUES (1, NULL, 2);")
    with pytest.raises(UserError, match="primary key A is needed"):
        db.execute("INSERT INTO m (v) VALUES (2);")


def test_numbers_with_exponents_beside_signs(db):
    db.execute("CREATE STREAM one (k INT KEY, v INT) WITH (kafka_topic='one', value_format='JSON', partitions=1);")
    db.execute("INSERT INTO one VALUES (1, 1);")
    assert rows(db, "SELECT 1E2-1 AS a, 5.5E0+4 AS b, 1E+1+2 AS c, 1E0-1E0 AS d FROM one;") == [(99.0, 9.5, 12.0, 0.0)]


@pytest.mark.parametrize("value", ["one WHERE k = 1", "1, 5", "x''; DROP STREAM one"])
def test_a_variable_is_one_name_or_one_value(db, value):
    with pytest.raises(UserError, match="stands for more than one name or value"):
        db.execute(f"DEFINE w = '{value}'; SELECT * FROM ${{w}};")


def test_variables_can_be_left_as_they_are_written(db):
    db.execute("CREATE STREAM v (k INT KEY, t STRING) WITH (kafka_topic='v', value_format='JSON', partitions=1);")
    off, on = (f"{word} 'ksql.variable.substitution.enable'" for word in ("SET", "UNSET"))
    insert = "INSERT INTO v VALUES (1, '${x}');"
    db.execute(f"DEFINE x = 'value'; {insert} {off} = 'false'; {insert} {on}; {insert}")
    assert rows(db, "SELECT t FROM v;") == [("value",), ("${x}",), ("value",)]
    with pytest.raises(UserError, match="unexpected"):
        db.execute(f"{off} = 'false'; DEFINE n = 'v'; SELECT * FROM ${{n}};")
    with pytest.raises(UserError, match="is one of true, false"):
        db.execute(f"{off} = 'no';")


def test_assert_topic_says_what_it_cannot_check(db):
    db.execute("CREATE STREAM p (v INT) WITH (kafka_topic='p', value_format='JSON', partitions=1);")
    with pytest.raises(UserError, match="cannot check FOO"):
        db.execute("ASSERT TOPIC p WITH (FOO = 1);")


def test_a_column_that_is_given_twice_is_refused(db):
    db.execute("CREATE STREAM twice (id INT, b INT) WITH (kafka_topic='twice', value_format='JSON', partitions=1);")
    with pytest.raises(UserError, match="column ID is given twice"):
        db.insert("twice", pa.table({"ID": [1], "id": [2], "b": [3]}))
    assert rows(db, "SELECT * FROM twice;") == []
