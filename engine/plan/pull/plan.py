"""Pull queries: one answer from what a table holds now, or from what a stream has so far.

The whole WHERE is evaluated over the table's rows. Beside it stands what can be read off it to look at fewer of them: the
keys that can fit, which name their owners' key groups, ranges of a single key, and bounds of the windows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from ...errors import AnalysisError, Span
from ...sql.catalog import Catalog, Relation
from ...sql.compile.expression import SYSTEM_COLUMNS, compile_condition, compile_sql, guarded
from ...sql.expressions import Call, Column, Expr, Literal, System, systems_used
from ...sql.functions import AggregateFunction, FunctionRegistry, TableFunction
from ...sql.schema import ColumnDef, Schema
from ...sql.scope import WINDOW_BOUNDS
from ...sql.statements.statement import Query, SourceRef
from ...sql.types import BIGINT, quote_if_needed
from ...sql.typing.calls import contains
from ...sql.typing.expression import analyze_expression, require_boolean
from ..analysis.aliases import with_aliases
from ..analysis.keys import check_names
from ..analysis.projection import analyze_items, column_node, items_of
from ..analysis.rows import Rows, RowScope
from ..analysis.sources import rows_from
from ..explain import step_text, windowed
from ..logical import Read
from ..physical.steps import Evaluate, Infer, Window
from ..predicates import conjuncts
from ..rules.hoist_models import has_model
from .models import hoisted
from .texts import guarded_condition

if TYPE_CHECKING:
    from .shapes import PullShape

KEYS_MAX = 1000
"""More combinations of keys than this are not listed: a scan is as good."""


@dataclass(frozen=True)
class Range:
    """Values between two bounds, each None where there is none."""

    low: Any = None
    high: Any = None
    low_inclusive: bool = True
    high_inclusive: bool = True


@dataclass(frozen=True)
class PullPlan:
    """A pull query over `relation`, whose columns are c0, c1 … of the view that it is run on (with `_ws`, `_we` of a windowed
    table, and `_rowtime`). `keys`: all keys that can fit, None where any can; `by_key`: whether they are few, which is known
    of a shape too, whose keys are not. `key_range`: of a single key column. `windows`: bounds of WINDOWSTART and WINDOWEND.
    `is_stream`: the view is the stream's records so far. `steps`: what runs over the rows that the SQL gives, where the
    query calls models; they keep the system columns that they need. `shape`: what it was made from with `values`
    (`shapes.py`), None where it was planned by itself."""

    relation: str
    schema: Schema
    columns: tuple[Expr, ...]
    where: Expr | None
    keys: tuple[tuple[Any, ...], ...] | None
    key_range: Range | None
    windows: Mapping[str, Range] = field(default_factory=dict)
    limit: int | None = None
    window: Window | None = None
    is_stream: bool = False
    by_key: bool = False
    steps: tuple[Evaluate | Infer, ...] = ()
    shape: PullShape | None = field(default=None, compare=False, repr=False)
    values: tuple[Any, ...] = field(default=(), compare=False, repr=False)

    @property
    def kept(self) -> list[str]:
        """The system columns that the steps need of the rows."""
        return sorted(systems_used([e for step in self.steps for e in step_exprs(step)]))

    def sql(self, view: str) -> str:
        """The DuckDB SQL over a view (or a table, or a query in parentheses) of the relation's rows. An expression that fails for
        a row is NULL there."""
        columns = [f"{compile_sql(guarded(e))} AS c{i}" for i, e in enumerate(self.columns)]
        columns += [SYSTEM_COLUMNS[name] for name in self.kept]
        where = "" if self.where is None else f" WHERE {compile_condition(guarded_condition(self.where))}"
        cut = self.limit is not None and all(step.where is None for step in self.steps if isinstance(step, Evaluate))
        limit = f" LIMIT {self.limit}" if cut else ""
        return f"SELECT {', '.join(columns)} FROM {view}{where}{limit}"


def plan_pull(query: Query, catalog: Catalog, registry: FunctionRegistry) -> PullPlan:
    """The plan of a SELECT without EMIT. Raises a UserError where only a push query could answer."""
    check_clauses(query, registry)
    rows = rows_from(query.from_, catalog, registry)
    read = rows.node
    assert isinstance(read, Read)  # check_clauses refuses joins
    _check_materialized(catalog.get(read.source.name))
    query, _ = with_aliases(query, rows, registry)
    items = items_of(query.select, rows, _star(rows), registry, persistent=False)
    check_names(items)
    columns = tuple(analyze_items(items, RowScope(rows, registry, "SELECT"), registry))
    where = None
    if query.where is not None:
        where = require_boolean(analyze_expression(query.where, RowScope(rows, registry, "WHERE"), registry), "WHERE")
    exprs = [*columns, *([] if where is None else [where])]
    _check_expressions(exprs, is_table=read.is_table)
    schema = Schema(tuple(ColumnDef(i.name, e.type, _is_key(e, rows)) for i, e in zip(items, columns, strict=True)))
    parts = [] if where is None else conjuncts(where)
    keys = [e.index for e in (k.expr for k in rows.keys) if isinstance(e, Column)] if read.is_table else []
    named = _keys(parts, keys)
    steps: tuple[Evaluate | Infer, ...] = ()
    if any(has_model(e) for e in exprs):
        columns, where, steps = hoisted(read, columns, where, schema)
    return PullPlan(
        relation=read.source.name,
        schema=schema,
        columns=columns,
        where=where,
        keys=named,
        key_range=_range(parts, _is_column(keys[0])) if len(keys) == 1 else None,
        windows={name: r for name in WINDOW_BOUNDS if (r := _range(parts, _is_bound(name))) is not None},
        limit=query.limit,
        window=read.window,
        is_stream=not read.is_table,
        by_key=named is not None,
        steps=steps,
    )


def step_exprs(step: Evaluate | Infer) -> list[Expr]:
    """What a step of a pull query computes, or asks models about."""
    if isinstance(step, Infer):
        return [arg for _, args in step.calls for arg in args]
    return [*step.columns, *([] if step.where is None else [step.where])]


def explain_pull(plan: PullPlan) -> str:
    """A pull query's text: what is looked at, and the SQL that is run over it."""
    name = quote_if_needed(plan.relation)
    if plan.is_stream:
        how = f"all records of stream {name} so far"
    elif plan.keys is not None:
        how = f"{len(plan.keys)} key{'s' * (len(plan.keys) != 1)} of table {name}"
    else:
        how = f"all rows of table {name}"
    columns = plan.schema.text(is_table=False)
    models = "".join(f"  e{step.output} = {step_text(step)}\n" for step in plan.steps)
    return f"Pull query ({columns})\n  reads {how}{windowed(plan.window)}\n  {plan.sql(name)}\n{models}"


