"""The Open Inference Protocol (version 2): tensors with name, shape, datatype and data, in and out.

What no tensor holds is BYTES, a text each: JSON of a STRUCT or MAP, the digits of a DECIMAL, a time in ISO 8601. The answer
tells the version that was used. Where a split sent rows to several, `parameters.versions` has one a row.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...errors import AnalysisError
from ...inference.program import object_array
from ...sql.types import BIGINT, BOOLEAN, BYTES, DOUBLE, FLOAT, INTEGER, STRING, Map, SqlType, Struct
from ..json_values import value_writer
from ..models.calls import Answer, Called, Port, by_port, column_of, is_tensor, run
from .models_v1 import layout

if TYPE_CHECKING:
    from ..engine import Engine

_DATATYPES: dict[SqlType, str] = {
    BOOLEAN: "BOOL",
    INTEGER: "INT32",
    BIGINT: "INT64",
    FLOAT: "FP32",
    DOUBLE: "FP64",
    STRING: "BYTES",
    BYTES: "BYTES",
}
_DIMENSIONS_MAX = 32
_EMPTY_MAX = 1 << 20
"""Of how many rows a tensor without values may be: each is a list, though nothing was sent."""
_NUMBERS = frozenset("INT8 INT16 INT32 INT64 UINT8 UINT16 UINT32 UINT64 FP16 FP32 FP64 BF16".split())  # noqa: SIM905
BASE64 = "base64"
"""What `content_type` says of data that is bytes, not text."""


def metadata(called: Called) -> dict[str, Any]:
    """The answer to GET /v2/models/m."""
    return {
        "name": called.name,
        "versions": list(called.versions),
        "platform": called.model.provider if called.version is None else called.version.provider,
        "inputs": [_described(p) for p in called.inputs],
        "outputs": [_described(p) for p in called.outputs],
    }


def _described(port: Port) -> dict[str, Any]:
    dtype, sizes = layout(port.type)
    return {"name": port.name, "datatype": _datatype(dtype), "shape": [-1, *sizes]}


def _datatype(kind: SqlType) -> str:
    return _DATATYPES.get(kind, "BYTES")


def infer(engine: Engine, called: Called, body: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to POST …/infer. Raises AnalysisError for a request that does not fit the model."""
    given = body.get("inputs")
    if not isinstance(given, list) or not all(isinstance(t, dict) and isinstance(t.get("name"), str) for t in given):
        raise AnalysisError("'inputs' is a list of tensors with name, shape, datatype and data")
    names = [t["name"].upper() for t in given]
    if len(set(names)) < len(names):
        raise AnalysisError("'inputs' has two tensors of one name")
    tensors = by_port(called, {t["name"]: t for t in given})
    columns = [column_of(called, p, _values(p, t)) for p, t in zip(called.inputs, tensors, strict=True)]
    if len({len(c) for c in columns}) > 1:
        raise AnalysisError(f"model {called.name}: its inputs have different numbers of rows")
    answer = run(engine, called, columns)
    made: dict[str, Any] = {"model_name": called.name, **_versions(called, answer), "outputs": []}
    if isinstance(body.get("id"), str):
        made["id"] = body["id"]
    wanted = _wanted(called, body.get("outputs"))
    for port, values in zip(called.outputs, answer.columns, strict=True):
        if port in wanted:
            made["outputs"].append(_tensor(called, port, values))
    return made


def _versions(called: Called, answer: Answer) -> dict[str, Any]:
    used = answer.versions_used
    if len(used) > 1:
        return {"parameters": {"versions": answer.versions}}
    fixed = called.versions[-1] if called.version is None else str(called.version.number)
    return {"model_version": used[0] if used else fixed}


def _wanted(called: Called, outputs: Any) -> Sequence[Port]:
    if not outputs:
        return called.outputs
    if not isinstance(outputs, list) or not all(
        isinstance(o, dict) and isinstance(o.get("name"), str) for o in outputs
    ):
        raise AnalysisError("'outputs' is a list of objects with a name")
    names = {o["name"].upper() for o in outputs}
    unknown = names - {n for p in called.outputs for n in (p.name.upper(), p.column)}
    if unknown:
        known = ", ".join(p.name for p in called.outputs)
        raise AnalysisError(f"model {called.name} has no output {min(unknown)}", detail=f"its outputs are {known}")
    return [p for p in called.outputs if p.name.upper() in names or p.column in names]


def _values(port: Port, tensor: Mapping[str, Any]) -> list[Any]:
    """A tensor's data, flat or nested, as one value a row."""
    shape, datatype = tensor.get("shape"), tensor.get("datatype")
    if not isinstance(shape, list) or not shape or not all(type(n) is int and n >= 0 for n in shape):
        raise AnalysisError(f"input {port.name}: 'shape' is a list of sizes, rows first")
    dtype = _datatype(layout(port.type)[0])
    if datatype != dtype and not (_is_number(datatype) and _is_number(dtype)):
        raise AnalysisError(f"input {port.name} is {dtype}, not {datatype}")
    if "data" not in tensor:
        raise AnalysisError(f"input {port.name} has no 'data'", hint="tensors come as JSON, not as bytes behind it")
    flat = list(_flat(tensor["data"]))
    if len(flat) != math.prod(shape):
        raise AnalysisError(f"input {port.name}: shape {shape} wants {math.prod(shape)} values, not {len(flat)}")
    if len(shape) > _DIMENSIONS_MAX or math.prod(n or 1 for n in shape) > max(len(flat), _EMPTY_MAX):
        raise AnalysisError(f"input {port.name}: shape {str(shape)[:40]} is none of a tensor in a request")
    parameters = tensor.get("parameters")
    if isinstance(parameters, dict) and parameters.get("content_type") == BASE64:
        flat = [_decoded(port, value) for value in flat]
    leaf = layout(port.type)[0]
    if isinstance(leaf, Struct | Map):
        flat = [_object(port, value) for value in flat]
    nested: list[Any] = object_array(flat, tuple(shape)).tolist()
    return nested


def _is_number(datatype: Any) -> bool:
    return isinstance(datatype, str) and datatype in _NUMBERS


def _object(port: Port, value: Any) -> Any:
    """A STRUCT or MAP, which is a text of JSON."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        raise AnalysisError(f"input {port.name}: its data is not JSON, which stands for {port.type}") from None


def _decoded(port: Port, value: Any) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise AnalysisError(f"input {port.name}: its data is not base64") from None


def _flat(data: Any) -> Iterator[Any]:
    if isinstance(data, list):
        for item in data:
            yield from _flat(item)
    else:
        yield data


def _tensor(called: Called, port: Port, values: list[Any]) -> dict[str, Any]:
    """An output. Rows of different sizes have no shape, which is refused."""
    if any(v is None for v in values):
        raise AnalysisError(f"model {called.name}: output {port.name} has no value for a row", hint="an input was NULL")
    dtype, sizes = layout(port.type)
    shape = [len(values)]
    level: list[Any] = values
    for _ in sizes:
        lengths = {len(v) for v in level}
        if len(lengths) > 1:
            raise AnalysisError(f"model {called.name}: output {port.name} has rows of different sizes")
        shape.append(lengths.pop() if lengths else 0)
        level = [item for v in level for item in v]
    if not is_tensor(dtype):
        texts = map(value_writer(dtype), level)
        level = [json.loads(text) if text.startswith('"') else text for text in texts]
    made: dict[str, Any] = {"name": port.name, "shape": shape, "datatype": _datatype(dtype), "data": level}
    if dtype == BYTES:
        made |= {"data": [base64.b64encode(v).decode() for v in level], "parameters": {"content_type": BASE64}}
    return made
