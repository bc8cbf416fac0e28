"""Every SQL test file passes as `mergus test` runs it: records one a batch, one partition."""

from __future__ import annotations

from pathlib import Path

import pytest

from mergus.engine.cli.testing.command import test as mergus_test
from mergus.engine.cli.testing.script import SqlTest, read_tests, run_test
from mergus.engine.config import load
from mergus.engine.serving.opening import registry
from mergus.engine.state.duckdb import connect

FUNCTIONS = registry(load({}, {}))
FILES = sorted(Path(__file__).parent.glob("*.sql"))
CASES = [pytest.param(case, id=f"{path.stem}-{case.name}") for path in FILES for case in read_tests(path)]


@pytest.fixture(scope="module")
def instance():
    connection = connect()
    yield connection
    connection.close()


@pytest.mark.parametrize("case", CASES)
def test_case(case: SqlTest, instance) -> None:
    outcome = run_test(case, instance, FUNCTIONS)
    assert outcome.why is None, f"line {outcome.line}: {outcome.why}"


def test_a_failure_is_told_with_its_line(tmp_path, capsys) -> None:
    file = tmp_path / "wrong.sql"
    file.write_text(
        "CREATE STREAM a (k INT KEY, v INT) WITH (kafka_topic = 'a', value_format = 'JSON', partitions = 1);\n"
        "CREATE STREAM b AS SELECT k, v FROM a;\n"
        "INSERT INTO a (k, v) VALUES (1, 2);\n"
        "ASSERT VALUES b (k, v) VALUES (1, 3);\n"
    )
    assert mergus_test(file) == 1
    told = capsys.readouterr().out
    assert f"{file}:4: wrong" in told
    assert "V = 3" in told
    assert "V = 2" in told
    assert told.endswith("0 passed, 1 failed\n")


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("ASSERT TABLE a (k INT PRIMARY KEY, v INT) WITH (kafka_topic = 'a', value_format = 'JSON')", "type"),
        ("ASSERT STREAM a (k INT KEY, v STRING) WITH (kafka_topic = 'a', value_format = 'JSON')", "schema"),
        ("ASSERT STREAM a (k INT KEY, v INT) WITH (kafka_topic = 'z', value_format = 'JSON')", "kafka topic"),
        ("ASSERT VALUES a (k, v) VALUES (1, 1)", "there is none"),
        ("ASSERT VALUES a (k, w) VALUES (1, 1)", "column W does not exist"),
        ("ASSERT NOT EXISTS TOPIC a", "topic a exists"),
    ],
)
def test_claims_that_do_not_hold(statement: str, said: str, instance) -> None:
    made = "CREATE STREAM a (k INT KEY, v INT) WITH (kafka_topic = 'a', value_format = 'JSON', partitions = 1);\n"
    outcome = run_test(SqlTest("t", f"{made}{statement};", 1), instance, FUNCTIONS)
    assert outcome.why is not None
    assert said in outcome.why
    assert outcome.line == 2