def check_clauses(query: Query, registry: FunctionRegistry) -> None:
    """Refuse what only a push query can answer."""
    refused = {
        "JOIN": not isinstance(query.from_, SourceRef),
        "GROUP BY": bool(query.group_by),
        "PARTITION BY": bool(query.partition_by),
        "HAVING": query.having is not None,
        "WINDOW": query.window is not None,
    }
    for clause, present in refused.items():
        if present:
            raise AnalysisError(f"pull queries do not support {clause} clauses", hint=_PUSH)
    if query.limit is not None and query.limit < 0:
        raise AnalysisError("LIMIT must not be negative", hint="leave it out to get all rows")
    for item in query.select:
        for kind, words in ((AggregateFunction, "aggregate functions"), (TableFunction, "table functions")):
            if any(contains(node, registry, kind) is not None for node in item.expressions):
                raise AnalysisError(f"pull queries do not support {words}", hint=_PUSH, span=item.span)


def _check_materialized(relation: Relation) -> None:
    if relation.is_table and relation.query_id is None and not relation.is_source:
        raise AnalysisError(
            f"{relation.name} is not materialized: nothing keeps its rows to be looked up",
            detail="it is only declared over a topic, or the query that made it has ended",
            hint=("" if relation.windowed else f"CREATE TABLE queryable AS SELECT * FROM {relation.name}, or ")
            + "CREATE SOURCE TABLE in place of CREATE TABLE",
        )


_PUSH = "add EMIT CHANGES if you intended a push query"


def _check_expressions(exprs: Sequence[Expr], *, is_table: bool) -> None:
    places = {"ROWPARTITION", "ROWOFFSET"} & systems_used(exprs)
    if places:
        raise AnalysisError(
            f"pull queries do not support {' and '.join(sorted(places))}",
            detail="a table's row does not remember where its last record lay" if is_table else None,
            hint=_PUSH,
        )


