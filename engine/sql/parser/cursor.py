"""A cursor over the tokens of one statement: what every part of the grammar is written in.

It looks ahead, takes words and signs, reads names and literals, and makes the errors, each with the place of the token
that was met and what was expected instead.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TypeVar

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from ...errors import ParseError, Span
from ..dialect import tokenize, with_place
from ..types import PLAIN_NAME
from ..units import MILLIS, unit_of
from .elsewhere import hint_for

RESERVED = frozenset(
    """SELECT FROM AS WHERE WITHIN WINDOW GROUP BY HAVING LIMIT OR AND IN NOT EXISTS BETWEEN LIKE IS NULL TRUE FALSE CASE
    WHEN THEN ELSE END JOIN FULL OUTER INNER LEFT RIGHT ON WITH VALUES CREATE INSERT INTO DESCRIBE DROP CAST DISTINCT""".split()  # noqa: SIM905
)
"""Words that are no names unless they are quoted."""
_DURATION = re.compile(r"\s*(\d{1,15})\s+([A-Za-z]+)\s*")
DURATION_MAX_MS = (1 << 63) // 1000
"""The last millisecond that a TIMESTAMP holds: the end of a window so long, its grace added, is still a BIGINT."""
_T = TypeVar("_T")
_NAMES = (TokenType.VAR, TokenType.IDENTIFIER)
DEPTH_MAX = 50
"""How deep expressions and types may nest: a level costs ten frames of Python's stack here, and more in what follows."""
CHAIN_MAX = 150
"""How many operators of one rank may follow each other: each makes the tree one deeper."""


def unit_ms(word: str) -> int | None:
    """The milliseconds of a unit of time, singular or plural; None when it is none, or has no length of its own."""
    return MILLIS.get(unit_of(word) or "")


def text_ms(text: str) -> int | None:
    """The milliseconds of `10 SECONDS` in a property's value; None where it is no time.

    >>> text_ms("10 SECONDS"), text_ms("10"), text_ms("10 years"), text_ms("999999999999 DAYS")
    (10000, None, None, None)
    """
    found = _DURATION.fullmatch(text)
    factor = unit_ms(found[2]) if found else None
    made = None if found is None or factor is None else int(found[1]) * factor
    return None if made is None or made > DURATION_MAX_MS else made


