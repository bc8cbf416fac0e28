"""How a command ends when it cannot go on: words on standard error and a status."""

from __future__ import annotations

import logging
import sys

from cyclopts import CycloptsError

from ..errors import InternalError, MergusError, UserError


class UsageError(UserError):
    """The command line itself is wrong."""


def told(error: Exception) -> int:
    """Say what went wrong; 2 for wrong usage, 1 for all else."""
    if isinstance(error, CycloptsError):
        print(f"mergus: {error}", file=sys.stderr)
        print("Try: mergus --help", file=sys.stderr)
        return 2
    if isinstance(error, UsageError):
        print(f"mergus: {error}", file=sys.stderr)
        return 2
    if isinstance(error, MergusError) and not isinstance(error, InternalError):
        print(f"mergus: {error}", file=sys.stderr)
        return 1
    if isinstance(error, BrokenPipeError):
        return 0
    logging.getLogger("mergus").exception("an error of the engine's own")
    print(f"mergus: an error of the engine's own: {type(error).__name__}: {error}", file=sys.stderr)
    return 1
