"""Conditions on whole numbers and texts, as Arrow evaluates them: a filter that needs no more is spared DuckDB.

A DuckDB call takes a millisecond for one row as for ten thousand, most of what a record that is only passed on waits for.
What is here means the same in both: a comparison with NULL is false (`sql/typing/compare.py`), AND, OR and NOT know
three values. Floating-point numbers, decimals, times and the order of texts have rules of their own and are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ..sql.expressions import Call, Cast, Column, Expr, Literal
from ..sql.types import BIGINT, BOOLEAN, INTEGER, STRING, arrow_type

Evaluation = Callable[[pa.Table], Any]
"""A table's rows to an Arrow array or, of a constant, a scalar."""

_EQUALITY = {"=": pc.equal, "<>": pc.not_equal}
_ORDER = {"<": pc.less, "<=": pc.less_equal, ">": pc.greater, ">=": pc.greater_equal}
_LOGICAL: Mapping[str, Callable[..., Any]] = {
    "AND": pc.and_kleene,
    "OR": pc.or_kleene,
    "NOT": pc.invert,
    "IS NULL": pc.is_null,
    "IS NOT NULL": pc.is_valid,
}


def arrow_condition(expr: Expr) -> Evaluation | None:
    """What gives a BOOLEAN for each row, NULL where DuckDB would; None where only DuckDB can."""
    if not isinstance(expr, Call) or expr.type != BOOLEAN:
        return _operand(expr) if isinstance(expr, Column) and expr.type == BOOLEAN else None
    if expr.function in _LOGICAL:
        is_test = expr.function.startswith("IS ")
        args = [_operand(a) if is_test else arrow_condition(a) for a in expr.args]
        return _applied(_LOGICAL[expr.function], args)
    types = {a.type for a in expr.args}
    comparison = None
    if types <= {INTEGER, BIGINT, STRING, BOOLEAN} and len(types) == 1:
        comparison = _EQUALITY.get(expr.function)
    if types in ({INTEGER}, {BIGINT}):
        comparison = comparison or _ORDER.get(expr.function)
    if comparison is None or not any(_reads(a) for a in expr.args):
        return None
    compare = comparison
    return _applied(lambda left, right: pc.fill_null(compare(left, right), False), [_operand(a) for a in expr.args])


def _reads(expr: Expr) -> bool:
    return isinstance(expr, Column | Cast)


def _operand(expr: Expr) -> Evaluation | None:
    match expr:
        case Column(index=index):
            return lambda table: table.column(f"c{index}")
        case Literal(value=value, type=sql_type) if value is not None:
            scalar = pa.scalar(value, arrow_type(sql_type))
            return lambda table: scalar
        case Cast(operand=Column(index=index, type=from_type), type=to_type) if (from_type, to_type) == (
            INTEGER,
            BIGINT,
        ):
            return lambda table: table.column(f"c{index}").cast(pa.int64())
        case _:
            return None


def _applied(function: Callable[..., Any], args: list[Evaluation | None]) -> Evaluation | None:
    known = [a for a in args if a is not None]
    return (lambda table: function(*(a(table) for a in known))) if len(known) == len(args) else None
