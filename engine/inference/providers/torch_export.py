"""PyTorch programs as `torch.export.save` writes them (`.pt2`): they say themselves what they take and give.

torch.export.load unpickles parts of the file, which runs any code (its documentation warns of that), so it is refused unless
ALLOW_PICKLE says otherwise. A program that was exported for one number of rows is called with that many, the last call
filled up with its last row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...errors import UserError, reason
from ..program import Source, Tensor, Tensors, one_file, writable
from .registry import library


def load(source: Source) -> TorchExportProgram:
    """The program in one `.pt2` file."""
    path = one_file(source, (".pt2",), ".pt2 files")
    if not source.allows_pickle:
        raise UserError(
            f"model {source.name}: PyTorch may run any code of {path.name} when it is read",
            hint="say WITH (…, ALLOW_PICKLE = true) if you trust who made it, or convert it to ONNX",
        )
    torch: Any = library("torch")
    torch.set_num_threads(source.threads)
    try:
        exported = torch.export.load(path)
    except Exception as error:
        raise UserError(
            f"model {source.name}: PyTorch cannot load the artefact",
            detail=reason(error),
            hint="is the file whole, and written by torch.export.save?",
        ) from error
    return TorchExportProgram(source, torch, exported)


class TorchExportProgram:
    """One exported program."""

    loader = "torch.export"

    def __init__(self, source: Source, torch: Any, exported: Any) -> None:
        self._name = source.name
        self._torch = torch
        self._module: Any = exported.module()
        given, by_name = exported.example_inputs
        self._by_name: tuple[str, ...] = tuple(by_name)
        self._positional = len(given)
        shapes = {node.name: node.meta.get("val") for node in exported.graph.nodes}
        takes = exported.graph_signature.user_inputs
        names = [*takes[: self._positional], *self._by_name]
        self.input_tensors = tuple(self._tensor(n, shapes.get(t)) for n, t in zip(names, takes, strict=True))
        with torch.inference_mode():
            answer = self._module(*given, **by_name)
        gives = exported.graph_signature.user_outputs
        called = self._output_names(answer, source.outputs)
        if len(called) != len(gives):
            raise UserError(f"model {source.name}: its answer is neither tensors nor a dict of tensors")
        self.output_tensors = tuple(self._tensor(n, shapes.get(g)) for n, g in zip(called, gives, strict=True))
        rows = shapes[takes[0]].shape[0]
        self._rows: int | None = rows if isinstance(rows, int) else None

    def _tensor(self, name: str, value: Any) -> Tensor:
        """One row of what the graph says of a value."""
        if not isinstance(value, self._torch.Tensor) or not value.dim():
            raise UserError(
                f"model {self._name}: {name} is no tensor with a row in its first dimension",
                hint="export a module that takes and gives tensors of whole batches",
            )
        dtype = str(value.dtype).removeprefix("torch.")
        if not hasattr(np, dtype):
            raise UserError(f"model {self._name}: {name} is {dtype}, which NumPy has not", hint="export float32")
        return Tensor(name, dtype, tuple(n if isinstance(n, int) else None for n in value.shape[1:]))

    @staticmethod
    def _output_names(answer: Any, declared: tuple[Tensor, ...] | None) -> list[str]:
        """A dict's keys; else what OUTPUT calls them, in their order; else `output`, or `output_0`, `output_1` …"""
        if isinstance(answer, Mapping):
            return [str(key) for key in answer]
        if not isinstance(answer, list | tuple):
            return ["output"] if declared is None else [declared[0].name]
        if declared is not None and len(declared) == len(answer):
            return [tensor.name for tensor in declared]
        return [f"output_{number}" for number in range(len(answer))]

    def __call__(self, tensors: Tensors) -> dict[str, np.ndarray[Any, Any]]:
        """Run the program over the whole batch."""
        own = writable(tensors, self.input_tensors)
        rows = len(own[0])
        if self._rows is None or rows == self._rows:
            made = self._run(own)
        else:
            starts = range(0, rows, self._rows)
            places = [np.minimum(np.arange(start, start + self._rows), rows - 1) for start in starts]
            parts = [self._run([array[place] for array in own]) for place in places]
            made = [np.concatenate(column)[:rows] for column in zip(*parts, strict=True)]
        return {t.name: array for t, array in zip(self.output_tensors, made, strict=True)}

    def _run(self, arrays: Sequence[np.ndarray[Any, Any]]) -> list[np.ndarray[Any, Any]]:
        given = [self._torch.from_numpy(array) for array in arrays]
        by_name = dict(zip(self._by_name, given[self._positional :], strict=True))
        with self._torch.inference_mode():
            answer = self._module(*given[: self._positional], **by_name)
        if isinstance(answer, Mapping):
            answer = list(answer.values())
        return [a.numpy() for a in (answer if isinstance(answer, list | tuple) else [answer])]

    def unload(self) -> None:
        """Forget the program."""
        self._module = None
