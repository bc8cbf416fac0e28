"""Table functions: each gives a list per row, which is unnested into rows."""

from __future__ import annotations

from collections.abc import Sequence

from ..functions import Function, Generic, ListOf, SqlTemplate, TableFunction, TableOverload
from ..types import BIGINT, INTEGER, SqlType
from .table import template


def _cube(args: Sequence[str], types: Sequence[SqlType], result: SqlType) -> str:
    """Every way to replace elements by NULL, all of them first, in the order in which binary numbers count; an element
    that is NULL anyway has one way only."""
    (items,) = args
    bit = f"(n >> (len({items}) - i)::INTEGER) & 1 = 1"
    useful = f"list_bool_and(list_transform({items}, lambda x, i: x IS NOT NULL OR NOT ({bit})))"
    numbers = f"list_filter(range(1 << len({items})::INTEGER), lambda n: {useful})"
    return f"list_transform({numbers}, lambda n: list_transform({items}, lambda x, i: CASE WHEN {bit} THEN x END))"


_STEP = "CASE WHEN {0} <= {1} THEN 1 ELSE -1 END"


FUNCTIONS: tuple[Function, ...] = (
    TableFunction(
        "EXPLODE",
        (TableOverload((ListOf(Generic("T")),), Generic("T"), template("{0}")),),
        "One row an element of the array.",
        examples=("EXPLODE(items)",),
    ),
    TableFunction(
        "CUBE_EXPLODE",
        (TableOverload((ListOf(Generic("T")),), ListOf(Generic("T")), SqlTemplate(_cube)),),
        "One row for every way to replace elements of the array by NULL.",
        examples=("CUBE_EXPLODE(ARRAY[city, state])",),
    ),
    TableFunction(
        "GENERATE_SERIES",
        (
            TableOverload((INTEGER, INTEGER), INTEGER, template(f"generate_series({{0}}, {{1}}, {_STEP})::INTEGER[]")),
            TableOverload((BIGINT, BIGINT), BIGINT, template(f"generate_series({{0}}, {{1}}, {_STEP})")),
            TableOverload((INTEGER, INTEGER, INTEGER), INTEGER, template("generate_series({0}, {1}, {2})::INTEGER[]")),
            TableOverload((BIGINT, BIGINT, INTEGER), BIGINT, template("generate_series({0}, {1}, {2})")),
        ),
        "The whole numbers from the first argument to the second, both included, by steps of the third (1 or -1).",
        examples=("GENERATE_SERIES(1, 10, 2)",),
    ),
)
