"""TensorFlow Serving's REST shapes (version 1): rows as `instances`, columns as `inputs`; the only tensor needs no name.

`{"b64": …}` is binary, NaN and Infinity are tokens, as there; a STRUCT or MAP is an object, a DECIMAL a number or text, a time
text. A call without version runs what `m(…)` runs in SQL, a split included; the versions that answered stand in the header
`Mergus-Model-Version`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...errors import AnalysisError
from ...sql.types import BIGINT, BOOLEAN, BYTES, DOUBLE, FLOAT, INTEGER, STRING, Array, SqlType, Vector
from ..json_values import value_writer
from ..models.calls import Answer, Called, Port, by_port, column_of, is_tensor, run, single

if TYPE_CHECKING:
    from ..engine import Engine

DEFAULT_SIGNATURE = "serving_default"
_DTYPES: dict[SqlType, str] = {
    BOOLEAN: "DT_BOOL",
    INTEGER: "DT_INT32",
    BIGINT: "DT_INT64",
    FLOAT: "DT_FLOAT",
    DOUBLE: "DT_DOUBLE",
    STRING: "DT_STRING",
    BYTES: "DT_STRING",
}


def predict(engine: Engine, called: Called, body: Mapping[str, Any]) -> tuple[Any, Answer]:
    """The answer to `:predict`, in the shape in which the request came. Raises AnalysisError for one that is neither."""
    _check_signature(called, body.get("signature_name"))
    if ("instances" in body) == ("inputs" in body):
        raise AnalysisError("the body holds either 'instances' (a list of rows) or 'inputs' (columns by name)")
    if "inputs" in body:
        answer = run(engine, called, _columns(called, body["inputs"]))
        return {"outputs": _by_name(called, _columns_shown(called, answer))}, answer
    answer = run(engine, called, _rows(called, body["instances"]))
    rows = zip(*_columns_shown(called, answer), strict=True)
    return {"predictions": [_by_name(called, row) for row in rows]}, answer


def _check_signature(called: Called, wanted: Any) -> None:
    options: Any = {} if called.version is None else called.version.record.get("options", {})
    known = options.get("signature", DEFAULT_SIGNATURE)
    if wanted not in (None, "", known):
        raise AnalysisError(f"model {called.name} has no signature {wanted}", hint=f"it is {known}")


def _rows(called: Called, instances: Any) -> list[Any]:
    if not isinstance(instances, list):
        raise AnalysisError("'instances' is a list of rows")
    if instances and all(isinstance(i, dict) and set(i) != {"b64"} for i in instances):
        rows = [by_port(called, i) for i in instances]
        return [column_of(called, p, [row[n] for row in rows]) for n, p in enumerate(called.inputs)]
    return [column_of(called, single(called), instances)]


def _columns(called: Called, inputs: Any) -> list[Any]:
    if isinstance(inputs, dict) and set(inputs) != {"b64"}:
        given = by_port(called, inputs)
    else:
        single(called)
        given = [inputs]
    columns = [_listed(called, p, v) for p, v in zip(called.inputs, given, strict=True)]
    lengths = {p.name: len(c) for p, c in zip(called.inputs, columns, strict=True)}
    if len(set(lengths.values())) > 1:
        raise AnalysisError(f"model {called.name}: its inputs have different numbers of rows", detail=str(lengths))
    return [column_of(called, p, c) for p, c in zip(called.inputs, columns, strict=True)]


def _listed(called: Called, port: Port, values: Any) -> list[Any]:
    if not isinstance(values, list):
        raise AnalysisError(f"model {called.name}: input {port.name} is a list, a value a row")
    return values


def _by_name(called: Called, values: Sequence[Any]) -> Any:
    return values[0] if len(values) == 1 else {p.name: v for p, v in zip(called.outputs, values, strict=True)}


def _columns_shown(called: Called, answer: Answer) -> list[list[Any]]:
    """The answer's columns; what no tensor holds as SQL's answers have it."""
    made = []
    for port, column in zip(called.outputs, answer.columns, strict=True):
        made.append(
            _shown(column) if is_tensor(port.type) else list(map(json.loads, map(value_writer(port.type), column)))
        )
    return made


def _shown(value: Any) -> Any:
    """Bytes as JSON has them."""
    if isinstance(value, list):
        return [_shown(v) for v in value]
    return {"b64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value


def status(called: Called) -> dict[str, Any]:
    """The answer to GET: every version, or the one that is asked for."""
    numbers = called.versions if called.version is None or not called.model.reference else [called.version.number]
    fine = {"error_code": "OK", "error_message": ""}
    return {
        "model_version_status": [{"version": str(n), "state": "AVAILABLE", "status": fine} for n in reversed(numbers)]
    }


def metadata(called: Called) -> dict[str, Any]:
    """The answer to GET …/metadata: the signature."""
    version = called.versions[-1] if called.version is None else str(called.version.number)
    signature = {
        "inputs": {p.name: _tensor(p) for p in called.inputs},
        "outputs": {p.name: _tensor(p) for p in called.outputs},
        "method_name": "tensorflow/serving/predict",
    }
    return {
        "model_spec": {"name": called.name, "signature_name": "", "version": version},
        "metadata": {"signature_def": {"signature_def": {DEFAULT_SIGNATURE: signature}}},
    }


def _tensor(port: Port) -> dict[str, Any]:
    dtype, sizes = layout(port.type)
    dims = [{"size": str(size), "name": ""} for size in (-1, *sizes)]
    shape = {"dim": dims, "unknown_rank": False}
    return {"dtype": _DTYPES.get(dtype, "DT_STRING"), "tensor_shape": shape, "name": port.name}


def layout(kind: SqlType) -> tuple[SqlType, tuple[int, ...]]:
    """The type of a column's values and the sizes of one row, -1 where one is open.

    >>> layout(Array(Vector(3)))[1]
    (-1, 3)
    """
    if isinstance(kind, Vector):
        return FLOAT, (kind.size,)
    if isinstance(kind, Array):
        inner, sizes = layout(kind.item)
        return inner, (-1, *sizes)
    return kind, ()
