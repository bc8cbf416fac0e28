"""Queries at random on the real runtime, whose hosts are killed with kill -9: what they say is what the rules say."""

from __future__ import annotations

import random
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from . import drawing
from .cases import Case, Setup
from .killing import Killed, in_order_of_time, partitions_of
from .running import answer
from .test_oracle import comparable, same

ROWS_MAX = (1, 3, 17, 1000)


def drawn(count: int) -> list[Case]:
    """So many cases. They are run side by side, so that nothing is shrunk: a case that fails can be run alone."""
    made: list[Case] = []
    chosen = drawing.seed()
    checks = list(HealthCheck)
    wanted = settings(
        max_examples=count,
        database=None,
        derandomize=chosen is None,
        phases=[Phase.generate],
        suppress_health_check=checks,
    )
    collect = wanted(given(case=drawing.everything(scale=2))(lambda case: made.append(case)))
    (collect if chosen is None else seed(chosen)(collect))()
    return made


def check(
    many: list[Case], workers: int, instance: duckdb.DuckDBPyConnection, folder: Path, chance: random.Random
) -> None:
    """All at once, killed twice."""
    rows_max = chance.choice(ROWS_MAX)
    killed = Killed(instance, folder, workers, rows_max)
    ran = []
    for case in map(in_order_of_time, many):
        partitions = partitions_of(case.query, case.setups[0].partitions)
        killed.add(case, partitions)
        ran.append((case, Setup(rows_max, partitions, workers)))
    told = killed.run([chance.uniform(0.0, 0.9) for _ in range(2)])
    for (case, setup), found in zip(ran, told, strict=True):
        one, other = (comparable(case, setup, each) for each in (answer(case, setup.partitions), found))
        assert same(one, other), f"\n{case.text()}\n-- {setup}\nexpected {one}\nfound    {other}\n{case!r}"


def test_killed_hosts_say_what_the_rules_say(instance: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    check(drawn(12), 1, instance, tmp_path, random.Random(7))


@pytest.mark.slow
@pytest.mark.parametrize(("workers", "together"), [(1, 25), (2, 5)])
def test_many_killed_hosts_say_what_the_rules_say(
    instance: duckdb.DuckDBPyConnection, tmp_path: Path, workers: int, together: int
) -> None:
    many = drawn(100 if workers == 1 else 25)
    chance = random.Random(drawing.seed())
    for at in range(0, len(many), together):
        folder = tmp_path / str(at)
        folder.mkdir()
        check(many[at : at + together], workers, instance, folder, chance)
