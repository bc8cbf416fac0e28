"""A user's aggregate whose result is not its state: what pull queries, topics and EMIT FINAL give is the result."""

from __future__ import annotations

import pytest

import mergus

FUNCTION = """
CREATE FUNCTION folded(x BIGINT) RETURNS BIGINT LANGUAGE PYTHON AS $$
import mergus

@mergus.udaf
class folded:
    def initialize(self) -> {type}:
        return {begin}

    def aggregate(self, value: int, state):
        return state + {one}

    def merge(self, earlier, later):
        return earlier + later

    def map(self, state) -> int:
        return {total} * 10

    def undo(self, value, state):
        left = state
        {undo}
        return left
$$;
CREATE STREAM s (x BIGINT) WITH (kafka_topic='s', format='JSON', partitions=1);
"""
STATES = {
    "of another type": FUNCTION.format(
        type="list[int]", begin="[]", one="[value]", total="sum(state)", undo="left = [v for v in state if v != value]"
    ),
    "of the same type": FUNCTION.format(type="int", begin="0", one="value", total="state", undo="left = state - value"),
}
HOURS_MS = 5 * 3_600_000
AT_MS = 1_700_000_000_000
GROUPED = "CREATE TABLE t {}AS SELECT 1 AS k, folded(x) AS n FROM s {} GROUP BY 1 {};"
TABLES = {
    "plain": (GROUPED.format("", "", ""), [80], [80]),
    "having": (GROUPED.format("", "", "HAVING folded(x) > 30"), [80], [80]),
    "tumbling": (GROUPED.format("", "WINDOW TUMBLING (SIZE 1 HOUR)", ""), [30, 50], [30, 50]),
    "session": (GROUPED.format("", "WINDOW SESSION (1 HOUR)", ""), [30, 50], [30, 50]),
    "final": (GROUPED.format("", "WINDOW TUMBLING (SIZE 1 MINUTE)", "EMIT FINAL"), [50], [30]),
    "to live": (GROUPED.format("WITH (state_ttl = '1 HOUR') ", "", ""), [50], [50]),
    "over a table": (
        "CREATE TABLE p AS SELECT x AS k, LATEST_BY_OFFSET(x) AS y FROM s GROUP BY x;"
        "CREATE TABLE t AS SELECT 1 AS k, folded(y) AS n FROM p GROUP BY 1;",
        [80],
        [80],
    ),
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("table", TABLES)
def test_its_result_is_what_is_read(state, table):
    sql, pulled, written = TABLES[table]
    with mergus.connect() as db:
        db.execute(STATES[state] + sql)
        for at, x in enumerate((1, 2, 5)):
            db.execute(f"INSERT INTO s (rowtime, x) VALUES ({AT_MS + (at == 2) * HOURS_MS}, {x});")
        db.wait(60)
        assert sorted(row["N"] for row in db.query("SELECT n FROM t;").rows()) == pulled
        assert sorted(row["N"] for row in db.query("SELECT n FROM t WHERE k = 1;").rows()) == pulled
        assert sorted(row["X"] for row in db.query("SELECT n + 1 AS x FROM t WHERE n > 0;").rows()) == [
            n + 1 for n in pulled
        ]
        db.execute("CREATE STREAM c (n BIGINT) WITH (kafka_topic='T', value_format='JSON');")
        assert sorted(row["N"] for row in db.query("SELECT n FROM c;").rows() if row["N"])[-len(written) :] == written
