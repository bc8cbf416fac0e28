"""Sub-queries in the expressions of a query that goes on: each is looked up, and its place taken by what it found.

Those of WHERE, GROUP BY, PARTITION BY and SELECT are asked for each row of FROM. Where SELECT and HAVING speak of groups, they
are asked for each group, but inside an aggregate's argument and in what is grouped by. A sub-query that is written twice is
looked up once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from sqlglot import exp

from ...sql.functions import AggregateFunction
from ...sql.parser.relational import subquery_of
from ...sql.statements.statement import Query
from ...sql.typing.calls import contains, is_aggregate
from ..analysis.rows import Rows, canonical
from .lookup import Inside, Names
from .membership import with_membership
from .values import with_value


def with_lookups(query: Query, rows: Rows, names: Names) -> tuple[Query, Rows]:
    """The query with columns in place of the sub-queries in its expressions, and the rows that have these columns."""
    asked = _Asked(rows, names)
    of_groups = [node for item in query.select for node in item.expressions]
    of_groups += [] if query.having is None else [query.having]
    grouped = bool(query.group_by) or any(contains(e, names.registry, AggregateFunction) for e in of_groups)
    by = frozenset(canonical(node, rows) for node in query.group_by)
    below = partial(asked.answered_below, by=by) if grouped else asked.answered
    made = replace(
        query,
        select=tuple(item.mapped(below) for item in query.select),
        where=query.where and asked.answered(query.where),
        group_by=tuple(map(asked.answered, query.group_by)),
        partition_by=tuple(map(asked.answered, query.partition_by)),
        having=query.having and below(query.having),
    )
    return made, asked.rows


def with_lookups_of_groups(
    groups: Rows, expressions: Sequence[exp.Expression], names: Names
) -> tuple[Rows, list[exp.Expression]]:
    """The groups with columns in place of the sub-queries in these expressions, and the expressions that name them."""
    asked = _Asked(groups, names)
    answered = [asked.answered(expression) for expression in expressions]
    return asked.rows, answered


def calls_of_groups(expressions: Iterable[exp.Expression], rows: Rows, names: Names) -> Iterator[exp.Expression]:
    """The aggregate calls in expressions over groups, and those by which a sub-query in them finds its rows."""
    inside = Inside(rows)
    for expression in expressions:
        yield from _calls(expression, names)
        for node in _subqueries(expression):
            where = names.block(subquery_of(node))[0].where
            yield from (call for call in _calls(where, names) if inside.owns(call))


def _calls(expression: exp.Expression | None, names: Names) -> list[exp.Expression]:
    found: Iterator[exp.Expression] = iter(()) if expression is None else expression.find_all(exp.Expression)
    return [node for node in found if is_aggregate(node, names.registry)]


def _subqueries(node: exp.Expression) -> Iterator[exp.Expression]:
    found: Iterator[exp.Expression] = node.find_all(exp.Subquery)
    return found


@dataclass
class _Asked:
    """The rows with all that was looked up so far; `answers` by the canonical form of the sub-query."""

    rows: Rows
    names: Names
    answers: dict[str, exp.Expression] = field(default_factory=dict)

    def answered(self, expression: exp.Expression) -> exp.Expression:
        """An expression without sub-queries."""
        if next(_subqueries(expression), None) is None:
            return expression
        whole = exp.Paren(this=expression.copy())
        for node in _in_order(whole):
            form = canonical(node, self.rows)
            if form not in self.answers:
                asked = with_value if isinstance(node, exp.Subquery) else with_membership
                self.rows, self.answers[form] = asked(self.rows, node, self.names)
            node.replace(self.answers[form].copy())
        answered: exp.Expression = whole.this
        return answered

    def answered_below(self, expression: exp.Expression, *, by: frozenset[str]) -> exp.Expression:
        """An expression over groups whose sub-queries are those that are asked for each group: what is aggregated, and what
        is grouped `by` (canonical forms), is answered for each row."""
        if next(_subqueries(expression), None) is None:
            return expression
        whole = exp.Paren(this=expression.copy())
        places = [whole.this]
        while places:
            node = places.pop()
            if is_aggregate(node, self.names.registry) or canonical(node, self.rows) in by:
                node.replace(self.answered(node))
            else:
                places += node.iter_expressions()
        answered: exp.Expression = whole.this
        return answered


def _in_order(whole: exp.Expression) -> list[exp.Expression]:
    """The sub-queries that stand for a value, and then the tests that ask one, for a test's value may be such a sub-query."""
    values: list[exp.Expression] = []
    tests: list[exp.Expression] = []
    for node in _subqueries(whole):
        asker = node.parent
        if isinstance(asker, exp.Exists) or (isinstance(asker, exp.In) and asker.args.get("query") is node):
            tests.append(asker)
        else:
            values.append(node)
    return [*values, *tests]
