"""The provider `open_inference`: a model behind the Open Inference Protocol (version 2), as KServe, Triton, MLServer and
Mergus serve it. PATH is its URL: http://host:port/v2/models/m[/versions/3]. Here over REST."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ...errors import EnvironmentFault
from ..program import TEXTS, Program, Source, Tensor, Tensors, object_array, row_shape, text_bytes, texts
from .open_inference_grpc import DATATYPES, DTYPES, OpenInferenceGrpcProgram
from .remote import Endpoint, flattened, is_grpc, numbers, reading
from .remote_grpc import GrpcEndpoint


def load(source: Source) -> Program:
    """Ask the server for the model's tensors; INPUT and OUTPUT stand in where it does not tell them."""
    if is_grpc(source):
        return OpenInferenceGrpcProgram(source, GrpcEndpoint(source))
    return OpenInferenceProgram(source, Endpoint(source))


class OpenInferenceProgram:
    """One model there."""

    loader = "open inference protocol"

    def __init__(self, source: Source, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._source = source
        told = endpoint.get(endpoint.url)
        with reading(source):
            self.input_tensors = _tensors(told.get("inputs")) or source.inputs or ()
            self.output_tensors = _tensors(told.get("outputs")) or source.outputs or ()

    def __call__(self, tensors: Tensors) -> dict[str, np.ndarray[Any, Any]]:
        """Ask once for the whole batch."""
        given = [_sent(t, tensors[t.name]) for t in self.input_tensors]
        answer = self._endpoint.post(f"{self._endpoint.url}/infer", {"inputs": given})
        with reading(self._source):
            made = {str(o["name"]): _received(o) for o in answer["outputs"]}
            if not made:
                raise ValueError("it has no outputs")
            return made

    def unload(self) -> None:
        """Close the connections."""
        self._endpoint.close()


def _tensors(described: Any) -> tuple[Tensor, ...]:
    """Metadata's tensors; the first size is the rows."""
    return tuple(
        Tensor(str(t["name"]), DTYPES.get(t["datatype"], t["datatype"]), row_shape(t["shape"]))
        for t in described or ()
    )  # fmt: skip


def _sent(tensor: Tensor, values: np.ndarray[Any, Any]) -> dict[str, Any]:
    if tensor.dtype in TEXTS:
        values = texts(values)
    datatype = DATATYPES.get(tensor.dtype, "FP32")
    return {"name": tensor.name, "shape": list(values.shape), "datatype": datatype, "data": values.reshape(-1).tolist()}


def _received(output: Mapping[str, Any]) -> np.ndarray[Any, Any]:
    dtype, shape, data = DTYPES.get(output["datatype"], ""), output["shape"], flattened(output["data"])
    if not dtype or len(data) != math.prod(shape):
        raise EnvironmentFault(
            f"the model's server gave {output['name']} in a shape or type of its own", detail=str(shape)
        )
    if dtype != "string":
        return numbers(data, np.dtype(dtype)).reshape(shape)
    return text_bytes(object_array(data, shape))
