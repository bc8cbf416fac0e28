"""Model engines by name: those that ship, each imported when first asked for, and those of other packages.

PROVIDER = 'name' in CREATE MODEL. Another package adds one with an entry point in the group `mergus.providers` whose
value is a function `load(Source) -> Program`.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import cast

from ...errors import EnvironmentFault, UnknownName, UserError
from ..program import Program, Source

GROUP = "mergus.providers"
SHIPPED = (
    "tensorflow",
    "keras",
    "sklearn",
    "onnx",
    "tflite",
    "openvino",
    "torchscript",
    "torch_export",
    "graphdef",
    "python",
    "open_inference",
    "tfserving",
)
REMOTE = ("open_inference", "tfserving")
"""Those whose PATH is a URL."""
_OF_REMOTE = ("remote.transport", "remote.timeout.ms", "remote.retries", "remote.token.env")
OPTIONS: Mapping[str, tuple[str, ...]] = {
    "tensorflow": ("signature",),
    "sklearn": ("method", "trusted", "allow_pickle"),
    "torch_export": ("allow_pickle",),
    "graphdef": ("graphdef.inputs", "graphdef.outputs"),
    "python": ("function", "file"),
    "open_inference": _OF_REMOTE,
    "tfserving": (*_OF_REMOTE, "signature"),
}
"""What each engine that ships reads of WITH beside the properties of every model; the others read nothing."""
EXTRAS = {
    "sklearn": "sklearn",
    "skops": "sklearn",
    "onnxruntime": "onnx",
    "ai_edge_litert": "tflite",
    "openvino": "openvino",
    "torch": "torch",
    "tensorflow": "tensorflow",
    "keras": "tensorflow",
    "pandas": "sklearn",
    "httpx": "remote",
    "grpc": "remote",
}
"""The extra of this package that brings a library."""
LIBRARIES = {
    "tensorflow": "tensorflow",
    "keras": "tensorflow",
    "graphdef": "tensorflow",
    "sklearn": "sklearn",
    "onnx": "onnxruntime",
    "tflite": "ai_edge_litert",
    "openvino": "openvino",
    "torchscript": "torch",
    "torch_export": "torch",
}
"""The library without which an engine loads nothing."""
_OF_ENDING = {
    ".keras": "keras",
    ".h5": "keras",
    ".onnx": "onnx",
    ".tflite": "tflite",
    ".xml": "openvino",
    ".pb": "graphdef",
    ".pt": "torchscript",
    ".ts": "torchscript",
    ".pt2": "torch_export",
    ".skops": "sklearn",
    ".pkl": "sklearn",
    ".joblib": "sklearn",
    ".py": "python",
}
Load = Callable[[Source], Program]


def names() -> list[str]:
    """Every engine that is known, installed or not."""
    return sorted({*SHIPPED, *(point.name for point in entry_points(group=GROUP))})


def of_artefact(path: Path) -> str | None:
    """The engine that reads an artefact, by the names of its files; None where they do not tell."""
    if not path.is_dir():
        return _OF_ENDING.get(path.suffix.lower())
    if any((path / name).exists() for name in ("saved_model.pb", "saved_model.pbtxt")):
        return "tensorflow"
    found = {_OF_ENDING[file.suffix.lower()] for file in path.iterdir() if file.suffix.lower() in _OF_ENDING}
    return found.pop() if len(found) == 1 else None


def find(provider: str) -> Load:
    """The engine of that name; raises UnknownName, or EnvironmentFault where its library is not installed."""
    name = provider.lower()
    if name in SHIPPED:
        return cast(Load, importlib.import_module(f".{name}", __package__).load)
    for point in entry_points(group=GROUP):
        if point.name.lower() == name:
            return cast(Load, point.load())
    near = difflib.get_close_matches(name, names(), 1)
    raise UnknownName(
        f"there is no model provider {provider!r}",
        detail=f"known are {', '.join(names())}",
        hint=f'did you mean "{near[0]}"?' if near else "an engine of others comes with its package",
    )


def load(provider: str, source: Source) -> Program:
    """Load a model with the engine of that name."""
    return find(provider)(source)


def check_installed(function: str, provider: str) -> None:
    """Raise UserError where the library of a function's engine is not installed; imports nothing."""
    name = LIBRARIES.get(provider)
    if name is not None and importlib.util.find_spec(name) is None:
        raise UserError(
            f"function {function} needs {name}, which is not installed",
            hint=f"pip install 'mergus[{EXTRAS[name]}]', and start Mergus again",
        )


def library(name: str) -> object:
    """An engine's library; raises EnvironmentFault with the extra that brings it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        extra = EXTRAS.get(name.partition(".")[0], name)
        raise EnvironmentFault(
            f"{name} is not installed, and a model needs it",
            detail=str(error),
            hint=f"pip install 'mergus[{extra}]'",
        ) from error
