"""DEFINE and `${name}`: a value put in the place of its name before a statement is read.

Inside quotes the value's own quotes are doubled, so that a value cannot end the string that it stands in; comments and
`$$` bodies are left as they are. Errors in the statement show the text that was read, values in place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..errors import ParseError, Span, UnknownName, UserError
from .scope import suggestion_as_spelled

_NAME_OR_LITERAL = re.compile(
    r"[\w@$]+|`(?:[^`]|``)+`|\"(?:[^\"]|\"\")+\"|'(?:[^']|'')*'|[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
)
SUBSTITUTION = "ksql.variable.substitution.enable"
"""The property that leaves `${name}` as it is written where it is false."""
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_PIECE = re.compile(
    r"'(?:[^']|'')*'|`(?:[^`]|``)*`|\"(?:[^\"]|\"\")*\"|\$\$.*?\$\$|--[^\n]*|/\*.*?\*/|\$\{[^}]*\}|.", re.DOTALL
)
_REFERENCE = re.compile(r"\$?\$\{([^}]*)\}")


def check_name(name: str, span: Span | None = None) -> str:
    """The name of a variable, which is a plain word; case matters not."""
    if not NAME.match(name):
        raise ParseError(
            f"{name!r} cannot name a variable", hint="use letters, digits and _, a letter or _ first", span=span
        )
    return name.upper()


def substitutes(settings: Mapping[str, str]) -> bool:
    """Whether variables are put in place, by these settings."""
    return settings.get(SUBSTITUTION, "true").strip().lower() != "false"


def substitute(text: str, variables: Mapping[str, str]) -> str:
    """`text` with `${name}` replaced by the value of `variables[NAME]`. Raises
    UnknownName where a name stands for nothing, except in a string, which keeps it. In a string `$${name}` is `${name}`.

    >>> substitute("SELECT '${who}', ${n} FROM ${src}", {"WHO": "it's", "N": "1", "SRC": "clicks"})
    "SELECT 'it''s', 1 FROM clicks"
    """
    if "${" not in text:
        return text
    return "".join(_replaced(m, text, variables) for m in _PIECE.finditer(text))


def _replaced(piece: re.Match[str], text: str, variables: Mapping[str, str]) -> str:
    whole = piece.group()
    quote = whole[0]
    if quote in "'`\"" and len(whole) > 1:
        return _REFERENCE.sub(lambda m: _inside(m, quote, variables), whole)
    found = _REFERENCE.fullmatch(whole)
    if found is None:
        return whole
    name = found.group(1).strip().upper()
    if name not in variables:
        raise UnknownName(
            f"variable {found.group(1)} is not defined",
            hint=suggestion_as_spelled(name, variables) or f"DEFINE {found.group(1)} = '…';",
            span=Span(piece.start(), piece.end()),
            statement=text,
        )
    return _one(variables[name], found.group(1), piece, text)


def _one(value: str, name: str, piece: re.Match[str], text: str) -> str:
    """A value that is one name or one literal, so that no variable brings a clause of its own; raises UserError for another."""
    if not _NAME_OR_LITERAL.fullmatch(value.strip()):
        raise UserError(
            f"variable {name} stands for more than one name or value",
            hint="a part of a statement is written where it stands; text goes into quotes: '${" + name + "}'",
            span=Span(piece.start(), piece.end()),
            statement=text,
        )
    return value


def _inside(reference: re.Match[str], quote: str, variables: Mapping[str, str]) -> str:
    if reference.group().startswith("$$"):
        return reference.group()[1:]
    value = variables.get(reference.group(1).strip().upper())
    return reference.group() if value is None else value.replace(quote, quote * 2)
