"""Functions that only test cases call, made with the public decorators: equals of those in ksqlDB's test jars."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..sql.functions import FunctionRegistry, ScalarFunction
from ..sql.udf import UserFunction, udf


def _fails(number: int) -> str:
    """Fails always."""
    raise ValueError(f"boom at {number}")


def _may_fail(fail: bool) -> int:
    """Fails when told to."""
    if fail:
        raise ValueError("told to fail")
    return 0


def _bad_udf(text: str) -> str:
    """Fails for text that ends in 1."""
    if text.endswith("1"):
        raise ValueError("boom")
    return text


def _when_condition(answer: bool, wanted: bool) -> bool:
    """A condition that must not be asked for unless it is wanted."""
    if not wanted:
        raise ValueError("a condition of CASE was evaluated though an earlier one held")
    return answer


def _when_result(answer: int, wanted: bool) -> int:
    """A result that must not be asked for unless it is wanted."""
    if not wanted:
        raise ValueError("a result of CASE was evaluated though its condition did not hold")
    return answer


def _field_a(row: dict[str, Any]) -> Any:
    return row["A"]


def _struct_a() -> dict[str, str]:
    return {"A": "foo"}


def _named(answer: str) -> Any:
    """A function that says which of its overloads was chosen."""

    def chosen(*given: object) -> str:
        return answer

    return chosen


def _overloaded(*functions: UserFunction) -> ScalarFunction:
    """One SQL function of several Python ones."""
    made = [f.sql_function() for f in functions]
    scalar = [f for f in made if isinstance(f, ScalarFunction)]
    return replace(scalar[0], overloads=tuple(o for f in scalar for o in f.overloads))


def _test_udf() -> ScalarFunction:
    name, null = "TEST_UDF", "call"
    return _overloaded(
        udf(_named("doStuffIntString"), name=name, params=["INTEGER", "STRING"], returns="STRING", null=null),
        udf(_named("doStuffLongString"), name=name, params=["BIGINT", "STRING"], returns="STRING", null=null),
        udf(
            _named("doStuffLongLongString"),
            name=name,
            params=["BIGINT", "BIGINT", "STRING"],
            returns="STRING",
            null=null,
        ),
        udf(_named("doStuffLongVarargs"), name=name, params=["BIGINT…"], returns="STRING", null=null),
        udf(_field_a, name=name, params=["STRUCT<A STRING>"], returns="STRING"),
        udf(_struct_a, name=name, params=[], returns="STRUCT<A STRING>"),
    )


def register(registry: FunctionRegistry) -> None:
    """Add the test functions."""
    registry.add(
        _overloaded(
            udf(_bad_udf, name="BAD_UDF"),
            udf(_fails, name="BAD_UDF", params=["INTEGER"], returns="STRING"),
            udf(_may_fail, name="BAD_UDF", params=["BOOLEAN"], returns="INTEGER"),
        )
    )
    registry.add(udf(_when_condition, name="WHENCONDITION").sql_function())
    registry.add(udf(_when_result, name="WHENRESULT", params=["INTEGER", "BOOLEAN"], returns="INTEGER").sql_function())
    registry.add(_test_udf())
