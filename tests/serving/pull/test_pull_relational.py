"""Pull queries with joins, groups, sub-queries, sets and order: the same rows as DuckDB gives for the same text over the same
rows, asked by itself; what is ksqlDB's own in them; where they go; and what is refused."""

from __future__ import annotations

import io
import json
import random

import httpx
import pytest

import mergus
from mergus.engine.cli.rendering import write_answer
from mergus.engine.errors import UserError
from mergus.engine.sql.udf.declare import udaf
from tests.serving.pull.orders_and_people import STATEMENTS, as_tables, insert

MORE = """
CREATE TABLE hours AS SELECT customer, COUNT(*) AS n FROM orders WINDOW TUMBLING (SIZE 1000 DAYS) GROUP BY customer;
CREATE TABLE declared (id INT PRIMARY KEY, v INT) WITH (KAFKA_TOPIC = 'd', VALUE_FORMAT = 'JSON', PARTITIONS = 1);
"""


@udaf(params=["STRING"])
class Initials:
    """The first letters of all rows, in their order."""

    def initialize(self) -> str:
        return ""

    def aggregate(self, value: str, state: str) -> str:
        return state + value[0]

    def merge(self, left: str, right: str) -> str:
        return left + right

    def map(self, state: str) -> str:
        return state


@pytest.fixture(scope="module")
def db(tmp_path_factory):
    with mergus.connect() as db:
        db.execute(STATEMENTS + MORE)
        db.register(Initials)
        source = tmp_path_factory.mktemp("models") / "double.py"
        source.write_text("def predict(x):\n    return x * 2\n")
        db.execute(
            f"CREATE MODEL score INPUT (x DOUBLE) OUTPUT (y DOUBLE) WITH (PROVIDER = 'python', PATH = '{source}');"
        )
        insert(db)
        yield db


@pytest.fixture(scope="module")
def oracle():
    with as_tables() as made:
        yield made


def rows_of(db, text: str) -> list[tuple[object, ...]]:
    return [tuple(row.values()) for row in db.query(text + ";").rows()]


def agree(db, oracle, text: str) -> None:
    ours, theirs = rows_of(db, text), oracle.execute(text).fetchall()
    if "ORDER BY 1" not in text:
        ours, theirs = sorted(ours, key=repr), sorted(theirs, key=repr)
    assert ours == theirs, text


