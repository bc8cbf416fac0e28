"""A plain Python function as a model: `FUNCTION = 'predict'` in a file, versioned with everything beside it.

It gets one numpy array an input, by name, and gives an array, or a dict of arrays by output name, one row an element.
Its module is loaded from its own path under a name of its own, so that two versions live side by side.
"""

from __future__ import annotations

import gc
import hashlib
import importlib.util
import inspect
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ...errors import UserError
from ..arrays import is_uneven, uneven
from ..program import TEXTS, Source, Tensor, Tensors, object_array, text_bytes, texts


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
        _check_names(source, self._function, [t.name for t in self.input_tensors])

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
    """An answer as an array with a row an element: of arrays where the rows are not of one length."""
    if tensor.dtype in TEXTS:
        if isinstance(values, list) and not tensor.shape:
            return text_bytes(object_array(values, (len(values),)))  # numpy's own texts lose zeros at the end
        made = _rows(values, object) if isinstance(values, list | tuple) else np.asarray(values)
        return uneven(map(text_bytes, made), len(made)) if is_uneven(made) else text_bytes(made)
    made = _rows(values)
    if made.dtype.kind in "iu" and tensor.dtype.startswith("float"):
        made = made.astype(np.float64)  # whole numbers by chance: the next call may give fractions
    return made


def _rows(values: Any, dtype: type | None = None) -> np.ndarray[Any, Any]:
    """What a function gave as one array, or as an array of arrays where numpy finds no common shape."""
    try:
        made = np.array(values, dtype=dtype) if dtype is not None else np.asarray(values)
    except ValueError:
        return uneven((np.asarray(row, dtype=dtype) for row in values), len(values))
    if made.dtype == object and made.ndim == 1 and any(isinstance(v, list | tuple) for v in made):
        return uneven((np.asarray(row, dtype=dtype) for row in made), len(made))
    return made


def _check_names(source: Source, function: Any, names: Sequence[str]) -> None:
    """Whether the function can be called with the columns of INPUT; one written in C may not say."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return
    try:
        signature.bind(**dict.fromkeys(names))
    except TypeError as error:
        raise UserError(
            f"model {source.name}: {function.__name__}{signature} cannot be called with {', '.join(names)}",
            detail=str(error),
            hint="its parameters are called as the columns of INPUT are, in lower case",
        ) from error


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
    except (Exception, SystemExit) as error:
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
    if any(
        kind(found) for kind in (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction)
    ):
        raise UserError(
            f"model {source.name}: {wanted} of {_file(source).name} is a coroutine or a generator",
            hint="a model's function returns its answers; an async def is called row by row as a function of CREATE FUNCTION",
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
