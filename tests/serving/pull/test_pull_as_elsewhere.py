"""Pull queries as they are written for DuckDB and its like: the same rows as DuckDB gives for the same text, asked by itself."""

from __future__ import annotations

import duckdb
import pytest

import mergus
from mergus.engine.errors import UserError

ORDERS = [
    (1, "ann", "Oslo", 20.5, ["a", "b"]),
    (2, "bob", "Bergen", 5.0, ["b"]),
    (3, "ann", "Bergen", 7.5, []),
    (4, "dee", None, 30.0, ["c", "a"]),
    (5, "bob", "Oslo", 12.0, ["a"]),
]


@pytest.fixture(scope="module")
def db():
    with mergus.connect() as db:
        db.execute(
            "CREATE STREAM orders (id INT KEY, customer STRING, city STRING, amount DOUBLE, tags ARRAY<STRING>)"
            " WITH (KAFKA_TOPIC = 'orders', VALUE_FORMAT = 'JSON', PARTITIONS = 1);"
        )
        names = ("id", "customer", "city", "amount", "tags")
        db.insert("orders", [dict(zip(names, row, strict=True)) for row in ORDERS])
        yield db


@pytest.fixture(scope="module")
def oracle():
    with duckdb.connect() as made:
        made.execute("SET default_null_order = 'nulls_last'")
        made.execute("CREATE TABLE orders (id INT, customer VARCHAR, city VARCHAR, amount DOUBLE, tags VARCHAR[])")
        made.executemany("INSERT INTO orders VALUES (?, ?, ?, ?, ?)", ORDERS)
        yield made


ALIASES = [
    "SELECT customer AS c, COUNT(*) AS n FROM orders GROUP BY c",
    "SELECT upper(customer) AS city, COUNT(*) AS n FROM orders GROUP BY customer, city",
    "SELECT customer AS c, city, COUNT(*) AS n FROM orders GROUP BY 1, 2",
    "SELECT COUNT(*) AS n, amount > 10 AS dear FROM orders GROUP BY 2 HAVING n > 1",
    "SELECT customer, COUNT(*) AS n, SUM(amount) + 1 AS s, upper(city) AS c FROM orders GROUP BY ALL",
    "SELECT COUNT(*) AS n FROM orders GROUP BY ALL",
    "SELECT customer AS c, SUM(amount) AS total FROM orders GROUP BY c HAVING total > 10 AND c <> 'dee'",
    "SELECT customer, SUM(amount) AS amount FROM orders GROUP BY customer HAVING amount > 20 AND MAX(amount) > 20.5",
    "SELECT customer AS c, SUM(amount) AS total FROM orders GROUP BY c ORDER BY total * -1, c",
    "SELECT id, amount * 2 AS twice FROM orders WHERE twice > 20 ORDER BY twice",
    "SELECT id, amount * 2 AS twice, twice + 1 AS more FROM orders",
    "SELECT customer AS c, SUM(amount) AS total, rank() OVER (ORDER BY total) AS place FROM orders GROUP BY c",
    "SELECT customer AS x, list_transform(tags, lambda x: x || 'y') AS t, x || 'z' AS z FROM orders WHERE x <> 'bob'",
    "SELECT id, amount * 2 AS twice FROM orders WHERE twice > 20",
    "SELECT city, customer FROM orders WHERE city IS NOT NULL ORDER BY ALL DESC",
    "SELECT id FROM orders UNION ALL SELECT id + 1 FROM orders ORDER BY ALL",
    "SELECT id FROM orders o WHERE EXISTS (SELECT amount AS id FROM orders i WHERE i.amount > 12 AND i.customer = o.customer)",
]

