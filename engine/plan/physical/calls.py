"""The models and functions that a query calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from ...sql.expressions import Call
from .steps import AggregateCall, Infer, QueryPlan

_NO_CALLS = frozenset(["implementation", "spec", "schema", "sources", "formats"])


def models_called(plan: QueryPlan) -> list[Any]:
    """One for each call, in the order in which they are made (`ModelCall.model`)."""
    infers = [step for stage in plan.stages for step in stage.steps if isinstance(step, Infer)]
    return [call.model for step in infers for call, _ in step.calls]


def functions_called(plan: QueryPlan) -> set[str]:
    """The names of the functions and aggregates that its steps call, whatever evaluates them."""
    return {name.upper() for name in _names([plan.stages, plan.table_view])}


def _names(value: Any) -> Iterator[str]:
    match value:
        case Call(function=name):
            yield name
        case AggregateCall(name=name):
            yield name
    if isinstance(value, tuple | list | frozenset):
        parts: list[Any] = list(value)
    elif isinstance(value, Mapping):
        parts = list(value.values())
    else:
        known = fields(value) if is_dataclass(value) else ()
        parts = [getattr(value, field.name) for field in known if field.name not in _NO_CALLS]
    for part in parts:
        yield from _names(part)
