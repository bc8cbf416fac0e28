"""Columns that a layer of SQL makes between FROM and SELECT: window functions, table functions, and models, which the read
of their source answers. An expression that names one gets its column."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sqlglot import exp

from ...errors import AnalysisError, Unsupported
from ...sql.compile.expression import guarded
from ...sql.expressions import Call, Column, Expr
from ...sql.functions import (
    AggregateFunction,
    FunctionRegistry,
    ModelCall,
    PythonAggregate,
    ScalarFunction,
    SqlTemplate,
    TableFunction,
)
from ...sql.scope import Scope, span_of
from ...sql.typing.calls import aggregate_use, call_arguments, call_name, function_of, table_use
from ...sql.typing.expression import analyze_expression
from ...sql.window_functions import window_use, windowed
from ..rows import RowScope, canonical
from .from_clause import From, Reading, Side
from .texts import Texts

_PLACE = re.compile(r"\{(\d+|over)\}")


@dataclass
class Layer:
    """Columns by the canonical form of what they are; `number` gives the next column's number."""

    number: Callable[[], int]
    columns: dict[str, tuple[Column, Expr]] = field(default_factory=dict)

    def column(self, form: str, name: str, make: Callable[[], Expr]) -> Column:
        """The column of that form, made when it is first asked for."""
        if form not in self.columns:
            made = make()
            self.columns[form] = (Column(self.number(), name, made.type), made)
        return self.columns[form][0]

    def over(self, source: str, texts: Texts) -> str:
        """`source`, a FROM with its conditions, with these columns beside its own."""
        if not self.columns:
            return source
        made = ", ".join(f"{texts.plain(expr)} AS c{column.index}" for column, expr in self.columns.values())
        return f"(SELECT *, {made} FROM {source})"


def window_call(node: exp.Window, scope: Scope, registry: FunctionRegistry) -> Call:
    """A window function's call over the columns of `scope`; what can fail in it is guarded."""
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

    return Call("OVER", tuple(map(guarded, (*args, *by, *order))), result, SqlTemplate(render), span)


def way(*, desc: bool, nulls_first: bool) -> str:
    """How an item of ORDER BY is ordered."""
    return f"{'DESC' if desc else 'ASC'} NULLS {'FIRST' if nulls_first else 'LAST'}"


def _frame(spec: exp.Expression | None) -> list[str]:
    return [] if spec is None else [f"{spec.args['kind']} BETWEEN {spec.args['start']} AND {spec.args['end']}"]


def unnested(node: exp.Expression, scope: Scope, registry: FunctionRegistry) -> Expr:
    """A table function's items, one a row."""
    use = table_use(node, scope, registry)
    made = SqlTemplate(lambda args, types, result: f"unnest({args[0]})")
    return Call("UNNEST", (guarded(use.call),), use.item, made, span_of(node))


def is_model(node: exp.Expression, registry: FunctionRegistry) -> bool:
    """Whether `node` calls a model."""
    function = function_of(node, registry)
    return isinstance(function, ScalarFunction) and isinstance(function.overloads[0].implementation, ModelCall)


def model_column(
    node: exp.Expression, from_: From, number: Callable[[], int], registry: FunctionRegistry
) -> Column | None:
    """A model's call as a column that the read of its source gives: models run where the rows are. So is the whole of a CASE,
    COALESCE, IFNULL, AND or OR that speaks of one source alone: there a model is asked about the rows of its branch."""
    if not is_model(node, registry):
        return _chosen(node, from_, number, registry) if _is_choice(node) else None
    columns = list(node.find_all(exp.Column))
    names = {from_.rows.find([p.name for p in c.parts], span_of(c)).source for c in columns}
    side = _only(from_.sides, names)
    if side is None or side.reading is None:
        raise Unsupported(
            f"the model {call_name(node)} takes columns of one stream or table here",
            hint="CREATE STREAM (or TABLE) … AS SELECT … calls it over any rows: ask what that makes",
            span=span_of(node),
        )
    if side not in from_.pushable and any(
        _is_choice(part) or isinstance(part, exp.Is) for part in node.find_all(exp.Expression)
    ):
        raise Unsupported(
            f"the model {call_name(node)} is asked before the outer join, and here about what that may leave NULL",
            hint=f"call it in a sub-query over {side.rows.sources[0]}: JOIN (SELECT …, model(…) AS y FROM source) AS t",
            span=span_of(node),
        )
    return _answered(side.reading, node, number, registry)


def _is_choice(node: exp.Expression) -> bool:
    """Whether a part of it counts only where another part says so."""
    return isinstance(node, exp.Case | exp.And | exp.Or) or call_name(node) in ("COALESCE", "IFNULL")


def _chosen(node: exp.Expression, from_: From, number: Callable[[], int], registry: FunctionRegistry) -> Column | None:
    parts = list(node.find_all(exp.Expression))
    if not any(is_model(part, registry) for part in parts) or any(_is_wider(part, registry) for part in parts):
        return None
    try:
        names = {from_.rows.find([p.name for p in c.parts], None).source for c in node.find_all(exp.Column)}
    except AnalysisError:  # a column of a query further out
        return None
    side = _only(from_.sides, names)
    if side is None or side.reading is None or side not in from_.pushable:  # an outer join's NULLs are not the source's
        return None
    return _answered(side.reading, node, number, registry)


def _is_wider(node: exp.Expression, registry: FunctionRegistry) -> bool:
    """Whether it is evaluated over more than a row of a source."""
    wide = isinstance(node, exp.Subquery | exp.Lambda | exp.Window)
    return wide or isinstance(function_of(node, registry), AggregateFunction | TableFunction)


def _only(sides: Sequence[Side], names: set[str]) -> Side | None:
    found = [s for s in sides if s.rows.sources[0] in names] if names else list(sides)
    return found[0] if len(found) == 1 else None


def _answered(reading: Reading, node: exp.Expression, number: Callable[[], int], registry: FunctionRegistry) -> Column:
    form = canonical(node, reading.rows)
    for known, (what, sql_type) in reading.values.items():
        if canonical(what, reading.rows) == form:
            return Column(known, call_name(node) or "", sql_type)
    made = analyze_expression(node, RowScope(reading.rows, registry, "SELECT"), registry)
    column = Column(number(), call_name(node) or "", made.type)
    reading.values[column.index] = (node.copy(), made.type)
    return column
