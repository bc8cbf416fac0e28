"""A start while the topics, or the schema registry, are away: what is there, what is told, and that all comes by itself."""

from __future__ import annotations

import logging
import threading
from typing import Any

import pytest

import mergus
from mergus.engine.cli.server import _start_queries
from mergus.engine.config import load
from mergus.engine.errors import EnvironmentFault, NotLetIn, UnknownName
from mergus.engine.io.embedded.topics import EmbeddedTopics
from mergus.engine.io.schemas.remote import RemoteRegistry
from mergus.engine.runtime.command_log import CommandLog
from mergus.engine.serving import restart
from mergus.engine.serving.engine import Engine
from tests.mergus_server import until
from tests.serving_thread import served

STATEMENTS = """
CREATE STREAM s (k STRING KEY, a INT) WITH (kafka_topic='s', value_format='JSON', partitions=2);
CREATE TABLE t AS SELECT k, COUNT(*) AS n FROM s GROUP BY k EMIT CHANGES;
SET 'auto.offset.reset' = 'latest';
CREATE STREAM u AS SELECT k, a + 1 AS b FROM s EMIT CHANGES;
UNSET 'auto.offset.reset';
INSERT INTO s VALUES ('x', 1);
"""
METHODS = ("list", "describe", "create", "delete", "identities", "end_offsets", "begin_offsets", "reader", "writer")


def away(*_: Any, **__: Any) -> Any:
    raise EnvironmentFault("the brokers do not answer")


def opened(folder: Any, *, patient: bool = False, **settings: Any) -> Engine:
    return Engine.open(load({"data": str(folder), "epoch.ms": 50, **settings}, {}), in_process=True, patient=patient)


def said(engine: Engine, sql: str) -> list[Any]:
    return list(engine.execute(sql))


def states(engine: Engine) -> dict[str, str]:
    return {query_id: status.state for query_id, status in engine.statuses().items()}


def pulled(engine: Engine, sql: str) -> list[tuple[Any, ...]]:
    (rows,) = said(engine, sql)
    return sorted(tuple(row.values()) for row in rows.table.to_pylist())


@pytest.fixture
def folder(tmp_path):
    """A data folder in which queries have worked."""
    made = opened(tmp_path)
    said(made, STATEMENTS)
    made.wait_caught_up(30)
    made.close()
    return tmp_path


@pytest.fixture
def topics_away(monkeypatch):
    """Call it, and the topics are there."""
    monkeypatch.setattr(restart, "AGAIN_S", 0.05)
    with monkeypatch.context() as patched:
        for method in METHODS:
            patched.setattr(EmbeddedTopics, method, away)
        patched.setattr(EmbeddedTopics, "transactional_writer", away)
        yield patched.undo


def test_a_server_starts_without_its_topics_and_goes_on_with_them(folder, topics_away, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("mergus"), "propagate", True)
    caplog.set_level(logging.INFO, "mergus.engine")
    engine = opened(folder, patient=True)
    try:
        until(lambda: set(states(engine).values()) == {"ERROR"}, "the queries to be in ERROR")
        assert {s.error for s in engine.statuses().values()} == {"the brokers do not answer"}
        (shown,) = said(engine, "SHOW TABLES;")
        assert [row[0] for row in shown.rows] == ["T"]
        assert engine.health()["kafka"] is False
        assert "what needs the topics waits, and is done when this is mended: the brokers do not answer" in caplog.text
        with pytest.raises(EnvironmentFault):
            said(engine, "CREATE STREAM v AS SELECT * FROM s;")
        topics_away()
        until(lambda: set(states(engine).values()) == {"RUNNING"}, "the queries to go on")
        said(engine, "INSERT INTO s VALUES ('x', 2);")
        until(lambda: pulled(engine, "SELECT * FROM t;") == [("x", 2)], "the table to go on")
        until(lambda: pulled(engine, "SELECT b FROM u;") == [(2,), (3,)], "the stream to go on")
        assert "what waited for the topics is done" in caplog.text
    finally:
        engine.close()


