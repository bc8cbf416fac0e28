"""How far SQL's answers lie from the bare framework's: the same rows, without the engine, and the differences in numbers.

The bare side shares nothing with the SQL side but the loaded artefact: values go from the file into numpy and into the
framework in one call a chunk, with no Arrow, no repeats found, no cache, no process of its own. What differs is thus
what the engine does to the rows, and what another cut of the batches does to the framework (about 1e-7 in float32). A
version's TRANSFORMs are part of what it is: both sides have them, here over all rows at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from ...errors import UserError
from ...sql.types import arrow_type
from ..binding import Binding, Port
from ..evaluation import Evaluation, private_instance
from ..model_function import ModelFunction
from ..program import TEXTS, Source, Tensor, object_array
from ..providers import registry as providers
from ..sparse import arrow_rows, is_sparse
from ..versions.artefact import verify

CHUNK_ROWS = 1024
Values = Sequence[Any]


@dataclass(frozen=True)
class Differences:
    """One output's absolute differences, number by number; texts differ by 1 or not at all. `beyond`: how many are larger
    than the tolerance, which is relative to what the framework gave where that is more than 1."""

    output: str
    count: int
    mean: float
    variance: float
    p25: float
    p50: float
    p75: float
    p99: float
    max: float
    beyond: int


def differences(output: str, answers: Values, bare: np.ndarray[Any, Any], tolerance: float) -> Differences:
    """SQL's answers (Python values) against the framework's array, row by row. Raises UserError where shapes differ."""
    given, wanted = (np.array(_flat(values), dtype=object) for values in (answers, bare.tolist()))
    if given.shape != wanted.shape:
        raise UserError(
            f"output {output}: SQL gives {len(given)} values where the framework gives {len(wanted)}",
            hint="does the model answer row by row?",
        )
    equal = (given == wanted) | ((given != given) & (wanted != wanted))  # NULL and NaN are not themselves
    if any(isinstance(value, str) for value in (*given, *wanted)):
        apart, scale = 1.0 - equal.astype(np.float64), np.ones(len(wanted))
    else:
        given, wanted = given.astype(np.float64), wanted.astype(np.float64)
        with np.errstate(invalid="ignore"):
            apart = np.where(equal, 0.0, np.nan_to_num(np.abs(given - wanted), nan=np.inf))
        scale = np.maximum(1.0, np.nan_to_num(np.abs(wanted)))
    if not len(apart):
        return Differences(output, 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0)
    with np.errstate(invalid="ignore"):
        p25, p50, p75, p99 = (float(np.quantile(apart, q)) for q in (0.25, 0.5, 0.75, 0.99))
        mean, variance = float(apart.mean()), float(apart.var())
    beyond = int((apart > tolerance * scale).sum())
    return Differences(output, len(apart), mean, variance, p25, p50, p75, p99, float(apart.max()), beyond)


def _flat(values: Values) -> list[Any]:
    """Numbers and texts of values that may be lists of lists, or sparse tensors; NULL is NaN."""
    made: list[Any] = []
    for value in values:
        if isinstance(value, list | np.ndarray):
            made += _flat(list(value))
        elif isinstance(value, dict):
            made += _flat(list(value.values()))
        elif isinstance(value, bytes):
            made.append(value.decode(errors="backslashreplace"))
        else:
            made.append(float("nan") if value is None else value)
    return made


def bare_outputs(
    function: ModelFunction, binding: Binding | None, columns: Sequence[Values], outputs: Sequence[str] = ()
) -> Mapping[str, Any]:
    """What the framework alone gives for rows without NULLs: an array an output column, of which those that a TRANSFORM makes
    are called `outputs`. `binding` is None for a model that ships, whose inputs are named as its tensors are.

    Raises UserError where a TRANSFORM makes NULL of a row.
    """
    artefact = verify(function.name, function.artefact, function.sha256)
    declared = function.declared or (None, None)
    options = {k: v for k, v in function.options.items() if k != "provider"}
    program = providers.load(function.provider, Source(function.name, artefact.path, options, 1, *declared))
    names = list(function.inputs)
    if function.before is not None:
        given = [pa.array(values, kind) for values, kind in zip(columns, function.arrow_inputs, strict=True)]
        columns = [_values(column) for column in _evaluated(function.before, given)]
    try:
        chunks = list(_chunks(columns, function.batch_sizes))
        made = [program(_tensors(program.input_tensors, names, binding, chunk)) for chunk in chunks]
        if function.by_row is not None:
            made = [function.by_row(one, len(chunk[0])) for one, chunk in zip(made, chunks, strict=True)]
    finally:
        program.unload()
    whole = {name: np.concatenate([m[name] for m in made])[: len(columns[0])] for name in made[0]} if made else {}
    if binding is not None and function.after is not None and whole:
        made = _evaluated(function.after, binding.answers(whole))
        return {name: np.array(_values(column)) for name, column in zip(outputs, made, strict=True)}
    if binding is not None:
        return {p.column: _bare(p, whole) for p in binding.outputs if p.tensor.name in whole}
    return whole if function.finish is None or not whole else _columns(function.finish(whole))


def _bare(port: Port, whole: Mapping[str, np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    """An output column's array; of a sparse one its places, values and sizes in a row."""
    return np.array(_flat(port.answer(whole).to_pylist())) if is_sparse(port.type) else whole[port.tensor.name]


