"""Keras files: `.keras`, and `.h5` of Keras 2. Read in safe mode, which refuses code hidden in a file."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np

from ...errors import UserError, reason
from ..program import Source, Tensor, Tensors, as_declared, one_file
from .tensorflow import tensorflow


def load(source: Source) -> KerasProgram:
    """The model in one file."""
    return KerasProgram(source)


class KerasProgram:
    """One Keras model, called without training."""

    loader = "keras"
    side_by_side = True

    def __init__(self, source: Source) -> None:
        self._tf = tensorflow(source.threads, source.at_once)
        path = one_file(source, (".keras", ".h5", ".hdf5"), "Keras files")
        try:
            self._model: Any = self._tf.keras.models.load_model(str(path), compile=False)
        except Exception as error:
            raise UserError(
                f"model {source.name}: Keras cannot load the artefact",
                detail=reason(error),
                hint="is it a whole .keras or .h5 file, without layers of your own code?",
            ) from error
        self.input_tensors = tuple(_tensor(t) for t in self._model.inputs)
        outputs = self._model.outputs
        names = list(getattr(self._model, "output_names", [])) or [f"output_{i}" for i in range(len(outputs))]
        self.output_tensors = tuple(
            Tensor(str(name), _dtype(t), tuple(t.shape[1:])) for name, t in zip(names, outputs, strict=True)
        )
        self._function: Any = self._tf.function(
            lambda arrays: self._model(arrays, training=False), reduce_retracing=True
        )

    def __call__(self, tensors: Tensors) -> dict[str, np.ndarray[Any, Any]]:
        """Run it."""
        given = [self._tf.constant(as_declared(tensors[t.name], t)) for t in self.input_tensors]
        answer = self._function(given[0] if len(given) == 1 else given)
        if isinstance(answer, dict):
            return {name: value.numpy() for name, value in answer.items()}
        answers = list(answer) if isinstance(answer, list | tuple) else [answer]
        return {t.name: a.numpy() for t, a in zip(self.output_tensors, answers, strict=True)}

    def unload(self) -> None:
        """Drop graph and weights, which hold one another."""
        self._model = self._function = None
        gc.collect()


def _tensor(tensor: Any) -> Tensor:
    return Tensor(str(tensor.name).partition(":")[0], _dtype(tensor), tuple(tensor.shape[1:]))


def _dtype(tensor: Any) -> str:
    return str(getattr(tensor.dtype, "name", tensor.dtype))
