"""The public decorators: `@udf`, `@udaf` and `@udtf` make SQL functions of Python's.

    from mergus import udf

    @udf
    def initials(name: str) -> str:
        return "".join(word[0] for word in name.split())

Types come from the annotations, or as SQL text from `params` and `returns`. A function is not called for rows in which an
argument is NULL, unless its parameter is annotated `| None`; a function that raises spoils its own row only. What a
decorator returns is still callable from Python.
"""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable, Sequence
from typing import Any

from ...errors import UserError
from ..builtin.table import param
from ..functions import (
    AggregateFunction,
    AggregateOverload,
    Function,
    Overload,
    ParamType,
    PythonAggregate,
    ScalarFunction,
    TableFunction,
    TableOverload,
)
from ..packages import packages_of
from ..types import NULL, SqlType
from ..typing.overloads import bindings_of, resolve_param
from .rows import StoredAggregator, scalar_implementation, table_implementation, vectorized_implementation
from .types import is_optional, item_of_annotation, type_of_annotation
from .waiting import waits


class UserFunction:
    """A Python function with its entry for the registry of SQL functions."""

    def __init__(self, python: Callable[..., Any], function: Function) -> None:
        functools.update_wrapper(self, python)
        self.python = python
        self._function = function

    def sql_function(self) -> Function:
        """The entry for the registry."""
        return self._function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.python(*args, **kwargs)


def udf(
    python: Callable[..., Any] | None = None,
    *,
    name: str | None = None,
    params: Sequence[str] | None = None,
    returns: str | None = None,
    vectorized: bool = False,
    deterministic: bool = True,
    null: str | None = None,
    packages: Sequence[str] = (),
    concurrency: int | None = None,
    timeout_s: float | None = None,
    description: str = "",
    category: str = "USER",
    examples: Sequence[str] = (),
    author: str = "",
) -> Any:
    """Make a scalar SQL function of a Python function.

    `params` and `returns` are SQL types (`'DECIMAL(10, 2)'`, `'ARRAY<T>'` where a capital letter is any type; a last
    parameter that ends in `…` or `...` repeats). `vectorized`: it takes Arrow arrays and gives one. `deterministic=False`
    keeps calls with equal arguments apart. `null`: 'skip' (a NULL argument makes the result NULL) or 'call'; default: as
    the annotations say. `packages`: what must be installed, as pip takes it; else statements that call the function are
    refused. Of an `async def` so many rows of a batch are asked at once (`concurrency`, 32), each for so long at the most
    (`timeout_s`, 30 seconds). Raises UserError where a type is missing or unknown, or an option does not fit.
    """

    def decorate(target: Callable[..., Any]) -> UserFunction:
        label = name or target.__name__
        waiting = _waiting(target, label, concurrency, timeout_s)
        if vectorized and waits(target):
            raise UserError(
                f"function {label}: one that waits (async def) is called by row", hint="leave out vectorized"
            )
        signature = _Signature(target, label, params, needs_annotations=params is None)
        result = _returns(target, label, returns, signature)
        takes_null = signature.takes_null if null is None else [null == "call"] * max(1, len(signature.params))
        if vectorized:
            skip = not any(takes_null)
            made = vectorized_implementation(label.upper(), target, skip_null=skip, volatile=not deterministic)
        else:
            made = scalar_implementation(label.upper(), target, takes_null, volatile=not deterministic, waiting=waiting)
        overload = Overload(tuple(signature.params), result, made, signature.variadic)
        text = description or _first_line(target)
        needs = packages_of(packages, label)
        entry = ScalarFunction(label.upper(), (overload,), text, category, tuple(examples), author, needs)
        return UserFunction(target, entry)

    return decorate if python is None else decorate(python)


