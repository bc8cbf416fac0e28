"""GROUP BY, record by record: without windows, in windows of each kind, and over tables with rows taken back.

A group keeps what it was given, and each result is worked out from that anew. Stream time is the greatest rowtime that a
partition has brought here; a row is late for a window when its own partition's stream time has passed the window's end and
the grace period; what EMIT FINAL waits for is the least stream time of all partitions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from .reference import Event, Operator, Row

DAY_MS = 86_400_000
Results = Callable[[list["Given"]], Row]


@dataclass(frozen=True)
class Given:
    """A row that a group was given, and the how-manieth of all it was."""

    number: int
    row: Row


@dataclass
class Group:
    """What a group has been given, in the order in which its lists tell it."""

    given: list[Given] = field(default_factory=list)
    time: int = -1

    def add(self, given: Given, time: int) -> None:
        self.given.append(given)
        self.time = max(self.time, time)


class Groups:
    """Over a stream, without windows."""

    def __init__(self, before: Operator, by: str, results: Results) -> None:
        self.before, self.by, self.results = before, by, results
        self.groups: dict[Any, Group] = {}
        self.count = 0

    def take(self, source: str, event: Event) -> list[Event]:
        made = []
        for found in self.before.take(source, event):
            if found.row is not None and found.row.get(self.by) is not None:
                self.count += 1
                made += self.grouped(found.row.get(self.by), Given(self.count, found.row), found)
        return made

    def grouped(self, key: Any, given: Given, found: Event) -> list[Event]:
        return [self.added(key, given, found.time)]

    def added(self, place: Any, given: Given, time: int) -> Event:
        group = self.groups.setdefault(place, Group())
        group.add(given, time)
        return self.told(place)

    def told(self, place: Any) -> Event:
        group = self.groups[place]
        return Event(place, self.results(group.given), group.time, 0)


class MortalGroups(Groups):
    """Over a stream, with STATE_TTL: a group is as old as the stream time of the last row that came to it. A row that finds
    it too old begins it anew; at the least stream time of all partitions it is gone."""

    def __init__(self, before: Operator, by: str, results: Results, *, ttl: int, partitions: int) -> None:
        super().__init__(before, by, results)
        self.ttl = ttl
        self.times = dict.fromkeys(range(partitions), -1)
        self.touched: dict[Any, int] = {}

    def take(self, source: str, event: Event) -> list[Event]:
        made = super().take(source, event)
        now = min(self.times.values())
        for key in [k for k, touched in self.touched.items() if now - touched >= self.ttl]:
            made.append(Event(key, None, self.touched.pop(key) + self.ttl, 0))
            del self.groups[key]
        return made

    def grouped(self, key: Any, given: Given, found: Event) -> list[Event]:
        now = self.times[found.partition] = max(self.times[found.partition], found.time)
        if key in self.touched and now - self.touched[key] >= self.ttl:
            del self.groups[key]
        self.touched[key] = max(now, self.touched.get(key, now))
        return super().grouped(key, given, found)


class TableGroups(Groups):
    """Over a table: a row that changes is taken back first, then the new one is added. A group that has lost all its rows
    stays, with nothing in it. `listed`: the column that COLLECT_LIST lists; it takes back the last of equal values."""

    def __init__(self, before: Operator, by: str, results: Results, listed: str | None) -> None:
        super().__init__(before, by, results)
        self.rows: dict[Any, Row] = {}
        self.listed = listed

    def take(self, source: str, event: Event) -> list[Event]:
        made = []
        for change in self.before.take(source, event):
            old = self.rows.pop(change.key, None)
            if old is not None and old.get(self.by) in self.groups:
                made.append(self.taken_back(old.get(self.by), old, change.time))
            if change.row is not None:
                self.rows[change.key] = change.row
                if change.row.get(self.by) is not None:
                    self.count += 1
                    made.append(self.added(change.row.get(self.by), Given(self.count, change.row), change.time))
        return made

    def taken_back(self, place: Any, row: Row, time: int) -> Event:
        group = self.groups[place]
        own = next(i for i, given in enumerate(group.given) if given.row == row)
        if self.listed is not None:
            last = max(i for i, given in enumerate(group.given) if given.row.get(self.listed) == row.get(self.listed))
            group.given[own] = group.given[last]
            own = last
        del group.given[own]
        group.time = max(group.time, time)
        return self.told(place)


def grace_of(grace: int | None, size: int, *, final: bool) -> int:
    """Without GRACE PERIOD a window takes rows until a day after its start, but with EMIT FINAL until its end."""
    if grace is None:
        return 0 if final else max(0, DAY_MS - size)
    return grace


class Windows(Groups):
    """In TUMBLING or HOPPING windows; a place is a key and a window's start."""

    def __init__(
        self,
        before: Operator,
        by: str,
        results: Results,
        *,
        size: int,
        advance: int,
        grace: int | None,
        final: bool,
        partitions: int,
    ) -> None:
        super().__init__(before, by, results)
        self.size, self.advance, self.final = size, advance, final
        self.grace = grace_of(grace, size, final=final)
        self.times = dict.fromkeys(range(partitions), -1)
        self.closed_until = -1
        self.late = 0

    def take(self, source: str, event: Event) -> list[Event]:
        made = super().take(source, event)
        return self.closed() if self.final else made

    def grouped(self, key: Any, given: Given, found: Event) -> list[Event]:
        now = self.times[found.partition] = max(self.times[found.partition], found.time)
        made = []
        for start in self.starts(found.time):
            if start + self.size + self.grace > now:
                made.append(self.added((key, start), given, found.time))
            else:
                self.late += 1
        return made

    def starts(self, time: int) -> Iterable[int]:
        first = max(0, time - self.size + self.advance) // self.advance * self.advance
        return range(first, time + 1, self.advance)

    def closed(self) -> list[Event]:
        """Windows whose end and grace all partitions have reached, each once."""
        until, before = min(self.times.values()) - self.grace - self.size, self.closed_until
        self.closed_until = max(until, before)
        return [self.told(place) for place in self.groups if before < place[1] <= until]


