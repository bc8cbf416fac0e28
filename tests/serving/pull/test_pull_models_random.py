"""Models in pull queries put together at random: the rows that DuckDB gives with the models as macros."""

from __future__ import annotations

import random
from typing import Any

import duckdb
import pytest

from tests.serving.asked_models import Asked

NUMBERS = {"o": ["o.id", "o.amount"], "p": ["p.age"], "q": ["q.age"]}
TEXTS = {"o": ["o.customer", "o.message"], "p": ["p.name", "p.motto"], "q": ["q.name", "q.motto"]}
DEPTH = 2


class Statements:
    """Makes expressions over the sources `among` that it is given: o (orders), p (people), and q in sub-queries."""

    def __init__(self, seed: int) -> None:
        self.choose = random.Random(seed)

    def number(self, among: str, depth: int = DEPTH) -> str:
        if depth == 0:
            return self.choose.choice([*(c for a in among for c in NUMBERS[a]), "3"])
        one, other = (lambda: self.number(among, depth - 1) for _ in range(2))
        kinds = [
            lambda: self.number(among, 0),
            lambda: f"m({one()})",
            lambda: f"total({one()}, {other()})",
            lambda: f"({one()} + {other()})",
            lambda: f"CASE WHEN {self.condition(among, depth - 1)} THEN {one()} ELSE {other()} END",
            lambda: f"COALESCE({one()}, {other()})",
            lambda: self.subquery(among, depth - 1),
        ]
        return self.choose.choice(kinds)()

    def text(self, among: str, depth: int = DEPTH) -> str:
        if depth == 0 or self.choose.random() < 0.4:
            return self.choose.choice([c for a in among for c in TEXTS[a]])
        return f"word({self.text(among, depth - 1)})"

    def condition(self, among: str, depth: int = DEPTH) -> str:
        kinds = [
            lambda: f"{self.number(among, depth)} {self.choose.choice('<>')} {self.number(among, depth)}",
            lambda: f"{self.text(among, depth)} = {self.text(among, depth)}",
            lambda: f"{self.text(among, 0)} IS NOT NULL",
        ]
        if depth:
            word = self.choose.choice(["AND", "OR"])
            kinds.append(lambda: f"({self.condition(among, depth - 1)} {word} {self.condition(among, depth - 1)})")
        if depth and "q" not in among:
            inner = lambda: f"FROM people q WHERE {self.condition(among + 'q', depth - 1)}"  # noqa: E731
            kinds.append(lambda: f"EXISTS (SELECT 1 AS one {inner()})")
            kinds.append(lambda: f"{self.text(among, depth - 1)} IN (SELECT {self.text('q', 1)} {inner()})")
        return self.choose.choice(kinds)()

    def subquery(self, among: str, depth: int) -> str:
        if "q" in among:
            return self.number(among, 0)
        value = self.choose.choice([f"MAX(total(q.age, {self.number(among, 0)}))", "m(MIN(q.age))", "m(COUNT(*))"])
        return f"(SELECT {value} FROM people q WHERE {self.condition(among + 'q', depth)})"

    def simple(self, made: Any, *args: Any) -> str:
        """An expression without a sub-query."""
        text = made(*args)
        while "SELECT" in text:
            text = made(*args)
        return str(text)

    def statement(self) -> str:
        among, source = "o", "orders o"
        if self.choose.random() < 0.7:
            among, kind = "op", self.choose.choice(["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"])
            source = f"orders o {kind} people p ON {self.simple(self.condition, among, 1)}"
        where = f" WHERE {self.condition(among)}" if self.choose.random() < 0.6 else ""
        if self.choose.random() < 0.5:
            keys = [self.simple(self.text, among, 1), f"m({self.simple(self.number, among, 1)})"]
            keys = self.choose.sample(keys, self.choose.randint(0, 2))
            items = [*keys, "m(COUNT(*))", f"m(MAX({self.simple(self.number, among, 1)}))"]
            groups = f" GROUP BY {', '.join(keys)}" if keys else ""
            having = " HAVING m(COUNT(*)) > 2" if self.choose.random() < 0.4 else ""
            rest = f"{groups}{having}"
        else:
            items, rest = [self.number(among), self.text(among)], ""
            if self.choose.random() < 0.3:
                items.append(f"m(RANK() OVER (ORDER BY {self.simple(self.number, among, 1)}))")
        named = ", ".join(f"{item} AS c{i}" for i, item in enumerate(items))
        return f"SELECT {named} FROM {source}{where}{rest}"


@pytest.mark.parametrize("seed", range(60))
def test_queries_at_random_give_the_rows_of_a_function(
    server: Asked,
    oracle: duckdb.DuckDBPyConnection,
    seed: int,
) -> None:
    text = Statements(seed).statement()
    ours, theirs = server.rows(text), oracle.execute(text).fetchall()
    assert sorted(ours, key=repr) == sorted(theirs, key=repr), text
