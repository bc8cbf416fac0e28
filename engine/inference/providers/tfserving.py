"""The provider `tfserving`: a model behind TensorFlow Serving's interface, as it and Mergus serve it. PATH is its URL:
http://host:port/v1/models/m[/versions/3|/labels/canary]. SIGNATURE chooses one. Here over REST."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np

from ...errors import UserError
from ..program import TEXTS, Program, Source, Tensor, Tensors, object_array, row_shape, texts
from .remote import Endpoint, flattened, is_grpc, numbers, reading
from .remote_grpc import GrpcEndpoint
from .tfserving_grpc import TfServingGrpcProgram

_DTYPES = {
    "DT_BOOL": "bool",
    "DT_INT8": "int8",
    "DT_INT16": "int16",
    "DT_INT32": "int32",
    "DT_INT64": "int64",
    "DT_UINT8": "uint8",
    "DT_UINT16": "uint16",
    "DT_UINT32": "uint32",
    "DT_UINT64": "uint64",
    "DT_HALF": "float16",
    "DT_FLOAT": "float32",
    "DT_DOUBLE": "float64",
    "DT_STRING": "string",
}


def load(source: Source) -> Program:
    """Ask the server for the signature."""
    if is_grpc(source):
        return TfServingGrpcProgram(source, GrpcEndpoint(source))
    return TfServingProgram(source, Endpoint(source))


class TfServingProgram:
    """One model there."""

    loader = "tensorflow serving"

    def __init__(self, source: Source, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._source = source
        self._signature = source.options.get("signature", "serving_default")
        answer = endpoint.get(f"{endpoint.url}/metadata")
        with reading(source):
            told = answer["metadata"]["signature_def"]["signature_def"]
        if self._signature not in told:
            raise UserError(
                f"model {source.name}: its server has no signature {self._signature}",
                detail=f"it has {', '.join(sorted(told))}",
            )
        with reading(source):
            self.input_tensors = _tensors(told[self._signature]["inputs"])
            self.output_tensors = _tensors(told[self._signature]["outputs"])

    def __call__(self, tensors: Tensors) -> dict[str, np.ndarray[Any, Any]]:
        """Ask once for the whole batch, by columns."""
        inputs = {t.name: _sent(t, tensors[t.name]) for t in self.input_tensors}
        body = {"signature_name": self._signature, "inputs": inputs}
        answer = self._endpoint.post(f"{self._endpoint.url}:predict", body)
        with reading(self._source):
            outputs = answer["outputs"]
            if len(self.output_tensors) == 1:
                outputs = {self.output_tensors[0].name: outputs}
            return {t.name: _received(t, outputs[t.name]) for t in self.output_tensors}

    def unload(self) -> None:
        """Close the connections."""
        self._endpoint.close()


def _tensors(signature: Mapping[str, Any]) -> tuple[Tensor, ...]:
    return tuple(Tensor(name, _DTYPES.get(t["dtype"], t["dtype"]), _shape(t)) for name, t in sorted(signature.items()))


def _shape(described: Mapping[str, Any]) -> tuple[int | None, ...]:
    """The sizes of one row."""
    return row_shape(int(d["size"]) for d in described["tensor_shape"].get("dim", ()))


def _sent(tensor: Tensor, values: np.ndarray[Any, Any]) -> Any:
    return (texts(values) if tensor.dtype in TEXTS else values).tolist()


def _received(tensor: Tensor, values: Any) -> np.ndarray[Any, Any]:
    if tensor.dtype != "string":
        dtype = np.dtype(tensor.dtype)
        return numbers(flattened(values), dtype).reshape(np.shape(values))
    made = np.array(values, dtype=object)
    flat = [base64.b64decode(v["b64"]) if isinstance(v, dict) else str(v).encode() for v in made.reshape(-1).tolist()]
    return object_array(flat, made.shape)