class CumulativeWindows(Windows):
    """In CUMULATIVE windows, whose `advance` is the step; a place is a key, a window's end and its start."""

    def grouped(self, key: Any, given: Given, found: Event) -> list[Event]:
        now = self.times[found.partition] = max(self.times[found.partition], found.time)
        start = found.time // self.size * self.size
        made = []
        for end in range(start + self.advance, start + self.size + 1, self.advance):
            if end > found.time and end + self.grace > now:
                made.append(self.added((key, end, start), given, found.time))
            elif end > found.time:
                self.late += 1
        return made

    def closed(self) -> list[Event]:
        until, before = min(self.times.values()) - self.grace, self.closed_until
        self.closed_until = max(until, before)
        return [self.told(place) for place in self.groups if before < place[1] <= until]


class Sessions(Groups):
    """In SESSION windows; a place is a key, a session's end and its start. Sessions that a row brings together become one:
    the earlier one's rows come first, the row itself last. A session takes rows for its gap and grace, and can be brought
    together with others for `more`, but with EMIT FINAL."""

    def __init__(
        self,
        before: Operator,
        by: str,
        results: Results,
        *,
        gap: int,
        more: int,
        grace: int | None,
        final: bool,
        partitions: int,
    ) -> None:
        super().__init__(before, by, results)
        self.gap, self.final = gap, final
        self.taking = gap + grace_of(grace, gap, final=final)
        self.kept = self.taking + (0 if final else more)
        self.times = dict.fromkeys(range(partitions), -1)
        self.closed_until = -1
        self.late = 0

    def take(self, source: str, event: Event) -> list[Event]:
        made = super().take(source, event)
        return self.closed() if self.final else made

    def grouped(self, key: Any, given: Given, found: Event) -> list[Event]:
        now = self.times[found.partition] = max(self.times[found.partition], found.time)
        reached = sorted(
            (_, end, start)
            for _, end, start in self.groups
            if _ == key and end >= found.time - self.gap and start <= found.time + self.gap and end + self.kept >= now
        )
        start = min([found.time, *(s for _, _, s in reached)])
        end = max([found.time, *(e for _, e, _ in reached)])
        if end + self.taking < now:
            self.late += 1
            return []
        merged = Group([g for place in reached for g in self.groups[place].given])
        made = []
        for place in reached:
            del self.groups[place]
            made.append(Event(place, None, place[1], 0))
        self.groups[(key, end, start)] = merged
        merged.add(given, end)
        return [*made, self.told((key, end, start))]

    def closed(self) -> list[Event]:
        until, before = min(self.times.values()) - self.taking - 1, self.closed_until
        self.closed_until = max(until, before)
        return [self.told(place) for place in self.groups if before < place[1] <= until]
