"""`mergus test`: SQL test files with ASSERT statements, or test cases as data (`--jsonl`)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ..errors import UserError
from . import test_jsonl
from .failing import UsageError
from .options import quiet


def test(*files: Path, jsonl: Annotated[bool, Parameter(negative="")] = False) -> int:
    """Run SQL test files with ASSERT statements.

    Each file runs on an engine of its own; every record is a batch of its own, as ksqlDB without buffering.

    Parameters
    ----------
    files
        Files of statements with ASSERT VALUES, ASSERT NULL VALUES, ASSERT STREAM and ASSERT TABLE.
    jsonl
        Read a test case a line on standard input and answer one line a case.
    """
    quiet()
    if jsonl:
        return test_jsonl.main()
    if not files:
        raise UsageError("there is nothing to test", hint="give a FILE, or --jsonl")
    raise UserError("SQL test files are not supported yet", hint="use --jsonl")
