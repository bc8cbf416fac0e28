"""The same answers wherever batches are cut, whatever the partitions and workers, and after a kill between.

Each case runs on the real runtime over embedded topics, and its topics are compared with those of the plain run. Sources
are made and filled first and the queries started then, so that what a join sees is said by rowtime and not by chance. A
kill is a copy of the data folder of an engine that has worked in the first half and is not closed: the copy knows no
clean end. In the middle of work hosts are killed once, with many queries; more of that is `tests/runtime/test_kill.py`'s.
"""

from __future__ import annotations

import json
import math
import os
import re
import signal
from itertools import combinations, product
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from mergus.engine.cli.testing.script import Script, SqlTest, read_tests
from mergus.engine.config import load
from mergus.engine.operators.driver import Record
from mergus.engine.serving.connection.local import Connection, connect
from mergus.engine.serving.opening import registry
from mergus.engine.sql.parser.parse import iterate_statements
from mergus.engine.sql.statements.statement import (
    AssertSource,
    AssertTopic,
    AssertValues,
    CreateSourceAs,
    InsertInto,
    InsertValues,
)
from mergus.engine.state.duckdb import connect as duckdb_connect
from tests.data_folder import copy_in_use

PER_PARTITION = (
    "windows-HOPPING windows with GRACE",
    "windows-EMIT FINAL says",
    "windows-CUMULATIVE windows with EMIT",
    "windows-SESSION windows with",
    "joins_streams-GRACE",
    "tables-STATE_TTL",
    "joins_subqueries-a stream joined with tables",
    "subqueries-groups of windows",
    "subqueries-windows over windows",
    "subqueries-windows of windows",
    "subqueries-windows of a filtered",
    "subqueries-sub-queries that PARTITION BY",
    "membership-values of a table's column",
    "values-an aggregate of",
    "values-what a table has",
    "having-what is aggregated",
    "having-STATE_TTL",
)  # what is late, or final, is judged by partition; and what lies in two has no order
BY_ROW = ("functions_", "types_")  # what a row gives by itself: one combination each, all of them over the files
ASSERTIONS = (AssertValues, AssertSource, AssertTopic)
PARTITIONS = re.compile(r"partitions = 1\b")


class Setup(NamedTuple):
    """How a case runs."""

    rows_max: int
    partitions: int
    workers: int
    kill: bool

    def __str__(self) -> str:
        return f"rows{self.rows_max}-parts{self.partitions}-workers{self.workers}{'-kill' if self.kill else ''}"


ALL = [Setup(*choice) for choice in product((1, 3, 50_000), (1, 3), (1, 2), (False, True))]
PAIRS = [
    Setup(1, 1, 1, kill=False),
    Setup(50_000, 3, 1, kill=True),
    Setup(3, 1, 2, kill=True),
    Setup(1, 3, 2, kill=True),
    Setup(3, 3, 1, kill=False),
    Setup(50_000, 1, 2, kill=False),
]
"""Any two choices meet in one of these; every case runs in two of them (BY_ROW: in one), and in all with MERGUS_TEST_ALL=1."""


def answered(path: Path) -> list[SqlTest]:
    """The tests of a file that are not about a refusal."""
    return [case for case in read_tests(path) if case.error is None and case.message is None]


def cases() -> list[Any]:
    params, everything = [], os.environ.get("MERGUS_TEST_ALL") == "1"
    files = sorted(Path(__file__).parent.glob("*.sql"))
    found = [(p.stem, c) for p in files for c in answered(p)]
    for i, (stem, case) in enumerate(found):
        chosen = {PAIRS[2 * i % len(PAIRS)], PAIRS[(2 * i + 1) % len(PAIRS)]}
        if stem.startswith(BY_ROW):
            chosen = {PAIRS[i % len(PAIRS)]}
        for setup in ALL if everything else sorted(chosen):
            name = f"{stem}-{case.name}"
            if setup.partitions > 1 and name.startswith(PER_PARTITION):
                continue
            marks = () if setup in chosen else (pytest.mark.slow,)
            params.append(pytest.param(case, setup, id=f"{name}-{setup}", marks=marks))
    return params


class Parts(NamedTuple):
    """A case's statements by when they run."""

    sources: list[str]
    inserts: list[str]
    queries: list[str]


def timed(insert: str) -> str:
    """An INSERT that does not say when, at time 0: runs at different times must agree."""
    return (
        insert
        if "rowtime" in insert.lower()
        else re.sub(r"\((.*?)\) VALUES \(", r"(rowtime, \1) VALUES (0, ", insert, count=1)
    )


def parts_of(case: SqlTest) -> Parts:
    parts = Parts([], [], [])
    for parsed in iterate_statements(case.text):
        match parsed.statement:
            case AssertValues() | AssertSource() | AssertTopic():
                continue
            case InsertValues():
                parts.inserts.append(timed(parsed.text) + ";")
            case CreateSourceAs() | InsertInto():
                parts.queries.append(parsed.text + ";")
            case _:
                parts.sources.append(parsed.text + ";")
    return parts


Row = tuple[bytes | None, bytes | None, int]


