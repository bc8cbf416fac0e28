"""A condition that Arrow evaluates passes the rows that it passes in DuckDB; others are left to DuckDB."""

from __future__ import annotations

from itertools import product

import duckdb
import pyarrow as pa
import pytest

from mergus.engine.operators.arrow_condition import arrow_condition
from mergus.engine.plan.physical.steps import Evaluate
from mergus.engine.sql.compile.expression import compile_condition
from mergus.engine.sql.expressions import Expr

from .queries import Bench, source

ROWS = list(product([None, -1, 0, 5], [None, 0, 5], [None, "a", "b"], [None, True, False]))
TYPES = [pa.int64(), pa.int32(), pa.string(), pa.bool_()]


def condition(instance: duckdb.DuckDBPyConnection, text: str) -> Expr:
    bench = Bench(instance, [source("S", "V BIGINT, I INTEGER, T STRING, B BOOLEAN, D DOUBLE")])
    steps = [step for stage in bench.plan("V", "S", where=text).stages for step in stage.steps]
    (found,) = [step.where for step in steps if isinstance(step, Evaluate) and step.where is not None]
    return found


@pytest.mark.parametrize(
    "text",
    [
        "V >= 0",
        "0 < V",
        "V <> I",
        "I = V",
        "I < 5",
        "T = 'a'",
        "T <> 'a' AND B",
        "NOT (V > 0 OR T = 'a')",
        "NOT B",
        "NOT (NOT B AND V = I)",
        "B OR V IS NULL",
        "T IS NOT NULL AND NOT B",
        "V BETWEEN 0 AND 4 OR B",
        "B = TRUE",
    ],
)
def test_arrow_passes_what_duckdb_passes(instance: duckdb.DuckDBPyConnection, text: str) -> None:
    where = condition(instance, text)
    columns = [pa.array(values, kind) for values, kind in zip(zip(*ROWS, strict=True), TYPES, strict=True)]
    rows = pa.table([*columns, pa.array(range(len(ROWS)))], names=["c0", "c1", "c2", "c3", "n"])
    passes = arrow_condition(where)
    assert passes is not None
    instance.register("rows_of_arrow_condition", rows)
    sql = f"SELECT n FROM rows_of_arrow_condition WHERE {compile_condition(where)} ORDER BY n"
    assert rows.filter(passes(rows)).column("n").to_pylist() == [n for (n,) in instance.execute(sql).fetchall()]
    instance.unregister("rows_of_arrow_condition")


@pytest.mark.parametrize(
    "text", ["D > 1.0", "T < 'b'", "V + 1 > 0", "V > 0 AND T LIKE 'a%'", "CASE WHEN B THEN TRUE ELSE B END"]
)
def test_what_has_rules_of_its_own_is_left_to_duckdb(instance: duckdb.DuckDBPyConnection, text: str) -> None:
    assert arrow_condition(condition(instance, text)) is None
