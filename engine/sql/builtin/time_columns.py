"""Times by a Java pattern, a whole column at once: where the pattern has fields of a fixed width only, as most have.

Arrow writes and reads `yyyy-MM-dd HH:mm:ss.SSS` twenty times as fast as Python goes through rows. A pattern whose fields
are parts of that text is slices of it, joined. Whatever else there is (names of months, zones, a text that does not fit)
gives None, and the caller goes row by row.
"""

from __future__ import annotations

import functools
import re

import pyarrow as pa
import pyarrow.compute as pc

from .time_patterns import LETTERS, Part, compile_pattern, letters_of

_ISO = "yyyy-MM-dd HH:mm:ss.SSS"
_PLACES = {
    (letter, width): (at, at + width)
    for letter, width, at in (
        *(("y", 4, 0), ("u", 4, 0), ("M", 2, 5), ("d", 2, 8)),
        *(("H", 2, 11), ("m", 2, 14), ("s", 2, 17), ("S", 3, 20)),
    )
}
_DEFAULTS = "1970-01-01 00:00:00.000"
_MILLIS = pa.timestamp("ms")
_FIRST, _LAST = pa.scalar(-62_135_596_800_000, pa.int64()), pa.scalar(253_402_300_799_999, pa.int64())
"""The years 1 to 9999, which have four digits."""


def constant(column: pa.Array) -> str | None:
    """The value that all rows have, None where they differ."""
    first = column[0] if len(column) else None
    return None if first is None or not pc.all(pc.equal(column, first)).as_py() else str(first)


def formatted(
    moments: pa.Array, pattern: pa.Array, where: pa.Array | None = None, *, only: frozenset[str] = LETTERS
) -> pa.Array | None:
    """Moments (timestamps in milliseconds, without NULLs) as text in UTC, or None: also for a pattern with other letters
    than `only` these."""
    text = constant(pattern)
    pieces = None if text is None or not _in_utc(where) else _pieces(text)
    if text is None or pieces is None or not letters_of(text) <= only or not _four_digits(moments):
        return None
    iso = moments.cast(pa.string())
    parts = [p if isinstance(p, str) else pc.utf8_slice_codeunits(iso, *p) for p in pieces]
    return pc.binary_join_element_wise(*parts, "")


def parsed(
    texts: pa.Array,
    pattern: pa.Array,
    where: pa.Array | None = None,
    *,
    only: frozenset[str] = LETTERS,
    needs: frozenset[str] = frozenset(),
) -> pa.Array | None:
    """Text (without NULLs) as timestamps in milliseconds, read in UTC, or None: also for a pattern with other letters than
    `only` these, or without all that it `needs`."""
    text = constant(pattern)
    read = None if text is None or not _in_utc(where) else _reading(text)
    if text is None or read is None or not needs <= letters_of(text) <= only:
        return None
    form, slices = read
    if not pc.all(pc.match_substring_regex(texts, form)).as_py():
        return None
    parts = [p if isinstance(p, str) else pc.utf8_slice_codeunits(texts, *p) for p in slices]
    try:
        moments = pc.binary_join_element_wise(*parts, "").cast(_MILLIS)
    except pa.ArrowInvalid:  # one is no day of the calendar: row by row says which
        return None
    return moments if _four_digits(moments) else None


def _in_utc(where: pa.Array | None) -> bool:
    return where is None or constant(where) == "UTC"


def _four_digits(moments: pa.Array) -> bool:
    span = pc.min_max(moments.cast(pa.int64()))
    return bool(pc.greater_equal(span["min"], _FIRST).as_py() and pc.less_equal(span["max"], _LAST).as_py())


def _fields(pattern: str) -> list[tuple[Part, tuple[int, int] | None]] | None:
    """The pattern's parts with their places in the ISO text; None where one has none or comes twice."""
    try:
        parts = [(p, _PLACES.get((p.letter, p.width))) for p in compile_pattern(pattern)]
    except ValueError:
        return None
    places = [place for part, place in parts if part.letter]
    if "[" in pattern or None in places or len(set(places)) < len(places) or not places:
        return None
    return parts


@functools.lru_cache(maxsize=256)
def _pieces(pattern: str) -> tuple[str | tuple[int, int], ...] | None:
    """Slices of the ISO text and texts between them; what stands as in the ISO text is one slice.

    >>> _pieces("dd.MM.yyyy"), _pieces("yyyy-MM-dd HH:mm")
    (((8, 10), '.', (5, 7), '.', (0, 4)), ((0, 16),))
    """
    fields = _fields(pattern)
    if fields is None:
        return None
    made: list[str | tuple[int, int]] = []
    for part, place in fields:
        last = made[-1] if made else None
        text = part.text
        if isinstance(last, tuple) and place is not None and place[0] == last[1]:
            made[-1] = (last[0], place[1])
        elif isinstance(last, tuple) and place is None and _ISO.startswith(text, last[1]):
            made[-1] = (last[0], last[1] + len(text))
        else:
            made.append(text if place is None else place)
    return tuple(made)


@functools.lru_cache(maxsize=256)
def _reading(pattern: str) -> tuple[str, tuple[str | tuple[int, int], ...]] | None:
    r"""How a text looks that reads so, and what of it makes the ISO text.

    >>> _reading("dd.MM.yyyy")
    ('^[0-9]{2}\\.[0-9]{2}\\.[0-9]{4}$', ((6, 10), '-', (3, 5), '-', (0, 2), ' 00:00:00.000'))
    """
    fields = _fields(pattern)
    if fields is None:
        return None
    form, shape, found = "", "", {}
    for part, place in fields:
        form += re.escape(part.text) if place is None else f"[0-9]{{{part.width}}}"
        if place is not None:
            found[place] = (len(shape), len(shape) + part.width)
        shape += part.text or part.letter * part.width
    made: list[str | tuple[int, int]] = []
    end = 0
    for place in sorted(found):
        between, (start, stop), last = _DEFAULTS[end : place[0]], found[place], made[-1] if made else None
        if isinstance(last, tuple) and shape[last[1] : start] == between:
            made[-1] = (last[0], stop)
        else:
            made += [between, (start, stop)]
        end = place[1]
    made.append(_DEFAULTS[end:])
    return f"^{form}$", tuple(piece for piece in made if piece)
