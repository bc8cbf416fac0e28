"""GROUP BY with ROLLUP, CUBE and GROUPING SETS: which expressions group, and the sets of them by which it is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations, product

from sqlglot import exp

from ..errors import AnalysisError
from ..sql.scope import span_of

SETS_MAX = 1_024
"""More sets than this are refused: a CUBE of ten columns has as many."""
NESTS = (exp.Rollup, exp.Cube, exp.GroupingSets, exp.Tuple)
"""What holds expressions to group by."""
Set = tuple[exp.Expression, ...]


def grouped_by(group_by: Sequence[exp.Expression]) -> list[exp.Expression]:
    """The expressions that stand in it, in their order.

    >>> a, b = exp.column("a"), exp.column("b")
    >>> [node.sql() for node in grouped_by([a, exp.Rollup(expressions=[exp.Tuple(expressions=[b])])])]
    ['a', 'b']
    """
    return [leaf for node in group_by for leaf in _leaves(node)]


def sets_of(group_by: Sequence[exp.Expression]) -> list[Set] | None:
    """The sets by which is grouped, each with each where several items give some; None where no item does.

    >>> a, b, c = (exp.column(name) for name in "abc")
    >>> [[n.sql() for n in made] for made in sets_of([a, exp.Rollup(expressions=[b, c])])]
    [['a', 'b', 'c'], ['a', 'b'], ['a']]
    >>> [[n.sql() for n in made] for made in sets_of([exp.Cube(expressions=[a, b])])]
    [['a', 'b'], ['a'], ['b'], []]
    """
    if not any(isinstance(node, NESTS) for node in group_by):
        return None
    made: list[Set] = [()]
    for node in group_by:
        made = [(*one, *other) for one, other in product(made, _sets(node))]
        if len(made) > SETS_MAX:
            raise AnalysisError(f"GROUP BY has more than {SETS_MAX} grouping sets", span=span_of(node))
    return made


def mapped(node: exp.Expression, change: Callable[[exp.Expression], exp.Expression]) -> exp.Expression:
    """An item with the expressions in it changed."""
    if not isinstance(node, NESTS):
        return change(node)
    return type(node)(expressions=[mapped(inner, change) for inner in node.expressions])


def _leaves(node: exp.Expression) -> Iterator[exp.Expression]:
    if not isinstance(node, NESTS):
        yield node
        return
    for inner in node.expressions:
        yield from _leaves(inner)


def _sets(node: exp.Expression) -> list[Set]:
    parts = [tuple(_leaves(inner)) for inner in node.expressions] if isinstance(node, NESTS) else []
    match node:
        case exp.Rollup():
            chosen = [parts[:count] for count in range(len(parts), -1, -1)]
        case exp.Cube():
            if len(parts) > SETS_MAX.bit_length() - 1:
                raise AnalysisError(f"CUBE of {len(parts)} columns has more than {SETS_MAX} sets", span=span_of(node))
            chosen = [list(some) for count in range(len(parts), -1, -1) for some in combinations(parts, count)]
        case exp.GroupingSets():
            return [made for inner in node.expressions for made in _sets(inner)]
        case exp.Tuple():
            chosen = [parts]
        case _:
            return [(node,)]
    return [tuple(leaf for part in some for leaf in part) for some in chosen]
