"""From syntax to typed expressions: every node gets its type, its coercions and its implementation, or an error with a place.

`analyze_expression` asks the scope before each node (so that GROUP BY expressions and aggregates can be claimed), then
dispatches on the node's class. Function calls and lambdas are resolved in `calls`.
"""

from __future__ import annotations

import decimal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlglot import exp

from ...errors import AnalysisError, Span, TypeMismatch, UnknownName, Unsupported
from ..expressions import Call, Case, Cast, Expr, Field, Literal, Parameter
from ..functions import FunctionRegistry, SqlTemplate
from ..scope import Scope, as_spelt, span_of, suggestion
from ..types import BIGINT, BOOLEAN, DOUBLE, INTEGER, NULL, STRING, Array, Map, SqlType, Struct, Vector, parse_type
from . import compare, constructors, intervals, numeric
from .coercion import castable, coerce, common_type, decimal_of
from .expected import Expected, told

_ARITHMETIC: dict[type[exp.Expression], str] = {
    exp.Add: "+",
    exp.Sub: "-",
    exp.Mul: "*",
    exp.Div: "/",
    exp.IntDiv: "/",
    exp.Mod: "%",
}
_COMPARISON: dict[type[exp.Expression], str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
}


@dataclass(frozen=True)
class Context:
    """What an analysis carries down the tree: the scope, the functions, and the lambda parameters in reach."""

    scope: Scope
    registry: FunctionRegistry
    parameters: tuple[tuple[str, Parameter], ...] = ()

    def with_parameters(self, names: Sequence[str], types: Sequence[SqlType]) -> tuple[Context, tuple[Parameter, ...]]:
        """A context in which a lambda's parameters can be named, and the parameters."""
        depth = len(self.parameters)
        made = tuple(Parameter(f"p{depth + i}", t) for i, t in enumerate(types))
        return replace(self, parameters=(*self.parameters, *zip(names, made, strict=True))), made


def analyze_expression(
    node: exp.Expression, scope: Scope, registry: FunctionRegistry, *, expected: SqlType | None = None
) -> Expr:
    """The typed expression of a syntax tree; with `expected`, coerced to that type as an INSERT's values are: NULL and empty
    constructors inside it take theirs from it. An empty STRUCT's fields are all NULL."""
    if expected is None:
        return analyze(node, Context(scope, registry))
    result = analyze(node, Context(Expected(scope, dict(told(node, expected))), registry))
    return coerce(result, expected, span_of(node), inserted=True)


def analyze(node: exp.Expression, context: Context) -> Expr:
    """The typed expression of `node` in `context`."""
    claimed = context.scope.claim(node)
    if claimed is not None:
        return claimed
    kind = type(node)
    if kind in _ARITHMETIC:
        return _arithmetic(_ARITHMETIC[kind], node, context)
    if kind in _COMPARISON:
        left, right = _pair(node, context)
        return compare.compare(_COMPARISON[kind], left, right, span_of(node))
    handler = _HANDLERS.get(kind)
    if handler is not None:
        return handler(node, context)
    from .calls import analyze_call, call_name  # whose arguments are analysed here

    if call_name(node) is not None:
        return analyze_call(node, context)
    raise Unsupported(f"this expression is not supported: {node.sql()}", span=span_of(node))


def _arithmetic(symbol: str, node: exp.Expression, context: Context) -> Expr:
    span, (left, right) = span_of(node), (node.args["this"], node.args["expression"])
    if symbol in "+-":
        if symbol == "+" and intervals.parts_of(left):
            left, right = right, left
        parts = intervals.parts_of(right, back=symbol == "-")
        if parts and intervals.parts_of(left) is None:
            moved = analyze(left, context)
            for part in parts:
                moved = intervals.moved(moved, part, analyze(part.count, context), context.registry, span)
            return moved
    operands = analyze(left, context), analyze(right, context)
    of_times = intervals.of_times(symbol, *operands, context.registry, span)
    return of_times or numeric.arithmetic(symbol, *operands, span)


def _interval(node: exp.Expression, context: Context) -> Expr:
    raise intervals.stray(node)


def _pair(node: exp.Expression, context: Context) -> tuple[Expr, Expr]:
    return analyze(node.args["this"], context), analyze(node.args["expression"], context)


def _literal(node: exp.Expression, context: Context) -> Expr:
    text = str(node.this)
    if node.args.get("is_string"):
        return Literal(text, STRING)
    return number(text, node)


def number(text: str, node: exp.Expression) -> Literal:
    """A numeric literal: INTEGER or BIGINT by size, DECIMAL with a point, DOUBLE with an exponent."""
    if "e" in text.lower():
        value = float(text)
        if value in (float("inf"), float("-inf")):
            raise TypeMismatch(f"number overflows DOUBLE: {text}", span=span_of(node))
        return Literal(value, DOUBLE)
    exact = decimal.Decimal(text)
    if "." in text:
        if len(exact.as_tuple().digits) > 38:
            raise TypeMismatch(f"a DECIMAL has at most 38 digits: {text}", span=span_of(node))
        return Literal(exact, decimal_of(exact))
    if not -(1 << 63) <= exact < 1 << 63:
        raise TypeMismatch(
            f"number overflows BIGINT: {text}", hint="write it as a DECIMAL or DOUBLE", span=span_of(node)
        )
    return Literal(int(exact), INTEGER if -(1 << 31) <= exact < 1 << 31 else BIGINT)


