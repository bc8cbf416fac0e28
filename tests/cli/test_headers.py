"""Header columns: all headers, the newest value of one, in filters, keys and groups; and what may not be written."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from mergus.engine.cli.testing.jsonl import main

READINGS = "CREATE STREAM readings (id INT KEY, v INT, {}) WITH (kafka_topic='r', format='JSON', partitions=1);"
ALL = READINGS.format("h ARRAY<STRUCT<key STRING, value BYTES>> HEADERS")
ONE = READINGS.format("origin BYTES HEADER('origin')")


def run(*statements: str, headers: list[list[tuple[str, str | None]]] | None = None) -> dict[str, Any]:
    inputs = [
        {"topic": "r", "key": i, "value": {"V": i}, "headers": [{"KEY": k, "VALUE": v} for k, v in row]}
        for i, row in enumerate(headers or [])
    ]
    case = {"id": "headers", "statements": list(statements), "topics": [], "inputs": inputs, "properties": {}}
    out = io.StringIO()
    main([json.dumps(case)], out)
    answer: dict[str, Any] = json.loads(out.getvalue())
    return answer


def values(answer: dict[str, Any]) -> list[Any]:
    assert answer["error"] is None, answer["error"]
    return [record["value"] for record in answer["outputs"]]


def test_all_headers_of_a_record() -> None:
    answer = run(ALL, "CREATE STREAM o AS SELECT id, h FROM readings;", headers=[[], [("a", "IQ=="), ("b", None)]])
    assert values(answer) == [{"H": []}, {"H": [{"KEY": "a", "VALUE": "IQ=="}, {"KEY": "b", "VALUE": None}]}]


def test_the_newest_value_of_one_header() -> None:
    rows = [[("origin", "IQ=="), ("origin", "Iw==")], [("other", "IQ==")], []]
    answer = run(ONE, "CREATE STREAM o AS SELECT id, origin FROM readings;", headers=rows)
    assert values(answer) == [{"ORIGIN": "Iw=="}, {"ORIGIN": None}, {"ORIGIN": None}]


def test_headers_in_a_filter() -> None:
    text = "CREATE STREAM o AS SELECT id, v FROM readings WHERE h[1]->key = 'a';"
    assert values(run(ALL, text, headers=[[("a", None)], [("b", None)], []])) == [{"V": 0}]


def test_headers_in_group_by() -> None:
    text = "CREATE TABLE o AS SELECT origin, COUNT(*) AS n FROM readings GROUP BY origin EMIT CHANGES;"
    rows: list[list[tuple[str, str | None]]] = [[("origin", "IQ==")], [("origin", "Iw==")], [("origin", "IQ==")]]
    answer = run(ONE, text, headers=rows)
    assert [(r["key"], r["value"]["N"]) for r in answer["outputs"]] == [("IQ==", 1), ("Iw==", 1), ("IQ==", 2)]


@pytest.mark.parametrize(
    "made",
    [
        "CREATE STREAM o AS SELECT id, v + 1 AS w FROM readings WHERE v < 2;",
        "CREATE STREAM o AS SELECT v, id FROM readings WHERE v < 2 PARTITION BY v;",
        "CREATE STREAM o AS SELECT id, EXPLODE(ARRAY[v]) AS w FROM readings WHERE v < 2;",
    ],
)
def test_headers_go_along_to_the_output(made: str) -> None:
    plain = READINGS.format("w INT")
    answer = run(plain, made, headers=[[("trace", "IQ=="), ("b", None)], [], [("trace", "Iw==")]])
    assert answer["error"] is None, answer["error"]
    assert [r["headers"] for r in answer["outputs"]] == [
        [{"KEY": "trace", "VALUE": "IQ=="}, {"KEY": "b", "VALUE": None}],
        [],
    ]


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO readings (id, origin) VALUES (1, NULL);",
        "INSERT INTO readings VALUES (1, 2, NULL);",
        "INSERT INTO readings SELECT * FROM readings;",
    ],
)
def test_header_columns_are_not_written(statement: str) -> None:
    answer = run(ONE, statement)
    assert answer["kind"] == "user"
    assert "header" in answer["error"].lower()


def test_a_header_column_has_its_type() -> None:
    answer = run(READINGS.format("origin INT HEADER('origin')"))
    assert answer["kind"] == "user"
    assert "BYTES" in answer["error"]
