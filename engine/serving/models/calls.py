"""Models called from outside SQL: the same functions that SQL calls, on rows that a request brings.

A model is found where SQL finds it, so that versions, aliases and splits are one thing; it runs in the host process where
its queries run, so that it is in memory once and cannot take the server with it.
"""

from __future__ import annotations

import base64
import binascii
import decimal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ...errors import AnalysisError, RecordError, UnknownName, UserError
from ...inference.arrays import parts_of
from ...sql.catalog_models import ModelEntry, ModelVersion
from ...sql.functions import ModelCall, ScalarFunction
from ...sql.scope import suggestion
from ...sql.transform import INPUT, OUTPUT, kept_transforms
from ...sql.types import (
    BIGINT,
    BYTES,
    DATE,
    INTEGER,
    TIME,
    TIMESTAMP,
    Array,
    Scalar,
    SqlType,
    Struct,
    Vector,
    arrow_type,
)
from ..json_values import value_reader

if TYPE_CHECKING:
    from ..engine import Engine

SHIPPED_VERSION = "1"
"""What stands for the version in the path of a model that is declared in a file, which has one."""


@dataclass(frozen=True)
class Port:
    """An input or output: `name` as the artefact calls it, `column` as SQL does."""

    name: str
    column: str
    type: SqlType


@dataclass(frozen=True)
class Called:
    """A model and how its version is chosen. `entry`: None for one that is declared in a file."""

    name: str
    model: Any
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    entry: ModelEntry | None
    version: ModelVersion | None

    @property
    def versions(self) -> tuple[str, ...]:
        """All that there are."""
        return (SHIPPED_VERSION,) if self.entry is None else tuple(str(v.number) for v in self.entry.versions)


@dataclass(frozen=True)
class Answer:
    """One list of values an output, and the version that answered each row."""

    columns: tuple[list[Any], ...]
    versions: list[str | None]

    @property
    def rows(self) -> int:
        """How many were asked."""
        return len(self.versions)

    @property
    def versions_used(self) -> list[str]:
        """Each once."""
        return sorted({v for v in self.versions if v is not None})


def find(engine: Engine, name: str, reference: str = "") -> Called:
    """The model of a name in any case; `reference`: a version's number, an alias, or empty for what `m(…)` runs.
    Raises UnknownName."""
    known = [n for n in (name, name.upper()) if n in engine.catalog.models]
    entry = engine.catalog.models[known[0]] if known else None
    whole = entry.name if entry is not None else name.upper()
    function = engine.registry.functions.get(whole)
    overload = function.overloads[0] if isinstance(function, ScalarFunction) and function.overloads else None
    if overload is None or not isinstance(overload.implementation, ModelCall):
        raise UnknownName(f"there is no model {name}", hint=suggestion(name, engine.catalog.models))
    if entry is None:
        if reference not in ("", SHIPPED_VERSION):
            raise UnknownName(f"model {name} has no version or alias {reference}")
        model = overload.implementation.model
        inputs = tuple(Port(n, n.upper(), t) for n, t in model.inputs.items())
        return Called(name, model, inputs, _returned(model.output, {}, "output"), None, None)
    version = entry.default if not reference else _version(entry, reference)
    suffix = "" if not reference else f"${reference}" if reference.isdecimal() else f"@{reference.upper()}"
    chosen = engine.registry.functions[f"{whole}{suffix}"]
    assert isinstance(chosen, ScalarFunction)
    implementation = chosen.overloads[0].implementation
    assert isinstance(implementation, ModelCall)  # `registered.functions_of` makes no others
    takes, gives = _tensor_names(version, INPUT), _tensor_names(version, OUTPUT)
    inputs = tuple(Port(takes.get(n, n.lower()), n, t) for n, t in version.inputs)
    outputs = _returned(version.output, gives, version.outputs[0][0])
    return Called(name, implementation.model, inputs, outputs, entry, version)


def _version(entry: ModelEntry, reference: str) -> ModelVersion:
    for version in entry.versions:
        if str(version.number) == reference:
            return version
    if reference.isdecimal():  # text of a path: digits of any script, and as many as a path may have
        known = ", ".join(str(v.number) for v in entry.versions)
        raise UnknownName(f"model {entry.name} has no version {reference[:20]}", hint=f"its versions are {known}")
    return entry.alias(reference.upper())


def _tensor_names(version: ModelVersion, side: str) -> dict[str, str]:
    """The artefact's names by column; columns that share a tensor, and those behind a TRANSFORM, keep their own."""
    if side in kept_transforms(version.record):
        return {}
    binding: Any = version.record["binding"]
    ports = binding["inputs" if side == INPUT else "outputs"]
    tensors = [str(p["tensor"]) for p in ports]
    return {str(p["column"]): str(p["tensor"]) for p in ports if tensors.count(str(p["tensor"])) == 1}


