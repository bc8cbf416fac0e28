"""WITH (…) of CREATE FUNCTION: the options of `@udf`, in SQL."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...errors import UserError
from ..parser.cursor import text_ms
from ..scope import suggestion
from ..statements.source import Property


def _list(value: Any) -> list[str]:
    """Of names between commas; one in a requirement's brackets or behind its version divides nothing: `a[x,y]`, `b>=1,<2`."""
    if not isinstance(value, str):
        raise ValueError
    made: list[str] = []
    for part in value.split(","):
        if made and (made[-1].count("[") > made[-1].count("]") or part.strip()[:1] in "<>=!~"):
            made[-1] += f",{part}"
        else:
            made.append(part)
    return [part.strip() for part in made]


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise ValueError
    return value


def _seconds(value: Any) -> float:
    found = text_ms(value) if isinstance(value, str) else None
    if not found:
        raise ValueError
    return found / 1000


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError
    return value


_OPTIONS: Mapping[str, tuple[str, Callable[[Any], Any], str]] = {
    "PACKAGES": ("packages", _list, "a list, as 'pillow>=11, httpx'"),
    "CONCURRENCY": ("concurrency", _count, "a number greater than 0"),
    "TIMEOUT": ("timeout_s", _seconds, "a time, as '5 SECONDS'"),
    "DETERMINISTIC": ("deterministic", _flag, "TRUE or FALSE"),
    "VECTORIZED": ("vectorized", _flag, "TRUE or FALSE"),
}


def options_of(properties: Sequence[Property]) -> dict[str, Any]:
    """The options by their names in Python. Raises UserError where there is none of a name, or it cannot have that value."""
    made = {}
    for given in properties:
        if given.name not in _OPTIONS:
            raise UserError(
                f"functions have no property {given.name}",
                hint=suggestion(given.name, _OPTIONS) or f"they have {', '.join(_OPTIONS)}",
                span=given.span,
            )
        name, read, what = _OPTIONS[given.name]
        try:
            made[name] = read(given.value)
        except ValueError:
            raise UserError(f"{given.name} is {what}", detail=f"got {given.value!r}", span=given.span) from None
    return made
