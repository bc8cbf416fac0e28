"""A plain Python function as a model: `FUNCTION = 'predict'` in a file, versioned with everything beside it.

It gets one numpy array an input, by name, and gives an array, or a dict of arrays by output name, one row an element.
Its module is loaded from its own path under a name of its own, so that two versions live side by side.
"""

from __future__ import annotations

import gc
import hashlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ...errors import UserError
from ..program import Source, Tensor, Tensors, object_array, text_bytes, texts


def load(source: Source) -> PythonProgram:
    """The function that the options name, of the one `.py` file (or FILE of a folder)."""
    return PythonProgram(source)


class PythonProgram:
    """One function."""

    loader = "python"

    def __init__(self, source: Source) -> None:
        if source.inputs is None or source.outputs is None:
            raise UserError(
                f"model {source.name}: a Python function does not say what it takes and gives",
                hint="CREATE MODEL … INPUT (x DOUBLE) OUTPUT (y DOUBLE) WITH (PROVIDER = 'python', …)",
            )
        self.input_tensors: tuple[Tensor, ...] = source.inputs
        self.output_tensors: tuple[Tensor, ...] = source.outputs
        self._name = source.name
        self._module: ModuleType | None = _module(source)
        self._function: Any = _function(source, self._module)

    def __call__(self, tensors: Tensors) -> dict[str, np.ndarray[Any, Any]]:
        """Call it once with the whole batch."""
        given = {t.name: texts(tensors[t.name]) if t.dtype == "string" else tensors[t.name] for t in self.input_tensors}
        answer = self._function(**given)
        if isinstance(answer, dict):
            known = {key.upper(): value for key, value in answer.items()}
            missing = [t.name for t in self.output_tensors if t.name.upper() not in known]
            if missing:
                raise UserError(f"the function of model {self._name} gave no {missing[0]}")
            return {t.name: _array(known[t.name.upper()], t) for t in self.output_tensors}
        if len(self.output_tensors) > 1:
            raise UserError(f"the function of model {self._name} must give a dict of its outputs by name")
        return {self.output_tensors[0].name: _array(answer, self.output_tensors[0])}

    def unload(self) -> None:
        """Forget the function and its module; what that holds goes with it."""
        module, self._module, self._function = self._module, None, None
        if module is not None and sys.modules.get(module.__name__) is module:
            del sys.modules[module.__name__]
        del module
        gc.collect()


def _array(values: Any, tensor: Tensor) -> np.ndarray[Any, Any]:
    if tensor.dtype == "bytes" and isinstance(values, list):
        return object_array(values, (len(values),))  # numpy's own texts lose zeros at the end
    return text_bytes(np.asarray(values))


def _module(source: Source) -> ModuleType:
    file = _file(source)
    digest = hashlib.sha256(str(file.resolve()).encode()).hexdigest()[:16]
    spec = importlib.util.spec_from_file_location(f"mergus_model_{digest}", file)
    if spec is None or spec.loader is None:
        raise UserError(f"model {source.name}: {file.name} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise UserError(
            f"model {source.name}: {file.name} does not run", detail=f"{type(error).__name__}: {error}"
        ) from error
    return module


def _function(source: Source, module: ModuleType) -> Any:
    wanted = source.options.get("function", "predict")
    found = getattr(module, wanted, None)
    if not callable(found):
        raise UserError(
            f"model {source.name}: {_file(source).name} defines no function {wanted}", hint="FUNCTION = 'name'"
        )
    return found


def _file(source: Source) -> Path:
    if source.path.is_file():
        return source.path
    chosen = source.options.get("file")
    found = [source.path / chosen] if chosen else sorted(source.path.glob("*.py"))
    if len(found) != 1 or not found[0].is_file():
        raise UserError(f"model {source.name}: which Python file is it?", hint="FILE = 'model.py'")
    return found[0]
