"""PRINT, ASSERT TOPIC and ASSERT SCHEMA on an engine, and what is not an engine's."""

import contextlib

import pyarrow as pa
import pytest

from mergus.engine.config import load
from mergus.engine.errors import UserError
from mergus.engine.serving.engine import Engine
from mergus.engine.serving.results import Listing, Push

SETUP = """
CREATE STREAM s (k STRING KEY, v INT) WITH (KAFKA_TOPIC = 's', VALUE_FORMAT = 'JSON', PARTITIONS = 1);
INSERT INTO s (ROWTIME, k, v) VALUES (1, 'a', 1);
INSERT INTO s (ROWTIME, k, v) VALUES (2, 'b', 2);
INSERT INTO s (ROWTIME, k, v) VALUES (3, 'c', 3);
"""


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    opened = Engine.open(load({"data": str(folder)}, {}), in_process=True, bounded=True)
    list(opened.execute(SETUP))
    yield opened
    opened.close()


def answer(engine, text):
    (result,) = engine.execute(text)
    return result


def printed(engine, text):
    result = answer(engine, text)
    assert isinstance(result, Push)
    return [tuple(row.values()) for table in result for row in table.to_pylist()]


def test_print_from_the_beginning(engine):
    rows = printed(engine, "PRINT s FROM BEGINNING;")
    assert rows == [(1, 0, 0, "a", '{"V":1}'), (2, 0, 1, "b", '{"V":2}'), (3, 0, 2, "c", '{"V":3}')]


def test_if_not_exists_tells_what_is_there(engine):
    result = answer(engine, "CREATE TABLE IF NOT EXISTS s AS SELECT k, COUNT(*) AS n FROM s GROUP BY k;")
    assert result.message == "Cannot add table S: a stream with the same name already exists."


def test_print_some(engine):
    assert [r[0] for r in printed(engine, "PRINT 's' FROM BEGINNING LIMIT 2;")] == [1, 2]
    assert [r[0] for r in printed(engine, "PRINT s FROM BEGINNING INTERVAL 2;")] == [1, 3]
    assert printed(engine, "PRINT s;") == []


@pytest.mark.parametrize(
    "statement",
    [
        "ASSERT TOPIC s;",
        "ASSERT TOPIC s WITH (PARTITIONS = 1, REPLICAS = 1);",
        "ASSERT NOT EXISTS TOPIC nothing;",
        "ASSERT NOT EXISTS SCHEMA SUBJECT 'nothing-value';",
        "ASSERT NOT EXISTS SCHEMA ID 99;",
    ],
)
def test_what_is_so(engine, statement):
    told = answer(engine, statement)
    assert isinstance(told, Listing)
    assert told.body["exists"] is ("NOT EXISTS" not in statement)


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("ASSERT TOPIC nothing TIMEOUT 10 MILLISECONDS;", "Topic nothing does not exist."),
        ("ASSERT TOPIC s WITH (PARTITIONS = 2) TIMEOUT 10 MILLISECONDS;", "partitions is 1, not 2"),
        ("ASSERT NOT EXISTS TOPIC s TIMEOUT 10 MILLISECONDS;", "Topic s exists."),
        ("ASSERT SCHEMA SUBJECT 'x' ID 7 TIMEOUT 10 MILLISECONDS;", "Schema with subject x and id 7 does not exist."),
        ("PRINT nothing;", "topic nothing does not exist"),
        ("RUN SCRIPT 'a.sql';", "a command of the prompt"),
        ("ASSERT VALUES s (k, v) VALUES ('a', 1);", "stands in test files"),
    ],
)
def test_what_is_not_so(engine, statement, said):
    with pytest.raises(UserError) as refused:
        answer(engine, statement)
    assert refused.value.kind == "user"
    assert said in str(refused.value)


OF_FORMATS = """
CREATE STREAM f (k INT KEY, v INT, m MAP<STRING, DECIMAL(4, 2)>) WITH (KAFKA_TOPIC = '{0}', PARTITIONS = 1, {1});
INSERT INTO f (ROWTIME, k, v, m) VALUES (3600001, 7, 1, MAP('a' := 2.50));
"""


@pytest.mark.parametrize(
    ("formats", "key", "value"),
    [
        ("FORMAT = 'AVRO'", "7", '{"V":1,"M":{"a":2.50}}'),
        ("FORMAT = 'JSON_SR'", "7", '{"V":1,"M":{"a":2.50}}'),
        ("KEY_FORMAT = 'KAFKA', VALUE_FORMAT = 'PROTOBUF'", "7", '{"V":1,"M":{"a":2.50}}'),
        ("KEY_FORMAT = 'KAFKA', VALUE_FORMAT = 'PROTOBUF_NOSR'", "7", '{"V":1,"M":{"a":2.50}}'),
    ],
)
def test_print_reads_what_is_no_text(engine, formats, key, value):
    list(engine.execute(OF_FORMATS.format("f", formats)))
    try:
        assert printed(engine, "PRINT f FROM BEGINNING;") == [(3_600_001, 0, 0, key, value)]
    finally:
        list(engine.execute("DROP STREAM f DELETE TOPIC;"))


@pytest.mark.parametrize(("window", "end"), [("TUMBLING (SIZE 1 HOUR)", 7_200_000), ("SESSION (1 HOUR)", 3_600_001)])
def test_print_shows_windows_behind_keys(engine, window, end):
    list(engine.execute(OF_FORMATS.format("w", "VALUE_FORMAT = 'JSON'")))
    start = 3_600_000 if "TUMBLING" in window else 3_600_001
    try:
        list(engine.execute(f"CREATE TABLE t AS SELECT v, COUNT(*) AS n FROM f WINDOW {window} GROUP BY v;"))
        assert not engine.wait_caught_up(30)
        assert [r[3:] for r in printed(engine, 'PRINT "T" FROM BEGINNING;')] == [(f"1@{start}/{end}", '{"N":1}')]
    finally:
        list(engine.execute("DROP TABLE t DELETE TOPIC; DROP STREAM f DELETE TOPIC;"))


def test_print_gives_bytes_that_nothing_reads(engine):
    engine.topics.create("odd", partitions=1)
    values = [
        b"\x00\x00\x00\x03\xe7rest",
        b"\xff",
        "grün".encode(),
        b'{\n\t"a": 1\r\n}',
        b"a\x00",
        None,
    ]  # the first: as if of schema 999
    with contextlib.closing(engine.topics.writer()) as writer:
        writer.write("odd", pa.record_batch({"value": pa.array(values, pa.binary())}))
        writer.flush()
    shown = [r[4] for r in printed(engine, "PRINT odd FROM BEGINNING;")]
    assert shown == ["0x000000" + "03e7" + b"rest".hex(), "0xff", "grün", '{\n\t"a": 1\r\n}', "0x6100", None]
