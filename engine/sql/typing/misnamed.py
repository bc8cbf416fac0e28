"""Calls of functions that do not exist, or cannot stand there: what was meant, or what to write instead."""

from __future__ import annotations

from ...errors import AnalysisError, Span
from ..functions import AggregateFunction, Function, FunctionRegistry
from ..scope import suggestion
from ..synonyms import INSTEAD, SYNONYMS
from ..window_functions import NAMES as WINDOW_FUNCTIONS


def instead_of(name: str, registry: FunctionRegistry) -> str:
    """The hint of such a refusal."""
    if name in WINDOW_FUNCTIONS and name not in INSTEAD:
        return f"{name} stands before OVER (PARTITION BY … ORDER BY …), in pull queries"
    model = name.split("@")[0].split("$")[0]
    if model != name and model in registry.functions:  # a version, or an alias, that the model does not have
        called = sorted(n for n in registry.functions if n.startswith((f"{model}@", f"{model}$")) and "#" not in n)
        return f"{model} is called as {', '.join([model, *called])}"
    return INSTEAD.get(name) or suggestion(name, [*registry.functions, *SYNONYMS]) or "SHOW FUNCTIONS lists them all"


def out_of_place(name: str, function: Function, span: Span | None) -> AnalysisError:
    """An aggregate or table function where a scalar one stands."""
    if isinstance(function, AggregateFunction):
        where = "aggregates stand in SELECT and HAVING of a query with GROUP BY, and not inside one another"
        return AnalysisError(f"{name} is an aggregate and cannot stand here", hint=where, span=span)
    where = "table functions stand in SELECT, and not inside other functions"
    return AnalysisError(f"{name} is a table function and cannot stand here", hint=where, span=span)
