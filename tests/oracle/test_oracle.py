"""Queries at random over input out of order: what the engine says is what the rules say, whatever the cut, the partitions,
the workers, and a kill.

A failure prints the statements, the input and the case as Python: put that into `test_found.py` to run it again. Without
MERGUS_ORACLE_SEED the same cases are drawn every time.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, seed, settings

from . import drawing
from .cases import Case, Setup
from .froms import ForeignKeyOf, MeetingOf, groups_within
from .running import Told, answer, engine_says

FEW, FAST, SLOW = 25, 300, 2_000


def check(case: Case, instance: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """The case in each of its setups."""
    for number, setup in enumerate(case.setups):
        expected = answer(case, setup.partitions)
        own = folder / str(number)
        own.mkdir(exist_ok=True)
        for left in own.iterdir():
            left.unlink()
        found = engine_says(case, setup, instance, own)
        one, other = (comparable(case, setup, told) for told in (expected, found))
        assert same(one, other), f"\n{case.text()}\n-- {setup}\nexpected {one}\nfound    {other}\n{case!r}"


def comparable(case: Case, setup: Setup, told: list[Told]) -> dict[Any, Any]:
    """What must be equal: of a table what it says in the end; of a stream each key's rows in order, but those without a key,
    which come from several partitions. Over a foreign-key join on two workers results of one row can overtake one another:
    an aggregate does not hear all of them, so that its groups' times are not said, nor which groups are empty; a row of a LEFT
    one that has lost its partner has the time of the loss, or none of it. Nor are the times of groups of a sub-query's
    groups said, which hear a batch's last update of each."""
    if case.query.is_table:
        final = {key: (row, time) for key, row, time in told}
        rows_of = {key: last for key, last in final.items() if last[0] is not None}
        source = case.query.source
        joined = source.of if isinstance(source, MeetingOf) else source
        overtaken = setup.workers > 1 and isinstance(joined, ForeignKeyOf)
        if case.query.by is not None and (overtaken or groups_within(case.query.source)):
            return {key: row for key, (row, _) in rows_of.items() if row and row["V0"]}
        return {key: row for key, (row, _) in rows_of.items()} if overtaken and joined.outer else rows_of
    rows: dict[Any, list[Any]] = {}
    for key, row, time in told:
        rows.setdefault(key, []).append((row, time))
    return {k: sorted(v, key=repr) if k is None and setup.partitions > 1 else v for k, v in rows.items()}


def same(one: Any, other: Any) -> bool:
    """Equal, but for the last digits of DOUBLEs."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(v, other[k]) for k, v in one.items())
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9)
    return bool(one == other)


def drawn(count: int, **sizes: int) -> Any:
    """Decorates a test of drawn cases."""

    def decorate(test: Any) -> Any:
        chosen = drawing.seed()
        checks = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]
        made = settings(
            max_examples=count,
            deadline=None,
            database=None,
            derandomize=chosen is None,
            suppress_health_check=checks,
            print_blob=False,
        )(given(case=drawing.everything(**sizes))(test))
        return made if chosen is None else seed(chosen)(made)

    return decorate


@drawn(FAST)
def test_as_the_rules_say(instance: duckdb.DuckDBPyConnection, tmp_path: Path, case: Case) -> None:
    check(case, instance, tmp_path)


@drawn(FEW, derived=True)
def test_sub_queries_as_the_rules_say(instance: duckdb.DuckDBPyConnection, tmp_path: Path, case: Case) -> None:
    check(case, instance, tmp_path)


@pytest.mark.slow
@drawn(FAST, derived=True)
def test_many_sub_queries_as_the_rules_say(instance: duckdb.DuckDBPyConnection, tmp_path: Path, case: Case) -> None:
    check(case, instance, tmp_path)


@pytest.mark.slow
@drawn(SLOW, runs=3, scale=2)
def test_as_the_rules_say_of_many(instance: duckdb.DuckDBPyConnection, tmp_path: Path, case: Case) -> None:
    check(case, instance, tmp_path)
