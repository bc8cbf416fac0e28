"""Files as sources of whole queries: malformed rows are logged, and files stand beside topics."""

from __future__ import annotations

import base64

import pytest

import mergus


@pytest.fixture
def db(tmp_path):
    with mergus.connect(tmp_path / "data") as db:
        yield db


@pytest.mark.parametrize(
    ("form", "text", "bad"),
    [
        ("csv", "id,name\n1,a\nx,b\n3,c\n4\n", [(3, "x,b"), (5, "4")]),
        ("json", '{"id":1,"name":"a"}\n{"id":\n{"id":3,"name":"c"}\n{"id":"x"}\n', [(2, '{"id":'), (4, '{"id":"x"}')]),
    ],
)
def test_a_malformed_row_goes_to_the_processing_log(db, tmp_path, form, text, bad):
    (tmp_path / f"in.{form}").write_text(text)
    db.execute(f"CREATE STREAM f (id INT, name STRING) WITH (path='{tmp_path}/in.{form}', path_format='{form}');")
    db.execute("CREATE STREAM g AS SELECT id, name FROM f EMIT CHANGES;")
    db.wait(60)
    assert db.query("SELECT * FROM g;").rows() == [{"ID": 1, "NAME": "a"}, {"ID": 3, "NAME": "c"}]
    entries = db.query("SELECT * FROM mergus_processing_log;").rows()
    assert [(e["OFFSET"], base64.b64decode(e["RECORD"]).decode()) for e in entries] == bad
    assert all(f"in.{form}, line {e['OFFSET']}: " in e["REASON"] and e["QUERY"] == "CSAS_G_0" for e in entries)
    assert db.engine.failures() == {"bad": 2, "late": 0}


def test_malformed_rows_are_told_once(tmp_path):
    (tmp_path / "in.csv").write_text("id\n" + "".join(f"{i}\n" for i in range(1_000)) + "x\n")
    settings = {"batch.rows.max": 100, "epoch.ms": 20}
    with mergus.connect(tmp_path / "data", settings=settings) as db:
        db.execute(f"CREATE STREAM f (id INT) WITH (path='{tmp_path}/in.csv', path_format='csv');")
        db.execute("CREATE STREAM g AS SELECT id FROM f EMIT CHANGES;")
        db.wait(60)
    with mergus.connect(tmp_path / "data", settings=settings) as db:
        db.wait(60)
        assert len(db.query("SELECT * FROM g;").rows()) == 1_000
        assert len(db.query("SELECT * FROM mergus_processing_log;").rows()) == 1


def test_files_beside_topics(db, tmp_path):
    """A stream of files joined with a table over a topic, and files and a topic into one stream."""
    (tmp_path / "orders.csv").write_text("item,amount\n" + "".join(f"i{i % 3},{i}\n" for i in range(300)))
    db.execute(
        "CREATE TABLE items (item STRING PRIMARY KEY, price INT) WITH (kafka_topic='items', value_format='JSON', partitions=1);"
    )
    for i in range(3):
        db.execute(f"INSERT INTO items (rowtime, item, price) VALUES (0, 'i{i}', {i + 1});")
    db.execute(
        f"CREATE STREAM orders (item STRING, amount INT) WITH (path='{tmp_path}/orders.csv', path_format='csv');"
    )
    db.execute(
        "CREATE STREAM paid AS SELECT o.item AS item, o.amount * i.price AS due FROM orders o JOIN items i ON o.item = i.item;"
    )
    db.execute("CREATE TABLE sums AS SELECT item, SUM(due) AS due, COUNT(*) AS n FROM paid GROUP BY item;")
    db.wait(60)
    wanted = {f"i{k}": (sum(i * (k + 1) for i in range(300) if i % 3 == k), 100) for k in range(3)}
    assert {r["ITEM"]: (r["DUE"], r["N"]) for r in db.query("SELECT * FROM sums;").rows()} == wanted
    db.execute(
        "CREATE STREAM live (item STRING, amount INT) WITH (kafka_topic='live', value_format='JSON', partitions=2);"
    )
    db.execute("CREATE STREAM every AS SELECT item, amount FROM live;")
    db.execute("INSERT INTO every SELECT item, amount FROM orders;")
    db.execute("INSERT INTO live VALUES ('i9', 7);")
    db.wait(60)
    rows = db.query("SELECT item, amount FROM every;").rows()
    assert (len(rows), sum(r["AMOUNT"] for r in rows)) == (301, sum(range(300)) + 7)


