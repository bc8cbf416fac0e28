"""Regular expressions of java.util.regex, a whole column at a time by RE2 (in Arrow) where that finds the same as Java
(`java_regex`): a constant pattern without look-around, back-references or possessive repeats. Else row by row by `regex`.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import regex  # type: ignore[import-untyped,unused-ignore]

from ..functions import ArrowFunction, Function
from ..types import SqlType
from .java_regex import JavaPattern, translate
from .table import function, overload, rows
from .time_columns import constant

_MARK = "\x01"
"""Stands around what was found; a text that holds it goes row by row."""
_REFERENCE = re.compile(r"\\(.)|\$(?:\{(\w+)\}|(\d))|[\\$]|[^\\$]+", re.DOTALL)


@functools.lru_cache(maxsize=512)
def _compiled(pattern: str) -> regex.Pattern[str]:
    return regex.compile(translate(pattern).exact)


def _matches(pattern: str, text: str) -> Iterator[regex.Match[str]]:
    """Match by match as Java finds them: after an empty one it goes on a sign further."""
    compiled, at = _compiled(pattern), 0
    while at <= len(text) and (found := compiled.search(text, at)) is not None:
        yield found
        at = found.end() + (found.end() == found.start())


def _extract(pattern: str, text: str, group: int = 0) -> str | None:
    compiled = _compiled(pattern)
    if group > compiled.groups:
        return None
    found = compiled.search(text)
    return None if found is None else found[group]


def _extract_all(pattern: str, text: str, group: int = 0) -> list[Any] | None:
    if group > _compiled(pattern).groups:
        return None
    return [m[group] for m in _matches(pattern, text)]


def _replace(text: str, pattern: str, replacement: str) -> str:
    parts = _replacement(pattern, replacement)
    made, end = [], 0
    for found in _matches(pattern, text):
        made += [text[end : found.start()], *(p if isinstance(p, str) else found[p] or "" for p in parts)]
        end = found.end()
    return "".join([*made, text[end:]])


@functools.lru_cache(maxsize=512)
def _replacement(pattern: str, text: str) -> tuple[str | int, ...]:
    r"""A replacement in Java's notation: `$1` and `${name}` are groups, a backslash takes the next sign as it is.

    >>> _replacement("(a)(?<rest>.*)", r"<$12${rest}\$>")
    ('<', 1, '2', 2, '$', '>')
    """
    groups, names = translate(pattern).groups, translate(pattern).names
    parts: list[str | int] = []
    at = 0
    while at < len(text):
        found = _REFERENCE.match(text, at)
        assert found is not None
        at = found.end()
        if found[2] or found[3]:
            number = names.get(found[2], -1) if found[2] else int(found[3])
            while found[3] and text[at : at + 1].isdecimal() and number * 10 + int(text[at]) in groups:
                number, at = number * 10 + int(text[at]), at + 1
            if number and number not in groups:
                raise ValueError(f"replacement {text!r}: the pattern has no group {found[2] or found[3]}")
            parts.append(number)
        elif found[0] in ("\\", "$"):
            raise ValueError(f"replacement {text!r}: {found[0]} wants the number of a group or a sign after it")
        else:
            parts.append(found[1] or found[0])
    return tuple(parts)


def _split(text: str, pattern: str) -> list[str]:
    """The parts between matches. Where the pattern takes the empty text there are no empty parts at the end, as Java's
    String.split has it; else there are."""
    empty = _compiled(pattern).fullmatch("") is not None
    parts, start = [], 0
    for found in _matches(pattern, text):
        if found.end() == found.start() and found.start() in (len(text), 0 if empty else start):
            continue
        parts.append(text[start : found.start()])
        start = found.end()
    parts.append(text[start:])
    while empty and start and parts and not parts[-1]:
        parts.pop()
    return parts


def _fast(pattern: pa.Array, texts: pa.Array) -> JavaPattern | None:
    """The pattern where RE2 finds in these texts what Java finds."""
    text = constant(pattern)
    if text is None:
        return None
    known = translate(text)
    slow = known.fast is None or any(pc.any(pc.match_substring_regex(texts, u)).as_py() for u in known.unless)
    return None if slow else known


def _group(known: JavaPattern, groups: Sequence[pa.Array]) -> int | None:
    """The group that is wanted, None where it differs by row, is none, or need not take part in a match."""
    wanted = constant(groups[0]) if groups else "0"
    number = None if wanted is None else int(wanted)
    return number if number == 0 or (number is not None and known.groups.get(number)) else None


def _extract_column(pattern: pa.Array, texts: pa.Array, *groups: pa.Array) -> pa.Array | None:
    known = _fast(pattern, texts)
    number = None if known is None else _group(known, groups)
    if known is None or number is None:
        return None
    return pc.struct_field(pc.extract_regex(texts, f"(?P<g0>{known.fast})"), f"g{number}")


def _extract_all_column(pattern: pa.Array, texts: pa.Array, *groups: pa.Array) -> pa.Array | None:
    """Every match is replaced by what is wanted of it between marks; then every second part between marks is one."""
    known = _fast(pattern, texts)
    number = None if known is None or known.empty else _group(known, groups)
    if known is None or number is None or number > 9 or pc.any(pc.match_substring(texts, _MARK)).as_py():
        return None
    marked = pc.replace_substring_regex(texts, known.fast, f"{_MARK}\\{number}{_MARK}")
    parts = pc.split_pattern(marked, _MARK)
    counts = pc.list_value_length(parts).to_numpy(zero_copy_only=False)
    starts = np.repeat(np.cumsum(counts) - counts, counts)
    wanted = pa.array((np.arange(len(starts)) - starts) % 2 == 1)
    offsets = np.concatenate([[0], np.cumsum(counts // 2)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), parts.flatten().filter(wanted))


def _replace_column(texts: pa.Array, pattern: pa.Array, replacement: pa.Array) -> pa.Array | None:
    known, wanted = _fast(pattern, texts), constant(replacement)
    if known is None or known.empty or wanted is None:
        return None
    parts = _replacement(str(pattern[0]), wanted)
    if any(isinstance(p, int) and p > 9 for p in parts):
        return None
    text = "".join(f"\\{p}" if isinstance(p, int) else p.replace("\\", "\\\\") for p in parts)
    return pc.replace_substring_regex(texts, known.fast, text)


def _split_column(texts: pa.Array, pattern: pa.Array) -> pa.Array | None:
    r"""Every match is replaced by a mark: Arrow's own splitting forgets at each match what stood before, which `\b` asks for."""
    known = _fast(pattern, texts)
    if known is None or known.empty or pc.any(pc.match_substring(texts, _MARK)).as_py():
        return None
    return pc.split_pattern(pc.replace_substring_regex(texts, known.fast, _MARK), _MARK)


