"""Pull queries: what can be read off WHERE, what the answer looks like, and what is refused."""

from __future__ import annotations

import pytest

from mergus.engine.errors import UserError
from mergus.engine.plan.pull.plan import PullPlan, Range, explain_pull, plan_pull
from mergus.engine.sql.catalog import Catalog, Relation
from mergus.engine.sql.schema import ColumnDef, Schema
from mergus.engine.sql.statements.statement import Query
from mergus.engine.sql.types import BIGINT, INTEGER, STRING
from tests.plan.statements import parse, registry


def tables() -> Catalog:
    catalog = Catalog()
    one = Schema((ColumnDef("ID", INTEGER, is_key=True), ColumnDef("N", BIGINT)))
    two = Schema((ColumnDef("A", INTEGER, is_key=True), ColumnDef("B", STRING, is_key=True), ColumnDef("N", BIGINT)))
    catalog.add(Relation("T", "TABLE", one, "t", "KAFKA", "JSON", query_id="CTAS_T_0"))
    catalog.add(Relation("T2", "TABLE", two, "t2", "JSON", "JSON", query_id="CTAS_T2_1"))
    catalog.add(
        Relation("W", "TABLE", one, "w", "KAFKA", "JSON", windowed="TUMBLING", window_size_ms=1000, query_id="CTAS_W_2")
    )
    catalog.add(Relation("DECLARED", "TABLE", one, "d", "KAFKA", "JSON"))
    catalog.add(Relation("S", "STREAM", one, "s", "KAFKA", "JSON"))
    return catalog


def pull(text: str) -> PullPlan:
    query = parse(text)
    assert isinstance(query, Query)
    return plan_pull(query, tables(), registry())


@pytest.mark.parametrize(
    ("where", "keys"),
    [
        ("ID = 3", ((3,),)),
        ("3 = ID AND N > 1", ((3,),)),
        ("ID IN (1, 2, 1)", ((1,), (2,))),
        ("ID = 1 OR ID = 5", ((1,), (5,))),
        ("ID IN (1, 2) AND ID = 2", ((2,),)),
        ("ID = 1 AND ID = 2", ()),
        ("ID = 1 OR N = 5", None),
        ("ID > 1", None),
        ("ID + 1 = 2", None),
        ("N = 1", None),
    ],
)
def test_keys_that_can_fit(where: str, keys: tuple[tuple[int, ...], ...] | None) -> None:
    assert pull(f"SELECT * FROM t WHERE {where};").keys == keys


def test_keys_of_several_columns_are_all_combinations() -> None:
    assert pull("SELECT * FROM t2 WHERE a IN (1, 2) AND b = 'x';").keys == ((1, "x"), (2, "x"))
    assert pull("SELECT * FROM t2 WHERE a = 1;").keys is None


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("ID >= 3 AND ID < 10", Range(3, 10, high_inclusive=False)),
        ("3 < ID AND ID > 1", Range(3, None, low_inclusive=False)),
        ("ID BETWEEN 2 AND 4", Range(2, 4)),
        ("N > 3", None),
    ],
)
def test_a_range_of_the_key(where: str, found: Range | None) -> None:
    assert pull(f"SELECT * FROM t WHERE {where};").key_range == found


def test_bounds_of_windows_also_as_text() -> None:
    plan = pull("SELECT * FROM w WHERE id = 1 AND WINDOWSTART >= 1000 AND WINDOWEND < '1970-01-01T00:00:10';")
    assert plan.keys == ((1,),)
    assert plan.windows == {"WINDOWSTART": Range(1000), "WINDOWEND": Range(None, 10_000, high_inclusive=False)}


def test_star_has_keys_then_window_bounds_then_values() -> None:
    text = pull("SELECT * FROM w;").schema.text(is_table=False)
    assert text == "ID INTEGER KEY, WINDOWSTART BIGINT KEY, WINDOWEND BIGINT KEY, N BIGINT"


def test_the_answer_is_in_the_order_of_the_projection() -> None:
    plan = pull("SELECT n, n + 1, id, ROWTIME FROM t WHERE id = 1 LIMIT 3;")
    assert plan.schema.text(is_table=False) == "N BIGINT, KSQL_COL_0 BIGINT, ID INTEGER KEY, ROWTIME BIGINT"
    assert plan.sql("v").endswith("FROM v WHERE (c0 = 1) LIMIT 3")
    assert "reads 1 key of table T" in explain_pull(plan)


def test_models_run_over_the_rows_that_are_left() -> None:
    plan = pull("SELECT id, double_score(n) AS s, WINDOWSTART FROM w WHERE id = 1 AND double_score(n + 1) > 2 LIMIT 3;")
    assert plan.keys == ((1,),)
    assert plan.sql("v").endswith(" AS c2, _ws FROM v WHERE (c0 = 1)")  # LIMIT comes behind the model's condition
    assert [type(step).__name__ for step in plan.steps] == ["Infer", "Evaluate", "Infer", "Evaluate"]
    assert "infer over" in explain_pull(plan)
    assert pull("SELECT double_score(n) AS s FROM t LIMIT 3;").sql("v").endswith("FROM v LIMIT 3")


def test_a_stream_is_read_as_far_as_it_goes() -> None:
    plan = pull("SELECT * FROM s WHERE id = 1;")
    assert plan.is_stream
    assert plan.keys is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("SELECT COUNT(*) FROM t;", "add EMIT CHANGES"),
        ("SELECT id FROM t GROUP BY id;", "do not support GROUP BY"),
        ("SELECT * FROM t PARTITION BY n;", "do not support PARTITION BY"),
        ("SELECT * FROM t JOIN s ON t.id = s.id;", "do not support JOIN"),
        ("SELECT ROWOFFSET FROM t;", "do not support ROWOFFSET"),
        ("SELECT n, n FROM t;", "the column N more than once"),
        ("SELECT * FROM t WHERE id = 'a';", "INTEGER = STRING"),
        ("SELECT * FROM t WHERE n;", "WHERE takes a BOOLEAN"),
        ("SELECT * FROM declared;", "CREATE TABLE queryable AS SELECT * FROM DECLARED"),
    ],
)
def test_refused(text: str, said: str) -> None:
    with pytest.raises(UserError) as refused:
        pull(text)
    assert said in str(refused.value.at(text))