def test_a_file_s_column_gives_the_time_also_where_nothing_else_reads_it(db, tmp_path):
    (tmp_path / "in.csv").write_text(
        "at,who\n2024-01-01T00:00:00Z,ann\n2024-01-01T00:00:50Z,bob\n,cy\n2024-01-01T00:01:10Z,ann\n"
    )
    db.execute(f"CREATE STREAM f WITH (path='{tmp_path}/in.csv', path_format='csv', timestamp='at');")
    db.execute("CREATE TABLE g AS SELECT who, COUNT(*) AS n FROM f WINDOW TUMBLING (SIZE 1 MINUTE) GROUP BY who;")
    db.wait(60)
    minute = 1704067200000
    rows = db.query("SELECT WINDOWSTART AS at, who, n FROM g;").rows()
    assert sorted((r["AT"] - minute, r["who"], r["N"]) for r in rows) == [
        (0, "ann", 1),
        (0, "bob", 1),
        (60_000, "ann", 1),
    ]
    assert db.engine.failures() == {"bad": 1, "late": 0}


def test_names_that_a_file_spelt_are_found_in_any_case_all_the_way(db, tmp_path):
    """Through WITH, sub-queries, unions and ORDER BY, and in the streams and tables that are made of the file."""
    (tmp_path / "in.csv").write_text("who,Amount\nann,12.5\nbob,3.25\nann,7\n")
    db.execute(f"CREATE STREAM f WITH (path='{tmp_path}/in.csv', path_format='csv');")
    asked = "WITH t AS (SELECT who, amount FROM f) SELECT who, MAX(amount) AS m FROM t GROUP BY who ORDER BY who;"
    assert [tuple(r.values()) for r in db.query(asked).rows()] == [("ann", 12.5), ("bob", 3.25)]
    both = "SELECT who FROM (SELECT who FROM f UNION SELECT who FROM f) AS x ORDER BY who DESC;"
    assert [tuple(r.values()) for r in db.query(both).rows()] == [("bob",), ("ann",)]
    db.execute(
        "CREATE STREAM p AS SELECT who, amount FROM f; CREATE TABLE q AS SELECT who, COUNT(*) AS n FROM p GROUP BY who;"
    )
    db.execute(
        "CREATE STREAM typed (who STRING, amount DOUBLE) WITH (kafka_topic='t', value_format='JSON', partitions=1);"
    )
    db.execute("INSERT INTO typed SELECT who, amount FROM f;")
    db.execute("INSERT INTO p (who, amount) VALUES ('ann', 1);")
    db.wait(60)
    assert db.query("SELECT who, n FROM q WHERE who = 'ann';").rows() == [{"who": "ann", "N": 3}]
    assert db.query("SELECT who, amount FROM typed LIMIT 1;").rows() == [{"WHO": "ann", "AMOUNT": 12.5}]


def test_two_spellings_of_one_name_are_told_apart(db, tmp_path):
    (tmp_path / "in.json").write_text('{"id": 1, "ID": 2}\n')
    db.execute(f"CREATE STREAM f (`id` INT, ID INT) WITH (path='{tmp_path}/in.json', path_format='json');")
    with pytest.raises(mergus.MergusError, match="does not exist"):
        db.execute("CREATE STREAM g AS SELECT Who FROM f;")


def test_fields_that_a_file_spelt_are_found_in_any_case(db, tmp_path):
    (tmp_path / "in.json").write_text('{"user": {"Name": "Ann", "age": 30, "AGE": 31}}\n{"user": null}\n')
    db.execute(f"CREATE STREAM f WITH (path='{tmp_path}/in.json', path_format='json');")
    db.execute("CREATE STREAM g AS SELECT user AS u FROM f;")
    db.wait(60)
    for asked in ("SELECT user->name AS n FROM f;", "SELECT u->NAME AS n FROM g;"):
        assert [r["N"] for r in db.query(asked).rows()] == ["Ann", None]
    with pytest.raises(mergus.MergusError, match="does not exist"):
        db.query("SELECT user->nobody FROM f;")
    db.execute("CREATE STREAM h (u STRUCT<`Name` STRING>) WITH (kafka_topic='h', value_format='JSON', partitions=1);")
    with pytest.raises(mergus.MergusError, match="does not exist"):  # a type that a statement spells is exact
        db.query("SELECT u->name FROM h;")