def _evaluated(expressions: str, columns: Sequence[pa.Array]) -> list[pa.Array]:
    evaluation = Evaluation(expressions, private_instance)
    try:
        return evaluation(columns)
    finally:
        evaluation.close()


def _values(column: pa.Array) -> list[Any]:
    if column.null_count:
        raise UserError("a TRANSFORM makes NULL of some rows", hint="leave them out: there is nothing to compare")
    values: list[Any] = column.to_pylist()
    return values


def _columns(finished: Any) -> dict[str, np.ndarray[Any, Any]]:
    """What a model's own post-processing made, as arrays."""
    if not isinstance(finished, pa.Array):
        return {"OUTPUT": np.asarray(finished)}
    if not pa.types.is_struct(finished.type):
        return {"OUTPUT": finished.to_numpy(zero_copy_only=False)}
    return {f.name.upper(): finished.field(i).to_numpy(zero_copy_only=False) for i, f in enumerate(finished.type)}


def _tensors(
    takes: Sequence[Tensor], names: Sequence[str], binding: Binding | None, columns: Sequence[Values]
) -> dict[str, np.ndarray[Any, Any]]:
    """The file's values as the tensors that the signature names."""
    by_name = {t.name: t for t in takes}
    if binding is None:
        return {n: _array(v, by_name[n]) for n, v in zip(names, columns, strict=True)}
    if binding.packed:
        return {takes[0].name: np.array(columns, dtype=takes[0].dtype).T}
    made: dict[str, np.ndarray[Any, Any]] = {}
    for port, values in zip(binding.inputs, columns, strict=True):
        if is_sparse(port.type):
            made |= port.fed(arrow_rows(values, arrow_type(port.type), port.type))
        else:
            made[port.tensor.name] = _array(values, by_name[port.tensor.name])
    return made


def _array(values: Values, tensor: Tensor) -> np.ndarray[Any, Any]:
    if tensor.dtype not in TEXTS:
        made = np.array(values, dtype=tensor.dtype)
        return made.reshape(-1, 1) if tensor.shape == (1,) else made
    nested = np.array(values) if values and isinstance(values[0], list) else object_array(list(values), (len(values),))
    flat = [v if isinstance(v, bytes) else str(v).encode() for v in nested.reshape(-1).tolist()]
    return object_array(flat, nested.shape)


def _chunks(columns: Sequence[Values], sizes: Sequence[int]) -> Iterator[list[Values]]:
    """The rows in calls that the model allows; a last one that is too short is filled up with its last row."""
    rows = len(columns[0])
    size = sizes[-1] if sizes else CHUNK_ROWS
    for start in range(0, rows, size):
        short = size - min(size, rows - start) if sizes else 0
        yield [[*column[start : start + size], *[column[-1]] * short] for column in columns]