STARS = [
    "SELECT * EXCLUDE (id, tags) FROM orders",
    "SELECT o.* EXCLUDE id REPLACE (upper(o.customer) AS customer), p.id AS other FROM orders o JOIN orders p ON o.id = p.id - 1",
    "SELECT * EXCLUDE (id, amount, tags), COUNT(*) AS n FROM orders GROUP BY ALL",
    "SELECT * REPLACE (amount * 2 AS amount) FROM orders WHERE amount > 10",
]
QUALIFY = [
    "SELECT id, customer FROM orders QUALIFY row_number() OVER (PARTITION BY customer ORDER BY amount DESC) = 1",
    "SELECT id, rank() OVER (ORDER BY amount DESC) AS r FROM orders WHERE id <> 4 QUALIFY r <= 2 ORDER BY id",
    "SELECT customer AS c, SUM(amount) AS s FROM orders GROUP BY c HAVING s > 13 QUALIFY rank() OVER (ORDER BY MAX(id)) < 3",
    "SELECT city, id FROM orders QUALIFY COUNT(*) OVER (PARTITION BY city) > 1 ORDER BY city, id LIMIT 3",
    "SELECT unnest(tags) AS tag, id FROM orders QUALIFY row_number() OVER (ORDER BY id) > 1",
]
FORMS = [
    "SELECT 1 + 1 AS two, upper('x') AS x",
    "SELECT (SELECT COUNT(*) FROM orders) AS n, (SELECT MAX(id) FROM orders) AS m",
    "SELECT 1 AS a UNION ALL SELECT id FROM orders ORDER BY a",
    "SELECT unnest([3, 1, 2]) AS x ORDER BY x",
    "SELECT o.id, p.city FROM orders o JOIN orders p USING (id, customer) WHERE p.city ILIKE '%SLO'",
    "SELECT o.id FROM orders o, orders p WHERE o.id = p.id + 1 AND o.city IS NOT NULL AND o.city NOT ILIKE 'O%'",
    "SELECT id || '-' || customer || (amount > 10) AS k FROM orders",
    "SELECT [id, 2] AS l FROM orders",
    "SELECT n FROM (SELECT COUNT(*) AS n FROM orders)",
    "SELECT n, m FROM (SELECT COUNT(*) AS n FROM orders) CROSS JOIN (SELECT MAX(id) AS m FROM orders)",
]
VALUES = [
    "SELECT * FROM (VALUES (1, 'a'), (2, 'b')) AS t(x, y) ORDER BY x DESC",
    "SELECT col0, col1 FROM (VALUES (1, NULL), (2, 'b'))",
    "SELECT o.id, t.z FROM orders o JOIN (VALUES ('ann', 1), ('bob', 2 + 3)) AS t(name, z) ON o.customer = t.name",
    "WITH w(a) AS (VALUES (1), (2)) SELECT SUM(a) AS s FROM w",
    "SELECT x FROM (SELECT id, amount FROM orders) AS q(x, y) WHERE y > 12",
    "SELECT 1 AS a UNION ALL VALUES (2), (3)",
    "SELECT * FROM (VALUES (1), (2)) AS t(x) CROSS JOIN (VALUES ('a')) AS u(y)",
    "SELECT * FROM (VALUES ((SELECT MAX(id) FROM orders), 1)) AS t(x, y)",
    "SELECT customer FROM orders WHERE EXISTS (SELECT 1 AS one FROM (VALUES (1), (4)) AS t(a) WHERE t.a = id)",
]
LEFT, RIGHT, THIRD = (
    "(VALUES (1, 'a'), (2, 'b')) AS t(k, x)",
    "(VALUES (2, 'c'), (3, 'd')) AS u(k, y)",
    "(VALUES (3, 'e'), (7, 'f')) AS v(k, z)",
)
COMMON = [
    *(
        f"SELECT {items} FROM {LEFT} {join} WHERE k <> 9"
        for items in ("*", "k, x, y, t.k AS one, u.k AS other", "COUNT(k) AS n, MAX(k) AS m")
        for kind in ("", "LEFT", "RIGHT", "FULL")
        for join in (f"{kind} JOIN {RIGHT} USING (k)", f"NATURAL {kind} JOIN {RIGHT}")
    ),
    f"SELECT * FROM {LEFT} NATURAL FULL JOIN {RIGHT} FULL JOIN {THIRD} USING (k)",
    f"SELECT t.k, x, z FROM {LEFT} JOIN {RIGHT} USING (k) RIGHT JOIN {THIRD} ON z > x",
    "SELECT k, COUNT(*) AS n FROM (SELECT id AS k FROM orders) JOIN (SELECT id AS k FROM orders)"
    " USING (k) GROUP BY k HAVING k > 2",
    "SELECT id, customer FROM orders o NATURAL JOIN (SELECT id, customer, 1 AS one FROM orders) p WHERE id > 2 ORDER BY id",
    "SELECT id, (SELECT MAX(p.amount) FROM orders p WHERE p.id <= k.n) AS m"
    " FROM (VALUES (1, 2), (5, 3)) AS k(id, n) FULL JOIN orders o USING (id)",
]
LATERAL = [
    "SELECT o.id, x.n FROM orders o, LATERAL (SELECT COUNT(*) AS n FROM orders i WHERE i.customer = o.customer"
    " AND i.id < o.id) x",
    "SELECT o.id, x.id AS next FROM orders o LEFT JOIN LATERAL (SELECT i.id FROM orders i WHERE i.id > o.id"
    " ORDER BY i.amount, i.id LIMIT 1) x ON TRUE",
    "SELECT a.id, x.m, y.k FROM orders a, LATERAL (SELECT MAX(b.id) AS m FROM orders b WHERE b.city = a.city) x,"
    " LATERAL (SELECT x.m + a.id AS k) y WHERE y.k > 3",
    "SELECT id, (SELECT o.customer) AS c, (SELECT amount FROM (SELECT o.amount) AS x) AS a FROM orders o",
    "SELECT o.city, x.one FROM orders o JOIN LATERAL (SELECT o.id, 1 AS one) x USING (id)",
    "SELECT id, tag FROM orders CROSS JOIN UNNEST(tags) AS t(tag)",
    "SELECT t.tag, COUNT(*) AS n FROM orders o, UNNEST(o.tags) AS t(tag) WHERE o.amount > 6 GROUP BY t.tag",
    "SELECT x FROM UNNEST([3, 1]) AS t(x)",
    "SELECT id FROM orders o WHERE EXISTS (SELECT 1 AS one FROM UNNEST(o.tags) AS t(tag) WHERE tag = 'a')",
]


