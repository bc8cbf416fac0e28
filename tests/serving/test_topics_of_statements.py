"""What WITH says of a topic: taken where it is made, refused where the topic that is there has something else."""

from dataclasses import replace
from typing import Any

import pytest

import mergus
from mergus.engine.errors import AnalysisError, Conflict, UserError
from mergus.engine.io.schemas.opening import open_registry
from mergus.engine.io.schemas.schema import Schema
from mergus.engine.serving.changes.statement import prepare
from mergus.engine.sql.parser.parse import parse_statement

S = "CREATE STREAM s (k STRING KEY, a INT) WITH (kafka_topic='s', value_format='JSON', partitions=2{});"


@pytest.fixture
def db(tmp_path):
    with mergus.connect(tmp_path) as connection:
        yield connection


def topic(db: Any, name: str) -> Any:
    return db.engine.topics.describe(name)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("partitions=3", "topic s has 2 partitions, not 3"),
        ("replicas=2", "topic s has 1 replicas, not 2"),
        ("retention_ms=5", "topic s has a retention of 60000 ms, not 5"),
    ],
)
@pytest.mark.parametrize("query", [False, True])
def test_a_topic_of_another_shape_is_refused(db, given, said, query):
    db.execute(S.format(", retention_ms=60000"))
    made = "CREATE STREAM t WITH (kafka_topic='s', {}) AS SELECT * FROM o;"
    if query:
        db.execute("CREATE STREAM o (k STRING KEY, a INT) WITH (kafka_topic='o', value_format='JSON', partitions=2);")
    else:
        made = "CREATE STREAM t (k STRING KEY, a INT) WITH (kafka_topic='s', value_format='JSON', {});"
    with pytest.raises(Conflict) as refused:
        db.execute(made.format(given))
    assert refused.value.message == said
    assert refused.value.span is not None
    db.execute(made.format("partitions=2, replicas=1, retention_ms=60000"))


def test_a_topic_that_keeps_everything_has_no_retention(db):
    db.execute(S.format(""))
    db.execute(S.format(", retention_ms=-1").replace("STREAM s", "STREAM t"))
    with pytest.raises(Conflict, match="a retention of -1 ms, not 7"):
        db.execute(S.format(", retention_ms=7").replace("STREAM s", "STREAM u"))


def test_replicas_may_be_left_to_the_broker(db):
    db.execute(S.format(", replicas=-1"))
    assert topic(db, "s").replicas == 1
    with pytest.raises(AnalysisError, match="or -1 for the broker's default"):
        db.execute(S.format(", replicas=0").replace("STREAM s", "STREAM t"))


def test_a_query_s_topic_is_as_its_source_s(db):
    db.execute(S.format(", replicas=3, retention_ms=60000"))
    db.execute("CREATE STREAM same AS SELECT * FROM s;")
    db.execute("CREATE STREAM other WITH (replicas=1, retention_ms=7, partitions=1) AS SELECT * FROM s;")
    db.execute("CREATE TABLE counts AS SELECT k, COUNT(*) AS n FROM s GROUP BY k;")
    found = {n: topic(db, n) for n in ("SAME", "OTHER", "COUNTS")}
    assert {n: (t.partitions, t.replicas, t.retention_ms) for n, t in found.items()} == {
        "SAME": (2, 3, 60000),
        "OTHER": (1, 1, 7),
        "COUNTS": (2, 3, None),
    }
    assert found["COUNTS"].config == {"cleanup.policy": "compact"}
    assert found["SAME"].config == {"cleanup.policy": "delete", "retention.ms": "60000"}


