"""Arrow columns to tensors and back, without a row in Python where memory layouts agree.

Fixed vectors and numbers share their buffers; strings become objects of bytes, which is how TensorFlow takes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..errors import RecordError


def to_tensor(column: pa.Array) -> np.ndarray[Any, Any]:
    """A column without NULLs as an array with one row an element; `FLOAT[n]` becomes n columns."""
    kind = column.type
    if pa.types.is_fixed_size_list(kind):
        # by its place, at a tenth of what flatten() costs, which has NULLs to look for
        flat = column.values.slice(column.offset * kind.list_size, len(column) * kind.list_size)
        _check_whole(flat)
        return np.asarray(flat).reshape(len(column), kind.list_size)
    if pa.types.is_decimal(kind):
        return np.asarray(column.cast(pa.float64()))
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return np.asarray(column.cast(pa.binary()).to_numpy(zero_copy_only=False))
    if pa.types.is_list(kind):
        return _rectangle(column)
    return np.asarray(column.to_numpy(zero_copy_only=False))


def _rectangle(column: pa.Array) -> np.ndarray[Any, Any]:
    """An ARRAY column as a matrix; its lists must be of one length."""
    lengths = pc.list_value_length(column).unique().to_pylist()
    if len(lengths) > 1:
        raise RecordError(f"arrays of one batch have {len(lengths)} different lengths", hint="use FLOAT[n]")
    inner = column.flatten()
    _check_whole(inner)
    values = to_tensor(inner)  # lists of lists, and of FLOAT[n], have more dimensions
    return values.reshape(len(column), lengths[0] if lengths else 0, *values.shape[1:])


def _check_whole(items: pa.Array) -> None:
    if items.null_count:
        raise RecordError("an array holds NULL, which a model does not take")


def from_tensor(values: np.ndarray[Any, Any], wanted: pa.DataType) -> pa.Array:
    """An output tensor, rows first, as a column of type `wanted`; raises RecordError when the shape does not fit."""
    values = _even(values)
    rows = values.shape[0] if values.ndim else 0
    if pa.types.is_fixed_size_list(wanted):
        size = wanted.list_size
        if values.shape != (rows, size):
            raise RecordError(f"the model gave shape {list(values.shape[1:])} a row, expected [{size}]")
        flat = pa.array(np.ascontiguousarray(values, dtype=np.float32).reshape(-1))
        return pa.FixedSizeListArray.from_arrays(flat, size)
    if pa.types.is_list(wanted):
        if is_uneven(values):
            return _lists(values, wanted)
        if values.ndim < 2:
            raise RecordError("the model gave a single value a row, expected an array")
        offsets = np.arange(rows + 1, dtype=np.int32) * values.shape[1]
        items = from_tensor(values.reshape(-1, *values.shape[2:]), wanted.value_type)
        return pa.ListArray.from_arrays(offsets, items).cast(wanted)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        raise RecordError(f"the model gave shape {list(values.shape[1:])} a row, expected a single value")
    if values.dtype != object:
        return pa.array(values).cast(wanted)
    if pa.types.is_string(wanted) or pa.types.is_binary(wanted):
        return pa.array(values, pa.binary()).cast(wanted)
    return pa.array(values.tolist(), wanted)  # numbers of several kinds, or with None among them


def as_tensor_type(values: np.ndarray[Any, Any], dtype: np.dtype[Any], tensor: object) -> np.ndarray[Any, Any]:
    """Numbers as a tensor's; raises RecordError where one is not a whole number that an integer tensor can hold. Fractions
    are rounded to a float's precision, as everywhere."""
    if values.dtype == dtype or dtype.kind not in "iu" or values.dtype.kind not in "iuf":
        return values.astype(dtype, copy=False)
    with np.errstate(invalid="ignore"):  # NaN and what is too large are found below
        made = values.astype(dtype)
        wrong = (made != values) | ((made < 0) != (values < 0))
        if values.dtype.kind == "f":  # the largest of 64 bits are floats of one more
            wrong |= values >= 2.0 ** (8 * dtype.itemsize - (dtype.kind == "i"))
    if wrong.any():
        raise RecordError(f"{values[wrong][0]} does not fit tensor {tensor}")
    return made


def is_uneven(values: np.ndarray[Any, Any]) -> bool:
    """Whether the rows are arrays of their own, because they are not all of one shape."""
    return values.dtype == object and values.ndim == 1 and any(isinstance(v, np.ndarray) for v in values[:1])


def uneven(rows: Iterable[np.ndarray[Any, Any]], count: int) -> np.ndarray[Any, Any]:
    """Rows of any shapes as one array of arrays."""
    made = np.empty(count, dtype=object)
    for i, row in enumerate(rows):  # numpy takes rows that are alike for one array of more dimensions
        made[i] = row
    return made


def _even(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Rows that could differ in shape and do not as one array."""
    if not is_uneven(values) or len({v.shape for v in values}) > 1:
        return values
    return np.stack(list(values))


def _lists(values: np.ndarray[Any, Any], wanted: pa.DataType) -> pa.Array:
    """Rows of different lengths as a column of lists."""
    if any(v.ndim == 0 for v in values):
        raise RecordError("the model gave a single value a row, expected an array")
    lengths = [len(v) for v in values]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    if all(v.ndim == 1 for v in values):
        items = np.concatenate(list(values))
    else:
        items = uneven((np.asarray(item) for v in values for item in v), int(offsets[-1]))
    return pa.ListArray.from_arrays(offsets, from_tensor(items, wanted.value_type)).cast(wanted)


def conform(column: pa.Array, wanted: pa.DataType) -> pa.Array:
    """`column` as exactly `wanted`; struct fields are matched by position, because a batch knows no names."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if column.type == wanted:
        return column
    if pa.types.is_struct(wanted) and pa.types.is_struct(column.type):
        if column.type.num_fields != wanted.num_fields:
            raise RecordError(f"the model gave {column.type.num_fields} fields, expected {wanted.num_fields}")
        children = [conform(column.field(i), wanted.field(i).type) for i in range(wanted.num_fields)]
        mask = column.is_null() if column.null_count else None
        return pa.StructArray.from_arrays(children, fields=list(wanted), mask=mask)
    return column.cast(wanted)


def parts_of(answers: pa.Array | pa.ChunkedArray) -> list[pa.Array]:
    """A model's outputs: the fields of a struct, or the one column."""
    whole = answers.combine_chunks() if isinstance(answers, pa.ChunkedArray) else answers
    parts: list[pa.Array] = whole.flatten() if pa.types.is_struct(whole.type) else [whole]
    return parts


def whole_of(parts: Sequence[pa.Array]) -> pa.Array:
    """An answer of its outputs: the one column, or a struct of several."""
    return parts[0] if len(parts) == 1 else struct_of(parts)


def struct_of(parts: Sequence[pa.Array]) -> pa.StructArray:
    """Columns as the fields of a struct."""
    return pa.StructArray.from_arrays(list(parts), names=[f"f{i}" for i in range(len(parts))])