def test_a_file_of_statements_waits_for_the_topics(tmp_path, topics_away):
    (tmp_path / "start.sql").write_text(STATEMENTS)
    engine = opened(tmp_path / "data", patient=True)
    try:
        _start_queries(engine, tmp_path / "start.sql")
        assert engine.catalog.queries == {}
        topics_away()
        until(lambda: len(engine.catalog.queries) == 2, "the statements to be carried out")
        until(lambda: pulled(engine, "SELECT * FROM t;") == [("x", 1)], "the table")
    finally:
        engine.close()


def test_who_is_not_patient_is_refused(folder, topics_away):
    with pytest.raises(EnvironmentFault, match="the brokers do not answer"):
        opened(folder)


def test_who_is_not_let_in_does_not_wait(folder, monkeypatch):
    def refused(*_):
        raise NotLetIn("the brokers refuse this user")

    with monkeypatch.context() as patched:
        patched.setattr(EmbeddedTopics, "describe", refused)
        with pytest.raises(NotLetIn):
            opened(folder, patient=True)


def test_a_registry_that_is_away_is_not_asked_at_a_start(tmp_path, monkeypatch):
    """What was inferred from it is in the command log."""
    registry = opened(tmp_path / "registry")
    with served(registry) as url:
        engine = opened(tmp_path / "data", **{"schema.registry.url": f"{url}/schema-registry"})
        said(engine, "CREATE STREAM first (a INT, b STRING) WITH (kafka_topic='s', value_format='AVRO', partitions=1);")
        said(engine, "CREATE STREAM s WITH (kafka_topic='s', value_format='AVRO');")
        said(engine, "CREATE STREAM i WITH (kafka_topic='s', value_format='AVRO', value_schema_id=1);")
        said(engine, "CREATE STREAM u WITH (value_schema_id=1) AS SELECT * FROM i EMIT CHANGES;")
        before = {r.name: str(r.schema) for r in engine.catalog.relations.values()}
        engine.close()
    registry.close()
    monkeypatch.setattr(RemoteRegistry, "_ask", away)
    engine = opened(tmp_path / "data", **{"schema.registry.url": "http://127.0.0.1:1"})
    try:
        assert {r.name: str(r.schema) for r in engine.catalog.relations.values()} == before
        assert list(engine.catalog.queries)
    finally:
        engine.close()


def test_a_topic_is_deleted_by_the_next_start_where_the_server_died_before_it_was(folder, monkeypatch):
    engine = opened(folder)
    said(engine, "DROP STREAM u;")
    said(engine, "CREATE STREAM again (a INT) WITH (kafka_topic='kept', value_format='JSON', partitions=1);")
    said(engine, "CREATE STREAM other (a INT) WITH (kafka_topic='gone', value_format='JSON', partitions=1);")

    class Died(BaseException):
        pass

    def died(*_):
        raise Died

    with monkeypatch.context() as patched:
        patched.setattr(restart, "delete_topic", died)
        patched.setattr(CommandLog, "remove_note", died)
        for name in ("other", "again"):
            with pytest.raises(Died):
                said(engine, f"DROP STREAM {name} DELETE TOPIC;")
    assert engine.topics.describe("gone") is not None
    said(engine, "CREATE STREAM anew (a INT) WITH (kafka_topic='kept', value_format='JSON');")
    engine.close()
    engine = opened(folder)
    assert engine.topics.describe("gone") is None
    assert engine.topics.describe("kept") is not None  # another stream has it now
    engine.topics.create("gone", 1)
    engine.close()
    engine = opened(folder)
    assert engine.topics.describe("gone") is not None  # that one is somebody else's
    engine.close()


