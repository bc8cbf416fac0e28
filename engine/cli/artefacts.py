"""`mergus inspect` and `mergus freeze`: a model's artefact before it is registered."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import pyarrow as pa
from cyclopts import Parameter

from ..inference.binding import Binding
from ..inference.providers import registry as providers
from ..inference.versions.inspection import inspect as look
from ..serving.describe.models import properties_text
from ..sql.types import quote_if_needed
from .failing import UsageError
from .options import quiet
from .rendering import write_named

_FORMAT = Annotated[Literal["table", "json"], Parameter(name="--format")]


def inspect(
    artefact: Path,
    *,
    provider: str | None = None,
    option: Annotated[list[str] | None, Parameter(name="--option", negative="")] = None,
    name: str | None = None,
    format: _FORMAT = "table",
) -> int:
    """Load a model's artefact in a process of its own, and say what SQL makes of it.

    Prints the columns that CREATE MODEL would read off its signature, with the tensors behind them, its size, digest and time to
    load, and the statement that registers it. Ends with 1 where it cannot be used.

    Parameters
    ----------
    artefact
        The file or folder.
    provider
        The engine: tensorflow, keras, onnx, … Without it the one that the artefact's names tell.
    option
        A property of the engine, as signature=serving_default. May be given several times.
    name
        The model's name in the statement; without it the artefact's.
    format
        table or json.
    """
    quiet()
    chosen = provider or providers.of_artefact(artefact)
    if not artefact.exists():
        raise UsageError(f"there is no artefact {artefact}")
    if chosen is None:
        known = ", ".join(sorted({*providers.names()} - {*providers.REMOTE}))
        raise UsageError(f"the name of {artefact} does not tell its engine", hint=f"--provider is one of {known}")
    if chosen in providers.REMOTE:
        raise UsageError(f"a model of {chosen} is on another server, and has no artefact here")
    return _tell(artefact, chosen, _options(option or []), name, format)


def freeze(
    saved_model: Path, file: Path, *, signature: str | None = None, name: str | None = None, format: _FORMAT = "table"
) -> int:
    """Write a TensorFlow SavedModel as one file: a frozen graph, whose variables are constants.

    Its answers to a row of zeros are compared with the folder's. Prints what `mergus inspect` prints of the file.

    Parameters
    ----------
    saved_model
        The folder.
    file
        Where to write the graph; it must not exist.
    signature
        Which of the signatures; without it serving_default, or the first.
    name
        The model's name in the statement; without it the file's.
    format
        table or json.
    """
    quiet()
    if providers.of_artefact(saved_model) != "tensorflow":
        raise UsageError(f"{saved_model} is no SavedModel: a folder with saved_model.pb")
    if file.exists():
        raise UsageError(f"{file} exists already")
    from ..inference.providers.freezing import freeze as write

    return _tell(file, "graphdef", write(saved_model.name, saved_model, file, signature), name, format)


def _tell(artefact: Path, provider: str, options: Mapping[str, str], name: str | None, form: str) -> int:
    path = artefact.resolve()
    called = name or path.name.partition(".")[0].replace("-", "_").upper()
    asked = {"name": called, "provider": provider, "path": str(path), "options": dict(options)}
    found = look({**asked, "inputs": None, "outputs": None})
    binding = Binding.of_json(found["binding"])
    columns = [
        {"side": side, "column": port.column, "type": str(port.type), "tensor": ", ".join(map(str, port.tensors))}
        for side, ports in (("INPUT", binding.inputs), ("OUTPUT", binding.outputs))
        for port in ports
    ]
    properties = [("PROVIDER", provider), ("PATH", path), ("SHA256", found["sha256"]), *options.items()]
    statement = f"CREATE MODEL {quote_if_needed(called)} WITH ({properties_text(properties)});"
    facts = {
        "provider": provider,
        "loader": found["loader"],
        "bytes": found["size_bytes"],
        "load_seconds": found["load_seconds"],
        "sha256": found["sha256"],
    }
    if form == "json":
        print(json.dumps({**facts, "columns": columns, "statement": statement}))
        return 0
    write_named(pa.Table.from_pylist(columns), sys.stdout)
    print(", ".join(f"{word.replace('_', ' ')} {value}" for word, value in facts.items()))
    print(statement)
    return 0


def _options(given: Sequence[str]) -> dict[str, Any]:
    options = {}
    for one in given:
        key, equals, value = one.partition("=")
        if not equals:
            raise UsageError(f"--option takes name=value, not {one!r}")
        options[key.strip().lower()] = value.strip()
    return options
