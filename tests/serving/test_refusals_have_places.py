"""What is refused of a statement as a whole names its place, too: of a file of many statements, which one it is."""

import pytest

import mergus
from mergus.engine.errors import UserError

SETUP = "CREATE STREAM s (k INT KEY, v STRING) WITH (kafka_topic = 's', value_format = 'JSON', partitions = 1);"


@pytest.fixture(scope="module")
def db():
    with mergus.connect() as found:
        found.execute(SETUP)
        yield found


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("SELECT k, k FROM s", "the projection contains the column K more than once"),
        ("EXPLAIN CREATE STREAM t AS SELECT k FROM s", "the projection contains no value columns"),
        ("CREATE STREAM `ü` AS SELECT * FROM s", "a topic cannot be named 'ü'"),
    ],
)
def test_a_statement_as_a_whole(db, statement, message):
    with pytest.raises(UserError) as refused:
        db.execute(f"{statement};")
    shown = str(refused.value).split("\n")
    assert shown[:3] == [message, f"line 1:1: {statement}", " " * 10 + "^" * len(statement)]
