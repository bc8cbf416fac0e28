"""What the call of a model takes: arguments that its tensors round, and, of the rows where it stands, the keys of its split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlglot import exp

from ...errors import Span, UnknownName
from ..expressions import Call, Cast, Expr, Literal
from ..functions import ModelCall, ModelInput, ParamType, ScalarFunction
from ..types import DOUBLE, FLOAT, Array, SqlType, Vector
from .coercion import ARRAY_CONSTRUCTOR, castable, coerce, widens
from .expression import Context, analyze


def feeds(given: SqlType, wanted: SqlType) -> bool:
    """Whether a value of one type is taken for a model's input of another: as everywhere, and where only digits are lost."""
    match given, wanted:
        case Array(a), Array(b):
            return feeds(a, b)
        case Array(a), Vector():
            return feeds(a, FLOAT)
        case _:
            return widens(given, wanted) or (given is DOUBLE and wanted is FLOAT)


def cast_for(params: Sequence[ParamType], args: Sequence[Expr | None]) -> str | None:
    """The hint where a model's input wants another type than the argument in its place, which CAST makes of it."""
    for param, arg in zip(params, args, strict=False):
        if isinstance(param, ModelInput) and arg is not None and not feeds(arg.type, param.type):
            wanted = f"CAST(… AS {param.type})"
            return f"{wanted} makes {param.name} of {arg.type}" if castable(arg.type, param.type) else None
    return None


def fed(expr: Expr, wanted: SqlType, span: Span | None) -> Expr:
    """An argument that `feeds` the input, as its type."""
    if isinstance(expr, Literal) or widens(expr.type, wanted):
        return coerce(expr, wanted, span)
    if isinstance(expr, Call) and expr.function == ARRAY_CONSTRUCTOR and isinstance(wanted, Array | Vector):
        item = wanted.item if isinstance(wanted, Array) else FLOAT
        items = tuple(fed(arg, item, span) for arg in expr.args)
        return coerce(replace(expr, args=items, type=Array(item)), wanted, span)
    return Cast(expr, wanted, span)


def taken_unasked(function: ScalarFunction, context: Context, span: Span | None) -> list[exp.Expression]:
    """The columns that a model's call takes behind its arguments: by them its split chooses a row's version."""
    implementation = function.overloads[0].implementation
    made: list[exp.Expression] = []
    for key in implementation.keys if isinstance(implementation, ModelCall) else ():
        column = exp.Column(this=exp.Identifier(this=key, quoted=True))
        try:
            analyze(column, context)
        except UnknownName as error:
            raise UnknownName(
                f"model {function.name.partition('#')[0]} is split by {key}, which is no column here",
                detail=error.message,
                hint="select from a source that has it, or call an alias or a version: m@champion(…)",
                span=span,
            ) from None
        made.append(column)
    return made
