"""Function calls: arguments coerced to the overload that is meant (`overloads`), lambdas typed.

Aggregates and table functions are resolved here too, for the planner, which decides where they may stand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlglot import exp

from ...errors import AnalysisError, Span, TypeMismatch, UnknownName
from ..expressions import Call, Expr, Lambda, Literal
from ..functions import (
    AggregateFunction,
    AggregateSpec,
    Function,
    FunctionRegistry,
    Generic,
    LambdaParam,
    ModelInput,
    PythonAggregate,
    ReturnRule,
    ScalarFunction,
    TableFunction,
)
from ..packages import check_packages
from ..scope import Scope, span_of
from ..synonyms import SYNONYMS
from ..types import (
    INTERVAL_UNIT,
    NULL,
    Array,
    SqlType,
)
from ..units import unit_of
from .coercion import as_text, coerce, join_types
from .expression import Context, analyze
from .misnamed import instead_of, out_of_place
from .models import fed, taken_unasked
from .overloads import Bindings, Candidate, choose, resolve_param
from .untyped import check_arguments, check_unit, has_null, untold


def call_name(node: exp.Expression) -> str | None:
    """The name of the function that `node` calls, or None."""
    if isinstance(node, exp.Anonymous):
        return str(node.this).upper()
    return node.sql_name() if isinstance(node, exp.Func) else None


def call_arguments(node: exp.Expression) -> list[exp.Expression]:
    """A call's arguments in order; `COUNT(*)` has none."""
    values = [node.expressions] if isinstance(node, exp.Anonymous) else node.args.values()
    flat = (v for value in values for v in (value if isinstance(value, list) else [value]))
    found = [v for v in flat if isinstance(v, exp.Expression)]
    return [] if len(found) == 1 and isinstance(found[0], exp.Star) else found


def function_of(node: exp.Expression, registry: FunctionRegistry) -> Function | None:
    """The function that `node` calls, or None when it is no call or calls nothing known."""
    name = call_name(node)
    return None if name is None else registry.called(name)


def is_aggregate(node: exp.Expression, registry: FunctionRegistry) -> bool:
    """Whether `node` is a call of an aggregate function."""
    return isinstance(function_of(node, registry), AggregateFunction)


def is_table_function(node: exp.Expression, registry: FunctionRegistry) -> bool:
    """Whether `node` is a call of a table function."""
    return isinstance(function_of(node, registry), TableFunction)


def contains(node: exp.Expression, registry: FunctionRegistry, kind: type[Function]) -> exp.Expression | None:
    """The first call within `node` (itself included) of a function of that kind."""
    for inner in node.walk():
        assert isinstance(inner, exp.Expression)
        if isinstance(function_of(inner, registry), kind):
            return inner
    return None


@dataclass(frozen=True)
class AggregateUse:
    """An aggregate call resolved: the spec, and the arguments that vary by row, typed and coerced."""

    name: str
    spec: AggregateSpec | PythonAggregate
    args: tuple[Expr, ...]


@dataclass(frozen=True)
class TableUse:
    """A table function's call: an expression that gives the list of a row, and the type of its items."""

    name: str
    call: Expr
    item: SqlType


def analyze_call(node: exp.Expression, context: Context) -> Expr:
    """A scalar function's call."""
    name = call_name(node)
    assert name is not None
    span = span_of(node)
    function = context.registry.called(name)
    if function is None:
        raise UnknownName(f"function {name} does not exist", hint=instead_of(name, context.registry), span=span)
    if not isinstance(function, ScalarFunction):
        raise out_of_place(name, function, span)
    check_packages(name, function.packages, span)
    nodes = [*call_arguments(node), *taken_unasked(function, context, span)]
    args = _analyze_arguments(
        nodes, context, unit_first=any(o.params[:1] == (INTERVAL_UNIT,) for o in function.overloads)
    )
    if function.name == "CONCAT":
        args = [as_text(arg, span) for arg in args]
    overloads = [(o.params, o.variadic, -1) for o in function.overloads]
    index, candidate = choose(name, overloads, nodes, args, span)
    made = _complete(nodes, args, candidate, context, span)
    overload = function.overloads[index]
    if overload.refuses is not None:
        columns = [a.type for a in args if a is not None and not isinstance(a, Literal)]
        if why := overload.refuses(columns):
            raise TypeMismatch(f"function {name} cannot tell which type is meant", detail=why, hint=_CAST, span=span)
    check_unit(name, made, overload.params, span)
    result = result_type(name, overload.returns, made, candidate.bindings, span)
    return Call(SYNONYMS.get(name, name), made, result, overload.implementation, span)


_CAST = "CAST them to one type first"