def udtf(
    python: Callable[..., Any] | None = None,
    *,
    name: str | None = None,
    params: Sequence[str] | None = None,
    returns: str | None = None,
    packages: Sequence[str] = (),
    concurrency: int | None = None,
    timeout_s: float | None = None,
    description: str = "",
    examples: Sequence[str] = (),
    author: str = "",
) -> Any:
    """Make a table function of a Python function that gives or yields the rows for one input row.

    Annotate `-> list[T]` or `-> Iterator[T]` (of an `async def` that yields, AsyncIterator); `returns` is the SQL type of one
    row's value. The rest is as for `udf`.
    """

    def decorate(target: Callable[..., Any]) -> UserFunction:
        label = name or target.__name__
        waiting = _waiting(target, label, concurrency, timeout_s)
        signature = _Signature(target, label, params, needs_annotations=params is None)
        item: ParamType
        if returns is not None:
            item = _read(returns, label)
        else:
            annotation = _hints(target, label).get("return")
            if annotation is None:
                raise _missing(label, "its result", "-> list[str]")
            item = item_of_annotation(annotation, f"function {label}")
        made = table_implementation(label.upper(), target, signature.takes_null, waiting=waiting)
        overload = TableOverload(tuple(signature.params), item, made, signature.variadic)
        text = description or _first_line(target)
        needs = packages_of(packages, label)
        entry = TableFunction(label.upper(), (overload,), text, "TABLE", tuple(examples), author, needs)
        return UserFunction(target, entry)

    return decorate if python is None else decorate(python)


def udaf(
    python: type | None = None,
    *,
    name: str | None = None,
    params: Sequence[str] | None = None,
    state: str | None = None,
    returns: str | None = None,
    packages: Sequence[str] = (),
    description: str = "",
    examples: Sequence[str] = (),
    author: str = "",
) -> Any:
    """Make an aggregate of a class with `initialize() -> state`, `aggregate(value…, state) -> state`,
    `merge(earlier, later) -> state`, `map(state) -> result`, and `undo(value…, state) -> state` where it should work on
    tables. What `__init__` takes are constants at the end of the SQL arguments. A state is stored, so it has a SQL type:
    by the annotation of `initialize`, or `state='STRUCT<…>'`. One parameter may repeat: `aggregate(first, *rest, state)`, or
    `__init__(first, *rest)`. In `params`, `state` and `returns` a capital letter is any type, bound by the arguments:
    `params=['T'], state='ARRAY<T>', returns='ARRAY<T>'`.
    """

    def decorate(target: type) -> UserFunction:
        label = name or target.__name__
        for method in ("initialize", "aggregate", "merge", "map"):
            if not callable(getattr(target, method, None)):
                raise UserError(f"aggregate {label} has no method {method}", hint="see mergus.udaf")
        for method in ("initialize", "aggregate", "merge", "map", "undo"):
            if waits(getattr(target, method, None)):
                raise UserError(
                    f"aggregate {label}: {method} cannot be async",
                    detail="a state is made of one row after the other",
                    hint="wait in a @udf, and aggregate what it gives",
                )
        signature = _Signature(target.aggregate, label, params, needs_annotations=params is None, drop=(1, 1))  # type: ignore[attr-defined]
        state_type = _concrete(target, "initialize", label, state, "state")
        result = _concrete(target, "map", label, returns, "result")
        constants, more = _constructor(target, label)
        if more and signature.variadic:
            raise UserError(f"aggregate {label} has two parameters that repeat", hint="one of them takes an ARRAY")

        def resolve(types: Sequence[SqlType], values: Sequence[Any]) -> PythonAggregate:
            last = signature.params[-1:] * max(0, len(types) - len(signature.params))
            found = bindings_of([*signature.params, *last], types)
            made = resolve_param(result, found, NULL)
            stored = resolve_param(state_type, found, NULL)
            aggregator = StoredAggregator(target(*values), types, stored, made, signature.takes_null)
            return PythonAggregate(aggregator, made)

        params_of_both = (*signature.params, *constants)
        repeats = len(signature.params) - 1 if signature.variadic else -1
        overload = AggregateOverload(params_of_both, resolve, len(constants), signature.variadic or more, repeats)
        text = description or _first_line(target)
        needs = packages_of(packages, label)
        entry = AggregateFunction(label.upper(), (overload,), text, "AGGREGATE", tuple(examples), author, needs)
        return UserFunction(target, entry)

    return decorate if python is None else decorate(python)


def _waiting(
    target: Callable[..., Any], label: str, concurrency: int | None, timeout_s: float | None
) -> dict[str, Any]:
    """The options of a function that waits, where they are given."""
    options = {"concurrency": concurrency, "timeout_s": timeout_s}
    given = {name: value for name, value in options.items() if value is not None}
    if given and not waits(target):
        raise UserError(f"function {label}: {' and '.join(given)} is for functions that wait", hint="write async def")
    for name, value in given.items():
        if value <= 0:
            raise UserError(f"function {label}: {name} is greater than 0, not {value}")
    return given


