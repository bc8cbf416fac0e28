"""A server with models that others are asked beside: what one of them has been asked, and DuckDB with the models as macros."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

import mergus

ORDERS = [
    (1, "ann", 20.0, "late parcel"),
    (2, "bob", 5.0, "thanks"),
    (3, "ann", 7.0, "late again"),
    (4, "dee", 30.0, None),
    (5, "bob", 12.0, "thanks"),
    (6, None, 12.0, "broken"),
]
PEOPLE = [("ann", 30, "late"), ("bob", 40, "thanks"), ("eve", 60, None)]
DOUBLED = """
from pathlib import Path

def predict(x):
    with Path(__file__).with_name("asked").open("a") as file:
        file.write("".join(f"{v:g} " for v in x))
    if (x < 0).any():
        raise ValueError("too low")
    return x * 2
"""
WORDS = "def predict(t):\n    return [v.split()[0] for v in t]\n"
SUMS = "def predict(x, y):\n    return x + y\n"
STATEMENTS = """
CREATE STREAM orders (id INT KEY, customer STRING, amount DOUBLE, message STRING)
  WITH (KAFKA_TOPIC = 'orders', VALUE_FORMAT = 'JSON', PARTITIONS = 1);
CREATE STREAM said (name STRING KEY, age INT, motto STRING) WITH (KAFKA_TOPIC = 'said', VALUE_FORMAT = 'JSON', PARTITIONS = 1);
CREATE TABLE people AS SELECT name, LATEST_BY_OFFSET(age) AS age, LATEST_BY_OFFSET(motto) AS motto FROM said GROUP BY name;
CREATE FUNCTION plus(x DOUBLE) RETURNS DOUBLE LANGUAGE PYTHON AS $$
def plus(x):
    return x + 1
$$;
"""


class Asked:
    """A server with models, and what one of them has been asked."""

    def __init__(self, db: Any, folder: Path) -> None:
        self.db = db
        self.folder = folder
        db.execute(STATEMENTS)
        models = (
            ("m", "x DOUBLE", "DOUBLE", DOUBLED, ", cache_rows=0"),
            ("word", "t STRING", "STRING", WORDS, ""),
            ("total", "x DOUBLE, y DOUBLE", "DOUBLE", SUMS, ""),
        )
        for name, takes, gives, source, more in models:
            (folder / f"{name}.py").write_text(source)
            db.execute(
                f"CREATE MODEL {name} INPUT ({takes}) OUTPUT (y {gives})"
                f" WITH (provider='python', path='{folder}/{name}.py'{more});"
            )
        db.insert("orders", [dict(zip(("id", "customer", "amount", "message"), row, strict=True)) for row in ORDERS])
        db.insert("said", [dict(zip(("name", "age", "motto"), row, strict=True)) for row in PEOPLE])
        db.wait()

    def rows(self, text: str) -> list[tuple[Any, ...]]:
        return [tuple(row.values()) for row in self.db.query(text + ";").rows()]

    def asked(self) -> list[float]:
        """What `m` has been asked since."""
        made: list[float] = []
        for file in self.folder.glob("data/models/*/*/asked"):
            made += [float(v) for v in file.read_text().split()]
            file.unlink()
        return sorted(made)


@contextmanager
def served(folder: Path) -> Iterator[Asked]:
    """The server, over a data folder in `folder`."""
    with mergus.connect(folder / "data") as db:
        yield Asked(db, folder)


@contextmanager
def as_macros() -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB with the same rows."""
    with duckdb.connect() as made:
        made.execute("SET default_null_order = 'nulls_last'")
        made.execute("CREATE TABLE orders (id INT, customer VARCHAR, amount DOUBLE, message VARCHAR)")
        made.executemany("INSERT INTO orders VALUES (?, ?, ?, ?)", ORDERS)
        made.execute("CREATE TABLE people (name VARCHAR, age INT, motto VARCHAR)")
        made.executemany("INSERT INTO people VALUES (?, ?, ?)", PEOPLE)
        made.execute("CREATE MACRO m(x) AS x * 2.0::DOUBLE")
        made.execute("CREATE MACRO word(t) AS split_part(t, ' ', 1)")
        made.execute("CREATE MACRO total(x, y) AS x::DOUBLE + y")
        made.execute("CREATE MACRO plus(x) AS x::DOUBLE + 1")
        yield made
