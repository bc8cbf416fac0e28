"""EXPLAIN ANALYZE: what a running query's stages and operators have done, in Python and over HTTP."""

from __future__ import annotations

import httpx
import pytest

import mergus
from mergus.engine.errors import UserError

SOURCES = (
    "CREATE STREAM clicks (id INT KEY, n INT) WITH (KAFKA_TOPIC = 'clicks', VALUE_FORMAT = 'JSON', PARTITIONS = 1);"
    "CREATE TABLE people (id INT PRIMARY KEY, city STRING) WITH (KAFKA_TOPIC = 'people', VALUE_FORMAT = 'JSON', PARTITIONS = 1);"
)
QUERY = (
    "CREATE TABLE counts AS SELECT city, COUNT(*) AS k FROM clicks JOIN people ON clicks.id = people.id"
    " WHERE n > 0 GROUP BY city EMIT CHANGES;"
)


@pytest.fixture(scope="module")
def db():
    with mergus.connect() as db:
        db.execute(SOURCES)
        db.insert("PEOPLE", [{"id": i, "city": "Oslo" if i else "Bergen"} for i in range(3)])
        db.insert("CLICKS", [{"id": i % 3, "n": i} for i in range(10)])
        db.execute(QUERY)
        db.wait()
        yield db


def analysis(db):
    (listing,) = db.execute("EXPLAIN ANALYZE CTAS_COUNTS_0;")
    return listing


def test_every_part_says_what_it_did(db):
    body = analysis(db).body["analysis"]
    assert body["lagRecords"] == 0
    assert body["modelShare"] == 0
    parts = {(p["stage"], p["part"].split()[-1]): p for p in body["parts"]}
    assert parts[(0, "decode")]["rowsIn"] == 13
    assert parts[(0, "exchange")]["rowsIn"] == 12
    join = parts[(1, "StreamTableJoin")]
    assert (join["rowsIn"], join["rowsOut"], join["stateRows"]) == (12, 9, 3)
    assert (parts[(2, "Aggregate")]["rowsOut"], parts[(2, "Aggregate")]["stateRows"]) == (2, 2)
    assert parts[(2, "encode")]["rowsOut"] == 2
    assert all(p["bytesIn"] > 0 and p["milliseconds"] > 0 for p in (join, parts[(0, "decode")]))
    assert [(s["stage"], s["waiting"]) for s in body["stages"]] == [(0, 0), (1, 0), (2, 0)]
    assert sum(p["share"] for p in body["parts"]) == pytest.approx(1, abs=0.01)


def test_people_read_it_below_the_plan(db):
    text = analysis(db).text
    assert text.startswith("13 records read, ")
    (line,) = [line for at, line in enumerate(text.splitlines()) if " INNER join of " in text.splitlines()[at - 1]]
    assert line.strip().startswith("12 → 9 rows, ")
    assert ", 3 rows kept, " in line


def test_over_http(db, url):
    answer = httpx.post(f"{url}/ksql", json={"ksql": "EXPLAIN ANALYZE CTAS_COUNTS_0;"}, timeout=30).json()
    assert answer[0]["@type"] == "queryDescription"
    assert answer[0]["analysis"]["stages"][1]["rowsOut"] == analysis(db).body["analysis"]["stages"][1]["rowsOut"]


def test_only_a_query_that_runs_has_done_something(db):
    with pytest.raises(UserError, match="EXPLAIN ANALYZE takes the id of a running query"):
        db.execute("EXPLAIN ANALYZE SELECT * FROM clicks EMIT CHANGES;")


FUNCTIONS = """
CREATE FUNCTION doubled(x INT) RETURNS INT LANGUAGE PYTHON AS $$
import time
def doubled(x):
    time.sleep(0.001)
    if x == 7:
        raise ValueError("seven")
    return x * 2
$$;
CREATE FUNCTION gathered(x INT) RETURNS STRING LANGUAGE PYTHON AS $$
from mergus import udaf
@udaf
class gathered:
    def initialize(self) -> str:
        return ""
    def aggregate(self, value: int, state: str) -> str:
        return state + str(value)
    def merge(self, a: str, b: str) -> str:
        return a + b
    def map(self, state: str) -> str:
        return state
$$;
CREATE STREAM numbers (x INT) WITH (kafka_topic='numbers', format='JSON', partitions=1);
CREATE TABLE gathers AS SELECT x % 2 AS odd, gathered(CAST(doubled(x) AS BIGINT)) AS g FROM numbers GROUP BY x % 2;
CREATE STREAM others AS SELECT doubled(x) AS d FROM numbers WHERE x > 15;
"""


def test_what_each_function_in_python_took(tmp_path):
    with mergus.connect(tmp_path) as db:
        db.execute(FUNCTIONS)
        db.insert("NUMBERS", [{"x": i} for i in range(20)])
        db.wait()
        (listing,) = db.execute("EXPLAIN ANALYZE CTAS_GATHERS_0;")
        found = {f["function"]: f for f in listing.body["analysis"]["functions"]}
        assert set(found) == {"DOUBLED", "GATHERED"}
        assert found["DOUBLED"]["rows"] >= 20  # and more: of a batch in which a row fails
        assert found["GATHERED"]["rows"] >= 18
        assert found["DOUBLED"]["milliseconds"] >= 19
        assert 0 < found["DOUBLED"]["share"] <= 1
        assert "  in DOUBLED: " in listing.text
        (other,) = db.execute("EXPLAIN ANALYZE CSAS_OTHERS_1;")
        assert [f["rows"] for f in other.body["analysis"]["functions"]] == [4]
        assert (
            'mergus_query_function_seconds_total{function="DOUBLED",query="CSAS_OTHERS_1"} 0.0'
            in db.engine.metrics_text()
        )
