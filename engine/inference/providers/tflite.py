"""TFLite models through LiteRT: small, one interpreter a model, which takes one batch at a time."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...errors import UserError, reason
from ..program import Source, Tensor, Tensors, as_declared, one_file, row_shape
from .registry import library
from .stderr import without_idle_words


def load(source: Source) -> TfliteProgram:
    """The model in one `.tflite` file."""
    return TfliteProgram(source)


class TfliteProgram:
    """One interpreter; it is resized to each batch, and `lock` keeps batches apart."""

    loader = "litert"

    def __init__(self, source: Source) -> None:
        interpreter: Any = library("ai_edge_litert.interpreter")
        path = one_file(source, (".tflite",), ".tflite files")
        try:
            with without_idle_words():
                self._interpreter: Any = interpreter.Interpreter(model_path=str(path), num_threads=source.threads)
                self._interpreter.allocate_tensors()
        except Exception as error:
            raise UserError(
                f"model {source.name}: LiteRT cannot load the artefact",
                detail=reason(error),
                hint="is the .tflite file whole?",
            ) from error
        self._inputs = self._interpreter.get_input_details()
        self._outputs = self._interpreter.get_output_details()
        inputs, outputs = _names_of_signature(self._interpreter)
        self.input_tensors = _tensors(self._inputs, inputs)
        self.output_tensors = _tensors(self._outputs, outputs)
        self._lock = threading.Lock()

    def __call__(self, tensors: Tensors) -> dict[str, np.ndarray[Any, Any]]:
        """Run it."""
        arrays = [as_declared(tensors[t.name], t) for t in self.input_tensors]
        with self._lock:
            for detail, array in zip(self._inputs, arrays, strict=True):
                self._interpreter.resize_tensor_input(detail["index"], list(array.shape))
            self._interpreter.allocate_tensors()
            for detail, array in zip(self._inputs, arrays, strict=True):
                self._interpreter.set_tensor(detail["index"], array)
            self._interpreter.invoke()
            got = [self._interpreter.get_tensor(detail["index"]) for detail in self._outputs]
        return {t.name: np.array(g) for t, g in zip(self.output_tensors, got, strict=True)}

    def unload(self) -> None:
        """Free the interpreter."""
        self._interpreter = None


def _names_of_signature(interpreter: Any) -> tuple[dict[int, str], dict[int, str]]:
    """What the file's only signature calls the tensors, by their index: inputs and outputs. Old files have none."""
    signatures = list(interpreter.get_signature_list())
    if len(signatures) != 1:
        return {}, {}
    runner = interpreter.get_signature_runner(signatures[0])
    given, made = runner.get_input_details(), runner.get_output_details()
    return {d["index"]: n for n, d in given.items()}, {d["index"]: n for n, d in made.items()}


def _tensors(details: Sequence[Any], named: Mapping[int, str]) -> tuple[Tensor, ...]:
    """The tensors by their names in the signature, else by those that the model was converted from, else by the file's own."""
    names = [
        named.get(d["index"]) or str(d["name"]).removeprefix("serving_default_").partition(":")[0] for d in details
    ]
    if len(set(names)) < len(names):
        names = [str(d["name"]) for d in details]
    return tuple(_tensor(d, n) for d, n in zip(details, names, strict=True))


def _tensor(detail: Any, name: str) -> Tensor:
    sizes = (int(n) for n in detail.get("shape_signature", detail["shape"]))
    return Tensor(name, np.dtype(detail["dtype"]).name, row_shape(sizes))
