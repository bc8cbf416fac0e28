"""Sparse tensors: a column `STRUCT<INDICES ARRAY<ARRAY<BIGINT>>, VALUES ARRAY<…>, SHAPE ARRAY<BIGINT>>`, one tensor a row.

A model that takes sparse tensors has three for each: the places of a whole batch, rows first, their values and its shape.
TensorFlow 1's files call them `x_indices`, `x_values` and `x_dense_shape`, TensorFlow 2's `x`, `x_1` and `x_2`, models converted
from elsewhere plainly `indices` and `values`. A model that takes dense tensors gets zeros where nothing is said. What a model
gives is sparse in the same way, or dense and made sparse where OUTPUT says so.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..errors import RecordError, UserError
from ..sql.types import BIGINT, Array, SqlType, Struct
from .arrays import as_tensor_type
from .program import TEXTS, Tensor

FIELDS = ("INDICES", "VALUES", "SHAPE")
ONLY = "INPUT"
"""What the column is called whose tensors have no name of their own."""
_SPELLINGS = (
    ("{}_indices", "{}_values", "{}_dense_shape"),
    ("{}_indices", "{}_values", "{}_shape"),
    ("{}/indices", "{}/values", "{}/dense_shape"),
    ("{}/indices", "{}/values", "{}/shape"),
    ("{}", "{}_1", "{}_2"),
    ("indices", "values", "dense_shape"),
    ("indices", "values", "shape"),
)


@dataclass(frozen=True)
class Parts:
    """The tensors that a sparse column feeds. `shape` is None where the model does not ask for it."""

    indices: Tensor
    values: Tensor
    shape: Tensor | None

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """Those that there are."""
        return (self.indices, self.values) if self.shape is None else (self.indices, self.values, self.shape)


def is_sparse(kind: SqlType) -> bool:
    """Whether a column's type is a sparse tensor's."""
    return isinstance(kind, Struct) and sorted(name.upper() for name, _ in kind.fields) == sorted(FIELDS)


def item_of(kind: SqlType) -> SqlType:
    """The type of a sparse tensor's values."""
    assert isinstance(kind, Struct)  # asked about those that are
    values = next(t for name, t in kind.fields if name.upper() == "VALUES")
    return values.item if isinstance(values, Array) else values


def column_type(item: SqlType) -> Struct:
    """The type of a column of sparse tensors."""
    return Struct((("INDICES", Array(Array(BIGINT))), ("VALUES", Array(item)), ("SHAPE", Array(BIGINT))))


def parts_of(column: str, tensors: Sequence[Tensor]) -> Parts | None:
    """The tensors that a column of that name feeds, None where there are none."""
    by_name = {t.name.upper(): t for t in tensors}
    for complete in (True, False):  # one without a shape only where no spelling has all three
        for spelling in _SPELLINGS:
            indices, values, shape = (by_name.get(s.format(column).upper()) for s in spelling)
            enough = shape is not None if complete else spelling[0] != "{}"
            if indices is not None and values is not None and enough and _fit(indices, values):
                return Parts(indices, values, shape)
    return None


def found(tensors: Sequence[Tensor]) -> dict[str, Parts]:
    """The sparse tensors of a signature, by the names that their columns get."""
    made: dict[str, Parts] = {}
    for tensor in tensors:
        name = re.sub(r"[_/]indices\Z", "", tensor.name)
        parts = parts_of(ONLY if name == "indices" else name, tensors)
        if parts is not None and parts.indices is tensor:
            made[ONLY if name == "indices" else name] = parts
    return made


def found_answers(tensors: Sequence[Tensor]) -> dict[str, Parts]:
    """The same of what a model gives, where the names leave no doubt: `y`, `y_1` and `y_2` may be any three answers."""
    return {n: p for n, p in found(tensors).items() if p.shape is not None and p.indices.name != n}


def _fit(indices: Tensor, values: Tensor) -> bool:
    """Whether two tensors may be places and values: places are whole numbers, one a dimension, the row among them."""
    return indices.dtype == "int64" and len(indices.shape) == 1 and indices.shape[0] != 1 and values.shape == ()