def _star(rows: Rows) -> Callable[[str | None, Span | None], Sequence[exp.Expression]]:
    """`*`: keys, then the bounds of their window, then values."""

    def star(source: str | None, span: Span | None) -> Sequence[exp.Expression]:
        visible = rows.visible(source, span)
        bounds = [e for e in rows.entries if e.hidden and e.name in WINDOW_BOUNDS]
        ordered = (*(e for e in visible if e.is_key), *bounds, *(e for e in visible if not e.is_key))
        return [column_node(e) for e in ordered]

    return star


def _is_key(expr: Expr, rows: Rows) -> bool:
    if isinstance(expr, System):
        return expr.name in WINDOW_BOUNDS
    return any(expr == key.expr for key in rows.keys)


def _keys(parts: Sequence[Expr], columns: Sequence[int]) -> tuple[tuple[Any, ...], ...] | None:
    """All keys that can fit the condition, when every key column is compared with constants."""
    if not columns:
        return None
    values = [_values(parts, column) for column in columns]
    total = 1
    for found in values:
        if found is None:
            return None
        total *= len(found)
    if total > KEYS_MAX:
        return None
    return tuple(product(*(found for found in values if found is not None)))


def key_named(where: Expr, columns: Sequence[int]) -> tuple[Any, ...] | None:
    """The key that a condition over the key `columns` names, where it says that and nothing else."""
    parts = conjuncts(where)
    if any(all(_constants(part, column) is None for column in columns) for part in parts):
        return None
    keys = _keys(parts, columns)
    return keys[0] if keys is not None and len(keys) == 1 else None


def _values(parts: Sequence[Expr], column: int) -> list[Any] | None:
    """The constants that one column can be, from `=`, IN, and ORs of those; None where the condition leaves it open."""
    allowed: list[Any] | None = None
    for part in parts:
        found = _constants(part, column)
        if found is not None:
            allowed = found if allowed is None else [v for v in allowed if v in found]
    return None if allowed is None else list(dict.fromkeys(allowed))


def _constants(part: Expr, column: int) -> list[Any] | None:
    match part:
        case Call(function="=", args=(Column(index=index), Literal(value=value))) if index == column:
            return _hashable([value])
        case Call(function="=", args=(Literal(value=value), Column(index=index))) if index == column:
            return _hashable([value])
        case Call(function="IN", args=(Column(index=index), *items)) if index == column:
            values = [item.value for item in items if isinstance(item, Literal)]
            return _hashable(values) if len(values) == len(items) else None
        case Call(function="OR", args=(left, right)):
            one, other = _constants(left, column), _constants(right, column)
            return None if one is None or other is None else [*one, *other]
        case _:
            return None


def _hashable(values: Sequence[Any]) -> list[Any] | None:
    """Constants that may be looked up; NULL equals nothing."""
    if any(isinstance(v, list | dict) for v in values):
        return None
    return [v for v in values if v is not None]


_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "="}


def _range(parts: Sequence[Expr], wanted: Callable[[Expr], bool]) -> Range | None:
    """The tightest bounds that the condition gives to the operand that `wanted` knows; None where it gives none."""
    bounds = Range()
    for part in parts:
        if not isinstance(part, Call) or part.function not in _FLIPPED:
            continue
        left, right = part.args
        if wanted(left) and isinstance(right, Literal) and right.value is not None:
            bounds = _tighter(bounds, part.function, right.value)
        elif wanted(right) and isinstance(left, Literal) and left.value is not None:
            bounds = _tighter(bounds, _FLIPPED[part.function], left.value)
    return None if bounds == Range() else bounds


def _tighter(bounds: Range, symbol: str, value: Any) -> Range:
    low, high = (bounds.low, bounds.low_inclusive), (bounds.high, bounds.high_inclusive)
    if symbol in ("=", ">=", ">") and (low[0] is None or (value, symbol == ">") >= (low[0], not low[1])):
        low = (value, symbol != ">")
    if symbol in ("=", "<=", "<") and (high[0] is None or (value, symbol != "<") <= (high[0], high[1])):
        high = (value, symbol != "<")
    return Range(low[0], high[0], low[1], high[1])


def _is_column(index: int) -> Callable[[Expr], bool]:
    return lambda e: isinstance(e, Column) and e.index == index


def _is_bound(name: str) -> Callable[[Expr], bool]:
    return lambda e: isinstance(e, System) and e.name == name and e.type == BIGINT
