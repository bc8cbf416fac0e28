"""`mergus test`: SQL test files with ASSERT statements, or test cases as data (`--jsonl`)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ...config import load
from ...serving import opening
from ...state.duckdb import connect, seal
from ..failing import UsageError
from ..options import quiet
from . import jsonl as test_jsonl
from .script import run_file


def test(*files: Path, jsonl: Annotated[bool, Parameter(negative="")] = False) -> int:
    """Run SQL test files with ASSERT statements.

    Each test runs on an engine of its own; every record is a batch of its own, as ksqlDB without buffering.

    Parameters
    ----------
    files
        Files of statements with ASSERT VALUES, ASSERT NULL VALUES, ASSERT STREAM and ASSERT TABLE; `--@test: name`
        begins a test, `--@expected.error: …` and `--@expected.message: …` say how it must be refused.
    jsonl
        Read a test case a line on standard input and answer one line a case.
    """
    quiet()
    if jsonl:
        return test_jsonl.main()
    if not files:
        raise UsageError("there is nothing to test", hint="give a FILE, or --jsonl")
    return _files(files)


def _files(files: tuple[Path, ...]) -> int:
    instance, registry = connect(), opening.registry(load({}, {}))  # no settings but the usual
    seal(instance)
    passed = failed = 0
    for path in files:
        for outcome in run_file(path, instance, registry):
            if outcome.why is None:
                passed += 1
                print(f"ok      {path}: {outcome.test.name}")
            else:
                failed += 1
                why = outcome.why.replace("\n", "\n        ")
                print(f"FAILED  {path}:{outcome.line}: {outcome.test.name}\n        {why}")
    instance.close()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0
