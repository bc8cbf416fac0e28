"""What DEFINE says in one statement of a case holds for those behind it."""

from __future__ import annotations

import io
import json

from mergus.engine.cli.testing.jsonl import main


def test_a_variable_of_an_earlier_statement() -> None:
    statements = [
        "DEFINE format = 'JSON';",
        "CREATE STREAM s (k INT KEY, v INT) WITH (kafka_topic='s', format='${format}', partitions=1);",
        "UNDEFINE format;",
        "CREATE STREAM o AS SELECT k, '${format}' AS v FROM s;",
    ]
    inputs = [{"topic": "s", "key": 1, "value": {"V": 2}}]
    case = {"id": "define", "statements": statements, "topics": [], "inputs": inputs, "properties": {}}
    out = io.StringIO()
    main([json.dumps(case)], out)
    answer = json.loads(out.getvalue())
    assert answer["error"] is None
    assert [record["value"] for record in answer["outputs"]] == [{"V": "${format}"}]
