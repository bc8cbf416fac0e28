"""A key of several columns: none at all, and one whose columns are NULL."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from mergus.engine.cli.testing.jsonl import main

PAIRS = "CREATE STREAM pairs (a INT KEY, b INT KEY, v INT) WITH (kafka_topic='p', format='JSON', partitions=1);"


def keys(made: str, given: list[Any]) -> list[Any]:
    inputs = [{"topic": "p", "key": key, "value": {"V": 1}} for key in given]
    case = {"id": "keys", "statements": [PAIRS, made], "topics": [], "inputs": inputs, "properties": {}}
    out = io.StringIO()
    main([json.dumps(case)], out)
    answer = json.loads(out.getvalue())
    assert answer["error"] is None, answer["error"]
    return [record["key"] for record in answer["outputs"]]


@pytest.mark.parametrize(
    ("made", "of_none"),
    [
        ("CREATE STREAM o AS SELECT * FROM pairs WHERE v > 0;", None),
        ("CREATE STREAM o AS SELECT b, a, v FROM pairs PARTITION BY b, a;", {"A": None, "B": None}),
    ],
)
def test_a_record_without_a_key(made: str, of_none: Any) -> None:
    """It stays without one, unless PARTITION BY makes the key."""
    found = keys(made, [{"A": 1, "B": 2}, {"A": None, "B": 2}, None])
    assert found == [{"A": 1, "B": 2}, {"A": None, "B": 2}, of_none]


@pytest.mark.parametrize(
    "made",
    [
        "CREATE STREAM o AS SELECT * FROM pairs;",
        "CREATE STREAM o AS SELECT b, a, v + 1 AS w FROM pairs WHERE v > 0;",
        "CREATE STREAM o AS SELECT * FROM pairs UNION ALL SELECT * FROM pairs WHERE v > 1;",
    ],
)
def test_a_key_whose_columns_are_all_null(made: str) -> None:
    """It is a key, which the record keeps; a record without one has none."""
    empty = {"A": None, "B": None}
    assert keys(made, [empty, None, {"A": 1, "B": None}, empty]) == [empty, None, {"A": 1, "B": None}, empty]


def test_of_a_key_whose_columns_are_all_null_one_that_is_made_the_key() -> None:
    """PARTITION BY NULL is no key, as anywhere."""
    made = "CREATE STREAM o AS SELECT a, AS_VALUE(b) AS c, v FROM pairs PARTITION BY a;"
    assert keys(made, [{"A": None, "B": None}, {"A": 1, "B": None}]) == [None, 1]
