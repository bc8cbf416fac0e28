"""A version's self-test: golden inputs, what they are to give, and how near."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from ...errors import UserError
from ..model_function import ModelFunction
from ..runtime import ModelRuntime

TOLERANCE = 1e-4
"""How far a number may be off unless TOLERANCE says so."""


def golden_inputs(function: ModelFunction, cases: Any) -> list[pa.Array]:
    """The inputs of a self-test's cases, a column an argument. Raises UserError where they are no such list, or do not fit."""
    names = list(function.inputs)
    try:
        rows = [_row(function.name, names, case) for case in _with_bytes(cases)]
    except ValueError as error:
        raise UserError(f"model {function.name}: the self-test's bytes are no base64", detail=str(error)) from error
    try:
        return [pa.array([r[i] for r in rows], t) for i, t in enumerate(function.arrow_inputs)]
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise UserError(f"model {function.name}: the self-test's inputs do not fit", detail=str(error)) from error


def check_answers(function: ModelFunction, outputs: Sequence[str], cases: Any, tolerance: float | None) -> None:
    """Run the golden inputs in one batch and compare; raises UserError where an answer is another."""
    columns, near = golden_inputs(function, cases), float(tolerance or TOLERANCE)
    made = ModelRuntime(cache_rows=0).infer(function, columns)
    reasons = dict(made.errors)
    for number, (case, got) in enumerate(zip(_with_bytes(cases), made.values.to_pylist(), strict=True)):
        wanted = case.get("output")
        if isinstance(got, dict):
            got = dict(zip(outputs, got.values(), strict=True))
        if not _agrees(got, wanted, near):
            raise UserError(
                f"model {function.name} fails its self-test",
                detail=f"case {number + 1} gives {reasons.get(number, got)!r}, expected {wanted!r}",
                hint=f"TOLERANCE is {near:g}",
            )


def _row(name: str, names: Sequence[str], case: Any) -> list[Any]:
    given = case.get("input") if isinstance(case, dict) else None
    if isinstance(given, dict):
        by_name = {k.upper(): v for k, v in given.items()}
        return [by_name.get(n.upper()) for n in names]
    if isinstance(given, list) and len(given) == len(names) and len(names) > 1:
        return list(given)
    if given is not None and len(names) == 1:
        return [given]
    raise UserError(f"model {name}: its self-test is no list of cases", hint='[{"input": {"x": 1}, "output": 2}, …]')


def _with_bytes(value: Any) -> Any:
    """A JSON value with `{"b64": …}` in it as bytes, at any depth."""
    if isinstance(value, list):
        return [_with_bytes(v) for v in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"b64"} and isinstance(value["b64"], str):
        return base64.b64decode(value["b64"], validate=True)
    return {name: _with_bytes(v) for name, v in value.items()}


def _agrees(got: Any, wanted: Any, tolerance: float) -> bool:
    """Whether an answer is what was wanted; an object of wanted outputs may leave some out."""
    if isinstance(wanted, dict) and isinstance(got, dict):
        by_name = {k.upper(): v for k, v in got.items()}
        return all(_agrees(by_name.get(k.upper()), v, tolerance) for k, v in wanted.items())
    if isinstance(wanted, list) and isinstance(got, list):
        return len(got) == len(wanted) and all(_agrees(g, w, tolerance) for g, w in zip(got, wanted, strict=True))
    if isinstance(wanted, bool) or isinstance(got, bool):
        return bool(wanted == got)
    if isinstance(wanted, int | float) and isinstance(got, int | float):
        return math.isclose(got, wanted, rel_tol=tolerance, abs_tol=tolerance)
    return bool(got == wanted)
