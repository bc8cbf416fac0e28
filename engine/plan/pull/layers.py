"""Columns that a layer of SQL makes between FROM and SELECT: window functions and table functions. An expression that names one
gets its column."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from sqlglot import exp

from ...errors import Unsupported
from ...sql.compile.expression import guarded
from ...sql.expressions import Call, Column
from ...sql.functions import (
    AggregateFunction,
    FunctionRegistry,
    ModelCall,
    PythonAggregate,
    ScalarFunction,
    SqlTemplate,
)
from ...sql.scope import Scope, span_of
from ...sql.typing.calls import aggregate_use, call_arguments, call_name, function_of, table_use
from ...sql.typing.expression import analyze_expression
from ...sql.window_functions import window_use, windowed
from .asked import Around, Asking, Input
from .texts import Texts

_PLACE = re.compile(r"\{(\d+|over)\}")


@dataclass
class Layer:
    """Columns by the canonical form of what they are; `number` gives the next column's number."""

    number: Callable[[], int]
    columns: dict[str, tuple[Column, Call]] = field(default_factory=dict)

    def column(self, form: str, name: str, make: Callable[[], Call]) -> Column:
        """The column of that form, made when it is first asked for."""
        if form not in self.columns:
            made = make()
            self.columns[form] = (Column(self.number(), name, made.type), made)
        return self.columns[form][0]

    def over(self, given: Input, texts: Texts, asking: Asking, outer: Around | None) -> Input:
        """The rows with these columns beside their own."""
        if not self.columns:
            return given
        calls = [(column, call) for column, call in self.columns.values()]
        given, args = asking.over(given, [arg for _, call in calls for arg in call.args], outer)
        asked = iter(args)
        made = [(column, replace(call, args=tuple(guarded(next(asked)) for _ in call.args))) for column, call in calls]
        return given.beside([f"{texts.plain(call)} AS c{column.index}" for column, call in made])


def window_call(node: exp.Window, scope: Scope, registry: FunctionRegistry) -> Call:
    """A window function's call over the columns of `scope`."""
    call, span = node.this, span_of(node)
    name, function = call_name(call) or "", function_of(call, registry)
    if isinstance(function, AggregateFunction):
        use = aggregate_use(call, scope, registry)
        if isinstance(use.spec, PythonAggregate):
            raise Unsupported(f"{name}, a function of yours, cannot stand before OVER", span=span)
        args, result, template = use.args, use.spec.type, windowed(name, use.spec, span)
    else:
        given = [analyze_expression(a, scope, registry) for a in call_arguments(call)]
        found = window_use(name, given, span)
        args, result, template = found.args, found.type, found.template
    by = [analyze_expression(n, scope, registry) for n in node.args.get("partition_by") or []]
    ordered = node.args["order"].expressions if node.args.get("order") else []
    order = [analyze_expression(n.this, scope, registry) for n in ordered]
    ways = [way(desc=bool(n.args.get("desc")), nulls_first=bool(n.args.get("nulls_first"))) for n in ordered]
    frame = _frame(node.args.get("spec"))
    first, second = len(args), len(args) + len(by)

    def render(texts: Sequence[str], types: object, result: object) -> str:
        parts = [f"PARTITION BY {', '.join(texts[first:second])}"] if by else []
        if order:
            parts.append("ORDER BY " + ", ".join(f"{t} {w}" for t, w in zip(texts[second:], ways, strict=True)))
        values = {str(i): t for i, t in enumerate(texts[:first])} | {"over": f"OVER ({' '.join([*parts, *frame])})"}
        return _PLACE.sub(lambda place: values[place.group(1)], template)

    return Call("OVER", (*args, *by, *order), result, SqlTemplate(render), span)


def way(*, desc: bool, nulls_first: bool) -> str:
    """How an item of ORDER BY is ordered."""
    return f"{'DESC' if desc else 'ASC'} NULLS {'FIRST' if nulls_first else 'LAST'}"


def _frame(spec: exp.Expression | None) -> list[str]:
    return [] if spec is None else [f"{spec.args['kind']} BETWEEN {spec.args['start']} AND {spec.args['end']}"]


def unnested(node: exp.Expression, scope: Scope, registry: FunctionRegistry) -> Call:
    """A table function's items, one a row."""
    use = table_use(node, scope, registry)
    made = SqlTemplate(lambda args, types, result: f"unnest({args[0]})")
    return Call("UNNEST", (use.call,), use.item, made, span_of(node))


def is_model(node: exp.Expression, registry: FunctionRegistry) -> bool:
    """Whether `node` calls a model."""
    function = function_of(node, registry)
    return isinstance(function, ScalarFunction) and isinstance(function.overloads[0].implementation, ModelCall)
