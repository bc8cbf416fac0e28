"""Typed expressions: what the analyzer makes of SQL text and what compiles to DuckDB SQL for a whole batch.

Every node knows its type. Columns are indices into the input's schema, never names (DESIGN §7.5). A node that DuckDB
cannot evaluate as ksqlDB would is a Call whose implementation is a vectorised function; a model's call is hoisted out
before compilation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..errors import Span
from .types import BIGINT, BOOLEAN, SqlType

if TYPE_CHECKING:
    from .functions import Implementation


@dataclass(frozen=True)
class Column:
    """The `index`-th column of the input (`c{index}` in DuckDB); `name` only for people."""

    index: int
    name: str
    type: SqlType


@dataclass(frozen=True)
class System:
    """A pseudo-column: ROWTIME, ROWPARTITION, ROWOFFSET, WINDOWSTART or WINDOWEND (see operators/operator.py)."""

    name: str
    type: SqlType = BIGINT


@dataclass(frozen=True)
class Literal:
    """A constant: a Python value that fits `type` (Decimal for DECIMAL, bytes for BYTES, datetime types for times)."""

    value: Any
    type: SqlType


@dataclass(frozen=True)
class Call:
    """A scalar function or operator over arguments already cast to what it takes."""

    function: str
    args: tuple[Expr, ...]
    type: SqlType
    implementation: Implementation
    span: Span | None = None


@dataclass(frozen=True)
class Cast:
    """ksqlDB's CAST, which raises on text that is not of the type."""

    operand: Expr
    type: SqlType
    span: Span | None = None


@dataclass(frozen=True)
class Case:
    """Searched CASE: the first true condition's result, else `default` (None: NULL)."""

    whens: tuple[tuple[Expr, Expr], ...]
    default: Expr | None
    type: SqlType


@dataclass(frozen=True)
class Field:
    """`operand -> name`: the `index`-th field of a struct."""

    operand: Expr
    index: int
    type: SqlType


@dataclass(frozen=True)
class Parameter:
    """A lambda's parameter inside its body; `name` is unique within the statement."""

    name: str
    type: SqlType


@dataclass(frozen=True)
class Lambda:
    """A function literal; `type` is its body's."""

    parameters: tuple[Parameter, ...]
    body: Expr
    type: SqlType


Expr = Column | System | Literal | Call | Cast | Case | Field | Parameter | Lambda


def children(expr: Expr) -> tuple[Expr, ...]:
    """The direct operands, in order of evaluation."""
    match expr:
        case Column() | System() | Literal() | Parameter():
            return ()
        case Call(args=args):
            return args
        case Cast(operand=operand) | Field(operand=operand):
            return (operand,)
        case Case(whens=whens, default=default):
            flat = tuple(e for pair in whens for e in pair)
            return flat if default is None else (*flat, default)
        case Lambda(body=body):
            return (body,)


def walk(expr: Expr) -> Iterator[Expr]:
    """The node and all below it, parents first."""
    yield expr
    for child in children(expr):
        yield from walk(child)


def transform(expr: Expr, change: Callable[[Expr], Expr | None]) -> Expr:
    """A copy in which every node that `change` answers for is replaced (and not looked into further)."""
    changed = change(expr)
    if changed is not None:
        return changed
    match expr:
        case Column() | System() | Literal() | Parameter():
            return expr
        case Call(args=args):
            return replace(expr, args=tuple(transform(a, change) for a in args))
        case Cast(operand=operand) | Field(operand=operand):
            return replace(expr, operand=transform(operand, change))
        case Case(whens=whens, default=default):
            return replace(
                expr,
                whens=tuple((transform(c, change), transform(r, change)) for c, r in whens),
                default=None if default is None else transform(default, change),
            )
        case Lambda(body=body):
            return replace(expr, body=transform(body, change))


def columns_used(exprs: Sequence[Expr]) -> set[int]:
    """The indices of the input columns that the expressions read."""
    return {node.index for expr in exprs for node in walk(expr) if isinstance(node, Column)}


def systems_used(exprs: Sequence[Expr]) -> set[str]:
    """The names of the pseudo-columns that the expressions read."""
    return {node.name for expr in exprs for node in walk(expr) if isinstance(node, System)}


TRUE = Literal(True, BOOLEAN)
