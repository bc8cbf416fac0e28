"""TensorFlow SavedModels: loading, calling, letting go. The only module that imports tensorflow, and only when asked.

The import takes seconds and hundreds of megabytes, so it waits for the first model. Threads are set once a process,
before TensorFlow starts its pools: its own defaults cost up to fifty times on a small machine. Its inter-op threads do the
work of every call: with one of them, calls that come at a time wait for one another.

oneDNN stays as the framework has it: on. It keeps what it has compiled for each shape of a call, up to 1,024 of them, and texts
make a new one of almost every batch: a process that runs two of the models that ship grows by some 100 MB in a quarter of an
hour. Without it (TF_ENABLE_ONEDNN_OPTS=0) they take 10 to 20 % more CPU, and answers differ in the last digit.
"""

from __future__ import annotations

import gc
import importlib
import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import EnvironmentFault, UserError, reason
from ..program import Source, Tensor
from .stderr import without_idle_words

Tensors = Mapping[str, "np.ndarray[Any, Any]"]

_lock = threading.Lock()
_tensorflow: Any = None


def tensorflow(intra_op_threads: int = 1, inter_op_threads: int = 1) -> Any:
    """The framework, imported and set up by the first call; later calls' thread counts have no effect."""
    global _tensorflow
    with _lock:
        if _tensorflow is None:
            os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
            with without_idle_words():
                _tensorflow = _started(intra_op_threads, inter_op_threads)
        return _tensorflow


def _started(intra_op_threads: int, inter_op_threads: int) -> Any:
    try:
        module = importlib.import_module("tensorflow")
    except ImportError as error:
        raise EnvironmentFault(
            "TensorFlow is not installed, and a model function needs it",
            detail=str(error),
            hint="pip install 'mergus[tensorflow]'",
        ) from error
    _set_threads(module, intra_op_threads, inter_op_threads)
    module.constant(0)  # the first operation says its words again
    return module


def _set_threads(module: Any, intra_op: int, inter_op: int) -> None:
    threading_config = module.config.threading
    try:
        threading_config.set_intra_op_parallelism_threads(intra_op)
        threading_config.set_inter_op_parallelism_threads(inter_op)
    except RuntimeError:
        # The embedding program has run TensorFlow already: its choice of threads stands.
        return


def load(source: Source) -> SavedModel:
    """The provider `tensorflow`: SIGNATURE chooses one, else the default."""
    return SavedModel(
        source.name,
        source.path,
        intra_op_threads=source.threads,
        inter_op_threads=source.at_once,
        signature=source.options.get("signature"),
    )


class SavedModel:
    """One loaded SavedModel signature. Calls may come from several threads; `unload` is final.

    `loader` says which of TensorFlow's two loaders read it: `v2`, or `v1` for old files that v2 refuses.
    """

    side_by_side = True

    def __init__(
        self,
        name: str,
        path: Path,
        *,
        intra_op_threads: int = 1,
        inter_op_threads: int = 1,
        signature: str | None = None,
    ) -> None:
        tf = tensorflow(intra_op_threads, inter_op_threads)
        self.name = name
        self._program: _Version2 | _Version1 | None
        try:
            self._program = _Version2(tf, path, signature)
            self.loader = "v2"
        except Exception as first:  # noqa: BLE001 - any of TensorFlow's own kinds; the second loader decides
            try:
                self._program = _Version1(tf, path, intra_op_threads, inter_op_threads, signature)
                self.loader = "v1"
            except Exception as second:
                raise UserError(
                    f"model {name}: TensorFlow cannot load the artefact",
                    detail=f"{reason(first)}; with the loader of version 1: {reason(second)}",
                    hint="is it a complete SavedModel folder (saved_model.pb, variables/) with a signature?",
                ) from second
        self.inputs = self._program.inputs
        self.outputs = self._program.outputs
        self.input_tensors = self._program.input_tensors
        self.output_tensors = self._program.output_tensors

    def check_inputs(self, names: Sequence[str]) -> None:
        """Raise UserError unless the signature takes exactly these tensors."""
        if set(names) != set(self.inputs):
            raise UserError(
                f"model {self.name}: its inputs are {', '.join(sorted(self.inputs))}, not {', '.join(sorted(names))}",
                hint="name the inputs as the artefact's signature does, or give prepare=",
            )

    def __call__(self, tensors: Tensors) -> dict[str, np.ndarray[Any, Any]]:
        """Run the signature; every output comes back by name, rows first."""
        program = self._program
        if program is None:
            raise UserError(f"model {self.name} has been unloaded")
        return program.run(tensors)

    def unload(self) -> None:
        """Drop graph and weights, so that their memory can be used again."""
        if self._program is not None:
            self._program.close()
        self._program = None
        gc.collect()


