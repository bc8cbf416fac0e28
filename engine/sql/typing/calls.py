"""Function calls: which overload is meant, its generics bound, lambdas typed, arguments coerced.

Among the overloads that take the arguments the one with the fewest conversions wins, then the one with fewer generics,
then one that is not variadic, then the one declared first. Aggregates and table functions are resolved here too, for the
planner, which decides where they may stand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
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
    ListOf,
    MapOf,
    Matching,
    ModelInput,
    ParamType,
    PythonAggregate,
    ReturnRule,
    ScalarFunction,
    TableFunction,
)
from ..scope import Scope, span_of, suggestion
from ..signatures import signature
from ..synonyms import INSTEAD, SYNONYMS
from ..types import DATE, FLOAT, INTERVAL_UNIT, NULL, STRING, TIME, TIMESTAMP, Array, Map, SqlType, Struct, Vector
from ..window_functions import NAMES as WINDOW_FUNCTIONS
from .coercion import coerce, join_types, widens
from .expression import Context, analyze
from .models import cast_for, fed, feeds, taken_unasked
from .untyped import check_arguments, check_unit, has_null, untold

Bindings = dict[str, SqlType]

INTERVAL_UNITS = frozenset(
    unit + plural
    for unit in ("MILLISECOND", "SECOND", "MINUTE", "HOUR", "DAY", "MONTH", "YEAR")
    for plural in ("", "S")
)


@dataclass
class Candidate:
    """An overload that may be meant, with what it would cost to call it."""

    params: list[ParamType]
    casts: int = 0
    generics: int = 0
    bindings: Bindings = field(default_factory=dict)


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
        raise UnknownName(f"function {name} does not exist", hint=_instead(name, context.registry), span=span)
    if not isinstance(function, ScalarFunction):
        kind = "an aggregate" if isinstance(function, AggregateFunction) else "a table function"
        raise AnalysisError(f"{name} is {kind} and cannot stand here", hint=_where(function), span=span)
    nodes = [*call_arguments(node), *taken_unasked(function, context, span)]
    args = _analyze_arguments(
        nodes, context, unit_first=any(o.params[:1] == (INTERVAL_UNIT,) for o in function.overloads)
    )
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


def _instead(name: str, registry: FunctionRegistry) -> str:
    if name in WINDOW_FUNCTIONS and name not in INSTEAD:
        return f"{name} stands before OVER (PARTITION BY … ORDER BY …), in pull queries"
    return INSTEAD.get(name) or suggestion(name, [*registry.functions, *SYNONYMS]) or "SHOW FUNCTIONS lists them all"


_CAST = "CAST them to one type first"


def _where(function: Function) -> str:
    if isinstance(function, AggregateFunction):
        return "aggregates stand in SELECT and HAVING of a query with GROUP BY, and not inside one another"
    return "table functions stand in SELECT, and not inside other functions"


def aggregate_use(node: exp.Expression, scope: Scope, registry: FunctionRegistry) -> AggregateUse:
    """Resolve an aggregate's call; its arguments are analyzed in `scope`, that of the rows behind the GROUP BY."""
    function = function_of(node, registry)
    assert isinstance(function, AggregateFunction)
    span = span_of(node)
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
        if unit_first and place == 0 and node.name.upper() in INTERVAL_UNITS:
            args.append(Literal(node.name.upper(), INTERVAL_UNIT))
        else:
            args.append(None if isinstance(node, exp.Lambda) else analyze(node, context))
    return args


def choose(
    name: str,
    overloads: Sequence[tuple[tuple[ParamType, ...], bool, int]],
    nodes: Sequence[exp.Expression],
    args: Sequence[Expr | None],
    span: Span | None,
) -> tuple[int, Candidate]:
    """The index of the best overload and how the arguments meet it; raises TypeMismatch when none takes them. An overload
    is its parameters, whether one repeats, and which."""
    best: tuple[tuple[int, int, bool, int], Candidate] | None = None
    for index, (params, variadic, repeats) in enumerate(overloads):
        candidate = _meet(params, variadic, repeats, nodes, args)
        if candidate is not None:
            rank = (candidate.casts, candidate.generics, variadic, index)
            if best is None or rank < best[0]:
                best = (rank, candidate)
    if best is None:
        given = ", ".join("lambda" if a is None else str(a.type) for a in args)
        valid = "; ".join(f"{name}({signature(*o)})" for o in overloads)
        hint = cast_for(overloads[0][0], args)
        raise TypeMismatch(f"function {name} does not take ({given})", detail=f"it is {valid}", hint=hint, span=span)
    return best[0][3], best[1]