def coordinates(column: pa.Array, kind: SqlType, parts: Parts) -> dict[str, np.ndarray[Any, Any]]:
    """A column's rows as one sparse tensor of the batch, its places in order."""
    rows = _Rows(column, kind)
    places = np.concatenate([rows.row[:, None], rows.places], axis=1)
    order = np.lexsort(places.T[::-1])
    made = {parts.indices.name: places[order], parts.values.name: _typed(rows.values, parts.values)[order]}
    if parts.shape is not None:
        made[parts.shape.name] = np.array([len(column), *rows.sizes], dtype=np.int64)
    return made


def dense(column: pa.Array, kind: SqlType, tensor: Tensor) -> np.ndarray[Any, Any]:
    """A column's rows with zeros where nothing is said, as large as the model wants them, else as the largest of them."""
    rows = _Rows(column, kind)
    wanted = tensor.shape or rows.sizes
    sizes = tuple(n if w is None else w for n, w in zip(rows.sizes, wanted, strict=False))
    if len(wanted) != len(rows.sizes) or any(n > w for n, w in zip(rows.sizes, sizes, strict=True)):
        raise RecordError(f"a sparse tensor of shape {list(rows.sizes)} does not fit {tensor}")
    values = _typed(rows.values, tensor)
    made = np.zeros((len(column), *sizes), dtype=values.dtype)
    made[(rows.row, *rows.places.T)] = values
    return made


@dataclass(frozen=True)
class Row:
    """One row's tensor of a sparse answer: places (one a value, without the row), values, sizes."""

    places: np.ndarray[Any, Any]
    values: np.ndarray[Any, Any]
    sizes: np.ndarray[Any, Any]


def by_row(parts: Parts, outputs: Mapping[str, np.ndarray[Any, Any]], count: int) -> np.ndarray[Any, Any]:
    """A batch's sparse answer as a `Row` a row, which can be cut and joined as other answers are. A loop over rows: each has as
    many values as it likes. Raises UserError where it is no tensor of `count` rows."""
    assert parts.shape is not None  # `found_answers` takes no others
    indices, values, shape = (outputs[t.name] for t in (parts.indices, parts.values, parts.shape))
    fits = indices.ndim == 2 and len(indices) == len(values) and len(shape) == indices.shape[1]
    if not fits or shape[0] != count:
        raise UserError(
            f"outputs {parts.indices.name}, {parts.values.name} and {parts.shape.name} are no sparse tensor of {count} rows",
            detail=f"their shapes are {list(indices.shape)}, {list(values.shape)} and {list(shape.shape)}",
            hint="a model must answer row by row",
        )
    if ((indices < 0) | (indices >= shape)).any():
        raise UserError(f"output {parts.indices.name} has an index outside {parts.shape.name}")
    order = np.argsort(indices[:, 0], kind="stable")
    indices, values = indices[order], values[order]
    ends = np.searchsorted(indices[:, 0], np.arange(count + 1))
    rows = np.empty(count, dtype=object)
    for row, (start, end) in enumerate(itertools.pairwise(ends.tolist())):
        rows[row] = Row(indices[start:end, 1:], values[start:end], shape[1:])
    return rows


def of_rows(rows: np.ndarray[Any, Any], wanted: pa.StructType, kind: SqlType) -> pa.Array:
    """What `by_row` gave as a column."""
    counts = np.array([len(row.values) for row in rows], dtype=np.int64)
    places = np.concatenate([row.places for row in rows])
    depths = np.array([len(row.sizes) for row in rows], dtype=np.int64)
    values, sizes = np.concatenate([row.values for row in rows]), np.concatenate([row.sizes for row in rows])
    return _column(counts, places, pa.array(values), _lists(depths, pa.array(sizes)), wanted, kind)


def of_dense(values: np.ndarray[Any, Any], wanted: pa.StructType, kind: SqlType) -> pa.Array:
    """A model's dense answer as sparse tensors: what is not zero."""
    places = np.argwhere(values != 0)
    counts = np.bincount(places[:, 0], minlength=len(values)) if len(places) else np.zeros(len(values), dtype=np.int64)
    sizes = np.tile(np.array(values.shape[1:], dtype=np.int64), len(values))
    shape = _lists(np.full(len(values), values.ndim - 1), pa.array(sizes))
    return _column(counts, places[:, 1:], pa.array(values[tuple(places.T)]), shape, wanted, kind)


