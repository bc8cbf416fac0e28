"""Time, as it is given to those who need it: nothing else reads the machine's clock."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """What tells the time; a test passes one that stands still."""

    def now_ms(self) -> int:
        """Wall-clock milliseconds since 1970-01-01 UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that only grow."""
        ...


class SystemClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        """Wall-clock milliseconds since 1970-01-01 UTC."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Seconds that only grow."""
        return time.monotonic()


class FixedClock:
    """A clock that moves only when told."""

    def __init__(self, now_ms: int = 0) -> None:
        self.current_ms = now_ms

    def now_ms(self) -> int:
        """The time it was set to."""
        return self.current_ms

    def monotonic(self) -> float:
        """The same, in seconds."""
        return self.current_ms / 1000