def _column(node: exp.Expression, context: Context) -> Expr:
    parts = [part.name for part in node.parts] if isinstance(node, exp.Column) else [node.name]
    if len(parts) == 1:
        for name, parameter in reversed(context.parameters):
            if name == parts[0]:
                return parameter
    try:
        return context.scope.column(parts, span_of(node))
    except UnknownName:
        if parts[-1] not in _WITHOUT_PARENTHESES or len(parts) > 1:
            raise
        return analyze(exp.Anonymous(this=parts[0]), context)


_WITHOUT_PARENTHESES = ("CURRENT_TIMESTAMP", "CURRENT_DATE", "LOCALTIMESTAMP")
"""Functions that standard SQL calls without parentheses."""


def _neg(node: exp.Expression, context: Context) -> Expr:
    return numeric.negate(analyze(node.this, context), span_of(node))


def _not(node: exp.Expression, context: Context) -> Expr:
    inner = node.this
    if isinstance(inner, exp.Is) and isinstance(inner.expression, exp.Null):
        return compare.is_null(analyze(inner.this, context), True, span_of(node))
    return compare.negation(analyze(inner, context), span_of(node))


def _is(node: exp.Expression, context: Context) -> Expr:
    right = node.args["expression"]
    operand = analyze(node.this, context)
    if isinstance(right, exp.Boolean):
        return compare.distinct(True, operand, analyze(right, context), span_of(node))
    if isinstance(right, exp.Null):
        return compare.is_null(operand, False, span_of(node))
    if isinstance(right, exp.Not) and isinstance(right.this, exp.Null):
        return compare.is_null(operand, True, span_of(node))
    raise TypeMismatch("IS is followed by [NOT] NULL, TRUE, FALSE or DISTINCT FROM", span=span_of(node))


def _between(node: exp.Expression, context: Context) -> Expr:
    value, low, high = (analyze(node.args[name], context) for name in ("this", "low", "high"))
    return compare.between(value, low, high, span_of(node))


def _in(node: exp.Expression, context: Context) -> Expr:
    if node.args.get("query") is not None or not node.expressions:
        raise Unsupported("IN takes a list of values", span=span_of(node))
    return compare.in_list(analyze(node.this, context), [analyze(e, context) for e in node.expressions], span_of(node))


def _like(node: exp.Expression, context: Context) -> Expr:
    return compare.like(*_pair(node, context), None, span_of(node))


def _escape(node: exp.Expression, context: Context) -> Expr:
    inner = node.this
    negated = isinstance(inner, exp.Not)
    matching = inner.this if negated else inner
    if not isinstance(matching, exp.Like):
        raise TypeMismatch("ESCAPE follows LIKE", span=span_of(node))
    result = compare.like(*_pair(matching, context), node.args["expression"].name, span_of(node))
    return compare.negation(result, span_of(node)) if negated else result


def _case(node: exp.Expression, context: Context) -> Expr:
    span = span_of(node)
    subject = node.args.get("this")
    whens: list[tuple[Expr, Expr]] = []
    for branch in node.args["ifs"]:
        condition = analyze(branch.this, context)
        if subject is not None:
            condition = compare.compare("=", analyze(subject, context), condition, span_of(branch) or span)
        if condition.type is not BOOLEAN:
            raise TypeMismatch(f"WHEN takes a BOOLEAN, not {condition.type}", span=span_of(branch.this) or span)
        whens.append((condition, analyze(branch.args["true"], context)))
    otherwise = node.args.get("default")
    default = None if otherwise is None else analyze(otherwise, context)
    results = [result for _, result in whens] + ([] if default is None else [default])
    wanted = common_type(results, span)
    if wanted is None:
        raise TypeMismatch("all branches of the CASE are NULL", hint="give one a type: CAST(NULL AS …)", span=span)
    made = tuple((condition, coerce(result, wanted, span)) for condition, result in whens)
    return Case(made, None if default is None else coerce(default, wanted, span), wanted)


def _cast(node: exp.Expression, context: Context) -> Expr:
    target = type_of_node(node.args["to"])
    operand = analyze(node.this, context)
    if operand.type == target:
        return operand
    if operand.type is NULL:
        return Literal(None, target)
    if not castable(operand.type, target):
        raise TypeMismatch(f"cast of {operand.type} to {target} is not supported", span=span_of(node))
    return Cast(operand, target, span_of(node))


def _try_cast(node: exp.Expression, context: Context) -> Expr:
    """A CAST whose failure is a NULL, and no failure of the row's."""
    made = _cast(node, context)
    return Call("TRY_CAST", (made,), made.type, SqlTemplate(lambda a, t, r: a[0]), span_of(node))


def type_of_node(node: exp.Expression) -> SqlType:
    """The SQL type that a type's syntax tree names."""
    known = node.meta.get("sql_type")
    if known is not None:
        sql_type: SqlType = known
        return sql_type
    return parse_type(node.sql())


