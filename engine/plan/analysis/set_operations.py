"""UNION and its like: columns are paired by their place, and each pair is of the type that holds both."""

from __future__ import annotations

from collections.abc import Sequence

from ...errors import AnalysisError, TypeMismatch
from ...sql.expressions import Column
from ...sql.schema import ColumnDef
from ...sql.statements.relational import SetOperation
from ...sql.types import NULL, SqlType
from ...sql.typing.coercion import common_type


def common_types(left: Sequence[ColumnDef], right: Sequence[ColumnDef], operation: SetOperation) -> list[SqlType]:
    """The types of the columns of both sides. Raises where there are not as many, or where no type holds a pair."""
    if len(left) != len(right):
        raise AnalysisError(
            f"{operation.kind} takes queries of as many columns: {len(left)} and {len(right)}",
            detail=f"{', '.join(c.name for c in left)}; {', '.join(c.name for c in right)}",
            hint="list the columns of both in SELECT, in the same order",
            span=operation.span,
        )
    return [_common_type(a, b, operation) for a, b in zip(left, right, strict=True)]


def _common_type(left: ColumnDef, right: ColumnDef, operation: SetOperation) -> SqlType:
    try:
        found = common_type([Column(0, c.name, c.type) for c in (left, right)], operation.span)
    except TypeMismatch as error:
        error.detail = f"the columns {left.name} and {right.name} of {operation.kind}"
        error.hint = f"CAST one of them: {left.name} is {left.type}, {right.name} is {right.type}"
        raise
    return found or NULL
