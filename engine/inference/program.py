"""What every model engine gives: named tensors in, named tensors out, and what each of them looks like.

An engine is a function `load(Source) -> Program`. It is found by name (`providers.py`), so that a package of somebody
else's can bring one through the entry point group `mergus.providers`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ..errors import RecordError, UserError

Tensors = Mapping[str, "np.ndarray[Any, Any]"]
TEXTS = ("string", "bytes")
"""The dtypes whose arrays hold `bytes` objects; `bytes` is what BYTES declares, and need not be UTF-8."""


@dataclass(frozen=True)
class Tensor:
    """An input or output. `dtype`: numpy's name, or one of TEXTS; `shape`: of one row, None where a size is open."""

    name: str
    dtype: str
    shape: tuple[int | None, ...] = ()

    def __str__(self) -> str:
        sizes = "".join(f", {'?' if n is None else n}" for n in self.shape)
        return f"{self.name} {self.dtype}[rows{sizes}]"


@dataclass(frozen=True)
class Source:
    """What is loaded: `options` are the properties of CREATE MODEL by lower-case name; `inputs` and `outputs` what INPUT
    and OUTPUT declare, for engines whose artefact does not say (None: nothing is declared). `threads`: those of one call;
    `at_once`: so many calls may come at a time, for engines whose threads are their own."""

    name: str
    path: Path
    options: Mapping[str, str] = field(default_factory=dict)
    threads: int = 1
    inputs: tuple[Tensor, ...] | None = None
    outputs: tuple[Tensor, ...] | None = None
    at_once: int = 1

    @property
    def allows_pickle(self) -> bool:
        """Whether who registered it trusts who made it: reading a pickle runs any code of it."""
        return self.options.get("allow_pickle", "false") == "true"


class Program(Protocol):
    """A loaded model. Calls may come from several threads. `loader` says how it was read, for DESCRIBE MODEL. One that computes
    without Python's lock may have an attribute `side_by_side = True`: a large batch is then divided among the cores."""

    loader: str

    @property
    def input_tensors(self) -> tuple[Tensor, ...]:
        """What it takes, in the order of its signature."""
        ...

    @property
    def output_tensors(self) -> tuple[Tensor, ...]:
        """What it gives, in the order of its signature."""
        ...

    def __call__(self, tensors: Tensors) -> Mapping[str, np.ndarray[Any, Any]]:
        """Run it over a batch: every array has one row an element, texts are `bytes`."""
        ...

    def unload(self) -> None:
        """Let go of its memory; final."""
        ...


def one_file(source: Source, endings: Sequence[str], what: str, *, hint: str | None = None) -> Path:
    """The artefact itself, or the one file with such an ending in its folder; raises UserError where there is not one."""
    if source.path.is_file():
        return source.path
    found = sorted(path for path in source.path.glob("*") if path.suffix in endings)
    if len(found) != 1:
        raise UserError(f"model {source.name}: the folder holds {len(found)} {what}, wanted is one", hint=hint)
    return found[0]


def object_array(flat: Sequence[Any], shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """The values as Python objects in an array of `shape`; numpy's own constructor would look into lists and texts."""
    made = np.empty(len(flat), dtype=object)
    made[:] = flat
    return made.reshape(shape)


def writable(tensors: Tensors, wanted: Sequence[Tensor]) -> list[np.ndarray[Any, Any]]:
    """The arrays of these tensors as declared, in their order, for engines that may write into what they are given."""
    return [np.require(as_declared(tensors[t.name], t), requirements=("C", "W")) for t in wanted]


def row_shape(sizes: Iterable[int]) -> tuple[int | None, ...]:
    """The shape of one row of a batch whose sizes an artefact gives: below zero where a size is open."""
    return tuple(n if n >= 0 else None for n in sizes)[1:]


def texts(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Bytes as `str`, for engines that take texts so."""
    # A loop, because numpy holds texts of different lengths as Python objects only.
    flat = [v.decode() if isinstance(v, bytes) else v for v in values.reshape(-1).tolist()]
    return object_array(flat, values.shape)


def text_bytes(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The opposite of `texts`: what engines give as `str` or fixed-width text, as bytes."""
    if values.dtype.kind not in "SUO":
        return values
    flat = [v.encode() if isinstance(v, str) else v for v in values.reshape(-1).tolist()]
    return object_array(flat, values.shape)


def as_declared(values: np.ndarray[Any, Any], tensor: Tensor) -> np.ndarray[Any, Any]:
    """An array as an engine that is strict about it wants it: its dtype, and `[rows, 1]` for single values where the
    signature says so."""
    made = texts(values) if tensor.dtype == "string" else np.asarray(values, dtype=np.dtype(tensor.dtype))
    if tensor.dtype == "string" and None in made:
        raise RecordError(f"a text is NULL, which has no place in tensor {tensor}")
    if made.ndim == 1 and tensor.shape == (1,):
        made = made.reshape(-1, 1)
    return made
