"""SELECT without FROM: one row, answered once, by whatever a SELECT may say of one."""

import pytest

import mergus
from mergus.engine.errors import UserError


@pytest.fixture(scope="module")
def db():
    with mergus.connect() as made:
        made.execute("CREATE STREAM s (n INT) WITH (kafka_topic='s', value_format='JSON', partitions=1);")
        made.insert("s", [{"n": 1}, {"n": 2}])
        yield made


@pytest.mark.parametrize(
    ("select", "rows"),
    [
        ("1 + 1 AS n", [(2,)]),
        ("UCASE('a') AS a, ARRAY[1, 2] AS b", [("A", [1, 2])]),
        ("EXPLODE(ARRAY[1, 2]) AS n", [(1,), (2,)]),
        ("COUNT(*) AS n", [(1,)]),
        ("(SELECT MAX(n) FROM s) AS n", [(2,)]),
        ("1 AS n UNION ALL SELECT 2", [(1,), (2,)]),
        ("n FROM (SELECT 7 AS n) AS q WHERE n > 1", [(7,)]),
        ("1 AS n WHERE 1 = 2", []),
        ("1 AS n WHERE EXISTS (SELECT n FROM s WHERE n > 1)", [(1,)]),
        ("LEN(template_id('user bob logged in')) AS n", [(16,)]),
        ("ROWTIME > 0 AS n", [(True,)]),
    ],
)
def test_what_it_answers(db, select, rows):
    assert [tuple(row.values()) for row in db.query(f"SELECT {select};").rows()] == rows


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("SELECT x;", "column X has no FROM to come from\nline 1:8: SELECT x"),
        ("SELECT *;", "the statement ends where , or FROM was expected"),
        ("SELECT 1 AS one EMIT CHANGES;", "EMIT CHANGES cannot stand in a query with a SELECT without FROM"),
        ("CREATE TABLE t AS SELECT 1 AS one;", "a SELECT without FROM is not supported in a persistent query"),
        ("SELECT n FROM ``;", "expected a name"),
    ],
)
def test_what_is_refused(db, statement, words):
    with pytest.raises(UserError) as refused:
        db.execute(statement)
    assert words in str(refused.value)


def test_it_is_a_row_of_no_topic_and_no_stream(db):
    (explained,) = db.execute("EXPLAIN SELECT 1 AS one;")
    assert (
        explained.text
        == "Pull query (ONE INTEGER)\n  WITH r0 AS (SELECT 0 AS r0_at) SELECT o0 AS c0 FROM (SELECT 1 AS o0 FROM r0)\n"
    )
    (streams,) = db.execute("SHOW STREAMS;")
    assert sorted(row[0] for row in streams.rows) == ["MERGUS_PROCESSING_LOG", "S"]


def test_no_dataflow_is_started_for_it(db, monkeypatch):
    monkeypatch.setattr(db.engine.lifecycle, "start_push", None)
    assert db.query("SELECT LEN(template_id('user bob')) AS n, (SELECT 2) AS two;").one() == {"N": 16, "TWO": 2}


def test_in_host_processes():
    with mergus.connect(in_process=False) as db:
        assert db.query("SELECT 1 + 1 AS n;").rows() == [{"N": 2}]
