"""What one call of a model says otherwise than CREATE MODEL does: the CONFIG of ML_PREDICT, a map of texts as Flink has it.

A call with settings is a function of a name of its own, `M@CHAMPION#ON_ERROR=NULL`, so that whatever tells functions apart
tells such calls apart; the registry of functions makes it of the model's function when it is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

MARK = "#ON_ERROR="
ERROR_WAYS = ("null", "fail", "error_column")
"""Those that a call may choose; `dlq` wants a topic, which CREATE MODEL makes."""
_LEFT_ALONE = ("async", "capacity", "max-concurrent-operations", "output-mode")
"""What Flink's jobs set for calls that wait for a server: here batches run as they come, and answers are in order."""
KNOWN = (*_LEFT_ALONE, "on_error", "timeout")
_UNITS_MS = {"": 1, "ms": 1, "s": 1000, "sec": 1000, "min": 60_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION = re.compile(r"\s*(\d{1,12})\s*([a-z]*)\s*")


@dataclass(frozen=True)
class CallSettings:
    """`on_error`: one of ERROR_WAYS; `timeout_ms`: as TIMEOUT_MS. None: what the model's version says."""

    on_error: str | None = None
    timeout_ms: int | None = None

    def __bool__(self) -> bool:
        return self != NO_SETTINGS

    def of(self, function: str) -> str:
        """The name of a function called with them."""
        return f"{function}{MARK}{(self.on_error or '').upper()},{self.timeout_ms or ''}" if self else function


NO_SETTINGS = CallSettings()


def split_name(function: str) -> tuple[str, CallSettings]:
    """A function's name without the settings, and these.

    >>> split_name(CallSettings("null", 50).of("M@BETA")) == ("M@BETA", CallSettings("null", 50))
    True
    """
    name, _, said = function.partition(MARK)
    way, _, timeout = said.partition(",")
    return name, CallSettings(way.lower() or None, int(timeout) if timeout else None)


def known_name(name: str) -> str | None:
    """The setting that is meant, in any case and with either kind of dash; None for none."""
    return next((known for known in KNOWN if known.replace("_", "-") == name.lower().replace("_", "-")), None)


def settings_of(given: Mapping[str, str]) -> CallSettings:
    """The settings of known names. Raises ValueError, with words, for a value that is none."""
    way, timeout = given.get("on_error"), given.get("timeout")
    if way is not None and way.lower() not in ERROR_WAYS:
        raise ValueError(f"on_error of a call is one of {', '.join(ERROR_WAYS)}, not {way}")
    return CallSettings(None if way is None else way.lower(), None if timeout is None else _milliseconds(timeout))


def _milliseconds(text: str) -> int:
    """A duration as Flink writes it: `100s`, `3 min`, milliseconds where no unit stands."""
    found = _DURATION.fullmatch(text.lower())
    factor = _UNITS_MS.get(found[2]) if found else None
    if found is None or factor is None or int(found[1]) == 0:
        raise ValueError(f"timeout is a time such as 500ms, 100s or 3min, not {text}")
    return int(found[1]) * factor
