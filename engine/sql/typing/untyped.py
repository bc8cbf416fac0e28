"""A bare NULL as an argument: it fits every parameter, and says of none which type is meant."""

from __future__ import annotations

from collections.abc import Sequence

from ...errors import Span, TypeMismatch
from ..expressions import Expr, Literal
from ..functions import Matching, ParamType
from ..types import INTERVAL_UNIT, NULL, Array, Map, SqlType


def has_null(sql_type: SqlType) -> bool:
    """Whether a type is not known to its end.

    >>> has_null(Map(NULL, Array(NULL)))
    True
    """
    match sql_type:
        case Array(item):
            return has_null(item)
        case Map(key, value):
            return has_null(key) or has_null(value)
        case _:
            return sql_type is NULL


def untold(name: str, span: Span | None) -> TypeMismatch:
    """The refusal of a call whose type nobody can tell."""
    return TypeMismatch(
        f"{name} cannot tell which type its argument NULL has",
        hint=f"give it one: {name}(CAST(NULL AS …))",
        span=span,
    )


def check_arguments(name: str, args: Sequence[Expr], params: Sequence[ParamType], span: Span | None) -> None:
    """Raise TypeMismatch for a NULL where one of several types is wanted."""
    for arg, param in zip(args, params, strict=False):  # one that repeats is generic
        if arg.type is NULL and isinstance(param, Matching):
            raise untold(name, span)


def check_unit(name: str, args: Sequence[Expr], params: Sequence[ParamType], span: Span | None) -> None:
    """Raise TypeMismatch for a NULL in the place of DAYS, HOURS …"""
    for arg, param in zip(args, params, strict=False):
        if param == INTERVAL_UNIT and isinstance(arg, Literal) and arg.value is None:
            raise TypeMismatch(f"{name} takes a unit: DAYS, HOURS …", span=span)
