"""Functions about NULL and about which of several values to take."""

from __future__ import annotations

from collections.abc import Sequence

from ..functions import Function, SqlTemplate
from ..types import SqlType
from .table import function, overload


def _extreme(name: str) -> SqlTemplate:
    """GREATEST and LEAST skip NULLs, as DuckDB's do."""

    def render(args: Sequence[str], types: Sequence[SqlType], result: SqlType) -> str:
        return f"{name}({', '.join(args)})"

    return SqlTemplate(render)


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
        overload("T, T… -> T", _extreme("greatest")),
        examples=("GREATEST(low, 10)",),
    ),
    function(
        "LEAST",
        "The smallest of the arguments that are not NULL.",
        "CONDITIONAL",
        overload("T, T… -> T", _extreme("least")),
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
