"""Which rows of a batch ask for the same thing: NULLs aside, each distinct input is computed once.

Log lines repeat; Arrow's dictionary encoding finds the repeats of a batch in native code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_BITS = {pa.float64(): pa.int64(), pa.float32(): pa.int32(), pa.float16(): pa.int16()}


@dataclass(frozen=True)
class Distinct:
    """The distinct non-NULL inputs of a batch.

    `inputs`: one array an argument, `count` long. `slot`: for each row its index into them, -1 for one that is not asked about,
    because an argument is NULL.
    `keys`: what names each input in the cache, or None when the arguments have no cheap key (vectors, structs), or no names
    were asked for. `straight`:
    the inputs are known to be the rows, in order.
    """

    inputs: tuple[pa.Array, ...]
    slot: np.ndarray[Any, np.dtype[np.int64]]
    keys: list[Any] | None
    straight: bool = False

    @property
    def count(self) -> int:
        """How many inputs the model would have to see."""
        return len(self.inputs[0])


def distinct(args: Sequence[pa.Array], *, takes_null: bool = False, named: bool = True) -> Distinct:
    """Find the distinct inputs of a batch's arguments (at least one, all of one length). `takes_null`: rows with NULL are
    inputs, too, unless all of their arguments are; a batch with such rows is taken as it comes. `named`: with their keys."""
    if takes_null and any(arg.null_count for arg in args):
        return _as_they_come(args, valid(args, any_of_them=True))
    if len(args) > 1 and all(_of_numbers(a.type) for a in args):
        return _numbers(args)
    if all(_encodable(a.type) for a in args):
        return _one(args[0], named) if len(args) == 1 else _several(args, named)
    return _as_they_come(args, valid(args))


def _as_they_come(args: Sequence[pa.Array], there: np.ndarray[Any, np.dtype[np.bool_]]) -> Distinct:
    if there.all():
        return Distinct(tuple(args), np.arange(len(there)), None, straight=True)
    slot = np.where(there, np.cumsum(there) - 1, -1)
    mask = pa.array(there)
    return Distinct(tuple(a.filter(mask) for a in args), slot, None)


def _encodable(kind: pa.DataType) -> bool:
    return not pa.types.is_nested(kind)


def _of_numbers(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def valid(args: Sequence[pa.Array], *, any_of_them: bool = False) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Whether each row has all its arguments, or any of them."""
    if any_of_them:
        some = np.zeros(len(args[0]), dtype=bool)
        for arg in args:
            some |= np.asarray(pc.is_valid(arg))
        return some
    there = np.ones(len(args[0]), dtype=bool)
    for arg in args:
        if arg.null_count:
            there &= np.asarray(pc.is_valid(arg))
    return there


def _codes(arg: pa.Array) -> tuple[np.ndarray[Any, np.dtype[np.int64]], pa.Array]:
    """Each row's index into the distinct values, -1 for NULL."""
    encoded = arg.dictionary_encode()
    indices = encoded.indices.fill_null(-1) if encoded.indices.null_count else encoded.indices
    return np.asarray(indices).astype(np.int64), encoded.dictionary


def _one(arg: pa.Array, named: bool) -> Distinct:
    if len(arg) == 1 and not arg.null_count:  # a row that comes alone must not wait for what finds repeats
        return Distinct((arg,), np.zeros(1, dtype=np.int64), _keys(arg) if named else None, straight=True)
    slot, values = _codes(arg)  # in the order in which they come
    return Distinct((values,), slot, _keys(values) if named else None, straight=len(values) == len(arg))


def _keys(values: pa.Array) -> list[Any]:
    """What names each value. Fractions by their bits: 0.0 and -0.0 are equal in Python, and 1 / x is not; NaN is not itself."""
    bits = _BITS.get(values.type)
    made: list[Any] = (values if bits is None else values.view(bits)).to_pylist()
    return made


def _numbers(args: Sequence[pa.Array]) -> Distinct:
    """Rows of numbers by the bytes that they are: what a feature vector costs must be little beside a small model."""
    there = valid(args)
    whole = bool(there.all())
    if not whole:
        args = [a.filter(pa.array(there)) for a in args]
    rows, slot = len(args[0]), np.full(len(there), -1, dtype=np.int64)
    columns = [np.ascontiguousarray(a.to_numpy()) for a in args]
    width = sum(c.itemsize for c in columns)
    flat = np.concatenate([c.view(np.uint8).reshape(rows, c.itemsize) for c in columns], axis=1).tobytes()
    keys = [flat[at : at + width] for at in range(0, rows * width, width)]
    first: dict[bytes, int] = {}
    # A dictionary is the fastest exact way to find repeats of a few bytes each, and the keys are wanted for the cache.
    found = [first.setdefault(key, row) for row, key in enumerate(keys)]
    if len(first) == rows:
        slot[there] = np.arange(rows)
        return Distinct(tuple(args), slot, keys, straight=whole)
    places = np.fromiter(first.values(), dtype=np.int64, count=len(first))
    slot[there] = np.searchsorted(places, found)
    return Distinct(tuple(a.take(pa.array(places)) for a in args), slot, list(first))


def _several(args: Sequence[pa.Array], named: bool) -> Distinct:
    there = valid(args)
    code = np.zeros(len(args[0]), dtype=np.int64)
    for arg in args:
        part, values = _codes(arg)
        # Squeezed after each argument, so that the product of the counts never overflows.
        code = np.unique(code * (len(values) + 1) + part + 1, return_inverse=True)[1]
    _, first, inverse = np.unique(code[there], return_index=True, return_inverse=True)
    slot = np.full(len(there), -1, dtype=np.int64)
    slot[there] = inverse
    rows = pa.array(np.flatnonzero(there)[first])
    inputs = tuple(a.take(rows) for a in args)
    return Distinct(inputs, slot, list(zip(*map(_keys, inputs), strict=True)) if named else None)
