"""How many rows a query gives: LIMIT 5, OFFSET 2, and the standard's OFFSET 2 ROWS FETCH FIRST 5 ROWS ONLY."""

from __future__ import annotations

from .cursor import Cursor


def at_fetch(at: Cursor) -> bool:
    """Whether FETCH FIRST stands here."""
    return at.sees("FETCH", "FIRST") or at.sees("FETCH", "NEXT")


def cut(at: Cursor) -> tuple[int | None, int | None]:
    """Take LIMIT and OFFSET, in either order; None for what is not there."""
    limit, offset = _limit(at), None
    if at.take("OFFSET"):
        offset = at.integer()
        _rows(at)
    return (_limit(at) if limit is None else limit), offset


def _limit(at: Cursor) -> int | None:
    if at.take("LIMIT"):
        return at.integer()
    if not at_fetch(at):
        return None
    at.at += 2
    count = 1 if at.word() in ("ROW", "ROWS") else at.integer("a number of rows")
    _rows(at)
    at.expect("ONLY")
    return count


def _rows(at: Cursor) -> bool:
    return at.take("ROWS") or at.take("ROW")
