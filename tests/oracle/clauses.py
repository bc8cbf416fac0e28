"""The clauses of a query of the oracle's: comparisons, windows and aggregates, which write themselves as SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .reference import Operator, Row
from .reference_groups import CumulativeWindows, Given, Results, Sessions, Windows


@dataclass(frozen=True)
class Is:
    """A comparison of a column with a number; not true where the column is NULL."""

    column: str
    sign: str
    number: int

    def sql(self) -> str:
        return f"{self.column} {self.sign} {self.number}"

    def holds(self, row: Row) -> bool:
        value = row.get(self.column)
        if value is None:
            return False
        return {">": value > self.number, "<>": value != self.number, "<=": value <= self.number}[self.sign]


@dataclass(frozen=True)
class Window:
    """A window; `advance` of HOPPING, and the step of CUMULATIVE, only; `size` of a SESSION is its gap. `more`: how much longer
    than its size and grace it is kept."""

    kind: str
    size: int
    advance: int | None = None
    grace: int | None = None
    more: int | None = None

    def sql(self) -> str:
        word = "STEP" if self.kind == "CUMULATIVE" else "ADVANCE BY"
        advance = "" if self.advance is None else f", {word} {self.advance} MILLISECONDS"
        grace = "" if self.grace is None else f", GRACE PERIOD {self.grace} MILLISECONDS"
        kept = "" if self.more is None else f", RETENTION {self.size + (self.grace or 0) + self.more} MILLISECONDS"
        size = "" if self.kind == "SESSION" else "SIZE "
        return f"{self.kind} ({size}{self.size} MILLISECONDS{advance}{kept}{grace})"

    def over(self, before: Operator, by: str, results: Results, partitions: int, *, final: bool) -> Operator:
        """The reference's operator for a GROUP BY in this window."""
        when: dict[str, Any] = {"grace": self.grace, "final": final, "partitions": partitions}
        if self.kind == "SESSION":
            return Sessions(before, by, results, gap=self.size, more=self.more or 0, **when)
        kind = CumulativeWindows if self.kind == "CUMULATIVE" else Windows
        return kind(before, by, results, size=self.size, advance=self.advance or self.size, **when)


CALLS = {
    "TOPK": "TOPK({}, 2)",
    "TOPKDISTINCT": "TOPKDISTINCT({}, 2)",
    "EARLIEST_TWO": "EARLIEST_BY_OFFSET({}, 2)",
    "LATEST_TWO": "LATEST_BY_OFFSET({}, 2, false)",
    "EARLIEST_ANY": "EARLIEST_BY_OFFSET({}, false)",
}
"""Aggregates that take more than a column."""


@dataclass(frozen=True)
class Aggregate:
    """An aggregate over a column; COUNT without one counts rows."""

    name: str
    column: str | None = None

    def sql(self) -> str:
        return CALLS.get(self.name, f"{self.name}({{}})").format(self.column or "*")

    def of(self, given: Sequence[Given]) -> Any:
        """What it says of a group's rows. NULLs are left out, but by COLLECT_LIST and COLLECT_SET."""
        if self.column is None:
            return len(given)
        values = [g.row.get(self.column) for g in given]
        known = [v for v in values if v is not None]
        arrived = [g.row.get(self.column) for g in sorted(given, key=lambda g: g.number)]
        in_order = [v for v in arrived if v is not None]
        return {
            "COUNT": lambda: len(known),
            "SUM": lambda: sum(known),
            "AVG": lambda: sum(known) / len(known) if known else 0.0,
            "MIN": lambda: min(known, default=None),
            "MAX": lambda: max(known, default=None),
            "LATEST_BY_OFFSET": lambda: in_order[-1] if in_order else None,
            "EARLIEST_BY_OFFSET": lambda: in_order[0] if in_order else None,
            "EARLIEST_TWO": lambda: in_order[:2],
            "LATEST_TWO": lambda: arrived[-2:],
            "EARLIEST_ANY": lambda: arrived[0],
            "COLLECT_LIST": lambda: values,
            "COLLECT_SET": lambda: list(dict.fromkeys(values)),
            "TOPK": lambda: sorted(known, reverse=True)[:2],
            "TOPKDISTINCT": lambda: sorted(set(known), reverse=True)[:2],
        }[self.name]()
