"""Distinct inputs: whatever the types, a row's slot holds its own values, and equal rows have one slot."""

from __future__ import annotations

import math
import struct
from typing import Any

import pyarrow as pa
import pytest

from mergus.engine.inference.distinct import distinct

NAN, ZERO = float("nan"), -0.0
COLUMNS = {
    "numbers": ([pa.float64(), pa.int32()], [(1.5, 1), (1.5, 2), (1.5, 1), (ZERO, 0), (0.0, 0), (NAN, 1), (NAN, 1)]),
    "narrow numbers": ([pa.int8(), pa.float32(), pa.int64()], [(1, 2.0, 3), (3, 2.0, 1), (1, 2.0, 3)]),
    "NULLs": ([pa.float64(), pa.int32()], [(None, 1), (1.0, 1), (1.0, None), (1.0, 1), (2.0, 1)]),
    "only NULLs": ([pa.float64(), pa.int32()], [(None, 1), (1.0, None)]),
    "nothing": ([pa.float64(), pa.int32()], []),
    "texts": ([pa.string(), pa.int32()], [("a", 1), ("b", 1), ("a", 1), (None, 1), ("a", 2)]),
    "one": ([pa.float64()], [(1.0,), (2.0,), (1.0,), (None,)]),
    "both zeros": ([pa.float64()], [(ZERO,), (0.0,), (NAN,), (NAN,), (ZERO,)]),
    "narrow zeros": ([pa.float32()], [(ZERO,), (0.0,), (NAN,), (NAN,), (ZERO,)]),
    "texts and zeros": ([pa.string(), pa.float64()], [("a", ZERO), ("a", 0.0), ("a", NAN), ("a", NAN)]),
}


def exact(value: Any) -> Any:
    """What tells -0.0 from 0.0, and a NaN from what is none."""
    return struct.pack("d", value) if isinstance(value, float) else value


@pytest.mark.parametrize("case", COLUMNS)
def test_a_slot_holds_the_values_of_its_rows(case: str) -> None:
    kinds, rows = COLUMNS[case]
    columns = [pa.array([row[i] for row in rows], kind) for i, kind in enumerate(kinds)]
    found = distinct([pa.concat_arrays([pa.nulls(1, c.type), c]).slice(1) for c in columns])
    inputs = list(zip(*(column.to_pylist() for column in found.inputs), strict=True))
    for row, slot in zip(rows, found.slot.tolist(), strict=True):
        if None in row:
            assert slot == -1
        else:
            assert [exact(v) for v in inputs[slot]] == [exact(v) for v in row]
    whole = {tuple(map(exact, row)) for row in rows if None not in row}
    assert found.count == len(whole)
    assert found.keys is not None
    assert len(set(found.keys)) == found.count


def test_repeats_of_many_columns_are_few_inputs() -> None:
    columns = [pa.array([math.floor(i / n) % 7 for i in range(1000)], pa.float64()) for n in (1, 10, 100)]
    found = distinct(columns)
    rows = list(zip(*(c.to_pylist() for c in columns), strict=True))
    inputs = list(zip(*(c.to_pylist() for c in found.inputs), strict=True))
    assert len(inputs) == len(set(rows))
    assert [inputs[slot] for slot in found.slot.tolist()] == rows
