"""VALUES in a query that is answered once: rows that are written out, each column of the type that holds all its values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...errors import Span, TypeMismatch
from ...sql.catalog import ONE_ROW
from ...sql.expressions import Expr
from ...sql.schema import ColumnDef
from ...sql.statements.query import NO_SOURCE
from ...sql.statements.relational import Values
from ...sql.types import SqlType
from ...sql.typing.coercion import coerce, common_type
from ...sql.typing.expression import analyze_expression
from ..analysis.rows import rows_of
from ..analysis.sources import read_of
from .asked import Input
from .from_clause import Outcome
from .scopes import BlockScope, Planner, RowsScope

_NOTHING = "(SELECT 1 AS one)"


def values_outcome(planner: Planner, values: Values, outer: BlockScope | None) -> Outcome:
    """What VALUES gives."""
    rows = replace(rows_of(read_of(ONE_ROW, NO_SOURCE)), entries=())
    scope = RowsScope(rows, planner, "VALUES", outer, lambda: _NOTHING, lambda node: None)
    written = [[analyze_expression(node, scope, planner.registry) for node in row] for row in values.rows]
    types = [_type(f"COL{i}", column, values.span) for i, column in enumerate(zip(*written, strict=True))]
    exprs = [coerce(e, t, values.span) for row in written for e, t in zip(row, types, strict=True)]
    given, asked = planner.asking.over(Input(_NOTHING), exprs, outer)
    texts = [planner.texts.value(expr) for expr in asked]
    made = [texts[at : at + len(types)] for at in range(0, len(texts), len(types))]
    columns = tuple(ColumnDef(f"COL{i}", t) for i, t in enumerate(types))
    if given.text == _NOTHING:
        named = ", ".join(f"col{i} AS o{i}" for i in range(len(types)))
        written_out = ", ".join(f"({', '.join(row)})" for row in made)
        return Outcome(f"SELECT {named} FROM (VALUES {written_out})", columns)
    named_rows = [", ".join(f"{text} AS o{i}" for i, text in enumerate(row)) for row in made]
    return Outcome(" UNION ALL ".join(f"SELECT {row} FROM {given.text}" for row in named_rows), columns)


def _type(name: str, column: Sequence[Expr], span: Span | None) -> SqlType:
    found = common_type(column, span)
    if found is None:
        raise TypeMismatch(
            f"the type of {name} cannot be inferred from NULL",
            hint="write CAST(NULL AS VARCHAR), or another type",
            span=span,
        )
    return found
