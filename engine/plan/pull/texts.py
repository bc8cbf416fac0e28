"""The SQL of expressions in a query that is answered once: what fails in a row is NULL there, and costs no other row.

A query that goes on runs plain SQL first and goes through a batch again when it has failed; here rows are on their way to
the client by then. TRY goes around what can fail, and no further: around a whole comparison it would hide the keys of a
join from DuckDB.
"""

from __future__ import annotations

from dataclasses import replace

from ...sql.compile.expression import compile_condition, compile_sql, guarded
from ...sql.expressions import Call, Expr

_COMPARISONS = frozenset(["=", "<>", "<", "<=", ">", ">="])


class Texts:
    """Makes SQL of expressions, and remembers them: the functions that they call must be made known to DuckDB, and their
    columns read."""

    def __init__(self) -> None:
        self.exprs: list[Expr] = []

    def value(self, expr: Expr) -> str:
        """A value, NULL where it fails."""
        return self.plain(guarded(expr))

    def plain(self, expr: Expr) -> str:
        """A value of which a failure is the query's: its parts are guarded already."""
        self.exprs.append(expr)
        return compile_sql(expr)

    def condition(self, expr: Expr) -> str:
        """A condition, which does not hold where it fails."""
        made = guarded_condition(expr)
        self.exprs.append(made)
        return compile_condition(made)


def guarded_condition(expr: Expr) -> Expr:
    """A condition that does not hold where it fails."""
    if isinstance(expr, Call) and expr.function == "AND":
        return replace(expr, args=tuple(map(guarded_condition, expr.args)))
    if isinstance(expr, Call) and expr.function in _COMPARISONS:
        return replace(expr, args=tuple(map(guarded, expr.args)))
    return guarded(expr)
