"""What a model is asked before rows wait for its answers: engines trace, compile and allocate in their first call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from .model_function import ModelFunction
from .providers.registry import REMOTE, SHIPPED

_ASKED_NOTHING = ("python", *REMOTE)
"""Engines that are no artefact's arithmetic: a call may do anything, so they are asked only what somebody has written down."""


def first_calls(function: ModelFunction, golden: Sequence[pa.Array] | None) -> list[list[pa.Array]]:
    """The inputs of each call, a column an argument: the `golden` rows, else one of zeros and empty texts; as many as each of the
    model's batch sizes. No call where zeros mean nothing to the model."""
    if golden is None:
        if function.provider not in SHIPPED or function.provider in _ASKED_NOTHING:
            return []
        zeros = [_zero(kind) for kind in function.arrow_inputs]
        if any(zero is None for zero in zeros):
            return []
        golden = [pa.array([zero], kind) for zero, kind in zip(zeros, function.arrow_inputs, strict=True)]
    sizes = function.batch_sizes or (len(golden[0]),)
    return [[column.take(pa.array(np.arange(size) % len(column))) for column in golden] for size in sizes]


def _zero(kind: pa.DataType) -> Any:
    """A value of a type that means nothing; None of one that has none (the parts of a sparse tensor fit together)."""
    if pa.types.is_fixed_size_list(kind):
        return None if (item := _zero(kind.value_type)) is None else [item] * kind.list_size
    if pa.types.is_list(kind):
        return None if (item := _zero(kind.value_type)) is None else [item]
    if pa.types.is_boolean(kind):
        return False
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return 0
    if pa.types.is_string(kind):
        return ""
    return b"" if pa.types.is_binary(kind) else None