@pytest.mark.parametrize(
    "text",
    [
        "SELECT o.id, p.age FROM orders o JOIN people p ON o.customer = p.name",
        "SELECT o.id, p.age, p.name FROM orders o FULL JOIN people p ON o.customer = p.name AND o.amount > p.age / 10",
        "SELECT p.name, o.id FROM people p LEFT JOIN orders o ON o.customer = p.name WHERE o.id IS NULL OR o.amount > 8",
        "SELECT o.id, p.name FROM orders o RIGHT JOIN people p ON o.customer = p.name AND o.city = 'Oslo'",
        "SELECT a.id, b.id AS other FROM orders a JOIN orders b ON a.customer = b.customer AND a.amount < b.amount",
        "SELECT COUNT(*) AS n FROM orders o CROSS JOIN people p CROSS JOIN people q WHERE p.age < q.age",
        "SELECT city, COUNT(*) AS n, SUM(amount) AS s, MIN(id) AS i, COUNT(city) AS c FROM orders GROUP BY city",
        "SELECT customer, city, COUNT(*) AS n FROM orders GROUP BY customer, city HAVING COUNT(*) > 1 AND MAX(amount) > 3",
        "SELECT SUM(amount) AS s, AVG(amount) AS a FROM orders WHERE city = 'Oslo'",
        "SELECT COUNT(*) AS n FROM people WHERE age > 1000",
        "SELECT DISTINCT customer, city FROM orders WHERE amount > 2",
        "SELECT customer, amount * 2 AS d, id FROM orders ORDER BY 1 DESC, amount DESC, id LIMIT 5 OFFSET 3",
        "SELECT city, id FROM orders ORDER BY 1 NULLS FIRST, id DESC",
        "SELECT name FROM people WHERE name IN (SELECT customer FROM orders WHERE amount > 6)",
        "SELECT name FROM people WHERE name NOT IN (SELECT customer FROM orders)",
        "SELECT name FROM people p WHERE NOT EXISTS (SELECT 1 AS one FROM orders o WHERE o.customer = p.name)",
        "SELECT name, (SELECT MAX(amount) FROM orders o WHERE o.customer = p.name) AS best FROM people p",
        "SELECT id FROM orders o WHERE amount > (SELECT AVG(amount) FROM orders i WHERE i.customer = o.customer)",
        "SELECT (SELECT MAX(age) FROM people) AS m, COUNT(*) AS n FROM orders GROUP BY (SELECT MAX(age) FROM people)",
        "SELECT customer FROM orders GROUP BY customer HAVING COUNT(*) = (SELECT MAX(n) FROM (SELECT COUNT(*) AS n"
        " FROM orders GROUP BY customer) AS t)",
        "SELECT city FROM orders UNION SELECT name FROM people ORDER BY 1",
        "SELECT customer FROM orders UNION ALL SELECT name FROM people",
        "SELECT customer FROM orders INTERSECT SELECT name FROM people",
        "SELECT name FROM people EXCEPT SELECT customer FROM orders UNION SELECT city FROM orders",
        "(SELECT id FROM orders ORDER BY amount, id LIMIT 3) UNION ALL (SELECT age FROM people ORDER BY age, name LIMIT 2)",
        "WITH big AS (SELECT customer, SUM(amount) AS s FROM orders GROUP BY customer), old(who) AS (SELECT name FROM people"
        " WHERE age > 35) SELECT b.customer, b.s FROM big b JOIN old o ON o.who = b.customer"
        " WHERE b.s > (SELECT MIN(s) FROM big)",
        "SELECT id, ROW_NUMBER() OVER (PARTITION BY customer ORDER BY amount DESC, id) AS r, SUM(amount) OVER (ORDER BY id) AS s"
        " FROM orders",
        "SELECT id, LAG(id, 2, -1) OVER (ORDER BY amount, id) AS l, RANK() OVER (ORDER BY amount) AS k, NTILE(3) OVER (ORDER BY"
        " id) AS n, AVG(amount) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING) AS a FROM orders",
        "SELECT city, SUM(COUNT(*)) OVER (ORDER BY city) AS run FROM orders WHERE city IS NOT NULL GROUP BY city",
        "SELECT * FROM (SELECT id, RANK() OVER (PARTITION BY city ORDER BY amount DESC) AS r FROM orders) AS x WHERE r = 1",
        "SELECT x.c, y.n FROM (SELECT DISTINCT city AS c FROM orders) AS x LEFT JOIN (SELECT city, COUNT(*) AS n FROM orders"
        " WHERE amount > 8 GROUP BY city) AS y ON x.c = y.city",
    ],
)
def test_the_rows_are_those_of_sql(db, oracle, text):
    if text.startswith("("):
        text = "SELECT * FROM (" + text + ") AS whole"
    agree(db, oracle, text)


def condition(choose: random.Random, columns: list[str]) -> str:
    column = choose.choice(columns)
    simple = {
        "amount": f"{column} > {choose.randint(0, 9)}",
        "id": f"{column} BETWEEN {choose.randint(0, 9)} AND {choose.randint(9, 24)}",
        "age": f"{column} <= {choose.choice([30, 40, 55])}",
        "city": choose.choice([f"{column} IS NULL", f"{column} = 'Oslo'", f"{column} IN ('Voss', 'Bergen')"]),
        "customer": f"{column} IN (SELECT name FROM people WHERE age > {choose.choice([30, 45])})",
        "name": f"{column} < '{choose.choice('bcf')}'",
    }[column.split(".")[1]]
    if choose.random() < 0.4:
        return f"({simple} {choose.choice(['AND', 'OR'])} {condition(choose, columns)})"
    return simple


