"""Shadow runs: a sample of what a model is asked is put to another version too, and both answers go to a topic.

The sample follows from a hash of the inputs, so that a replay takes the same rows. The shadow's errors are told in its
record and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from ...io.formats.json.text import writer
from ...sql.catalog_models import shadow_columns
from ...sql.types import Struct
from ..runtime import InferResult
from ..versions.registered import RegisteredModel

Write = Callable[[str, Sequence[bytes]], None]
"""Appends JSON records to a topic."""
SALT = "shadow"
"""In the hash, so that the sample has nothing to do with a split's arms."""


def shadow_records(
    model: RegisteredModel,
    columns: Sequence[pa.Array],
    live: tuple[pa.Array, np.ndarray[Any, Any]],
    shadow: tuple[InferResult, int],
) -> list[bytes]:
    """A record a row: the inputs, what `live` (answers, versions) said, and what the shadow (answers, version) says."""
    result, number = shadow
    reasons = dict(result.errors)
    write = writer(Struct(shadow_columns(model.inputs, model.output)))
    rows = zip(*(c.to_pylist() for c in columns), strict=True)
    values = zip(rows, live[0].to_pylist(), live[1].tolist(), result.values.to_pylist(), strict=True)
    # A loop: records are JSON texts, which are made one by one.
    return [
        write(_struct(model.name, version, number, _struct(*row), answer, other, reasons.get(i))).encode()
        for i, (row, answer, version, other) in enumerate(values)
    ]


def _struct(*values: Any) -> Mapping[str, Any]:
    return {f"f{i}": value for i, value in enumerate(values)}
