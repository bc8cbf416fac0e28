"""Which rows a window function looks at: ROWS BETWEEN 1 PRECEDING AND CURRENT ROW."""

from __future__ import annotations

from sqlglot import exp

from .cursor import Cursor


def frame(at: Cursor) -> exp.Expression:
    """Take it, from ROWS or RANGE on."""
    kind = at.word()
    at.advance()
    if at.take("BETWEEN"):
        first = _edge(at)
        at.expect("AND")
        return exp.WindowSpec(kind=kind, start=first, end=_edge(at))
    return exp.WindowSpec(kind=kind, start=_edge(at), end="CURRENT ROW")


def _edge(at: Cursor) -> str:
    """One end of it, as text."""
    for words in (("UNBOUNDED", "PRECEDING"), ("UNBOUNDED", "FOLLOWING"), ("CURRENT", "ROW")):
        if at.take(*words):
            return " ".join(words)
    count = at.integer("UNBOUNDED, CURRENT ROW or a number of rows")
    if at.word() not in ("PRECEDING", "FOLLOWING"):
        raise at.unexpected("PRECEDING or FOLLOWING")
    return f"{count} {at.advance().text.upper()}"