def test_an_id_of_a_query_that_was_left_out_is_not_given_again(folder, monkeypatch):
    """Its state lies under it."""
    engine = opened(folder)
    said(engine, "CREATE FUNCTION f(a INT) RETURNS INT LANGUAGE PYTHON AS $$\ndef f(a):\n    return a\n$$;")
    said(engine, "CREATE STREAM v AS SELECT k, f(a) AS b FROM s EMIT CHANGES;")
    engine.close()
    monkeypatch.setattr("mergus.engine.serving.changes.others.function_from_source", lambda *_, **__: unknown())

    def unknown():
        raise UnknownName("no such module")

    engine = opened(folder)
    try:
        assert "V" not in engine.catalog.relations
        (made,) = said(engine, "CREATE STREAM v AS SELECT k, a AS b FROM s EMIT CHANGES;")
        assert made.query_id == "CSAS_V_3"
    finally:
        engine.close()


def test_queries_are_in_error_from_the_start_where_the_topics_are_known_to_be_away(folder, topics_away, monkeypatch):
    """They would be RUNNING for as long as their first try waits for the topics."""
    tried = threading.Event()

    def waits(*_: Any) -> Any:
        tried.wait(30)
        raise EnvironmentFault("the brokers do not answer")

    with monkeypatch.context() as patched:  # undone before `topics_away`, which has patched it as well
        patched.setattr(EmbeddedTopics, "identities", waits)
        engine = opened(folder, patient=True)
        try:
            assert states(engine) == {"CTAS_T_0": "ERROR", "CSAS_U_1": "ERROR"}
            assert {s.error for s in engine.statuses().values()} == {"the brokers do not answer"}
        finally:
            tried.set()
            engine.close()


def test_a_topic_is_deleted_when_it_can_be_reached(folder, topics_away):
    engine = opened(folder, patient=True)
    try:
        (done,) = said(engine, "DROP STREAM u DELETE TOPIC;")
        assert done.warnings == ("topic U is deleted as soon as the topics can be reached: the brokers do not answer",)
        topics_away()
        until(lambda: engine.topics.describe("U") is None, "the topic to go")
        until(lambda: not any(restart.TO_DELETE in c.settings for c in engine.commands.commands()), "it to be noted")
        assert engine.topics.describe("s") is not None
    finally:
        engine.close()


def test_a_topic_that_may_not_be_deleted_is_told(folder, monkeypatch):
    engine = opened(folder)
    monkeypatch.setattr(EmbeddedTopics, "delete", away)
    try:
        with pytest.raises(EnvironmentFault, match="the statement is carried out, but topic U is not deleted"):
            said(engine, "DROP STREAM u DELETE TOPIC;")
        assert "U" not in engine.catalog.relations
        assert not any(restart.TO_DELETE in c.settings for c in engine.commands.commands())
    finally:
        engine.close()


def test_statements_that_are_left_out_are_told(folder):
    log = CommandLog(folder / "commands.db")
    log.append("CREATE STREAM v AS\n  SELECT * FROM nowhere EMIT CHANGES", query_id="CSAS_V_2")
    log.close()
    engine = opened(folder)
    with served(engine) as url, mergus.connect(server=url) as remote:
        words = "CREATE STREAM v AS SELECT * FROM nowhere EMIT CHANGES (NOWHERE does not exist)"
        told = (f"a statement could not be carried out again at the start: {words}",)
        for statement in ("SHOW QUERIES;", "SHOW STREAMS;"):
            assert said(engine, statement)[0].warnings == told
            assert remote.execute(statement)[0].warnings == told
        assert "\nmergus_statements_left_out 1.0\n" in engine.metrics_text()
        assert all(engine.health().values())  # a server that is started again for it would come to the same


def test_state_of_a_query_that_had_ended_is_removed(folder):
    engine = opened(folder)
    left = engine.lifecycle.folder("CTAS_T_0")
    engine.commands.append("TERMINATE CTAS_T_0")  # and the server died
    engine.close()
    assert left.exists()
    opened(folder).close()
    assert not left.exists()


def test_what_is_said_of_a_registry_does_not_tell_the_password():
    registry = RemoteRegistry("http://me:very-hidden@127.0.0.1:1")
    with pytest.raises(EnvironmentFault) as refused:
        registry.subjects()
    assert "http://********@127.0.0.1:1" in str(refused.value)
    assert "very-hidden" not in str(refused.value)
