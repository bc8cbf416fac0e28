"""Functions that only test cases call, made with the public decorators: equals of those in ksqlDB's test jars."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ...sql.functions import AggregateFunction, FunctionRegistry, ScalarFunction, TableFunction
from ...sql.udf.declare import UserFunction, udf, udtf
from .aggregates import AGGREGATES, TEST_UDAF


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


def _same(value: int) -> list[int]:
    return [value]


def _firsts(*lists: list[Any]) -> list[str]:
    """The first element of each, as Java writes it."""
    return [_java_text(items[0]) for items in lists]


def _first_values(*maps: dict[str, Any]) -> list[str]:
    return [_java_text(next(iter(m.values()))) for m in maps]


def _java_text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "Struct{" + ",".join(f"{k}={v}" for k, v in value.items()) + "}"
    return str(value)


def _throwing(fail: bool) -> list[bool]:
    if fail:
        raise ValueError("told to fail")
    return [fail]


def _to_struct(text: str) -> dict[str, str]:
    return {"A": text}


_ITEMS = ("INTEGER", "BIGINT", "DOUBLE", "BOOLEAN", "STRING", "DECIMAL(20, 10)", "STRUCT<A STRING>")


def _test_udtf() -> TableFunction:
    name = "TEST_UDTF"
    made = [
        udtf(_same, name=name, params=["INTEGER"], returns="INTEGER"),
        udtf(_firsts, name=name, params=[f"ARRAY<{i}>" for i in _ITEMS], returns="STRING"),
        udtf(_first_values, name=name, params=[f"MAP<STRING, {i}>" for i in _ITEMS], returns="STRING"),
    ]
    functions = [f.sql_function() for f in made]
    table = [f for f in functions if isinstance(f, TableFunction)]
    return replace(table[0], overloads=tuple(o for f in table for o in f.overloads))


def _test_udaf() -> AggregateFunction:
    functions = [f.sql_function() for f in TEST_UDAF]
    found = [f for f in functions if isinstance(f, AggregateFunction)]
    return replace(found[0], overloads=tuple(o for f in found for o in f.overloads))


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
    registry.add(udf(_to_struct, name="TOSTRUCT", returns="STRUCT<A STRING>").sql_function())
    registry.add(_test_udtf())
    registry.add(udtf(_throwing, name="THROWING_UDTF").sql_function())
    registry.add(_test_udaf())
    for made in AGGREGATES:
        registry.add(made.sql_function())
