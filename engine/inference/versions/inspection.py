"""A look at an artefact in a process of its own, before anything depends on it: does it load, does it fit, is it right?

A model that hangs or ends its process harms only that one, and its memory goes with it. The request and the answer are
JSON in files without a name, because engines write what they like to the standard output, and nothing is to be left behind
by a server that is killed. Run as `python -m mergus.engine.inference.versions.inspection` with the numbers of the two.
"""

from __future__ import annotations

import base64
import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from ...errors import MergusError, UserError
from ...sql.transform import INPUT, columns_of_texts
from ...sql.types import Columns
from ..binding import Misfit, bind, declared_tensors
from ..model_function import ModelFunction
from ..process import go_with_the_owner
from ..program import Source
from ..providers import registry as providers
from ..runtime import ModelRuntime
from .artefact import verify
from .routes import sql_columns, version_function

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
        _self_test(version_function(name, Path("/"), "0", route), [column for column, _ in answers], request)
    return {
        "binding": binding.as_json(),
        "loader": loader,
        "load_seconds": round(load_seconds, 3),
        "sha256": artefact.sha256,
        "size_bytes": artefact.size_bytes,
    }


def _columns(given: Sequence[Sequence[str]] | None) -> Columns | None:
    return None if given is None else columns_of_texts(given)


def _self_test(function: ModelFunction, outputs: Sequence[str], request: Mapping[str, Any]) -> None:
    """Run the golden inputs in one batch and compare."""
    tolerance = float(request.get("tolerance") or 1e-4)
    try:
        cases = _with_bytes(request["self_test"])
    except ValueError as error:
        raise UserError(f"model {request['name']}: the self-test's bytes are no base64", detail=str(error)) from error
    names = list(function.inputs)
    rows = [_row(request["name"], names, case) for case in cases]
    try:
        columns = [pa.array([r[i] for r in rows], t) for i, t in enumerate(function.arrow_inputs)]
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise UserError(f"model {request['name']}: the self-test's inputs do not fit", detail=str(error)) from error
    made = ModelRuntime(cache_rows=0).infer(function, columns)
    reasons = dict(made.errors)
    for number, (case, got) in enumerate(zip(cases, made.values.to_pylist(), strict=True)):
        wanted = case.get("output")
        if isinstance(got, dict):
            got = dict(zip(outputs, got.values(), strict=True))
        if not agrees(got, wanted, tolerance):
            raise UserError(
                f"model {request['name']} fails its self-test",
                detail=f"case {number + 1} gives {reasons.get(number, got)!r}, expected {wanted!r}",
                hint=f"TOLERANCE is {tolerance:g}",
            )


def _row(name: str, names: Sequence[str], case: Any) -> list[Any]:
    given = case.get("input") if isinstance(case, dict) else None
    if isinstance(given, dict):
        by_name = {k.upper(): v for k, v in given.items()}
        return [by_name.get(n.upper()) for n in names]
    if isinstance(given, list) and len(given) == len(names) and len(names) > 1:
        return list(given)
    if given is not None and len(names) == 1:
        return [given]
    raise UserError(f"model {name}: its self-test is no list of cases", hint='[{"input": {"x": 1}, "output": 2}, …]')


def _with_bytes(value: Any) -> Any:
    """A JSON value with `{"b64": …}` in it as bytes, at any depth."""
    if isinstance(value, list):
        return [_with_bytes(v) for v in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"b64"} and isinstance(value["b64"], str):
        return base64.b64decode(value["b64"], validate=True)
    return {name: _with_bytes(v) for name, v in value.items()}


def agrees(got: Any, wanted: Any, tolerance: float) -> bool:
    """Whether an answer is what was wanted; an object of wanted outputs may leave some out."""
    if isinstance(wanted, dict) and isinstance(got, dict):
        by_name = {k.upper(): v for k, v in got.items()}
        return all(agrees(by_name.get(k.upper()), v, tolerance) for k, v in wanted.items())
    if isinstance(wanted, list) and isinstance(got, list):
        return len(got) == len(wanted) and all(agrees(g, w, tolerance) for g, w in zip(got, wanted, strict=True))
    if isinstance(wanted, bool) or isinstance(got, bool):
        return bool(wanted == got)
    if isinstance(wanted, int | float) and isinstance(got, int | float):
        return math.isclose(got, wanted, rel_tol=tolerance, abs_tol=tolerance)
    return bool(got == wanted)


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
