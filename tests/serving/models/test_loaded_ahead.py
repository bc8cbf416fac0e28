"""A version answers when it is in memory, and not before: rows that come meanwhile are answered by the one before."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

import mergus
from tests.mergus_server import Server, running_server, until

STREAM = "CREATE STREAM s (id INT KEY, a DOUBLE) WITH (kafka_topic='s', value_format='JSON', partitions=1);"
SCORED = "CREATE TABLE t AS SELECT id, LATEST_BY_OFFSET(m(a)) AS y FROM s GROUP BY id;"
LIMIT_S = 60.0


class Gate:
    """Models that multiply; one made `slow` says that it loads, and has loaded when the gate is open."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._shut, self.loads = folder, folder / "shut", folder / "loads"
        self._shut.touch()

    def model(self, factor: int, *, slow: bool = False) -> str:
        """The rest of CREATE MODEL. The look at the artefact, in a process of its own, does not wait."""
        file = self._folder / f"times{factor}.py"
        waits = f"""
import pathlib, sys, time
if not any("inspection" in word for word in sys.orig_argv):
    pathlib.Path({str(self.loads)!r}).touch()
    while pathlib.Path({str(self._shut)!r}).exists():
        time.sleep(0.01)
"""
        file.write_text((waits if slow else "") + f"def predict(x):\n    return x * {factor}\n")
        return f"MODEL m INPUT (x DOUBLE) OUTPUT (y DOUBLE) WITH (provider='python', path='{file}'"

    def open(self) -> None:
        self._shut.unlink(missing_ok=True)


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    made = Gate(tmp_path)
    yield made
    made.open()


class Asked(Protocol):
    """Says statements to an engine, and asks it."""

    def say(self, sql: str) -> object: ...

    def rows(self, sql: str) -> list[list[object]]: ...


class Here:
    """Hosts in this process."""

    def __init__(self, db: mergus.Connection) -> None:
        self._db = db
        self.say = db.execute

    def rows(self, sql: str) -> list[list[object]]:
        return [list(row.values()) for row in self._db.query(sql).rows()]


class There:
    """Hosts that are processes."""

    def __init__(self, server: Server) -> None:
        self.say, self.rows = server.statement, server.rows


@pytest.fixture(params=["here", "processes"])
def asked(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Asked]:
    if request.param == "here":
        with mergus.connect(tmp_path / "data") as db:
            yield Here(db)
    else:
        with running_server(tmp_path / "data") as server:
            yield There(server)


def answer(asked: Asked, number: int) -> object:
    """What the query's model says of 1 in a row of its own."""
    asked.say(f"INSERT INTO s (id, a) VALUES ({number}, 1);")
    question = f"SELECT y FROM t WHERE id = {number};"
    until(lambda: asked.rows(question), "the row to be answered")
    return asked.rows(question)[0][0]


@pytest.mark.parametrize(
    "moves",
    [
        "ALTER MODEL m SET ALIAS champion = 2;",
        "ALTER MODEL m SET SPLIT (challenger 100);",
        "ALTER MODEL m SET CANARY challenger 99 PERCENT FOR 1 HOUR ROLLBACK WHEN ERROR_RATE > 0.5;",
        "CREATE OR REPLACE MODEL",
    ],
)
def test_the_version_before_answers_until_the_new_one_is_loaded(asked: Asked, gate: Gate, moves: str) -> None:
    asked.say(f"{STREAM} CREATE {gate.model(2)}); {SCORED}")
    assert answer(asked, 1) == 2
    second = gate.model(3, slow=True)
    if moves == "CREATE OR REPLACE MODEL":
        moves = f"CREATE OR REPLACE {second}, promote='true');"
    else:
        asked.say(f"CREATE OR REPLACE {second});")
    moving = threading.Thread(target=asked.say, args=(moves,))
    moving.start()
    until(gate.loads.exists, "the version to be loaded")
    assert [answer(asked, number) for number in (2, 3, 4)] == [2, 2, 2]
    assert moving.is_alive()
    gate.open()
    moving.join(LIMIT_S)
    assert answer(asked, 5) == 3


def test_a_version_that_cannot_be_loaded_where_queries_run_does_not_answer(
    asked: Asked, gate: Gate, tmp_path: Path
) -> None:
    asked.say(f"{STREAM} CREATE {gate.model(2)}); {SCORED}")
    assert answer(asked, 1) == 2
    file = tmp_path / "looked_at.py"
    file.write_text(
        "import sys\n"
        "if not any('inspection' in word for word in sys.orig_argv):\n"
        "    raise MemoryError('there is no room for it')\n"
        "def predict(x):\n    return x\n"
    )
    asked.say(f"CREATE OR REPLACE MODEL m INPUT (x DOUBLE) OUTPUT (y DOUBLE) WITH (provider='python', path='{file}');")
    with pytest.raises(Exception, match="no room for it"):
        asked.say("ALTER MODEL m SET ALIAS champion = 2;")
    assert answer(asked, 2) == 2


def test_the_model_of_a_query_is_loaded_before_its_first_row(tmp_path: Path, gate: Gate) -> None:
    gate.open()
    with running_server(tmp_path / "data") as server:
        server.statement(f"{STREAM} CREATE {gate.model(2, slow=True)});")
        assert not gate.loads.exists()
        server.statement(SCORED)
        until(gate.loads.exists, "the model to be loaded")
