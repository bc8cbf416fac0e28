"""Frozen graphs of TensorFlow 1: one `.pb` with weights as constants and no signature, so that tensors are named here.

'graphdef.inputs' and 'graphdef.outputs' name them (`input:0, mask:0`); without them the inputs are the placeholders that
something takes, and the outputs what nothing else in the graph takes.
"""

from __future__ import annotations

import gc
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...errors import UserError
from ..program import Source, Tensor, Tensors, as_declared, one_file
from .tensorflow import tensorflow

_NO_ANSWER = ("NoOp", "Const", "Placeholder", "Assert")


def load(source: Source) -> GraphDefProgram:
    """The graph in one file."""
    return GraphDefProgram(source)


class GraphDefProgram:
    """One graph, pruned to what the outputs need."""

    loader = "graphdef"
    side_by_side = True

    def __init__(self, source: Source) -> None:
        self._tf = tensorflow(source.threads, source.at_once)
        definition = self._read(source)
        graph = self._tf.Graph()
        with graph.as_default():
            self._tf.import_graph_def(definition, name="")
        takes = _named(source, "graphdef.inputs", graph) or _placeholders(graph)
        gives = _named(source, "graphdef.outputs", graph) or _ends(graph)
        if not takes or not gives:
            raise UserError(
                f"model {source.name}: which tensors are the graph's {'outputs' if takes else 'inputs'}?",
                hint="WITH (…, 'graphdef.inputs' = 'x:0', 'graphdef.outputs' = 'y:0')",
            )
        self.input_tensors = tuple(_tensor(t) for t in takes)
        self.output_tensors = tuple(_tensor(t) for t in gives)
        self._session: Any = self._tf.compat.v1.Session(graph=graph, config=self._config(source))
        self._feeds, self._fetches = takes, gives

    def __call__(self, tensors: Tensors) -> dict[str, np.ndarray[Any, Any]]:
        """Run it."""
        arrays = [
            tensors[t.name] if t.dtype == "string" else as_declared(tensors[t.name], t) for t in self.input_tensors
        ]
        answers = self._session.run(self._fetches, dict(zip(self._feeds, arrays, strict=True)))
        return {t.name: np.asarray(a) for t, a in zip(self.output_tensors, answers, strict=True)}

    def unload(self) -> None:
        """Close the session, and drop graph and weights."""
        self._session.close()
        self._session = None
        self._feeds, self._fetches = [], []
        gc.collect()

    def _read(self, source: Source) -> Any:
        definition = self._tf.compat.v1.GraphDef()
        path = one_file(source, (".pb",), ".pb files")
        try:
            definition.ParseFromString(path.read_bytes())
        except Exception as error:
            raise UserError(
                f"model {source.name}: the artefact is no GraphDef", detail=str(error), hint="is the .pb file whole?"
            ) from error
        return definition

    def _config(self, source: Source) -> Any:
        return self._tf.compat.v1.ConfigProto(
            intra_op_parallelism_threads=source.threads, inter_op_parallelism_threads=source.at_once
        )


def _named(source: Source, option: str, graph: Any) -> list[Any]:
    """The tensors that an option names; `x` is `x:0`."""
    names = [n.strip() for n in source.options.get(option, "").split(",") if n.strip()]
    try:
        return [graph.get_tensor_by_name(n if ":" in n else f"{n}:0") for n in names]
    except (KeyError, ValueError) as error:
        known = ", ".join(o.name for o in graph.get_operations() if o.type == "Placeholder")
        raise UserError(
            f"model {source.name}: '{option}' names a tensor that the graph does not have",
            detail=str(error).strip("'\""),
            hint=f"its placeholders are {known}",
        ) from error


def _placeholders(graph: Any) -> list[Any]:
    """Those that something takes: of control flow placeholders are left which stand for nothing."""
    return [o.outputs[0] for o in graph.get_operations() if o.type == "Placeholder" and o.outputs[0].consumers()]


def _ends(graph: Any) -> list[Any]:
    """Tensors that no operation takes, but for a loop's own."""
    made: Sequence[Any] = [o for o in graph.get_operations() if o.type not in _NO_ANSWER]
    return [t for o in made for t in o.outputs if not t.consumers() and t.dtype.name not in ("variant", "resource")]


def _tensor(tensor: Any) -> Tensor:
    """A tensor by its operation's name, and its place there where it is not the first."""
    name = str(tensor.name).removesuffix(":0")
    rank = tensor.shape.rank
    shape = tuple(tensor.shape.as_list()[1:]) if rank else ()
    return Tensor(name, str(tensor.dtype.name), shape)