def statement(choose: random.Random) -> str:
    """A query of joins, conditions, groups and order, put together at random."""
    source, columns = "orders o", ["o.id", "o.amount", "o.city", "o.customer"]
    if choose.random() < 0.7:
        kind = choose.choice(["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL OUTER JOIN"])
        more = f" AND {condition(choose, ['o.amount', 'p.age'])}" if choose.random() < 0.3 else ""
        side = choose.choice(["people", "(SELECT name, age FROM people WHERE age <> 50)"])
        source, columns = f"{source} {kind} {side} p ON o.customer = p.name{more}", [*columns, "p.age", "p.name"]
    where = f" WHERE {condition(choose, columns)}" if choose.random() < 0.7 else ""
    if choose.random() < 0.5:
        keys = choose.sample(columns, choose.randint(1, 2))
        having = f" HAVING COUNT(*) > {choose.randint(1, 2)}" if choose.random() < 0.5 else ""
        items = [*keys, "COUNT(*) AS n", f"{choose.choice(['MIN', 'MAX', 'COUNT'])}({choose.choice(columns)}) AS m"]
        text = f"SELECT {', '.join(items)} FROM {source}{where} GROUP BY {', '.join(keys)}{having}"
    else:
        items = choose.sample(columns, choose.randint(1, 4))
        text = f"SELECT {choose.choice(['', 'DISTINCT '])}{', '.join(items)} FROM {source}{where}"
    order = ", ".join(f"{i + 1}{choose.choice([' DESC', ''])}" for i in range(len(items)))
    cut = f" LIMIT {choose.randint(1, 9)} OFFSET {choose.randint(0, 3)}" if choose.random() < 0.5 else ""
    return f"{text} ORDER BY {order}{cut}".replace("ORDER BY 1 DESC", "ORDER BY 1")


@pytest.mark.parametrize("seed", range(30))
def test_queries_at_random_give_the_rows_of_sql(db, oracle, seed):
    agree(db, oracle, statement(random.Random(seed)))


# ------------------------------------------------------------------------------------------------------- what is ksqlDB's own


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("SELECT COLLECT_LIST(id) AS l, LATEST_BY_OFFSET(city) AS c FROM orders WHERE id < 3", [([0, 1, 2], "Bergen")]),
        ("SELECT SUM(id) AS s, MAX(id) AS m FROM orders WHERE id > 99", [(0, None)]),
        ("SELECT customer, INITIALS(city) AS i FROM orders WHERE id < 3 GROUP BY customer ORDER BY 1",
         [("ann", "OB"), ("bob", "B")]),
        ("SELECT CAST(customer AS INT) AS bad, id FROM orders WHERE id < 2 ORDER BY id", [(None, 0), (None, 1)]),
        ("SELECT COUNT(*) AS n FROM orders WHERE CAST(customer AS INT) > 0", [(0,)]),
        ("SELECT o.id FROM orders o JOIN people p ON CAST(o.customer AS INT) = p.age", []),
        ("SELECT COUNT(*) AS n FROM orders WHERE CAST(city AS INT) IN (SELECT CAST(name AS INT) FROM people)", [(0,)]),
        ("SELECT COUNT(*) AS n FROM orders WHERE NOT (city = 'Oslo')", [(16,)]),
        ("SELECT EXPLODE(ARRAY[id, id + 1]) AS x, customer FROM orders WHERE id = 3", [(3, "cy"), (4, "cy")]),
        ("SELECT -7 / 2 AS q, 'a' || customer AS c FROM orders GROUP BY customer HAVING customer = 'dee'", [(-3, "adee")]),
        ("SELECT COUNT(*), MAX(n) AS n FROM hours WHERE WINDOWSTART >= 0", [(4, 9)]),
        ("SELECT a.n, b.WINDOWEND - a.WINDOWSTART AS w FROM hours a JOIN hours b ON a.customer = b.customer"
         " WHERE a.customer = 'dee'",
         [(3, 86_400_000_000)]),
        ("SELECT score(age) AS y, COUNT(*) AS n FROM people WHERE score(age) > 60 GROUP BY score(age) ORDER BY 1",
         [(80.0, 1), (100.0, 1), (120.0, 1)]),
        ("SELECT score(o.amount) AS y, score(score(p.age)) AS z FROM orders o JOIN people p ON o.customer = p.name"
         " WHERE o.id = 1",
         [(14.0, 160.0)]),
    ],
)  # fmt: skip
def test_functions_casts_and_nulls_are_ksqldbs(db, text, rows):
    assert rows_of(db, text) == rows


