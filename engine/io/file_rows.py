"""How a file's rows are read so that a malformed one costs itself only: DuckDB reads on, and tells file and line.

CSV: the reader keeps what it rejects, with its line, until the end. JSON, a value a line: the lines are read as text and
taken apart beside it, so that a line that is none, or a value that is not of its column's type, is known by its number.
The items of a JSON file that is one array are known by theirs; where its brackets or quotes break, nobody can tell where the
next item begins, so that the read ends there, as in parquet.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from ..sql.types import STRING, Array, Map, SqlType, Struct, arrow_type, duckdb_type

BATCH_ROWS = 50_000
LINE_BYTES_MAX = 20_000_000
_SNIFFED_LINES = 20
_HEAD_BYTES = 1 << 16
_numbers = itertools.count()


@dataclass(frozen=True)
class RejectedRow:
    """A row that could not be read: the `line` (from 1) of `file` where it begins, in a file that is one array its number
    there; its text, and why."""

    file: str
    line: int
    text: str
    reason: str


Rejected = Callable[[RejectedRow], None]
Columns = Sequence[tuple[str, SqlType]]


def file_type(sql_type: SqlType) -> str:
    """DuckDB's type of a column as it lies in a file: struct fields have their names there."""
    match sql_type:
        case Array(item):
            return f"{file_type(item)}[]"
        case Map(key, value):
            return f"MAP({file_type(key)}, {file_type(value)})"
        case Struct(fields):
            return f"STRUCT({', '.join(f'{quoted(name)} {file_type(kind)}' for name, kind in fields)})"
        case _:
            return duckdb_type(sql_type)


def inside(expression: str, sql_type: SqlType, depth: int = 0) -> str:
    """A value of `file_type` as the engine has it: struct fields are f0, f1 … (DESIGN §7.5).

    >>> from mergus.engine.sql.types import STRING, Struct
    >>> inside('"who"', Struct((("name", STRING),)))
    'CASE WHEN "who" IS NOT NULL THEN struct_pack(f0 := ("who")."name") END'
    """
    each = f"v{depth}"
    match sql_type:
        case Array(item) if _has_struct(item):
            return f"list_transform({expression}, lambda {each}: {inside(each, item, depth + 1)})"
        case Map(_, value) if _has_struct(value):
            entry = f"struct_pack(k := {each}.key, v := {inside(f'{each}.value', value, depth + 1)})"
            return f"map_from_entries(list_transform(map_entries({expression}), lambda {each}: {entry}))"
        case Struct(fields):
            packed = ", ".join(
                f"f{place} := {inside(f'({expression}).{quoted(name)}', kind, depth + 1)}"
                for place, (name, kind) in enumerate(fields)
            )
            return f"CASE WHEN {expression} IS NOT NULL THEN struct_pack({packed}) END"
        case _:
            return expression


def _has_struct(sql_type: SqlType) -> bool:
    match sql_type:
        case Array(item):
            return _has_struct(item)
        case Map(_, value):
            return _has_struct(value)
        case _:
            return isinstance(sql_type, Struct)


def projected(schema: Columns, column: Callable[[str, SqlType], str]) -> str:
    """The columns of `schema` as c0, c1 …; `column` gives one as it is read."""
    return ", ".join(f"{inside(column(name, kind), kind)} AS c{i}" for i, (name, kind) in enumerate(schema))


def arrow_schema(schema: Columns) -> pa.Schema:
    """What the batches of `schema` look like."""
    return pa.schema([(f"c{place}", arrow_type(sql_type)) for place, (_, sql_type) in enumerate(schema)])


def relation_rows(
    connection: duckdb.DuckDBPyConnection, scan: str, schema: Columns, names: Sequence[str] = ()
) -> Iterator[pa.RecordBatch]:
    """The rows of a scan whose every error ends it. `names`: columns that have their types already."""

    def column(name: str, sql_type: SqlType) -> str:
        return quoted(name) if name in names else f"CAST({quoted(name)} AS {file_type(sql_type)})"

    wanted = arrow_schema(schema)
    for batch in connection.sql(f"SELECT {projected(schema, column)} FROM {scan}").to_arrow_reader(BATCH_ROWS):
        yield batch.cast(wanted)


