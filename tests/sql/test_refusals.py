"""What a refused statement says, to the letter: what is wrong, its line and column with a caret, why, and what to do.

refusals.txt holds statements with their refusals, so that a change of words is looked at as a user will see it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mergus.engine.cli.testing.engine import CaseEngine
from mergus.engine.errors import UserError
from mergus.engine.sql.builtin.registry import default_registry
from mergus.engine.state.duckdb import connect

FILE = Path(__file__).parent / "refusals.txt"
SOURCES = """
CREATE STREAM clicks (id INT KEY, url STRING, spent BIGINT, tags ARRAY<STRING>, at TIMESTAMP, who STRUCT<name STRING, age INT>)
  WITH (kafka_topic = 'clicks', value_format = 'JSON', partitions = 1);
CREATE STREAM pages (url STRING KEY, title STRING) WITH (kafka_topic = 'pages', value_format = 'JSON', partitions = 1);
CREATE TABLE users (id INT PRIMARY KEY, name STRING) WITH (kafka_topic = 'users', value_format = 'JSON', partitions = 1);
CREATE STREAM slow AS SELECT id, url FROM clicks WHERE spent > 100;
"""


def read(block: str) -> tuple[str, str]:
    """A block's statement and what is said of it."""
    lines = block.strip("\n").split("\n")
    statement = [line.removeprefix("> ") for line in lines if line.startswith("> ")]
    return "\n".join(statement), "\n".join(lines[len(statement) :])


BLOCKS = [b for b in FILE.read_text(encoding="utf-8").split("\n\n") if b.lstrip().startswith("> ")]
CASES = [read(block) for block in BLOCKS]


@pytest.fixture(scope="module")
def refusal():
    instance = connect()

    def of(statement: str) -> UserError:
        engine = CaseEngine(instance, default_registry(), {})
        try:
            engine.execute(SOURCES)
            with pytest.raises(UserError) as refused:
                engine.execute(statement)
            return refused.value
        finally:
            engine.close()

    yield of
    instance.close()


@pytest.mark.skipif("MERGUS_UPDATE_REFUSALS" not in os.environ, reason="only where it is asked for")
def test_write_them_anew(refusal) -> None:
    head = FILE.read_text(encoding="utf-8").split("\n\n")[0]
    made = ["\n".join([*(f"> {line}" for line in s.split("\n")), str(refusal(s))]) for s, _ in CASES]
    FILE.write_text("\n\n".join([head, *made]) + "\n", encoding="utf-8")


@pytest.mark.parametrize(("statement", "said"), CASES, ids=[statement.replace("\n", " ") for statement, _ in CASES])
def test_a_refusal_is_said_so(statement: str, said: str, refusal) -> None:
    error = refusal(statement)
    assert str(error) == said
    assert error.span is not None
    assert "^" in said


def test_most_say_what_to_do() -> None:
    helped = [said for _, said in CASES if "\nHint: " in said or ", expected " in said]
    assert len(CASES) >= 60
    assert len(helped) >= 0.7 * len(CASES)