def test_names_are_ksqldbs(db):
    joined = db.query("SELECT * FROM orders o JOIN people p ON o.customer = p.name LIMIT 1;")
    assert joined.schema.names == ["O_ID", "O_CUSTOMER", "O_AMOUNT", "O_CITY", "P_NAME", "P_AGE"]
    assert db.query("SELECT COUNT(*), id + 1 AS `x` FROM orders GROUP BY id LIMIT 1;").schema.names == [
        "KSQL_COL_0",
        "x",
    ]
    assert db.query("SELECT * FROM hours h ORDER BY n LIMIT 1;").schema.names == [
        "CUSTOMER",
        "WINDOWSTART",
        "WINDOWEND",
        "N",
    ]


def test_a_file_joins_a_table(db, tmp_path):
    (tmp_path / "from.csv").write_text("Name,country\nann,NO\nbob,SE\n")
    db.execute(f"CREATE STREAM homes WITH (PATH = '{tmp_path / 'from.csv'}', PATH_FORMAT = 'csv');")
    text = "SELECT p.age, h.country FROM people p JOIN homes h ON h.name = p.name ORDER BY p.age"
    assert rows_of(db, text) == [(30, "NO"), (40, "SE")]


# ---------------------------------------------------------------------------------------------------------- where rows go

TEXT = "SELECT p.age, COUNT(*) AS n FROM orders o JOIN people p ON o.customer = p.name GROUP BY p.age ORDER BY p.age;"
EXPECTED = [[30, 9], [40, 6], [50, 6]]


def test_over_http_and_from_python_elsewhere(db, url):
    with httpx.Client(base_url=url, timeout=60) as client:
        streamed = client.post("/query-stream", json={"sql": TEXT}).text.splitlines()
        assert json.loads(streamed[0])["columnTypes"] == ["INTEGER", "BIGINT"]
        assert [json.loads(line) for line in streamed[1:]] == EXPECTED
        older = client.post("/query", json={"ksql": TEXT}).json()
        assert [entry["row"]["columns"] for entry in older if "row" in entry] == EXPECTED
        refused = client.post(
            "/query-stream", json={"sql": "SELECT nam FROM people p JOIN orders o ON p.name = o.city;"}
        )
        assert (refused.status_code, "did you mean NAME?" in refused.json()["message"]) == (400, True)
    with mergus.connect(server=url) as remote:
        assert rows_of(remote, TEXT.rstrip(";")) == [tuple(row) for row in EXPECTED]
        assert remote.query("WITH a AS (SELECT name FROM people) SELECT COUNT(*) AS n FROM a;").one() == {"N": 5}


def test_at_the_command_line(db):
    (answer,) = db.engine.execute(TEXT)
    out = io.StringIO()
    write_answer(answer, "csv", out)
    assert out.getvalue() == "AGE,N\n30,9\n40,6\n50,6\n"


def test_rows_come_in_pieces(db):
    many = " CROSS JOIN ".join(f"orders o{i}" for i in range(4))
    (answer,) = db.engine.execute(f"SELECT o0.id AS a, o3.id AS b FROM {many};")
    sizes = [piece.num_rows for piece in answer.tables()]
    assert (sum(sizes), len(sizes) > 1) == (24**4, True)


def test_an_answer_that_nobody_reads_gives_back_what_it_holds(db):
    (answer,) = db.engine.execute("SELECT a.id FROM orders a CROSS JOIN orders b;")
    del answer
    assert rows_of(db, "SELECT COUNT(*) AS n FROM orders o") == [(24,)]


