"""Which overload of a function a call means, and the types that its type parameters stand for.

Among the overloads that take the arguments the one with the fewest conversions wins, then the one with fewer generics,
then one that is not variadic, then the one declared first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlglot import exp

from ...errors import Span, TypeMismatch
from ..expressions import Expr, Literal
from ..functions import Generic, LambdaParam, ListOf, MapOf, Matching, ModelInput, ParamType
from ..signatures import signature
from ..types import DATE, FLOAT, NULL, STRING, TIME, TIMESTAMP, Array, Map, SqlType, Struct, Vector
from .coercion import join_types, widens
from .models import cast_for, feeds

Bindings = dict[str, SqlType]


@dataclass
class Candidate:
    """An overload that may be meant, with what it would cost to call it."""

    params: list[ParamType]
    casts: int = 0
    generics: int = 0
    bindings: Bindings = field(default_factory=dict)


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
