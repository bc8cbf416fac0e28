"""Users' aggregates where rows are taken back and where sessions meet: the same for every cut."""

from __future__ import annotations

import random
from typing import Any

import duckdb
import pytest

from mergus.engine.sql.udf.declare import udaf

from .queries import Bench, session, source

EVENTS = source("S", "ID INTEGER KEY, NAME STRING, V BIGINT")
USERS = source("U", "ID INTEGER KEY, CITY STRING, PAY BIGINT", "TABLE")


class Total:
    """The sum, which can give back."""

    def initialize(self) -> int:
        return 0

    def aggregate(self, value: int, state: int) -> int:
        return state + value

    def undo(self, value: int, state: int) -> int:
        return state - value

    def merge(self, earlier: int, later: int) -> int:
        return earlier + later

    def map(self, state: int) -> int:
        return state


class Digest:
    """Something that minds the order."""

    def initialize(self) -> str:
        return ""

    def aggregate(self, value: int, state: str) -> str:
        return f"{state}{value}"

    def merge(self, earlier: str, later: str) -> str:
        return f"{earlier}+{later}"

    def map(self, state: str) -> str:
        return state


def bench(instance: duckdb.DuckDBPyConnection) -> Bench:
    made = Bench(instance, [EVENTS, USERS])
    made.registry.add(udaf(Total, params=["BIGINT"]).sql_function())
    made.registry.add(udaf(Digest, params=["BIGINT"]).sql_function())
    return made


def tables(instance: duckdb.DuckDBPyConnection, records: list[Any], **query: Any) -> list[dict[Any, Any]]:
    made = []
    for cut in (1, 3, None):
        one = bench(instance)
        for record in records:
            one.put(*record)
        one.driver.run(one.plan(**query, table=True), cut)
        made.append(one.table())
    return made


@pytest.mark.parametrize("seed", range(5))
def test_a_table_takes_rows_back(instance: duckdb.DuckDBPyConnection, seed: int) -> None:
    chance = random.Random(seed)
    records: list[Any] = []
    now: dict[int, tuple[str, int]] = {}
    for at in range(20):
        key, city, pay = chance.randrange(4), chance.choice("xy"), chance.randrange(100)
        gone = chance.random() < 0.2
        records.append(("u", key, None if gone else {"CITY": city, "PAY": pay}, at))
        if gone:
            now.pop(key, None)
        else:
            now[key] = (city, pay)
    answers = tables(instance, records, select="CITY; TOTAL(PAY) AS T; COUNT(*) AS N", from_="U", group_by="CITY")
    for answer in answers:
        for city in {c for c, _ in now.values()}:
            pays = [p for c, p in now.values() if c == city]
            assert answer[city.encode()][0] == {"T": sum(pays), "N": len(pays)}


@pytest.mark.parametrize("seed", range(8))
def test_sessions_merge(instance: duckdb.DuckDBPyConnection, seed: int) -> None:
    chance = random.Random(seed)
    records = [
        ("s", chance.randrange(2), {"NAME": "n", "V": at}, max(0, 3 * at + chance.randrange(-12, 6)))
        for at in range(16)
    ]
    grace = None if seed % 2 else 4
    query = "ID; TOTAL(V) AS T; DIGEST(V) AS D; COUNT(*) AS N"
    one, three, whole = tables(instance, records, select=query, from_="S", group_by="ID", window=session(3, grace))
    assert one == three == whole
    assert all(value["D"] for value, _ in one.values())
