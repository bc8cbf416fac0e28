"""What a query answers, record by record: filters, and joins with tables, as ksqlDB documents them.

Plain and slow, and nothing of the engine: dictionaries, and one record at a time. An operator takes what its inputs give
and gives events; a table's event without a row is a tombstone. A row's columns are named as in SQL, `L.X`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

Row = dict[str, Any]


class Event(NamedTuple):
    """A record on its way: of a stream, or a change of a table."""

    key: Any
    row: Row | None
    time: int
    partition: int


class Operator(Protocol):
    """Takes a record of the topic `source`, gives what follows from it."""

    def take(self, source: str, event: Event) -> list[Event]: ...


class Read:
    """The records of one topic, under a name."""

    def __init__(self, name: str, topic: str | None = None) -> None:
        self.name, self.topic = name, topic or name

    def take(self, source: str, event: Event) -> list[Event]:
        if source != self.topic:
            return []
        row = None if event.row is None else {f"{self.name}.{name}": value for name, value in event.row.items()}
        return [event._replace(row=None if row is None else {f"{self.name}.ID": event.key} | row)]


def always(row: Row) -> bool:
    """Of a join's rows: what ON says beyond the equality of keys. A pair for which it does not hold is no match."""
    return True


class Filter:
    """Rows that pass. Of a stream the others are left out; of a table they are taken back."""

    def __init__(self, before: Operator, passes: Callable[[Row], bool], *, table: bool) -> None:
        self.before, self.passes, self.table = before, passes, table

    def take(self, source: str, event: Event) -> list[Event]:
        made = []
        for found in self.before.take(source, event):
            if found.row is not None and self.passes(found.row):
                made.append(found)
            elif self.table:
                made.append(found._replace(row=None))
        return made


class Union:
    """What all arms give, of each record the first arm's rows first."""

    def __init__(self, arms: Sequence[Operator]) -> None:
        self.arms = arms

    def take(self, source: str, event: Event) -> list[Event]:
        return [found for arm in self.arms for found in arm.take(source, event)]


class Renamed:
    """A sub-query's columns: each of `columns` is what its name in the sub-query stands for."""

    def __init__(self, before: Operator, columns: dict[str, str]) -> None:
        self.before, self.columns = before, columns

    def take(self, source: str, event: Event) -> list[Event]:
        return [
            found._replace(row=found.row and {name: found.row.get(column) for name, column in self.columns.items()})
            for found in self.before.take(source, event)
        ]


class StreamTable:
    """Each row of the stream with the table's row of its key as of then, before its own record. A row without key or value
    meets nothing."""

    def __init__(self, left: Operator, right: Operator, on: str, *, outer: bool) -> None:
        self.left, self.right, self.on, self.outer = left, right, on, outer
        self.meets: Callable[[Row], bool] = always
        self.table: dict[Any, Row] = {}

    def take(self, source: str, event: Event) -> list[Event]:
        made = []
        for found in self.left.take(source, event):
            key = None if found.row is None else found.row.get(self.on)
            if found.row is not None and key is not None and (self.outer or key in self.table):
                both = found.row | self.table.get(key, {})
                made.append(found._replace(key=key, row=both if self.meets(both) else found.row))
        for change in self.right.take(source, event):
            if change.row is None:
                self.table.pop(change.key, None)
            else:
                self.table[change.key] = change.row
        return made


class Change(NamedTuple):
    """A table's row as it stands, and since when."""

    row: Row
    time: int


class TableTable:
    """Two tables by their keys: a change of either side with the other side's row."""

    def __init__(self, left: Operator, right: Operator, kind: str) -> None:
        self.sides = (left, right)
        self.meets: Callable[[Row], bool] = always
        self.kept = {0: kind in ("LEFT", "FULL"), 1: kind in ("RIGHT", "FULL")}  # whose rows also stand alone
        self.tables: tuple[dict[Any, Change], dict[Any, Change]] = ({}, {})

    def take(self, source: str, event: Event) -> list[Event]:
        made = []
        for side in (0, 1):
            for change in self.sides[side].take(source, event):
                if change.key is not None:
                    made += self.changed(side, change)
        return made

    def changed(self, side: int, change: Event) -> list[Event]:
        own, other = self.tables[side], self.tables[1 - side].get(change.key)
        was = own.pop(change.key, None)
        if change.row is not None:
            own[change.key] = Change(change.row, change.time)
        alone = self.kept[side] and (change.row is not None or was is not None)
        if other is None and not alone:
            return []
        rows = [own.get(change.key), other] if side == 0 else [other, own.get(change.key)]
        there = all(row is not None or self.kept[1 - at] for at, row in enumerate(rows)) and any(rows)
        joined: Row = {}
        for row in rows:
            joined |= {} if row is None else row.row
        if not self.meets(joined):
            joined = next((row.row for at, row in enumerate(rows) if self.kept[at] and row is not None), {})
        time = change.time if other is None else max(change.time, other.time)
        return [change._replace(row=joined | {"ROWKEY": change.key} if there else None, time=time)]


class ForeignKey:
    """A table's rows, each with the row of another table that one of its columns names."""

    def __init__(self, left: Operator, right: Operator, on: str, *, outer: bool) -> None:
        self.left, self.right, self.on, self.outer = left, right, on, outer
        self.meets: Callable[[Row], bool] = always
        self.lefts: dict[Any, Change] = {}
        self.rights: dict[Any, Change] = {}

    def take(self, source: str, event: Event) -> list[Event]:
        made = []
        for change in self.left.take(source, event):
            if change.key is not None:
                made += self.left_changed(change)
        for change in self.right.take(source, event):
            if change.key is not None:
                made += self.right_changed(change)
        return made

    def left_changed(self, change: Event) -> list[Event]:
        was = self.lefts.pop(change.key, None)
        if change.row is None:
            return [] if was is None else [change]
        self.lefts[change.key] = Change(change.row, change.time)
        other = self.rights.get(change.row.get(self.on))
        if other is None:
            answers = self.outer or was is not None
            return [change._replace(row=change.row if self.outer else None)] if answers else []
        both = change.row | other.row
        return [change._replace(row=both if self.meets(both) else change.row, time=max(change.time, other.time))]

    def right_changed(self, change: Event) -> list[Event]:
        if change.row is None:
            self.rights.pop(change.key, None)
        else:
            self.rights[change.key] = Change(change.row, change.time)
        made = []
        for key, left in self.lefts.items():
            if left.row.get(self.on) == change.key:
                there = self.outer or change.row is not None
                both = left.row | (change.row or {})
                row = (both if self.meets(both) else left.row) if there else None
                made.append(change._replace(key=key, row=row, time=max(change.time, left.time)))
        return made
