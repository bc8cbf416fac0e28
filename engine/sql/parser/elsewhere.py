"""Statements and clauses of other systems (PostgreSQL, DuckDB, Flink SQL), and what serves here, for the hints of their
refusals. Functions are in `synonyms`."""

from __future__ import annotations

from .cursor import Cursor

_CHANGES = "a row of a table is changed by another record of its key: INSERT INTO … VALUES"
_KEEPS = "CREATE TABLE … AS SELECT keeps an answer up to date, CREATE STREAM … AS SELECT goes on row by row"
_DESCRIBES = "DESCRIBE name shows columns; DESCRIBE name EXTENDED the statement, too"
_ROWTIME = "WITH (TIMESTAMP = 'column') is the time of rows; GRACE PERIOD behind a window's SIZE how late they may be"
STATEMENTS = {
    "UPDATE": _CHANGES,
    "MERGE": _CHANGES,
    "UPSERT": _CHANGES,
    "REPLACE": _CHANGES,
    "DELETE": "a row of a table goes with a record of its key without a value; what a query forgets: RETENTION, STATE_TTL",
    "TRUNCATE": "DROP … DELETE TOPIC, and CREATE anew",
    "COPY": "CREATE STREAM … WITH (PATH = 'file', PATH_FORMAT = 'csv') reads files; mergus run --format csv writes them",
    "FROM": "SELECT * FROM …",
    "VALUES": "SELECT without FROM is a row; UNION ALL puts several together",
    "USE": "there is one catalog: names stand alone",
    "BEGIN": "each statement is one by itself",
    "COMMIT": "each statement is one by itself",
    "ANALYZE": "EXPLAIN ANALYZE takes the id of a running query",
    "CALL": "SELECT without FROM calls a function",
    "GRANT": "there are no accounts: a proxy in front asks who somebody is",
}
THINGS = {
    "VIEW": _KEEPS,
    "MATERIALIZED": _KEEPS,
    "TEMPORARY": _KEEPS,
    "TEMP": _KEEPS,
    "INDEX": "a table is looked up by its key; GROUP BY, or PARTITION BY, gives another",
    "DATABASE": "there is one catalog: names stand alone",
    "SCHEMA": "there is one catalog: names stand alone",
    "MACRO": "CREATE FUNCTION name(x INT) RETURNS INT LANGUAGE PYTHON AS …",
}
SHOWN = {
    "CREATE": _DESCRIBES,
    "COLUMNS": _DESCRIBES,
    "VIEWS": "SHOW TABLES, SHOW STREAMS",
    "JOBS": "SHOW QUERIES",
    "DATABASES": "SHOW STREAMS, SHOW TABLES",
    "SCHEMAS": "SHOW STREAMS, SHOW TABLES; DESCRIBE name shows columns",
    "SETTINGS": "SHOW PROPERTIES",
}


def clause_hint(cursor: Cursor) -> str | None:
    """What to write in place of a clause that stands where a column is expected; None where there is none."""
    if cursor.sees("WATERMARK", "FOR"):
        return _ROWTIME
    if cursor.sees("PRIMARY", "KEY") or (
        cursor.sees("CONSTRAINT") and cursor.word(2) in ("PRIMARY", "UNIQUE", "CHECK")
    ):
        return "PRIMARY KEY stands behind the column and its type"
    return None


def column_hint(cursor: Cursor) -> str | None:
    """What to write, where a column's declaration goes on in another way."""
    if cursor.sees("NOT", "NULL") or cursor.sees("DEFAULT"):
        return "columns may be NULL, and have no defaults: COALESCE(x, 0) where they are read"
    if cursor.sees("METADATA"):
        return "every stream has ROWTIME, ROWPARTITION and ROWOFFSET; HEADERS and HEADER('key') are declared"
    return None
