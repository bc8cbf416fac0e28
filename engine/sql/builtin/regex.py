"""Regular expressions of java.util.regex. DuckDB's RE2 has no look-around and no back-references, so these run in Python,
a row at a time, on compiled patterns; the pattern of a constant argument is compiled once."""

from __future__ import annotations

import functools
from typing import Any

import regex  # type: ignore[import-untyped,unused-ignore]

from ..functions import Function
from .table import function, overload, rows


@functools.lru_cache(maxsize=512)
def _compiled(pattern: str) -> regex.Pattern[str]:
    return regex.compile(pattern)


def _extract(pattern: str, text: str, group: int = 0) -> str | None:
    compiled = _compiled(pattern)
    if group > compiled.groups:
        return None
    found = compiled.search(text)
    return None if found is None else found[group]


def _extract_all(pattern: str, text: str, group: int = 0) -> list[Any] | None:
    compiled = _compiled(pattern)
    if group > compiled.groups:
        return None
    return [m[group] for m in compiled.finditer(text)]


def _replace(text: str, pattern: str, replacement: str) -> str:
    """A replacement in Java's notation: `$1` is a group, a backslash takes the next sign as it is."""
    if "$" not in replacement and "\\" not in replacement:
        return str(_compiled(pattern).sub(replacement, text))
    return str(_compiled(pattern).sub(lambda m: _expanded(replacement, m), text))


def _expanded(replacement: str, match: regex.Match[str]) -> str:
    out, at = [], 0
    while at < len(replacement):
        sign = replacement[at]
        if sign == "\\" and at + 1 < len(replacement):
            out.append(replacement[at + 1])
            at += 2
        elif sign == "$" and replacement[at + 1 : at + 2].isdigit():
            out.append(match[int(replacement[at + 1])] or "")
            at += 2
        else:
            out.append(sign)
            at += 1
    return "".join(out)


def _split(text: str, pattern: str) -> list[str]:
    parts, start = [], 0
    for found in _compiled(pattern).finditer(text):
        if found.end() == found.start() and found.start() in (0, len(text)):
            continue
        parts.append(text[start : found.start()])
        start = found.end()
    return [*parts, text[start:]]


FUNCTIONS: tuple[Function, ...] = (
    function(
        "REGEXP_EXTRACT",
        "The first match of a pattern in a text, or of one of its groups; NULL for none.",
        "REGULAR EXPRESSION",
        overload("STRING, STRING -> STRING", rows("regexp_extract", _extract)),
        overload("STRING, STRING, INTEGER -> STRING", rows("regexp_extract", _extract)),
        examples=("REGEXP_EXTRACT('user=(\\w+)', message, 1)",),
    ),
    function(
        "REGEXP_EXTRACT_ALL",
        "All matches of a pattern in a text, or of one of its groups.",
        "REGULAR EXPRESSION",
        overload("STRING, STRING -> ARRAY<STRING>", rows("regexp_extract_all", _extract_all)),
        overload("STRING, STRING, INTEGER -> ARRAY<STRING>", rows("regexp_extract_all", _extract_all)),
        examples=("REGEXP_EXTRACT_ALL('\\d+', message)",),
    ),
    function(
        "REGEXP_REPLACE",
        "The text with every match of a pattern replaced; $1 stands for a group.",
        "REGULAR EXPRESSION",
        overload("STRING, STRING, STRING -> STRING", rows("regexp_replace", _replace)),
        examples=("REGEXP_REPLACE(message, '\\d+', '<n>')",),
    ),
    function(
        "REGEXP_SPLIT_TO_ARRAY",
        "The parts of a text between matches of a pattern.",
        "REGULAR EXPRESSION",
        overload("STRING, STRING -> ARRAY<STRING>", rows("regexp_split_to_array", _split)),
        examples=("REGEXP_SPLIT_TO_ARRAY(path, '[/.]')",),
    ),
)
