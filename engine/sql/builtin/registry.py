"""All functions that ship with the language."""

from __future__ import annotations

from ..functions import FunctionRegistry
from . import (
    aggregates,
    aggregates_lists,
    collections,
    conversion,
    datetime,
    duckdb_own,
    json,
    math,
    nulls,
    percentiles,
    regex,
    sketches,
    strings,
    tables,
    urls,
)

_FAMILIES = (
    nulls,
    strings,
    regex,
    urls,
    conversion,
    json,
    datetime,
    math,
    collections,
    aggregates,
    aggregates_lists,
    percentiles,
    sketches,
    tables,
    duckdb_own,
)


def default_registry() -> FunctionRegistry:
    """A new registry with every function of every family."""
    registry = FunctionRegistry()
    for family in _FAMILIES:
        for function in family.FUNCTIONS:
            registry.add(function)
    return registry
