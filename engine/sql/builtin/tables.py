"""Table functions: each gives a list per row, which is unnested into rows."""

from __future__ import annotations

from collections.abc import Sequence

from ..functions import Function, Generic, ListOf, SqlTemplate, TableFunction, TableOverload
from ..types import SqlType
from .table import template

_CUBE_MAX = 20


def _cube(args: Sequence[str], types: Sequence[SqlType], result: SqlType) -> str:
    """Every way to replace elements by NULL, all of them first, in the order in which binary numbers count; an element
    that is NULL anyway has one way only. More than 20 elements, which are a million rows, fail, as in ksqlDB: by a cast that
    cannot be done."""
    (items,) = args
    bit = f"(n >> (len({items}) - i)::INTEGER) & 1 = 1"
    useful = f"coalesce(list_bool_and(list_transform({items}, lambda x, i: x IS NOT NULL OR NOT ({bit}))), true)"
    size = f"CASE WHEN len({items}) <= {_CUBE_MAX} THEN len({items}) ELSE ('elements: ' || len({items}))::BIGINT END"
    numbers = f"list_filter(range(1 << ({size})::INTEGER), lambda n: {useful})"
    return f"list_transform({numbers}, lambda n: list_transform({items}, lambda x, i: CASE WHEN {bit} THEN x END))"


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
)