def plain(parts: Parts) -> tuple[dict[str, list[Row]], set[str]]:
    """The topics of the plain run, and which of them are tables'."""
    instance = duckdb_connect()
    script = Script(instance, registry(load({}, {})))
    try:
        for text in (*parts.sources, *parts.queries, *parts.inserts):
            for parsed in iterate_statements(text, script.catalog.types):
                script.step(parsed)
        made = {r.topic for r in script.catalog.relations.values() if r.query_id is not None}
        tables = {r.topic for r in script.catalog.relations.values() if r.is_table}
        records: dict[str, list[Record]] = script.driver.topics.records
        return {t: [(r.key, r.value, r.timestamp) for r in records.get(t, [])] for t in made}, tables
    finally:
        script.close()
        instance.close()


def real(parts: Parts, setup: Setup, folder: Path, wanted: set[str]) -> dict[str, list[Row]]:
    """The same topics on the real runtime."""
    settings = {"batch.rows.max": setup.rows_max, "workers": setup.workers, "epoch.ms": 20}
    first = folder / "first"
    db = connect(first, settings=settings)
    try:
        half = len(parts.inserts) // 2 if setup.kill else len(parts.inserts)
        for text in parts.sources:
            db.execute(PARTITIONS.sub(f"partitions = {setup.partitions}", text))
        for text in (*parts.inserts[:half], *parts.queries):
            db.execute(text)
        if not setup.kill:
            db.wait(60)
            return {topic: read(db, topic) for topic in wanted}
        db.wait(60)
        copy_in_use(first, folder / "second")
    finally:
        db.close()
    with connect(folder / "second", settings=settings) as again:
        for text in parts.inserts[half:]:
            again.execute(text)
        again.wait(60)
        return {topic: read(again, topic) for topic in wanted}


def read(db: Connection, topic: str) -> list[Row]:
    topics = db.engine.topics
    begin, end = topics.begin_offsets(topic), topics.end_offsets(topic)
    reader = topics.reader({(topic, p): offset for p, offset in begin.items()}, ("key", "value"))
    rows: list[Row] = []
    try:
        while any(offset < end[p] for (_, p), offset in reader.positions().items()):
            batch = reader.poll(1000)
            if batch is not None:
                rows += [(r["key"], r["value"], r["timestamp"]) for r in batch.to_pylist()]
    finally:
        reader.close()
    return rows


def by_key(rows: list[Row], *, last: bool) -> dict[bytes | None, Any]:
    found: dict[bytes | None, list[Any]] = {}
    for key, value, timestamp in rows:
        found.setdefault(key, []).append((value, timestamp))
    return {k: v[-1] for k, v in found.items() if v[-1][0] is not None} if last else found


def test_any_two_choices_meet() -> None:
    for one, other in combinations(range(len(Setup._fields)), 2):
        assert {(s[one], s[other]) for s in PAIRS} == {(s[one], s[other]) for s in ALL}


def test_killed_in_the_middle_of_work(tmp_path: Path) -> None:
    """All of windows.sql in one engine, whose host processes are killed while they work on the first half."""
    found = [parts_of(case) for case in answered(Path(__file__).parent / "windows.sql")]
    with connect(tmp_path / "data", in_process=False, settings={"batch.rows.max": 2, "epoch.ms": 20}) as db:
        for parts in found:
            for text in (*parts.sources, *parts.inserts[: len(parts.inserts) // 2], *parts.queries):
                db.execute(text)
        for pid in {host.pid for host in db.engine.lifecycle.host_processes()}:
            os.kill(pid, signal.SIGKILL)
        for parts in found:
            for text in parts.inserts[len(parts.inserts) // 2 :]:
                db.execute(text)
        db.wait(60)
        for parts in found:
            expected, tables = plain(parts)
            for topic, rows in expected.items():
                last = topic in tables
                got = read(db, topic)
                assert same(by_key(rows, last=last), by_key(got, last=last)), (topic, rows, got)


@pytest.mark.parametrize(("case", "setup"), cases())
def test_grid(case: SqlTest, setup: Setup, tmp_path: Path) -> None:
    parts = parts_of(case)
    expected, tables = plain(parts)
    found = real(parts, setup, tmp_path, set(expected))
    for topic, rows in expected.items():
        last = topic in tables
        one, other = by_key(rows, last=last), by_key(found[topic], last=last)
        if setup.partitions > 1 and "PARTITION BY" in case.text and not last:
            one, other = (
                anyhow(one),
                anyhow(other),
            )  # one key's rows come from several partitions: no order between them
        assert same(one, other), (topic, rows, found[topic])


def anyhow(rows: dict[bytes | None, Any]) -> dict[bytes | None, Any]:
    return {key: sorted(values, key=repr) for key, values in rows.items()}


def meaning(value: Any) -> Any:
    """A JSON object's fields in whatever order: the entries of a MAP have none."""
    return json.loads(value) if isinstance(value, bytes) and value.startswith(b"{") else value


def same(one: Any, other: Any) -> bool:
    """Equal, the order of a NULL key's rows across partitions, of a MAP's entries and the last digits of DOUBLEs aside."""
    one, other = meaning(one), meaning(other)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(
            same(sorted(v, key=repr), sorted(other[k], key=repr))
            if k is None and isinstance(v, list)
            else same(v, other[k])
            for k, v in one.items()
        )
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9)
    return bool(one == other)
