"""WHERE around sub-queries that call models: the rows that DuckDB gives for the same text, and what a model is asked."""

from __future__ import annotations

import duckdb
import pytest

from tests.serving.asked_models import Asked

EVERY = [5, 7, 12, 20, 30]


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("SELECT id, y FROM (SELECT id, m(amount) AS y FROM orders) x WHERE id < 3", [5, 20]),
        ("SELECT * FROM (SELECT *, m(amount) AS y FROM orders) x WHERE x.id < 3 AND x.y > 1", [5, 20]),
        ("SELECT a FROM (SELECT id, m(amount) FROM orders) AS x(a, b) WHERE a < 3 OR a = 5", [5, 12, 20]),
        ("SELECT i FROM (SELECT j AS i FROM (SELECT id AS j, m(amount) AS y FROM orders) a WHERE y > 1) b WHERE i = 2", [5]),
        ("SELECT id FROM (SELECT id FROM orders WHERE m(amount) > 12) x WHERE id < 3", [5, 20]),
        ("SELECT DISTINCT y FROM (SELECT DISTINCT customer, m(amount) AS y FROM orders) x WHERE customer = 'bob'", [5, 12]),
        ("SELECT s FROM (SELECT customer, SUM(m(amount)) AS s FROM orders GROUP BY customer) x WHERE customer = 'ann'", [7, 20]),
        ("SELECT y FROM (SELECT customer AS c, COUNT(*) AS n, m(SUM(amount)) AS y FROM orders GROUP BY c) x"
         " WHERE n > 1 AND c > 'b'", [17]),
        ("SELECT c, y FROM (SELECT customer AS c, m(COUNT(*)) AS y FROM orders GROUP BY ROLLUP (customer)) x WHERE c IS NULL",
         [1, 6]),
        ("WITH x AS (SELECT id, m(amount) AS y FROM orders) SELECT y FROM x WHERE id = 4", [30]),
        ("WITH x(a, b) AS (SELECT id, m(amount) FROM orders) SELECT b FROM x q WHERE q.a = 4", [30]),
        ("WITH x AS (SELECT id AS k, m(amount) AS y FROM orders), z AS (SELECT k, y + 1 AS w FROM x)"
         " SELECT w FROM z WHERE k = 4", [30]),
        ("WITH x AS (SELECT id, m(amount) AS y FROM orders) SELECT a.y FROM x a"
         " WHERE id = 4 AND y > (SELECT MIN(y) FROM x)", EVERY),
        ("WITH x AS (SELECT id, m(amount) AS y FROM orders), z AS (SELECT m(age) AS y FROM people) SELECT name FROM people", []),
        ("WITH x AS (SELECT id, m(amount) AS y FROM orders), z AS (SELECT y FROM x) SELECT name FROM people", []),
        ("SELECT y, age FROM (SELECT id, customer, m(amount) AS y FROM orders) x JOIN people p ON x.customer = p.name"
         " WHERE x.id < 3 AND p.age > 1", [5, 20]),
        ("SELECT name, y FROM people p LEFT JOIN (SELECT id, customer, m(amount) AS y FROM orders) x ON x.customer = p.name"
         " WHERE x.id IS NULL OR x.id < 3", EVERY),
        ("SELECT y FROM (SELECT id, m(amount) AS y FROM orders ORDER BY id LIMIT 4) x WHERE id < 3", [5, 7, 20, 30]),
        ("SELECT r FROM (SELECT id, ROW_NUMBER() OVER (ORDER BY m(amount), id) AS r FROM orders) x WHERE id = 4", EVERY),
        ("SELECT COUNT(*) AS n FROM (SELECT MAX(id) AS id, MAX(m(amount)) AS y FROM orders) x WHERE id < 3", EVERY),
        ("SELECT y FROM (SELECT amount AS id, id AS k, m(amount) AS y FROM orders) x WHERE id > 20", [30]),
        ("SELECT b FROM (SELECT m(amount) AS y, y AS b FROM orders) x WHERE b > 20", EVERY),
        ("SELECT name, (SELECT MAX(y) FROM (SELECT customer, m(amount) AS y, y AS b FROM orders) x"
         " WHERE customer = name AND b > 1) AS y FROM people", EVERY),
        ("SELECT y FROM (SELECT id, m(amount) AS y FROM orders UNION ALL SELECT age, m(age) FROM people) x WHERE id < 3",
         [5, 7, 12, 20, 30, 30, 40, 60]),
        ("WITH x AS (WITH z AS (SELECT id, m(amount) AS y FROM orders) SELECT id, y FROM z), z AS (SELECT 1 AS one)"
         " SELECT y FROM x, z WHERE x.id = 2", EVERY),
        ("WITH z AS (SELECT id, m(amount) AS y FROM orders WHERE id < 5), x AS (SELECT id AS i, y FROM z) SELECT * FROM"
         " (WITH z AS (SELECT 9 AS id) SELECT i, y, z.id AS other FROM x, z WHERE x.i < 3) q", [5, 7, 20, 30]),
    ],
)  # fmt: skip
def test_what_is_asked(server: Asked, oracle: duckdb.DuckDBPyConnection, text: str, asked: list[float]) -> None:
    server.asked()
    ours, theirs = server.rows(text), oracle.execute(text).fetchall()
    assert sorted(ours, key=repr) == sorted(theirs, key=repr)
    assert server.asked() == asked
