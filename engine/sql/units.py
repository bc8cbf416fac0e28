"""Units of time: the words that name them, for windows and durations, for intervals, and for functions of times alike."""

from __future__ import annotations

MILLIS = {
    "MILLISECOND": 1,
    "SECOND": 1_000,
    "MINUTE": 60_000,
    "HOUR": 3_600_000,
    "DAY": 86_400_000,
    "WEEK": 604_800_000,
}
"""Of the units that have a length."""
MONTHS = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}
"""Of those that are as long as their months."""
WHOLE_DAYS = ("DAY", "WEEK", *MONTHS)


def time_text(length_ms: int) -> str:
    """A length of time in the largest unit that measures it.

    >>> time_text(5_400_000), time_text(3_600_000), time_text(1_500)
    ('90 MINUTES', '1 HOUR', '1500 MILLISECONDS')
    """
    found = [unit for unit, length in MILLIS.items() if length_ms % length == 0 and (length_ms or unit == "SECOND")]
    count = length_ms // MILLIS[found[-1]]
    return f"{count} {found[-1]}{'' if count == 1 else 'S'}"


def unit_of(word: str) -> str | None:
    """The unit that a word names, in any case, singular or plural; None where it names none.

    >>> unit_of("Days"), unit_of("WEEK"), unit_of("fortnight")
    ('DAY', 'WEEK', None)
    """
    upper = word.upper()
    return next((unit for unit in (upper, upper.removesuffix("S")) if unit in MILLIS or unit in MONTHS), None)
