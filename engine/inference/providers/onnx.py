"""ONNX models through onnxruntime, whose threads are set by the engine: its own default is one a core a model."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import UserError, reason
from ..program import Source, Tensor, Tensors, as_declared, one_file, text_bytes
from .registry import library

_DTYPES = {"float": "float32", "double": "float64"}


def load(source: Source) -> OnnxProgram:
    """The model in one `.onnx` file (with its external data beside it)."""
    return OnnxProgram(source)


class OnnxProgram:
    """One session."""

    loader = "onnxruntime"
    side_by_side = True

    def __init__(self, source: Source) -> None:
        runtime: Any = library("onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = source.threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        path = one_file(source, (".onnx",), ".onnx files")
        try:
            self._session: Any = runtime.InferenceSession(
                str(path), sess_options=options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            raise UserError(
                f"model {source.name}: onnxruntime cannot load the artefact",
                detail=reason(error),
                hint="is the .onnx file whole, and its external data beside it?",
            ) from error
        self.input_tensors = tuple(_tensor(node) for node in self._session.get_inputs())
        self.output_tensors = tuple(_tensor(node) for node in self._session.get_outputs())

    def __call__(self, tensors: Tensors) -> dict[str, np.ndarray[Any, Any]]:
        """Run the graph."""
        feed = {t.name: as_declared(tensors[t.name], t) for t in self.input_tensors}
        answers = self._session.run(None, feed)
        return {t.name: _array(a) for t, a in zip(self.output_tensors, answers, strict=True)}

    def unload(self) -> None:
        """End the session."""
        self._session = None


def _tensor(node: Any) -> Tensor:
    kind = str(node.type)
    if kind.startswith("seq(map("):  # `_array` makes the values of these
        return Tensor(str(node.name), "float32", (None,))
    inner = kind.removeprefix("tensor(").removesuffix(")")
    shape = tuple(n if isinstance(n, int) and n > 0 else None for n in (node.shape or [])[1:])
    return Tensor(str(node.name), _DTYPES.get(inner, inner), shape)


def _array(answer: Any) -> np.ndarray[Any, Any]:
    """An answer as an array; the maps that converted classifiers give (label to probability) as their values in order."""
    if isinstance(answer, list):
        return np.array([list(row.values()) for row in answer], dtype=np.float32)
    return text_bytes(np.asarray(answer))
