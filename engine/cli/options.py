"""What several commands take: where settings come from, and how logs are written."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..config import Config, load
from ..errors import UserError
from .failing import UsageError

_LEVELS = ("debug", "info", "warning", "error")


def settings(given: Mapping[str, Any], file: Path | None = None, assignments: Sequence[str] = ()) -> Config:
    """The settings of a command: `given` from its options, `assignments` as name=value."""
    named: dict[str, Any] = dict(given)
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals:
            raise UsageError(f"--setting takes name=value, not {assignment!r}")
        named[name.strip()] = value.strip()
    return load(named, os.environ, file)


def quiet() -> None:
    """Libraries keep their words to themselves."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


class _JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message."""

    def format(self, record: logging.LogRecord) -> str:
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z"
        entry = {"time": at, "level": record.levelname.lower(), "logger": record.name, "message": record.getMessage()}
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry)


def log_to_stderr(config: Config, *, least: str | None = None) -> None:
    """Logs as the settings say; `least`: no lower level than this, whatever they say."""
    form, level = config["log.format"], least or str(config["log.level"]).lower()
    if form not in ("text", "json"):
        raise UserError(f'setting "log.format" is text or json, not {form}')
    if level not in _LEVELS:
        raise UserError(f'setting "log.level" is one of {", ".join(_LEVELS)}, not {level}')
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        _JsonLines() if form == "json" else logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    )
    logger = logging.getLogger("mergus")
    logger.handlers[:] = [handler]
    logger.setLevel(level.upper())
    logger.propagate = False
