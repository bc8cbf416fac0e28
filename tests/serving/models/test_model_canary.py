"""Canaries: a share of the rows, judged by errors, time and SQL, and ended by the server's own statement."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import mergus
from mergus.engine.errors import ParseError
from mergus.engine.serving.models.canary import Counts, Verdict, Watched, judge
from mergus.engine.sql.catalog_models import Canary
from mergus.engine.sql.parser.parse import parse_statement
from mergus.engine.sql.statements.model import EndCanary, SetCanary

COLUMNS = "INPUT (x DOUBLE) OUTPUT (y DOUBLE)"
UNLUCKY = "def predict(x):\n    if (x > 150).any():\n        raise ValueError('too much')\n    return x * 3\n"


@pytest.fixture(scope="module")
def db(tmp_path_factory):
    """One engine for all tests, each of which leaves version 1 live and no canary."""
    tmp_path = tmp_path_factory.mktemp("canary")
    (tmp_path / "double.py").write_text("def predict(x):\n    return x * 2\n")
    (tmp_path / "unlucky.py").write_text(UNLUCKY)
    with mergus.connect(tmp_path / "data") as made:
        made.engine.keeper.close()  # the tests look themselves
        for name in ("double", "unlucky"):
            made.execute(f"CREATE OR REPLACE MODEL m {COLUMNS} WITH (provider='python', path='{tmp_path / name}.py');")
        made.execute("CREATE STREAM s (a DOUBLE) WITH (kafka_topic='s', value_format='JSON', partitions=1);")
        made.execute("CREATE STREAM o AS SELECT a, m(a) AS y, MODEL_VERSION(m(a)) AS v FROM s EMIT CHANGES;")
        yield made


def put(db: Any, values: range) -> None:
    db.insert("s", [{"a": v} for v in values])
    db.wait()


def ended(db: Any) -> tuple[int, str | None]:
    """The live version, and why the canary ended; None while it goes on."""
    last = db.execute("SHOW MODEL HISTORY m;")[0].rows[-1]
    (model,) = db.execute("SHOW MODELS;")[0].body["models"]
    return model["version"], last[4] if last[1] == "END CANARY" else None


def test_a_good_canary_is_promoted_when_its_time_is_over_and_enough_rows_came(db) -> None:
    db.execute(
        "ALTER MODEL m SET CANARY challenger 50 PERCENT FOR 0 SECONDS AFTER 20 ROWS ROLLBACK WHEN ERROR_RATE > 0.1;"
    )
    look = db.engine.keeper.tick
    put(db, range(10))
    look()
    assert ended(db) == (1, None)
    put(db, range(10, 110))
    look()
    version, why = ended(db)
    assert version == 2
    assert (why or "").endswith(" rows within its limits, 0 failed")
    put(db, range(110, 120))
    versions = [r["V"] for r in db.query("SELECT v FROM o;").rows()][-120:]
    assert set(versions[:110]) == {1, 2}
    assert set(versions[110:]) == {2}
    db.execute("ALTER MODEL m ROLLBACK;")
    assert ended(db)[0] == 1


def test_a_canary_that_errs_is_rolled_back_at_once(db) -> None:
    db.execute(
        "ALTER MODEL m SET CANARY challenger 50 PERCENT FOR 1 HOUR AFTER 20 ROWS ROLLBACK WHEN ERROR_RATE > 0.1;"
    )
    look = db.engine.keeper.tick
    put(db, range(10))
    look()
    assert ended(db) == (1, None)
    put(db, range(150, 250))
    look()
    version, why = ended(db)
    assert version == 1
    assert "rows failed" in (why or "")
    assert db.execute("DESCRIBE MODEL m;")[0].body["modelDescription"]["split"] is None


def test_a_query_says_when_to_go_back(db) -> None:
    db.execute("CREATE STREAM alarms (bad BOOLEAN) WITH (kafka_topic='alarms', value_format='JSON', partitions=1);")
    db.execute(
        "ALTER MODEL m SET CANARY challenger 50 PERCENT BY x FOR 1 HOUR AFTER 1 ROWS"
        " ROLLBACK WHEN ERROR_RATE > 0.5 OR 'SELECT bad FROM alarms WHERE bad';"
    )
    look = db.engine.keeper.tick
    look()
    assert ended(db) == (1, None)
    db.insert("alarms", [{"bad": True}])
    look()
    assert ended(db) == (1, "rolled back: its query says so")


def test_a_canary_is_shown_with_its_time(db) -> None:
    db.execute("ALTER MODEL m SET CANARY challenger 10 PERCENT FOR 90 MINUTES ROLLBACK WHEN ERROR_RATE > 0.1;")
    shown = "CHALLENGER 10 PERCENT FOR 90 MINUTES AFTER 100 ROWS ROLLBACK WHEN ERROR_RATE > 0.1"
    assert db.models.describe("m")["canary"] == shown
    db.execute("ALTER MODEL m END CANARY ROLLBACK;")


def test_refusals(db) -> None:
    ask = "ALTER MODEL m SET CANARY {} 10 PERCENT FOR 1 HOUR ROLLBACK WHEN {};"
    for sql, said in (
        (ask.format("nobody", "ERROR_RATE > 0.1"), "no alias NOBODY"),
        (ask.format("champion", "ERROR_RATE > 0.1"), "is the version that is live"),
        (ask.format("challenger", "'SELECT * FROM s EMIT CHANGES'"), "is a pull query"),
        ("ALTER MODEL m END CANARY PROMOTE;", "has no canary"),
    ):
        with pytest.raises(mergus.MergusError, match=said):
            db.execute(sql)
    db.execute(ask.format("challenger", "ERROR_RATE > 0.1"))
    with pytest.raises(mergus.MergusError, match="has a canary already"):
        db.execute(ask.format("challenger", "ERROR_RATE > 0.1"))
    db.execute("ALTER MODEL m END CANARY ROLLBACK BECAUSE 'enough';")
    assert ended(db) == (1, "rolled back: enough")


def test_the_grammar() -> None:
    made = parse_statement(
        "ALTER MODEL m SET CANARY beta 10 PERCENT BY a, b FOR 2 MINUTES AFTER 50 ROWS"
        " ROLLBACK WHEN ERROR_RATE > 0.05 OR LATENCY_MS > 20 OR 'SELECT 1 FROM t'"
    )
    assert isinstance(made, SetCanary)
    assert (made.alias, made.percent, made.by, made.duration_ms) == ("BETA", 10, ("A", "B"), 120_000)
    assert (made.rows_min, made.error_rate, made.latency_ms, made.query) == (50, 0.05, 20, "SELECT 1 FROM t")
    assert isinstance(parse_statement("ALTER MODEL m END CANARY PROMOTE BECAUSE 'x'"), EndCanary)
    for text in ("ALTER MODEL m SET CANARY beta 100 PERCENT FOR 1 DAY ROLLBACK WHEN ERROR_RATE > 1",
                 "ALTER MODEL m SET CANARY beta 10 PERCENT FOR 1 DAY ROLLBACK WHEN SLOW",
                 "ALTER MODEL m SET CANARY beta 10 PERCENT FOR 1 DAY ROLLBACK WHEN ERROR_RATE > high"):  # fmt: skip
        with pytest.raises(ParseError):
            parse_statement(text)


def test_a_canary_goes_on_counting_after_a_restart(tmp_path: Path) -> None:
    (tmp_path / "double.py").write_text("def predict(x):\n    return x * 2\n")
    made = f"CREATE OR REPLACE MODEL m {COLUMNS} WITH (provider='python', path='{tmp_path}/double.py');"
    for start, live in ((0, 1), (60, 2)):
        with mergus.connect(tmp_path / "data") as db:
            db.engine.keeper.close()
            if not start:
                db.execute(made + made)
                db.execute("CREATE STREAM s (a DOUBLE) WITH (kafka_topic='s', value_format='JSON', partitions=1);")
                db.execute("CREATE STREAM o AS SELECT a, m(a) AS y FROM s EMIT CHANGES;")
                db.execute(
                    "ALTER MODEL m SET CANARY challenger 99 PERCENT BY x FOR 0 SECONDS AFTER 100 ROWS"
                    " ROLLBACK WHEN ERROR_RATE > 0.1;"
                )
                db.engine.keeper.tick()
            put(db, range(start, start + 60))
            db.engine.keeper.tick()
            version, why = ended(db)
            assert version == live
            assert (why is None) == (live == 1)
            assert why is None or 100 <= int(why.split()[0]) <= 120


def test_time_counts_when_enough_rows_came_and_a_host_may_begin_anew() -> None:
    canary = Canary("B", 10, until_ms=100, rows_min=10, latency_ms=5)
    slow = Counts(rows=10, calls=2, seconds=0.02)
    assert judge(canary, Counts(rows=9, calls=2, seconds=0.02), 50, False) is None
    assert judge(canary, slow, 50, False) == Verdict(False, "a call took 10.0 ms on average")
    assert Counts(12, 1, 3, 0.5).since(Counts(2, 1, 1, 0.25)) == Counts(10, 0, 2, 0.25)
    assert Counts(3, 1, 1, 0.1).since(Counts(12, 1, 3, 0.5)) == Counts(3, 1, 1, 0.1)


def test_a_row_counts_once_where_one_of_several_hosts_does_not_answer_or_begins_anew() -> None:
    watched = Watched(Canary("B", 10, until_ms=100, rows_min=10), last={1: Counts(5)})
    watched = watched.after({1: Counts(15), 2: Counts(20)})
    watched = watched.after({1: Counts(16)})  # 2 is busy
    watched = watched.after({1: Counts(16), 2: Counts(21, 1)})
    watched = watched.after({1: Counts(17), 3: Counts(4)})  # 2 has died, and 3 has its queries
    assert watched.done == Counts(rows=12 + 21 + 4, errors=1)


def test_a_query_that_cannot_be_asked_promotes_nothing_and_stops_no_other_limit(db) -> None:
    db.execute("CREATE TABLE seen AS SELECT a, COUNT(*) AS n FROM s GROUP BY a;")
    db.execute(
        "ALTER MODEL m SET CANARY challenger 50 PERCENT FOR 0 SECONDS AFTER 5 ROWS "
        "ROLLBACK WHEN ERROR_RATE > 0.1 OR 'SELECT n > 100 FROM seen WHERE a = 1';"
    )
    look = db.engine.keeper.tick
    look()
    db.execute("DROP TABLE seen;")
    put(db, range(400, 460, 20))
    put(db, range(20))
    look()
    assert ended(db) == (1, None)  # its time is over, and it is not promoted
    put(db, range(500, 560))
    look()
    version, why = ended(db)
    assert version == 1
    assert (why or "").endswith(" rows failed")


@pytest.mark.parametrize("alias", ["challenger", "champion"])
def test_a_canary_ends_where_a_version_that_it_is_about_is_another(db, alias: str) -> None:
    db.execute(
        "ALTER MODEL m SET CANARY challenger 50 PERCENT FOR 0 SECONDS AFTER 0 ROWS ROLLBACK WHEN ERROR_RATE > 0.1;"
    )
    was, other = (2, 1) if alias == "challenger" else (1, 2)
    db.execute(f"ALTER MODEL m SET ALIAS {alias} = {other};")
    with pytest.raises(mergus.MergusError, match="no version to promote"):
        db.execute("ALTER MODEL m END CANARY PROMOTE;")
    db.engine.keeper.tick()
    history = db.execute("SHOW MODEL HISTORY m;")[0].rows
    assert (history[-1][1], history[-1][4]) == (
        "END CANARY",
        f"rolled back: {alias.upper()} is not version {was} any more",
    )
    db.execute(f"ALTER MODEL m SET ALIAS {alias} = {was};")
