"""What versions of a model say, put together: rows of several versions, errors as columns, versions as the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..distinct import valid
from ..runtime import DeadRow, InferResult
from .registered import RegisteredModel


def versions_as_answers(columns: Sequence[pa.Array], numbers: np.ndarray[Any, np.dtype[np.int64]]) -> InferResult:
    """MODEL_VERSION of each row; NULL where no version is asked."""
    values = pc.if_else(pa.array(valid(columns)), pa.array(numbers.astype(np.int32)), pa.scalar(None, pa.int32()))
    return InferResult(values, [], "")


def with_errors(made: InferResult, model: RegisteredModel, number: int, columns: Sequence[pa.Array]) -> InferResult:
    """The answer with the error and the version beside it, as ON_ERROR = 'error_column' wants it."""
    wanted = model.arrow_output
    values, rows = made.values, len(made.values)
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    parts = [values]
    if wanted.num_fields > 3:
        parts = [pc.struct_field(values, [i]) for i in range(wanted.num_fields - 2)]
    reasons: list[str | None] = [None] * rows
    for row, reason in made.errors:
        reasons[row] = reason
    parts += [pa.array(reasons, pa.string()), pa.array(np.full(rows, number, dtype=np.int32))]
    struct = pa.StructArray.from_arrays(parts, fields=list(wanted), mask=pa.array(~valid(columns)))
    return InferResult(struct, [], made.version)


def with_dead_rows(made: InferResult, number: int, topic: str) -> InferResult:
    """The answer with its errors as rows that a topic keeps, as ON_ERROR = 'dlq' wants it."""
    return replace(made, errors=[], dead=[DeadRow(row, reason, number, topic) for row, reason in made.errors])


def joined(parts: Sequence[tuple[np.ndarray[Any, Any], InferResult]], count: int) -> InferResult:
    """The results of parts of a batch of `count` rows, each with the places of its rows, in the order of the batch."""
    order = np.empty(count, dtype=np.int64)
    order[np.concatenate([rows for rows, _ in parts])] = np.arange(count)
    values = pa.concat_arrays(
        [r.values if isinstance(r.values, pa.Array) else r.values.combine_chunks() for _, r in parts]
    )
    errors = sorted((int(rows[row]), reason) for rows, made in parts for row, reason in made.errors)
    dead = [replace(row, row=int(rows[row.row])) for rows, made in parts for row in made.dead]
    version = ", ".join(made.version for _, made in parts)
    return InferResult(values.take(pa.array(order)), errors, version, sorted(dead, key=lambda row: row.row))
