"""How many records to take at once: as many as are worked in within a quarter of a second, and never more than allowed.

A query that only filters takes its 50,000; one whose model takes a tenth of a millisecond a row takes 2,500, so that its
table moves while it works, a checkpoint is not held up, and memory stays bounded. The first batch is small, because what
a row costs is not known yet; sizes at most double from one to the next.
"""

from __future__ import annotations

TARGET_S = 0.25
ROWS_FIRST = 4_000
ROWS_LEAST = 200


class Pace:
    """Owned by a worker's thread."""

    def __init__(self, rows_max: int) -> None:
        self._rows_max = rows_max
        self.rows = min(ROWS_FIRST, rows_max)

    def took(self, rows: int, seconds: float) -> None:
        """A batch of so many rows took so long.

        >>> pace = Pace(50_000)
        >>> pace.took(4_000, 0.01); pace.rows
        8000
        >>> pace.took(8_000, 2.0); pace.rows
        1000
        >>> pace.took(100, 0.001); pace.rows
        1000
        """
        affordable = int(rows * TARGET_S / max(seconds, 1e-6))
        if affordable < self.rows:
            self.rows = affordable if rows * 2 > self.rows or seconds > TARGET_S else self.rows
        elif rows * 2 > self.rows:  # a batch that was small because little was there says nothing of a large one
            self.rows = min(affordable, self.rows * 2)
        self.rows = max(min(self.rows, self._rows_max), min(ROWS_LEAST, self._rows_max))