class Cursor:
    """The tokens of `text` and a place among them."""

    def __init__(self, text: str, tokens: Sequence[Token] | None = None) -> None:
        self.text = text
        self.tokens = list(tokenize(text) if tokens is None else tokens)
        self.at = 0
        self.depth = 0

    # --------------------------------------------------------------------------------------------------------- looking

    def token(self, ahead: int = 0) -> Token | None:
        """The token that is `ahead` of the next, None at the end."""
        index = self.at + ahead
        return self.tokens[index] if 0 <= index < len(self.tokens) else None

    def word(self, ahead: int = 0) -> str:
        """The upper-cased word there; '' where there is none (a quoted name is not a word)."""
        token = self.token(ahead)
        return token.text.upper() if token is not None and token.token_type is TokenType.VAR else ""

    def is_at(self, kind: TokenType, ahead: int = 0) -> bool:
        """Whether a token of that kind is there."""
        token = self.token(ahead)
        return token is not None and token.token_type is kind

    def sees(self, *words: str) -> bool:
        """Whether these words come next."""
        return all(self.word(i) == w for i, w in enumerate(words))

    @property
    def ended(self) -> bool:
        """Whether all has been read."""
        return self.at >= len(self.tokens)

    # ---------------------------------------------------------------------------------------------------------- taking

    def advance(self) -> Token:
        """Take the next token."""
        token = self.token()
        if token is None:
            raise self.error("the statement ends too early")
        self.at += 1
        return token

    def take(self, *words: str) -> bool:
        """Take these words if they come next."""
        if not self.sees(*words):
            return False
        self.at += len(words)
        return True

    def take_sign(self, kind: TokenType) -> bool:
        """Take a sign if it comes next."""
        if not self.is_at(kind):
            return False
        self.at += 1
        return True

    def expect(self, *words: str) -> None:
        """Take these words, or say that they were expected."""
        for word in words:
            if not self.take(word):
                raise self.unexpected(word)

    def expect_sign(self, kind: TokenType, shown: str) -> Token:
        """Take a sign, or say that it was expected."""
        if not self.is_at(kind):
            raise self.unexpected(shown)
        return self.advance()

    def end(self) -> None:
        """Nothing may follow."""
        if not self.ended:
            raise self.unexpected("the end of the statement")

    # ---------------------------------------------------------------------------------------------------------- errors

    def span(self, start: int = -1) -> Span:
        """From token number `start` to the last one taken; without `start` the next token."""
        if start < 0:
            token = self.token()
            if token is None:
                return Span(max(0, len(self.text.rstrip()) - 1), max(1, len(self.text.rstrip())))
            return Span(token.start, token.end + 1)
        first = self.tokens[min(start, len(self.tokens) - 1)]
        last = self.tokens[max(start, min(self.at, len(self.tokens)) - 1)] if start < len(self.tokens) else first
        return Span(first.start, last.end + 1)

    def error(self, message: str, *, hint: str | None = None, span: Span | None = None) -> ParseError:
        """An error at the next token, or at `span`."""
        return ParseError(f"syntax error: {message}", hint=hint, span=span or self.span())

    def unexpected(self, wanted: str) -> ParseError:
        """The next token is not what was wanted."""
        token = self.token()
        if token is None:
            return self.error(f"the statement ends where {wanted} was expected")
        shown = self.text[token.start : token.end + 1]
        if len(shown) > 40:
            shown = shown[:40] + "…"
        hint = hint_for(self.word(-1), shown.upper(), wanted)
        if wanted.startswith("a name") and self.word() in RESERVED:
            hint = f"{self.word()} is a reserved word: as a name it is written in back-quotes, `{token.text}`"
        if wanted == "an expression" and self.is_at(TokenType.COMMA, -1):
            hint = f"take away the comma before {shown}"
        return self.error(f"unexpected {shown}, expected {wanted}", hint=hint)

    # ----------------------------------------------------------------------------------------------- names and literals

    def at_name(self, ahead: int = 0) -> bool:
        """Whether a name comes next."""
        token = self.token(ahead)
        if token is None or token.token_type not in _NAMES:
            return False
        if token.token_type is TokenType.IDENTIFIER:
            return token.text != ""
        return token.text.upper() not in RESERVED and not token.text.startswith("$")

    def name(self, what: str = "a name") -> str:
        """Take a name: upper-cased unless it is quoted."""
        if not self.at_name():
            raise self.unexpected(what if what.startswith("a name") else f"a name ({what})")
        token = self.advance()
        return token.text if token.token_type is TokenType.IDENTIFIER else token.text.upper()

    def identifier(self, what: str = "a name") -> exp.Identifier:
        """Take a name as a node with its place."""
        start = self.at
        name = self.name(what)
        token = self.tokens[start]
        node: exp.Identifier = with_place(
            exp.Identifier(this=name, quoted=PLAIN_NAME.match(name) is None), token.start, token.end
        )
        return node

    def string(self, what: str = "a string in single quotes") -> str:
        """Take a string literal."""
        if not self.is_at(TokenType.STRING):
            raise self.unexpected(what)
        return self.advance().text

    def integer(self, what: str = "a whole number") -> int:
        """Take a whole number, signed or not."""
        sign = -1 if self.take_sign(TokenType.DASH) else 1
        token = self.token()
        if (
            token is None
            or token.token_type is not TokenType.NUMBER
            or not token.text.isdecimal()
            or len(token.text) > 18
        ):
            raise self.unexpected(what)
        return sign * int(self.advance().text)

    def listed(self, read: Callable[[], _T]) -> list[_T]:
        """Take one or more of what `read` takes, with commas between."""
        made = [read()]
        while self.take_sign(TokenType.COMMA):
            made.append(read())
        return made

    def duration_ms(self) -> int:
        """Take `10 SECONDS`."""
        start = self.at
        amount = self.integer("a number and a unit of time")
        factor = unit_ms(self.word())
        if factor is None:
            raise self.unexpected("a unit of time (WEEKS, DAYS, HOURS, MINUTES, SECONDS, MILLISECONDS)")
        self.advance()
        if abs(amount * factor) > DURATION_MAX_MS:
            raise self.error("a time is no longer than 292,000 years", span=self.span(start))
        return amount * factor

    def check_chain(self, length: int) -> None:
        """Refuse a chain of operators that would make too deep a tree."""
        if length > CHAIN_MAX:
            raise self.error(f"more than {CHAIN_MAX} operators in a row", hint="use parentheses, or several statements")

    def nest(self) -> None:
        """Go one level down; `self.depth -= 1` comes back up."""
        self.depth += 1
        if self.depth > DEPTH_MAX:
            raise self.error(f"nested more than {DEPTH_MAX} deep", hint="split it over several statements")