@pytest.mark.parametrize("text", LATERAL)
def test_what_is_asked_for_each_row_is_duckdbs(db, oracle, text):
    made = [tuple(row.values()) for row in db.query(text + ";").rows()]
    assert sorted(made, key=repr) == sorted(oracle.execute(text).fetchall(), key=repr)


SETS = [
    "SELECT customer, city, COUNT(*) AS n, MAX(amount) AS m FROM orders GROUP BY ROLLUP (customer, city)",
    "SELECT customer AS c, city, COUNT(*) AS n, grouping(customer, city) AS g FROM orders GROUP BY CUBE (customer, city)"
    " HAVING COUNT(*) > 1 ORDER BY g, c, city",
    "SELECT customer, city, MAX(customer) AS m FROM orders GROUP BY GROUPING SETS ((customer, city), (city), ())",
    "SELECT customer, city, COUNT(*) AS n FROM orders GROUP BY city, ROLLUP (customer)",
    "SELECT customer, city, id, COUNT(*) AS n FROM orders GROUP BY CUBE ((customer, city), id)",
    "SELECT customer, city, COUNT(*) AS n FROM orders GROUP BY GROUPING SETS (ROLLUP (customer), (city, customer), customer)",
    "SELECT COUNT(*) AS n FROM orders WHERE id > 99 GROUP BY GROUPING SETS (())",
    "SELECT upper(customer) AS c, COUNT(*) AS n FROM orders GROUP BY ROLLUP (customer)"
    " HAVING grouping(customer) = 1 OR COUNT(*) > 1",
    "SELECT customer, (SELECT COUNT(*) FROM orders i WHERE i.customer = o.customer) AS n FROM orders o"
    " GROUP BY ROLLUP (customer)",
    "SELECT customer, rank() OVER (PARTITION BY grouping(customer) ORDER BY COUNT(*)) AS r FROM orders"
    " GROUP BY ROLLUP (customer)",
]


@pytest.mark.parametrize("text", SETS)
def test_grouping_sets_are_duckdbs(db, oracle, text):
    made = [tuple(row.values()) for row in db.query(text.replace("upper(", "UCASE(") + ";").rows()]
    wanted = oracle.execute(text).fetchall()
    if "ORDER BY g" not in text:
        made, wanted = sorted(made, key=repr), sorted(wanted, key=repr)
    assert made == wanted


