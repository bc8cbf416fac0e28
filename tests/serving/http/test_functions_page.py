"""Every function that ships is described, and its page says what DESCRIBE FUNCTION says."""

from __future__ import annotations

from pathlib import Path

import pytest

from mergus.engine.config import load
from mergus.engine.errors import UnknownName
from mergus.engine.serving.describe.functions import describe_function, page
from mergus.engine.serving.opening import registry
from mergus.engine.sql.parser.parse import parse_statement
from mergus.engine.sql.statements.statement import DescribeFunction

PAGE = Path(__file__).parents[3] / "docs" / "sql" / "functions.md"


@pytest.fixture(scope="module")
def shipped():
    return registry(load({}, {}))


def test_the_page_is_what_the_functions_say(shipped) -> None:
    assert PAGE.read_text(encoding="utf-8") == page(shipped), "make docs writes the page"


def test_every_function_is_described_and_shown_at_work(shipped) -> None:
    lacking = [f.name for f in shipped.functions.values() if not (f.description.endswith(".") and f.examples)]
    assert not lacking


def test_every_example_reads_as_an_expression_or_a_statement(shipped) -> None:
    for function in shipped.functions.values():
        for example in function.examples:
            assert function.name.lower() in example.lower()
            text = example.rstrip(";") if example.startswith("SELECT ") else f"SELECT {example} FROM s"
            parse_statement(text)


@pytest.mark.parametrize("name", ["LPAD", "topk", "Explode", "embed"])
def test_describe_function_says_what_the_page_says(name: str, shipped) -> None:
    told = describe_function(DescribeFunction(name), f"DESCRIBE FUNCTION {name}", shipped)
    text = PAGE.read_text(encoding="utf-8")
    assert told.body["description"] in text
    assert all(f"`{call}` → {returns}" in text for call, returns in told.rows)


def test_an_aggregates_result_is_told_by_its_arguments(shipped) -> None:
    said = {
        name: describe_function(DescribeFunction(name), "", shipped).rows[0][1]
        for name in ("AVG", "MIN", "COLLECT_SET")
    }
    assert said == {"AVG": "DOUBLE", "MIN": "COMPARABLE", "COLLECT_SET": "ARRAY<T>"}


def test_a_misspelt_function_is_corrected(shipped) -> None:
    with pytest.raises(UnknownName) as refused:
        describe_function(DescribeFunction("SUBSTRIGN"), "DESCRIBE FUNCTION substrign", shipped)
    assert refused.value.hint == "did you mean SUBSTRING?"