def _returned(kind: SqlType, tensors: Mapping[str, str], only: str) -> tuple[Port, ...]:
    """What a call gives: the fields of a struct, or one value, which is column `only`."""
    fields = kind.fields if isinstance(kind, Struct) else ((only, kind),)
    return tuple(Port(tensors.get(n, n.lower()), n.upper(), t) for n, t in fields)


def run(engine: Engine, called: Called, columns: Sequence[pa.Array]) -> Answer:
    """Ask the model. Raises UserError where it fails on a row, EnvironmentFault where it cannot be run."""
    rows = pa.table(list(columns), names=[f"c{i}" for i in range(len(columns))])
    if not rows.num_rows:
        return Answer(tuple([] for _ in called.outputs), [])
    made, errors = engine.lifecycle.infer(called.model, rows)
    if errors:
        row, reason = errors[0]
        raise UserError(f"row {row}: {reason}", detail=f"{len(errors)} of {rows.num_rows} rows fail")
    parts = parts_of(made.column("c0"))
    return Answer(tuple(part.to_pylist() for part in parts), made.column("c1").to_pylist())


def is_tensor(kind: SqlType) -> bool:
    """Whether a tensor can hold values of that type as they are; others go over the protocols as JSON."""
    if isinstance(kind, Array):
        return is_tensor(kind.item)
    return isinstance(kind, Vector) or (isinstance(kind, Scalar) and kind not in (DATE, TIME, TIMESTAMP))


def single(called: Called) -> Port:
    """The only input. Raises AnalysisError where there are several."""
    if len(called.inputs) > 1:
        names = ", ".join(p.name for p in called.inputs)
        raise AnalysisError(f"model {called.name} has several inputs, and they must be named", detail=names)
    return called.inputs[0]


def by_port(called: Called, given: Mapping[str, Any]) -> list[Any]:
    """What is given by name, in the order of the inputs: a name is the artefact's or SQL's, in any case. Raises
    AnalysisError for one that is missing or unknown."""
    folded = {name.upper(): value for name, value in given.items()}
    made = []
    for port in called.inputs:
        names = [n for n in (port.name.upper(), port.column) if n in folded]
        if not names:
            raise AnalysisError(f"model {called.name}: input {port.name} is missing")
        made.append(folded.pop(names[0]))
    if folded:
        known = ", ".join(p.name for p in called.inputs)
        raise AnalysisError(f"model {called.name} has no input {next(iter(folded))}", detail=f"its inputs are {known}")
    return made


def column_of(called: Called, port: Port, values: Sequence[Any]) -> pa.Array:
    """JSON values as the column of an input; `[x]` where one value is wanted is `x`. Raises AnalysisError."""
    if not is_tensor(port.type):
        return _read(called, port, values)
    if isinstance(port.type, Scalar) and values and all(isinstance(v, list) and len(v) == 1 for v in values):
        values = [v[0] for v in values]
    if _is_whole(port.type):
        _refuse_fractions(called, port, values)
    try:
        return pa.array(_bytes(values) if _holds_bytes(port.type) else values, arrow_type(port.type))
    except (pa.ArrowException, TypeError, ValueError, OverflowError, binascii.Error) as why:
        raise AnalysisError(f"model {called.name}: input {port.name} is {port.type}", detail=str(why)) from None


def _read(called: Called, port: Port, values: Sequence[Any]) -> pa.Array:
    """What no tensor holds, as an insert takes it."""
    read = value_reader(port.type)
    try:
        return pa.array([read(_exact(v)) for v in values], arrow_type(port.type))
    except (RecordError, pa.ArrowException, TypeError, ValueError, OverflowError) as why:
        raise AnalysisError(f"model {called.name}: input {port.name} is {port.type}", detail=str(why)) from None


def _exact(value: Any) -> Any:
    """A JSON value with its fractions as they were written, which is what a DECIMAL is read from."""
    match value:
        case float():
            return decimal.Decimal(repr(value))
        case list():
            return [_exact(v) for v in value]
        case dict():
            return {k: _exact(v) for k, v in value.items()}
        case _:
            return value


def _is_whole(kind: SqlType) -> bool:
    return _is_whole(kind.item) if isinstance(kind, Array) else kind in (INTEGER, BIGINT)


def _refuse_fractions(called: Called, port: Port, values: Sequence[Any]) -> None:
    """Arrow would cut them off. Raises AnalysisError."""
    for value in values:
        if isinstance(value, list):
            _refuse_fractions(called, port, value)
        elif isinstance(value, float) and not value.is_integer():
            raise AnalysisError(
                f"model {called.name}: input {port.name} is {port.type}", detail=f"{value} is no whole number"
            )


def _holds_bytes(kind: SqlType) -> bool:
    return _holds_bytes(kind.item) if isinstance(kind, Array) else kind == BYTES


def _bytes(value: Any) -> Any:
    """`{"b64": …}` as bytes, text as its UTF-8, at any depth."""
    if isinstance(value, list):
        return [_bytes(v) for v in value]
    if isinstance(value, dict):
        return base64.b64decode(value["b64"], validate=True) if set(value) == {"b64"} else value
    return value.encode() if isinstance(value, str) else value
