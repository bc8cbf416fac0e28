"""Models anywhere in pull queries: the rows that DuckDB gives for the same text with the model as a function of its own; what a
model is asked; and what is refused."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import duckdb
import pytest

import mergus
from mergus.engine.errors import UserError
from tests.serving.asked_models import Asked

ROWS = [
    "SELECT o.id, total(o.amount, p.age) AS y FROM orders o JOIN people p ON o.customer = p.name",
    "SELECT o.id, m(p.age) AS y, word(o.message) AS w FROM orders o LEFT JOIN people p ON o.customer = p.name",
    "SELECT o.id, m(COALESCE(p.age, 1)) AS y FROM orders o LEFT JOIN people p ON o.customer = p.name",
    "SELECT id FROM orders o JOIN people p ON o.customer = p.name WHERE total(o.amount, p.age) > 45 AND o.id > 1",
    "SELECT o.id, p.name FROM orders o JOIN people p ON word(o.message) = p.motto",
    "SELECT o.id, p.name FROM orders o LEFT JOIN people p ON word(o.message) = p.motto AND o.amount > 6",
    "SELECT o.id, p.name FROM orders o FULL JOIN people p ON word(o.message) = word(p.motto) AND p.age < 50",
    "SELECT o.id, p.name FROM orders o JOIN people p ON total(o.amount, p.age) > 50 AND o.id < 5",
    "SELECT o.id, p.name FROM orders o LEFT JOIN people p ON total(o.amount, p.age) > 50 AND o.id < 5",
    "SELECT o.id, p.name FROM orders o RIGHT JOIN people p ON total(o.amount, p.age) > 50 AND o.id < 5",
    "SELECT o.id, p.name FROM orders o FULL JOIN people p ON total(o.amount, p.age) > 65 AND o.customer = p.name",
    "SELECT o.id, p.name, q.age FROM orders o LEFT JOIN people p ON m(o.amount) > p.age"
    " JOIN people q ON total(p.age, q.age) > 60",
    "SELECT o.id, p.name FROM orders o LEFT JOIN people p ON CASE WHEN p.age > 35 THEN m(o.amount) END > 20",
    "SELECT id, m(amount) AS y FROM orders ORDER BY m(amount) DESC, id",
    "SELECT id FROM orders ORDER BY word(message), id",
    "SELECT id, m(amount) AS y FROM orders ORDER BY amount DESC, id LIMIT 2 OFFSET 1",
    "SELECT DISTINCT m(amount) AS y FROM orders",
    "SELECT DISTINCT word(message) AS w, m(LEN(message)) AS y FROM orders",
    "SELECT id, RANK() OVER (PARTITION BY word(message) ORDER BY m(amount)) AS r FROM orders",
    "SELECT id, m(LAG(amount) OVER (ORDER BY id)) AS y FROM orders",
    "SELECT id FROM orders QUALIFY m(ROW_NUMBER() OVER (ORDER BY id)) > 6",
    "SELECT id, SUM(m(amount)) OVER (ORDER BY id) AS s FROM orders WHERE m(amount) > 12",
]
GROUPS = [
    "SELECT customer, word(MAX(message)) AS w FROM orders GROUP BY customer",
    "SELECT m(MAX(amount)) AS y, COUNT(*) AS n FROM orders",
    "SELECT m(COUNT(*)) AS y FROM orders WHERE id > 99",
    "SELECT customer FROM orders GROUP BY customer HAVING m(SUM(amount)) > 40",
    "SELECT customer, COUNT(*) AS n FROM orders GROUP BY customer HAVING COUNT(*) > 1 AND m(MAX(amount)) > 30",
    "SELECT word(message) AS w, COUNT(*) AS n, SUM(m(amount)) AS s FROM orders GROUP BY word(message)",
    "SELECT word(message) AS w, m(SUM(m(amount))) AS s FROM orders GROUP BY 1 HAVING w <> 'thanks'",
    "SELECT word(word(message)) AS w, COUNT(*) AS n FROM orders GROUP BY word(message)",
    "SELECT customer, MAX(m(amount)) - MIN(m(amount)) AS d FROM orders GROUP BY customer ORDER BY m(MAX(amount)), customer",
    "SELECT p.name, SUM(total(o.amount, p.age)) AS s FROM people p JOIN orders o ON o.customer = p.name GROUP BY p.name",
    "SELECT customer, RANK() OVER (ORDER BY m(SUM(amount)) DESC) AS r FROM orders GROUP BY customer",
    "SELECT customer FROM orders GROUP BY customer QUALIFY m(RANK() OVER (ORDER BY SUM(amount))) = 2",
    "SELECT COUNT(*) FILTER (WHERE word(message) = 'late') AS late FROM orders",
]
QUERIES = [
    "SELECT customer, (SELECT MAX(m(p.age + SUM(o.amount))) FROM people p) AS y FROM orders o GROUP BY customer",
    "SELECT customer FROM orders o GROUP BY customer HAVING EXISTS (SELECT 1 AS x FROM people WHERE m(age) < SUM(o.amount) * 3)",
    "SELECT w, COUNT(*) AS n FROM (SELECT word(message) AS w FROM orders) AS x GROUP BY w",
    "SELECT m(n) AS y FROM (SELECT COUNT(*) AS n FROM orders GROUP BY customer) AS x",
    "WITH x AS (SELECT customer, SUM(amount) AS s FROM orders GROUP BY customer) SELECT a.customer, m(a.s) AS y,"
    " total(a.s, b.s) AS t FROM x a JOIN x b ON a.s < b.s",
    "WITH x AS (SELECT id, m(amount) AS y FROM orders) SELECT a.id FROM x a WHERE a.y = (SELECT MAX(y) FROM x) OR m(a.y) < 30",
    "SELECT id FROM orders WHERE word(message) IN (SELECT motto FROM people)",
    "SELECT id FROM orders WHERE message IN (SELECT word(motto) FROM people WHERE age > 30)",
    "SELECT id, (SELECT m(MAX(age)) FROM people) AS y FROM orders",
    "SELECT id, m((SELECT MAX(age) FROM people)) + m(id) AS y FROM orders",
    "SELECT name, (SELECT MAX(m(o.amount)) FROM orders o WHERE o.customer = p.name) AS best FROM people p",
    "SELECT name, (SELECT m(MAX(o.amount)) FROM orders o WHERE o.customer = p.name) AS best FROM people p",
    "SELECT name, (SELECT m(COUNT(*)) FROM orders o WHERE o.customer = p.name) AS n FROM people p",
    "SELECT name, (SELECT SUM(total(o.amount, p.age)) FROM orders o WHERE o.id < 5) AS s FROM people p",
    "SELECT name FROM people p WHERE EXISTS (SELECT 1 AS one FROM orders o WHERE word(o.message) = word(p.motto))",
    "SELECT name FROM people p WHERE p.age > 30 AND NOT EXISTS (SELECT 1 AS one FROM orders o WHERE total(o.amount, p.age) > 65)",
    "SELECT id FROM orders o WHERE m(amount) > (SELECT MIN(m(i.amount)) + 1 FROM orders i WHERE i.customer = o.customer)",
    "SELECT id FROM orders o WHERE amount IN (SELECT m(p.age) - o.id * 0 - 40 FROM people p WHERE m(p.age) > o.amount)",
    "SELECT customer, (SELECT MAX(total(p.age, LEN(o.customer))) FROM people p WHERE p.name <> o.customer) AS t FROM orders o"
    " GROUP BY customer",
    "SELECT customer, (SELECT word(MAX(p.motto)) FROM people p WHERE p.name = o.customer) AS w, COUNT(*) AS n FROM orders o"
    " GROUP BY customer HAVING m(COUNT(*)) >= 2",
    "SELECT name, (SELECT COUNT(*) FROM orders o WHERE o.customer = p.name AND EXISTS (SELECT 1 AS one FROM people q"
    " WHERE total(q.age, o.amount) > 45 + LEN(p.name))) AS n FROM people p",
    "SELECT name, (SELECT MAX(x.y) FROM (SELECT m(o.amount) AS y FROM orders o WHERE o.customer = p.name) AS x) AS s"
    " FROM people p",
    "SELECT p.name, q.name AS other FROM people p JOIN people q ON p.age < q.age AND (SELECT m(COUNT(*)) FROM orders o"
    " WHERE o.customer = p.name OR o.customer = q.name) > 4",
    "SELECT p.name, x.t FROM people p, LATERAL (SELECT MAX(total(o.amount, p.age)) AS t FROM orders o"
    " WHERE o.customer = p.name) x",
    "SELECT o.id, x.age FROM orders o JOIN LATERAL (SELECT p.age FROM people p WHERE p.name = o.customer) x ON m(x.age) > 70",
    "SELECT word(message) AS w FROM orders UNION SELECT word(motto) FROM people",
    "SELECT m(amount) AS y FROM orders UNION ALL SELECT m(age) FROM people ORDER BY y LIMIT 3",
    "SELECT word(message) AS w FROM orders INTERSECT SELECT motto FROM people",
    "SELECT id FROM orders EXCEPT SELECT CAST(m(1) AS INT) FROM people",
    "SELECT plus(o.amount + p.age) AS y, plus(MAX(o.id)) AS n FROM orders o JOIN people p ON plus(o.id) > plus(p.age) / 20"
    " GROUP BY plus(o.amount + p.age) HAVING plus(COUNT(*)) > 1",
    "SELECT name, (SELECT plus(MAX(o.amount)) FROM orders o WHERE o.customer = p.name) AS y FROM people p",
]


@pytest.mark.parametrize("text", ROWS + GROUPS + QUERIES)
def test_the_rows_are_those_of_a_function(server: Asked, oracle: duckdb.DuckDBPyConnection, text: str) -> None:
    ours, theirs = server.rows(text), oracle.execute(text).fetchall()
    if "ORDER BY" not in text.rpartition(")")[2]:
        ours, theirs = sorted(ours, key=repr), sorted(theirs, key=repr)
    assert ours == theirs


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("SELECT m(o.amount) AS y FROM orders o JOIN people p ON o.customer = p.name WHERE o.id > 1 AND p.age < 40", [7]),
        ("SELECT m(amount) AS y, m(amount) + 1 AS z, COUNT(*) FROM orders WHERE m(amount) > 12 GROUP BY m(amount)",
         [5, 7, 12, 20, 30]),
        ("SELECT id, m(amount) AS y FROM orders ORDER BY id LIMIT 2 OFFSET 1", [5, 7, 20]),
        ("SELECT id FROM orders ORDER BY m(amount) LIMIT 1", [5, 7, 12, 20, 30]),
        ("SELECT SUM(CASE WHEN id < 3 THEN m(amount) ELSE 0 END) AS y FROM orders", [5, 20]),
        ("SELECT CASE WHEN COUNT(*) > 1 THEN m(MAX(amount)) END AS y FROM orders GROUP BY customer", [12, 20]),
        ("SELECT COUNT(*) > 9 AND m(COUNT(*)) > 1 AS y FROM orders", []),
        ("SELECT o.id FROM orders o JOIN people p ON o.id < 3 AND p.age > 30 AND m(o.amount) > p.age", [5, 20]),
        ("SELECT o.id FROM orders o LEFT JOIN people p ON o.id < 3 AND m(p.age) > o.amount AND p.age < 50", [30, 40]),
        ("SELECT o.id FROM orders o LEFT JOIN people p ON o.customer = p.name AND m(o.amount + p.age) > 0", [37, 45, 50, 52]),
        ("SELECT o.id FROM orders o LEFT JOIN people p ON CASE WHEN p.age > 35 THEN m(o.id) END > 11", [1, 2, 3, 4, 5, 6]),
        ("SELECT m(COALESCE(p.age, o.id)) AS y FROM orders o LEFT JOIN people p ON o.customer = p.name AND o.id < 2",
         [2, 3, 4, 5, 6, 30]),
        ("SELECT COALESCE(p.age, m(o.id)) AS y FROM orders o LEFT JOIN people p ON o.customer = p.name", [4, 6]),
        ("SELECT name FROM people p WHERE p.age < 40 AND EXISTS (SELECT 1 AS one FROM orders o WHERE o.customer = p.name AND"
         " m(o.amount) > 0)", [7, 20]),
        ("SELECT id, ROW_NUMBER() OVER (ORDER BY id) AS r FROM orders WHERE id < 3 QUALIFY r < 2 AND m(amount) > 0", [20]),
        ("SELECT m(x) AS y FROM (SELECT EXPLODE(ARRAY[amount, 1.5]) AS x FROM orders WHERE id < 3) AS q", [1.5, 5, 20]),
        ("WITH w AS (SELECT id, m(amount) AS y FROM orders) SELECT a.id, m(a.id) AS z FROM w a JOIN w b ON a.y < b.y"
         " AND a.id = 1",
         [1, 5, 7, 12, 20, 30]),
        ("SELECT id, MODEL_VERSION(m(amount)) AS v FROM orders ORDER BY id", []),
    ],
)  # fmt: skip
def test_what_is_asked(server: Asked, text: str, asked: list[float]) -> None:
    server.asked()
    server.rows(text)
    assert server.asked() == asked


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("SELECT a.y, p.age FROM ML_PREDICT(TABLE orders, MODEL m, DESCRIPTOR(amount)) AS a JOIN people p ON a.customer = p.name"
         " WHERE a.id < 3 ORDER BY a.y", [(10.0, 40), (40.0, 30)]),
        ("SELECT o.id FROM orders o LEFT JOIN ML_PREDICT(TABLE people, MODEL m, DESCRIPTOR(age)) p ON p.y < o.amount * 4"
         " WHERE p.y > 100 ORDER BY o.id", []),
        ("WITH x AS (SELECT id, amount + 1 AS a FROM orders WHERE id < 3) SELECT * FROM"
         " ML_PREDICT(TABLE x, MODEL m, DESCRIPTOR(a)) ORDER BY id", [(1, 21.0, 42.0), (2, 6.0, 12.0)]),
        ("SELECT * FROM ML_EVALUATE(TABLE orders, MODEL m, DESCRIPTOR(amount), DESCRIPTOR(amount), 'regression')"
         " WHERE id < 3", [(2, 12.5, 212.5, 14.577379737113251, -2.7777777777777777)]),
    ],
)  # fmt: skip
def test_models_in_from(server: Asked, text: str, rows: list[tuple[Any, ...]]) -> None:
    assert server.rows(text) == rows


def test_a_row_that_a_model_fails_on_is_null_and_in_the_processing_log(server: Asked) -> None:
    joined = "orders o JOIN people p ON o.customer = p.name AND o.id IN (1, 3)"
    text = f"SELECT o.id, m(o.amount - p.age) AS y FROM {joined} ORDER BY o.id"
    assert server.rows(text) == [(1, None), (3, None)]
    assert server.rows("SELECT id, m(12.0 - amount) AS y FROM orders WHERE id < 3 ORDER BY id") == [
        (1, None),
        (2, 14.0),
    ]
    log = server.rows("SELECT kind, `COLUMN`, reason FROM mergus_processing_log WHERE query LIKE 'transient_pull%'")
    assert len(log) == 3
    assert all(entry[:2] == ("model", "M") and "too low" in entry[2] for entry in log)


def test_models_run_in_host_processes(tmp_path: Path) -> None:
    (tmp_path / "pid.py").write_text("import os\n\ndef predict(x):\n    return [float(os.getpid()) for v in x]\n")
    with mergus.connect(tmp_path / "data", in_process=False) as db:
        db.execute(
            f"CREATE MODEL pid INPUT (x INT) OUTPUT (y DOUBLE) WITH (provider='python', path='{tmp_path}/pid.py');"
        )
        sources = "(SELECT 1 AS x) a JOIN (SELECT 2 AS x) b ON pid(a.x) > b.x"
        (row,) = db.query(f"SELECT pid(a.x + b.x) AS y, COUNT(*) AS n FROM {sources} GROUP BY pid(a.x + b.x);").rows()
    assert row["N"] == 1
    assert row["Y"] != os.getpid()


def test_a_version_is_that_of_the_answer_beside_it(server: Asked) -> None:
    versions = "MODEL_VERSION(m(amount)) AS v, MODEL_VERSION(m(id)) AS w"
    text = f"SELECT id, m(amount) AS y, {versions} FROM orders WHERE id < 3 ORDER BY id"
    assert server.rows(text) == [(1, 40.0, 1, 1), (2, 10.0, 1, 1)]


def test_many_rows_are_asked_piece_by_piece(server: Asked) -> None:
    cross = " CROSS JOIN ".join(f"orders o{i}" for i in range(6))
    text = f"SELECT m(o0.amount) AS y, o0.amount AS x, COUNT(*) AS n FROM {cross} GROUP BY o0.amount, m(o0.amount) ORDER BY y"
    assert server.rows(text) == [(2 * x, x, n * 6**5) for x, n in ((5, 1), (7, 1), (12, 2), (20, 1), (30, 1))]
    text = f"SELECT COUNT(*) AS n FROM (SELECT m(o0.amount) AS y, o0.amount AS x FROM {cross}) AS q WHERE y = 2 * x"
    assert server.rows(text) == [(6**6,)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("SELECT TRANSFORM(ARRAY[o.id], x => m(x)) AS y FROM orders o JOIN people p ON o.customer = p.name", "inside a lambda"),
        ("SELECT id FROM orders WHERE m(MAX(amount)) > 1", "WHERE does not support aggregate functions"),
        ("SELECT customer, m(amount) AS y FROM orders GROUP BY customer", "AMOUNT, which is not part of GROUP BY"),
        ("SELECT customer, (SELECT MAX(m(p.age + SUM(m(o.amount)))) FROM people p) AS y FROM orders o GROUP BY customer",
         "about groups whose aggregates ask one"),
        ("SELECT y FROM (SELECT id, m(amount) AS y FROM orders) q WHERE id = 'x'", "line 1:63: SELECT y FROM"),
        (
            "SELECT name FROM people p WHERE EXISTS (SELECT 1 AS one FROM (SELECT id FROM orders i WHERE i.customer = p.name)"
            " AS x LEFT JOIN orders o ON total(x.id, o.id) > 3)",
            "write the sub-query as a join",
        ),
        (
            "SELECT o.id FROM orders o LEFT JOIN LATERAL (SELECT age FROM people WHERE name = o.customer) x ON m(x.age) > 7",
            "ask it in the sub-query",
        ),
    ],
)  # fmt: skip
def test_refused_in_words(server: Asked, text: str, said: str) -> None:
    with pytest.raises(UserError) as refused:
        server.rows(text)
    assert said in str(refused.value)


def test_explain_tells_what_is_asked(server: Asked) -> None:
    (listing,) = server.db.execute(
        "EXPLAIN SELECT m(o.amount) AS y FROM orders o JOIN people p ON o.customer = p.name;"
    )
    assert "\n  m0a.c" in listing.text
    assert " = M(c" in listing.text
