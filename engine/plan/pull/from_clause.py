"""FROM of a query that is answered once: what it reads, and the relation that DuckDB joins it to.

Every column that a query can speak of, over all its blocks, has a number of its own and is `c<number>` in DuckDB. So the
columns of joined sources never meet, and what a correlated sub-query says of the query around it needs no qualifier.
What is used of a stream or table is read once, however often it is named, so that every mention sees one state of it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from sqlglot import exp

from ...errors import AnalysisError, Unsupported
from ...sql.catalog import Catalog, Relation
from ...sql.expressions import Case, Column, Expr
from ...sql.schema import ColumnDef, Schema
from ...sql.statements.query import NO_SOURCE
from ...sql.statements.statement import Join, Query, SelectItem, SourceRef
from ...sql.types import SqlType
from ...sql.typing.coercion import coerce, common_type
from ...sql.typing.compare import is_null
from ..analysis.projection import column_node
from ..analysis.rows import Entry, Rows, rows_of
from ..analysis.sources import read_of

Numbers = Callable[[], int]


@dataclass(frozen=True)
class Outcome:
    """What a query gives: SQL whose columns are o0, o1 …, and their names and types. `any_case`: they are found whatever
    their case, as those of the files that it reads."""

    sql: str
    columns: tuple[ColumnDef, ...]
    any_case: bool = False

    def as_relation(self, name: str) -> Relation:
        """It as a table of that name, for what wants columns by their names."""
        return Relation(name, "TABLE", Schema(self.columns), "", "NONE", "NONE", any_case=self.any_case)

    def numbered(self, numbers: Sequence[int], *, ordered: str | None = None) -> str:
        """The SQL with its columns under these numbers; `ordered`: with the place of each row under that name."""
        texts = [f"o{i} AS c{number}" for i, number in enumerate(numbers)]
        texts += [f"row_number() OVER () AS {ordered}"] if ordered else []
        return f"SELECT {', '.join(texts)} FROM ({self.sql})"


@dataclass(frozen=True)
class Fetch:
    """Rows to be laid into the table `name` before the query runs: what `query`, a SELECT over one stream or table, gives,
    as columns n0, n1 … of these types."""

    name: str
    query: Query
    types: tuple[SqlType, ...]


@dataclass
class Reading:
    """A stream or table as one mention in FROM reads it. `values`: what each of its columns' numbers stands for; `where`:
    which rows are enough."""

    name: str
    relation: Relation
    rows: Rows
    values: dict[int, tuple[exp.Expression, SqlType]] = field(default_factory=dict)
    where: exp.Expression | None = None

    @property
    def place(self) -> str:
        """The column that tells the order of its rows."""
        return f"{self.name}_at"


def fetches_of(readings: Sequence[Reading], used: set[int]) -> tuple[tuple[Fetch, ...], list[str]]:
    """What is fetched, one a stream or table, and for WITH each reading as a part of it."""
    mentions: dict[str, list[Reading]] = {}
    made: list[Fetch] = []
    parts: list[str] = []
    for reading in readings:
        if reading.relation.name == NO_SOURCE and not used & reading.values.keys():
            parts.append(f"{reading.name} AS (SELECT 0 AS {reading.place})")
        else:
            mentions.setdefault(reading.relation.name, []).append(reading)
    for name, here in mentions.items():
        table = f"t{len(made)}"
        values: dict[str, tuple[exp.Expression, SqlType]] = {}
        for reading in here:
            numbers = sorted(used & reading.values.keys()) or [min(reading.values)]  # a matter of rows only: any column
            for number in numbers:
                value, sql_type = reading.values[number]
                values.setdefault(repr(_bare(value)), (_bare(value), sql_type))
            places = [list(values).index(repr(_bare(reading.values[n][0]))) for n in numbers]
            columns = ", ".join(f"n{p} AS c{n}" for p, n in zip(places, numbers, strict=True))
            parts.append(f"{reading.name} AS (SELECT {columns}, rowid AS {reading.place} FROM {table})")
        items = tuple(SelectItem(value, f"N{i}") for i, (value, _) in enumerate(values.values()))
        query = Query(items, SourceRef(name, name), _any_of([reading.where for reading in here]))
        made.append(Fetch(table, query, tuple(sql_type for _, sql_type in values.values())))
    return tuple(made), parts


def _bare(node: exp.Expression) -> exp.Expression:
    """The expression without the alias that a mention gives its source."""
    copy = node.copy()
    for column in copy.find_all(exp.Column):
        column.set("table", None)
    return copy


def _any_of(conditions: Sequence[exp.Expression | None]) -> exp.Expression | None:
    """A row that one of the mentions wants."""
    parts = [exp.Paren(this=_bare(c)) for c in conditions if c is not None]
    if len(parts) < len(conditions):
        return None
    whole: exp.Expression = parts[0]
    for part in parts[1:]:
        whole = exp.Or(this=whole, expression=part)
    return whole.this if isinstance(whole, exp.Paren) else whole


@dataclass(frozen=True)
class Side:
    """One source of FROM: its columns, its SQL, and by what its rows are in order (`order` in SQL; an expression that is
    read besides, for a table's). `reading`: where it is a stream or table; `lateral`: its SQL names columns of
    the sides before."""

    rows: Rows
    text: str
    order: str | Expr
    reading: Reading | None = None
    lateral: bool = False


@dataclass(frozen=True)
class Joined:
    """How a side is joined; `rows`: the columns that its ON may name."""

    kind: str
    on: exp.Expression
    rows: Rows


@dataclass(frozen=True)
class From:
    """All sources: their columns together, the sides, and how each but the first is joined."""

    rows: Rows
    sides: tuple[Side, ...]
    joins: tuple[Joined, ...] = ()

    @property
    def pushable(self) -> list[Side]:
        """The sides that no outer join fills up with NULLs: a condition on one of them may be asked of it alone."""
        found = [self.sides[0]]
        for join, side in zip(self.joins, self.sides[1:], strict=True):
            kept = found if join.kind in ("INNER", "LEFT") else []
            found = [*kept, side] if join.kind in ("INNER", "RIGHT") else kept
        return found


Derive = Callable[[SourceRef, From | None], Outcome | None]
"""What a sub-query, or a name that WITH has made, stands for; with the sources before it, where it may name their columns."""


class Sources:
    """Resolves FROM; remembers what is read. `catalog`: of what there is."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.readings: list[Reading] = []
        self.numbers: Numbers = itertools.count().__next__
        self._derived = itertools.count()

    def from_(self, clause: SourceRef | Join, derive: Derive) -> From:
        """The sources of a FROM."""
        if isinstance(clause, SourceRef):
            side = self._side(clause, derive)
            return From(side.rows, (side,))
        if clause.within is not None:
            raise Unsupported(
                "WITHIN is for queries that go on; here rows are joined by ON alone",
                hint="compare times: ON a.id = b.id AND ABS(a.ROWTIME - b.ROWTIME) <= 60000",
                span=clause.within.span,
            )
        left = self.from_(clause.left, derive)
        right = self._side(clause.right, derive, left if clause.right.lateral else None)
        if right.lateral and clause.kind not in ("INNER", "LEFT"):
            raise Unsupported(
                f"{clause.right.alias} is asked for each row before it, and cannot stand in a {clause.kind} JOIN",
                hint="CROSS JOIN, JOIN … ON and LEFT JOIN … ON take it",
                span=clause.span,
            )
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
        on, merged = _merged(clause, left.rows, right.rows)
        names = {e.name for e in merged}
        others = [e for e in rows.entries if not (e.covers and e.name in names)]
        join = Joined(clause.kind, on, rows)
        return From(replace(rows, entries=(*merged, *others)), (*left.sides, right), (*left.joins, join))

    def _side(self, source: SourceRef, derive: Derive, before: From | None = None) -> Side:
        derived = derive(source, before)
        if derived is not None:
            side = self._of_query(source.alias, derived)
            return side if before is None else replace(side, text=f"LATERAL {side.text}", lateral=True)
        relation = self.catalog.get(source.name, source.span)
        plain = rows_of(read_of(relation, source.alias), any_case=relation.any_case)
        if relation.is_table:
            plain = replace(
                plain, entries=tuple(e for e in plain.entries if e.name not in ("ROWPARTITION", "ROWOFFSET"))
            )
        reading = Reading(f"r{len(self.readings)}", relation, plain)
        self.readings.append(reading)
        entries = []
        for entry in plain.entries:
            number = self.numbers()
            reading.values[number] = (column_node(entry), entry.expr.type)
            entries.append(replace(entry, expr=Column(number, entry.name, entry.expr.type)))
        rows = replace(plain, entries=tuple(entries), keys=())
        time = next((e.expr for e in entries if e.name == "ROWTIME" and e.hidden), None)
        order = time if relation.is_table and time is not None else reading.place
        return Side(rows, reading.name, order, reading)

    def _of_query(self, alias: str, outcome: Outcome) -> Side:
        numbers = [self.numbers() for _ in outcome.columns]
        rows = rows_of(read_of(outcome.as_relation(alias), alias), any_case=outcome.any_case)
        entries = [
            Entry(alias, c.name, c.name, Column(n, c.name, c.type))
            for n, c in zip(numbers, outcome.columns, strict=True)
        ]
        place = f"_at{next(self._derived)}"
        text = f"({outcome.numbered(numbers, ordered=place)}) AS q{place}"
        return Side(replace(rows, entries=tuple(entries), keys=()), text, place)


def _joined(entry: Entry) -> Entry:
    """Where sources are joined, `*` gives a column its source's name before its own."""
    return entry if entry.covers else replace(entry, result=f"{entry.source}_{entry.name}")


def _merged(clause: Join, left: Rows, right: Rows) -> tuple[exp.Expression, list[Entry]]:
    """What sides are joined on, and the columns of USING, or of NATURAL, that are one column from there on: that of the side
    whose rows all stay; of a FULL JOIN the one that is there."""
    names: Sequence[str] = clause.using
    if clause.natural:
        there = {e.name for e in right.visible()}
        names = list(dict.fromkeys(e.name for e in left.visible() if e.name in there))
        if not names:
            raise AnalysisError(
                f"{' or '.join(left.sources)} and {right.sources[0]} have no column in common",
                hint="ON says what they are joined by; CROSS JOIN puts each row beside each",
                span=clause.span,
            )
    on, merged = clause.on, list[Entry]()
    for place, name in enumerate(names):
        one, other = left.find([name], clause.span), right.find([name], clause.span)
        equal = exp.EQ(this=_written(one, left), expression=column_node(other))
        on = exp.And(this=on, expression=equal) if place else equal
        covers = (*(one.covers or (one.source,)), other.source)
        merged.append(Entry("", one.name, one.name, _either(clause, one.expr, other.expr), covers=covers))
    return on, merged


def _written(entry: Entry, rows: Rows) -> exp.Expression:
    """A column in words that no other column of that name can take for itself."""
    if not entry.covers:
        return column_node(entry)
    covered = [rows.find([source, entry.name], None) for source in entry.covers]
    same = [e for e in covered if e.expr == entry.expr][:1] or covered
    nodes = [column_node(e) for e in same]
    return nodes[0] if len(nodes) == 1 else exp.Anonymous(this="COALESCE", expressions=nodes)


def _either(clause: Join, left: Expr, right: Expr) -> Expr:
    if clause.kind != "OUTER":
        return right if clause.kind == "RIGHT" else left
    wanted = common_type([left, right], clause.span)
    assert wanted is not None  # columns have types
    there = coerce(left, wanted, clause.span)
    return Case(((is_null(left, False, clause.span), coerce(right, wanted, clause.span)),), there, wanted)
