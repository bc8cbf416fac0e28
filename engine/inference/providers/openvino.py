"""OpenVINO models: its own IR (an `.xml` with its `.bin`), and ONNX or TFLite files, which its runtime reads as well."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from ...errors import UserError
from ..program import TEXTS, Source, Tensor, Tensors, as_declared, one_file
from .registry import library

ENDINGS = (".xml", ".onnx", ".tflite")


def load(source: Source) -> OpenVinoProgram:
    """The model in a folder or in one file, compiled for the processor."""
    return OpenVinoProgram(source)


class OpenVinoProgram:
    """One compiled model. A request holds the memory of one call: each caller takes one, and leaves it for the next."""

    loader = "openvino"
    side_by_side = True

    def __init__(self, source: Source) -> None:
        openvino: Any = library("openvino")
        threads = {"INFERENCE_NUM_THREADS": source.threads * source.at_once, "NUM_STREAMS": source.at_once}
        exact = {"INFERENCE_PRECISION_HINT": "f32"}  # else float32 is computed as bfloat16 where the processor can
        path = one_file(source, ENDINGS, "models", hint=f"of {', '.join(ENDINGS)}")
        try:
            self._compiled: Any = openvino.Core().compile_model(str(path), "CPU", threads | exact)
        except Exception as error:
            raise UserError(
                f"model {source.name}: OpenVINO cannot load the artefact",
                detail=(str(error).strip().splitlines() or [type(error).__name__])[-1],
                hint="is the folder whole: model.xml with its model.bin?",
            ) from error
        self.input_tensors = tuple(_tensor(port, i) for i, port in enumerate(self._compiled.inputs))
        self.output_tensors = tuple(_tensor(port, i) for i, port in enumerate(self._compiled.outputs))
        self._free: list[Any] = []
        self._lock = threading.Lock()

    def __call__(self, tensors: Tensors) -> dict[str, np.ndarray[Any, Any]]:
        """Run it."""
        feed = {i: as_declared(tensors[t.name], t) for i, t in enumerate(self.input_tensors)}
        with self._lock:
            request = self._free.pop() if self._free else self._compiled.create_infer_request()
        try:
            answers = request.infer(feed)
            return {t.name: _array(answers[i], t) for i, t in enumerate(self.output_tensors)}
        finally:
            with self._lock:
                self._free.append(request)

    def unload(self) -> None:
        """Drop the compiled model and its requests."""
        self._free.clear()
        self._compiled = None


def _tensor(port: Any, place: int) -> Tensor:
    """A port by its name, where it has one."""
    names = sorted(port.get_names())
    shape = port.get_partial_shape()
    sizes = [] if shape.rank.is_dynamic else [None if d.is_dynamic else d.get_length() for d in shape]
    kind = port.get_element_type()
    dtype = "string" if kind.get_type_name() == "string" else np.dtype(kind.to_dtype()).name
    return Tensor(names[0] if names else f"port_{place}", dtype, tuple(sizes[1:]))


def _array(answer: Any, tensor: Tensor) -> np.ndarray[Any, Any]:
    """A copy, because the request's memory is used again."""
    return np.array(answer, dtype=object if tensor.dtype in TEXTS else None)
