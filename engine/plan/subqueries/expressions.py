"""Sub-queries in the expressions of a query that goes on: each is looked up, and its place taken by what it found.

They may stand in SELECT, WHERE, GROUP BY and PARTITION BY: what is worked out for each row of FROM. A sub-query that is
written twice is looked up once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from sqlglot import exp

from ...errors import Unsupported
from ...sql.scope import span_of
from ...sql.statements.statement import FromClause, Join, Query
from ..rows import Rows, canonical
from .lookup import Names
from .membership import with_membership
from .values import with_value


def with_lookups(query: Query, rows: Rows, names: Names) -> tuple[Query, Rows]:
    """The query with columns in place of the sub-queries in its expressions, and the rows that have these columns."""
    asked = _Asked(rows, names)
    made = replace(
        query,
        select=tuple(replace(i, expression=i.expression and asked.answered(i.expression)) for i in query.select),
        where=query.where and asked.answered(query.where),
        group_by=tuple(map(asked.answered, query.group_by)),
        partition_by=tuple(map(asked.answered, query.partition_by)),
    )
    return made, asked.rows


def check_places(query: Query) -> None:
    """Raises Unsupported where a sub-query stands in an expression that is not worked out for each row of FROM."""
    having = () if query.having is None else (query.having,)
    places = (
        ("HAVING", having, "put what is grouped into FROM: SELECT * FROM (SELECT … GROUP BY x) g WHERE …"),
        (
            "a join's condition",
            _conditions(query.from_),
            "put it into WHERE, or join it: JOIN (SELECT …) b ON a.x = b.y",
        ),
    )
    for what, parts, hint in places:
        found = next((node for part in parts for node in _subqueries(part)), None)
        if found is not None:
            message = f"a sub-query in {what} is not supported in a query that goes on"
            raise Unsupported(message, hint=hint, span=span_of(found))


def _subqueries(node: exp.Expression) -> Iterator[exp.Expression]:
    found: Iterator[exp.Expression] = node.find_all(exp.Subquery)
    return found


def _conditions(from_: FromClause) -> Iterator[exp.Expression]:
    if isinstance(from_, Join):
        yield from _conditions(from_.left)
        yield from_.on


@dataclass
class _Asked:
    """The rows with all that was looked up so far; `answers` by the canonical form of the sub-query."""

    rows: Rows
    names: Names
    answers: dict[str, exp.Expression] = field(default_factory=dict)

    def answered(self, expression: exp.Expression) -> exp.Expression:
        """An expression without sub-queries."""
        whole = exp.Paren(this=expression.copy())
        for node in _in_order(whole):
            form = canonical(node, self.rows)
            if form not in self.answers:
                asked = with_value if isinstance(node, exp.Subquery) else with_membership
                self.rows, self.answers[form] = asked(self.rows, node, self.names)
            node.replace(self.answers[form].copy())
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
