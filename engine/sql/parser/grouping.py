"""ROLLUP (a, b), CUBE (a, b) and GROUPING SETS ((a, b), (a), ()) in GROUP BY."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

if TYPE_CHECKING:
    from .expression import ExpressionParser

_KINDS: dict[str, type[exp.Expression]] = {"ROLLUP": exp.Rollup, "CUBE": exp.Cube}


def grouping_at(at: ExpressionParser) -> str | None:
    """Which of them stands here; None for an expression."""
    if at.word() in _KINDS and at.is_at(TokenType.L_PAREN, 1):
        return at.word()
    return "GROUPING SETS" if at.sees("GROUPING", "SETS") else None


def grouping(at: ExpressionParser, word: str) -> exp.Expression:
    """Take it; `word`: what `grouping_at` has found."""
    start = at.at
    at.nest()
    at.expect(*word.split())
    at.expect_sign(TokenType.L_PAREN, "(")
    parts = at.listed(lambda: _part(at))
    at.expect_sign(TokenType.R_PAREN, ", or )")
    at.depth -= 1
    return at.placed(_KINDS.get(word, exp.GroupingSets)(expressions=parts), start)


def _part(at: ExpressionParser) -> exp.Expression:
    """A value, some in parentheses, or one of these again."""
    start, word = at.at, grouping_at(at)
    if word is not None:
        return grouping(at, word)
    if at.take_sign(TokenType.L_PAREN):
        parts = [] if at.is_at(TokenType.R_PAREN) else at.listed(at.value)
        if at.take_sign(TokenType.R_PAREN) and (at.is_at(TokenType.COMMA) or at.is_at(TokenType.R_PAREN)):
            return exp.Tuple(expressions=parts)
        at.at = start  # the parenthesis was the value's own
    return at.value()