def csv_rows(
    connection: duckdb.DuckDBPyConnection, files: Sequence[Path], dialect: str, schema: Columns, rejected: Rejected
) -> Iterator[pa.RecordBatch]:
    """The rows of CSV files; those that are none are told at the end."""
    names = connection.sql(f"SELECT * FROM read_csv({listed(files)}, {dialect}, ignore_errors = true)").columns
    given = {name.lower(): sql_type for name, sql_type in schema}
    kinds = {name: file_type(given[name.lower()]) if name.lower() in given else "VARCHAR" for name in names}
    types = ", ".join(f"{text(name)}: {text(kind)}" for name, kind in kinds.items())
    number = next(_numbers)
    keep = f"store_rejects = true, rejects_table = 'rejects{number}', rejects_scan = 'scans{number}'"
    scan = f"read_csv({listed(files)}, {dialect}, types = {{{types}}}, {keep})"
    yield from relation_rows(connection, scan, schema, [name for name, _ in schema])
    rows = connection.execute(
        f"SELECT DISTINCT ON (s.file_path, r.line) s.file_path, r.line_byte_position, coalesce(r.csv_line, ''),"
        f" r.error_message FROM rejects{number} AS r JOIN scans{number} AS s USING (scan_id, file_id)"
        " ORDER BY s.file_path, r.line"
    )
    lines: dict[str, _Lines] = {}
    while found := rows.fetchmany(BATCH_ROWS):
        for file, place, row, why in found:  # few, and each is an entry of its own
            line = lines.setdefault(file, _Lines(Path(file))).at(place)
            rejected(RejectedRow(Path(file).name, line, row, str(why).splitlines()[0]))


class _Lines:
    """The lines of a file by byte, asked in order (the reader counts rows, and a quoted value may hold line ends)."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._place, self._line = 0, 1

    def at(self, place: int) -> int:
        """The line, from 1, that holds the byte `place`."""
        with self._file.open("rb") as file:
            file.seek(self._place)
            while self._place < place and (piece := file.read(min(place - self._place, 1 << 20))):
                self._place += len(piece)
                self._line += piece.count(b"\n")
        return self._line


def is_line_json(file: Path) -> bool:
    """Whether a file holds a JSON object a line: one of its first lines is one."""
    if is_array_json(file):
        return False
    with file.open("rb") as lines:
        return any(
            line.lstrip().startswith(b"{") and _is_json(line) for line in itertools.islice(lines, _SNIFFED_LINES)
        )


def is_array_json(file: Path) -> bool:
    """Whether a file is one JSON array: it begins with one that does not end before another line begins."""
    with file.open("rb") as opened:
        head = opened.read(_HEAD_BYTES).lstrip(b"\xef\xbb\xbf \t\r\n")
    first, _, rest = head.partition(b"\n")
    return head.startswith(b"[") and not (rest.strip() and _is_json(first))


def _is_json(value: bytes) -> bool:
    try:
        json.loads(value)
    except ValueError:
        return False
    return True


def values_scan(files: Sequence[Path]) -> str:
    """The JSON values of files of lines, or of files that are one array each, as rows of one column `line`."""
    if not is_array_json(files[0]):
        return lines_scan(files)
    size = f"maximum_object_size = {LINE_BYTES_MAX}"
    return f"(SELECT json::VARCHAR AS line FROM read_json_objects({listed(files)}, format = 'array', {size}))"


def lines_scan(files: Sequence[Path]) -> str:
    """Lines as rows of one column `line`: no byte but the line's end divides or quotes; an empty one is NULL."""
    return (
        f"read_csv({listed(files)}, columns = {{'line': 'VARCHAR'}}, delim = '', quote = '', escape = '',"
        f" header = false, auto_detect = false, max_line_size = {LINE_BYTES_MAX})"
    )