def test_the_cleanup_policy_is_of_what_is_made(db):
    """Windows leave an embedded topic by RETENTION_MS only: samples are often of years ago."""
    db.execute(S.format(""))
    window = "SELECT k, COUNT(*) AS n FROM s WINDOW TUMBLING (SIZE 1 HOUR, RETENTION 1 DAY) GROUP BY k"
    db.execute(f"CREATE TABLE w AS {window};")
    db.execute(f"CREATE TABLE v WITH (retention_ms=7) AS {window};")
    with_topic = "WITH (kafka_topic='{}', value_format='JSON', partitions=1{})"
    db.execute("CREATE TABLE t (k STRING PRIMARY KEY) " + with_topic.format("t", "") + ";")
    windowed = ", window_type='TUMBLING', window_size='1 HOUR'"
    db.execute("CREATE TABLE u (k STRING PRIMARY KEY) " + with_topic.format("u", windowed) + ";")
    assert {name: topic(db, name).config for name in ("s", "t", "u", "W", "V")} == {
        "s": {"cleanup.policy": "delete"},
        "t": {"cleanup.policy": "compact"},
        "u": {"cleanup.policy": "compact,delete"},
        "W": {"cleanup.policy": "compact,delete"},
        "V": {"cleanup.policy": "compact,delete", "retention.ms": "7"},
    }


@pytest.mark.parametrize(
    ("given", "kept_ms"),
    [("", "60000"), (", RETENTION 1 DAY", "86400000"), (" retention_ms=7", "7")],
)
def test_windows_on_kafka_are_kept_as_long_as_ksqldb_keeps_them(db, given, kept_ms):
    db.execute(S.format(", retention_ms=60000"))
    with_, window = (f"WITH ({given})", "") if "=" in given else ("", given)
    text = f"CREATE TABLE w {with_} AS SELECT k, COUNT(*) AS n FROM s WINDOW TUMBLING (SIZE 1 HOUR{window}) GROUP BY k"
    world = replace(db.engine.world({}), on_kafka=True)
    (made,) = prepare(parse_statement(text, world.catalog.types), text, world).create_topics
    assert made.config == {"cleanup.policy": "compact,delete", "retention.ms": kept_ms}


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE t (k STRING PRIMARY KEY) WITH (kafka_topic='t', value_format='JSON', partitions=1, retention_ms=7);",
        "CREATE TABLE t WITH (retention_ms=7) AS SELECT k, COUNT(*) AS n FROM s GROUP BY k;",
    ],
)
def test_a_table_without_windows_has_no_retention(db, statement):
    db.execute(S.format(""))
    with pytest.raises(AnalysisError, match="RETENTION_MS cannot be given for a table without windows") as refused:
        db.execute(statement)
    assert statement[refused.value.span.start :].startswith("retention_ms")
    windowed = "CREATE TABLE w WITH (retention_ms=7) AS SELECT k, COUNT(*) AS n FROM s WINDOW TUMBLING (SIZE 1 DAY) GROUP BY k;"
    db.execute(windowed)
    assert topic(db, "W").retention_ms == 7


def test_one_name_of_a_schema(db):
    both = "value_schema_full_name='a.B', value_avro_schema_full_name='a.B'"
    with pytest.raises(AnalysisError, match="cannot both be given: they are one property"):
        db.execute(
            f"CREATE STREAM t (k STRING KEY, a INT) WITH (kafka_topic='t', value_format='AVRO', partitions=1, {both});"
        )


@pytest.mark.parametrize("given", ["kafka_topic='not a name', partitions=1", "kafka_topic='n', partitions=20000"])
def test_a_refused_topic_leaves_no_schema(db, given):
    with pytest.raises(UserError):
        db.execute(f"CREATE STREAM n (k INT KEY, a INT) WITH ({given}, format='AVRO');")
    assert topic(db, "n") is None
    assert open_registry(db.engine.schema_registry).subjects() == []


def test_a_refused_schema_leaves_neither_topic_nor_another_schema(db):
    registry = open_registry(db.engine.schema_registry)
    db.execute(S.format(""))
    registry.register("n-value", Schema("AVRO", '"int"'))
    with pytest.raises(AnalysisError, match="Could not register schema for subject n-value"):
        db.execute("CREATE STREAM n WITH (kafka_topic='n', format='AVRO') AS SELECT k, a FROM s;")
    assert topic(db, "n") is None
    assert registry.subjects() == ["n-value"]
