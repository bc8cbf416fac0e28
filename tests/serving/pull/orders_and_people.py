"""Orders of people, on an engine and as tables of DuckDB: for pull queries whose rows the two must give alike."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from mergus.engine.serving.connection.local import Connection

PEOPLE = [("ann", 30), ("bob", 40), ("cy", 50), ("eve", 60), ("flo", 30)]
WHO, CITIES = ["ann", "bob", "ann", "cy", "dee", "bob", "ann", "cy"], ["Oslo", "Bergen", "Bergen", None, "Oslo", "Voss"]
ORDERS = [(i, WHO[i % 8], float(i * 7 % 11), CITIES[i % 6]) for i in range(24)]
STATEMENTS = """
CREATE STREAM orders (id INT KEY, customer STRING, amount DOUBLE, city STRING)
  WITH (KAFKA_TOPIC = 'orders', VALUE_FORMAT = 'JSON', PARTITIONS = 1);
CREATE STREAM said (name STRING KEY, age INT) WITH (KAFKA_TOPIC = 'said', VALUE_FORMAT = 'JSON', PARTITIONS = 1);
CREATE TABLE people AS SELECT name, LATEST_BY_OFFSET(age) AS age FROM said GROUP BY name;
"""


def insert(db: Connection) -> None:
    """The rows of what STATEMENTS makes; returns when all queries have read them."""
    db.insert("orders", [dict(zip(("id", "customer", "amount", "city"), row, strict=True)) for row in ORDERS])
    db.insert("said", [{"name": name, "age": age} for name, age in PEOPLE])
    db.wait()


@contextmanager
def as_tables() -> Iterator[duckdb.DuckDBPyConnection]:
    """The same rows in DuckDB."""
    with duckdb.connect() as made:
        made.execute("CREATE TABLE orders (id INT, customer VARCHAR, amount DOUBLE, city VARCHAR)")
        made.executemany("INSERT INTO orders VALUES (?, ?, ?, ?)", ORDERS)
        made.execute("CREATE TABLE people (name VARCHAR, age INT)")
        made.executemany("INSERT INTO people VALUES (?, ?)", PEOPLE)
        yield made