def _bracket(node: exp.Expression, context: Context) -> Expr:
    span = span_of(node)
    operand = analyze(node.this, context)
    if len(node.expressions) != 1:
        raise TypeMismatch("a subscript is one value", span=span)
    index = analyze(node.expressions[0], context)
    match operand.type:
        case Array(item):
            if index.type not in (INTEGER, BIGINT):
                raise TypeMismatch(f"an ARRAY's subscript is an INTEGER, not {index.type}", span=span)
            return Call("[]", (operand, index), item, _ELEMENT, span)
        case Vector():
            return Call("[]", (operand, index), parse_type("FLOAT"), _ELEMENT, span)
        case Map(key, value):
            return Call("[]", (operand, coerce(index, key, span)), value, _ENTRY, span)
        case Struct():
            raise TypeMismatch("a STRUCT has no subscripts", hint="use -> to reach a field", span=span)
        case _:
            hint = "SUBSTRING(text, place, length) takes a part of it" if operand.type is STRING else None
            raise TypeMismatch(f"{operand.type} has no subscripts", hint=hint, span=span)


_ELEMENT = SqlTemplate(lambda a, t, r: f"({a[0]})[{a[1]}]")
_ENTRY = SqlTemplate(lambda a, t, r: f"map_extract_value({a[0]}, {a[1]})")


def _arrow(node: exp.Expression, context: Context) -> Expr:
    operand = analyze(node.this, context)
    name = node.expression.name
    return field_of(operand, name, node)


def field_of(operand: Expr, name: str, node: exp.Expression) -> Expr:
    """`operand -> name`; raises where it is no struct, or has no such field."""
    if not isinstance(operand.type, Struct):
        raise TypeMismatch(f"-> takes a STRUCT, not {operand.type}", span=span_of(node))
    names = [field for field, _ in operand.type.fields]
    name = as_spelt(name, names) if operand.type.any_case else name
    if name not in names:
        raise AnalysisError(
            f"field {name} does not exist",
            detail=f"the fields are {', '.join(names)}",
            hint=suggestion(name, names),
            span=span_of(node),
        )
    index = names.index(name)
    return Field(operand, index, operand.type.fields[index][1])


def _array(node: exp.Expression, context: Context) -> Expr:
    return constructors.array([analyze(e, context) for e in node.expressions], span_of(node))


def _map(node: exp.Expression, context: Context) -> Expr:
    pairs = constructors.entries(node)
    keys, values = [analyze(k, context) for k, _ in pairs], [analyze(v, context) for _, v in pairs]
    return constructors.map_of(keys, values, span_of(node))


def _struct(node: exp.Expression, context: Context) -> Expr:
    pairs = constructors.entries(node)
    values = tuple(analyze(v, context) for _, v in pairs)
    return constructors.struct([name.name for name, _ in pairs], values, span_of(node))


def _lambda_out_of_place(node: exp.Expression, context: Context) -> Expr:
    raise AnalysisError("a lambda is an argument of a function that takes one", span=span_of(node))


def _star(node: exp.Expression, context: Context) -> Expr:
    raise AnalysisError("* stands alone in SELECT or in COUNT(*)", span=span_of(node))


_HANDLERS: dict[type[exp.Expression], Callable[[Any, Context], Expr]] = {
    exp.Literal: _literal,
    exp.Boolean: lambda node, context: Literal(bool(node.this), BOOLEAN),
    exp.Null: lambda node, context: Literal(None, NULL),
    exp.Column: _column,
    exp.Identifier: _column,
    exp.Paren: lambda node, context: analyze(node.this, context),
    exp.Neg: _neg,
    exp.And: lambda node, context: compare.logical("AND", *_pair(node, context), span_of(node)),
    exp.Or: lambda node, context: compare.logical("OR", *_pair(node, context), span_of(node)),
    exp.Not: _not,
    exp.Is: _is,
    exp.NullSafeEQ: lambda node, context: compare.distinct(True, *_pair(node, context), span_of(node)),
    exp.NullSafeNEQ: lambda node, context: compare.distinct(False, *_pair(node, context), span_of(node)),
    exp.Between: _between,
    exp.In: _in,
    exp.Like: _like,
    exp.Escape: _escape,
    exp.Case: _case,
    exp.Cast: _cast,
    exp.TryCast: _try_cast,
    exp.Bracket: _bracket,
    exp.JSONExtract: _arrow,
    exp.Dot: _arrow,
    exp.Array: _array,
    exp.Map: _map,
    exp.Struct: _struct,
    exp.Interval: _interval,
    exp.Lambda: _lambda_out_of_place,
    exp.Star: _star,
}


def require_boolean(condition: Expr, where: str, span: Span | None = None) -> Expr:
    """`condition`, which WHERE and HAVING take only when it is BOOLEAN."""
    if condition.type is NULL:
        return Literal(None, BOOLEAN)
    if condition.type is not BOOLEAN:
        raise TypeMismatch(
            f"{where} takes a BOOLEAN, not {condition.type}", hint="compare it with something", span=span
        )
    return condition
