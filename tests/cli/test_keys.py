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
