"""DESCRIBE FUNCTION, and the page of all functions, which says the same.

    python -m mergus.engine.serving.describe.functions > docs/sql/functions.md

writes the page of the functions that ship (`make docs`).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from ...config import load
from ...errors import UnknownName
from ...inference.versions.registered import HIDDEN
from ...sql.functions import (
    AggregateOverload,
    Function,
    FunctionRegistry,
    Generic,
    LambdaParam,
    Matching,
    ModelInput,
    Overload,
    ParamType,
    TableOverload,
)
from ...sql.scope import suggestion
from ...sql.signatures import param_text
from ...sql.statements.statement import DescribeFunction
from ...sql.synonyms import SYNONYMS
from ...sql.types import BOOLEAN, DOUBLE, INTEGER, STRING, Array, SqlType
from ..opening import registry as shipped_registry
from ..results import Listing
from ..show import function_kind

PAGE_HEAD = """# Functions

Every function that ships. `DESCRIBE FUNCTION name;` says the same, and `SHOW FUNCTIONS;` names yours too. `make docs` writes
this page.

A NULL argument makes the result NULL, unless the function is about NULLs or says otherwise. `T`, `K`, `V` … stand for any
type, the same wherever the letter is the same; `NUMBER` for INTEGER, BIGINT, DOUBLE and DECIMAL; `COMPARABLE` for numbers,
STRING, BYTES and times; `ANY` for anything. `, ...` says that the last parameter repeats.

Names of other systems are taken too, unless a function of yours has them: {}.
"""
_FAMILIES = {
    "CONDITIONAL": "NULLs and choices",
    "STRING": "Text",
    "REGULAR EXPRESSION": "Regular expressions",
    "URL": "Addresses",
    "CONVERSION": "Bytes",
    "JSON": "JSON in text",
    "DATE / TIME": "Dates and times",
    "MATHEMATICAL": "Numbers",
    "ARRAY": "Arrays",
    "MAP": "Maps",
    "LAMBDA": "Functions that take functions",
    "AGGREGATE": "Aggregates",
    "TABLE": "Table functions",
    "OTHER": "Others",
    "MODEL": "Models",
}
_SAMPLES = (INTEGER, DOUBLE, STRING, Array(INTEGER), Array(DOUBLE))


def describe_function(statement: DescribeFunction, text: str, registry: FunctionRegistry) -> Listing:
    """One function with all its signatures."""
    function = registry.called(statement.name)
    if function is None:
        raise UnknownName(
            f"function {statement.name} does not exist",
            hint=suggestion(statement.name.upper(), registry.functions) or "SHOW FUNCTIONS lists them",
            span=statement.span,
        )
    body = {
        "name": function.name.upper(),
        "description": function.description,
        "author": function.author,
        "version": "",
        "path": "internal",
        "functions": [
            {"arguments": _arguments(o), "returnType": _returns(o), "description": function.description}
            for o in function.overloads
        ],
        "type": function_kind(function),
    }
    people = "\n".join(
        [f"{function.name.upper()} ({function_kind(function)}): {function.description}", *function.examples]
    )
    return Listing(text, "describe_function", body, ("Signature", "Returns"), signatures(function), people)


def signatures(function: Function) -> tuple[tuple[str, str], ...]:
    """Each overload: how it is called, and of which type the result is."""
    return tuple((_call(function.name.upper(), _arguments(o)), _returns(o)) for o in function.overloads)


def _call(name: str, arguments: Sequence[dict[str, Any]]) -> str:
    return f"{name}({', '.join(a['type'] + (', ...' if a['isVariadic'] else '') for a in arguments)})"


def _type_text(param: ParamType) -> str:
    """A parameter's type as people read it: ARRAY<T>, LAMBDA (T) => R."""
    return f"LAMBDA {param_text(param)}" if isinstance(param, LambdaParam) else param_text(param)


def _arguments(overload: Overload | TableOverload | AggregateOverload) -> list[dict[str, Any]]:
    last = len(overload.params) - 1
    if isinstance(overload, AggregateOverload) and overload.params:
        last = overload.repeats % len(overload.params)
    return [
        {
            "name": p.name if isinstance(p, ModelInput) else f"arg{i}",
            "type": _type_text(p),
            "description": "",
            "isVariadic": overload.variadic and i == last,
        }
        for i, p in enumerate(overload.params)
    ]


def _returns(overload: Overload | TableOverload | AggregateOverload) -> str:
    if isinstance(overload, AggregateOverload):
        return _aggregate_returns(overload)
    return "by its arguments" if callable(overload.returns) else _type_text(overload.returns)


def _aggregate_returns(overload: AggregateOverload) -> str:
    """An aggregate's type is known for given types only: asked for two, it shows what follows from the first argument."""
    varying = overload.params[: len(overload.params) - overload.constants]
    constants = [_constant(p) for p in overload.params[len(varying) :]]
    given = [[_sample(p, which) for p in varying] for which in (0, 1)]
    one, other = (overload.resolve(types, constants).type for types in given)
    if one == other:
        return str(one)
    first = [types[0] for types in given]
    if [one, other] == first:
        return _type_text(varying[0])
    if [one, other] == [Array(t) for t in first]:
        return f"ARRAY<{_type_text(varying[0])}>"
    return "by its arguments"


def _constant(param: ParamType) -> Any:
    if isinstance(_sample(param, 0), Array):
        return [1]
    return True if param is BOOLEAN else 1


def _sample(param: ParamType, which: int) -> SqlType:
    match param:
        case Generic():
            return _SAMPLES[which]
        case Matching(accepts=accepts):
            return [t for t in _SAMPLES if accepts(t)][which]
        case _:
            assert isinstance(param, SqlType)
            return param


# ----------------------------------------------------------------------------------------------------------------- the page


def page(registry: FunctionRegistry) -> str:
    """All functions in Markdown, a table a family."""
    found = [f for f in registry.functions.values() if not any(sign in f.name for sign in HIDDEN)]
    order = list(_FAMILIES)
    found.sort(key=lambda f: (order.index(f.category) if f.category in order else len(order), f.name.upper()))
    also = ", ".join(f"`{other}` is {name}" for other, name in sorted(SYNONYMS.items()))
    parts = [PAGE_HEAD.format(also)]
    for category, functions in groupby(found, lambda f: f.category):
        lines = [f"## {_FAMILIES.get(category, category.title())}", "", "| function | what |", "| --- | --- |"]
        parts.append("\n".join([*lines, *map(_row, functions)]) + "\n")
    return "\n".join(parts)


def _row(function: Function) -> str:
    calls = (f"`{call}` → {returns}" for call, returns in signatures(function))
    cells = "<br>".join(calls), "<br>".join([function.description, *(f"`{e}`" for e in function.examples)])
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


if __name__ == "__main__":
    sys.stdout.write(page(shipped_registry(load({}, {}))))
