"""A text of many statements, cut at its semicolons: those outside strings, quoted names, comments and `$$` bodies."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ...errors import ParseError, Span

_PIECE = re.compile(
    r"(?P<closed>'(?:[^']|'')*'|`(?:[^`]|``)*`|\"(?:[^\"]|\"\")*\"|\$\$.*?\$\$)"
    r"|(?P<comment>--[^\n]*|/\*.*?\*/)"
    r"|(?P<end>;)"
    r"|(?P<open>'|`|\"|\$\$|/\*)"
    r"|(?P<space>\A\ufeff|\s+)"  # files of Windows begin with a byte order mark
    r"|(?P<other>[^'`\"$;/\s-]+|.)",
    re.DOTALL,
)
_OPENED = {
    "'": "this string is not closed",
    "`": "this quoted name is not closed",
    '"': "this quoted name is not closed",
    "$$": "this function body is not closed",
    "/*": "this comment is not closed",
}


@dataclass(frozen=True)
class StatementText:
    """One statement's text, without its semicolon and what surrounds it, and where it stands in the whole."""

    text: str
    span: Span


def split_statements(text: str) -> Iterator[StatementText]:
    r"""The statements of a text, in order; empty ones are left out. Raises ParseError at the first quote or comment
    that is opened and not closed, when it gets there.

    >>> [s.text for s in split_statements("SHOW TABLES; SELECT ';' FROM a -- no; end")]
    ['SHOW TABLES', "SELECT ';' FROM a -- no; end"]
    >>> [s.text for s in split_statements("\ufeffSHOW TABLES;")]
    ['SHOW TABLES']
    """
    start: int | None = None
    end = 0
    for piece in _PIECE.finditer(text):
        kind = piece.lastgroup
        if kind == "open":
            opened = piece.group()
            place = Span(piece.start(), piece.start() + len(opened))
            hint = "inside a string a quote is written twice: 'it''s'" if opened == "'" else None
            raise ParseError(f"syntax error: {_OPENED[opened]}", hint=hint, span=place, statement=text)
        if kind == "end":
            if start is not None:
                yield StatementText(text[start:end], Span(start, end))
            start = None
        elif kind != "space":
            if start is None and kind == "comment":
                continue
            start = piece.start() if start is None else start
            end = piece.end()
    if start is not None:
        yield StatementText(text[start:end], Span(start, end))