def json_rows(
    connection: duckdb.DuckDBPyConnection, files: Sequence[Path], schema: Columns, rejected: Rejected
) -> Iterator[pa.RecordBatch]:
    """The rows of files with a JSON object a line, or of one array of them, names spelled as there; a key that is missing is
    NULL, an empty line is no row."""
    wanted = arrow_schema(schema)
    structure = text(json.dumps({name: file_type(sql_type) for name, sql_type in schema}))
    columns = projected(schema, lambda name, _: f"row.{quoted(name)}")
    for file in files:
        parsed = f"SELECT line, TRY(json_transform(line, {structure})) AS row FROM {values_scan([file])}"
        reader = connection.sql(f"SELECT {columns}, line, {_reason(schema)} AS why FROM ({parsed})").to_arrow_reader(
            BATCH_ROWS
        )
        before = 0
        for batch in reader:
            lines, reasons = batch.column("line"), batch.column("why")
            if reasons.null_count < batch.num_rows:
                for i, why in enumerate(reasons.to_pylist()):
                    if why is not None:
                        rejected(RejectedRow(file.name, before + i + 1, lines[i].as_py(), why))
            before += batch.num_rows
            rows = batch.filter(pc.and_(reasons.is_null(), lines.is_valid()))
            yield rows.select(wanted.names).cast(wanted)


def line_structure(connection: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> dict[str, Any]:
    """The structure of the JSON objects among the first values: names with DuckDB's scalar types, nested as they are."""
    objects = f"SELECT line FROM {values_scan(files)} WHERE TRY(json_type(line)) = 'OBJECT' LIMIT {BATCH_ROWS}"
    found = f"SELECT json_structure(line) AS made, row_number() OVER () AS place FROM ({objects})"
    made: dict[str, Any] = {}
    for (structure,) in connection.execute(f"SELECT made FROM ({found}) GROUP BY made ORDER BY min(place)").fetchall():
        made = _both(made, json.loads(structure))
    return made


def spelled(wanted: SqlType, found: SqlType | None) -> SqlType:
    """The type `wanted` with its fields spelled as in `found`, where only the case differs."""
    match wanted, found:
        case Struct(fields), Struct(others):
            return Struct(spelled_columns(fields, others))
        case Array(item), Array(other):
            return Array(spelled(item, other))
        case _:
            return wanted


def spelled_columns(wanted: Columns, found: Columns) -> tuple[tuple[str, SqlType], ...]:
    """The same for columns: a name that is there as it is written, else one that differs in case only."""
    exact = dict(found)
    folded = {name.lower(): name for name, _ in reversed(found)}
    named = [(name if name in exact else folded.get(name.lower(), name), kind) for name, kind in wanted]
    return tuple((name, spelled(kind, exact.get(name))) for name, kind in named)


def _both(one: Any, other: Any) -> Any:
    """The structure that fits two values: numbers are DOUBLE together, what has nothing in common is VARCHAR."""
    if one == other or other == "NULL":
        return one
    if one == "NULL":
        return other
    if isinstance(one, dict) and isinstance(other, dict):
        return {name: _both(one.get(name, "NULL"), other.get(name, "NULL")) for name in [*one, *other]}
    if isinstance(one, list) and isinstance(other, list):
        return [_both(one[0], other[0])]
    numbers = ("UBIGINT", "BIGINT", "DOUBLE")
    if one in numbers and other in numbers:
        return "DOUBLE" if "DOUBLE" in (one, other) else "BIGINT"
    return "VARCHAR"


def _reason(schema: Columns) -> str:
    """Why a line is no row, NULL where it is one. A line is looked at again only where a column came out NULL: a CASE works
    out a branch for its own rows alone."""
    nothing = " AND ".join(f"row.{quoted(name)} IS NULL" for name, _ in schema)
    cases = [
        "WHEN line IS NULL THEN NULL",
        "WHEN row IS NULL THEN 'it is not a JSON object'",
        f"WHEN CASE WHEN {nothing} THEN json_type(line) <> 'OBJECT' END THEN 'it is not a JSON object'",
    ]
    for name, sql_type in schema:
        if sql_type == STRING:  # anything has a text
            continue
        there = f"coalesce(json_type(line, {text('$.' + json.dumps(name))}), 'NULL') <> 'NULL'"
        words = text(f"the value of {name} is no {sql_type}")
        cases.append(f"WHEN CASE WHEN row.{quoted(name)} IS NULL THEN {there} END THEN {words}")
    return f"CASE {' '.join(cases)} END"


def listed(files: Sequence[Path]) -> str:
    """Files as a DuckDB list."""
    return "[" + ", ".join(text(str(path)) for path in files) + "]"


def quoted(name: str) -> str:
    """A name in DuckDB's SQL."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """A text in DuckDB's SQL."""
    return "'" + value.replace("'", "''") + "'"