def aggregate_use(node: exp.Expression, scope: Scope, registry: FunctionRegistry) -> AggregateUse:
    """Resolve an aggregate's call; its arguments are analyzed in `scope`, that of the rows behind the GROUP BY."""
    function = function_of(node, registry)
    assert isinstance(function, AggregateFunction)
    span = span_of(node)
    check_packages(function.name, function.packages, span)
    nodes = call_arguments(node)
    context = Context(scope, registry)
    args = _analyze_arguments(nodes, context)
    overloads = [(o.params, o.variadic, o.repeats) for o in function.overloads]
    index, candidate = choose(function.name, overloads, nodes, args, span)
    made = _complete(nodes, args, candidate, context, span)
    overload = function.overloads[index]
    varying = made[: len(made) - overload.constants_of(len(made))]
    check_arguments(function.name, varying, overload.params, span)
    constants = [_constant(function.name, e, span) for e in made[len(varying) :]]
    spec = overload.resolve([e.type for e in varying], constants)
    return AggregateUse(function.name, spec, varying)


def _constant(name: str, expr: Expr, span: Span | None) -> Any:
    if isinstance(expr, Call) and expr.function == "ARRAY[]":
        return [_constant(name, item, span) for item in expr.args]
    if not isinstance(expr, Literal):
        raise TypeMismatch(f"the last argument of {name} must be a constant", span=span)
    return expr.value


def table_use(node: exp.Expression, scope: Scope, registry: FunctionRegistry) -> TableUse:
    """Resolve a table function's call: `call` gives a list per row."""
    function = function_of(node, registry)
    assert isinstance(function, TableFunction)
    span = span_of(node)
    check_packages(function.name, function.packages, span)
    nodes = call_arguments(node)
    context = Context(scope, registry)
    args = _analyze_arguments(nodes, context)
    overloads = [(o.params, o.variadic, -1) for o in function.overloads]
    index, candidate = choose(function.name, overloads, nodes, args, span)
    made = _complete(nodes, args, candidate, context, span)
    overload = function.overloads[index]
    item = result_type(function.name, overload.returns, made, candidate.bindings, span)
    return TableUse(function.name, Call(function.name, made, Array(item), overload.implementation, span), item)


def _analyze_arguments(
    nodes: Sequence[exp.Expression], context: Context, *, unit_first: bool = False
) -> list[Expr | None]:
    """The arguments, None where a lambda stands: its parameters' types come from the overload. `unit_first`: the first
    may be a bare DAYS, HOURS …"""
    args: list[Expr | None] = []
    for place, node in enumerate(nodes):
        if unit_first and place == 0 and unit_of(node.name) is not None:
            args.append(Literal(node.name.upper(), INTERVAL_UNIT))
        else:
            args.append(None if isinstance(node, exp.Lambda) else analyze(node, context))
    return args


def _complete(
    nodes: Sequence[exp.Expression],
    args: Sequence[Expr | None],
    candidate: Candidate,
    context: Context,
    span: Span | None,
) -> tuple[Expr, ...]:
    """The arguments as the overload takes them: lambdas analyzed with their parameters' types, the rest coerced."""
    while True:
        before, made = dict(candidate.bindings), list[Expr]()
        for node, arg, param in zip(nodes, args, candidate.params, strict=True):
            if isinstance(param, ModelInput) and arg is not None and arg.type is not NULL:
                made.append(fed(arg, param.type, span))
                continue
            if arg is not None:
                made.append(_coerced(arg, resolve_param(param, candidate.bindings, arg.type), span))
                continue
            assert isinstance(param, LambdaParam)
            made.append(_lambda(node, param, candidate, context))
        if before.items() <= candidate.bindings.items():
            return tuple(made)  # else a lambda gives a wider type than it was given: REDUCE(list, 0, (s, x) => s + x)


def _coerced(arg: Expr, target: SqlType, span: Span | None) -> Expr:
    if arg.type is NULL:
        return Literal(None, NULL if has_null(target) else target)
    return arg if arg.type == target else coerce(arg, target, span)


def _lambda(node: exp.Expression, param: LambdaParam, candidate: Candidate, context: Context) -> Lambda:
    names = [e.name for e in node.expressions]
    span = span_of(node)
    if len(set(names)) < len(names):
        raise AnalysisError("a lambda's parameters have different names", span=span)
    inputs = [resolve_param(p, candidate.bindings, NULL) for p in param.inputs]
    inner, parameters = context.with_parameters(names, inputs)
    body = analyze(node.this, inner)
    if isinstance(param.returns, Generic) and param.returns.name not in candidate.bindings:
        if body.type is NULL:
            raise TypeMismatch("the lambda gives NULL", hint="give it a type: CAST(NULL AS …)", span=span)
        candidate.bindings[param.returns.name] = body.type
    wanted = resolve_param(param.returns, candidate.bindings, body.type)
    try:
        body = coerce(body, wanted, span)
    except TypeMismatch:
        wider = join_types(wanted, body.type)
        if not isinstance(param.returns, Generic) or wider in (None, wanted):
            raise
        candidate.bindings[param.returns.name] = wider
    return Lambda(parameters, body, body.type)


def result_type(name: str, returns: ReturnRule, args: Sequence[Expr], bindings: Bindings, span: Span | None) -> SqlType:
    """The call's type by the overload's rule; raises TypeMismatch where bare NULLs leave it open."""
    types = [a.type for a in args]
    if callable(returns):
        if NULL in types:
            raise untold(name, span)
        return returns(types)
    result = resolve_param(returns, bindings, NULL)
    if result is not NULL and has_null(result):
        raise untold(name, span)
    return result
