"""Files as a bounded source: the same SQL that streams also backfills.

DuckDB reads them once to the end, in batches of columns c0, c1 … (`file_rows.py`); the connection is given (they are made
in `state/` only). A file outside the allowed folders, by `..` or by a link, is refused where a list of them is set.
"""

from __future__ import annotations

import glob
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from ..errors import Unsupported, UserError
from ..sql.types import (
    BIGINT,
    BOOLEAN,
    BYTES,
    DATE,
    DOUBLE,
    FLOAT,
    INTEGER,
    STRING,
    TIME,
    TIMESTAMP,
    Array,
    Decimal,
    Map,
    SqlType,
    Struct,
)
from .file_rows import (
    Columns,
    Rejected,
    csv_rows,
    is_array_json,
    is_line_json,
    json_rows,
    line_structure,
    lines_scan,
    listed,
    relation_rows,
    spelled_columns,
    text,
)

FORMATS = ("csv", "json", "parquet", "text")
_SCALARS: dict[str, SqlType] = {
    "boolean": BOOLEAN,
    "tinyint": INTEGER,
    "smallint": INTEGER,
    "integer": INTEGER,
    "utinyint": INTEGER,
    "usmallint": INTEGER,
    "uinteger": BIGINT,
    "bigint": BIGINT,
    "ubigint": Decimal(20, 0),
    "hugeint": Decimal(38, 0),
    "float": FLOAT,
    "double": DOUBLE,
    "varchar": STRING,
    "uuid": STRING,
    "json": STRING,
    "enum": STRING,
    "blob": BYTES,
    "date": DATE,
    "time": TIME,
    "timestamp": TIMESTAMP,
    "timestamp_s": TIMESTAMP,
    "timestamp_ms": TIMESTAMP,
    "timestamp_ns": TIMESTAMP,
    "timestamp with time zone": TIMESTAMP,
}


class FileSource:
    """The files that match `patterns`, in order of their names.

    `options`: `delimiter` and `header` (true or false) of csv. `allowed`: folders that files must lie in, None: anywhere.
    Raises UserError for a file that is not there, not allowed or not of its format.
    """

    def __init__(
        self,
        patterns: str | Sequence[str],
        file_format: str,
        options: Mapping[str, str] | None = None,
        *,
        allowed: Sequence[Path] | None = None,
    ) -> None:
        self._format = file_format.lower()
        if self._format not in FORMATS:
            raise UserError(f"path_format {file_format} is not known", hint=f"use one of {', '.join(FORMATS)}")
        self._options = dict(options or {})
        self.files = _find([patterns] if isinstance(patterns, str) else patterns, allowed)

    def schema(self, connection: duckdb.DuckDBPyConnection) -> list[tuple[str, SqlType]]:
        """The columns as the files spell them, with the types that fit what they hold."""
        if self._format == "text":
            return [("line", STRING)]
        try:
            relation = connection.sql(f"SELECT * FROM {self._scan()}")
        except duckdb.Error as error:
            raise self._unreadable(error) from error
        if relation.columns == ["json"] and self._format == "json" and self._values:  # some of them are no objects
            return [(name, _of_structure(kind, name)) for name, kind in line_structure(connection, self.files).items()]
        return [(name, _sql_type(kind, name)) for name, kind in zip(relation.columns, relation.types, strict=True)]

    def read(
        self, connection: duckdb.DuckDBPyConnection, schema: Columns, rejected: Rejected
    ) -> Iterator[pa.RecordBatch]:
        """The rows once, in file order, as batches of c0, c1 … of `schema`'s columns, by their names in the files. Rows of
        CSV, of JSON lines and of a JSON array that are malformed are passed by; `rejected` is told of each, of CSV at the end."""
        try:
            yield from self._rows(connection, schema, rejected)
        except duckdb.Error as error:
            raise self._unreadable(error) from error

    def _rows(
        self, connection: duckdb.DuckDBPyConnection, schema: Columns, rejected: Rejected
    ) -> Iterator[pa.RecordBatch]:
        if self._format == "csv":
            return csv_rows(connection, self.files, self._dialect(), schema, rejected)
        if self._format == "json" and self._values:
            return json_rows(connection, self.files, spelled_columns(schema, self.schema(connection)), rejected)
        return relation_rows(connection, self._scan(), schema)

    @cached_property
    def _lines(self) -> bool:
        """Whether JSON files hold an object a line."""
        return all(is_line_json(file) for file in self.files)

    @cached_property
    def _values(self) -> bool:
        """Whether they can be read value by value: an object a line, or an array each."""
        return self._lines or all(is_array_json(file) for file in self.files)

    def _dialect(self) -> str:
        header = self._options.get("header", "true").lower()
        if header not in ("true", "false"):
            raise UserError(f"option header must be true or false, not {header}")
        delimiter = text(self._options.get("delimiter", ","))
        return f"delim = {delimiter}, header = {header}, quote = '\"', escape = '\"'"

    def _scan(self) -> str:
        files = listed(self.files)
        match self._format:
            case "csv":
                return f"read_csv({files}, {self._dialect()}, ignore_errors = true)"
            case "json" if self._lines:
                return f"read_json({files}, format = 'newline_delimited', ignore_errors = true)"
            case "json":
                return f"read_json({files}, format = 'auto')"
            case "parquet":
                return f"read_parquet({files})"
            case _:
                return lines_scan(self.files)

    def _unreadable(self, error: duckdb.Error) -> UserError:
        return UserError(
            f"cannot read {', '.join(str(path) for path in self.files[:3])} as {self._format}",
            detail=str(error).splitlines()[0],
            hint="see whether path_format and the columns are those of the file",
        )


