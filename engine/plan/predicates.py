"""Conditions taken apart at their ANDs, and put together again: for rules that move a part of a WHERE."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from sqlglot import exp

from ..sql.expressions import Call, Expr


def conjuncts(condition: Expr) -> list[Expr]:
    """The conditions that all must hold, in their order.

    >>> from ..sql.expressions import Column
    >>> from ..sql.functions import SqlTemplate
    >>> from ..sql.types import BOOLEAN
    >>> a, b, c = (Column(i, n, BOOLEAN) for i, n in enumerate("ABC"))
    >>> def both(x, y):
    ...     return Call("AND", (x, y), BOOLEAN, SqlTemplate(lambda args, types, result: " AND ".join(args)))
    >>> [part.name for part in conjuncts(both(both(a, b), c))]
    ['A', 'B', 'C']
    """
    if isinstance(condition, Call) and condition.function == "AND":
        return [part for arg in condition.args for part in conjuncts(arg)]
    return [condition]


def written_conjuncts(condition: exp.Expression | None) -> Iterator[exp.Expression]:
    """The same of a condition that has no types yet: none where there is none."""
    while isinstance(condition, exp.Paren):
        condition = condition.this
    if isinstance(condition, exp.And):
        yield from written_conjuncts(condition.this)
        yield from written_conjuncts(condition.expression)
    elif condition is not None:
        yield condition


def written_with(one: exp.Expression | None, other: exp.Expression) -> exp.Expression:
    """The condition that both must hold, without types yet; the second alone where there is no first."""
    return other if one is None else exp.And(this=exp.Paren(this=one), expression=other)


def split(condition: Expr, belongs: Callable[[Expr], bool]) -> tuple[Expr | None, Expr | None]:
    """The parts of a condition for which `belongs` holds, and the others; each in its order, None where there is none."""
    parts = conjuncts(condition)
    chosen = [part for part in parts if belongs(part)]
    others = [part for part in parts if not belongs(part)]
    return conjoined(chosen, condition), conjoined(others, condition)


def conjoined(parts: Sequence[Expr], origin: Expr) -> Expr | None:
    """One condition of several, None of none; `origin` is the AND that they came from."""
    if len(parts) < 2:
        return parts[0] if parts else None
    assert isinstance(origin, Call)  # a condition with several parts is an AND
    whole = parts[0]
    for part in parts[1:]:
        whole = replace(origin, args=(whole, part))
    return whole
