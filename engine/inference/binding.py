"""How SQL columns meet a model's tensors: read off its signature, or checked against what INPUT and OUTPUT declare.

One tensor is one column; a single tensor of n numbers a row may also be fed from n columns of numbers. What does not fit
names the tensor, before any row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from ..errors import RecordError, TypeMismatch, UserError
from ..sql.types import (
    BIGINT,
    BOOLEAN,
    BYTES,
    DOUBLE,
    FLOAT,
    INTEGER,
    PLAIN_NAME,
    STRING,
    Array,
    Columns,
    Decimal,
    Scalar,
    SqlType,
    Vector,
    arrow_type,
    is_numeric,
    parse_type,
)
from .arrays import as_tensor_type, from_tensor, struct_of, to_tensor, whole_of
from .program import TEXTS, Tensor, Tensors
from .sparse import (
    Parts,
    by_row,
    column_type,
    coordinates,
    dense,
    found,
    found_answers,
    is_sparse,
    item_of,
    of_dense,
    of_rows,
    parts_of,
)

_OF_DTYPE = {
    "bool": BOOLEAN,
    **dict.fromkeys(("int8", "int16", "int32", "uint8", "uint16"), INTEGER),
    **dict.fromkeys(("int64", "uint32", "uint64"), BIGINT),
    **dict.fromkeys(("float16", "bfloat16", "float32"), FLOAT),
    "float64": DOUBLE,
    **dict.fromkeys(("string", "object", "str"), STRING),
    "bytes": BYTES,
}
_DTYPE_OF = {
    BOOLEAN: "bool",
    INTEGER: "int32",
    BIGINT: "int64",
    FLOAT: "float32",
    DOUBLE: "float64",
    STRING: "string",
    BYTES: "bytes",
}


class Misfit(TypeMismatch):
    """A column that fits no tensor: `column` is its name."""

    def __init__(self, message: str, column: str, *, detail: str | None = None, hint: str | None = None) -> None:
        super().__init__(message, detail=detail, hint=hint)
        self.column = column


@dataclass(frozen=True)
class Port:
    """One column and its tensor. `parts`: the tensors that a sparse column feeds, whose values are `tensor`."""

    column: str
    type: SqlType
    tensor: Tensor
    parts: Parts | None = None

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """All that the column feeds."""
        return (self.tensor,) if self.parts is None else self.parts.tensors

    def fed(self, column: pa.Array) -> dict[str, np.ndarray[Any, Any]]:
        """A column as tensors by name: without NULLs, but for a model that takes them."""
        if column.null_count:
            self._check_takes_null()
        if self.parts is not None:
            return coordinates(column, self.type, self.parts)
        if is_sparse(self.type):
            return {self.tensor.name: dense(column, self.type, self.tensor)}
        return {self.tensor.name: _fed(to_tensor(column), self.tensor)}

    def _check_takes_null(self) -> None:
        """Raise RecordError unless a missing value has a place in the tensor: NaN, or None where texts are objects."""
        if not isinstance(self.type, Scalar | Decimal) or not takes_missing(self.tensor):
            raise RecordError(f"{self.column} is NULL, which has no place in tensor {self.tensor}")

    def answer(self, outputs: Tensors) -> pa.Array:
        """The column of what a model has given."""
        values, wanted = _given(outputs, self.tensor), arrow_type(self.type)
        if self.parts is not None:
            return of_rows(values, wanted, self.type)
        return of_dense(values, wanted, self.type) if is_sparse(self.type) else from_tensor(values, wanted)


@dataclass(frozen=True)
class Binding:
    """A model's columns. `packed`: all inputs are one tensor's numbers, in order; then each port names that tensor."""

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    packed: bool = False

    @property
    def input_columns(self) -> Columns:
        """INPUT (…)."""
        return tuple((p.column, p.type) for p in self.inputs)

    @property
    def input_tensors(self) -> tuple[Tensor, ...]:
        """What the columns feed, each once."""
        return tuple(dict.fromkeys(t for p in self.inputs for t in p.tensors))

    @property
    def output_tensors(self) -> tuple[Tensor, ...]:
        """What they are read off, each once."""
        return tuple(dict.fromkeys(t for p in self.outputs for t in p.tensors))

    @property
    def output_columns(self) -> Columns:
        """OUTPUT (…)."""
        return tuple((p.column, p.type) for p in self.outputs)

    def prepare(self, *columns: pa.Array) -> Tensors:
        """Arguments as tensors: without NULLs, but for a model that takes them."""
        if self.packed:
            tensor = self.inputs[0].tensor
            arrays = [_numbers(c, tensor) for c in columns]
            return {tensor.name: np.stack(arrays, axis=1)}
        made: dict[str, np.ndarray[Any, Any]] = {}
        for port, column in zip(self.inputs, columns, strict=True):
            made |= port.fed(column)
        return made

    def answers(self, outputs: Tensors) -> list[pa.Array]:
        """A column each output."""
        return [port.answer(outputs) for port in self.outputs]

    @property
    def gives_sparse(self) -> bool:
        """Whether an answer is a sparse tensor of the whole batch."""
        return any(port.parts is not None for port in self.outputs)

    def by_row(self, outputs: Tensors, count: int) -> Tensors:
        """What a model has given for `count` rows with a value a row in each: sparse tensors are of the whole batch."""
        made = dict(outputs)
        for port in self.outputs:
            if port.parts is not None:
                parts = {t.name: _given(outputs, t) for t in port.tensors}
                made = {n: v for n, v in made.items() if n not in parts}
                made[port.tensor.name] = by_row(port.parts, parts, count)
        return made

    def finish(self, outputs: Tensors) -> pa.Array:
        """The answers as a column: the one output, or a struct."""
        return whole_of(self.answers(outputs))

    def fields(self, outputs: Tensors) -> pa.StructArray:
        """The answers as a struct, also of one output: what a TRANSFORM goes on from."""
        return struct_of(self.answers(outputs))

    def as_json(self) -> dict[str, Any]:
        """The binding as JSON values."""
        return {
            "inputs": [_port_json(p) for p in self.inputs],
            "outputs": [_port_json(p) for p in self.outputs],
            "packed": self.packed,
        }

    @classmethod
    def of_json(cls, value: Mapping[str, Any]) -> Binding:
        """The opposite of `as_json`."""
        ports = [tuple(_port_of(p) for p in value[side]) for side in ("inputs", "outputs")]
        return cls(ports[0], ports[1], bool(value["packed"]))


def bind(
    name: str,
    takes: Sequence[Tensor],
    gives: Sequence[Tensor],
    inputs: Columns | None,
    outputs: Columns | None,
    word: str = "INPUT",
) -> Binding:
    """Columns and tensors brought together; raises UserError or TypeMismatch that names the tensor. `word`: the clause that
    gives the inputs."""
    given = _read_all(name, takes, found(takes)) if inputs is None else None
    packed = False
    if inputs is not None:
        packed = _is_packed(takes, inputs)
        if packed:
            given = tuple(Port(column, kind, takes[0]) for column, kind in inputs)
        else:
            given = _declared(name, word, takes, inputs, every=True)
    made = (
        _read_all(name, gives, found_answers(gives))
        if outputs is None
        else _declared(name, "OUTPUT", gives, outputs, every=False)
    )
    assert given is not None  # one of the two branches made it
    return Binding(given, made, packed)


def takes_missing(tensor: Tensor) -> bool:
    """Whether a value that is missing can be told in a tensor."""
    return tensor.dtype in TEXTS or "float" in tensor.dtype


def declared_tensors(columns: Columns) -> tuple[Tensor, ...]:
    """The tensors that columns describe by themselves, for engines whose artefact has no signature."""
    return tuple(t for name, kind in columns for t in _tensors_of(name.lower(), kind))


def _tensors_of(name: str, kind: SqlType) -> tuple[Tensor, ...]:
    if not is_sparse(kind):
        return (Tensor(name, *_layout(kind)),)
    dtype, _ = _layout(item_of(kind))
    places, sizes = Tensor(f"{name}_indices", "int64", (None,)), Tensor(f"{name}_shape", "int64")
    return (places, Tensor(f"{name}_values", dtype), sizes)


def _layout(kind: SqlType) -> tuple[str, tuple[int | None, ...]]:
    if isinstance(kind, Vector):
        return "float32", (kind.size,)
    if isinstance(kind, Array):
        dtype, shape = _layout(kind.item)
        return dtype, (None, *shape)
    scalar = _DTYPE_OF.get(kind) if isinstance(kind, Scalar) else None
    if scalar is None:
        raise TypeMismatch(f"a model takes and gives no {kind}", hint="numbers, texts, BYTES, FLOAT[n], ARRAYs of them")
    return scalar, ()


def _read_all(name: str, tensors: Sequence[Tensor], sparse: Mapping[str, Parts]) -> tuple[Port, ...]:
    """Columns read off a signature: the three tensors of a sparse one are a column, each of the others is one."""
    of_sparse = {t for parts in sparse.values() for t in parts.tensors}
    ports = [_sparse_port(name, *item) for item in sparse.items()]
    others = [t for t in tensors if t not in of_sparse]
    return (*ports, *(_read(name, others) if others or not ports else ()))


def _sparse_port(name: str, called: str, parts: Parts) -> Port:
    column = called.upper() if PLAIN_NAME.match(called.upper()) else called
    return Port(column, column_type(_type_of(name, parts.values)), parts.values, parts)


def _read(name: str, tensors: Sequence[Tensor]) -> tuple[Port, ...]:
    """Columns read off a signature."""
    columns: list[Port] = []
    for tensor in tensors:
        column = tensor.name.upper() if PLAIN_NAME.match(tensor.name.upper()) else tensor.name
        if column in {p.column for p in columns}:
            column = f"{column}{len(columns)}"  # tensors whose names differ in case only
        columns.append(Port(column, _type_of(name, tensor), tensor))
    if not columns:
        raise UserError(f"model {name}: its signature has no tensors")
    return tuple(columns)


def _type_of(name: str, tensor: Tensor) -> SqlType:
    scalar = _OF_DTYPE.get(tensor.dtype)
    if scalar is None:
        raise UserError(f"model {name}: tensor {tensor} is of a type that SQL does not have")
    shape = tensor.shape
    if shape in ((), (1,)):
        return scalar
    made: SqlType = scalar
    last = shape[-1]
    if scalar is FLOAT and last is not None:
        made, shape = Vector(last), shape[:-1]
    for _ in shape:
        made = Array(made)
    return made


def _declared(name: str, word: str, tensors: Sequence[Tensor], columns: Columns, *, every: bool) -> tuple[Port, ...]:
    """Declared columns by their tensors' names, without regard to case; the only tensor may have any name."""
    by_name = {t.name.upper(): t for t in tensors}
    ports: list[Port] = []
    for column, kind in columns:
        parts = parts_of(column, tensors) if is_sparse(kind) else None
        if parts is not None and (every or parts.shape is not None):  # an answer's rows are counted by its shape
            _check_fit(name, word, column, item_of(kind), parts.values)
            ports.append(Port(column, kind, parts.values, parts))
            continue
        tensor = by_name.get(column.upper())
        if tensor is None and len(tensors) == len(columns) == 1:
            tensor = tensors[0]
        if tensor is None:
            raise Misfit(
                f"model {name}: {word} names {column}, and no tensor is called so",
                column,
                detail=f"its signature has {', '.join(map(str, tensors))}",
            )
        _check_fit(name, word, column, kind, tensor)
        ports.append(Port(column, kind, tensor))
    fed = {t for p in ports for t in p.tensors}
    unused = [t for t in tensors if t not in fed]
    if every and unused:
        raise UserError(
            f"model {name}: {word} does not name tensor {unused[0]}",
            detail=f"its signature has {', '.join(map(str, tensors))}",
        )
    return tuple(ports)


