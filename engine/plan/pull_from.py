"""FROM of a query that is answered once: what it reads, and the relation that DuckDB joins it to.

Every column that a query can speak of, over all its blocks, has a number of its own and is `c<number>` in DuckDB. So the
columns of joined sources never meet, and what a correlated sub-query says of the query around it needs no qualifier.
A stream or table is a temporary table r0, r1 …, filled by a SELECT of its own with the columns that are used.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from sqlglot import exp

from ..errors import Unsupported
from ..sql.catalog import Catalog, Relation
from ..sql.expressions import Column, Expr
from ..sql.schema import ColumnDef, Schema
from ..sql.statements import Join, Query, SelectItem, SourceRef
from ..sql.types import SqlType
from .projection import column_node
from .rows import Entry, Rows, rows_of
from .sources import read_of

Numbers = Callable[[], int]


@dataclass(frozen=True)
class Outcome:
    """What a query gives: SQL whose columns are o0, o1 …, and their names and types."""

    sql: str
    columns: tuple[ColumnDef, ...]

    def numbered(self, numbers: Sequence[int], *, ordered: str | None = None) -> str:
        """The SQL with its columns under these numbers; `ordered`: with the place of each row under that name."""
        texts = [f"o{i} AS c{number}" for i, number in enumerate(numbers)]
        texts += [f"row_number() OVER () AS {ordered}"] if ordered else []
        return f"SELECT {', '.join(texts)} FROM ({self.sql})"


@dataclass(frozen=True)
class Fetch:
    """Rows to be laid into the table `name` before the query runs: what `query`, a SELECT over one stream or table, gives,
    as columns of these numbers and types."""

    name: str
    query: Query
    columns: tuple[tuple[int, SqlType], ...]


@dataclass
class Reading:
    """A stream or table as one mention in FROM reads it. `values`: what each of its columns' numbers stands for."""

    name: str
    relation: Relation
    source: SourceRef
    rows: Rows
    values: dict[int, tuple[exp.Expression, SqlType]] = field(default_factory=dict)
    where: exp.Expression | None = None

    def fetch(self, used: set[int]) -> Fetch:
        """The SELECT of the columns that are used; of the first one where it is only a matter of rows."""
        numbers = sorted(used & self.values.keys()) or [min(self.values)]
        items = tuple(SelectItem(self.values[n][0].copy(), f"C{n}") for n in numbers)
        return Fetch(self.name, Query(items, self.source, self.where), tuple((n, self.values[n][1]) for n in numbers))


@dataclass(frozen=True)
class Side:
    """One source of FROM: its columns, its SQL, and by what its rows are in order (`order` in SQL; an expression that is
    read besides, for a table's). `reading`: where it is a stream or table."""

    rows: Rows
    text: str
    order: str | Expr
    reading: Reading | None = None


@dataclass(frozen=True)
class From:
    """All sources: their columns together, the sides, and how each but the first is joined."""

    rows: Rows
    sides: tuple[Side, ...]
    joins: tuple[tuple[str, exp.Expression], ...] = ()

    @property
    def pushable(self) -> list[Side]:
        """The sides that no outer join fills up with NULLs: a condition on one of them may be asked of it alone."""
        found = [self.sides[0]]
        for (kind, _), side in zip(self.joins, self.sides[1:], strict=True):
            kept = found if kind in ("INNER", "LEFT") else []
            found = [*kept, side] if kind in ("INNER", "RIGHT") else kept
        return found


class Sources:
    """Resolves FROM; remembers what is read. `catalog`: of what there is."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.readings: list[Reading] = []
        self.numbers: Numbers = itertools.count().__next__
        self._derived = itertools.count()

    def from_(self, clause: SourceRef | Join, derive: Callable[[SourceRef], Outcome | None]) -> From:
        """The sources of a FROM; `derive` gives what a sub-query, or a name that WITH has made, stands for."""
        if isinstance(clause, SourceRef):
            side = self._side(clause, derive)
            return From(side.rows, (side,))
        if clause.within is not None:
            raise Unsupported(
                "WITHIN is for queries that go on; here rows are joined by ON alone",
                hint="compare times: ON a.id = b.id AND ABS(a.ROWTIME - b.ROWTIME) <= 60000",
                span=clause.within.span,
            )
        left, right = self.from_(clause.left, derive), self._side(clause.right, derive)
        taken = left.rows.sources
        if right.rows.sources[0] in taken:
            raise Unsupported(
                f"{right.rows.sources[0]} stands in FROM twice under one name",
                hint=f"give each a name of its own: {right.rows.sources[0]} AS other",
                span=clause.right.span,
            )
        rows = replace(
            left.rows,
            entries=tuple(map(_joined, (*left.rows.entries, *right.rows.entries))),
            sources=(*taken, *right.rows.sources),
            any_case=left.rows.any_case | right.rows.any_case,
        )
        return From(rows, (*left.sides, right), (*left.joins, (clause.kind, clause.on)))

    def _side(self, source: SourceRef, derive: Callable[[SourceRef], Outcome | None]) -> Side:
        derived = derive(source)
        if derived is not None:
            return self._of_query(source.alias, derived)
        relation = self.catalog.get(source.name, source.span)
        plain = rows_of(read_of(relation, source.alias), any_case=relation.any_case)
        if relation.is_table:
            plain = replace(
                plain, entries=tuple(e for e in plain.entries if e.name not in ("ROWPARTITION", "ROWOFFSET"))
            )
        reading = Reading(f"r{len(self.readings)}", relation, source, plain)
        self.readings.append(reading)
        entries = []
        for entry in plain.entries:
            number = self.numbers()
            reading.values[number] = (column_node(entry), entry.expr.type)
            entries.append(replace(entry, expr=Column(number, entry.name, entry.expr.type)))
        rows = replace(plain, entries=tuple(entries), keys=())
        time = next((e.expr for e in entries if e.name == "ROWTIME" and e.hidden), None)
        order = time if relation.is_table and time is not None else f"{reading.name}.rowid"
        return Side(rows, reading.name, order, reading)

    def _of_query(self, alias: str, outcome: Outcome) -> Side:
        numbers = [self.numbers() for _ in outcome.columns]
        schema = Schema(outcome.columns)
        rows = rows_of(read_of(Relation(alias, "TABLE", schema, "", "NONE", "NONE"), alias))
        entries = [
            Entry(alias, c.name, c.name, Column(n, c.name, c.type)) for n, c in zip(numbers, schema, strict=True)
        ]
        place = f"_at{next(self._derived)}"
        text = f"({outcome.numbered(numbers, ordered=place)}) AS q{place}"
        return Side(replace(rows, entries=tuple(entries), keys=()), text, place)


def _joined(entry: Entry) -> Entry:
    """Where sources are joined, `*` gives a column its source's name before its own."""
    return replace(entry, result=f"{entry.source}_{entry.name}")
