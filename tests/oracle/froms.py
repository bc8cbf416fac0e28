"""What a query of the oracle's reads: streams and tables, joins of them, and sub-queries, each as SQL and as the reference's
operators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Union

from .clauses import Aggregate, Is, Window
from .reference import Filter, ForeignKey, Operator, Read, Renamed, Row, StreamTable, TableTable
from .reference import Union as All
from .reference_groups import Given, Groups
from .reference_streams import StreamStream
from .values import ValueOf

STREAMS, TABLES = ("L", "R", "P"), ("A", "B", "C")
NAMED_APART = {"M": "L", "D": "A"}  # FROM L M: the same source under another name
SAME_TOPIC = {"N": "L"}  # another stream over the same topic
SOURCES = [
    f"CREATE {kind} {name} (ID INT {key}, X INT, Y INT)"
    f" WITH (KAFKA_TOPIC = '{SAME_TOPIC.get(name, name)}', KEY_FORMAT = 'KAFKA', VALUE_FORMAT = 'JSON', PARTITIONS = %d);"
    for kind, key, names in (("STREAM", "KEY", (*STREAMS, "N")), ("TABLE", "PRIMARY KEY", TABLES))
    for name in names
]

Source = Union[
    str,
    "StreamTableOf",
    "StreamStreamOf",
    "TableTableOf",
    "ForeignKeyOf",
    "UnionOf",
    "GroupsOf",
    "FinalsOf",
    "FinalGroupsOf",
    "TablesOf",
    "MeetingOf",
    ValueOf,
]


@dataclass(frozen=True)
class StreamTableOf:
    """stream [LEFT] JOIN table."""

    left: Source
    right: Source
    outer: bool

    def sql(self) -> str:
        kind = "LEFT JOIN" if self.outer else "JOIN"
        return f"{from_sql(self.left)} {kind} {from_sql(self.right)} ON {key_of(self.left)} = {key_of(self.right)}"

    def open(self) -> Operator:
        return StreamTable(opened(self.left), opened(self.right), key_of(self.left), outer=self.outer)


@dataclass(frozen=True)
class StreamStreamOf:
    """stream [LEFT | RIGHT | FULL] JOIN stream WITHIN (before, after) [GRACE PERIOD grace]."""

    left: Source
    right: str
    kind: str
    before: int
    after: int
    grace: int | None
    on: str = "ID"

    def sql(self) -> str:
        grace = "" if self.grace is None else f" GRACE PERIOD {self.grace} MILLISECONDS"
        within = f"WITHIN ({self.before} MILLISECONDS, {self.after} MILLISECONDS){grace}"
        join = "JOIN" if self.kind == "INNER" else f"{self.kind} JOIN"
        left, right = self._columns()
        return f"{from_sql(self.left)} {join} {from_sql(self.right)} {within} ON {left} = {right}"

    def _columns(self) -> tuple[str, str]:
        return key_of(self.left) if self.on == "ID" else f"{first(self.left)}.{self.on}", f"{self.right}.{self.on}"

    def open(self) -> Operator:
        reach = (self.before, self.after)
        return StreamStream(opened(self.left), opened(self.right), self._columns(), self.kind, reach, self.grace)


@dataclass(frozen=True)
class TableTableOf:
    """table [LEFT | RIGHT | FULL] JOIN table, by their keys."""

    left: Source
    right: Source
    kind: str

    def sql(self) -> str:
        join = "JOIN" if self.kind == "INNER" else f"{self.kind} JOIN"
        return f"{from_sql(self.left)} {join} {from_sql(self.right)} ON {key_of(self.left)} = {key_of(self.right)}"


@dataclass(frozen=True)
class ForeignKeyOf:
    """table [LEFT] JOIN table, by a column of the first."""

    left: str
    right: str
    outer: bool

    def sql(self) -> str:
        kind = "LEFT JOIN" if self.outer else "JOIN"
        return f"{from_sql(self.left)} {kind} {from_sql(self.right)} ON {self.left}.X = {self.right}.ID"

    def open(self) -> Operator:
        return ForeignKey(opened(self.left), opened(self.right), f"{self.left}.X", outer=self.outer)


@dataclass(frozen=True)
class MeetingOf:
    """A join whose ON also compares a column of each side by `sign`, = or <>; `leading`: that stands first."""

    of: StreamTableOf | StreamStreamOf | TableTableOf | ForeignKeyOf
    columns: tuple[str, str]
    leading: bool
    sign: str = "="

    def sql(self) -> str:
        joined, _, on = self.of.sql().rpartition(" ON ")
        both = [on, f" {self.sign} ".join(self.columns)]
        return f"{joined} ON {' AND '.join(reversed(both) if self.leading else both)}"

    def open(self, partitions: int) -> Operator:
        one, other = self.columns

        def meet(row: Row) -> bool:
            values = row.get(one), row.get(other)
            return None not in values and (values[0] == values[1]) == (self.sign == "=")

        made = opened(self.of, partitions)
        if kind_of(self.of) == "INNER":
            return Filter(made, meet, table=is_table(self.of))
        assert isinstance(made, StreamTable | StreamStream | TableTable | ForeignKey)
        made.meets = meet
        return made


@dataclass(frozen=True)
class Arm:
    """SELECT key, X, Y FROM a stream, or a stream joined with a table; `swapped`: Y, then X."""

    source: str | StreamTableOf
    swapped: bool = False
    where: Is | None = None

    def columns(self) -> list[str]:
        values = ("Y", "X") if self.swapped else ("X", "Y")
        return [key_of(self.source), *(f"{first(self.source)}.{name}" for name in values)]

    def sql(self) -> str:
        items = ", ".join(f"{column} AS {name}" for column, name in zip(self.columns(), ("ID", "X", "Y"), strict=True))
        where = "" if self.where is None else f" WHERE {self.where.sql()}"
        return f"SELECT {items} FROM {from_sql(self.source)}{where}"

    def open(self) -> Operator:
        made = opened(self.source)
        if self.where is not None:
            made = Filter(made, self.where.holds, table=False)
        return Renamed(made, dict(zip(("U.ID", "U.X", "U.Y"), self.columns(), strict=True)))


@dataclass(frozen=True)
class UnionOf:
    """(arm UNION ALL arm …) U (ID, X, Y)."""

    arms: tuple[Arm, ...]

    def sql(self) -> str:
        return f"({' UNION ALL '.join(arm.sql() for arm in self.arms)}) U"

    def open(self) -> Operator:
        return All([arm.open() for arm in self.arms])


@dataclass(frozen=True)
class GroupsOf:
    """(SELECT ID, COUNT(*) AS X, SUM(Y) AS Y FROM stream GROUP BY ID HAVING COUNT(*) <> without) G: a table. Keys are INT here,
    so X is cast. `aggregate`: another one of Y than SUM."""

    of: Source
    aggregate: str = "SUM"
    without: int | None = None
    name: str = "G"

    def sql(self) -> str:
        key = key_of(self.of)
        items = f"{key} AS ID, CAST(COUNT(*) AS INT) AS X, {self.aggregate}({first(self.of)}.Y) AS Y"
        having = "" if self.without is None else f" HAVING COUNT(*) <> {self.without}"
        return f"(SELECT {items} FROM {from_sql(self.of)} GROUP BY {key}{having}) {self.name}"

    def open(self) -> Operator:
        column = f"{first(self.of)}.Y"
        key, x = key_of(self.of), f"{self.name}.X"

        def results(given: list[Given]) -> Row:
            values = (given[0].row[key], len(given), Aggregate(self.aggregate, column).of(given))
            return dict(zip((f"{self.name}.ID", x, f"{self.name}.Y"), values, strict=True))

        groups = Groups(opened(self.of), key, results)
        return groups if self.without is None else Filter(groups, lambda row: row[x] != self.without, table=True)


@dataclass(frozen=True)
class FinalsOf:
    """(SELECT ID, COUNT(*) AS X, SUM(Y) AS Y FROM stream WINDOW window WHERE where GROUP BY ID EMIT FINAL) F: a stream."""

    of: str
    window: Window
    where: Is | None = None

    def sql(self) -> str:
        items = f"{self.of}.ID AS ID, CAST(COUNT(*) AS INT) AS X, SUM({self.of}.Y) AS Y"
        where = "" if self.where is None else f" WHERE {self.where.sql()}"
        return f"(SELECT {items} FROM {self.of} WINDOW {self.window.sql()}{where} GROUP BY {self.of}.ID EMIT FINAL) F"

    def open(self, partitions: int) -> Operator:
        read: Operator = Read(self.of)
        if self.where is not None:
            read = Filter(read, self.where.holds, table=False)
        return self.window.over(read, f"{self.of}.ID", self.results, partitions, final=True)

    def results(self, given: list[Given]) -> Row:
        total = Aggregate("SUM", f"{self.of}.Y").of(given)
        return {"F.ID": given[0].row[f"{self.of}.ID"], "F.X": len(given), "F.Y": total}


@dataclass(frozen=True)
class FinalGroupsOf:
    """(SELECT ID, COUNT(*) AS X, SUM(X) AS Y FROM windows that have closed GROUP BY ID) G: a table."""

    of: FinalsOf
    name: str = "G"

    def sql(self) -> str:
        items = "F.ID AS ID, CAST(COUNT(*) AS INT) AS X, SUM(F.X) AS Y"
        return f"(SELECT {items} FROM {self.of.sql()} GROUP BY F.ID) {self.name}"

    def open(self, partitions: int) -> Operator:
        def results(given: list[Given]) -> Row:
            values = (given[0].row["F.ID"], len(given), sum(g.row["F.X"] for g in given))
            return dict(zip((f"{self.name}.ID", f"{self.name}.X", f"{self.name}.Y"), values, strict=True))

        return Groups(self.of.open(partitions), "F.ID", results)


@dataclass(frozen=True)
class TablesOf:
    """(SELECT key AS ID, X, Y FROM tables joined) T: a table, of the X of the first and the Y of the last."""

    of: TableTableOf | ForeignKeyOf

    def columns(self) -> list[str]:
        *_, last = names_of(self.of)
        return [key_of(self.of), f"{first(self.of)}.X", f"{last}.Y"]

    def sql(self) -> str:
        items = ", ".join(f"{column} AS {name}" for column, name in zip(self.columns(), ("ID", "X", "Y"), strict=True))
        return f"(SELECT {items} FROM {from_sql(self.of)}) T"

    def open(self) -> Operator:
        return Renamed(opened(self.of), dict(zip(("T.ID", "T.X", "T.Y"), self.columns(), strict=True)))


def kind_of(join: StreamTableOf | StreamStreamOf | TableTableOf | ForeignKeyOf) -> str:
    """INNER, LEFT, RIGHT or FULL."""
    if isinstance(join, StreamTableOf | ForeignKeyOf):
        return "LEFT" if join.outer else "INNER"
    return join.kind


def first(source: Source) -> str:
    """The name of the leftmost source of a FROM."""
    return names_of(source)[0]


def names_of(source: Source) -> list[str]:
    """The names of all sources of a FROM."""
    match source:
        case str():
            return [source]
        case UnionOf():
            return ["U"]
        case GroupsOf(name=name) | FinalGroupsOf(name=name):
            return [name]
        case FinalsOf():
            return ["F"]
        case TablesOf():
            return ["T"]
        case ValueOf(left=left):
            return names_of(left)
        case MeetingOf(of=of):
            return names_of(of)
        case _:
            return [*names_of(source.left), *names_of(source.right)]


def sources_of(source: Source) -> list[str]:
    """All streams and tables that a FROM reads."""
    match source:
        case str():
            return [NAMED_APART.get(source, source)]
        case UnionOf(arms=arms):
            return list(dict.fromkeys(name for arm in arms for name in sources_of(arm.source)))
        case GroupsOf(of=of) | FinalsOf(of=of) | FinalGroupsOf(of=of) | TablesOf(of=of) | MeetingOf(of=of):
            return sources_of(of)
        case ValueOf(left=left, of=of):
            return list(dict.fromkeys([*sources_of(left), of]))
        case _:
            return list(dict.fromkeys([*sources_of(source.left), *sources_of(source.right)]))


def topics_read(source: Source) -> list[str]:
    """The topics of all that a FROM reads."""
    return list(dict.fromkeys(SAME_TOPIC.get(name, name) for name in sources_of(source)))


def groups_within(source: Source) -> bool:
    """Whether a FROM has a sub-query that groups."""
    match source:
        case str() | UnionOf() | FinalsOf():
            return False
        case GroupsOf() | FinalGroupsOf():
            return True
        case TablesOf(of=of) | MeetingOf(of=of):
            return groups_within(of)
        case ValueOf(left=left, of=of):
            return groups_within(left) or of in STREAMS
        case _:
            return groups_within(source.left) or groups_within(source.right)


def from_sql(source: Source) -> str:
    if isinstance(source, ValueOf):
        return from_sql(source.left)
    if isinstance(source, str):
        return f"{NAMED_APART[source]} {source}" if source in NAMED_APART else source
    return source.sql()


def columns_of(source: Source) -> list[str]:
    """The columns of a FROM's rows beside keys, as SQL names them."""
    values = [f"{name}.{column}" for name in names_of(source) for column in "XY"]
    return [*values, source.text(key_of(source.left))] if isinstance(source, ValueOf) else values


