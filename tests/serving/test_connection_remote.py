"""Mergus from Python on a server elsewhere: the same words and answers as on an engine of one's own."""

from __future__ import annotations

import asyncio
import datetime
import decimal
import threading

import pytest

import mergus
from mergus.engine.errors import EnvironmentFault, UserError
from mergus.engine.serving.connection.answers import Answer
from mergus.engine.serving.results import Done, Listing

STREAM = (
    "CREATE STREAM s (k STRING KEY, d DECIMAL(6, 2), t TIMESTAMP, b STRUCT<x INT, y ARRAY<STRING>>)"
    " WITH (kafka_topic='s', value_format='JSON', partitions=1);"
)
ROW = {"k": "a", "d": "12.50", "t": 1000, "b": {"X": 1, "Y": ["q"]}}


@pytest.fixture(scope="module")
def db():
    with mergus.connect() as db:
        db.execute(STREAM)
        db.insert("s", [ROW, {"k": "empty"}])
        yield db


@pytest.fixture
def remote(url):
    with mergus.connect(server=url) as remote:
        yield remote


def test_rows_are_the_same_as_on_the_engine_itself(db, remote):
    here, there = (c.query("SELECT * FROM s;") for c in (db, remote))
    assert there.arrow().equals(here.arrow())
    assert there.one() == {
        "K": "a",
        "D": decimal.Decimal("12.50"),
        "T": datetime.datetime(1970, 1, 1, 0, 0, 1),
        "B": {"X": 1, "Y": ["q"]},
    }
    assert remote.sql("SELECT k FROM s WHERE k = 'nobody';").rows() == []


def test_statements(remote):
    made, listing, answer = remote.execute(
        "CREATE STREAM made_remotely AS SELECT k, d FROM s EMIT CHANGES; -- one\nSHOW STREAMS; SELECT k FROM s LIMIT 1;"
    )
    assert isinstance(made, Done)
    assert made.query_id.startswith("CSAS_MADE_REMOTELY_")
    assert made.entity == ("stream", "MADE_REMOTELY", "create")
    assert isinstance(listing, Listing)
    assert {"S", "MADE_REMOTELY"} <= {s["name"] for s in listing.body["streams"]}
    assert isinstance(answer, Answer)


def test_settings_of_the_session_go_along(remote):
    remote.execute("SET 'auto.offset.reset' = 'earliest'; DEFINE wanted = 's';")
    with remote.push("SELECT k FROM ${wanted} EMIT CHANGES LIMIT 1;") as push:
        assert list(push) == [{"K": "a"}]
    with pytest.raises(UserError, match="there is no property"):
        remote.execute("SET 'auto.offset.rest' = 'earliest'; SHOW STREAMS;")


def test_push(db, remote):
    push = remote.push("SELECT k FROM s EMIT CHANGES;")
    threading.Timer(0.05, push.close).start()
    assert list(push) == []
    push.close()

    async def collect():
        push = remote.push("SELECT k FROM s EMIT CHANGES LIMIT 2;", from_beginning=True)
        return [row["K"] async for row in push]

    assert asyncio.run(collect()) == ["a", "empty"]


def test_inserts_and_refusals(db, remote):
    remote.execute("CREATE STREAM inserted (a INT) WITH (kafka_topic='inserted', value_format='JSON', partitions=1);")
    remote.insert("inserted", [{"a": 1}, {"a": 2}])
    assert db.query("SELECT * FROM inserted;").rows() == [{"A": 1}, {"A": 2}]
    with pytest.raises(UserError, match="column NOPE does not exist"):
        remote.insert("inserted", [{"nope": 1}])
    with pytest.raises(UserError, match="line 1:8: SELECT nope"):
        remote.query("SELECT nope FROM s;")
    with pytest.raises(UserError, match="functions"):
        remote.register(len)
    with pytest.raises(UserError, match="query"):
        remote.query("SHOW STREAMS;")


def test_no_server():
    with pytest.raises(EnvironmentFault, match="no server answers"):
        mergus.connect(server="http://127.0.0.1:1")
    with pytest.raises(UserError, match="URL"):
        mergus.connect(server="ftp://somewhere")
    with pytest.raises(UserError, match="alone"):
        mergus.connect("data", server="http://127.0.0.1:1")


def test_settings_by_argument(tmp_path, monkeypatch):
    with mergus.connect(workers=1, epoch_ms=100) as db:
        assert db.engine.config["epoch.ms"] == 100
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(UserError, match="unknown setting") as refused:
        mergus.connect(wrokers=1)
    assert refused.value.detail == "from the arguments"
    with pytest.raises(UserError, match="takes text"):
        mergus.connect(settings={"kafka.bootstrap": ["a:1"]})
    assert list(tmp_path.iterdir()) == []  # the private folder goes with the refusal
    with mergus.connect(settings={"data": str(tmp_path / "data")}) as db:
        assert db.engine.config["data"] == str(tmp_path / "data")
    assert (tmp_path / "data").is_dir()  # the user's own stays
