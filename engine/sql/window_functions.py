"""Window functions: `f(…) OVER (PARTITION BY … ORDER BY … frame)`, each as DuckDB SQL with the types it takes and gives.

Those that number and look at other rows are DuckDB's own; aggregates are ours by name and rules (an integer SUM wraps, a
SUM of nothing is 0): the calls inside their state carry the OVER.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..errors import AnalysisError, Span, TypeMismatch, Unsupported
from .expressions import Expr, Literal
from .functions import AggregateSpec
from .types import BIGINT, DOUBLE, SqlType
from .typing.coercion import coerce, common_type


@dataclass(frozen=True)
class WindowUse:
    """A window function resolved: its arguments, coerced, the result's type, and its SQL around {0}, {1} … and {over}."""

    args: tuple[Expr, ...]
    type: SqlType
    template: str


_RANKS: Mapping[str, SqlType] = {
    "ROW_NUMBER": BIGINT,
    "RANK": BIGINT,
    "DENSE_RANK": BIGINT,
    "PERCENT_RANK": DOUBLE,
    "CUME_DIST": DOUBLE,
}
NAMES = (*_RANKS, "NTILE", "LAG", "LEAD", "FIRST_VALUE", "LAST_VALUE", "NTH_VALUE")


def window_use(name: str, args: Sequence[Expr], span: Span | None) -> WindowUse:
    """A window function's call that is no aggregate; raises where the name or an argument is none."""
    if name in _RANKS:
        _count(name, args, 0, 0, span)
        return WindowUse((), _RANKS[name], f"{name.lower()}() {{over}}")
    if name == "NTILE":
        _count(name, args, 1, 1, span)
        return WindowUse((_whole(name, args[0], span),), BIGINT, "ntile({0}) {over}")
    if name in ("LAG", "LEAD"):
        return _neighbour(name, args, span)
    if name in ("FIRST_VALUE", "LAST_VALUE"):
        _count(name, args, 1, 1, span)
        return WindowUse((args[0],), args[0].type, f"{name.lower()}({{0}}) {{over}}")
    if name == "NTH_VALUE":
        _count(name, args, 2, 2, span)
        return WindowUse((args[0], _whole(name, args[1], span)), args[0].type, "nth_value({0}, {1}) {over}")
    raise AnalysisError(
        f"{name} is no window function",
        hint=f"OVER follows {', '.join(NAMES)} or an aggregate",
        span=span,
    )


def _neighbour(name: str, args: Sequence[Expr], span: Span | None) -> WindowUse:
    """LAG and LEAD: the value, how many rows away, and what stands where there is none."""
    _count(name, args, 1, 3, span)
    value, made = args[0], [args[0]]
    if len(args) > 1:
        made.append(_whole(name, args[1], span))
    if len(args) > 2:
        wanted = common_type([value, args[2]], span) or value.type
        made = [coerce(value, wanted, span), made[1], coerce(args[2], wanted, span)]
    places = ", ".join(f"{{{i}}}" for i in range(len(made)))
    return WindowUse(tuple(made), made[0].type, f"{name.lower()}({places}) {{over}}")


def _whole(name: str, arg: Expr, span: Span | None) -> Expr:
    if not isinstance(arg, Literal) or not isinstance(arg.value, int) or isinstance(arg.value, bool) or arg.value < 1:
        raise TypeMismatch(f"{name} takes a whole number above 0 there", span=span)
    return arg


def _count(name: str, args: Sequence[Expr], least: int, most: int, span: Span | None) -> None:
    if not least <= len(args) <= most:
        wanted = str(least) if least == most else f"{least} to {most}"
        raise TypeMismatch(f"{name} takes {wanted} arguments, not {len(args)}", span=span)


_AGGREGATE = re.compile(r"\b(?:count|sum|min|max|var_pop)\((?:\*|\{\d\}(?:::DOUBLE)?)\)")
_WITHOUT = re.compile(r"\{seq\}|FILTER|DISTINCT|list|histogram|arg_m")


def windowed(name: str, spec: AggregateSpec, span: Span | None) -> str:
    """An aggregate as a window function's SQL around {0}, {1} … and {over}: the OVER goes to the calls inside its state.

    >>> from .builtin.aggregates import FUNCTIONS
    >>> average = next(f for f in FUNCTIONS if f.name == "AVG")
    >>> windowed("AVG", average.overloads[0].resolve([DOUBLE], []), None)
    'CASE WHEN count({0}) {over} = 0 THEN 0.0::DOUBLE ELSE coalesce(sum({0}::DOUBLE) {over}, 0)::DOUBLE / count({0}) {over} END'
    """
    states = []
    for column in spec.state:
        text, found = _AGGREGATE.subn(lambda call: f"{call.group()} {{over}}", column.partial)
        if not found or _WITHOUT.search(text):
            raise Unsupported(
                f"{name} cannot stand before OVER",
                hint="COUNT, SUM, AVG, MIN, MAX and the deviations can; GROUP BY takes every aggregate",
                span=span,
            )
        states.append(text)
    return _STATE.sub(lambda found: states[int(found.group(1))], spec.final)


_STATE = re.compile(r"\{(\d+)\}")
