"""Take model calls out of expressions into Infer nodes, where they run once a distinct input and a batch at a time.

What needs no model filters first, so that models see only the rows that are left; equal calls are made once, also when
one stands in WHERE and one in SELECT. A model over a model's result takes a round of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeGuard

from ...errors import Unsupported
from ...sql.expressions import Call, Cast, Column, Expr, Lambda, transform, walk
from ...sql.functions import ModelCall
from ...sql.schema import ColumnDef, Schema
from ..branches import Reached
from ..logical import Filter, Infer, Node, Project, rewrite
from ..predicates import split


def hoist_models(root: Node) -> Node:
    """Rewrite every projection, with the filter below it, whose expressions call models.

    >>> from ..examples import both, clicks, flag, scored
    >>> before = Project(
    ...     Filter(clicks(), both(flag(2), replace(flag(2), args=(scored(1),)))),
    ...     (clicks().schema_columns()[0], scored(1)),
    ...     Schema((ColumnDef("USER", clicks().schema.columns[0].type), ColumnDef("S", scored(1).type))),
    ... )
    >>> node, kinds = hoist_models(before), []
    >>> while hasattr(node, "input"):
    ...     kinds.append(type(node).__name__)
    ...     node = node.input
    >>> kinds
    ['Project', 'Filter', 'Infer', 'Project', 'Filter']
    """
    return rewrite(root, _hoist)


def _hoist(node: Node) -> Node:
    if not isinstance(node, Project):
        return node
    below: Node = node.input
    condition: Expr | None = None
    if isinstance(below, Filter):
        condition, below = below.condition, below.input
    exprs = [*node.columns, *([] if condition is None else [condition])]
    if not any(has_model(expr) for expr in exprs):
        return node
    refuse_in_lambdas(exprs)
    columns = [without_spans(expr) for expr in node.columns]
    if condition is not None:
        bound, free = split(without_spans(condition), has_model)
        below = below if free is None else Filter(below, free)
        if bound is not None:
            below, (bound, *columns) = _infer(below, [bound], columns)
            below = Filter(below, bound)
    below, columns = _infer(below, columns, [])
    return replace(node, input=below, columns=tuple(columns))


def _infer(below: Node, exprs: Sequence[Expr], also: Sequence[Expr]) -> tuple[Node, list[Expr]]:
    """Infer nodes for all calls in `exprs`, innermost first; their results stand for them there and in `also`."""
    everything = [*exprs, *also]
    while any(has_model(expr) for expr in everything[: len(exprs)]):
        reached = Reached(has_model, is_model_call, len(below.schema))
        looked = [reached.look(expr) for expr in everything[: len(exprs)]]
        if reached.added:  # which branch a row takes comes before what stands there
            below = _with(below, reached.added)
            everything[: len(exprs)] = looked
            continue
        below, results = _round(below, reached.ready(everything))
        everything = [transform(expr, lambda e: results.get(e)) for expr in everything]  # noqa: B023
    return below, everything


def _with(below: Node, added: Sequence[Expr]) -> Node:
    """The rows with more columns behind those that there are."""
    passed = [Column(i, c.name, c.type) for i, c in enumerate(below.schema)]
    names = [ColumnDef(f"branch {i}", expr.type) for i, expr in enumerate(added)]
    return Project(below, (*passed, *added), Schema((*below.schema.columns, *names)))


def _round(below: Node, calls: Mapping[Expr, Call]) -> tuple[Node, dict[Expr, Expr]]:
    """One Infer node over columns for calls, each as it is to be made: arguments that are no columns are computed first, in one
    call with the filter."""
    passed: list[Expr] = [Column(i, c.name, c.type) for i, c in enumerate(below.schema)]
    names = list(below.schema.columns)
    for arg in (arg for call in calls.values() for arg in call.args):
        if not isinstance(arg, Column) and arg not in passed:
            passed.append(arg)
            names.append(ColumnDef(f"argument {len(names)}", arg.type))
    if len(passed) > len(below.schema) or isinstance(below, Filter):
        below = Project(below, tuple(passed), Schema(tuple(names)))
    models = list[tuple[ModelCall, tuple[Expr, ...]]]()
    results, replaced = list[ColumnDef](), dict[Expr, Expr]()
    for written, call in calls.items():
        assert isinstance(call.implementation, ModelCall)  # `Reached` finds no others
        places = [a.index if isinstance(a, Column) else passed.index(a) for a in call.args]
        args = tuple(Column(i, names[i].name, names[i].type) for i in places)
        models.append((call.implementation, args))
        replaced[written] = Column(len(names) + len(results), call.function, call.type)
        results.append(ColumnDef(call.function, call.type))
    return Infer(below, tuple(models), tuple(results)), replaced


def is_model_call(expr: Expr) -> TypeGuard[Call]:
    """Whether an expression is a model's call."""
    return isinstance(expr, Call) and isinstance(expr.implementation, ModelCall)


def has_model(expr: Expr) -> bool:
    """Whether an expression calls a model."""
    return any(is_model_call(e) for e in walk(expr))


def without_spans(expr: Expr) -> Expr:
    """The expression without the places of what it calls, so that equal calls are equal."""

    def change(e: Expr) -> Expr | None:
        if isinstance(e, Call | Cast) and e.span is not None:
            return without_spans(replace(e, span=None))
        return None

    return transform(expr, change)


def refuse_in_lambdas(exprs: Sequence[Expr]) -> None:
    """Raises Unsupported where the body of a lambda calls a model."""
    for inner in (e for expr in exprs for e in walk(expr) if isinstance(e, Lambda)):
        call = next((e for e in walk(inner.body) if isinstance(e, Call) and is_model_call(e)), None)
        if call is not None:
            raise Unsupported(
                f"{call.function} cannot be called inside a lambda",
                detail="a model runs over whole batches of rows, not over the items of one value",
                hint="use EXPLODE to make a row of each item first",
                span=call.span,
            )
