"""The notation of the function tables: signatures as text, implementations as DuckDB templates."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from ..functions import (
    ArrowFunction,
    Generic,
    Implementation,
    LambdaParam,
    ListOf,
    MapOf,
    Matching,
    Overload,
    ParamType,
    ReturnRule,
    ScalarFunction,
    SqlTemplate,
)
from ..types import INTERVAL_UNIT, Array, Decimal, Map, SqlType, Struct, duckdb_type, is_numeric, parse_type
from ..udf.rows import scalar_implementation

_SPECIAL: dict[str, ParamType] = {
    "DECIMAL": Matching("DECIMAL", lambda t: isinstance(t, Decimal)),
    "NUMBER": Matching("NUMBER", is_numeric),
    "ANY": Matching("ANY", lambda t: True),
    "STRUCT": Matching("STRUCT", lambda t: isinstance(t, Struct)),
    "SCALAR": Matching("SCALAR", lambda t: not isinstance(t, Array | Map | Struct)),
}
_OPEN, _CLOSE = "(<", ")>"


def split_parameters(text: str) -> list[str]:
    """`text` at its outer commas."""
    parts, depth, current = [], 0, ""
    text = text.replace("=>", "\0")
    for character in text:
        depth += (character in _OPEN) - (character in _CLOSE)
        if character == "," and depth == 0:
            parts.append(current)
            current = ""
        else:
            current += character
    parts.append(current)
    return [p.replace("\0", "=>").strip() for p in parts if p.strip()]


def param(text: str) -> ParamType:
    """A parameter's type from text: a SQL type, `DECIMAL`, `NUMBER`, `ANY`, a one-letter generic, ARRAY or MAP of those,
    or a lambda `(T, U) => V`."""
    text = text.strip()
    if "=>" in text and text.startswith("("):
        inputs, returns = text.rsplit("=>", 1)
        return LambdaParam(tuple(param(i) for i in split_parameters(inputs.strip()[1:-1])), param(returns))
    if text in _SPECIAL:
        return _SPECIAL[text]
    if text == INTERVAL_UNIT.name:
        return INTERVAL_UNIT
    if re.fullmatch(r"[A-Z]", text):
        return Generic(text)
    if not _has_generic(text):
        return parse_type(text)
    if text.startswith("ARRAY<"):
        return ListOf(param(text[6:-1]))
    key, value = split_parameters(text[4:-1])
    return MapOf(param(key), param(value))


def _has_generic(text: str) -> bool:
    words = re.findall(r"\w+", text)
    return not text.startswith(("DECIMAL(", "STRUCT<")) and any(
        re.fullmatch(r"[A-Z]", w) or w in _SPECIAL for w in words
    )


def template(text: str) -> SqlTemplate:
    """A DuckDB template with {0}, {1} … for the arguments and {*} for all of them."""

    def render(args: Sequence[str], types: Sequence[SqlType], result: SqlType) -> str:
        made = re.sub(r"\{(\d+)\}", lambda m: f"({args[int(m[1])]})", text.replace("{*}", ", ".join(args)))
        return f"CAST({made} AS {duckdb_type(result)})" if isinstance(result, Decimal) else made

    return SqlTemplate(render)


def overload(signature: str, implementation: Implementation | str, returns: ReturnRule | None = None) -> Overload:
    """An overload from `PARAM, PARAM… -> RESULT`; a last parameter that ends in `…` repeats."""
    parameters, _, result = signature.rpartition("->")
    if parameters.rstrip().endswith("="):  # the arrow of a lambda, not of the result
        raise ValueError(signature)
    texts = split_parameters(parameters)
    variadic = bool(texts) and texts[-1].endswith("…")
    params = tuple(param(t.rstrip("…")) for t in texts)
    made = template(implementation) if isinstance(implementation, str) else implementation
    return Overload(params, returns if returns is not None else param(result), made, variadic)


def function(
    name: str, description: str, category: str, *overloads: Overload, examples: tuple[str, ...] = ()
) -> ScalarFunction:
    """A scalar function."""
    return ScalarFunction(name, overloads, description, category, examples)


def first_type(types: Sequence[SqlType]) -> SqlType:
    """The result is of the first argument's type."""
    return types[0]


def rows(name: str, compute: Callable[..., Any], *, null: bool = False, volatile: bool = False) -> ArrowFunction:
    """A function that Python computes a row at a time, because nothing in DuckDB or Arrow gives the same answer. `null`:
    it is also called where an argument is NULL."""
    return scalar_implementation(name, compute, [null], volatile=volatile)
