"""The fast path of JSON: DuckDB reads a whole batch, and points out the rows that it might read otherwise than ksqlDB.

`from_json` rounds `1.9` to 2, takes `true` for 1 and `"true"` for true, and keeps the first of two equal names, without
a word (DESIGN §7.4). So numbers and booleans are taken as the JSON text that stands there and cast here; a row is *odd*
when a text is not the one that its value is written as, when a value is NULL though its field is not, or when a name is
missing that the row may hold in another spelling. Odd rows are decoded again by the exact rules: both ways agree on
every row. Asking for the JSON type of each field instead costs half as much again.

The strict variant refuses missing and repeated names, so what passes it needs no further look; where it refuses a batch, the
loose variant looks at each row's names, and the next batches go there at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from ....sql.types import BIGINT, BOOLEAN, DOUBLE, INTEGER, STRING, SqlType, duckdb_type
from ..format import FormatColumn

EXACT_TYPES: frozenset[SqlType] = frozenset((BOOLEAN, INTEGER, BIGINT, DOUBLE, STRING))
"""The types that this path reads; the others go the exact way."""
ROWS_MIN = 200
"""Below it the exact path costs less than a DuckDB call."""
LOOSE_BATCHES = 64
"""So many batches go the loose way after the strict one has refused one."""


def applies(columns: Sequence[FormatColumn]) -> bool:
    """Whether all wanted columns are of types that this path reads."""
    wanted = [c for c in columns if c.wanted]
    return bool(wanted) and all(c.type in EXACT_TYPES for c in wanted)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _json_name(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _path(name: str) -> str:
    return _quoted("$." + _json_name(name))


def _value(text: str, sql_type: SqlType) -> str:
    """A field's JSON text as a value; NULL where it is none of that type."""
    if sql_type == STRING:
        return text
    if sql_type == BOOLEAN:
        return f"(CASE {text} WHEN 'true' THEN true WHEN 'false' THEN false END)"
    return f"TRY_CAST({text} AS {duckdb_type(sql_type)})"


def _misread(place: int, sql_type: SqlType, name: str) -> str:
    """SQL for whether the exact rules may read this column otherwise. DuckDB writes a whole number back as it stood, so
    any other text of an INT is not one; a STRING that looks like a number, an object or an array may not be text. It takes
    NaN and Infinity for numbers."""
    text, value = f"r{place}", f"c{place}"
    if sql_type in (INTEGER, BIGINT):
        return f"({text} IS NOT NULL AND CAST({value} AS VARCHAR) IS DISTINCT FROM {text})"
    if sql_type == STRING:
        doubtful = f"ascii({text}) BETWEEN 48 AND 57 OR ascii({text}) IN (45, 91, 123)"
        not_text = f"json_type(v, {_path(name)}) <> 'VARCHAR'"
        endless = f"lower({text}) IN ('nan', 'inf', 'infinity') AND {not_text}"
        return f"(CASE WHEN {doubtful} THEN {not_text} WHEN ascii({text}) IN (73, 78, 105, 110) THEN {endless} ELSE false END)"
    if sql_type == DOUBLE:
        return f"({text} IS NOT NULL AND ({value} IS NULL OR NOT isfinite({value})))"
    return f"({text} IS NOT NULL AND {value} IS NULL)"


def _elsewhere(place: int, name: str, spelling: str) -> str:
    """SQL for whether a field that is missing may stand there in another spelling."""
    mentioned = f"contains(lower(v), {_quoted(_json_name(name.lower()))}) OR contains(v, '\\u00')"
    return f"(CASE WHEN r{place} IS NULL AND NOT json_exists(v, {_path(spelling)}) THEN {mentioned} ELSE false END)"


def _exactly(names: Sequence[str]) -> str:
    """SQL for whether the row has a field of one of these exact names, beside the spelling that is read. Looking into a
    record costs as much as reading it: that is done where its text has the name, or may have it in escapes. The search is
    without the quote before the name: records are full of quotes, and each would be looked at."""
    told = [f"contains(v, {_quoted(_json_name(name)[1:])})" for name in names]
    found = f"list_contains(json_exists(v, [{', '.join(map(_path, names))}]), true)"
    return f"(CASE WHEN {' OR '.join(told)} OR contains(v, '\\') THEN {found} ELSE false END)"


class JsonFastDecoder:
    """Reads the wanted columns of wrapped records. `spelling`: how the records spell each wanted column's name."""

    def __init__(self, columns: Sequence[FormatColumn], spelling: Sequence[str]) -> None:
        self.columns = list(columns)
        self.spelling = list(spelling)
        self.loose_left = 0
        self.strict_sql = self._sql(strict=True)
        self.loose_sql = self._sql(strict=False)

    def _sql(self, *, strict: bool) -> str:
        fields = zip(self.columns, self.spelling, strict=True)
        shape = ",".join(f'{_json_name(name)}:"{"VARCHAR" if c.type == STRING else "JSON"}"' for c, name in fields)
        texts = [f"CAST(struct_extract_at(j, {i + 1}) AS VARCHAR) AS r{i}" for i in range(len(self.columns))]
        values = [f"{_value(f'r{i}', c.type)} AS c{i}" for i, c in enumerate(self.columns)]
        odd = [_misread(i, c.type, name) for i, (c, name) in enumerate(zip(self.columns, self.spelling, strict=True))]
        odd.append("(CASE WHEN starts_with(v, '{') THEN false ELSE json_type(v) <> 'OBJECT' END)")
        renamed = [c.name for c, name in zip(self.columns, self.spelling, strict=True) if c.name != name]
        if renamed:
            odd.append(_exactly(renamed))
        if not strict:
            odd += [
                _elsewhere(i, c.name, name) for i, (c, name) in enumerate(zip(self.columns, self.spelling, strict=True))
            ]
            odd.append("len(json_keys(v)) <> len(list_distinct(json_keys(v)))")
        reader = "from_json_strict" if strict else "from_json"
        return (
            f"SELECT {', '.join(values)}, {' OR '.join(odd)} AS odd FROM (SELECT {', '.join(texts)}, v FROM "
            f"(SELECT {reader}(v, {_quoted('{' + shape + '}')}) AS j, v FROM payload))"
        )

    def decode(self, text: pa.Array, connection: duckdb.DuckDBPyConnection) -> tuple[list[pa.Array], pa.Array] | None:
        """The wanted columns and a boolean `odd` a row, of JSON texts without NULLs; None where a text is not JSON."""
        payload = pa.table({"v": text})
        connection.register("payload", payload)
        try:
            table = self._run(connection)
        finally:
            connection.unregister("payload")
        if table is None:
            return None
        columns = [table.column(i).combine_chunks() for i in range(len(self.columns))]
        return columns, pc.fill_null(table.column("odd").combine_chunks(), True)

    def _run(self, connection: duckdb.DuckDBPyConnection) -> pa.Table | None:
        if not self.loose_left:
            try:
                return connection.sql(self.strict_sql).to_arrow_table()
            except duckdb.Error:
                self.loose_left = LOOSE_BATCHES
        self.loose_left -= 1
        try:
            return connection.sql(self.loose_sql).to_arrow_table()
        except duckdb.Error:
            return None