def _is_packed(tensors: Sequence[Tensor], columns: Columns) -> bool:
    if len(tensors) != 1 or len(tensors[0].shape) != 1 or len(columns) < 2:
        return False
    return tensors[0].shape[0] in (None, len(columns)) and all(is_numeric(kind) for _, kind in columns)


def _check_fit(name: str, word: str, column: str, kind: SqlType, tensor: Tensor) -> None:
    """A column fits a tensor of its kind (numbers, texts, truth) and number of dimensions; a fixed size must be equal. How
    many dimensions a sparse one has, its rows say."""
    dtype, shape = (_layout(item_of(kind))[0], tensor.shape) if is_sparse(kind) else _layout(kind)
    wanted = () if tensor.shape == (1,) and shape == () else tensor.shape
    sizes = all(a is None or b is None or a == b for a, b in zip(shape, wanted, strict=False))
    if _group(dtype) != _group(tensor.dtype) or len(shape) != len(wanted) or not sizes:
        raise Misfit(
            f"model {name}: {word} {column} {kind} does not fit tensor {tensor}",
            column,
            hint=f"make it {_type_of(name, tensor)}"
            if word == "TRANSFORM"
            else f"declare it as {_type_of(name, tensor)}",
        )


def _group(dtype: str) -> str:
    kind = _OF_DTYPE.get(dtype)
    if kind in (STRING, BYTES):  # an engine's texts are bytes of any kind
        return "text"
    return "number" if kind is not None and is_numeric(kind) else str(kind or dtype)


