"""What a function takes, as DESCRIBE FUNCTION and errors write it."""

from __future__ import annotations

from collections.abc import Sequence

from .functions import Generic, LambdaParam, ListOf, MapOf, Matching, ModelInput, ParamType


def signature(params: Sequence[ParamType], variadic: bool, repeats: int = -1) -> str:
    """The parameters as DESCRIBE FUNCTION and errors show them."""
    texts = [f"{p.name} {p.type}" if isinstance(p, ModelInput) else param_text(p) for p in params]
    if variadic:
        texts[repeats] += "…"
    return ", ".join(texts)


def param_text(param: ParamType) -> str:
    """One parameter's type as text."""
    match param:
        case Generic(name) | Matching(name):
            return name
        case ModelInput(type=sql_type):
            return str(sql_type)
        case ListOf(item):
            return f"ARRAY<{param_text(item)}>"
        case MapOf(key, value):
            return f"MAP<{param_text(key)}, {param_text(value)}>"
        case LambdaParam(inputs, returns):
            return f"({', '.join(param_text(i) for i in inputs)}) => {param_text(returns)}"
        case _:
            return str(param)
