"""Sub-queries for a value, beside each row of a stream or table: as SQL, and as the reference's operators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .clauses import Aggregate
from .reference import Event, Operator, Read, Renamed, Row, TableTable
from .reference_groups import Given, Groups

if TYPE_CHECKING:
    from .froms import Source

OF_STREAMS = ("COUNT", "SUM", "MAX", "LATEST_BY_OFFSET")
OF_TABLES = ("ROW", "EXISTS", "IN")


@dataclass(frozen=True)
class ValueOf:
    """A FROM whose rows have one more column, `text`: what `of` has for their key. `kind`: an aggregate of Y; ROW, the Y of a
    table's row; EXISTS or IN, 1 where there is a row of that key, else 0."""

    left: Source
    of: str
    kind: str

    def text(self, key: str) -> str:
        """The sub-query, for rows of that key column."""
        match self.kind:
            case "ROW":
                return f"(SELECT Q.Y FROM {self.of} Q WHERE Q.ID = {key})"
            case "EXISTS":
                return f"(CASE WHEN EXISTS (SELECT 1 FROM {self.of} Q WHERE Q.ID = {key}) THEN 1 ELSE 0 END)"
            case "IN":
                return f"(CASE WHEN {key} IN (SELECT Q.ID FROM {self.of} Q) THEN 1 ELSE 0 END)"
            case aggregate:
                return f"(SELECT {aggregate}(Q.Y) FROM {self.of} Q WHERE Q.ID = {key})"

    def open(self, left: Operator, key: str, *, of_table: bool, table: bool) -> Operator:
        """`of_table`: whether `of` is one; `table`: whether the rows are."""
        name = self.text(key)
        none = {name: 0 if self.kind in ("COUNT", "EXISTS", "IN") else None}
        column = f"{self.of}.Y"

        def results(given: list[Given]) -> Row:
            return {name: 1 if self.kind in ("EXISTS", "IN") else Aggregate(self.kind, column).of(given)}

        if not of_table:
            right: Operator = Groups(Read(self.of), f"{self.of}.ID", results)
        elif self.kind == "ROW":
            right = Renamed(Read(self.of), {name: column})
        else:
            right = Present(Read(self.of), name)
        return Completed(TableTable(left, right, "LEFT"), none) if table else Looked(left, right, key, none)


class Present:
    """A table's rows, of which nothing matters but that they are there."""

    def __init__(self, before: Operator, name: str) -> None:
        self.before, self.name = before, name

    def take(self, source: str, event: Event) -> list[Event]:
        made = self.before.take(source, event)
        return [found._replace(row=None if found.row is None else {self.name: 1}) for found in made]


class Completed:
    """Rows, with what stands where a value has none."""

    def __init__(self, before: Operator, none: Row) -> None:
        self.before, self.none = before, none

    def take(self, source: str, event: Event) -> list[Event]:
        made = self.before.take(source, event)
        return [found._replace(row=None if found.row is None else self.none | found.row) for found in made]


class Looked:
    """Each row of a stream with the value of its key as of then, before its own record. A row without key has none."""

    def __init__(self, left: Operator, right: Operator, on: str, none: Row) -> None:
        self.left, self.right, self.on, self.none = left, right, on, none
        self.values: dict[Any, Row] = {}

    def take(self, source: str, event: Event) -> list[Event]:
        made = []
        for found in self.left.take(source, event):
            if found.row is not None:
                made.append(found._replace(row=found.row | self.values.get(found.row.get(self.on), self.none)))
        for change in self.right.take(source, event):
            if change.row is None:
                self.values.pop(change.key, None)
            elif change.key is not None:
                self.values[change.key] = change.row
        return made
