"""Functions about NULL and about which of several values to take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..functions import Function, SqlTemplate
from ..types import Decimal, SqlType, is_numeric
from .table import function, overload


def _extreme(name: str) -> SqlTemplate:
    """GREATEST and LEAST skip NULLs, as DuckDB's do."""

    def render(args: Sequence[str], types: Sequence[SqlType], result: SqlType) -> str:
        return f"{name}({', '.join(args)})"

    return SqlTemplate(render)


def _mixed_numbers(types: Sequence[SqlType]) -> str | None:
    """As in ksqlDB: whole and exact numbers are not compared with one another unless a DOUBLE makes all of them one."""
    kinds = dict.fromkeys("DECIMAL" if isinstance(t, Decimal) else str(t) for t in types if is_numeric(t))
    return f"the numbers are {' and '.join(kinds)}" if len(kinds) > 1 and "DOUBLE" not in kinds else None


FUNCTIONS: tuple[Function, ...] = (
    function(
        "COALESCE",
        "The first of the arguments that is not NULL.",
        "CONDITIONAL",
        overload("T, T… -> T", "coalesce({*})"),
        examples=("COALESCE(nickname, name, 'nobody')",),
    ),
    function(
        "IFNULL",
        "The first argument, or the second where the first is NULL.",
        "CONDITIONAL",
        overload("T, T -> T", "coalesce({*})"),
        examples=("IFNULL(price, 0)",),
    ),
    function(
        "NULLIF",
        "NULL where both arguments are equal, else the first.",
        "CONDITIONAL",
        overload("T, T -> T", "nullif({*})"),
        examples=("NULLIF(status, '')",),
    ),
    function(
        "GREATEST",
        "The largest of the arguments that are not NULL.",
        "CONDITIONAL",
        replace(overload("T, T… -> T", _extreme("greatest")), refuses=_mixed_numbers),
        examples=("GREATEST(low, 10)",),
    ),
    function(
        "LEAST",
        "The smallest of the arguments that are not NULL.",
        "CONDITIONAL",
        replace(overload("T, T… -> T", _extreme("least")), refuses=_mixed_numbers),
        examples=("LEAST(high, 100)",),
    ),
    function(
        "AS_VALUE",
        "The argument itself: makes a value column of a key column.",
        "OTHER",
        overload("T -> T", "{0}"),
        examples=("AS_VALUE(id)",),
    ),
)
