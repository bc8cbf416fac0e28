"""Stream–stream joins, record by record, as Kafka Streams documents them.

Each partition has a time for each side, and the greater of the two for both. A row meets the rows of the other side that
came before it, no further from it than WITHIN. A row of an outer join that has met nothing goes on alone: with GRACE
PERIOD when time has passed the end of what it may meet and the grace period, without it at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .reference import Event, Operator, Row, always

DAY_MS = 86_400_000


@dataclass(eq=False)
class Kept:
    """A row that later ones may meet."""

    side: int
    key: Any
    row: Row
    time: int
    partition: int


class StreamStream:
    """Joins two streams. `reach`: how far before and after a row of the left side its partners may be."""

    def __init__(
        self, left: Operator, right: Operator, on: tuple[str, str], kind: str, reach: tuple[int, int], grace: int | None
    ) -> None:
        self.inputs, self.on, self.grace = (left, right), on, grace
        self.alone = {"INNER": (), "LEFT": (0,), "RIGHT": (1,), "FULL": (0, 1)}[kind]
        before, after = reach
        self.reach = ((before, after), (after, before))
        self.retention = before + after + (max(0, DAY_MS - before - after) if grace is None else grace)
        self.meets: Callable[[Row], bool] = always
        self.times: dict[tuple[int, int], int] = {}
        self.kept: list[Kept] = []
        self.waiting: list[tuple[int, int, int, Kept]] = []  # closes at, right side after left, arrival, the row
        self.arrivals = 0

    def take(self, source: str, event: Event) -> list[Event]:
        made = []
        for side in (0, 1):
            for found in self.inputs[side].take(source, event):
                key = None if found.row is None else found.row.get(self.on[side])
                if found.row is not None and key is not None:
                    made += self.joined(Kept(side, key, found.row, found.time, found.partition))
        return made

    def joined(self, row: Kept) -> list[Event]:
        place, other = (row.partition, row.side), (row.partition, 1 - row.side)
        self.times[place] = max(self.times.get(place, -1), row.time)
        now = max(self.times[place], self.times.get(other, -1))
        made = self.closed(row.partition, now)
        back, on = self.reach[row.side]
        expired = self.times.get(other, -1) - self.retention
        met = [
            k
            for k in self.kept
            if k.side != row.side
            and k.key == row.key
            and row.time - back <= k.time <= row.time + on
            and k.time > expired
            and self.meets(row.row | k.row)
        ]
        made += [self.pair(row, partner) for partner in sorted(met, key=lambda k: k.time)]
        self.waiting = [w for w in self.waiting if w[3] not in met]
        if not met and row.side in self.alone:
            if self.grace is None or row.time + on < now:
                made.append(self.pair(row, None))
            else:
                self.arrivals += 1
                self.waiting.append((row.time + on + self.grace, 1 - row.side, self.arrivals, row))
        if row.time > self.times[place] - self.retention:
            self.kept.append(row)
        return made

    def closed(self, partition: int, now: int) -> list[Event]:
        """Rows that can meet nothing any more."""
        shut = [w for w in sorted(self.waiting, key=lambda w: w[:3]) if w[0] < now and w[3].partition == partition]
        self.waiting = [w for w in self.waiting if w not in shut]
        return [self.pair(w[3], None) for w in shut]

    @staticmethod
    def pair(row: Kept, partner: Kept | None) -> Event:
        joined = row.row | (partner.row if partner else {}) | {"ROWKEY": row.key}
        return Event(row.key, joined, max(row.time, partner.time if partner else -1), row.partition)
