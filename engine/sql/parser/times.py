"""Times as standard SQL writes them: `INTERVAL '5' MINUTE` and its like, `DATE '2024-12-31'`, `TIMESTAMP '…'`, `TIME '…'`.

An interval is no value of its own: it stands behind a + or a - (`typing/intervals.py`).
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from ..expressions import Literal
from ..types import DATE, STRING, TIME, TIMESTAMP, SqlType
from ..typing.literals import convert_literal
from ..units import MILLIS, unit_of

if TYPE_CHECKING:
    from .expression import ExpressionParser

_PART = re.compile(r"\s*([+-]?\d{1,9}(?:\.\d{1,3})?)\s*([A-Za-z]+)")
_AMOUNT = re.compile(r"\s*[+-]?\d{1,9}(?:\.\d{1,3})?\s*")
_TYPED: dict[str, SqlType] = {"DATE": DATE, "TIME": TIME, "TIMESTAMP": TIMESTAMP}
_WRITTEN = "INTERVAL '5' MINUTE, INTERVAL 5 MINUTES or INTERVAL '1 hour 30 minutes'"


def typed_text(at: ExpressionParser, start: int) -> exp.Expression | None:
    """`DATE '2024-12-31'` as the CAST that it is; None where no such thing comes next."""
    kind = _TYPED.get(at.word())
    if kind is None or not at.is_at(TokenType.STRING, 1):
        return None
    to, span = at.type_node(), at.span()
    text = at.string()
    convert_literal(Literal(text, STRING), kind, span)  # refuses what is none
    return at.placed(exp.Cast(this=exp.Literal.string(text), to=to), start)


def interval(at: ExpressionParser, start: int) -> exp.Expression | None:
    """An interval, as a sum where it has several parts; None where none comes next."""
    if at.word() != "INTERVAL" or not _follows(at):
        return None
    at.advance()
    if at.is_at(TokenType.STRING) and unit_of(at.word(1)) is None:
        return _of_text(at, start)
    if at.is_at(TokenType.STRING):
        span, text = at.span(), at.string()
        if not _AMOUNT.fullmatch(text):
            raise at.error(f"{text!r} is no number of {at.word()}", hint=f"write {_WRITTEN}", span=span)
        return at.placed(_part(at, Decimal(text.strip()), at.advance().text), start)
    if at.is_at(TokenType.NUMBER) or (at.is_at(TokenType.DASH) and at.is_at(TokenType.NUMBER, 1)):
        sign = -1 if at.take_sign(TokenType.DASH) else 1
        amount = at.advance().text
        if unit_of(at.word()) is None or not _AMOUNT.fullmatch(amount):
            raise at.error("an interval is a number and a unit", hint=f"write {_WRITTEN}")
        return at.placed(_part(at, sign * Decimal(amount), at.advance().text), start)
    count = at.operand()
    return at.placed(exp.Interval(this=count, unit=exp.Var(this=unit_of(at.advance().text))), start)


def _follows(at: ExpressionParser) -> bool:
    """Whether what stands behind INTERVAL makes it one: a text, a number, or a value with a unit behind it."""
    if at.is_at(TokenType.STRING, 1) or at.is_at(TokenType.NUMBER, 1) or at.is_at(TokenType.DASH, 1):
        return not at.is_at(TokenType.DASH, 1) or unit_of(at.word(3)) is not None
    ahead, depth = 2, int(at.is_at(TokenType.L_PAREN, 1))
    if not depth and not at.at_name(1):
        return False
    while depth and at.token(ahead) is not None:
        depth += at.is_at(TokenType.L_PAREN, ahead) - at.is_at(TokenType.R_PAREN, ahead)
        ahead += 1
    return unit_of(at.word(ahead)) is not None


def _of_text(at: ExpressionParser, start: int) -> exp.Expression:
    """`'1 hour 30 minutes'`."""
    span, text = at.span(), at.string()
    parts = _PART.findall(text)
    if not parts or _PART.sub("", text).strip() or any(unit_of(word) is None for _, word in parts):
        raise at.error(f"{text!r} is no interval", hint=f"write {_WRITTEN}", span=span)
    made = [at.placed(_part(at, Decimal(amount), word), start) for amount, word in parts]
    whole = made[0]
    for part in made[1:]:
        whole = exp.Add(this=whole, expression=part)
    return whole


def _part(at: ExpressionParser, amount: Decimal, word: str) -> exp.Expression:
    unit, span = unit_of(word), at.span(at.at - 1)
    assert unit is not None  # the caller has looked
    if amount % 1 and unit in MILLIS:
        amount, unit = amount * MILLIS[unit], "MILLISECOND"
    if amount % 1:
        raise at.error(f"{amount} {word} is no whole number of {unit}S", hint="write it in a smaller unit", span=span)
    if abs(amount) >= 1 << 31:
        raise at.error(f"an interval has at most {(1 << 31) - 1} {unit}S", hint="write it in a larger unit", span=span)
    return exp.Interval(this=exp.Literal.number(int(amount)), unit=exp.Var(this=unit))