def _numbers(column: pa.Array, tensor: Tensor) -> np.ndarray[Any, Any]:
    values: np.ndarray[Any, Any] = np.asarray(column.cast(pa.float64()) if pa.types.is_decimal(column.type) else column)
    return as_tensor_type(values, _numpy(tensor), tensor)


def _fed(values: np.ndarray[Any, Any], tensor: Tensor) -> np.ndarray[Any, Any]:
    if tensor.shape == (1,) and values.ndim == 1:
        values = values.reshape(-1, 1)
    return values if tensor.dtype in TEXTS else as_tensor_type(values, _numpy(tensor), tensor)


def _numpy(tensor: Tensor) -> np.dtype[Any]:
    return np.dtype("float32") if tensor.dtype == "bfloat16" else np.dtype(tensor.dtype)


def _given(outputs: Tensors, tensor: Tensor) -> np.ndarray[Any, Any]:
    values = outputs.get(tensor.name)
    if values is None:
        raise UserError(f"the model gave no tensor {tensor.name}")
    return values


def _port_json(port: Port) -> dict[str, Any]:
    parts = {} if port.parts is None else {"parts": [_tensor_json(t) for t in port.parts.tensors]}
    return {"column": port.column, "type": str(port.type), **_tensor_json(port.tensor), **parts}


def _tensor_json(tensor: Tensor) -> dict[str, Any]:
    return {"tensor": tensor.name, "dtype": tensor.dtype, "shape": list(tensor.shape)}


def _port_of(value: Mapping[str, Any]) -> Port:
    parts = [_tensor_of(part) for part in value.get("parts", ())]
    sparse = Parts(parts[0], parts[1], parts[2] if len(parts) > 2 else None) if parts else None
    return Port(value["column"], parse_type(value["type"]), _tensor_of(value), sparse)


def _tensor_of(value: Mapping[str, Any]) -> Tensor:
    return Tensor(value["tensor"], value["dtype"], tuple(value["shape"]))
