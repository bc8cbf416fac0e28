"""Names that SELECT gives, where the query's other parts use them: `SELECT user AS u … GROUP BY u HAVING n > 1`.

A column of that name goes first, as in PostgreSQL and DuckDB; the name of a column of the query around comes last. What a name
stands for is written out in its place, so that all that follows knows expressions over rows only. GROUP BY may also count the
items of SELECT (`GROUP BY 1`), and `GROUP BY ALL` is by all of them that do not aggregate.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlglot import exp

from ...errors import AnalysisError, UnknownName
from ...sql.functions import AggregateFunction, ArrowFunction, FunctionRegistry, ScalarFunction
from ...sql.scope import WINDOW_BOUNDS
from ...sql.statements.statement import Query, SelectItem
from ...sql.typing.calls import call_name, contains, function_of
from ..grouping_sets import NESTS, grouped_by, mapped
from .projection import column_node, starred
from .rows import Rows, canonical

_WHOLE = (exp.Column, exp.Literal, exp.Anonymous, exp.Paren, exp.Case, exp.Cast)
"""What needs no parentheses, wherever it stands."""


@dataclass(frozen=True)
class Aliases:
    """What the names of SELECT's items stand for, over `rows`."""

    rows: Rows
    registry: FunctionRegistry
    named: Mapping[str, exp.Expression] = field(default_factory=dict)

    def written(self, node: exp.Expression) -> exp.Expression:
        """The expression with what these names stand for in their places; itself where it uses none."""
        if not any(self._is_alias(column) for column in node.find_all(exp.Column)):
            return node
        whole = exp.Paren(this=node.copy())
        for column in list(whole.find_all(exp.Column)):
            if self._is_alias(column):
                meant = self.named[column.name].copy()
                column.replace(meant if isinstance(meant, _WHOLE) else exp.Paren(this=meant))
        written: exp.Expression = whole.this
        return written

    def of_groups(self, node: exp.Expression, group_by: Sequence[exp.Expression]) -> exp.Expression:
        """The same in HAVING, where a column that is not grouped by has no value outside an aggregate: there the name is that of
        SELECT's item."""
        grouped = {canonical(key, self.rows) for key in grouped_by(group_by)}
        whole = exp.Paren(this=node.copy())
        for column in list(whole.find_all(exp.Column)):
            named = column.name in self.named and not column.table and not _is_parameter(column)
            if named and not self._is_aggregated(column) and canonical(column, self.rows) not in grouped:
                column.replace(exp.Paren(this=self.named[column.name].copy()))
        written: exp.Expression = whole.this
        return self.written(written)

    def _is_aggregated(self, column: exp.Expression) -> bool:
        above = column.parent
        while isinstance(above, exp.Expression):
            if isinstance(function_of(above, self.registry), AggregateFunction):
                return True
            above = above.parent
        return False

    def is_free(self, node: exp.Expression) -> bool:
        """Whether a node is a bare name, and of no column."""
        return isinstance(node, exp.Column) and not node.table and not self._has(node.name)

    def _is_alias(self, column: exp.Column) -> bool:
        return column.name in self.named and self.is_free(column) and not _is_parameter(column)

    def _has(self, name: str) -> bool:
        try:
            self.rows.find([name], None)
        except UnknownName:
            return False
        except AnalysisError:  # of several sources
            return True
        return True


def with_aliases(
    query: Query, rows: Rows, registry: FunctionRegistry, *, in_where: bool = True
) -> tuple[Query, Aliases]:
    """The query with what its clauses name by SELECT's names written out, and these names. `in_where`: WHERE takes them too; it
    does not where a name may be that of a column further out."""
    aliases, select = Aliases(rows, registry), []
    for item in query.select:
        written = item.mapped(aliases.written)
        select.append(written)
        if written.alias is None or written.expression is None or written.alias in aliases.named:
            continue
        if not is_volatile(written.expression, registry):
            aliases = replace(aliases, named={**aliases.named, written.alias: written.expression})
    group_by = _grouping(replace(query, select=tuple(select)), aliases)
    made = replace(
        query,
        select=tuple(select),
        where=aliases.written(query.where) if query.where is not None and in_where else query.where,
        group_by=group_by,
        partition_by=tuple(map(aliases.written, query.partition_by)),
        having=query.having and aliases.of_groups(query.having, group_by),
        qualify=query.qualify and aliases.written(query.qualify),
    )
    return made, aliases