def _find(patterns: Sequence[str], allowed: Sequence[Path] | None) -> list[Path]:
    found: list[Path] = []
    for pattern in patterns:
        names = sorted(glob.glob(pattern, recursive=True))
        # What is not allowed is refused before it is said whether it exists.
        for name in names or [pattern]:
            _check_allowed(Path(name), allowed)
        files = [Path(name).resolve() for name in names if Path(name).is_file()]
        if not files:
            raise UserError(f"no file at {pattern}", hint="the path is taken from the folder the server runs in")
        found += files
    return list(dict.fromkeys(found))


def _check_allowed(path: Path, allowed: Sequence[Path] | None) -> None:
    if allowed is None:
        return
    real = path.resolve()
    if not any(real.is_relative_to(folder.resolve()) for folder in allowed):
        raise UserError(
            f"path {path} is not in an allowed folder",
            detail="links and '..' are followed before this is judged",
            hint="ask who runs the server to allow its folder",
        )


def _sql_type(kind: duckdb.sqltypes.DuckDBPyType, name: str) -> SqlType:
    children: dict[str, Any] = dict(kind.children) if kind.id in ("list", "array", "struct", "map", "decimal") else {}
    match kind.id:
        case "decimal":
            return Decimal(int(str(children["precision"])), int(str(children["scale"])))
        case "list" | "array":
            return Array(_sql_type(children["child"], name))
        case "map":
            return Map(_sql_type(children["key"], name), _sql_type(children["value"], name))
        case "struct":
            return Struct(tuple((field, _sql_type(child, name)) for field, child in children.items()), any_case=True)
        case _:
            known: SqlType | None = _SCALARS.get(str(kind).lower(), _SCALARS.get(str(kind.id).lower()))
            if known is None:
                raise Unsupported(f"column {name} is of type {kind}", hint="give the columns of the stream yourself")
            return known


def _of_structure(structure: Any, name: str) -> SqlType:
    """The type of a value in JSON's structure: `{"x": "DOUBLE"}`, `["UBIGINT"]`, `"VARCHAR"`."""
    match structure:
        case dict():
            fields = tuple((field, _of_structure(kind, name)) for field, kind in structure.items())
            return Struct(fields, any_case=True)
        case [item]:
            return Array(_of_structure(item, name))
        case _:
            return BIGINT if structure == "UBIGINT" else _SCALARS.get(str(structure).lower(), STRING)
