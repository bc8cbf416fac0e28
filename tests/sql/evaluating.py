"""Expressions as text, through the whole way: parse, analyze, compile, and DuckDB over Arrow rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import pyarrow as pa
import sqlglot

from mergus.engine.sql.builtin import default_registry
from mergus.engine.sql.compile.expression import bind_functions, compile_sql
from mergus.engine.sql.dialect import Ksql
from mergus.engine.sql.expressions import Expr
from mergus.engine.sql.functions import AggregateSpec, FunctionRegistry
from mergus.engine.sql.schema import ColumnDef, Schema
from mergus.engine.sql.scope import SchemaScope
from mergus.engine.sql.types import SqlType, arrow_type, parse_type
from mergus.engine.sql.typing.calls import aggregate_use
from mergus.engine.sql.typing.expression import analyze_expression
from mergus.engine.sql.udf.types import to_arrow, to_rows

REGISTRY = default_registry()


def analyzed(text: str, columns: Mapping[str, str], registry: FunctionRegistry = REGISTRY) -> Expr:
    schema = Schema(tuple(ColumnDef(name, parse_type(t)) for name, t in columns.items()))
    return analyze_expression(sqlglot.parse_one(text, read=Ksql), SchemaScope(schema, ("S",)), registry)


def evaluate(
    text: str, columns: Mapping[str, str], rows: Sequence[Sequence[Any]], registry: FunctionRegistry = REGISTRY
) -> list[Any]:
    """The expression's value for each row; 'FAILS' where DuckDB raises for that row."""
    expr = analyzed(text, columns, registry)
    sql = compile_sql(expr)
    with duckdb.connect() as connection:
        bind_functions(connection, [expr])
        connection.register("batch", _batch(columns, rows))
        try:
            return _values(connection, sql, expr.type)
        except duckdb.Error:
            tried = _values(connection, f"TRY({sql})", expr.type)
            return [_one(connection, sql, expr.type, i) if value is None else value for i, value in enumerate(tried)]


def _batch(columns: Mapping[str, str], rows: Sequence[Sequence[Any]]) -> pa.Table:
    types = [parse_type(t) for t in columns.values()]
    data = {f"c{i}": to_arrow([row[i] for row in rows], t) for i, t in enumerate(types)}
    return pa.table(
        data | {"_rowtime": pa.array(range(len(rows)), pa.int64()), "_seq": pa.array(range(len(rows)), pa.int64())}
    )


def _values(connection: duckdb.DuckDBPyConnection, sql: str, sql_type: SqlType) -> list[Any]:
    table = connection.sql(f"SELECT {sql} AS v FROM batch ORDER BY _seq").to_arrow_table()
    column = table.column(0).combine_chunks()
    assert column.type == arrow_type(sql_type), f"{column.type} is not the Arrow type of {sql_type}"
    return to_rows(column, sql_type)


def _one(connection: duckdb.DuckDBPyConnection, sql: str, sql_type: SqlType, row: int) -> Any:
    try:
        return to_rows(
            connection.sql(f"SELECT {sql} AS v FROM batch WHERE _seq = {row}").to_arrow_table().column(0), sql_type
        )[0]
    except duckdb.Error:
        return "FAILS"


class Folding:
    """An aggregate fed batch by batch, as the operator does it for one key."""

    def __init__(self, text: str, columns: Mapping[str, str]) -> None:
        self.columns = columns
        schema = Schema(tuple(ColumnDef(name, parse_type(t)) for name, t in columns.items()))
        self.use = aggregate_use(sqlglot.parse_one(text, read=Ksql), SchemaScope(schema), REGISTRY)
        assert isinstance(self.use.spec, AggregateSpec)
        self.spec = self.use.spec
        self.args = [compile_sql(a) for a in self.use.args]
        self.connection = duckdb.connect()
        bind_functions(self.connection, self.use.args)
        self.seen = 0

    def add(self, rows: Sequence[Sequence[Any]]) -> None:
        self._partial(rows)
        if self.seen:
            self._replace([s.merge for s in self.spec.state])
        else:
            self.connection.execute("CREATE TABLE state AS SELECT * RENAME (" + self._renamed("b", "s") + ") FROM part")
        self.seen += len(rows)

    def undo(self, rows: Sequence[Sequence[Any]]) -> None:
        assert self.spec.undo is not None
        self._partial(rows)
        self._replace(list(self.spec.undo))

    def result(self) -> Any:
        final = self.spec.final
        for i in range(len(self.spec.state)):
            final = final.replace(f"{{{i}}}", f"s{i}")
        column = self.connection.sql(f"SELECT {final} AS v FROM state").to_arrow_table().column(0)
        return to_rows(column, self.spec.type)[0]

    def _renamed(self, old: str, new: str) -> str:
        return ", ".join(f"{old}{i} AS {new}{i}" for i in range(len(self.spec.state)))

    def _partial(self, rows: Sequence[Sequence[Any]]) -> None:
        batch = _batch(self.columns, rows)
        shifted = pa.array([self.seen + i for i in range(len(rows))], pa.int64())
        self.connection.register("batch", batch.set_column(batch.schema.get_field_index("_seq"), "_seq", shifted))
        parts = ", ".join(
            f"({self._filled(s.partial)})::{s.duckdb_type} AS b{i}" for i, s in enumerate(self.spec.state)
        )
        self.connection.execute(f"CREATE OR REPLACE TABLE part AS SELECT {parts} FROM batch")

    def _filled(self, text: str) -> str:
        for i, arg in enumerate(self.args):
            text = text.replace(f"{{{i}}}", arg)
        return text.replace("{seq}", "_seq")

    def _replace(self, texts: Sequence[str]) -> None:
        count = len(self.spec.state)
        made = []
        for i, text in enumerate(texts):
            for j in range(count):
                text = text.replace(f"{{s{j}}}", f"s{j}").replace(f"{{b{j}}}", f"b{j}")
            text = text.replace("{s}", f"s{i}").replace("{b}", f"b{i}")
            made.append(f"({text})::{self.spec.state[i].duckdb_type} AS s{i}")
        self.connection.execute(f"CREATE OR REPLACE TABLE state AS SELECT {', '.join(made)} FROM state, part")
