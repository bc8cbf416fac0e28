"""ksqlDB's words and signs as a sqlglot dialect.

sqlglot gives the tokens, the expression classes and the printing of trees; the grammar is ours (`parser/expression.py`),
because sqlglot's own takes what it does not know for a command or an alias, and would let through what ksqlDB refuses.
All words are plain to the tokenizer: which of them are reserved is the grammar's affair.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar

from sqlglot import exp, parser, tokens
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import TokenError
from sqlglot.tokenizer_core import Token, TokenType

from ..errors import ParseError, Span
from .parser.split import split_statements

_NUMBER = re.compile(r"\d+(\.\d*)?([eE][+-]?\d+)?", re.ASCII)
_BODY = re.compile(r"\$\$.*?\$\$", re.DOTALL)
_QUOTED_OR_BODY = re.compile(
    r"'(?:[^']|'')*'|`(?:[^`]|``)*`|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/|(?P<body>\$\$.*?\$\$)", re.DOTALL
)


class Ksql(Dialect):
    """ksqlDB. `sqlglot.parse_one(text, read=Ksql)` reads one expression."""

    class Tokenizer(tokens.Tokenizer):
        """Signs, quotes and comments; no keywords."""

        IDENTIFIERS: ClassVar = ["`", '"']
        QUOTES: ClassVar = ["'"]
        STRING_ESCAPES: ClassVar = ["'"]
        COMMENTS: ClassVar = ["--", ("/*", "*/")]
        NESTED_COMMENTS = False
        KEYWORDS: ClassVar = {
            "->": TokenType.ARROW,
            "=>": TokenType.FARROW,
            ":=": TokenType.COLON_EQ,
            "::": TokenType.DCOLON,
            "<=": TokenType.LTE,
            ">=": TokenType.GTE,
            "<>": TokenType.NEQ,
            "!=": TokenType.NEQ,
            "||": TokenType.DPIPE,
        }

    class Parser(parser.Parser):
        """sqlglot's way in, on to our own grammar."""

        def parse(self, raw_tokens: list[Token], sql: str) -> list[exp.Expr | None]:
            """One expression, whole."""
            from .parser.expression import ExpressionParser  # which reads with this dialect

            return [ExpressionParser(sql, raw_tokens).whole_expression()]


def tokenize(text: str) -> list[Token]:
    """The tokens of one statement; a `$$ body $$` comes as one string token of the same place, whatever stands in it."""
    masked = _QUOTED_OR_BODY.sub(_masked, text) if "$$" in text else text
    try:
        text.encode()
    except UnicodeEncodeError as why:
        raise ParseError("this text is not Unicode", detail=f"half of a surrogate pair at {why.start}") from None
    try:
        tokens: list[Token] = Ksql().tokenize(masked)
    except TokenError as error:
        for _ in split_statements(text):  # raises where it finds what is not closed, and says where
            continue
        raise ParseError(
            "this text cannot be read", detail=str(error).split("\n")[0], span=Span(0, len(text))
        ) from None
    return _names_with_digits(tokens)


def _masked(piece: re.Match[str]) -> str:
    return piece.group() if piece["body"] is None else "'" + "_" * (len(piece.group()) - 2) + "'"


def _names_with_digits(tokens: Sequence[Token]) -> list[Token]:
    """ksqlDB takes `1R` for a name; the tokenizer gives a number and a word without a blank between them, and takes `1e`,
    an exponent without digits, for a number."""
    made: list[Token] = []
    for token in _signs_apart(tokens):
        last = made[-1] if made else None
        if token.token_type is TokenType.NUMBER and not _NUMBER.fullmatch(token.text):
            if not token.text.isalnum():
                span = Span(token.start, token.end + 1)
                raise ParseError(f"syntax error: {token.text} is not a number", span=span)
            made.append(Token(TokenType.VAR, token.text, start=token.start, end=token.end))
        elif last is not None and token.token_type is TokenType.VAR and _continues(last, token):
            text = last.text + token.text
            kind = TokenType.NUMBER if _NUMBER.fullmatch(text) else TokenType.VAR
            made[-1] = Token(kind, text, start=last.start, end=token.end)
        elif last is not None and _is_version_of(last, token):
            made[-1] = Token(TokenType.IDENTIFIER, last.text + token.text, start=last.start, end=token.end)
        else:
            made.append(token)
    return made


def _signs_apart(tokens: Iterable[Token]) -> Iterator[Token]:
    """The tokenizer takes `1E2-1` for a number: a sign belongs to one only right behind its E."""
    for token in tokens:
        whole = _NUMBER.match(token.text) if token.token_type is TokenType.NUMBER else None
        if whole is None or whole.end() == len(token.text) or token.text[whole.end()] not in "+-":
            yield token
            continue
        yield Token(TokenType.NUMBER, whole.group(), start=token.start, end=token.start + whole.end() - 1)
        at = token.start + whole.end()
        rest: list[Token] = Ksql().tokenize(token.text[whole.end() :])
        moved = (Token(t.token_type, t.text, start=t.start + at, end=t.end + at) for t in rest)
        yield from _signs_apart(moved)


def _continues(last: Token, token: Token) -> bool:
    """Whether a word goes on with what starts like a number."""
    digits = last.token_type in (TokenType.NUMBER, TokenType.VAR) and last.text[0].isdecimal() and last.text.isalnum()
    return digits and last.end + 1 == token.start


def _is_version_of(last: Token, token: Token) -> bool:
    """Whether `$3` stands right behind a quoted name: a version of a model, which is one name with it."""
    after = (
        last.token_type is TokenType.IDENTIFIER and token.token_type is TokenType.VAR and last.end + 1 == token.start
    )
    return after and token.text[0] == "$" and token.text[1:].isdecimal()


def body_at(text: str, token: Token) -> str | None:
    """What stands between the `$$` of a string token, or None where it is an ordinary string."""
    found = _BODY.match(text, token.start)
    return None if found is None else found.group()[2:-2]


def with_place(node: Any, start: int, end: int) -> Any:
    """The node, remembering that it stands at characters `start` to `end` (inclusive) of its statement."""
    node.meta["start"], node.meta["end"] = start, end
    return node
