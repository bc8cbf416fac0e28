"""Sub-queries and WITH in pull queries, as they are written elsewhere: the same rows as DuckDB gives for the same text; and what
is refused."""

from __future__ import annotations

import pytest

import mergus
from mergus.engine.errors import UserError
from tests.serving.pull.orders_and_people import STATEMENTS, as_tables, insert


@pytest.fixture(scope="module")
def db():
    with mergus.connect() as db:
        db.execute(STATEMENTS)
        insert(db)
        yield db


@pytest.fixture(scope="module")
def oracle():
    with as_tables() as made:
        yield made


OF_THE_GROUPS_AROUND = [
    "SELECT customer, (SELECT COUNT(*) FROM people p WHERE p.age < SUM(o.amount)) AS a FROM orders o GROUP BY customer",
    "SELECT customer, (SELECT SUM(o.amount)) AS a FROM orders o GROUP BY customer",
    "SELECT customer, (SELECT MAX(o.amount) FROM people WHERE age = 60) AS a FROM orders o GROUP BY customer",
    "SELECT customer, (SELECT MAX(p.age + o.id) FROM people p) AS a FROM orders o GROUP BY customer, id",
    "SELECT customer FROM orders o GROUP BY customer"
    " HAVING EXISTS (SELECT 1 FROM people p WHERE p.age < SUM(o.amount) AND p.name = o.customer)",
    "SELECT customer, (SELECT COUNT(*) FROM people p WHERE EXISTS (SELECT 1 FROM people q"
    " WHERE q.age < SUM(o.amount) AND q.name = p.name)) AS a FROM orders o GROUP BY customer",
    "SELECT customer, (SELECT MIN(age) - MAX(o.amount) FROM people WHERE age > MIN(o.amount)) AS a FROM orders o"
    " GROUP BY customer",
    "SELECT customer FROM orders o GROUP BY customer"
    " ORDER BY (SELECT COUNT(*) FROM people p WHERE p.age < SUM(o.amount)), customer LIMIT 2",
    "SELECT (SELECT COUNT(*) FROM orders WHERE customer = p.name) AS n, COUNT(*) AS c FROM people p"
    " GROUP BY (SELECT COUNT(*) FROM orders WHERE customer = p.name)",
]
FORMS = [
    "WITH x AS (SELECT 1 AS n UNION SELECT 2 UNION SELECT 2) SELECT COUNT(*) AS c FROM x",
    "SELECT 1 AS n INTERSECT VALUES (1)",
    "SELECT (SELECT 1 LIMIT 1) AS a, (SELECT 2 ORDER BY 1) AS b",
    "SELECT t.i, t.customer FROM orders AS t(i) JOIN people p(n) ON t.customer = p.n WHERE i < 4",
    "SELECT id, (WITH t AS (SELECT o.amount + 1 AS m) SELECT m FROM t) AS m FROM orders o WHERE id < 3",
    "SELECT id, (WITH t(x) AS (SELECT age FROM people WHERE name = o.customer), u AS (SELECT x + 1 AS y FROM t)"
    " SELECT MAX(y) + MAX(x) FROM t, u) AS m FROM orders o WHERE id < 13",
    "WITH t AS (SELECT COUNT(*) AS n FROM people), u AS (SELECT id FROM orders) SELECT n FROM t",
    "SELECT id FROM orders WHERE customer = ANY (SELECT name FROM people WHERE age > 35) AND id < 9",
    "SELECT id FROM orders WHERE customer = SOME (SELECT name FROM people) AND id < 9",
    "SELECT id FROM orders WHERE customer <> ALL (SELECT name FROM people)",
    "SELECT id FROM orders o WHERE EXISTS (SELECT NULL FROM people p WHERE p.name = o.customer)",
    "WITH t AS MATERIALIZED (SELECT id FROM orders) SELECT id FROM t WHERE id < 2",
    "WITH t(i) AS NOT MATERIALIZED (SELECT id, amount FROM orders) SELECT i, amount FROM t WHERE i < 2",
    "SELECT s.i, s.customer FROM (SELECT * FROM orders) AS s(i) WHERE s.i < 2",
    "SELECT o.id FROM (orders o JOIN people p ON o.customer = p.name) WHERE p.age > 45",
    "SELECT o.id FROM ((orders o JOIN people p ON o.customer = p.name) JOIN people q ON q.name = p.name) CROSS JOIN people r",
]


@pytest.mark.parametrize("text", OF_THE_GROUPS_AROUND + FORMS)
def test_the_rows_are_duckdbs(db, oracle, text):
    made = [tuple(row.values()) for row in db.query(text + ";").rows()]
    assert sorted(made, key=repr) == sorted(oracle.execute(text).fetchall(), key=repr)


def test_what_nothing_reads_is_not_read_but_checked(db):
    unread = "WITH t AS (SELECT id FROM orders), u AS (SELECT id FROM t) SELECT name FROM people"
    (listing,) = db.execute(f"EXPLAIN {unread};")
    assert "ORDERS" not in listing.text
    with pytest.raises(UserError, match="column WRONG does not exist"):
        db.query(unread.replace("id FROM t", "wrong FROM t") + ";")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "SELECT id FROM orders o WHERE amount > (SELECT AVG(o.amount) FROM people)",
            "AVG(O.AMOUNT) is an aggregate of the query around",
        ),
        (
            "SELECT customer, MAX((SELECT MIN(o.id) FROM people)) AS m FROM orders o GROUP BY customer",
            "which has no groups there",
        ),
        ("WITH t(a, b) AS (SELECT id FROM orders) SELECT a FROM t", "T has 2 names for 1 columns"),
        ("WITH t(amount) AS (SELECT id, amount FROM orders) SELECT 1 FROM t", "two columns of the name AMOUNT"),
        ("SELECT ARRAY(SELECT id FROM orders) AS ids", "(SELECT COLLECT_LIST(x) FROM …)"),
        (
            "SELECT o.id FROM orders o JOIN (people p JOIN people q ON p.age = q.age) ON TRUE",
            "joins go from left to right",
        ),
        ("SELECT id FROM orders WHERE (SELECT o.id) = 1", "it has no FROM"),
        ("TABLE people", "SELECT * FROM …"),
    ],
)
def test_refused_in_words(db, text, said):
    with pytest.raises(UserError) as refused:
        db.execute(text + ";")
    assert said in str(refused.value)
