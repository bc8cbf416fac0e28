"""Functions that only test cases call, made with the public decorators: equals of those in ksqlDB's test jars."""

from __future__ import annotations

from ..sql.functions import FunctionRegistry
from ..sql.udf import udf


def _bad_udf(text: str) -> str:
    """Fails for text that ends in 1."""
    if text.endswith("1"):
        raise ValueError("boom")
    return text


def register(registry: FunctionRegistry) -> None:
    """Add the test functions."""
    registry.add(udf(_bad_udf, name="BAD_UDF").sql_function())
