"""Files as a bounded source: the same SQL that streams also backfills.

DuckDB reads them once to the end, in batches of columns c0, c1 …; the connection is given (they are made in `state/`
only). A file outside the allowed folders, by `..` or by a link, is refused where a list of them is set.
"""

from __future__ import annotations

import glob
from collections.abc import Iterator, Mapping, Sequence
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
    arrow_type,
    duckdb_type,
)

BATCH_ROWS = 50_000
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
        relation = self._relation(connection)
        return [(name, _sql_type(kind, name)) for name, kind in zip(relation.columns, relation.types, strict=True)]

    def read(
        self, connection: duckdb.DuckDBPyConnection, schema: Sequence[tuple[str, SqlType]]
    ) -> Iterator[pa.RecordBatch]:
        """The rows once, in file order, as batches of c0, c1 … of `schema`'s columns, by their names in the files."""
        relation = self._relation(connection)
        chosen = ", ".join(
            f"{_cast(_quoted(name), sql_type)} AS c{place}" for place, (name, sql_type) in enumerate(schema)
        )
        wanted = pa.schema([(f"c{place}", arrow_type(sql_type)) for place, (_, sql_type) in enumerate(schema)])
        try:
            for batch in relation.project(chosen).to_arrow_reader(BATCH_ROWS):
                yield batch.cast(wanted)
        except duckdb.Error as error:
            raise self._unreadable(error) from error

    def _relation(self, connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
        try:
            return connection.sql(f"SELECT * FROM {self._scan()}")
        except duckdb.Error as error:
            raise self._unreadable(error) from error

    def _scan(self) -> str:
        files = "[" + ", ".join(_text(str(path)) for path in self.files) + "]"
        match self._format:
            case "csv":
                header = self._options.get("header", "true").lower()
                if header not in ("true", "false"):
                    raise UserError(f"option header must be true or false, not {header}")
                delimiter = _text(self._options.get("delimiter", ","))
                return f"read_csv({files}, delim = {delimiter}, header = {header}, quote = '\"', escape = '\"')"
            case "json":
                return f"read_json({files}, format = 'auto')"
            case "parquet":
                return f"read_parquet({files})"
            case _:  # a line is a row: no byte but the line's end divides or quotes
                return (
                    f"read_csv({files}, columns = {{'line': 'VARCHAR'}}, delim = '', quote = '', escape = '',"
                    " header = false, auto_detect = false, max_line_size = 20000000)"
                )

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
            return Struct(tuple((field, _sql_type(child, name)) for field, child in children.items()))
        case _:
            known: SqlType | None = _SCALARS.get(str(kind).lower(), _SCALARS.get(str(kind.id).lower()))
            if known is None:
                raise Unsupported(f"column {name} is of type {kind}", hint="give the columns of the stream yourself")
            return known


def _cast(expression: str, sql_type: SqlType) -> str:
    """Struct fields lose their names on the way: they are f0, f1 … inside (DESIGN §7.5)."""
    return f"CAST({expression} AS {duckdb_type(sql_type)})"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
