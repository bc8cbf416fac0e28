"""Files are read once to the end, under the types that they hold, and only from where it is allowed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from mergus.engine.errors import UserError
from mergus.engine.io.files import FileSource
from mergus.engine.sql.types import BIGINT, DOUBLE, STRING, Array
from mergus.engine.state.duckdb import connect


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    made = connect()
    yield made
    made.close()


def test_csv(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    (tmp_path / "b.csv").write_text("Id,name\n3,c\n")
    (tmp_path / "a.csv").write_text('Id,name\n1,"a,b"\n2,\n')
    source = FileSource(str(tmp_path / "*.csv"), "csv")
    schema = source.schema(connection)
    assert schema == [("Id", BIGINT), ("name", STRING)]
    rows = [row for batch in source.read(connection, schema) for row in batch.to_pylist()]
    assert rows == [{"c0": 1, "c1": "a,b"}, {"c0": 2, "c1": None}, {"c0": 3, "c1": "c"}]


def test_json(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    (tmp_path / "a.json").write_text('{"x": 1.5, "l": [1, 2]}\n{"x": 2, "l": []}\n')
    source = FileSource(str(tmp_path / "a.json"), "json")
    schema = source.schema(connection)
    assert schema == [("x", DOUBLE), ("l", Array(BIGINT))]
    rows = [row for batch in source.read(connection, schema) for row in batch.to_pylist()]
    assert rows == [{"c0": 1.5, "c1": [1, 2]}, {"c0": 2.0, "c1": []}]


def test_parquet(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    path = tmp_path / "a.parquet"
    connection.execute(f"COPY (SELECT range AS n FROM range(5)) TO '{path}'")
    source = FileSource(str(path), "parquet")
    assert [len(batch) for batch in source.read(connection, source.schema(connection))] == [5]


def test_text_is_a_line_a_row(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    (tmp_path / "a.log").write_text('plain, with "quotes\n\ttab\x1f|;\n')
    source = FileSource(str(tmp_path / "a.log"), "text")
    rows = [row["c0"] for batch in source.read(connection, source.schema(connection)) for row in batch.to_pylist()]
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
