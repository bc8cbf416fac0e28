"""What the oracle asks: a query as data, which writes itself as SQL and opens itself as the reference's operators.

Everything is a frozen dataclass of plain values, so that a case's `repr` is Python that makes it again: a case that failed
is copied into `test_found.py` as it was printed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from .clauses import Aggregate, Is, Window
from .froms import (
    SOURCES,
    FinalsOf,
    Source,
    from_sql,
    groups_within,
    is_table,
    key_of,
    opened,
    sources_of,
)
from .reference import Event, Filter, Operator, Row
from .reference_groups import DAY_MS, Given, Groups, MortalGroups, TableGroups
from .values import ValueOf


@dataclass(frozen=True)
class Record:
    """A record of a source's topic; `values` None: a tombstone."""

    source: str
    key: int | None
    values: tuple[int | None, int | None] | None
    time: int


@dataclass(frozen=True)
class Query:
    """SELECT … FROM source [WHERE] [WINDOW GROUP BY by HAVING] [EMIT FINAL]; without `by` it projects."""

    source: Source
    where: Is | None = None
    columns: tuple[str, ...] = ()
    by: str | None = None
    aggregates: tuple[Aggregate, ...] = ()
    window: Window | None = None
    having: Is | None = None
    final: bool = False
    ttl: int | None = None

    @property
    def is_table(self) -> bool:
        return self.by is not None or is_table(self.source)

    def sql(self) -> str:
        key = key_of(self.source) if self.by is None else self.by
        made = [a.sql() for a in self.aggregates] if self.by else [f"{c} + 1" if "+" in c else c for c in self.columns]
        items = ", ".join([f"{key} AS K", *(f"{text} AS V{i}" for i, text in enumerate(made))])
        clauses = [f"SELECT {items} FROM {from_sql(self.source)}"]
        clauses += [] if self.window is None else [f"WINDOW {self.window.sql()}"]
        clauses += [] if self.where is None else [f"WHERE {self.where.sql()}"]
        clauses += [] if self.by is None else [f"GROUP BY {self.by}"]
        if self.having is not None:
            clauses.append(f"HAVING {self.aggregates[0].sql()} {self.having.sign} {self.having.number}")
        kind = "TABLE" if self.is_table else "STREAM"
        ttl = "" if self.ttl is None else f" WITH (STATE_TTL = '{self.ttl} MILLISECONDS')"
        return f"CREATE {kind} OUT{ttl} AS {' '.join(clauses)} EMIT {'FINAL' if self.final else 'CHANGES'};"

    def open(self, partitions: int) -> Operator:
        """The reference's operators for the query."""
        if isinstance(self.source, ValueOf) and self.source.text(key_of(self.source)) not in self.sql():
            return replace(self, source=self.source.left).open(partitions)  # nobody asks for the value
        made = opened(self.source, partitions)
        if self.where is not None:
            made = Filter(made, self.where.holds, table=is_table(self.source))
        if self.by is not None:
            made = self._grouped(made, self.by, partitions)
        return made if self.having is None else Filter(made, self.having.holds, table=True)

    def _grouped(self, before: Operator, by: str, partitions: int) -> Operator:
        if is_table(self.source):
            listed = next((a.column for a in self.aggregates if a.name == "COLLECT_LIST"), None)
            groups = TableGroups(before, by, self.results, listed)
            return Filter(groups, lambda row: row["V0"] > 0, table=True) if groups_within(self.source) else groups
        if isinstance(self.source, FinalsOf) and self.window is not None:
            never_late = replace(self.window, grace=DAY_MS)  # of windows that have closed none is
            return never_late.over(before, by, self.results, partitions, final=False)
        if self.window is not None:
            return self.window.over(before, by, self.results, partitions, final=self.final)
        if self.ttl is not None:
            return MortalGroups(before, by, self.results, ttl=self.ttl, partitions=partitions)
        return Groups(before, by, self.results)

    def results(self, given: list[Given]) -> Row:
        """A group's row."""
        return {f"V{i}": aggregate.of(given) for i, aggregate in enumerate(self.aggregates)}

    def value(self, event: Event) -> Row | None:
        """An event's row as the query's columns."""
        if event.row is None or self.by is not None:
            return event.row
        return {f"V{i}": event.row.get(column) for i, column in enumerate(self.columns)}


@dataclass(frozen=True)
class Setup:
    """How a case runs: records a batch (None: all in one), partitions, workers, and after which batch it is killed."""

    cut: int | None
    partitions: int
    workers: int
    killed_after: int | None = None


@dataclass(frozen=True)
class Case:
    """A query, its input in order of arrival, and how it runs."""

    query: Query
    records: tuple[Record, ...]
    setups: tuple[Setup, ...]

    def text(self) -> str:
        """For people: the statements and the input."""
        used = [s for s in SOURCES if s.split()[2] in sources_of(self.query.source)]
        lines = [*(s % 1 for s in used), self.query.sql()]
        for record in self.records:
            what = "tombstone" if record.values is None else f"X = {record.values[0]}, Y = {record.values[1]}"
            lines.append(f"-- {record.source} at {record.time}: ID = {record.key}, {what}")
        return "\n".join(lines)