def test_names_and_places_of_select_stand_in_grouping_sets(db):
    items = "UCASE(customer) AS c, city AS place, COUNT(*) AS n"
    made = db.query(f"SELECT {items} FROM orders GROUP BY ROLLUP (c, 2) HAVING n > 1 ORDER BY n, c;").rows()
    assert [tuple(row.values()) for row in made] == [
        ("ANN", None, 2),
        ("BOB", None, 2),
        (None, None, 5),
    ]


@pytest.mark.parametrize("text", VALUES + COMMON)
def test_rows_that_are_written_out_and_columns_that_are_one(db, oracle, text):
    made, wanted = [tuple(row.values()) for row in db.query(text + ";").rows()], oracle.execute(text).fetchall()
    if "ORDER BY" not in text:
        made, wanted = sorted(made, key=repr), sorted(wanted, key=repr)
    assert made == wanted


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("ORDER BY id DESC OFFSET 1 ROW FETCH NEXT 2 ROWS ONLY", [4, 3]),
        ("FETCH FIRST ROW ONLY", [1]),
        ("WHERE id > 2 FETCH FIRST 2 ROWS ONLY", [3, 4]),
        ("ORDER BY id LIMIT 2 OFFSET 2 ROWS", [3, 4]),
        ("ORDER BY id OFFSET 1 LIMIT 2", [2, 3]),
        ("WHERE id IN (VALUES (4), (1)) OR id = (VALUES (5)) ORDER BY id", [1, 4, 5]),
    ],
)
def test_limits_and_lists_as_others_write_them(db, text, ids):
    assert [row["ID"] for row in db.query(f"SELECT id FROM orders {text};").rows()] == ids


