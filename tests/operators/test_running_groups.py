"""Streams joined with groups that the query works out: every aggregate, the same for every cut and after going back."""

from __future__ import annotations

import random
from typing import Any

import duckdb
import pytest

from mergus.engine.operators.aggregates import running_groups
from mergus.engine.operators.driver import Running
from mergus.engine.plan.physical.steps import QueryPlan
from mergus.engine.plan.planner import plan_query
from mergus.engine.plan.target import SinkTarget
from mergus.engine.sql.parser.parse import parse_statements
from mergus.engine.sql.statements.statement import RelationalQuery

from .queries import Bench, goes_back
from .test_users_aggregates import bench as with_users_aggregates

OF_A_STREAM = (
    "COUNT(*), COUNT(V), SUM(V), AVG(V), MIN(V), MAX(V), STDDEV_SAMPLE(V), CORRELATION(V, ID), LATEST_BY_OFFSET(V),"
    " LATEST_BY_OFFSET(V, false), EARLIEST_BY_OFFSET(V, 2), COLLECT_LIST(V), COLLECT_SET(V), TOPK(V, NAME, 2),"
    " TOPKDISTINCT(V, 2), HISTOGRAM(NAME), ATTR(NAME), COUNT_DISTINCT(V), APPROX_PERCENTILE(V, 0.5),"
    " APPROX_COUNT_DISTINCT(V), MEDIAN(V), TOPKCOUNT(V, 2)"
)
QUERIES = {
    "in SQL": f"(SELECT ID, {OF_A_STREAM} FROM S GROUP BY ID)",
    "with HAVING": "(SELECT ID, COUNT(*) AS N FROM S GROUP BY ID HAVING COUNT(*) % 3 <> 0)",
    "users'": "(SELECT ID, DIGEST(V) AS D, TOTAL(V) AS T, COUNT(*) AS N FROM S GROUP BY ID)",
    "of a table": "(SELECT PAY, COUNT(*) AS N, SUM(ID) AS I, COLLECT_LIST(CITY) AS C FROM U GROUP BY PAY)",
    "of a table, users'": "(SELECT PAY, TOTAL(PAY) AS T FROM U GROUP BY PAY)",
    "of groups": "(SELECT N, COUNT(*) AS M FROM (SELECT ID, COUNT(*) AS N FROM S GROUP BY ID) H GROUP BY N)",
}


def planned(bench: Bench, groups: str) -> QueryPlan:
    key = {"P": "PAY", "N": "N"}.get(groups[len("(SELECT ")], "ID")
    left = "S.ID" if key == "ID" else "CAST(S.ID AS BIGINT)"
    text = f"SELECT {left} AS K, G.* FROM S LEFT JOIN {groups} G ON {left} = G.{key} EMIT CHANGES;"
    (parsed,) = parse_statements(text)
    assert isinstance(parsed.statement, RelationalQuery)
    return plan_query(
        parsed.statement, bench.catalog, bench.registry, query_id="Q", sink=SinkTarget("OUT", "out", False), settings={}
    )


def filled(instance: duckdb.DuckDBPyConnection, records: int) -> Bench:
    bench, drawn = with_users_aggregates(instance), random.Random(4)
    for i in range(records):
        key = drawn.randrange(4)
        if drawn.random() < 0.3:
            row = None if drawn.random() < 0.2 else {"CITY": drawn.choice("xy"), "PAY": drawn.randrange(4)}
            bench.put("u", key, row, i)
        else:
            bench.put("s", key, {"NAME": drawn.choice("ab"), "V": drawn.randrange(7)}, i)
    return bench


@pytest.mark.parametrize("name", QUERIES)
def test_cuts_agree(instance: duckdb.DuckDBPyConnection, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running_groups, "ROWS_MAX", 8)
    answers: list[Any] = []
    for cut in (2, 7, None):
        bench = filled(instance, 36)
        bench.driver.run(planned(bench, QUERIES[name]), cut)
        assert not bench.driver.failures
        answers.append([(key, rounded(value), time) for key, value, time in bench.out()])
    assert len(answers[0]) > 18
    assert answers[0] == answers[1] == answers[2]


@pytest.mark.parametrize("name", QUERIES)
def test_going_back_to_an_epoch(instance: duckdb.DuckDBPyConnection, name: str) -> None:
    bench = filled(instance, 16)
    groups = QUERIES[name].replace("CORRELATION(V, ID), ", "")  # it is NaN at first, which equals nothing
    goes_back(bench, Running(planned(bench, groups), instance))


def rounded(value: Any) -> Any:
    """The last digits of a DOUBLE depend on the order in which it was summed."""
    return {k: round(v, 9) if isinstance(v, float) else v for k, v in value.items()}
