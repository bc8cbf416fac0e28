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
        ("EXPLAIN CREATE STREAM t AS SELECT k FROM s", "the projection contains no value columns"),
        ("CREATE STREAM `ü` AS SELECT * FROM s", "a topic cannot be named 'ü'"),
    ],
)
def test_a_statement_as_a_whole(db, statement, message):
    with pytest.raises(UserError) as refused:
        db.execute(f"{statement};")
    shown = str(refused.value).split("\n")
    assert shown[:3] == [message, f"line 1:1: {statement}", " " * 10 + "^" * len(statement)]


@pytest.mark.parametrize(
    ("statement", "message", "place", "hint"),
    [
        ("SELECT k, v, v FROM s", "the column V more than once", 13, "give one of them an alias"),
        ("SELECT v AS a, k AS a FROM s EMIT CHANGES", "the column A more than once", 15, "give one of them an alias"),
        ("CREATE STREAM t AS SELECT k, k AS x, v FROM s", "a key column more than once", 29, "write AS_VALUE(K) to"),
        (
            "CREATE STREAM t AS SELECT k, v, 1 AS v FROM s",
            "the column V more than once",
            32,
            "give one of them an alias",
        ),
    ],
)
def test_the_second_of_two_columns_of_one_name(db, statement, message, place, hint):
    with pytest.raises(UserError) as refused:
        db.execute(f"{statement};")
    shown = str(refused.value).split("\n")
    assert message in shown[0]
    assert shown[2].index("^") == len("line 1:13: ") + place
    assert shown[3].startswith(f"Hint: {hint}")


def test_a_name_that_no_topic_can_have_is_told_what_names_it(db):
    with pytest.raises(UserError) as refused:
        db.execute("CREATE STREAM `a b` AS SELECT * FROM s;")
    assert refused.value.hint == "WITH (KAFKA_TOPIC = '…') in CREATE gives it another name"
