"""EXPLAIN: a plan as text for people: the logical tree, then stage by stage the steps with the DuckDB SQL that each runs.

Columns in the SQL are c0, c1 … of the edge that it reads, and edges are e0, e1 …; the tree speaks of them by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import assert_never

from ..sql.compile.expression import compile_condition, compile_sql
from ..sql.expressions import Call, Case, Cast, Column, Expr, Field, Lambda, Literal, Parameter, System
from ..sql.schema import Schema
from ..sql.types import Struct, quote_if_needed
from .logical import Aggregate, Filter, Finals, Infer, Join, Node, Project, Read, Retain, Retract, Union, inputs
from .physical.steps import Aggregate as AggregateStep
from .physical.steps import (
    AggregateCall,
    Edge,
    Evaluate,
    ForeignKeyChanges,
    ForeignKeyJoin,
    ForeignKeyResults,
    JoinSides,
    Materialize,
    PartialAggregate,
    QueryPlan,
    Stage,
    Step,
    StreamStreamJoin,
    StreamTableJoin,
    TableTableJoin,
    Window,
)
from .physical.steps import Infer as InferStep
from .physical.steps import Retract as RetractStep
from .physical.steps import Union as UnionStep

Notes = Callable[[int, Edge | None], Sequence[str]]
"""Lines to be told below a stage's step that writes an edge, or below the stage's head (None)."""


def _nothing(stage: int, edge: Edge | None) -> Sequence[str]:
    return ()


def explain(plan: QueryPlan, notes: Notes = _nothing) -> str:
    """The whole text."""
    lines = [f"Query {plan.query_id}: {_result(plan)}"]
    if plan.logical is not None:
        lines += ["", "Logical plan", *(f"  {line}" for line in tree(plan.logical))]
    for number, stage in enumerate(plan.stages):
        lines += ["", *_stage(number, stage, plan, notes)]
    return "\n".join([*lines, *_ends(plan)]) + "\n"


def tree(node: Node, depth: int = 0) -> list[str]:
    """A logical tree, a line a node, inputs below and to the right."""
    lines = [f"{'  ' * depth}{_node(node)}"]
    for child in inputs(node):
        lines += tree(child, depth + 1)
    return lines


def expression(expr: Expr) -> str:
    """An expression as SQL with names, for people."""
    match expr:
        case Column(name=name) | System(name=name) | Parameter(name=name):
            return _named(name)
        case Literal(value=value):
            return "NULL" if value is None else f"'{value}'" if isinstance(value, str) else str(value).upper()
        case Call(function=function, args=args) if not function[:1].isalpha() and len(args) == 2:
            return f"({expression(args[0])} {function} {expression(args[1])})"
        case Call(function="AND" | "OR" as function, args=(left, right)):
            return f"({expression(left)} {function} {expression(right)})"
        case Call(function=function, args=args):
            return f"{function}({', '.join(map(expression, args))})"
        case Cast(operand=operand, type=sql_type):
            return f"CAST({expression(operand)} AS {sql_type})"
        case Case(whens=whens, default=default):
            parts = "".join(f" WHEN {expression(c)} THEN {expression(r)}" for c, r in whens)
            return f"CASE{parts}{'' if default is None else f' ELSE {expression(default)}'} END"
        case Field(operand=operand, index=index):
            name = operand.type.fields[index][0] if isinstance(operand.type, Struct) else str(index)
            return f"{expression(operand)}->{quote_if_needed(name)}"
        case Lambda(parameters=parameters, body=body):
            return f"({', '.join(p.name for p in parameters)}) => {expression(body)}"
        case _:
            assert_never(expr)


def evaluate_sql(step: Evaluate) -> str:
    """The DuckDB SQL of an evaluation."""
    columns = ", ".join(
        f"{'unnest(' if i in step.explode else ''}{compile_sql(e)}{')' if i in step.explode else ''} AS c{i}"
        for i, e in enumerate(step.columns)
    )
    where = "" if step.where is None else f" WHERE {compile_condition(step.where)}"
    return f"SELECT {columns} FROM e{step.input}{where}"


def _node(node: Node) -> str:
    match node:
        case Read(source=source, alias=alias):
            wanted = [quote_if_needed(source.schema.columns[i].name) for i in sorted(source.wanted)]
            name = source.name if alias == source.name else f"{source.name} {alias}"
            what = "table" if source.is_table else "stream"
            return f"Read {what} {name}{windowed(source.windowed)} [{', '.join(wanted)}]"
        case Filter(condition=condition):
            return f"Filter {expression(condition)}"
        case Project():
            return f"Project {_columns(node.columns, node.schema, node.explode)}"
        case Infer(calls=calls, results=results):
            shown = (
                f"{r.name}({', '.join(map(expression, args))})" for (_, args), r in zip(calls, results, strict=True)
            )
            return f"Infer {', '.join(shown)}"
        case Aggregate():
            keys = ", ".join(_named(c.name) for c in node.input.schema.columns[: node.keys])
            final = " emit final" if node.emit_final else ""
            combined = " combined before the exchange" if node.combine else ""
            made = ", ".join(_call(c, node.input.schema) for c in node.calls) or "groups"
            return f"Aggregate {made} by {keys}{windowed(node.grouped)}{_kept_for(node.ttl_ms)}{final}{combined}"
        case Join(kind=kind, left=left, right=right, left_key=left_key, right_key=right_key):
            on = f"{left.schema.columns[left_key].name} = {right.schema.columns[right_key].name}"
            within = (
                ""
                if node.within is None
                else f" within {node.within.before_ms} ms before, {node.within.after_ms} after"
            )
            what = " as a lookup" if node.is_lookup else ""
            match_ = "" if node.match is None else f", a match where {expression(node.match)}"
            return f"Join {kind} {node.between}{what} on {on}{within}{match_}"
        case Union(arms=arms):
            return f"Union of {len(arms)} streams"
        case Retain(told=told):
            return "Retain keys that were told" if told else "Retain newest row of each key"
        case Retract():
            return "Retract rows that change"
        case Finals():
            return "Finals: each window once, as a stream"


def _stage(number: int, stage: Stage, plan: QueryPlan, notes: Notes) -> Iterator[str]:
    if stage.exchange is None:
        yield f"Stage {number}"
    else:
        sent = (f"e{edge} by {', '.join(f'c{k}' for k in keys)}" for edge, keys in sorted(stage.exchange.keys.items()))
        yield f"Stage {number}, behind an exchange of {'; '.join(sent)}"
    yield from (f"  {note}" for note in notes(number, None))
    if stage.exchange is None:
        for source in plan.sources:
            where = f"files {source.file.path}" if source.file else f"topic {source.topic}"
            yield f"  e{source.edge} = read {where} ({source.formats.key} key, {source.formats.value} value)"
    for step in stage.steps:
        yield f"  e{step.output} = {step_text(step)}"
        yield from (f"       {note}" for note in notes(number, step.output))


def step_text(step: Step) -> str:
    """What a step does."""
    match step:
        case Evaluate():
            tombstones = "  -- other rows become tombstones" if step.is_table and step.where is not None else ""
            return evaluate_sql(step) + tombstones
        case InferStep(input=edge, calls=calls):
            return f"infer over e{edge}: " + ", ".join(
                f"({', '.join(compile_sql(a) for a in args)})" for _, args in calls
            )
        case PartialAggregate():
            how = "combine rows of a batch" if step.combine else "assign rows"
            return f"{how} by {step.keys} key column{'s' * (step.keys != 1)} of e{step.input}{windowed(step.window)}"
        case AggregateStep():
            taking_back = ", taking back rows" if step.table_input else ""
            final = ", rows when windows close" if step.emit_final else ""
            return f"merge e{step.input} into {step.state}{_kept_for(step.partial.ttl_ms)}{taking_back}{final}"
        case StreamTableJoin():
            on = f"e{step.left}.c{step.left_key} = e{step.right}.c{step.right_key}"
            return f"{step.kind} join of e{step.left} with {step.state}, the rows of e{step.right}, on {on}"
        case UnionStep(inputs=edges):
            return f"rows of {' and '.join(f'e{edge}' for edge in edges)}, in their order"
        case JoinSides():
            return (
                f"rows of e{step.left} by c{step.left_key} and of e{step.right} by c{step.right_key}, with stream times"
            )
        case StreamStreamJoin():
            within = f"{step.before_ms} ms before, {step.after_ms} ms after"
            grace = "" if step.grace_ms is None else f", grace {step.grace_ms} ms"
            match_ = "" if step.match is None else f", a match where {compile_sql(step.match)}"
            return f"{step.kind} join of the two sides of e{step.input} within {within}{grace}{match_}, kept in {step.state}"
        case ForeignKeyChanges():
            return f"changes of e{step.input} with the rows kept in {step.state}, by their foreign key c{step.foreign}"
        case ForeignKeyJoin():
            on = f"e{step.left}.c{step.left_key} = e{step.right}.c{step.right_key}"
            return f"{step.kind} join of e{step.left} and e{step.right}, kept in {step.state}, on the foreign key {on}"
        case ForeignKeyResults():
            return f"e{step.input} without results of rows that have changed since"
        case TableTableJoin():
            on = f"e{step.left}.c{step.left_key} = e{step.right}.c{step.right_key}"
            return f"{step.kind} join of e{step.left} and e{step.right}, kept in {step.state}, on {on}"
        case Materialize(every=every):
            which = ", tombstones only of keys that were told" if every else ""
            return f"keep e{step.input} in {step.state}{which}"
        case RetractStep():
            return f"changes of e{step.input} with the rows kept in {step.state}"


def _ends(plan: QueryPlan) -> list[str]:
    lines = []
    if plan.materialized is not None:
        lines += ["", f"Pull queries read {plan.materialized}"]
        if plan.table_view is not None:
            lines.append(f"  {evaluate_sql(plan.table_view)}")
    if plan.sink is not None:
        sink = plan.sink
        lines += ["", f"Sink e{sink.edge} to topic {sink.topic} ({sink.formats.key} key, {sink.formats.value} value)"]
    if plan.settings:
        lines += ["", "Properties", *(f"  {name} = {value}" for name, value in sorted(plan.settings.items()))]
    return lines


def _result(plan: QueryPlan) -> str:
    kind = "table" if plan.is_table else "stream"
    name = "" if plan.sink is None else f" {quote_if_needed(plan.sink.name)}"
    limit = "" if plan.limit is None else f" limit {plan.limit}"
    return f"{kind}{name} ({plan.schema.text(is_table=plan.is_table)}){windowed(plan.window)}{limit}"


def _columns(exprs: Sequence[Expr], schema: Schema, explode: frozenset[int]) -> str:
    shown = []
    for i, (expr, column) in enumerate(zip(exprs, schema, strict=True)):
        text, name = expression(expr), _named(column.name)
        text = f"each of {text}" if i in explode else text
        shown.append(text if text == name else f"{text} AS {name}")
    return ", ".join(shown)


def _call(call: AggregateCall, schema: Schema) -> str:
    return f"{call.name}({', '.join(_named(schema.columns[i].name) for i in call.args)})"


def _named(name: str) -> str:
    """A column's name; one that the planner gave to an expression is the expression's text, and needs no quotes."""
    return name if any(sign in name for sign in " (>*") else quote_if_needed(name)


def _kept_for(ttl_ms: int | None) -> str:
    return "" if ttl_ms is None else f" kept for {ttl_ms} ms after their last row"


def windowed(window: Window | None) -> str:
    """A window in words, with a blank before it; nothing where there is none."""
    if window is None:
        return ""
    advance = f" advance {window.advance_ms} ms" if window.kind == "HOPPING" else ""
    advance = f" step {window.advance_ms} ms" if window.is_cumulative else advance
    grace = "" if window.grace_ms is None else f" grace {window.grace_ms} ms"
    return f" in {window.kind} windows of {window.size_ms} ms{advance}{grace}"
