"""Days since 1970 as year, month and day, and back, for every DATE: Python's dates end with the year 9999, Arrow's with 32767.

A year begins in March here, so that its last day, not one in its midst, is the one that may be missing; 400 years have
146,097 days.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Numbers = np.ndarray[Any, np.dtype[Any]]

_TO_1970 = 719_468
"""Days from the first of March of the year 0."""
_CYCLE = 146_097


def civil_of(days: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """Year, month and day of days since 1970.

    >>> [int(part[0]) for part in civil_of(np.array([19_782]))]
    [2024, 2, 29]
    """
    cycle, day = np.divmod(days.astype(np.int64) + _TO_1970, _CYCLE)
    year = (day - day // 1_460 + day // 36_524 - day // 146_096) // 365
    day -= 365 * year + year // 4 - year // 100
    month = (5 * day + 2) // 153
    late = month >= 10
    return year + 400 * cycle + late, month + np.where(late, -9, 3), day - (153 * month + 2) // 5 + 1


def days_of(years: Numbers, months: Numbers, days: Numbers) -> Numbers | None:
    """Days since 1970; None where one of the dates does not exist, or lies beyond what a DATE holds.

    >>> days_of(*(np.array([part]) for part in (2024, 2, 29))), days_of(*(np.array([part]) for part in (2023, 2, 29)))
    (array([19782]), None)
    """
    late = months <= 2
    cycle, year = np.divmod(years - late, 400)
    day = (153 * (months + np.where(late, 9, -3)) + 2) // 5 + days - 1
    made: Numbers = cycle * _CYCLE + 365 * year + year // 4 - year // 100 + day - _TO_1970
    if (abs(made) >= 2**31).any():
        return None
    exists = [(part == given).all() for part, given in zip(civil_of(made), (years, months, days), strict=True)]
    return made if all(exists) else None
