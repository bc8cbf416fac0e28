"""What a plan's state looks like: one text a state table, the same for as long as stored state can be used.

Statements, not plans, are kept; a server plans again at start. State written under another layout (the statement was
replaced, or the engine plans it otherwise) must be refused or rebuilt, and never read as what it is not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

from ..errors import Conflict
from ..sql.functions import AggregateSpec
from ..sql.schema import Schema
from .steps import (
    Aggregate,
    AggregateCall,
    ForeignKeyChanges,
    ForeignKeyJoin,
    Materialize,
    QueryPlan,
    Retract,
    Step,
    StreamStreamJoin,
    StreamTableJoin,
    TableTableJoin,
    Window,
)


def state_layout(plan: QueryPlan) -> dict[str, str]:
    """What each state table of a plan holds, by the table's name."""
    return dict(entry for stage in plan.stages for step in stage.steps for entry in _entries(step))


def fingerprint(layout: Mapping[str, str]) -> str:
    """A short name of a layout, to be stored beside the state.

    >>> fingerprint({"groups_1": "by STRING"}) == fingerprint({"groups_1": "by STRING"})
    True
    """
    text = "\n".join(f"{name}: {layout[name]}" for name in sorted(layout))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def check_layout(query_id: str, stored: Mapping[str, str], planned: Mapping[str, str]) -> None:
    """Raise Conflict where the state that is stored is not the one that the plan needs, saying what differs."""
    differing = [name for name in sorted({*stored, *planned}) if stored.get(name) != planned.get(name)]
    if differing:
        name = differing[0]
        raise Conflict(
            f"the state of query {query_id} does not fit its plan",
            detail=f"{name} holds {stored.get(name, 'nothing')}; the plan needs {planned.get(name, 'nothing')}",
            hint="drop the query and create it again, so that it is built anew from its topics",
        )


def _entries(step: Step) -> Iterator[tuple[str, str]]:
    match step:
        case Aggregate(partial=partial):
            keys = _types(partial.input_schema, range(partial.keys))
            calls = "; ".join(_call(call, partial.input_schema) for call in partial.calls)
            final = ", emit final" if step.emit_final else ""
            yield step.state, f"groups by {keys}{_window(partial.window)}{final}: {calls}"
        case StreamTableJoin():
            columns = _types(step.right_schema, range(len(step.right_schema)))
            yield step.state, f"rows by column {step.right_key}: {columns}"
        case StreamStreamJoin(sides=sides):
            window = "" if step.windowed is None else f" in {step.windowed} windows"
            span = f"{step.before_ms} ms before, {step.after_ms} ms after{window}"
            for side, schema in (("left", sides.left_schema), ("right", sides.right_schema)):
                yield f"{step.state}_{side}", f"rows within {span}: {_types(schema, range(len(schema)))}"
        case ForeignKeyChanges(primary=primary, schema=schema):
            yield step.state, f"rows by columns {list(primary)}: {_types(schema, range(len(schema)))}"
        case ForeignKeyJoin():
            for side, places, schema in (
                ("left", [step.left_key, *step.primary], step.left_schema),
                ("right", [step.right_key], step.right_schema),
            ):
                yield f"{step.state}_{side}", f"rows by columns {places}: {_types(schema, range(len(schema)))}"
        case TableTableJoin():
            window = ", by window" if step.windowed else ""
            for side, key, schema in (
                ("left", step.left_key, step.left_schema),
                ("right", step.right_key, step.right_schema),
            ):
                yield f"{step.state}_{side}", f"rows by column {key}{window}: {_types(schema, range(len(schema)))}"
        case Materialize():
            places = [i for i, c in enumerate(step.schema) if c.is_key]
            columns = _types(step.schema, range(len(step.schema)))
            yield step.state, f"rows by columns {places}{_window(step.window)}: {columns}"
        case Retract():
            yield step.state, f"rows by columns {list(step.keys)}: {_types(step.schema, range(len(step.schema)))}"
        case _:
            return


def _types(schema: Schema, places: range) -> str:
    return ", ".join(str(schema.columns[i].type) for i in places)


def _call(call: AggregateCall, schema: Schema) -> str:
    args = ", ".join(str(schema.columns[i].type) for i in call.args)
    if isinstance(call.spec, AggregateSpec):
        state = ", ".join(column.duckdb_type for column in call.spec.state)
    else:
        state = str(call.spec.aggregator.state_type)
    return f"{call.name}({args}) as {state}"


def _window(window: Window | None) -> str:
    if window is None:
        return ""
    return f" in {window.kind} windows of {window.size_ms} ms advancing {window.advance_ms} ms"