class _Version2:
    """What `tf.saved_model.load` gives: a concrete function."""

    def __init__(self, tf: Any, path: Path, signature: str | None) -> None:
        self._tf = tf
        self._owner = tf.saved_model.load(str(path))
        signatures = dict(self._owner.signatures)
        self._function = signatures[signature_key(signatures, signature)]
        self.inputs: dict[str, Any] = {k: v.dtype for k, v in self._function.structured_input_signature[1].items()}
        self.outputs = tuple(sorted(self._function.structured_outputs))
        given = self._function.structured_input_signature[1]
        self.input_tensors = tuple(_tensor(k, v) for k, v in given.items())
        self.output_tensors = tuple(_tensor(k, self._function.structured_outputs[k]) for k in self.outputs)

    def run(self, tensors: Tensors) -> dict[str, np.ndarray[Any, Any]]:
        # The signature's dtype turns float64 into float32 and objects of bytes into strings, in one pass.
        feed = {k: self._tf.constant(v, dtype=self.inputs[k]) for k, v in tensors.items()}
        return {k: v.numpy() for k, v in self._function(**feed).items()}

    def close(self) -> None:
        del self._function, self._owner


class _Version1:
    """What TensorFlow 1's loader gives: a graph in a session of its own."""

    def __init__(self, tf: Any, path: Path, intra_op_threads: int, inter_op_threads: int, chosen: str | None) -> None:
        v1 = tf.compat.v1
        graph = tf.Graph()
        config = v1.ConfigProto(
            intra_op_parallelism_threads=intra_op_threads, inter_op_parallelism_threads=inter_op_threads
        )
        with graph.as_default():
            self._session = v1.Session(graph=graph, config=config)
            meta = v1.saved_model.load(self._session, ["serve"], str(path))
        signature = meta.signature_def[signature_key(meta.signature_def, chosen)]
        self._feeds = {k: graph.get_tensor_by_name(t.name) for k, t in signature.inputs.items()}
        self._fetches = {k: graph.get_tensor_by_name(t.name) for k, t in signature.outputs.items()}
        self.inputs: dict[str, Any] = {k: t.dtype for k, t in self._feeds.items()}
        self.outputs = tuple(sorted(self._fetches))
        self.input_tensors = tuple(_tensor(k, self._feeds[k]) for k in sorted(self._feeds))
        self.output_tensors = tuple(_tensor(k, self._fetches[k]) for k in self.outputs)

    def run(self, tensors: Tensors) -> dict[str, np.ndarray[Any, Any]]:
        feed = {self._feeds[k]: v for k, v in tensors.items()}
        return dict(self._session.run(self._fetches, feed))

    def close(self) -> None:
        self._session.close()


def signature_key(signatures: Mapping[str, Any], wanted: str | None = None) -> str:
    """The signature that is wanted, else the default, else the first by name; raises ValueError when there is none."""
    names = sorted(k for k in signatures if not k.startswith("__"))
    if not names:
        raise ValueError("the SavedModel has no signature")
    if wanted is not None:
        if wanted not in names:
            raise ValueError(f"the SavedModel has no signature {wanted}; it has {', '.join(names)}")
        return wanted
    return "serving_default" if "serving_default" in names else names[0]


def _tensor(name: str, spec: Any) -> Tensor:
    """A signature's tensor; a shape of unknown rank counts as one value a row."""
    rank = spec.shape.rank
    shape = () if not rank else tuple(spec.shape.as_list()[1:])
    return Tensor(name, "string" if spec.dtype.name == "string" else spec.dtype.name, shape)
