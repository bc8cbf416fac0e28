"""Files are read once to the end, under the types that they hold, and only from where it is allowed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from mergus.engine.errors import UserError
from mergus.engine.io.file_rows import RejectedRow
from mergus.engine.io.files import FileSource
from mergus.engine.sql.types import BIGINT, DATE, DOUBLE, INTEGER, STRING, Array, Struct
from mergus.engine.state.duckdb import connect


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    made = connect()
    yield made
    made.close()


def refused(row: RejectedRow) -> None:
    raise AssertionError(row)


def read(source: FileSource, connection: duckdb.DuckDBPyConnection, schema=None):
    rejected: list[RejectedRow] = []
    schema = schema or source.schema(connection)
    rows = [tuple(row.values()) for b in source.read(connection, schema, rejected.append) for row in b.to_pylist()]
    return rows, rejected


def test_csv(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    (tmp_path / "b.csv").write_text("Id,name\n3,c\n")
    (tmp_path / "a.csv").write_text('Id,name\n1,"a,b"\n2,\n')
    source = FileSource(str(tmp_path / "*.csv"), "csv")
    schema = source.schema(connection)
    assert schema == [("Id", BIGINT), ("name", STRING)]
    rows = [row for batch in source.read(connection, schema, refused) for row in batch.to_pylist()]
    assert rows == [{"c0": 1, "c1": "a,b"}, {"c0": 2, "c1": None}, {"c0": 3, "c1": "c"}]


def test_json(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    (tmp_path / "a.json").write_text('{"x": 1.5, "l": [1, 2]}\n{"x": 2, "l": []}\n')
    source = FileSource(str(tmp_path / "a.json"), "json")
    schema = source.schema(connection)
    assert schema == [("x", DOUBLE), ("l", Array(BIGINT))]
    rows = [row for batch in source.read(connection, schema, refused) for row in batch.to_pylist()]
    assert rows == [{"c0": 1.5, "c1": [1, 2]}, {"c0": 2.0, "c1": []}]


def test_parquet(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    path = tmp_path / "a.parquet"
    connection.execute(f"COPY (SELECT range AS n FROM range(5)) TO '{path}'")
    source = FileSource(str(path), "parquet")
    assert [len(batch) for batch in source.read(connection, source.schema(connection), refused)] == [5]


def test_text_is_a_line_a_row(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    (tmp_path / "a.log").write_text('plain, with "quotes\n\ttab\x1f|;\n')
    source = FileSource(str(tmp_path / "a.log"), "text")
    rows = [
        row["c0"] for batch in source.read(connection, source.schema(connection), refused) for row in batch.to_pylist()
    ]
    assert rows == ['plain, with "quotes', "\ttab\x1f|;"]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no file at .*missing\.csv"):
        FileSource(str(tmp_path / "missing.csv"), "csv")


def test_only_allowed_folders_are_read(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "ok.csv").write_text("a\n1\n")
    (tmp_path / "secret.csv").write_text("a\n1\n")
    (inside / "link.csv").symlink_to(tmp_path / "secret.csv")
    assert FileSource(str(inside / "ok.csv"), "csv", allowed=[inside]).files == [(inside / "ok.csv").resolve()]
    for path in ("/etc/passwd", str(inside / ".." / "secret.csv"), str(inside / "link.csv"), str(tmp_path / "no.csv")):
        with pytest.raises(UserError, match="allowed"):
            FileSource(path, "csv", allowed=[inside])


def test_a_malformed_row_of_csv_costs_itself(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    lines = [
        "id,name,day",
        "1,one,2024-01-02",
        '2,"two',
        'lines",2024-01-03',
        "three,x,2024-01-04",
        "4,y",
        "5,z,2024-01-06,more",
    ]
    (tmp_path / "a.csv").write_text("\n".join(lines) + "\n6,w,\n")
    (tmp_path / "b.csv").write_bytes(b"id,name,day\n7,\xff\xfe,2024-01-08\n8,v,2024-01-09\n")
    schema = [("ID", INTEGER), ("NAME", STRING), ("DAY", DATE)]  # unquoted names: only the case differs
    rows, rejected = read(FileSource(str(tmp_path / "*.csv"), "csv"), connection, schema)
    assert [(i, name) for i, name, _ in rows] == [(1, "one"), (2, "two\nlines"), (6, "w"), (8, "v")]
    assert [(r.file, r.line) for r in rejected] == [("a.csv", 5), ("a.csv", 6), ("a.csv", 7), ("b.csv", 2)]
    assert rejected[0].text == "three,x,2024-01-04"
    assert 'Could not convert string "three"' in rejected[0].reason
    assert "Expected Number of Columns: 3 Found: 2" in rejected[1].reason


def test_a_malformed_line_of_json_costs_itself(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    lines = [
        '{"id": 1, "who": {"name": "a", "tags": ["x"]}}',
        "{broken",
        "",
        '{"id": "two"}',
        "[1]",
        '{"id": 3, "more": 1}',
    ]
    (tmp_path / "a.json").write_text("\n".join(lines))
    schema = [("ID", INTEGER), ("WHO", Struct((("NAME", STRING), ("TAGS", Array(STRING)))))]
    rows, rejected = read(FileSource(str(tmp_path / "a.json"), "json"), connection, schema)
    assert rows == [(1, {"f0": "a", "f1": ["x"]}), (3, None)]
    assert [(r.line, r.reason) for r in rejected] == [
        (2, "it is not a JSON object"),
        (4, "the value of id is no INTEGER"),
        (5, "it is not a JSON object"),
    ]
    inferred = FileSource(str(tmp_path / "a.json"), "json").schema(connection)
    assert [name for name, _ in inferred] == ["id", "who", "more"]


@pytest.mark.parametrize("between", [", ", ",\n", ",\n\n  "])
def test_a_malformed_item_of_an_array_costs_itself(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection, between: str
) -> None:
    items = ['{"id": 1, "word": "a"}', '{"id": "two"}', "7", '{"word": {"b": 1}}', '{"id": 3}']
    (tmp_path / "a.json").write_text("[\n" + between.join(items) + "\n]\n")
    source = FileSource(str(tmp_path / "a.json"), "json")
    rows, rejected = read(source, connection, [("ID", INTEGER), ("WORD", STRING)])
    assert rows == [(1, "a"), (None, '{"b":1}'), (3, None)]
    assert [(r.line, r.text, r.reason) for r in rejected] == [
        (2, items[1], "the value of id is no INTEGER"),
        (3, "7", "it is not a JSON object"),
    ]
    assert [name for name, _ in source.schema(connection)] == ["id", "word"]


def test_nested_values(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    wanted = [([{"f0": 1, "f1": {"f0": "x"}}],)]
    (tmp_path / "a.json").write_text('[{"l": [{"a": 1, "b": {"c": "x"}}]}]')  # one array, not lines
    assert read(FileSource(str(tmp_path / "a.json"), "json"), connection) == (wanted, [])
    connection.execute(f"COPY (SELECT * FROM read_json('{tmp_path}/a.json')) TO '{tmp_path}/a.parquet'")
    assert read(FileSource(str(tmp_path / "a.parquet"), "parquet"), connection) == (wanted, [])
