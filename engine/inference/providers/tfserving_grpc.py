"""TensorFlow Serving over gRPC: PredictionService with tensors as the bytes that they are in memory."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...errors import EnvironmentFault, UserError
from ..program import TEXTS, Source, Tensor, Tensors, object_array, row_shape, text_bytes
from .remote_grpc import GrpcEndpoint, messages, named_model

SERVICE = "/tensorflow.serving.PredictionService/"
MESSAGES = messages(
    "mergus.tfserving",
    {
        "Version": ("value int64 1",),
        "ModelSpec": ("name string 1", "version Version 2", "signature_name string 3", "version_label string 4"),
        "GetModelMetadataRequest": ("model_spec ModelSpec 1", "metadata_field string* 2"),
        "GetModelMetadataResponse": ("metadata AnyEntry* 2",),
        "AnyEntry": ("key string 1", "value Any 2"),
        "Any": ("type_url string 1", "value bytes 2"),
        "SignatureDefMap": ("signature_def SignatureEntry* 1",),
        "SignatureEntry": ("key string 1", "value SignatureDef 2"),
        "SignatureDef": ("inputs InfoEntry* 1", "outputs InfoEntry* 2"),
        "InfoEntry": ("key string 1", "value TensorInfo 2"),
        "TensorInfo": ("name string 1", "dtype int32 2", "tensor_shape TensorShape 3"),
        "TensorShape": ("dim Dim* 2", "unknown_rank bool 3"),
        "Dim": ("size int64 1",),
        "PredictRequest": ("model_spec ModelSpec 1", "inputs TensorEntry* 2"),
        "PredictResponse": ("outputs TensorEntry* 1",),
        "TensorEntry": ("key string 1", "value TensorProto 2"),
        "TensorProto": (
            "dtype int32 1",
            "tensor_shape TensorShape 2",
            "tensor_content bytes 4",
            "float_val float* 5",
            "double_val double* 6",
            "int_val int32* 7",
            "string_val bytes* 8",
            "int64_val int64* 10",
            "bool_val bool* 11",
            "half_val int32* 13",
            "uint32_val uint32* 16",
            "uint64_val uint64* 17",
        ),
    },
)
_DTYPES = {
    1: "float32",
    2: "float64",
    3: "int32",
    4: "uint8",
    5: "int16",
    6: "int8",
    7: "string",
    9: "int64",
    10: "bool",
    17: "uint16",
    19: "float16",
    22: "uint32",
    23: "uint64",
}
_NUMBERS = {dtype: number for number, dtype in _DTYPES.items()} | {"bytes": 7}
_HALF = 19


class TfServingGrpcProgram:
    """One model there."""

    loader = "tensorflow serving over gRPC"

    def __init__(self, source: Source, endpoint: GrpcEndpoint) -> None:
        self._endpoint = endpoint
        signature = source.options.get("signature", "serving_default")
        name, version, label = named_model(endpoint.path, "v1", source)
        self._spec = MESSAGES["ModelSpec"](name=name, signature_name=signature, version_label=label)
        if version:
            self._spec.version.value = int(version)
        told = _signatures(endpoint, self._spec)
        if signature not in told:
            raise UserError(
                f"model {source.name}: its server has no signature {signature}",
                detail=f"it has {', '.join(sorted(told))}",
            )
        self.input_tensors = _tensors(told[signature].inputs)
        self.output_tensors = _tensors(told[signature].outputs)

    def __call__(self, tensors: Tensors) -> dict[str, np.ndarray[Any, Any]]:
        """Ask once for the whole batch."""
        request = MESSAGES["PredictRequest"](model_spec=self._spec)
        for tensor in self.input_tensors:
            request.inputs.add(key=tensor.name, value=_sent(tensor, tensors[tensor.name]))
        answer = self._endpoint.call(f"{SERVICE}Predict", request, MESSAGES["PredictResponse"])
        found = {entry.key: entry.value for entry in answer.outputs}
        missing = [t.name for t in self.output_tensors if t.name not in found]
        if missing:
            raise EnvironmentFault(
                f"the model's server gave no output {missing[0]}", detail=f"it gave {', '.join(found)}"
            )
        return {t.name: _received(t.name, found[t.name]) for t in self.output_tensors}

    def unload(self) -> None:
        """End the connection."""
        self._endpoint.close()


def _signatures(endpoint: GrpcEndpoint, spec: Any) -> dict[str, Any]:
    """What the model has, by name. The signature is left out of the question: the server tells all."""
    asked = MESSAGES["GetModelMetadataRequest"](model_spec=spec, metadata_field=["signature_def"])
    asked.model_spec.signature_name = ""
    answer = endpoint.call(f"{SERVICE}GetModelMetadata", asked, MESSAGES["GetModelMetadataResponse"])
    packed = {entry.key: entry.value.value for entry in answer.metadata}
    told = MESSAGES["SignatureDefMap"].FromString(packed.get("signature_def", b""))
    return {entry.key: entry.value for entry in told.signature_def}


def _tensors(described: Any) -> tuple[Tensor, ...]:
    """A signature's tensors in order of names, which a map on the wire does not keep."""
    found = {entry.key: entry.value for entry in described}
    return tuple(
        Tensor(name, _DTYPES.get(t.dtype, str(t.dtype)), row_shape(d.size for d in t.tensor_shape.dim))
        for name, t in sorted(found.items())
    )


def _sent(tensor: Tensor, values: np.ndarray[Any, Any]) -> Any:
    made = MESSAGES["TensorProto"](dtype=_NUMBERS.get(tensor.dtype, 1))
    for size in values.shape:
        made.tensor_shape.dim.add(size=size)
    if tensor.dtype in TEXTS:
        made.string_val.extend(text_bytes(values).reshape(-1).tolist())
    else:
        dtype = np.dtype(tensor.dtype).newbyteorder("<")
        made.tensor_content = np.ascontiguousarray(values, dtype=dtype).tobytes()
    return made


def _received(name: str, tensor: Any) -> np.ndarray[Any, Any]:
    """A tensor's values: its memory, or a list by type, whose last value stands for all that are missing behind it."""
    dtype, shape = _DTYPES.get(tensor.dtype), tuple(d.size for d in tensor.tensor_shape.dim)
    if dtype is None:
        raise EnvironmentFault(f"the model's server gave {name} in a type that SQL does not have: {tensor.dtype}")
    count = math.prod(shape)
    if dtype == "string":
        texts = list(tensor.string_val)
        return object_array(texts + texts[-1:] * (count - len(texts)), shape)
    if tensor.tensor_content:
        return np.frombuffer(tensor.tensor_content, dtype=np.dtype(dtype).newbyteorder("<")).reshape(shape)
    lists = [v for field, v in tensor.ListFields() if field.name.endswith("_val")]
    flat = np.array(lists[0] if lists else [], dtype=np.uint16 if tensor.dtype == _HALF else dtype)
    if tensor.dtype == _HALF:
        flat = flat.view(np.float16)
    if len(flat) < count:
        flat = np.concatenate([flat, np.repeat(flat[-1:] if len(flat) else np.zeros(1, flat.dtype), count - len(flat))])
    return flat.reshape(shape)
