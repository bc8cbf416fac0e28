"""What the call of a model takes of the rows where it stands, besides what it is given: the keys of its split."""

from __future__ import annotations

from sqlglot import exp

from ...errors import Span, UnknownName
from ..functions import ModelCall, ScalarFunction
from .expression import Context, analyze


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
