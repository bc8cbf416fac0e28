"""`(SELECT …)` for a value: what a table has for a key, or an aggregate of rows, looked up for each row.

Aggregates are a table of groups, by what the query around them asks for; without that, of one group. Where there is no row,
counts are 0 and other aggregates NULL, as those of no rows are in SQL.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlglot import exp

from ...errors import AnalysisError
from ...sql.expressions import Column
from ...sql.functions import AggregateFunction
from ...sql.parser.relational import subquery_of
from ...sql.scope import span_of
from ...sql.statements.statement import Query, SelectItem
from ...sql.typing.calls import call_name, contains, is_aggregate
from ..analysis.aliases import with_aliases
from ..analysis.grouping import not_grouped, with_rows
from ..analysis.rows import Rows
from ..text import text_of
from .lookup import (
    NAME,
    Correlation,
    Names,
    correlation,
    groups_by,
    is_key,
    looked_up,
    named,
    of_one_key,
    only_item,
    with_hidden,
)

_COUNTS = ("COUNT", "COUNT_IF", "COUNT_DISTINCT", "APPROX_COUNT_DISTINCT")


def with_value(rows: Rows, node: exp.Expression, names: Names) -> tuple[Rows, exp.Expression]:
    """The rows with hidden columns that the sub-query's value is made of, and that value as an expression over them."""
    block, names = names.block(subquery_of(node))
    value = only_item(block, "a sub-query for a value", "name it: (SELECT x FROM …)")
    _, own = names.rows(replace(block, where=None))
    block, _ = with_aliases(block, own, names.registry, in_where=False)
    found = correlation(block, own, rows, "a sub-query for a value")
    if not block.group_by and contains(value, names.registry, AggregateFunction) is not None:
        everything = exp.Literal.number(0)
        return _aggregated(rows, node, value, names, found or Correlation(everything, everything, block), own)
    if found is None:
        found = of_one_key(block, own, names.registry)
    if found is None or not _finds_one(found, own, names):
        raise _several(block, value, own)
    return _of_one_row(rows, node, value, names, found, own)


def _of_one_row(
    rows: Rows, node: exp.Expression, value: exp.Expression, names: Names, found: Correlation, own: Rows
) -> tuple[Rows, exp.Expression]:
    """What the one row that is found says."""
    made, (column, *_) = _looked_up(rows, node, [value], names, found, own)
    name = text_of(node)
    return with_hidden(made, {name: column}), named(name, node)


def _aggregated(
    rows: Rows, node: exp.Expression, value: exp.Expression, names: Names, found: Correlation, own: Rows
) -> tuple[Rows, exp.Expression]:
    """What aggregates of the rows that are found say, all of them or one of their groups."""
    if found.block.having is not None:
        raise AnalysisError(
            "HAVING requires a GROUP BY clause",
            hint="CASE WHEN COUNT(*) > 1 THEN … END has a value for some",
            span=span_of(found.block.having),
        )
    whole = exp.Paren(this=value.copy())
    calls = [n for n in whole.find_all(exp.Expression) if is_aggregate(n, names.registry)]
    within = {id(column) for call in calls for column in call.find_all(exp.Column)}
    loose = next((column for column in whole.find_all(exp.Column) if id(column) not in within), None)
    if loose is not None:
        rule = "one value is asked for, and the rows have many of any other column"
        raise not_grouped("the sub-query", loose.name, rule, span_of(loose))
    groups = replace(found, block=replace(found.block, group_by=(found.theirs,)))
    made, columns = _looked_up(rows, node, [call.copy() for call in calls], names, groups, own)
    hidden = {text_of(node) + (f" {number}" if number else ""): column for number, column in enumerate(columns)}
    for call, name in zip(calls, hidden, strict=True):
        answer = named(name, node)
        none = [answer, exp.Literal.number(0)]
        call.replace(exp.Anonymous(this="COALESCE", expressions=none) if call_name(call) in _COUNTS else answer)
    return with_hidden(made, hidden), whole


def _looked_up(
    rows: Rows,
    node: exp.Expression,
    values: Sequence[exp.Expression],
    names: Names,
    found: Correlation,
    own: Rows,
) -> tuple[Rows, tuple[Column, ...]]:
    """The rows joined with what was found, and where these values of it stand then."""
    block = found.block
    items = (SelectItem(found.theirs, alias="key"), *(SelectItem(v, alias=f"value {i}") for i, v in enumerate(values)))
    block = replace(block, select=tuple(replace(item, span=block.span) for item in items))
    if block.group_by and own.node.is_table:
        block = replace(block, having=with_rows(block.having))
    made, (_, *columns) = looked_up(rows, found.ours, names.derived(block, NAME), names, node)
    return made, tuple(columns)


def _finds_one(found: Correlation, own: Rows, names: Names) -> bool:
    """Whether no two of a block's rows have one value of what they are found by."""
    if found.block.group_by:
        return groups_by(found.block, found.theirs, own)
    return own.node.is_table and is_key(found.theirs, own, names.registry, "WHERE")


def _several(block: Query, value: exp.Expression, own: Rows) -> AnalysisError:
    """A sub-query that could give more than one row."""
    item = text_of(value)
    if own.node.is_table:
        key = " and ".join(key.name for key in own.keys)
        detail = f"one row of {own.sources[0]} is found by its whole key, {key}"
        hint = f"ask for one: WHERE {key} = …; or aggregate them: COLLECT_LIST({item})"
    else:
        detail = f"{own.sources[0]} is a stream"
        hint = f"aggregate them: LATEST_BY_OFFSET({item}), or another function"
    return AnalysisError(
        "a sub-query for a value could give more than one row",
        detail=detail,
        hint=hint,
        span=block.span,
    )
