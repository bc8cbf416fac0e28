"""Distinct inputs to a model: in calls of an allowed size, halving one that fails until only the guilty rows are left."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from ..errors import EnvironmentFault, UserError
from .arrays import to_tensor
from .model_function import ModelFunction, Tensors
from .process import Unanswered
from .program import Program
from .stats import ModelStats
from .tensorflow_loader import SavedModel

UNANSWERED_MAX = 20
"""So many calls in a row without an answer, and the batch's other rows are not tried: one bad row costs eleven at most,
a model that answers nothing would cost a time-out and a start for each."""


def run(
    function: ModelFunction, inputs: Sequence[pa.Array], model: SavedModel | Program, stats: ModelStats, rows_max: int
) -> tuple[dict[str, np.ndarray[Any, Any]], dict[int, str]]:
    """Run the model over all of `inputs` in calls of at most `rows_max` rows, halving a call that fails."""
    count = len(inputs[0])
    limit = min(rows_max, function.batch_sizes[-1]) if function.batch_sizes else rows_max
    pieces: list[tuple[int, int, Tensors]] = []
    failed: dict[int, str] = {}
    pending = [(start, min(start + limit, count)) for start in range(0, count, limit)]
    unanswered = 0
    while pending:
        start, end = pending.pop()
        if unanswered > UNANSWERED_MAX:
            failed |= dict.fromkeys(range(start, end), f"not asked after {unanswered} calls without an answer")
            continue
        try:
            outputs = _call(function, [a.slice(start, end - start) for a in inputs], model, stats)
        except EnvironmentFault:
            raise
        except Exception as error:  # noqa: BLE001 - a model or a user's function may raise anything; its row is told
            unanswered += isinstance(error, Unanswered)
            if end - start == 1:
                failed[start] = reason(error)
            else:
                middle = (start + end) // 2
                pending += [(start, middle), (middle, end)]
        else:
            unanswered = 0
            pieces.append((start, end, outputs))
    return _join(pieces, count), failed


def _call(
    function: ModelFunction, inputs: Sequence[pa.Array], model: SavedModel | Program, stats: ModelStats
) -> Tensors:
    rows = len(inputs[0])
    wanted = next((size for size in function.batch_sizes if size >= rows), rows)
    if wanted > rows:  # filled up with its last row; before they are tensors, because not every tensor has a row a row
        places = pa.array(np.minimum(np.arange(wanted), rows - 1))
        inputs = [a.take(places) for a in inputs]
    if function.prepare is not None:
        tensors = dict(function.prepare(*inputs))
    else:
        tensors = {name: to_tensor(a) for name, a in zip(function.inputs, inputs, strict=True)}
    started = time.perf_counter()
    outputs = model(tensors)
    stats.model_seconds += time.perf_counter() - started
    stats.model_calls += 1
    stats.model_rows += rows
    short = [k for k, v in outputs.items() if v.ndim == 0 or v.shape[0] != wanted]
    if short:
        shape = list(outputs[short[0]].shape)
        raise UserError(f"output {short[0]} has shape {shape} for {wanted} rows", hint="a model must answer row by row")
    return outputs if wanted == rows else {k: v[:rows] for k, v in outputs.items()}


def _join(pieces: list[tuple[int, int, Tensors]], count: int) -> dict[str, np.ndarray[Any, Any]]:
    """One array an output; rows that failed are left as they come, because nothing reads them."""
    if not pieces:
        return {}
    if len(pieces) == 1 and pieces[0][:2] == (0, count):
        return dict(pieces[0][2])
    first = pieces[0][2]
    whole = {k: np.zeros((count, *v.shape[1:]), dtype=v.dtype) for k, v in first.items()}
    for start, end, outputs in pieces:
        for name, values in outputs.items():
            whole[name][start:end] = values
    return whole


def reason(error: Exception) -> str:
    """The first line of what a model or a user's function said."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
