"""CREATE, ALTER and DROP of streams and tables: what they make, and what they refuse in which words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from mergus.engine.errors import AnalysisError, Conflict, UnknownName, UserError
from mergus.engine.io.formats import registry
from mergus.engine.io.formats.format import FormatColumn
from mergus.engine.sql import ddl
from mergus.engine.sql.catalog import Catalog, FileOptions, Relation
from mergus.engine.sql.parser.parse import parse_statement
from mergus.engine.sql.schema import ColumnDef
from mergus.engine.sql.statements.statement import AlterSource, CreateSource, CreateSourceAs, DropSource
from mergus.engine.sql.types import BIGINT


def check(name: str, columns: Sequence[ColumnDef], properties: Mapping[str, str], is_key: bool) -> None:
    registry.find(name).check([FormatColumn(c.name, c.type) for c in columns], properties, is_key=is_key)


def infer(options: FileOptions) -> Sequence[ColumnDef]:
    return (ColumnDef("camelCase", BIGINT),)


def define(text: str, catalog: Catalog | None = None, settings: Mapping[str, str] | None = None) -> Relation:
    statement = parse_statement(text)
    assert isinstance(statement, CreateSource)
    try:
        return ddl.define_source(statement, text, catalog or Catalog(), settings or {}, check, infer)
    except UserError as error:
        raise error.at(text) from None


def test_a_stream_as_it_is_declared() -> None:
    made = define(
        "CREATE STREAM s (v STRING, k INT KEY, t BIGINT) WITH (kafka_topic='x', value_format='delimited', "
        "value_delimiter='|', partitions=3, replicas=2, retention_ms=1000, timestamp='t')"
    )
    assert made.schema_text() == "K INTEGER KEY, V STRING, T BIGINT"
    assert (made.topic, made.key_format, made.value_format) == ("x", "KAFKA", "DELIMITED")
    assert (made.partitions, made.replicas, made.retention_ms) == (3, 2, 1000)
    assert made.properties == {"VALUE_DELIMITER": "|"}
    assert made.timestamp_column == "T"


def test_formats_come_from_settings_where_with_has_none() -> None:
    settings = {"ksql.persistence.default.format.key": "json", "ksql.persistence.default.format.value": "JSON"}
    made = define("CREATE TABLE t (k INT PRIMARY KEY, v INT) WITH (kafka_topic='x')", settings=settings)
    assert (made.key_format, made.value_format) == ("JSON", "JSON")


def test_a_windowed_source() -> None:
    made = define(
        "CREATE TABLE t (k INT PRIMARY KEY, v INT) WITH (kafka_topic='x', format='JSON', window_type='Tumbling', "
        "window_size='10 seconds')"
    )
    assert (made.windowed, made.window_size_ms) == ("TUMBLING", 10_000)


def test_files_give_their_columns() -> None:
    made = define("CREATE STREAM s WITH (path='logs/*.csv.gz', delimiter=';')")
    assert made.file == FileOptions("logs/*.csv.gz", "csv", {"DELIMITER": ";"})
    assert made.any_case
    assert made.is_source
    assert made.schema.columns[0].name == "camelCase"


_JSON = "kafka_topic='x', value_format='JSON'"


@pytest.mark.parametrize(
    ("text", "words", "place"),
    [
        (f"CREATE TABLE t (a INT) WITH ({_JSON})", "tables require a PRIMARY KEY", "CREATE"),
        (f"CREATE TABLE t (a INT KEY, b INT) WITH ({_JSON})", "A INTEGER PRIMARY KEY", "a INT KEY"),
        (f"CREATE STREAM s (a INT PRIMARY KEY) WITH ({_JSON})", "PRIMARY KEY column", "a INT"),
        (f"CREATE STREAM s (a INT, A STRING) WITH ({_JSON})", "duplicate column name", "A STRING"),
        (f"CREATE STREAM s (rowtime INT) WITH ({_JSON})", "reserved column name", "rowtime"),
        (f"CREATE STREAM s (a MAP<STRING, INT> KEY, b INT) WITH ({_JSON})", "map keys", "a MAP"),
        ("CREATE STREAM s (a INT) WITH (value_format='JSON')", "KAFKA_TOPIC", "CREATE"),
        ("CREATE STREAM s (a INT) WITH (kafka_topic='x')", "VALUE_FORMAT", "CREATE"),
        (f"CREATE STREAM s WITH ({_JSON})", "has no columns", "CREATE"),
        (f"CREATE STREAM s (a INT) WITH ({_JSON}, partitons=3)", "did you mean PARTITIONS", "partitons"),
        (f"CREATE STREAM s (a INT) WITH ({_JSON}, partitions=0)", "at least 1", "partitions"),
        (f"CREATE STREAM s (a INT) WITH ({_JSON}, format='JSON')", "cannot both be given", "value_format"),
        (f"CREATE STREAM s (a INT) WITH ({_JSON}, value_delimiter='|')", "JSON does not support", "value_delimiter"),
        (f"CREATE STREAM s (a INT) WITH ({_JSON}, key_schema_id=3)", "schema inference", "key_schema_id"),
        (f"CREATE STREAM s (a INT, b INT) WITH ({_JSON}, wrap_single_value=true)", "single-field", "wrap_single"),
        (f"CREATE STREAM s (a INT) WITH ({_JSON}, wrap_single_value=3)", "TRUE or FALSE", "wrap_single"),
        (f"CREATE STREAM s (a INT) WITH ({_JSON}, timestamp='tz')", "does not exist", "timestamp"),
        (f"CREATE STREAM s (a INT) WITH ({_JSON}, timestamp='a')", "must be BIGINT", "timestamp"),
        (f"CREATE STREAM s (a STRING) WITH ({_JSON}, timestamp='a')", "add TIMESTAMP_FORMAT", "timestamp"),
        (f"CREATE STREAM s (a INT) WITH ({_JSON}, window_type='SESSION')", "require a key column", "CREATE"),
        (f"CREATE STREAM s (a INT KEY) WITH ({_JSON}, window_type='HOPPING')", "require 'WINDOW_SIZE'", "window_type"),
        (f"CREATE STREAM s (a INT KEY) WITH ({_JSON}, window_size='1 DAY')", "needs a WINDOW_TYPE", "window_size"),
        (
            f"CREATE STREAM s (a INT KEY) WITH ({_JSON}, window_type='HOPPING', window_size='30 bobs')",
            "not a duration",
            "window_size",
        ),
        (
            f"CREATE STREAM s (a INT KEY) WITH ({_JSON}, window_type='SESSION', window_size='30 DAYS')",
            "should not be set",
            "window_size",
        ),
        ("CREATE STREAM s (a INT) WITH (path='x.csv', kafka_topic='t')", "cannot be given with PATH", "kafka_topic"),
        ("CREATE STREAM s (a INT) WITH (path='x', path_format='csw')", "did you mean CSV", "path_format"),
        ("CREATE TABLE s (a INT PRIMARY KEY) WITH (path='x.csv')", "files make streams", "CREATE"),
    ],
)
def test_a_refusal_says_what_and_where(text: str, words: str, place: str) -> None:
    with pytest.raises(AnalysisError) as caught:
        define(text)
    error = caught.value
    assert words.lower() in str(error).lower()
    assert error.span is not None
    assert text[error.span.start :].startswith(place)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("CREATE STREAM s (a INT) WITH (kafka_topic='x', value_format='FOO')", "Unknown format"),
        ("CREATE STREAM s (a ARRAY<INT>) WITH (kafka_topic='x', value_format='KAFKA')", "does not support"),
        ("CREATE STREAM s (a ARRAY<INT>) WITH (kafka_topic='x', value_format='DELIMITED')", "does not support"),
        ("CREATE STREAM s (a INT) WITH (kafka_topic='x', value_format='DELIMITED', value_delimiter='<>')", "single"),
        ("CREATE STREAM s (a INT) WITH (kafka_topic='x', value_format='KAFKA', wrap_single_value=true)", "WRAP_SINGLE"),
    ],
)
def test_a_format_refuses_what_it_cannot_carry(text: str, words: str) -> None:
    with pytest.raises(UserError, match=words) as caught:
        define(text)
    assert caught.value.kind == "user"


def test_header_columns() -> None:
    made = define(f"CREATE STREAM s (a BYTES HEADER('x'), b INT) WITH ({_JSON})")
    assert {c.name: c.header for c in made.schema} == {"A": "x", "B": None}


@pytest.fixture
def catalog() -> Catalog:
    made = Catalog()
    made.add(define(f"CREATE STREAM s (k INT KEY, a INT) WITH ({_JSON})"))
    made.add(define(f"CREATE SOURCE STREAM ro (k INT KEY, a INT) WITH ({_JSON})"))
    return made


def test_what_exists_is_not_made_again(catalog: Catalog) -> None:
    with pytest.raises(Conflict, match="already exists"):
        define(f"CREATE STREAM s (k INT KEY, a INT) WITH ({_JSON})", catalog)
    made = parse_statement("CREATE STREAM s AS SELECT * FROM s")
    assert isinstance(made, CreateSourceAs)
    with pytest.raises(Conflict, match="already exists"):
        ddl.sink_properties(made, catalog)


def test_replacing_adds_columns_at_the_end(catalog: Catalog) -> None:
    made = define(f"CREATE OR REPLACE STREAM s (k INT KEY, a INT, b STRING) WITH ({_JSON})", catalog)
    assert made.schema_text() == "K INTEGER KEY, A INTEGER, B STRING"
    for columns in ("k INT KEY, a STRING", "k INT KEY, b INT, a INT", "k BIGINT KEY, a INT"):
        with pytest.raises(Conflict, match="cannot replace stream S"):
            define(f"CREATE OR REPLACE STREAM s ({columns}) WITH ({_JSON})", catalog)
    with pytest.raises(Conflict, match="not supported on source streams"):
        define(f"CREATE OR REPLACE STREAM ro (k INT KEY, a INT) WITH ({_JSON})", catalog)


def alter(text: str, catalog: Catalog) -> Relation:
    made = parse_statement(text)
    assert isinstance(made, AlterSource)
    return ddl.altered(made, catalog, check)


def test_altering_adds_columns(catalog: Catalog) -> None:
    assert alter("ALTER STREAM s ADD COLUMN b STRING", catalog).schema_text() == "K INTEGER KEY, A INTEGER, B STRING"
    with pytest.raises(AnalysisError, match="not supported on source streams"):
        alter("ALTER STREAM ro ADD COLUMN b STRING", catalog)
    with pytest.raises(Conflict, match="has one of that name"):
        alter("ALTER STREAM s ADD COLUMN a STRING", catalog)
    with pytest.raises(UnknownName, match="is a stream, not a table"):
        alter("ALTER TABLE s ADD COLUMN b STRING", catalog)


def test_dropping(catalog: Catalog) -> None:
    def drop(text: str) -> Relation | None:
        made = parse_statement(text)
        assert isinstance(made, DropSource)
        return ddl.to_drop(made, catalog)

    assert drop("DROP STREAM IF EXISTS nothing") is None
    found = drop("DROP STREAM s DELETE TOPIC")
    assert found is not None
    with pytest.raises(UnknownName, match="stream NOTHING does not exist"):
        drop("DROP STREAM nothing")
    with pytest.raises(AnalysisError, match="read-only source"):
        drop("DROP STREAM ro DELETE TOPIC")


def test_read_only_sources_take_no_values(catalog: Catalog) -> None:
    assert ddl.writable(catalog, "S").name == "S"
    with pytest.raises(AnalysisError, match="read-only stream: RO"):
        ddl.writable(catalog, "RO")


def test_a_query_takes_no_properties_of_sources(catalog: Catalog) -> None:
    made = parse_statement("CREATE STREAM n WITH (window_size='1 DAY') AS SELECT * FROM s")
    assert isinstance(made, CreateSourceAs)
    with pytest.raises(AnalysisError, match="unknown property") as caught:
        ddl.sink_properties(made, catalog)
    assert caught.value.detail is not None