def _found(text: str, pattern: str) -> bool:
    return _compiled(pattern).search(text) is not None


def _found_column(texts: pa.Array, pattern: pa.Array) -> pa.Array | None:
    known = _fast(pattern, texts)
    return None if known is None else pc.match_substring_regex(texts, known.fast)


def _by_column(name: str, by_column: Callable[..., pa.Array | None], compute: Callable[..., Any]) -> ArrowFunction:
    """By `by_column` where that gives an answer, else by `compute`, row by row."""
    by_row = rows(name, compute)

    def evaluate(*columns: pa.Array, types: Sequence[SqlType], result: SqlType) -> pa.Array:
        made = by_column(*columns)
        return by_row.evaluate(*columns, types=types, result=result) if made is None else made

    return replace(by_row, evaluate=evaluate)


_EXTRACT = _by_column("regexp_extract", _extract_column, _extract)
_EXTRACT_ALL = _by_column("regexp_extract_all", _extract_all_column, _extract_all)

FUNCTIONS: tuple[Function, ...] = (
    function(
        "REGEXP_EXTRACT",
        "The first match of a pattern in a text, or of one of its groups; NULL for none.",
        "REGULAR EXPRESSION",
        overload("STRING, STRING -> STRING", _EXTRACT),
        overload("STRING, STRING, INTEGER -> STRING", _EXTRACT),
        examples=("REGEXP_EXTRACT('user=(\\w+)', message, 1)",),
    ),
    function(
        "REGEXP_EXTRACT_ALL",
        "All matches of a pattern in a text, or of one of its groups.",
        "REGULAR EXPRESSION",
        overload("STRING, STRING -> ARRAY<STRING>", _EXTRACT_ALL),
        overload("STRING, STRING, INTEGER -> ARRAY<STRING>", _EXTRACT_ALL),
        examples=("REGEXP_EXTRACT_ALL('\\d+', message)",),
    ),
    function(
        "REGEXP_REPLACE",
        "The text with every match of a pattern replaced; $1 stands for a group.",
        "REGULAR EXPRESSION",
        overload("STRING, STRING, STRING -> STRING", _by_column("regexp_replace", _replace_column, _replace)),
        examples=("REGEXP_REPLACE(message, '\\d+', '<n>')",),
    ),
    function(
        "REGEXP_MATCHES",
        "Whether a pattern matches a part of a text.",
        "REGULAR EXPRESSION",
        overload("STRING, STRING -> BOOLEAN", _by_column("regexp_matches", _found_column, _found)),
        examples=("REGEXP_MATCHES(message, 'time(d )?out')",),
    ),
    function(
        "REGEXP_SPLIT_TO_ARRAY",
        "The parts of a text between matches of a pattern.",
        "REGULAR EXPRESSION",
        overload("STRING, STRING -> ARRAY<STRING>", _by_column("regexp_split_to_array", _split_column, _split)),
        examples=("REGEXP_SPLIT_TO_ARRAY(path, '[/.]')",),
    ),
)