def _grouping(query: Query, aliases: Aliases) -> tuple[exp.Expression, ...]:
    """GROUP BY's items as expressions. A window's bounds group anyway: they stay only as the constant that their place is."""
    made: list[exp.Expression] = []
    bounds: list[exp.Expression] = []
    for node in query.group_by:
        if isinstance(node, NESTS):
            made.append(mapped(node, lambda one: (*_grouping(replace(query, group_by=(one,)), aliases), one)[0]))
            continue
        at = _place(node, query.select)
        if at is not None and contains(at, aliases.registry, AggregateFunction) is None:
            (bounds if _is_bound(at, query) else made).append(node if _is_bound(at, query) else at)
        elif aliases.is_free(node) and node.name == "ALL" and "ALL" not in aliases.named:
            made += _by_all(query, aliases)
        else:
            made.append(aliases.written(node))
    return tuple(made or bounds[:1])


def _place(node: exp.Expression, select: Sequence[SelectItem]) -> exp.Expression | None:
    """The item of SELECT that a number counts; None where it counts none: as in ksqlDB it is a constant then."""
    if not isinstance(node, exp.Literal) or node.is_string or not node.name.isdecimal() or len(node.name) > 18:
        return None
    at = int(node.name) - 1
    counted = 0 <= at < len(select) and not any(item.is_star or item.is_struct_star for item in select[: at + 1])
    return select[at].expression if counted else None


def _is_bound(node: exp.Expression, query: Query) -> bool:
    """Whether an item of SELECT is a bound of the query's own window, as it is also over rows that have such columns."""
    own = query.window is not None and isinstance(node, exp.Column) and not node.table
    return own and node.name in WINDOW_BOUNDS


def _by_all(query: Query, aliases: Aliases) -> Iterator[exp.Expression]:
    """All that SELECT says of a row: what names a column and does not aggregate."""
    for item in query.select:
        if item.expression is None:
            columns = [column_node(e) for e in aliases.rows.visible(item.source, item.span)]
            yield from (node for _, node in starred(item, columns, aliases.rows))
        elif _is_bound(item.expression, query) or item.expression.find(exp.Column) is None:
            continue
        elif not any(_gathers(node, aliases.registry) for node in item.expression.find_all(exp.Expression)):
            yield item.expression


def _gathers(node: exp.Expression, registry: FunctionRegistry) -> bool:
    return isinstance(node, exp.Window) or isinstance(function_of(node, registry), AggregateFunction)


def _is_parameter(column: exp.Column) -> bool:
    """Whether a name is that of a parameter of a lambda around it."""
    above = column.find_ancestor(exp.Lambda)
    while above is not None:
        if any(parameter.name == column.name for parameter in above.expressions):
            return True
        above = above.find_ancestor(exp.Lambda)
    return False


def is_volatile(node: exp.Expression, registry: FunctionRegistry) -> bool:
    """Whether an expression has another value each time that it is worked out."""
    return any(_varies(call, registry) for call in node.find_all(exp.Expression))


def _varies(node: exp.Expression, registry: FunctionRegistry) -> bool:
    function = function_of(node, registry)
    if not isinstance(function, ScalarFunction):
        return False
    made = [overload.implementation for overload in function.overloads]
    return call_name(node) in ("RANDOM", "UUID") or any(isinstance(i, ArrowFunction) and i.volatile for i in made)