class _Signature:
    """The parameters of a Python function as SQL's. `drop`: how many to leave out at either end (self, state)."""

    def __init__(
        self,
        target: Callable[..., Any],
        label: str,
        params: Sequence[str] | None,
        *,
        needs_annotations: bool,
        drop: tuple[int, int] = (0, 0),
    ) -> None:
        found = list(inspect.signature(target).parameters.values())
        found = found[drop[0] : len(found) - drop[1]]
        for parameter in found:
            if parameter.kind in (parameter.KEYWORD_ONLY, parameter.VAR_KEYWORD):
                raise UserError(f"function {label}: SQL has no keyword arguments: {parameter.name}")
        hints = _hints(target, label)
        self.takes_null = [is_optional(hints.get(p.name)) for p in found] or [False]
        self.variadic = any(p.kind is p.VAR_POSITIONAL for p in found)
        if needs_annotations:
            self.params: list[ParamType] = [self._annotated(p, hints, label) for p in found]
        else:
            self._given(params or (), found, label)

    @staticmethod
    def _annotated(parameter: inspect.Parameter, hints: dict[str, Any], label: str) -> ParamType:
        if parameter.name not in hints:
            raise _missing(label, f"parameter {parameter.name}", f"{parameter.name}: str")
        return type_of_annotation(hints[parameter.name], f"function {label}, parameter {parameter.name}")

    def _given(self, params: Sequence[str], found: Sequence[inspect.Parameter], label: str) -> None:
        texts = [p.strip() for p in params]
        self.variadic = bool(texts) and texts[-1].endswith(("…", "..."))
        self.params = [_read(t.rstrip("….").strip(), label) for t in texts]
        if len(texts) != len(found) and not self.variadic and not any(p.kind is p.VAR_POSITIONAL for p in found):
            raise UserError(f"function {label} has {len(found)} parameters, but params names {len(texts)}")


def _hints(target: Callable[..., Any], label: str) -> dict[str, Any]:
    try:
        return typing.get_type_hints(target)
    except NameError as error:
        raise UserError(
            f"function {label}: {error}", detail="in an annotation", hint="import it in the same file"
        ) from error


def _read(text: str, label: str) -> ParamType:
    try:
        return param(text)
    except UserError as error:
        raise UserError(f"function {label}: {error.message}", detail=error.detail) from error


def _returns(target: Callable[..., Any], label: str, returns: str | None, signature: _Signature) -> ParamType:
    if returns is not None:
        return _read(returns, label)
    annotation = _hints(target, label).get("return")
    if annotation is None:
        raise _missing(label, "its result", "-> str")
    return type_of_annotation(annotation, f"function {label}, result")


def _concrete(target: type, method: str, label: str, text: str | None, what: str) -> ParamType:
    if text is not None:
        return _read(text, label)
    annotation = _hints(getattr(target, method), label).get("return")
    if annotation is None:
        raise _missing(label, f"the {what} ({method})", "-> int")
    return type_of_annotation(annotation, f"aggregate {label}, {what}")


def _constructor(target: type, label: str) -> tuple[list[SqlType], bool]:
    """The types of the constants that a class is made with, and whether the last of them repeats."""
    if target.__init__ is object.__init__:  # type: ignore[misc]
        return [], False
    found = list(inspect.signature(target).parameters.values())
    hints = _hints(target.__init__, label)  # type: ignore[misc]
    for parameter in found:
        if parameter.name not in hints:
            raise _missing(label, f"parameter {parameter.name} of __init__", f"{parameter.name}: int")
    types = [type_of_annotation(hints[p.name], f"aggregate {label}, {p.name}") for p in found]
    return types, any(p.kind is p.VAR_POSITIONAL for p in found)


def _missing(label: str, what: str, example: str) -> UserError:
    return UserError(
        f"function {label}: {what} has no annotation",
        detail="SQL functions are typed",
        hint=f"write {example}, or give SQL types: params=[…], returns='…'",
    )


def _first_line(target: Any) -> str:
    return (inspect.getdoc(target) or "").split("\n\n")[0].replace("\n", " ")