def opened(source: Source, partitions: int = 1) -> Operator:
    """`partitions`: what closes a window is a matter of theirs, where one closes."""
    if isinstance(source, FinalsOf | FinalGroupsOf | MeetingOf):
        return source.open(partitions)
    if isinstance(source, TableTableOf):
        return TableTable(opened(source.left, partitions), opened(source.right, partitions), source.kind)
    if isinstance(source, ValueOf):
        left = opened(source.left)
        return source.open(left, key_of(source.left), of_table=source.of in TABLES, table=is_table(source.left))
    if isinstance(source, str):
        return Read(source, (NAMED_APART | SAME_TOPIC).get(source, source))
    return source.open()


def key_of(source: Source) -> str:
    """The key column of a FROM, as SQL names it."""
    match source:
        case StreamStreamOf(kind="FULL") | TableTableOf(kind="FULL"):
            return "ROWKEY"
        case StreamStreamOf(kind="RIGHT") | TableTableOf(kind="RIGHT"):
            return f"{source.right}.{source.on}" if isinstance(source, StreamStreamOf) else key_of(source.right)
        case ValueOf(left=of) | MeetingOf(of=of):
            return key_of(of)
        case StreamStreamOf(on=on) if on != "ID":
            return f"{first(source)}.{on}"
        case _:
            return f"{first(source)}.ID"


def is_table(source: Source) -> bool:
    """Whether a FROM is a table."""
    if isinstance(source, ValueOf | MeetingOf):
        return is_table(source.left if isinstance(source, ValueOf) else source.of)
    if isinstance(source, str):
        return NAMED_APART.get(source, source) in TABLES
    return isinstance(source, TableTableOf | ForeignKeyOf | GroupsOf | FinalGroupsOf | TablesOf)
