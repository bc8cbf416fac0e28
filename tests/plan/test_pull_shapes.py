"""One plan for all pull queries that differ in their constants, and none where more than that depends on them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mergus.engine.plan.pull.plan import step_exprs
from mergus.engine.plan.pull.shapes import CONSTANTS_MAX, constants_of, shape_of
from mergus.engine.sql.compile.expression import compile_sql
from tests.plan.test_pull import pull

SAME = [
    ("SELECT * FROM t WHERE id = 1", "SELECT * FROM t WHERE id = 999999999"),
    ("SELECT n, 'x' AS x FROM t2 WHERE b = 'a' AND a = 1", "SELECT n, 'y' AS x FROM t2 WHERE b = 'it''s' AND a = 0"),
    (
        "SELECT n + 1 AS m FROM t2 WHERE b LIKE 'a%' OR a IN (1, 2)",
        "SELECT n + 7 AS m FROM t2 WHERE b LIKE '_' OR a IN (3, 3)",
    ),
    ("SELECT n FROM w WHERE id = 1 AND WINDOWSTART >= 5", "SELECT n FROM w WHERE id = 3 AND WINDOWSTART >= 7"),
    ("SELECT n FROM t", "SELECT n FROM t"),
    ("SELECT double_score(n) AS s FROM t WHERE id = 1", "SELECT double_score(n) AS s FROM t WHERE id = 8"),
    (
        "SELECT b, double_score(n + 3) AS s FROM t2 WHERE a = 1 AND double_score(n * 2) > 4 AND b <> 'x'",
        "SELECT b, double_score(n + 4) AS s FROM t2 WHERE a = 5 AND double_score(n * 7) > 0 AND b <> 'y'",
    ),
]
"""Statements of one shape."""
EACH_BY_ITSELF = [
    "SELECT n FROM t LIMIT 3",
    "SELECT n FROM w WHERE WINDOWSTART > '2020-01-01T00:00:00'",
    f"SELECT n FROM t WHERE id IN ({', '.join(map(str, range(CONSTANTS_MAX + 1)))})",
]


def bare(plan):
    """What a plan answers with, without where it stood in its text."""
    steps = [(type(step), step.schema, list(map(compile_sql, step_exprs(step)))) for step in plan.steps]
    return plan.sql("t"), plan.schema, plan.limit, plan.relation, plan.by_key, steps


@pytest.mark.parametrize(("one", "other"), SAME)
def test_a_shape_gives_the_plan_that_planning_gives(one, other):
    assert constants_of(one)[0] == constants_of(other)[0]
    shape = shape_of(one, pull)
    for text in (one, other):
        assert bare(shape.filled(constants_of(text)[1])) == bare(pull(text))


@pytest.mark.parametrize("text", EACH_BY_ITSELF)
def test_a_plan_that_depends_on_its_constants_in_another_way_has_no_shape(text):
    assert shape_of(text, pull) is None


def test_what_is_no_constant_stays_in_the_shape():
    text = "SELECT `a'1`, \"b'2\", c3, 4.5, 6e7, 12345678901 FROM t -- it's 8"
    assert constants_of(text) == (text, ())


def test_a_plan_that_is_not_the_same_again_has_no_shape():
    made = iter(range(9))
    assert shape_of("SELECT n FROM t WHERE id = 1", lambda text: replace(pull(text), limit=next(made))) is None