@pytest.mark.parametrize("text", ALIASES + STARS + QUALIFY + FORMS)
def test_the_rows_are_duckdbs(db, oracle, text):
    ours = text.replace("upper(", "UCASE(").replace("list_transform(tags, lambda x:", "TRANSFORM(tags, x =>")
    made = [tuple(row.values()) for row in db.query(ours + ";").rows()]
    wanted = oracle.execute(text).fetchall()
    if "ORDER BY" not in text.rpartition(")")[2]:
        made, wanted = sorted(made, key=repr), sorted(wanted, key=repr)
    assert made == wanted


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("SELECT COUNT(*) AS n FROM orders WHERE n > 1", "WHERE does not support aggregate functions"),
        ("SELECT customer, COUNT(*) AS n FROM orders GROUP BY 3", "CUSTOMER, which is not part of GROUP BY"),
        ("SELECT customer, COUNT(*) AS n FROM orders GROUP BY c", "column C does not exist"),
        ("SELECT * EXCLUDE (nope) FROM orders", "column NOPE does not exist"),
        ("SELECT * EXCLUDE (id, customer, city, amount, tags) FROM orders", "leaves no column"),
        ("SELECT id FROM orders QUALIFY id > 2", "QUALIFY asks window functions, and there is none"),
        (
            "SELECT id FROM orders QUALIFY RANK() OVER (ORDER BY id) = 1 EMIT CHANGES",
            "cannot stand in a query with QUALIFY",
        ),
        ("SELECT id FROM orders QUALIFY 1", "QUALIFY takes a BOOLEAN"),
        ("SELECT nope", "column NOPE has no FROM to come from"),
        ("SELECT *", ", or FROM was expected"),
        ("SELECT 1 EMIT CHANGES", "expected , or FROM"),
        ("CREATE STREAM s AS SELECT 1 AS a", "SELECT without FROM is not supported in a persistent query"),
        ("SELECT o.id FROM orders o JOIN orders p USING (nope)", "column NOPE does not exist in stream O"),
        ("SELECT RANDOM() AS r, r + 1 AS more FROM orders", "column R does not exist"),
        ("SELECT * FROM (VALUES (1, 2), (3)) AS t", "the rows of VALUES have 2 and 1 values"),
        ("SELECT * FROM (VALUES (1), ('a')) AS t", "'a' is not a valid INTEGER"),
        ("SELECT * FROM (VALUES (NULL)) AS t", "the type of COL0 cannot be inferred from NULL"),
        ("SELECT * FROM (VALUES (id)) AS t", "column ID has no FROM to come from"),
        ("SELECT * FROM (VALUES (1)) AS t(x, y)", "T has 2 names for 1 columns"),
        ("SELECT x FROM (VALUES (1)) AS t(x) EMIT CHANGES", "EMIT CHANGES cannot stand in a query with VALUES"),
        ("CREATE STREAM s AS SELECT x FROM (VALUES (1)) AS t(x)", "VALUES is not supported in a persistent query"),
        (
            "CREATE STREAM s AS SELECT * FROM orders o NATURAL JOIN orders p",
            "NATURAL JOIN is not supported in a persistent",
        ),
        ("SELECT * FROM (VALUES (1)) AS t(a) NATURAL JOIN (VALUES (1)) AS u(b)", "T and U have no column in common"),
        ("SELECT id FROM orders o JOIN orders p USING (id) JOIN orders q ON q.id = o.id", "column ID is ambiguous"),
        ("SELECT id FROM orders o NATURAL", "where JOIN was expected"),
        (
            "SELECT customer, COUNT(*) AS n FROM orders GROUP BY ROLLUP (customer) EMIT CHANGES",
            "in a query with ROLLUP",
        ),
        (
            "CREATE TABLE t AS SELECT city, COUNT(*) AS n FROM orders GROUP BY CUBE (city)",
            "CUBE is not supported in a persistent",
        ),
        (
            "SELECT customer, GROUPING(city) AS g FROM orders GROUP BY ROLLUP (customer)",
            "GROUPING takes what is grouped by",
        ),
        ("SELECT GROUPING(city) AS g FROM orders", "it stands beside GROUP BY"),
        (f"SELECT COUNT(*) AS n FROM orders GROUP BY CUBE ({', '.join(['id'] * 11)})", "has more than 1024 sets"),
        (
            f"SELECT COUNT(*) AS n FROM orders GROUP BY {', '.join(['CUBE (id, city, amount)'] * 4)}",
            "more than 1024 grouping sets",
        ),
        ("SELECT ROLLUP(city) AS g FROM orders", "it stands in GROUP BY of a pull query"),
        (
            "SELECT id FROM orders WHERE (id, city) IN (SELECT 1 AS a, 'b' AS b)",
            "EXISTS (SELECT 1 AS one FROM t WHERE t.a = a",
        ),
        ("SELECT id FROM orders WHERE id > ALL (SELECT 1 AS a)", "is x > (SELECT MAX(y) …)"),
        ("SELECT o.id FROM orders o LEFT ANTI JOIN orders p ON o.id = p.id", "WHERE NOT EXISTS"),
        ("SELECT o.id FROM orders o SEMI JOIN orders p ON o.id = p.id", "WHERE EXISTS"),
        ("SELECT o.id FROM orders o ASOF JOIN orders p ON o.id = p.id", "QUALIFY ROW_NUMBER()"),
        ("SELECT id FROM orders LIMIT ALL", "without LIMIT all rows come"),
        ("SELECT id FROM orders UNION BY NAME SELECT id FROM orders", "columns go by their place"),
        ("SELECT id FROM orders ORDER BY id FETCH FIRST 2 ROWS WITH TIES", "keeps rows of equal rank"),
        ("SELECT id FROM orders TABLESAMPLE 10 PERCENT", "WHERE RANDOM() < 0.1"),
    ],
)
def test_refused_in_words(db, text, said):
    with pytest.raises(UserError) as refused:
        db.execute(text + ";")
    assert said in str(refused.value)


def test_a_function_of_ones_own_goes_before_another_systems_name():
    with mergus.connect() as db:
        assert db.query("SELECT LOWER('A') AS x;").one() == {"X": "a"}
        db.execute(
            "CREATE FUNCTION lower(t STRING) RETURNS STRING LANGUAGE PYTHON AS $$\ndef lower(t):\n    return t + '!'\n$$;"
        )
        assert db.query("SELECT LOWER('A') AS x;").one() == {"X": "A!"}
        db.execute("DROP FUNCTION lower;")
        assert db.query("SELECT LOWER('A') AS x;").one() == {"X": "a"}
