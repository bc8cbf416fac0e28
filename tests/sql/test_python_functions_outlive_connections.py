"""A Python function that one connection made known is called by another after the first is closed."""

import gc

import pyarrow.compute as pc

from mergus.engine.sql.compile.expression import bind_functions, compile_sql
from mergus.engine.sql.expressions import Call, Column
from mergus.engine.sql.functions import ArrowFunction
from mergus.engine.sql.types import STRING
from mergus.engine.state.duckdb import connect


def test_a_function_outlives_the_connection_that_made_it_known() -> None:
    shout = ArrowFunction("shout", lambda column: pc.utf8_upper(column))
    call = Call("SHOUT", (Column(0, "S", STRING),), STRING, shout)
    instance = connect()
    first, second = instance.cursor(), instance.cursor()
    sql = f"SELECT {compile_sql(call)} FROM (VALUES ('a')) AS t(c0)"
    bind_functions(first, [call])
    assert first.execute(sql).fetchall() == [("A",)]
    first.close()
    del first, shout, call
    gc.collect()
    assert second.execute(sql).fetchall() == [("A",)]
