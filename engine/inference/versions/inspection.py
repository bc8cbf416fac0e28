"""A look at an artefact in a process of its own, before anything depends on it: does it load, does it fit, is it right?

A model that hangs or ends its process harms only that one, and its memory goes with it. The request and the answer are
JSON in files without a name, because engines write what they like to the standard output, and nothing is to be left behind
by a server that is killed. Run as `python -m mergus.engine.inference.versions.inspection` with the numbers of the two.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...errors import MergusError, UserError
from ...sql.transform import INPUT, columns_of_texts
from ...sql.types import Columns
from ..binding import Misfit, bind, declared_tensors
from ..process import go_with_the_owner
from ..program import Source
from ..providers import registry as providers
from .artefact import verify
from .routes import sql_columns, version_function
from .self_test import check_answers

LIMIT_S = 120.0


def inspect(request: Mapping[str, Any], limit_s: float = LIMIT_S) -> dict[str, Any]:
    """Answer `{binding, loader, load_seconds, sha256, size_bytes}` for `{name, provider, path, options, inputs, outputs,
    self_test, tolerance}`. Raises UserError with the reason where the model is not fit to be registered."""
    name = request["name"]
    with tempfile.TemporaryFile("w+") as question, tempfile.TemporaryFile("w+") as answer:
        json.dump(request, question)
        question.seek(0)
        files = (question.fileno(), answer.fileno())
        command = [sys.executable, "-m", __spec__.name if __spec__ else __name__, *map(str, files)]
        reading, writing = os.pipe()  # nothing is written: that it ends tells that this process has
        try:
            done = subprocess.run(
                command, stdin=reading, capture_output=True, text=True, timeout=limit_s, check=False, pass_fds=files
            )
        except subprocess.TimeoutExpired:
            raise UserError(f"model {name}: it has not loaded and answered within {limit_s:g} seconds") from None
        finally:
            os.close(reading)
            os.close(writing)
        answer.seek(0)
        told = answer.read()
    if not told:
        raise UserError(f"model {name}: its engine ended the process", detail=_ending(done))
    made: dict[str, Any] = json.loads(told)
    if made.get("column") is not None:
        raise Misfit(made["error"], made["column"], detail=made.get("detail"), hint=made.get("hint"))
    if "error" in made:
        raise UserError(made["error"], detail=made.get("detail"), hint=made.get("hint"))
    return made


def _ending(done: subprocess.CompletedProcess[str]) -> str:
    if done.returncode < 0:
        return f"killed by {signal.Signals(-done.returncode).name}"
    last = done.stderr.strip().splitlines()[-1:] or [""]
    return f"status {done.returncode}: {last[0]}"


def answer_to(request: Mapping[str, Any]) -> dict[str, Any]:
    """What the process of its own does."""
    name, path = request["name"], Path(request["path"])
    artefact = verify(name, path, request.get("sha256"))
    inputs, outputs = _columns(request["inputs"]), _columns(request["outputs"])
    takes = None if inputs is None else declared_tensors(inputs)
    gives = None if outputs is None else declared_tensors(outputs)
    started = time.perf_counter()
    program = providers.load(request["provider"], Source(name, path, request["options"], 1, takes, gives))
    load_seconds = time.perf_counter() - started
    transforms = request.get("transforms", {})
    word = "TRANSFORM" if INPUT in transforms else INPUT
    binding = bind(name, program.input_tensors, program.output_tensors, inputs, outputs, word)
    loader = program.loader
    program.unload()
    route = {
        "provider": request["provider"],
        "sha256": artefact.sha256,
        "artefact": str(path),
        "record": {"binding": binding.as_json(), "options": request["options"], "transforms": transforms},
        "transforms": request.get("packed", {}),
    }
    if request.get("self_test"):
        _, answers = sql_columns(binding, route["record"])
        function = version_function(name, Path("/"), "0", route)
        check_answers(function, [column for column, _ in answers], request["self_test"], request.get("tolerance"))
    return {
        "binding": binding.as_json(),
        "loader": loader,
        "load_seconds": round(load_seconds, 3),
        "sha256": artefact.sha256,
        "size_bytes": artefact.size_bytes,
    }


def _columns(given: Sequence[Sequence[str]] | None) -> Columns | None:
    return None if given is None else columns_of_texts(given)


def main(arguments: Sequence[str]) -> None:
    """Read the request, write the answer."""
    with open(int(arguments[0])) as file:
        request = json.load(file)
    try:
        made = answer_to(request)
    except MergusError as error:
        column = error.column if isinstance(error, Misfit) else None
        made = {"error": error.message, "detail": error.detail, "hint": error.hint, "column": column}
    except Exception as error:  # noqa: BLE001 - an engine may raise anything; the statement tells it
        made = {"error": f"model {request['name']}: it cannot be used", "detail": f"{type(error).__name__}: {error}"}
    with open(int(arguments[1]), "w") as file:
        json.dump(made, file)


if __name__ == "__main__":
    go_with_the_owner()
    main(sys.argv[1:])