def _column(
    counts: np.ndarray[Any, Any],
    places: np.ndarray[Any, Any],
    values: pa.Array,
    shape: pa.Array,
    wanted: pa.StructType,
    kind: SqlType,
) -> pa.Array:
    """A column of `counts` places and values a row."""
    inner = _lists(np.full(len(places), places.shape[1]), pa.array(places.reshape(-1)))
    held = {"INDICES": _lists(counts, inner), "VALUES": _lists(counts, values), "SHAPE": shape}
    assert isinstance(kind, Struct)  # its column is one
    made = [held[name.upper()].cast(wanted.field(i).type) for i, (name, _) in enumerate(kind.fields)]
    return pa.StructArray.from_arrays(made, fields=list(wanted))


def arrow_rows(values: Sequence[Mapping[str, Any]], wanted: pa.StructType, kind: SqlType) -> pa.Array:
    """Rows as Python has them as a column, whose fields have no names."""
    assert isinstance(kind, Struct)  # its column is one
    named = ({k.upper(): v for k, v in value.items()} for value in values)
    return pa.array([{f"f{i}": v[n.upper()] for i, (n, _) in enumerate(kind.fields)} for v in named], wanted)


class _Rows:
    """A column taken apart: for each value its row, its place in the row's tensor and itself; `sizes` hold every row's tensor.
    Raises RecordError for a row that is no tensor."""

    def __init__(self, column: pa.Array, kind: SqlType) -> None:
        assert isinstance(kind, Struct)  # asked about those that are
        names = [name.upper() for name, _ in kind.fields]
        indices, values, shapes = (column.field(names.index(name)) for name in FIELDS)
        for name, part in zip(FIELDS, (indices, values, shapes), strict=True):
            if part.null_count or pc.list_flatten(part).null_count:
                raise RecordError(f"a sparse tensor has NULL in its {name}")
        counts = np.asarray(pc.list_value_length(values))
        if not (counts == np.asarray(pc.list_value_length(indices))).all():
            raise RecordError("a sparse tensor has not as many INDICES as VALUES")
        ranks = set(pc.list_value_length(shapes).to_pylist())
        if len(ranks) > 1:
            raise RecordError("sparse tensors of one batch have different numbers of dimensions")
        rank = ranks.pop() if ranks else 1
        sizes = np.asarray(pc.list_flatten(shapes), dtype=np.int64).reshape(len(column), rank)
        self.row = np.repeat(np.arange(len(column)), counts)
        self.places = _places(pc.list_flatten(indices), rank)
        self.values = pc.list_flatten(values)
        self.sizes: tuple[int, ...] = tuple(int(n) for n in sizes.max(axis=0)) if len(column) else (0,) * rank
        if ((self.places < 0) | (self.places >= sizes[self.row])).any():
            raise RecordError("a sparse tensor has an index outside its SHAPE")


def _places(given: pa.Array, rank: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """One place a value; in one dimension it may be a plain number."""
    if pa.types.is_list(given.type):
        if given.null_count or set(pc.list_value_length(given).to_pylist()) - {rank}:
            raise RecordError(f"a sparse tensor of {rank} dimensions has an index that is not {rank} numbers")
        given = pc.list_flatten(given)
    elif rank != 1:
        raise RecordError(f"a sparse tensor of {rank} dimensions has an index that is one number")
    return np.asarray(given, dtype=np.int64).reshape(-1, rank)


def _typed(values: pa.Array, tensor: Tensor) -> np.ndarray[Any, Any]:
    if tensor.dtype in TEXTS:
        return np.asarray(values.cast(pa.binary()).to_numpy(zero_copy_only=False))
    return as_tensor_type(np.asarray(values), np.dtype(tensor.dtype), tensor)


def _lists(lengths: np.ndarray[Any, Any], items: pa.Array) -> pa.Array:
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return pa.ListArray.from_arrays(offsets, items)
