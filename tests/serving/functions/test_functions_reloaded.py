"""A file of functions that changes while queries run: they go on with its new code, or with what they have."""

from __future__ import annotations

import os

import pytest

import mergus
from tests.mergus_server import Server, running_server, until

SCALE = """
import mergus


@mergus.udf
def scaled(x: int) -> int:
    return x * {factor}
"""
FOLD = """
import mergus


@mergus.udaf
class folded:
    def initialize(self) -> {state}:
        return {start}

    def aggregate(self, value: int, state) :
        return {step}

    def merge(self, a, b):
        return a + b

    def map(self, state) -> int:
        return {result}
"""
COUNTS = {"state": "int", "start": "0", "step": "state + 1", "result": "state"}
SOURCE = "CREATE STREAM s (x BIGINT) WITH (kafka_topic='s', format='JSON', partitions=2);"


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "functions"
    made.mkdir()
    return made


@pytest.fixture
def db(tmp_path, folder):
    (folder / "scale.py").write_text(SCALE.format(factor=2))
    (folder / "fold.py").write_text(FOLD.format(**COUNTS))
    (folder / "other.py").write_text("import mergus\n\n\n@mergus.udf\ndef other(x: int) -> int:\n    return x\n")
    with mergus.connect(tmp_path / "data", functions=str(folder)) as opened:
        opened.engine.functions.close()  # a test looks when it wants to
        opened.execute(SOURCE)
        yield opened


def look(db):
    """Two looks, as a file must lie still between them; what SHOW tells then."""
    db.engine.functions.tick()
    db.engine.functions.tick()
    (shown,) = db.execute("SHOW FUNCTIONS;")
    return list(shown.warnings)


def rows(db, sql):
    db.wait(60)
    return sorted(tuple(row.values()) for row in db.query(sql).rows())


def test_a_running_query_goes_on_with_the_new_code_and_its_state(db, folder):
    db.execute(
        "CREATE TABLE t AS SELECT scaled(x) AS k, COUNT(*) AS n FROM s GROUP BY scaled(x);"
        "CREATE STREAM u AS SELECT scaled(x) AS y FROM s; CREATE STREAM w AS SELECT other(x) AS y FROM s;"
    )
    db.insert("S", [{"x": 3}, {"x": 3}])
    assert rows(db, "SELECT * FROM t;") == [(6, 2)]
    untouched = db.engine.plans["CSAS_W_2"]
    (folder / "scale.py").write_text(SCALE.format(factor=3))
    assert look(db) == []
    assert db.query("SELECT scaled(1) AS y;").one() == {"Y": 3}
    db.insert("S", [{"x": 2}, {"x": 3}])
    assert rows(db, "SELECT * FROM t;") == [(6, 3), (9, 1)]
    assert rows(db, "SELECT * FROM u;") == [(6,), (6,), (6,), (9,)]
    assert db.engine.plans["CSAS_W_2"] is untouched
    assert rows(db, "SELECT * FROM w;") == [(2,), (3,), (3,), (3,)]


def test_a_paused_query_stays_so(db, folder):
    db.execute("CREATE STREAM u AS SELECT scaled(x) AS y FROM s;")
    db.insert("S", [{"x": 1}])
    db.wait(60)
    db.execute("PAUSE CSAS_U_0;")
    (folder / "scale.py").write_text(SCALE.format(factor=5))
    assert look(db) == []
    db.insert("S", [{"x": 1}])
    assert db.engine.statuses()["CSAS_U_0"].state == "PAUSED"
    db.execute("RESUME CSAS_U_0;")
    assert rows(db, "SELECT y FROM u;") == [(2,), (5,)]


def test_an_aggregate_goes_on_where_its_state_is_what_it_was(db, folder):
    db.execute("CREATE TABLE t AS SELECT 1 AS k, folded(x) AS n FROM s GROUP BY 1;")
    db.insert("S", [{"x": 10}, {"x": 20}])
    assert rows(db, "SELECT n FROM t;") == [(2,)]
    (folder / "fold.py").write_text(FOLD.format(**{**COUNTS, "step": "state + 100"}))
    assert look(db) == []
    db.insert("S", [{"x": 10}])
    assert rows(db, "SELECT n FROM t;") == [(102,)]
    lists = {"state": "list[int]", "start": "[]", "step": "[*state, value]", "result": "sum(state)"}
    (folder / "fold.py").write_text(FOLD.format(**lists))
    (told,) = look(db)
    assert told.startswith("query CTAS_T_0 goes on with the functions that it has: query CTAS_T_0 cannot go on: ")
    db.insert("S", [{"x": 10}])
    assert rows(db, "SELECT n FROM t;") == [(202,)]
    db.execute("CREATE TABLE t2 AS SELECT 1 AS k, folded(x) AS n FROM s GROUP BY 1;")
    assert rows(db, "SELECT n FROM t2;") == [(50,)]


