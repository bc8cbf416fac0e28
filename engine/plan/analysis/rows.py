"""The rows that FROM gives: their columns by name, and which of those are the key.

A row's scope resolves `NAME` and `SOURCE.NAME`. One source's pseudo-columns are the system columns of its batches; behind
a join each side has its own, so they have been made ordinary columns, hidden from `*`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlglot import exp

from ...errors import AnalysisError, Span, UnknownName
from ...sql.expressions import Column, Expr
from ...sql.functions import AggregateFunction, FunctionRegistry, TableFunction
from ...sql.scope import PSEUDO_COLUMNS, WINDOW_BOUNDS, Scope, span_of, suggestion, system_column
from ...sql.statements.query import NO_SOURCE
from ...sql.types import Struct
from ...sql.typing.calls import call_name, is_aggregate, is_table_function
from ..logical import Node, Read

EXPLODED = "group what a sub-query gives: FROM (SELECT EXPLODE(items) AS item FROM s) x GROUP BY item"
_TABLE_FUNCTIONS = "table functions stand in SELECT of a query over a stream, without GROUP BY"
RESERVED = (*PSEUDO_COLUMNS, *WINDOW_BOUNDS)


@dataclass(frozen=True)
class Entry:
    """A column in reach: of which source, its name there, and the name it gets in a result that gives it no other. `covers`: the
    sources whose column of that name it is as well, behind USING; it is of none itself."""

    source: str
    name: str
    result: str
    expr: Expr
    is_key: bool = False
    hidden: bool = False
    covers: tuple[str, ...] = ()


@dataclass(frozen=True)
class RowKey:
    """One column of the rows' key: the entries that hold it, any of which may stand for it in a projection, and its value.
    `forms`: canonical forms of what was joined to make it, columns or not."""

    viable: tuple[Entry, ...]
    expr: Expr
    name: str
    forms: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Rows:
    """What FROM gives. `any_case`: names of sources whose columns are found whatever their case (files' inferred columns);
    `conditions`: what ON says beyond what rows meet by, to be asked of the joined rows."""

    node: Node
    entries: tuple[Entry, ...]
    keys: tuple[RowKey, ...]
    sources: tuple[str, ...]
    any_case: frozenset[str] = frozenset()
    conditions: tuple[exp.Expression, ...] = ()

    @property
    def joined(self) -> bool:
        """Whether several sources are joined."""
        return len(self.sources) > 1

    def visible(self, source: str | None = None, span: Span | None = None) -> tuple[Entry, ...]:
        """What `*`, or `source.*`, stands for."""
        if source is not None and source not in self.sources:
            raise no_source(source, self.sources, span)
        return tuple(e for e in self.entries if not e.hidden and source in (None, e.source))

    def scope(self, registry: FunctionRegistry, clause: str) -> Scope:
        """What expressions over the rows may name."""
        return RowScope(self, registry, clause)

    def find(self, parts: Sequence[str], span: Span | None) -> Entry:
        """The entry of `NAME` or `SOURCE.NAME`; raises UnknownName, or AnalysisError where a bare name fits several."""
        *source, name = parts
        if len(source) > 1 or (source and source[0] not in self.sources):
            error = no_source(".".join(source), self.sources, span)
            if any(e.name.upper() == source[0] and isinstance(e.expr.type, Struct) for e in self.entries):
                error.hint = f"a struct's field is reached with ->: {source[0]}->{name}"
            raise error
        found = [e for e in self.entries if e.name == name and source in ([], [e.source])]
        if not found:
            found = self._whatever_case(source, name)
        covered = {covers for e in found for covers in e.covers}
        found = [e for e in found if e.source not in covered]
        if len(found) > 1:
            choices = " or ".join(f"{(*e.covers, e.source)[0]}.{e.name}" for e in found)
            raise AnalysisError(f"column {name} is ambiguous", hint=f"write {choices}", span=span)
        if not found:
            raise self._unknown(source, name, span)
        return found[0]

    def _whatever_case(self, source: list[str], name: str) -> list[Entry]:
        """A file's inferred columns keep the file's spelling: a name in upper case finds the one column that fits."""
        if name != name.upper():
            return []
        return [
            e
            for e in self.entries
            if {e.source, *e.covers} & self.any_case
            and e.name.upper() == name
            and source in ([], [e.source])
            and not e.hidden
        ]

    def _unknown(self, source: list[str], name: str, span: Span | None) -> UnknownName:
        if self.sources == (NO_SOURCE,):
            return UnknownName(f"column {name} has no FROM to come from", hint="text stands in '…'", span=span)
        known = [e.name for e in self.entries if not e.hidden and source in ([], [e.source])]
        where = source[0] if source else " or ".join(self.sources)
        kind = "table" if self.node.is_table else "stream"
        message = f"column {name} does not exist in {where if self.joined or source else f'{kind} {where}'}"
        shown = ", ".join(known[:12]) + (", …" if len(known) > 12 else "")
        detail = f"the columns are {shown}" if known else None
        return UnknownName(message, detail=detail, hint=suggestion(name, known), span=span)


@dataclass(frozen=True)
class RowScope:
    """Expressions over the rows of FROM: no aggregates, and table functions only where the projection takes them out."""

    rows: Rows
    registry: FunctionRegistry
    clause: str

    def claim(self, node: exp.Expression) -> Expr | None:
        """Nothing; but an aggregate or a table function is refused here, in words that name the clause."""
        if is_aggregate(node, self.registry):
            raise misplaced(node, AggregateFunction, self.clause)
        if is_table_function(node, self.registry):
            raise misplaced(node, TableFunction, self.clause)
        return None

    def column(self, name_parts: Sequence[str], span: Span | None) -> Expr:
        """The column of that name."""
        return self.rows.find(name_parts, span).expr


def misplaced(node: exp.Expression, kind: type[AggregateFunction] | type[TableFunction], clause: str) -> AnalysisError:
    """An aggregate or table function that stands where none may."""
    if kind is AggregateFunction:
        return AnalysisError(
            f"{clause} does not support aggregate functions: {call_name(node)} is one",
            hint="aggregates stand in SELECT and HAVING of a query with GROUP BY, and not inside one another",
            span=span_of(node),
        )
    return AnalysisError(
        f"{clause} does not support table functions: {call_name(node)} is one",
        hint=EXPLODED if clause == "GROUP BY" else _TABLE_FUNCTIONS,
        span=span_of(node),
    )


def no_source(name: str, known: Sequence[str], span: Span | None) -> UnknownName:
    """A qualifier that names nothing in FROM."""
    return UnknownName(
        f"{name} is not a source or alias of this query",
        detail=f"FROM names {', '.join(known)}" if known != (NO_SOURCE,) else "it has no FROM",
        hint=suggestion(name, known),
        span=span,
    )


def rows_of(read: Read, *, any_case: bool = False) -> Rows:
    """The rows of one source, before any join."""
    return rows_over(read, read.alias, PSEUDO_COLUMNS, any_case=any_case)


def rows_over(node: Node, alias: str, pseudo: Sequence[str], *, any_case: bool = False) -> Rows:
    """What a node gives as the rows of one source of that name, with these pseudo-columns."""
    columns = [Entry(alias, c.name, c.name, Column(i, c.name, c.type), c.is_key) for i, c in enumerate(node.schema)]
    taken = {c.name for c in columns}
    systems = [*pseudo, *(WINDOW_BOUNDS if node.window is not None else ())]
    hidden = [Entry(alias, n, n, system_column(n), hidden=True) for n in systems if n not in taken]
    keys = tuple(RowKey((e,), e.expr, e.name) for e in columns if e.is_key)
    return Rows(node, (*columns, *hidden), keys, (alias,), frozenset([alias]) if any_case else frozenset())


def is_whole_key(expr: Expr, rows: Rows) -> bool:
    """Whether an expression over the rows is their key, all of it."""
    return len(rows.keys) == 1 and any(expr == e.expr for e in rows.keys[0].viable)


def canonical(node: exp.Expression, rows: Rows) -> str:
    """A text that is equal for expressions that mean the same column by column, however they are spelt: `(t.a + B)` and
    `A + T.B`. Names that are no columns (a lambda's parameters) stay as they are."""
    copy = node.copy()
    for column in list(copy.find_all(exp.Column)):
        try:
            entry = rows.find([part.name for part in column.parts], None)
        except AnalysisError:
            continue
        qualified = exp.column(entry.name, table=entry.source, quoted=True)
        if column is copy:
            copy = qualified
        else:
            column.replace(qualified)
    for paren in list(copy.find_all(exp.Paren)):
        if paren is copy:
            copy = paren.this
        else:
            paren.replace(paren.this)
    while isinstance(copy, exp.Paren):
        copy = copy.this
    return repr(copy)
