"""Statements, clauses and tokens of other systems (PostgreSQL, DuckDB, Flink SQL), and what serves here, for the hints of their
refusals. Functions are in `synonyms`."""

from __future__ import annotations

from collections.abc import Sequence

_CHANGES = "INSERT INTO t VALUES (…): a row of the same key takes its place"
_KEEPS = (
    "CREATE TABLE … AS SELECT keeps an answer up to date, CREATE STREAM … AS SELECT goes on row by row;"
    " WITH v AS (SELECT …) names a query in another"
)
_DESCRIBES = "DESCRIBE name shows columns; DESCRIBE name EXTENDED the statement, too"
_ROWTIME = "WITH (TIMESTAMP = 'column') is the time of rows; GRACE PERIOD behind a window's SIZE how late they may be"
_CATALOG = "there is one catalog: names stand alone"
_ALONE = "each statement is one by itself"
_FILE = "CREATE STREAM s WITH (PATH = 'file.csv', PATH_FORMAT = 'csv') reads a file"
_PATTERN = "REGEXP_MATCHES(text, 'pattern') asks a regular expression, ILIKE passes over case"
_LIMIT = "LIMIT 5 stands at the end of the query"
_PIVOT = "a column of each value: COUNT(*) FILTER (WHERE status = 'new') AS new; a row of each: EXPLODE(ARRAY[a, b])"
_ORDERED = (
    "rows of a group come in the order of FROM: FROM (SELECT … ORDER BY at) x in a pull query; as they arrive in others"
)
STATEMENTS = {
    "UPDATE": _CHANGES,
    "MERGE": _CHANGES,
    "UPSERT": _CHANGES,
    "REPLACE": _CHANGES,
    "DELETE": "a table forgets a key by a record without a value; what a query forgets: RETENTION, STATE_TTL",
    "TRUNCATE": "DROP … DELETE TOPIC, and CREATE anew",
    "COPY": f"{_FILE}; mergus run --format csv writes one",
    "FROM": "SELECT * FROM …",
    "TABLE": "SELECT * FROM …",
    "VALUES": "SELECT * FROM (VALUES (1, 'a'), (2, 'b')) AS t(id, name); INSERT INTO s VALUES (…), (…)",
    "USE": _CATALOG,
    "BEGIN": _ALONE,
    "COMMIT": _ALONE,
    "ANALYZE": "EXPLAIN ANALYZE takes the id of a running query",
    "CALL": "SELECT without FROM calls a function",
    "GRANT": "there are no accounts: a proxy in front asks who somebody is",
}
"""By the leading word."""
THINGS = {
    "VIEW": _KEEPS,
    "MATERIALIZED": _KEEPS,
    "TEMPORARY": _KEEPS,
    "TEMP": _KEEPS,
    "INDEX": "a table is looked up by its key; GROUP BY, or PARTITION BY, gives another",
    "DATABASE": _CATALOG,
    "SCHEMA": _CATALOG,
    "MACRO": "CREATE FUNCTION name(x INT) RETURNS INT LANGUAGE PYTHON AS …",
}
"""What CREATE makes."""
SHOWN = {
    "CREATE": _DESCRIBES,
    "COLUMNS": _DESCRIBES,
    "VIEWS": "SHOW TABLES, SHOW STREAMS",
    "JOBS": "SHOW QUERIES",
    "DATABASES": "SHOW STREAMS, SHOW TABLES",
    "SCHEMAS": "SHOW STREAMS, SHOW TABLES; DESCRIBE name shows columns",
    "SETTINGS": "SHOW PROPERTIES",
}
"""What SHOW shows."""
IN_FROM = {"READ_CSV": _FILE, "READ_JSON": _FILE, "READ_PARQUET": _FILE}
"""Functions that stand in FROM."""
_COLUMN_LISTS = {
    ("WATERMARK", "FOR"): _ROWTIME,
    ("PRIMARY", "KEY"): "PRIMARY KEY stands behind the column and its type",
}
_MET = "WHERE EXISTS (SELECT 1 AS one FROM b WHERE b.x = a.x)"
_TOKENS = {
    (
        "(",
        "SELECT",
    ): "a sub-query stands behind =, < or IN, and has parentheses of its own: f((SELECT …)); > ALL is > (SELECT MAX(x) …)",
    ("", "SEMI"): _MET,
    ("", "ANTI"): _MET.replace("EXISTS", "NOT EXISTS"),
    ("", "ASOF"): "a JOIN b ON b.at <= a.at QUALIFY ROW_NUMBER() OVER (PARTITION BY a.id ORDER BY b.at DESC) = 1",
    ("LIMIT", "ALL"): "without LIMIT all rows come",
    ("UNION", "BY"): "columns go by their place: name them in the same order in both",
    ("", "SIMILAR"): _PATTERN,
    ("", "RLIKE"): _PATTERN,
    ("", "REGEXP"): _PATTERN,
    ("", "~"): _PATTERN,
    ("", "WITHIN"): _ORDERED,
    ("", "{"): "STRUCT(a := 1), or MAP('a' := 1)",
    ("", "USING"): "JOIN b ON a.x = b.x, or JOIN b USING (x)",
    ("AT", "TIME"): "CONVERT_TZ(at, 'UTC', 'Europe/Oslo') is the clock there",
    ("DISTINCT", "ON"): "QUALIFY ROW_NUMBER() OVER (PARTITION BY key ORDER BY at DESC) = 1 keeps one row of each key",
    ("ROWS", "WITH"): "QUALIFY RANK() OVER (ORDER BY x) <= 3 keeps rows of equal rank, too",
    ("PIVOT", "("): _PIVOT,
    ("UNPIVOT", "("): _PIVOT,
    ("SAMPLE", ""): "WHERE RANDOM() < 0.1",
    ("TABLESAMPLE", ""): "WHERE RANDOM() < 0.1",
    ("TOP", ""): _LIMIT,
    ("OVER", ""): "each window is written out: OVER (PARTITION BY … ORDER BY …)",
}
"""By the word before, and what was met; "" is any."""
_WANTED = {
    (
        "SELECT",
        "an expression",
    ): "a sub-query has parentheses of its own: f((SELECT …)); x > ALL (…) is x > (SELECT MAX(y) …)",
    (",", ")"): "one value stands here; (a, b) IN … is EXISTS (SELECT 1 AS one FROM t WHERE t.a = a AND t.b = b)",
}
"""By what was met, and what was expected."""
_AFTER_A_TYPE = {
    "NOT": "columns may be NULL, and have no defaults: COALESCE(x, 0) where they are read",
    "DEFAULT": "columns may be NULL, and have no defaults: COALESCE(x, 0) where they are read",
    "METADATA": "every stream has ROWTIME, ROWPARTITION and ROWOFFSET; HEADERS and HEADER('key') are declared",
}


def clause_hint(words: Sequence[str]) -> str | None:
    """What to write in place of a clause that begins with these three words where a column is expected; None for a column."""
    if words[0] == "CONSTRAINT" and words[2] in ("PRIMARY", "UNIQUE", "CHECK"):
        return _COLUMN_LISTS["PRIMARY", "KEY"]
    return _COLUMN_LISTS.get((words[0], words[1]))


def column_hint(word: str) -> str | None:
    """What to write where a column's declaration goes on with this word."""
    return _AFTER_A_TYPE.get(word)


def hint_for(before: str, met: str, wanted: str) -> str | None:
    """What to write where `met` was met and `wanted` expected, behind the word `before`."""
    if met == "ORDER" and wanted == ", or )":
        return _ORDERED
    if wanted == "a query":
        return "joins go from left to right; FROM (a JOIN b ON …) JOIN c, or JOIN (SELECT … FROM b JOIN c ON …) x"
    if (met, wanted) in _WANTED:
        return _WANTED[met, wanted]
    if met.startswith("'") and wanted.startswith("a name (a stream's"):
        return _FILE
    return _TOKENS.get((before, met)) or _TOKENS.get(("", met)) or (_TOKENS.get((before, "")) if before else None)
