"""The fast path of JSON: DuckDB reads a whole batch, and points out the rows that it might read otherwise than ksqlDB.

`from_json` rounds `1.9` to 2, takes `true` for 1 and `"true"` for true, and keeps the first of two equal names, without
a word (DESIGN §7.4). So the same call asks for the JSON type of every wanted field; a row is *odd* when a type is not the
one that its column reads exactly, when a value is NULL though its field is not, or when a name is missing that the row
may hold in another spelling. Odd rows are decoded again by the exact rules. Both ways agree on every row.

The strict variant refuses missing and repeated names, so what passes it needs no further look; where it refuses a batch, the
loose variant looks at each row's names, and the next batches go there at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from ...sql.types import BIGINT, BOOLEAN, DOUBLE, INTEGER, STRING, SqlType, duckdb_type
from .format import FormatColumn

EXACT_TYPES: dict[SqlType, tuple[str, ...]] = {
    BOOLEAN: ("BOOLEAN",),
    INTEGER: ("UBIGINT", "BIGINT"),
    BIGINT: ("UBIGINT", "BIGINT"),
    DOUBLE: ("UBIGINT", "BIGINT", "DOUBLE"),
    STRING: ("VARCHAR",),
}
"""The JSON types, by DuckDB's names, that `from_json` reads into a column exactly as ksqlDB does."""
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
        shape = "{" + ",".join(f"{_json_name(name)}:{_json_name(duckdb_type(c.type))}" for c, name in fields) + "}"
        renamed = [(i, c.name) for i, c in enumerate(self.columns) if c.name != self.spelling[i]]
        paths = [f"$.{_json_name(name)}" for name in self.spelling] + [f"$.{_json_name(name)}" for _, name in renamed]
        paths.append("$")
        values = [f"struct_extract_at(j, {i + 1}) AS c{i}" for i in range(len(self.columns))]
        odd = [self._odd(i, c) for i, c in enumerate(self.columns)]
        odd += [f"t[{len(self.columns) + n + 1}] IS NOT NULL" for n in range(len(renamed))]
        odd.append(f"t[{len(paths)}] <> 'OBJECT'")
        if not strict:
            odd.append("len(json_keys(v)) <> len(list_distinct(json_keys(v)))")
        reader = "from_json_strict" if strict else "from_json"
        types = f"json_type(v, [{', '.join(map(_quoted, paths))}])"
        return (
            f"SELECT {', '.join(values)}, {' OR '.join(odd)} AS odd FROM "
            f"(SELECT {reader}(v, {_quoted(shape)}) AS j, {types} AS t, v FROM payload)"
        )

    def _odd(self, place: int, column: FormatColumn) -> str:
        found = f"t[{place + 1}]"
        exact = ", ".join(_quoted(t) for t in EXACT_TYPES[column.type])
        value = f"struct_extract_at(j, {place + 1})"
        elsewhere = f"contains(lower(v), {_quoted(_json_name(column.name.lower()))}) OR contains(v, '\\u00')"
        return (
            f"(CASE WHEN {found} IS NULL THEN {elsewhere} WHEN {found} = 'NULL' THEN false "
            f"ELSE {found} NOT IN ({exact}) OR {value} IS NULL END)"
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
