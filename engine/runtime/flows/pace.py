"""How many records to take at once: as many as are worked in within a quarter of a second, and never more than allowed.

A query that only filters takes its 50,000; one whose model takes a tenth of a millisecond a row takes 2,500, so that its
table moves while it works, a checkpoint is not held up, and memory stays bounded. The first batch is small, because what
a row costs is not known yet; sizes at most double from one to the next.

A batch costs something however small it is: several joins' calls, on a machine that is busy, more than the quarter of a
second. Smaller batches would not be done sooner then, there would only be more of them; so what a batch costs is taken
as a line over its rows, drawn through the last batches, and the rows get at least as much time as goes to the batch.
"""

from __future__ import annotations

TARGET_S = 0.25
ROWS_FIRST = 4_000
ROWS_LEAST = 200
_REMEMBERED = 0.7  # what a batch weighs against the one after it
_SPREAD = 0.01  # variance of the inverse sizes, of their mean's square: below it they tell no line
_MANY = 2.9  # the weight of six batches and more


class Pace:
    """Owned by a worker's thread."""

    def __init__(self, rows_max: int) -> None:
        self._rows_max = rows_max
        self.rows = min(ROWS_FIRST, rows_max)
        self._sums = (0.0, 0.0, 0.0, 0.0, 0.0)  # of weights, x, y, x², xy in `_fit`
        self._batch_s = 0.0

    def took(self, rows: int, seconds: float) -> None:
        """A batch of so many rows took so long.

        >>> pace = Pace(50_000)
        >>> pace.took(4_000, 0.01); pace.rows
        8000
        >>> pace.took(8_000, 2.0); pace.rows
        1000
        >>> pace.took(100, 0.001); pace.rows
        1000

        A batch's own half second is not what makes rows dear:

        >>> pace = Pace(50_000)
        >>> for _ in range(8):
        ...     pace.took(pace.rows, 0.5 + pace.rows * 0.0001)
        >>> 4_000 < pace.rows < 6_000
        True
        """
        if not rows:
            return
        affordable = self._affordable(rows, seconds)
        if affordable < self.rows:
            self.rows = affordable if rows * 2 > self.rows or seconds > TARGET_S else self.rows
        elif rows * 2 > self.rows:  # a batch that was small because little was there says nothing of a large one
            self.rows = min(affordable, self.rows * 2)
        self.rows = max(min(self.rows, self._rows_max), min(ROWS_LEAST, self._rows_max))

    def _affordable(self, rows: int, seconds: float) -> int:
        """Rows for the time that is left of the target, or for as long as the batch itself costs if that is longer."""
        told = self._fit(rows, seconds)
        row_s = max(seconds - self._batch_s, 1e-6) / rows
        affordable = int(max(TARGET_S - self._batch_s, self._batch_s) / row_s)
        return affordable if told else max(affordable, self.rows * 2)

    def _fit(self, rows: int, seconds: float) -> bool:
        """Take in one more batch: its own cost is the slope of seconds a row over batches a row, so that batches count
        alike whatever their size. False: the last ones were all of one size, and a line is told by another."""
        x, y = 1 / rows, seconds / rows
        n, sx, sy, sxx, sxy = (
            _REMEMBERED * s + new for s, new in zip(self._sums, (1, x, y, x * x, x * y), strict=True)
        )
        self._sums = (n, sx, sy, sxx, sxy)
        spread = n * sxx - sx * sx
        told = spread > _SPREAD * sx * sx
        if told:
            self._batch_s = max(0.0, (n * sxy - sx * sy) / spread)
        self._batch_s = min(self._batch_s, seconds)
        return told or n < _MANY