def test_explain_tells_what_is_read_of_each_source(db):
    (listing,) = db.execute(
        "EXPLAIN SELECT o.id FROM orders o LEFT JOIN people p ON p.name = o.customer WHERE o.id > 3 AND p.age > 30;"
    )
    assert "t0 = SELECT ID, CUSTOMER FROM ORDERS WHERE ID > 3\n" in listing.text
    assert (
        "t1 = SELECT AGE, NAME FROM PEOPLE\n" in listing.text or "t1 = SELECT NAME, AGE FROM PEOPLE\n" in listing.text
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("SELECT DISTINCT id FROM orders EMIT CHANGES", "EMIT CHANGES cannot stand in a query with DISTINCT"),
        ("CREATE STREAM x AS SELECT id, amount FROM orders WHERE id = (SELECT age FROM people)", "more than one row"),
        ("SELECT id FROM orders o JOIN people p WITHIN 1 HOUR ON p.name = o.customer", "compare times"),
        ("SELECT city, COUNT(*) FROM orders WINDOW TUMBLING (SIZE 1 HOUR) GROUP BY city", "WINDOW is for queries that go on"),
        ("SELECT city, amount FROM orders GROUP BY city", "AMOUNT, which is not part of GROUP BY"),
        ("SELECT city FROM orders GROUP BY city HAVING id = 1", "HAVING names ID"),
        ("SELECT id FROM orders WHERE COUNT(*) > 1 GROUP BY id", "WHERE does not support aggregate functions"),
        ("SELECT id FROM orders WHERE RANK() OVER (ORDER BY id) = 1", "WHERE does not support window functions"),
        ("SELECT COLLECT_LIST(id) OVER () AS x FROM orders", "cannot stand before OVER"),
        ("SELECT NOPE(id) OVER () AS x FROM orders", "NOPE is no window function"),
        ("SELECT id FROM orders o JOIN orders o ON o.id = o.id", "twice under one name"),
        ("SELECT id FROM orders a JOIN orders b ON a.id = b.id", "column ID is ambiguous"),
        ("SELECT * FROM declared d JOIN people p ON p.age = d.id", "DECLARED is not materialized"),
        ("SELECT id FROM orders UNION ALL SELECT name FROM people", "the columns ID and NAME of UNION"),
        ("SELECT id FROM orders UNION SELECT name, age FROM people", "as many columns: 1 and 2"),
        ("SELECT DISTINCT id FROM orders ORDER BY amount", "ORDER BY names columns of the result"),
        ("SELECT id FROM orders ORDER BY 2", "there are 1"),
        ("SELECT id FROM orders ORDER BY id LIMIT -1", "LIMIT must not be negative"),
        ("SELECT id FROM orders WHERE id = (SELECT age, name FROM people)", "gives one column, not 2"),
        ("SELECT id FROM orders WHERE id = (SELECT age FROM people)", "gave more than one row"),
        ("SELECT name FROM people WHERE name IN (SELECT id FROM orders)", "no common type"),
        ("WITH a AS (SELECT id FROM orders), a AS (SELECT id FROM orders) SELECT * FROM a", "WITH names A twice"),
        ("WITH a(x, y) AS (SELECT id FROM orders) SELECT * FROM a", "2 names for 1 columns"),
        ("WITH RECURSIVE a AS (SELECT id FROM orders) SELECT * FROM a", "WITH RECURSIVE is not supported"),
        ("SELECT FILTER(ARRAY[1], x => x > (SELECT MIN(id) FROM orders)) AS f FROM people ORDER BY 1", "cannot be evaluated"),
        ("SELECT x.nope FROM (SELECT id FROM orders) AS x", "column NOPE does not exist in X"),
    ],
)  # fmt: skip
def test_refused_in_words(db, text, said):
    with pytest.raises(UserError) as refused:
        db.execute(text + ";")
    assert said in str(refused.value)


def test_what_a_setting_forbids_is_not_read(db):
    db.execute("SET 'ksql.query.pull.table.scan.enabled' = 'false';")
    try:
        assert rows_of(db, "SELECT COUNT(*) AS n FROM people WHERE name = 'ann'") == [(1,)]
        with pytest.raises(UserError, match="looks at all rows of PEOPLE"):
            db.query("SELECT COUNT(*) AS n FROM people;")
    finally:
        db.execute("UNSET 'ksql.query.pull.table.scan.enabled';")
