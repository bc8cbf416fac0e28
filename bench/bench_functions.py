"""(g) Functions that are not DuckDB's own, as a ratio to DuckDB's `upper` in the same run.

    python -m bench.bench_functions [--rows 200000] [--runs 5]

Each is called as a query calls it: compiled, over an Arrow batch, one DuckDB thread. A ratio of 0.5 takes twice as long as
`upper` does for text of the same length. Best of the runs, taken by turns.
"""

from __future__ import annotations

import argparse
import time
from datetime import datetime, timedelta

import duckdb
import pyarrow as pa
import sqlglot
from rich.console import Console
from rich.table import Table

from mergus.engine.sql.builtin import default_registry
from mergus.engine.sql.compile.expression import bind_functions, compile_sql
from mergus.engine.sql.dialect import Ksql
from mergus.engine.sql.schema import ColumnDef, Schema
from mergus.engine.sql.scope import SchemaScope
from mergus.engine.sql.types import parse_type
from mergus.engine.sql.typing.expression import analyze_expression
from mergus.engine.state.duckdb import connect

COLUMNS = {"T": "STRING", "J": "STRING", "S": "STRING", "U": "STRING", "N": "BIGINT", "AT": "TIMESTAMP", "D": "DOUBLE"}
CALLS = (
    "UCASE(T)",
    "EXTRACTJSONFIELD(J, '$.user.name')",
    "FORMAT_TIMESTAMP(AT, 'yyyy-MM-dd HH:mm:ss')",
    "PARSE_TIMESTAMP(S, 'yyyy-MM-dd HH:mm:ss')",
    "TIMESTAMPTOSTRING(N, 'yyyy-MM-dd HH:mm:ss')",
    "STRINGTOTIMESTAMP(S, 'yyyy-MM-dd HH:mm:ss')",
    "TIMESTAMPADD(HOURS, 3, AT)",
    "REGEXP_EXTRACT('user=(\\w+)', T, 1)",
    "REGEXP_REPLACE(T, '[0-9]+', '#')",
    "ROUND(D, 2)",
    "MASK(T)",
    "URL_EXTRACT_HOST(U)",
)


def batch(rows: int) -> pa.Table:
    """Rows whose values all differ, as those of a stream do."""
    start = datetime(2024, 3, 1, 10)
    moments = [start + timedelta(milliseconds=1_137 * i) for i in range(rows)]
    columns = (
        pa.array([f"request {i} by user=u{i % 999} took {i % 77} ms" for i in range(rows)]),
        pa.array([f'{{"id": {i}, "user": {{"name": "u{i % 999}", "age": {i % 90}}}}}' for i in range(rows)]),
        pa.array([f"{m:%Y-%m-%d %H:%M:%S}" for m in moments]),
        pa.array([f"https://host{i % 500}.example.org/path/{i}?q={i}" for i in range(rows)]),
        pa.array([1_709_287_200_000 + 1_137 * i for i in range(rows)], pa.int64()),
        pa.array(moments, pa.timestamp("ms")),
        pa.array([i / 7 for i in range(rows)], pa.float64()),
    )
    return pa.table({f"c{i}": column for i, column in enumerate(columns)})


def prepared(connection: duckdb.DuckDBPyConnection, call: str) -> str:
    """The call as DuckDB's SQL, with what it needs made known."""
    scope = SchemaScope(Schema(tuple(ColumnDef(name, parse_type(t)) for name, t in COLUMNS.items())))
    expr = analyze_expression(sqlglot.parse_one(call, read=Ksql), scope, default_registry())
    bind_functions(connection, [expr])
    return f"SELECT {compile_sql(expr)} AS v FROM batch"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    connection = connect()
    connection.execute("SET threads = 1")
    connection.register("batch", batch(options.rows))
    texts = {call: prepared(connection, call) for call in CALLS}
    times = dict.fromkeys(CALLS, float("inf"))
    for _ in range(options.runs):
        for call, text in texts.items():
            start = time.process_time()
            connection.sql(text).to_arrow_table()
            times[call] = min(times[call], time.process_time() - start)
    table = Table("function", "k rows/s", "ratio to UCASE")
    for call, seconds in times.items():
        table.add_row(call, f"{options.rows / seconds / 1000:,.0f}", f"{times[CALLS[0]] / seconds:.3f}")
    Console().print(table)


if __name__ == "__main__":
    main()
