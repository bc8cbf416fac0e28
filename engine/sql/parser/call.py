"""Calls: arguments, lambdas, and what stands in a call or behind it: DISTINCT, FILTER, a unit of time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from ...errors import Unsupported
from ..units import unit_of
from .filtered import distinct_name, filter_call

if TYPE_CHECKING:
    from .expression import ExpressionParser

TIME_FUNCTIONS = frozenset(
    "DATEADD DATESUB TIMEADD TIMESUB TIMESTAMPADD TIMESTAMPSUB TIMESTAMPDIFF DATE_DIFF DATEDIFF".split()  # noqa: SIM905
)
"""Their first argument may be a unit of time, a bare word: it is given on as a string."""


def called(at: ExpressionParser, start: int) -> exp.Expression:
    """The call whose name comes next; `start`: the character where it begins."""
    name = at.advance().text.upper()
    if at.take_sign(TokenType.PARAMETER):
        name = f"{name}@{at.name('an alias of the model')}"
    if name == "MODEL_VERSION" and at.is_at(TokenType.L_PAREN):
        return _model_version(at, start)
    _check_model_call(at, name)
    at.expect_sign(TokenType.L_PAREN, "(")
    if name == "EXTRACT" and at.word(1) == "FROM":
        return _extract(at, start)
    distinct = at.span() if at.sees("DISTINCT") else None
    if distinct is not None:
        at.advance()
    call = exp.Anonymous(this=name, expressions=_arguments(at, name))
    if distinct is not None:
        call.set("this", distinct_name(call, distinct))
    if at.sees("FILTER") and at.is_at(TokenType.L_PAREN, 1):
        span = at.span()
        at.at += 2
        at.expect("WHERE")
        filter_call(call, at.expression(), span)
        at.expect_sign(TokenType.R_PAREN, ")")
    return at.placed(call, start)


def _extract(at: ExpressionParser, start: int) -> exp.Expression:
    """EXTRACT(HOUR FROM at), which is DATE_PART('HOUR', at)."""
    part = exp.Literal.string(at.advance().text.upper())
    at.expect("FROM")
    call = exp.Anonymous(this="DATE_PART", expressions=[part, at.expression()])
    at.expect_sign(TokenType.R_PAREN, ")")
    return at.placed(call, start)


def _arguments(at: ExpressionParser, name: str) -> list[exp.Expression]:
    """What stands between the parentheses, the closing one taken."""
    arguments: list[exp.Expression] = []
    if at.is_at(TokenType.STAR) and at.is_at(TokenType.R_PAREN, 1):
        at.at += 2
        return [exp.Star()]
    while not at.take_sign(TokenType.R_PAREN):
        if arguments:
            at.expect_sign(TokenType.COMMA, ", or )")
        arguments.append(_argument(at, name, first=not arguments))
    return arguments


def _model_version(at: ExpressionParser, start: int) -> exp.Expression:
    """MODEL_VERSION(m(…)): the number of the version that answers that call, a function beside the model's own."""
    at.expect_sign(TokenType.L_PAREN, "(")
    first = at.at
    call = at.expression()
    if not isinstance(call, exp.Anonymous):
        raise at.error("MODEL_VERSION takes a model's call", hint="MODEL_VERSION(m(a, b))", span=at.span(first))
    at.expect_sign(TokenType.R_PAREN, ")")
    return at.placed(exp.Anonymous(this=f"{call.this}#VERSION", expressions=call.expressions), start)


def _check_model_call(at: ExpressionParser, name: str) -> None:
    if name in ("ML_PREDICT", "ML_EVALUATE") and at.word(1) in ("TABLE", "MODEL"):
        raise Unsupported(f"{name}(TABLE …) stands in FROM", hint="call the model's function", span=at.span(at.at - 1))


def _argument(at: ExpressionParser, name: str, *, first: bool) -> exp.Expression:
    if _at_lambda(at):
        return _lambda(at)
    token = at.token()
    if first and name in TIME_FUNCTIONS and token is not None and unit_of(at.word()) is not None:
        at.advance()
        return at.placed(exp.Literal.string(token.text.upper()), token.start)
    return at.expression()


def _at_lambda(at: ExpressionParser) -> bool:
    if at.at_name() and at.is_at(TokenType.FARROW, 1):
        return True
    if not at.is_at(TokenType.L_PAREN):
        return False
    ahead = 1
    while at.at_name(ahead) and at.is_at(TokenType.COMMA, ahead + 1):
        ahead += 2
    return at.at_name(ahead) and at.is_at(TokenType.R_PAREN, ahead + 1) and at.is_at(TokenType.FARROW, ahead + 2)


def _lambda(at: ExpressionParser) -> exp.Expression:
    if at.take_sign(TokenType.L_PAREN):
        parameters = at.listed(at.identifier)
        at.expect_sign(TokenType.R_PAREN, ")")
    else:
        parameters = [at.identifier()]
    at.expect_sign(TokenType.FARROW, "=>")
    return exp.Lambda(this=at.expression(), expressions=parameters)
