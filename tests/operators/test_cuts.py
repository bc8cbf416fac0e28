"""The same answers wherever batches are cut: filters, aggregates and joins over made-up records (DESIGN's first invariant).

And an operator's state after a rollback equals the state of a run that never went further.
"""

from __future__ import annotations

from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mergus.engine.operators.driver import Running

from .queries import Bench, cumulative, goes_back, hopping, session, source, tumbling

EVENTS = source("S", "ID INTEGER KEY, NAME STRING, V BIGINT")
USERS = source("U", "ID INTEGER KEY, CITY STRING", "TABLE")
QUERIES: dict[str, dict[str, Any]] = {
    "filter": {"select": "ID; V * 2 AS W; NAME", "from_": "S", "where": "V > 3"},
    "aggregate": {
        "select": "NAME; COUNT(*) AS N; SUM(V) AS T; MIN(V) AS L; LATEST_BY_OFFSET(V) AS X; COLLECT_LIST(V) AS C",
        "from_": "S",
        "group_by": "NAME",
        "table": True,
    },
    "tumbling": {
        "select": "ID; COUNT(*) AS N; AVG(V) AS A",
        "from_": "S",
        "group_by": "ID",
        "window": tumbling(10, 4),
        "table": True,
    },
    "hopping": {
        "select": "ID; COUNT(*) AS N; MAX(V) AS M",
        "from_": "S",
        "group_by": "ID",
        "window": hopping(10, 4, 3),
        "where": "V > 1",
        "table": True,
    },
    "cumulative": {
        "select": "ID; COUNT(*) AS N; LATEST_BY_OFFSET(V) AS X",
        "from_": "S",
        "group_by": "ID",
        "window": cumulative(12, 4, 3),
        "table": True,
    },
    "cumulative final": {
        "select": "ID; COUNT(*) AS N; MAX(V) AS M",
        "from_": "S",
        "group_by": "ID",
        "window": cumulative(12, 4, 1, retention_ms=1000),
        "emit": "FINAL",
        "table": True,
    },
    "having": {"select": "ID; COUNT(*) AS N", "from_": "S", "group_by": "ID", "having": "COUNT(*) > 2", "table": True},
    "final": {
        "select": "ID; COUNT(*) AS N",
        "from_": "S",
        "group_by": "ID",
        "window": tumbling(5, 1, retention_ms=1000),
        "emit": "FINAL",
        "table": True,
    },
    "session": {
        "select": "ID; COUNT(*) AS N; SUM(V) AS T; MAX(V) AS M; TOPK(V, 2) AS K",
        "from_": "S",
        "group_by": "ID",
        "window": session(3),
        "table": True,
    },
    "session in order": {
        "select": "ID; COLLECT_LIST(V) AS C; LATEST_BY_OFFSET(V) AS X",
        "from_": "S",
        "group_by": "ID",
        "window": session(3, 4),
        "table": True,
        "having": "COUNT(*) <> 2",
    },
    "session with grace": {
        "select": "NAME; COUNT(*) AS N; MIN(V) AS L",
        "from_": "S",
        "group_by": "NAME",
        "window": session(2, 5, retention_ms=9),
        "table": True,
        "having": "COUNT(*) > 1",
    },
    "session final": {
        "select": "ID; COUNT(*) AS N; COLLECT_SET(V) AS C",
        "from_": "S",
        "group_by": "ID",
        "window": session(2, 1, retention_ms=20),
        "emit": "FINAL",
        "table": True,
    },
    "time to live": {
        "select": "ID; COUNT(*) AS N; SUM(V) AS T; LATEST_BY_OFFSET(V) AS X",
        "from_": "S",
        "group_by": "ID",
        "state_ttl_ms": 7,
        "table": True,
    },
    "time to live with having": {
        "select": "ID; COUNT(*) AS N; COLLECT_LIST(V) AS C",
        "from_": "S",
        "group_by": "ID",
        "having": "COUNT(*) <> 1",
        "state_ttl_ms": 12,
        "table": True,
    },
    "inner": {"select": "S.ID; V; CITY", "from_": "S JOIN U ON S.ID = U.ID"},
    "left": {"select": "S.ID; V; CITY", "from_": "S LEFT JOIN U ON S.ID = U.ID"},
    "table": {"select": "CITY; COUNT(*) AS N", "from_": "U", "group_by": "CITY", "table": True},
}
event = st.tuples(
    st.just("s"),
    st.integers(0, 3),
    st.none() | st.fixed_dictionaries({"NAME": st.sampled_from(["a", "b", None]), "V": st.integers(0, 6)}),
    st.integers(0, 40),
)
user = st.tuples(
    st.just("u"),
    st.integers(0, 3),
    st.none() | st.fixed_dictionaries({"CITY": st.sampled_from(["x", "y"])}),
    st.integers(0, 40),
)
records = st.lists(event | user, max_size=14)


@pytest.mark.parametrize("name", QUERIES)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(given_records=records)
def test_cuts_agree(instance: duckdb.DuckDBPyConnection, name: str, given_records: list[Any]) -> None:
    answers = []
    for cut in (1, 3, None):
        bench = Bench(instance, [EVENTS, USERS])
        for record in given_records:
            bench.put(*record)
        spec = dict(QUERIES[name])
        plan = bench.plan(**spec)
        bench.driver.run(plan, cut)
        late = sorted((f.kind, f.partition, f.offset or 0) for f in bench.driver.failures if f.kind == "late")
        if name in ("filter", "inner", "left"):
            answers.append((bench.out(), late))
        elif name.endswith("final"):
            answers.append((sorted(bench.out(), key=repr), late))
        else:
            answers.append((bench.table(), late))
    assert answers[0] == answers[1] == answers[2]


@pytest.mark.parametrize(
    "name",
    ["aggregate", "tumbling", "hopping", "cumulative", "session", "session in order", "time to live", "inner", "table"],
)
def test_going_back_to_an_epoch(instance: duckdb.DuckDBPyConnection, name: str) -> None:
    bench = Bench(instance, [EVENTS, USERS])
    for i in range(12):
        bench.put("u", i % 3, None if i % 5 == 4 else {"CITY": "xy"[i % 2]}, i)
        bench.put("s", i % 3, {"NAME": "ab"[i % 2], "V": i}, i * 3)
    spec = dict(QUERIES[name])
    plan = bench.plan(**spec)
    running = Running(plan, instance)
    goes_back(bench, running)