def bindings_of(params: Sequence[ParamType], types: Sequence[SqlType]) -> Bindings:
    """What the generics of `params` are for arguments of these types."""
    candidate = Candidate(list(params))
    for param, given in zip(params, types, strict=False):
        _unify(param, given, candidate)
    return candidate.bindings


def _meet(
    params: tuple[ParamType, ...],
    variadic: bool,
    repeats: int,
    nodes: Sequence[exp.Expression],
    args: Sequence[Expr | None],
) -> Candidate | None:
    expanded = list(params)
    if variadic:
        at = repeats % len(params)
        expanded[at : at + 1] = [params[at]] * max(0, len(args) - len(params) + 1)
    if len(expanded) != len(args):
        return None
    candidate = Candidate(expanded)
    for param, node, arg in zip(expanded, nodes, args, strict=True):
        if arg is None:
            if not isinstance(param, LambdaParam) or len(node.expressions) != len(param.inputs):
                return None
        elif not _reads_as_time(param, arg, candidate) and not _unify(param, arg.type, candidate):
            return None
    return candidate


def _reads_as_time(param: ParamType, arg: Expr, candidate: Candidate) -> bool:
    """Whether `arg` is text that stands among dates or times: it is read as one."""
    if not isinstance(arg, Literal) or arg.type is not STRING or not isinstance(param, Generic):
        return False
    candidate.casts += 1
    return candidate.bindings.get(param.name) in (DATE, TIME, TIMESTAMP)


def _unify(param: ParamType, given: SqlType, candidate: Candidate) -> bool:
    """Whether an argument of type `given` meets `param`; binds generics and counts conversions on the way."""
    if given is NULL:
        return not isinstance(param, LambdaParam)
    match param:
        case LambdaParam():
            return False
        case Matching(accepts=accepts):
            candidate.generics += 1
            return accepts(given)
        case Generic(name):
            candidate.generics += 1
            return _bind(name, given, candidate)
        case ModelInput(type=wanted):
            candidate.casts += given != wanted
            return feeds(given, wanted)
        case ListOf(item):
            if isinstance(given, Vector):
                candidate.casts += 1
                given = Array(FLOAT)
            return isinstance(given, Array) and _unify(item, given.item, candidate)
        case MapOf(key, value):
            return (
                isinstance(given, Map) and _unify(key, given.key, candidate) and _unify(value, given.value, candidate)
            )
        case _:
            if given == param:
                return True
            candidate.casts += 1
            return not isinstance(param, Struct) and widens(given, param)


def _bind(name: str, given: SqlType, candidate: Candidate) -> bool:
    bound = candidate.bindings.get(name)
    joined = given if bound is None else join_types(bound, given)
    if joined is None:
        return False
    if bound is not None and joined != given:
        candidate.casts += 1
    candidate.bindings[name] = joined
    return True


def resolve_param(param: ParamType, bindings: Bindings, given: SqlType) -> SqlType:
    """The SQL type that an argument of type `given` takes for `param`."""
    match param:
        case Generic(name):
            return bindings.get(name, given)
        case ListOf(item):
            inner = given.item if isinstance(given, Array) else NULL
            return Array(resolve_param(item, bindings, inner))
        case MapOf(key, value):
            given_key, given_value = (given.key, given.value) if isinstance(given, Map) else (NULL, NULL)
            return Map(resolve_param(key, bindings, given_key), resolve_param(value, bindings, given_value))
        case Matching() | LambdaParam():
            return given
        case ModelInput(type=wanted):
            return wanted
        case _:
            return param


def _complete(
    nodes: Sequence[exp.Expression],
    args: Sequence[Expr | None],
    candidate: Candidate,
    context: Context,
    span: Span | None,
) -> tuple[Expr, ...]:
    """The arguments as the overload takes them: lambdas analyzed with their parameters' types, the rest coerced."""
    made: list[Expr] = []
    for node, arg, param in zip(nodes, args, candidate.params, strict=True):
        if isinstance(param, ModelInput) and arg is not None and arg.type is not NULL:
            made.append(fed(arg, param.type, span))
            continue
        if arg is not None:
            made.append(_coerced(arg, resolve_param(param, candidate.bindings, arg.type), span))
            continue
        assert isinstance(param, LambdaParam)
        made.append(_lambda(node, param, candidate, context))
    return tuple(made)


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
    body = coerce(body, wanted, span)
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
