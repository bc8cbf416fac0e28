"""Time, as it is given to those who need it: nothing else reads the machine's clock."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
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


class Keeper(ABC):
    """A thread that looks after something every `every_s`, from `start` to `close`; a subclass says what by `tick`."""

    def __init__(self, name: str, every_s: float) -> None:
        self._every_s = every_s
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._live, name=name, daemon=True)

    def start(self) -> None:
        """Look from now on."""
        self._thread.start()

    def close(self) -> None:
        """Look no more; what is under way is finished."""
        self._end.set()
        if self._thread.is_alive():
            self._thread.join()

    def _live(self) -> None:
        while not self._end.wait(self._every_s):
            self.tick()

    @abstractmethod
    def tick(self) -> None:
        """Look once."""
