"""Dates before the year 1 and after 9999 are answered everywhere: Python's calendar does not have them."""

import datetime
import io
import json

import pytest

import mergus
from mergus.engine.cli.rendering import write_answer
from mergus.engine.config import load
from mergus.engine.errors import UserError
from mergus.engine.serving.engine import Engine
from mergus.engine.serving.python_values import FarTime

SETUP = """
CREATE STREAM raw (line STRING) WITH (kafka_topic = 't', value_format = 'KAFKA', partitions = 1);
CREATE STREAM s (at TIMESTAMP, day DATE, nested STRUCT<`a` MAP<STRING, TIMESTAMP>, b ARRAY<DATE>>)
  WITH (kafka_topic = 't', value_format = 'JSON');
INSERT INTO raw VALUES
  ('{"at": 1700000000000000, "day": 1, "nested": {"a": {"k": -62135596800001}, "B": [-719163, 2932897, null]}}');
INSERT INTO raw VALUES ('{"at": 1700000000000, "day": null, "nested": null}');
"""
FAR = {
    "AT": "+55840-11-08T22:13:20.000",
    "DAY": "1970-01-02",
    "NESTED": {"a": {"k": "0000-12-31T23:59:59.999"}, "B": ["0000-12-31", "+10000-01-01", None]},
}
NEAR = {"AT": "2023-11-14T22:13:20.000", "DAY": None, "NESTED": None}


def test_rows_in_python():
    with mergus.connect() as db:
        db.execute(SETUP)
        far, near = db.query("SELECT * FROM s;").rows()
        assert near == {"AT": datetime.datetime(2023, 11, 14, 22, 13, 20), "DAY": None, "NESTED": None}
        assert far["DAY"] == datetime.date(1970, 1, 2)
        assert (far["AT"], far["NESTED"]["B"]) == (FAR["AT"], FAR["NESTED"]["B"])
        assert dict(far["NESTED"]["a"]) == FAR["NESTED"]["a"]
        assert isinstance(far["AT"], FarTime)
        assert db.query("SELECT at FROM s;").one() == {"AT": FAR["AT"]}
        frame = db.query("SELECT nested, day FROM s;").df()
        assert (list(frame.columns), frame["NESTED"][0]["B"]) == (["NESTED", "DAY"], FAR["NESTED"]["B"])


@pytest.mark.parametrize(
    ("column", "value"), [("at", "FROM_UNIXTIME(1700000000000000)"), ("day", "FROM_DAYS(9999999)")]
)
def test_a_computed_time_that_is_too_far_is_refused(column, value):
    with mergus.connect() as db:
        db.execute(SETUP)
        with pytest.raises(UserError, match=f"the value of {column.upper()} cannot be computed"):
            db.execute(f"INSERT INTO s ({column}) VALUES ({value});")
        (pushed,) = db.push("SELECT at FROM s EMIT CHANGES LIMIT 1;", from_beginning=True)
        assert pushed == {"AT": FAR["AT"]}


def test_printed():
    with mergus.connect() as db:
        db.execute(SETUP + "CREATE STREAM o WITH (value_format = 'AVRO') AS SELECT at, day FROM s;")
        db.wait()
        (row,) = db.push('PRINT "O" FROM BEGINNING LIMIT 1;', from_beginning=True)
        assert json.loads(row["VALUE"]) == {"AT": FAR["AT"], "DAY": FAR["DAY"]}


@pytest.mark.parametrize("form", ["json", "csv", "table"])
def test_at_the_command_line(tmp_path, form):
    engine = Engine.open(load({"data": str(tmp_path)}, {}), in_process=True, bounded=True)
    try:
        *_, rows = engine.execute(SETUP + "SELECT * FROM s;")
        out = io.StringIO()
        write_answer(rows, form, out)
    finally:
        engine.close()
    if form == "json":
        assert [json.loads(line) for line in out.getvalue().splitlines()] == [FAR, NEAR]
    for text in ("+55840-11-08T22:13:20.000", "+10000-01-01", "0000-12-31T23:59:59.999"):
        assert text in out.getvalue()
