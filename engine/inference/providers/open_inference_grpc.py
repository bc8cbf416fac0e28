"""The Open Inference Protocol (version 2) over gRPC: tensors go there and back as the bytes that they are in memory."""

from __future__ import annotations

import math
import struct
from typing import Any

import numpy as np

from ...errors import EnvironmentFault
from ..program import TEXTS, Source, Tensor, Tensors, object_array, row_shape, text_bytes
from .remote_grpc import GrpcEndpoint, messages, named_model

SERVICE = "/inference.GRPCInferenceService/"
_TENSOR = ("name string 1", "datatype string 2", "shape int64* 3")
MESSAGES = messages(
    "mergus.open_inference",
    {
        "ModelMetadataRequest": ("name string 1", "version string 2"),
        "ModelMetadataResponse": ("name string 1", "inputs TensorMetadata* 4", "outputs TensorMetadata* 5"),
        "TensorMetadata": _TENSOR,
        "ModelInferRequest": (
            "model_name string 1",
            "model_version string 2",
            "inputs InferTensor* 5",
            "raw_input_contents bytes* 7",
        ),
        "ModelInferResponse": ("model_name string 1", "outputs InferTensor* 5", "raw_output_contents bytes* 6"),
        "InferTensor": (*_TENSOR, "contents Contents 5"),
        "Contents": (
            "bool_contents bool* 1",
            "int_contents int32* 2",
            "int64_contents int64* 3",
            "uint_contents uint32* 4",
            "uint64_contents uint64* 5",
            "fp32_contents float* 6",
            "fp64_contents double* 7",
            "bytes_contents bytes* 8",
        ),
    },
)
DTYPES = {
    "BOOL": "bool",
    **{f"{sign}INT{bits}": f"{sign.lower()}int{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)},
    "FP16": "float16",
    "FP32": "float32",
    "FP64": "float64",
    "BYTES": "string",
}
"""The protocol's datatypes, over REST as over gRPC."""
DATATYPES = {dtype: datatype for datatype, dtype in DTYPES.items()} | {"bytes": "BYTES"}


class OpenInferenceGrpcProgram:
    """One model there."""

    loader = "open inference protocol over gRPC"

    def __init__(self, source: Source, endpoint: GrpcEndpoint) -> None:
        self._endpoint = endpoint
        self._model, self._version, _ = named_model(endpoint.path, "v2", source)
        request = MESSAGES["ModelMetadataRequest"](name=self._model, version=self._version)
        told = endpoint.call(f"{SERVICE}ModelMetadata", request, MESSAGES["ModelMetadataResponse"])
        self.input_tensors = _tensors(told.inputs) or source.inputs or ()
        self.output_tensors = _tensors(told.outputs) or source.outputs or ()

    def __call__(self, tensors: Tensors) -> dict[str, np.ndarray[Any, Any]]:
        """Ask once for the whole batch."""
        request = MESSAGES["ModelInferRequest"](model_name=self._model, model_version=self._version)
        for tensor in self.input_tensors:
            values = tensors[tensor.name]
            datatype = DATATYPES.get(tensor.dtype, "FP32")
            request.inputs.add(name=tensor.name, datatype=datatype, shape=values.shape)
            request.raw_input_contents.append(_raw(values, tensor))
        answer = self._endpoint.call(f"{SERVICE}ModelInfer", request, MESSAGES["ModelInferResponse"])
        raw = list(answer.raw_output_contents) or [None] * len(answer.outputs)
        if len(raw) != len(answer.outputs):
            raise EnvironmentFault(f"the model's server gave {len(raw)} contents for {len(answer.outputs)} outputs")
        return {o.name: _received(o, content) for o, content in zip(answer.outputs, raw, strict=True)}

    def unload(self) -> None:
        """End the connection."""
        self._endpoint.close()


def _tensors(described: Any) -> tuple[Tensor, ...]:
    """Metadata's tensors; the first size is the rows."""
    return tuple(Tensor(t.name, DTYPES.get(t.datatype, t.datatype), row_shape(t.shape)) for t in described)


def _raw(values: np.ndarray[Any, Any], tensor: Tensor) -> bytes:
    """A tensor's memory, rows first, the lower byte first; a text is its length in four bytes, and itself."""
    if tensor.dtype in TEXTS:
        return b"".join(struct.pack("<I", len(v)) + v for v in text_bytes(values).reshape(-1).tolist())
    dtype = np.dtype(tensor.dtype).newbyteorder("<")
    return np.ascontiguousarray(values, dtype=dtype).tobytes()


def _received(output: Any, raw: bytes | None) -> np.ndarray[Any, Any]:
    """An output's values, from its raw bytes or else from its typed contents."""
    dtype, shape = DTYPES.get(output.datatype, ""), tuple(output.shape)
    if dtype == "string":
        flat: Any = list(output.contents.bytes_contents) if raw is None else _texts(raw)
    elif raw is None:
        filled = [values for _, values in output.contents.ListFields()]
        flat = np.array(filled[0] if filled else [], dtype=dtype or None)
    else:
        flat = np.frombuffer(raw, dtype=np.dtype(dtype or "uint8").newbyteorder("<"))
    if not dtype or len(flat) != math.prod(shape):
        raise EnvironmentFault(
            f"the model's server gave {output.name} in a shape or type of its own", detail=f"{output.datatype} {shape}"
        )
    return object_array(flat, shape) if dtype == "string" else flat.reshape(shape)


def _texts(raw: bytes) -> list[bytes]:
    """The opposite of `_raw`, for texts."""
    made, at = [], 0
    while at + 4 <= len(raw):
        (size,) = struct.unpack_from("<I", raw, at)
        made.append(raw[at + 4 : at + 4 + size])
        at += 4 + size
    return made
