"""The times of records that topics take: a broker refuses all others, and with one record its whole batch, for ever.

Settings of a topic: https://kafka.apache.org/documentation/#topicconfigs (message.timestamp.*).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

KNOWN_S = 60.0
"""How long a topic's limits are believed by which a record is refused: somebody may raise them."""
_FOR_EVER = (1 << 63) - 1


@dataclass(frozen=True)
class Times:
    """In milliseconds around the time of writing; None: all."""

    before_max_ms: int | None = None
    after_max_ms: int | None = None

    @classmethod
    def of(cls, config: Mapping[str, str | None]) -> Times:
        """What a topic's settings say; brokers before 3.6 know one limit for both.

        >>> Times.of({"message.timestamp.type": "CreateTime", "message.timestamp.after.max.ms": "1000"})
        Times(before_max_ms=None, after_max_ms=1000)
        """
        if config.get("message.timestamp.type") == "LogAppendTime":
            return cls()
        both = config.get("message.timestamp.difference.max.ms")
        given = [config.get(f"message.timestamp.{side}.max.ms") or both for side in ("before", "after")]
        return cls(*(None if ms is None or int(ms) >= _FOR_EVER else int(ms) for ms in given))

    def refused(self, timestamps: pa.Array, now_ms: int) -> list[tuple[int, str]]:
        """Rows whose times are refused, with the reason. NULL is the time of writing.

        >>> Times(after_max_ms=1000).refused(pa.array([None, 6000, 6001]), 5000)
        [(2, "6001 is more than 1000 ms after the time of writing (the topic's message.timestamp.after.max.ms)")]
        """
        made: list[tuple[int, str]] = []
        if self.after_max_ms is not None:
            made += _outside(timestamps, pc.greater(timestamps, now_ms + self.after_max_ms), self.after_max_ms, "after")
        if self.before_max_ms is not None:
            made += _outside(timestamps, pc.less(timestamps, now_ms - self.before_max_ms), self.before_max_ms, "before")
        return made


def _outside(timestamps: pa.Array, beyond: pa.Array, limit_ms: int, side: str) -> list[tuple[int, str]]:
    where = f"more than {limit_ms} ms {side} the time of writing (the topic's message.timestamp.{side}.max.ms)"
    return [
        (row, f"{timestamps[row]} is {where}") for row in pc.indices_nonzero(pc.fill_null(beyond, False)).to_pylist()
    ]


class KnownTimes:
    """The limits of topics, asked for once each, and again where a record would be refused by what is long known, or was refused.
    `ask` gives a topic's settings, nothing where they may not be seen: the broker says it then. Any thread may call."""

    def __init__(
        self, ask: Callable[[str], Mapping[str, str | None]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._ask = ask
        self._clock = clock
        self._known: dict[str, tuple[Times, float]] = {}

    def refused(self, topic: str, timestamps: pa.Array, now_ms: int) -> list[tuple[int, str]]:
        """Rows of these times that the topic does not take, with the reason."""
        times, at = self._known.get(topic) or self._look(topic)
        refused = times.refused(timestamps, now_ms)
        if refused and self._clock() - at > KNOWN_S:
            refused = self._look(topic)[0].refused(timestamps, now_ms)
        return refused

    def forget(self, topic: str) -> None:
        """A broker has refused a time that was let through: the limits are others than was known."""
        self._known.pop(topic, None)

    def _look(self, topic: str) -> tuple[Times, float]:
        found = self._known[topic] = (Times.of(self._ask(topic)), self._clock())
        return found
