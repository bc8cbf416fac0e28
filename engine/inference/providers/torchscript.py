"""TorchScript: a module that PyTorch has compiled to one file (`torch.jit.save`), which needs no code of its author's.

The file does not say what its tensors are, so INPUT and OUTPUT must: inputs go to `forward` in their order, and a tuple that
comes back is the outputs in theirs. A dict is taken by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...errors import UserError, reason
from ..program import TEXTS, Source, Tensor, Tensors, one_file, writable
from .registry import library

ENDINGS = (".pt", ".pth", ".ts", ".torchscript")


def load(source: Source) -> TorchScriptProgram:
    """The module in one file."""
    return TorchScriptProgram(source)


class TorchScriptProgram:
    """One module, in evaluation mode."""

    loader = "torchscript"
    side_by_side = True

    def __init__(self, source: Source) -> None:
        if source.inputs is None or source.outputs is None:
            raise UserError(
                f"model {source.name}: a TorchScript module does not say what it takes and gives",
                hint="CREATE MODEL … INPUT (x FLOAT[3]) OUTPUT (y FLOAT) WITH (PROVIDER = 'torchscript', …)",
            )
        texts = [t.name for t in (*source.inputs, *source.outputs) if t.dtype in TEXTS]
        if texts:
            raise UserError(f"model {source.name}: PyTorch has no tensors of texts, and {texts[0]} is one")
        self.input_tensors: tuple[Tensor, ...] = source.inputs
        self.output_tensors: tuple[Tensor, ...] = source.outputs
        self._name = source.name
        torch: Any = library("torch")
        torch.set_num_threads(source.threads)
        self._torch = torch
        path = one_file(source, ENDINGS, "TorchScript files")
        try:
            self._module: Any = torch.jit.load(str(path), map_location="cpu").eval()
        except Exception as error:
            raise UserError(
                f"model {source.name}: PyTorch cannot load the artefact",
                detail=reason(error),
                hint="is the file whole, and written by torch.jit.save?",
            ) from error

    def __call__(self, tensors: Tensors) -> dict[str, np.ndarray[Any, Any]]:
        """Run `forward` over the whole batch."""
        given = [self._torch.from_numpy(array) for array in writable(tensors, self.input_tensors)]
        with self._torch.inference_mode():
            answer = self._module(*given)
        if isinstance(answer, Mapping):
            missing = [t.name for t in self.output_tensors if t.name not in answer]
            if missing:
                raise UserError(
                    f"the module of model {self._name} gave no {missing[0]}", hint=f"it gave {', '.join(answer)}"
                )
            return {t.name: answer[t.name].numpy() for t in self.output_tensors}
        answers = list(answer) if isinstance(answer, list | tuple) else [answer]
        if len(answers) < len(self.output_tensors):
            raise UserError(
                f"the module of model {self._name} gave {len(answers)} outputs, not {len(self.output_tensors)}"
            )
        return {t.name: a.numpy() for t, a in zip(self.output_tensors, answers, strict=False)}

    def unload(self) -> None:
        """Forget the module."""
        self._module = None