def test_a_file_that_does_not_run_is_not_taken_and_a_mended_one_is(db, folder):
    db.execute("CREATE STREAM u AS SELECT scaled(x) AS y FROM s;")
    (folder / "scale.py").write_text("import mergus\n\n@mergus.udf\ndef scaled(x: int) -> int:\n    return x *\n")
    (told,) = look(db)
    assert told.startswith("the functions of scale.py are as they were: scale.py does not run (SyntaxError")
    db.insert("S", [{"x": 1}])
    assert rows(db, "SELECT y FROM u;") == [(2,)]
    (folder / "scale.py").write_text(SCALE.format(factor=7))
    assert look(db) == []
    db.insert("S", [{"x": 1}])
    assert rows(db, "SELECT y FROM u;") == [(2,), (7,)]


def test_a_file_that_is_being_written_is_waited_for(db, folder):
    (folder / "scale.py").write_text(SCALE.format(factor=4))
    db.engine.functions.tick()
    assert db.query("SELECT scaled(1) AS y;").one() == {"Y": 2}
    db.engine.functions.tick()
    assert db.query("SELECT scaled(1) AS y;").one() == {"Y": 4}


def test_functions_come_and_go(db, folder):
    db.execute("CREATE STREAM u AS SELECT other(x) AS y FROM s;")
    (folder / "other.py").unlink()
    (folder / "more.py").write_text(SCALE.format(factor=9).replace("scaled", "more"))
    (told,) = look(db)
    assert (
        "query CSAS_U_0 goes on with the functions that it has: query CSAS_U_0 cannot go on: function OTHER does not"
        in told
    )
    assert db.query("SELECT more(1) AS y;").one() == {"Y": 9}
    with pytest.raises(mergus.MergusError, match="function OTHER does not exist"):
        db.query("SELECT other(1) AS y;")
    db.insert("S", [{"x": 1}])
    assert rows(db, "SELECT y FROM u;") == [(1,)]
    (folder / "more.py").write_text(SCALE.format(factor=9).replace("scaled", "concat"))
    (told,) = look(db)
    assert told == "the functions of more.py are as they were: function CONCAT exists already"


def test_files_that_are_imported_count(db, folder):
    (folder / "_factor.py").write_text("FACTOR = 10\n")
    (folder / "scale.py").write_text(
        SCALE.format(factor="FACTOR").replace("import mergus", "import mergus\n\nfrom ._factor import FACTOR")
    )
    assert look(db) == []
    db.execute("CREATE STREAM u AS SELECT scaled(x) AS y FROM s;")
    db.insert("S", [{"x": 1}])
    assert rows(db, "SELECT y FROM u;") == [(10,)]
    (folder / "_factor.py").write_text("FACTOR = 11\n")
    assert look(db) == []
    db.insert("S", [{"x": 1}])
    assert rows(db, "SELECT y FROM u;") == [(10,), (11,)]


def test_a_file_that_is_only_touched_is_none_that_has_changed(db, folder):
    db.execute("CREATE STREAM u AS SELECT scaled(x) AS y FROM s;")
    before = db.engine.plans["CSAS_U_0"]
    os.utime(folder / "scale.py", (1, 1))
    assert look(db) == []
    assert db.engine.plans["CSAS_U_0"] is before


@pytest.mark.parametrize("setting", ["workers=2", "processes=2"])
def test_nothing_is_lost_or_comes_twice_in_a_server(tmp_path, folder, setting):
    (folder / "scale.py").write_text(SCALE.format(factor=1))
    options = ("--setting", f"functions={folder}", "--setting", setting, "--setting", "log.level=error")
    with running_server(tmp_path / "data", *options) as server:
        server.statement(SOURCE + "CREATE STREAM u AS SELECT scaled(x) AS y, x FROM s;")
        server.statement("CREATE TABLE t AS SELECT scaled(x) * 0 AS k, COUNT(*) AS n FROM s GROUP BY scaled(x) * 0;")
        for factor in (2, 3):
            (folder / "scale.py").write_text(SCALE.format(factor=factor))
            for number in range(30):
                server.statement(f"INSERT INTO s VALUES ({100 * factor + number});")
            until(lambda f=factor: server.rows("SELECT scaled(1) AS y;") == [[f]], "the new code")
        server.statement("INSERT INTO s VALUES (999);")
        until(lambda: [999 * 3, 999] in found(server), "the last row", 60)
        assert sorted(x for _, x in found(server)) == [*range(200, 230), *range(300, 330), 999]
        until(lambda: server.rows_if_there("SELECT n FROM t;") == [[61]], "the count", 60)


def found(server: Server) -> list[list[int]]:
    return server.rows_if_there("SELECT y, x FROM u;") or []
