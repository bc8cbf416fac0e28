"""Text. Places count from 1, as in ksqlDB; BYTES have the functions that make sense for them."""

from __future__ import annotations

import functools
import re
import unicodedata
import uuid
from collections.abc import Callable, Sequence
from typing import cast

from ..functions import Function, Overload, ScalarFunction, SqlTemplate
from ..types import STRING, SqlType
from .table import function, overload, rows

_WHITE = "' \t\n\r\f\v' || chr(28) || chr(29) || chr(30) || chr(31)"
_START = (
    "(CASE WHEN {1} < 0 THEN greatest(length({0}) + {1}, 0) ELSE least(greatest({1}, 1) - 1, length({0})) END)::INTEGER"
)
_REST = f"CASE WHEN {{1}} IS NOT NULL THEN substring({{0}}, {_START} + 1) END"
_PART = f"CASE WHEN {{1}} IS NOT NULL AND {{2}} IS NOT NULL THEN substring({{0}}, {_START} + 1, greatest({{2}}, 0)) END"
_BETWEEN = "{2} || array_to_string(list_transform(string_split({0}, ''), lambda c: c || {2}), '')"
_REPLACED = (
    "CASE WHEN {1} <> '' THEN replace({0}, {1}, {2})"
    f" WHEN {{1}} = '' AND {{0}} = '' THEN {{2}} WHEN {{1}} = '' THEN {_BETWEEN} END"
)


def _text(name: str, description: str, *overloads: Overload, example: str) -> ScalarFunction:
    return function(name, description, "STRING", *overloads, examples=(example,))


def _concat(args: Sequence[str], types: Sequence[SqlType], result: SqlType) -> str:
    """NULLs are left out; of NULLs only, the empty value."""
    empty = "''" if result is STRING else "''::BLOB"
    return "(" + " || ".join(f"coalesce({a}, {empty})" for a in args) + ")"


def _concat_ws(args: Sequence[str], types: Sequence[SqlType], result: SqlType) -> str:
    if result is STRING:
        return f"concat_ws({', '.join(args)})"
    present = f"list_filter([{', '.join(args[1:])}], lambda x: x IS NOT NULL)"
    joined = f"list_reduce({present}, lambda a, b: a || {args[0]} || b)"
    return f"CASE WHEN {args[0]} IS NULL THEN NULL WHEN len({present}) = 0 THEN ''::BLOB ELSE {joined} END"


def _instr(text: str | None, part: str | None, position: int | None = 1, occurrence: int | None = 1) -> int | None:
    """The place of the n-th occurrence, searched from `position`, backwards when that is negative; 0 for none, and for NULL."""
    if position is None or occurrence is None:
        return None
    if text is None or part is None or position == 0:
        return 0
    at = -1
    if position > 0:
        start = position - 1
        for _ in range(occurrence):
            at = text.find(part, start)
            if at < 0:
                return 0
            start = at + 1
        return at + 1
    last = len(text) + position
    for _ in range(occurrence):
        at = text.rfind(part, 0, max(last, -1) + len(part)) if last >= 0 else -1
        if at < 0:
            return 0
        last = at - 1
    return at + 1


def _initcap(text: str) -> str:
    return re.sub(r"\S+", lambda m: m[0][:1].upper() + m[0][1:].lower(), text)


def _chr_of_text(code: str) -> str | None:
    if not re.fullmatch(r"(\\u[0-9a-fA-F]{4})+", code):
        return None
    units = bytes.fromhex("".join(code.split("\\u")))
    return units.decode("utf-16-be")


LONGEST = 1 << 24
"""What functions make of a number is no longer: a record may hold any, and a host's memory not what it asks for."""


def too_long(length: str, kind: str = "VARCHAR") -> str:
    """SQL that fails where it is reached, by a cast that cannot be done: DuckDB's own `error` may not stand where failures
    are caught."""
    return f"({length} || ' are more than {LONGEST}')::INTEGER::{kind}"


def _pad(left: bool) -> str:
    missing = (
        f"(least({{1}}, {LONGEST}) - length({{0}}))"  # a constant is worked out in branches that are not taken, too
    )
    padding = f"repeat({{2}}, ({missing} // greatest(length({{2}}), 1) + 1)::BIGINT)"
    fill = f"substring({padding}, 1, greatest({{1}} - length({{0}}), 0))"
    whole = f"{fill} || {{0}}" if left else f"{{0}} || {fill}"
    impossible = "{1} IS NULL OR {2} IS NULL OR {1} < 0 OR length({2}) = 0"
    cut = "WHEN length({0}) >= {1} THEN substring({0}, 1, {1})"
    return f"CASE WHEN {impossible} THEN NULL {cut} WHEN {{1}} > {LONGEST} THEN {too_long('{1}')} ELSE {whole} END"


def _pad_bytes(left: bool) -> Callable[[bytes, int, bytes], bytes | None]:
    def compute(value: bytes, length: int, padding: bytes) -> bytes | None:
        if length < 0 or not padding:
            return None
        if length > max(LONGEST, len(value)):
            raise ValueError(f"{length} bytes are more than {LONGEST}")
        fill = (padding * (max(length - len(value), 0) // len(padding) + 1))[: max(length - len(value), 0)]
        return ((fill + value) if left else (value + fill))[:length] if len(value) < length else value[:length]

    return compute


def _bytes_part(value: bytes, position: int, length: int | None = None) -> bytes:
    start = max(len(value) + position, 0) if position < 0 else min(max(position, 1) - 1, len(value))
    return value[start:] if length is None else value[start : start + max(length, 0)]


def _split_bytes(value: bytes, delimiter: bytes) -> list[bytes]:
    if not delimiter:
        return [value[i : i + 1] for i in range(len(value))] or [b""]
    return value.split(delimiter)


def _split_to_map(text: str, between: str, inside: str) -> dict[str, str] | None:
    """Entries without a separator inside are left out; of equal keys the later wins."""
    if not between or not inside or between == inside:
        return None
    pairs = (part.split(inside) for part in text.split(between) if part)
    return {p[0]: p[1] for p in pairs if len(p) > 1}


Signs = tuple[str | None, str | None, str | None, str | None]
"""What stands for capitals, small letters, digits and all else; None: it stays."""

_MASKS_DEFAULT: Signs = ("X", "x", "n", "-")
_MASKED = {"Lu": 0, "Ll": 1, "Nd": 2}  # by Unicode's category, as Java's Character.getType; all others are 3


class _Masks(dict[int, str]):
    """What stands for each character, found when it first comes: `str.translate` is ten times as fast as a loop."""

    def __init__(self, signs: Signs) -> None:
        super().__init__()
        if any(sign is not None and len(sign) != 1 for sign in signs):
            raise ValueError("a mask is one character")
        self.signs = signs

    def __missing__(self, code: int) -> str:
        character = chr(code)
        self[code] = self.signs[_MASKED.get(unicodedata.category(character), 3)] or character
        return self[code]


_masks = functools.lru_cache(maxsize=64)(_Masks)


def _mask(text: str | None, *signs: str | None) -> str | None:
    masks = _masks(cast(Signs, signs or _MASKS_DEFAULT))
    return None if text is None else text.translate(masks)


def _mask_side(keep: bool, left: bool) -> Callable[..., str | None]:
    """Masks the `n` characters at one side, or all but those."""

    def compute(text: str | None, n: int | None, *signs: str | None) -> str | None:
        if n is None or text is None:
            return None
        if n < 0:
            raise ValueError("the number of characters must not be negative")
        masks = _masks(cast(Signs, signs or _MASKS_DEFAULT))
        cut = min(n, len(text)) if left else max(len(text) - n, 0)
        head, tail = text[:cut], text[cut:]
        return head.translate(masks) + tail if left != keep else head + tail.translate(masks)

    return compute


def _mask_function(name: str, description: str, compute: Callable[..., str | None], number: str) -> ScalarFunction:
    made = rows(name.lower(), compute, null=True)  # a mask that is NULL leaves its characters as they are
    signs = "".join(", STRING" for _ in range(4))
    return _text(
        name,
        description,
        overload(f"STRING{number} -> STRING", made),
        overload(f"STRING{number}{signs} -> STRING", made),
        example=f"{name}(card{', 4' if number else ''})",
    )


FUNCTIONS: tuple[Function, ...] = (
    _text("LCASE", "The text in lower case.", overload("STRING -> STRING", "lower({0})"), example="LCASE(name)"),
    _text(
        "UCASE",
        "The text in upper case.",
        overload("STRING -> STRING", "upper(replace({0}, 'ß', 'ss'))"),
        example="UCASE(name)",
    ),
    _text(
        "TRIM",
        "The text without white space at its ends.",
        overload("STRING -> STRING", f"trim({{0}}, {_WHITE})"),
        example="TRIM(name)",
    ),
    _text(
        "LEN",
        "The length in characters, or of BYTES in bytes.",
        overload("STRING -> INTEGER", "length({0})::INTEGER"),
        overload("BYTES -> INTEGER", "octet_length({0})::INTEGER"),
        example="LEN(name)",
    ),
    _text(
        "CONCAT",
        "The arguments joined; NULLs are left out.",
        overload("STRING, STRING… -> STRING", SqlTemplate(_concat)),
        overload("BYTES, BYTES… -> BYTES", SqlTemplate(_concat)),
        example="CONCAT(first, ' ', last)",
    ),
    _text(
        "CONCAT_WS",
        "The arguments joined by the first; NULLs are left out.",
        overload("STRING, STRING, STRING… -> STRING", SqlTemplate(_concat_ws)),
        overload("BYTES, BYTES, BYTES… -> BYTES", SqlTemplate(_concat_ws)),
        example="CONCAT_WS(', ', last, first)",
    ),
    _text(
        "SUBSTRING",
        "The text from a place on (from the end when negative), with at most so many characters.",
        overload("STRING, INTEGER -> STRING", _REST),
        overload("STRING, INTEGER, INTEGER -> STRING", _PART),
        overload("BYTES, INTEGER -> BYTES", rows("substring_bytes", _bytes_part)),
        overload("BYTES, INTEGER, INTEGER -> BYTES", rows("substring_bytes", _bytes_part)),
        example="SUBSTRING(code, 2, 3)",
    ),
    _text(
        "REPLACE",
        "The text with one part replaced by another everywhere.",
        overload("STRING, STRING, STRING -> STRING", _REPLACED),
        example="REPLACE(path, '/', '.')",
    ),
    _text(
        "INSTR",
        "The place of a part in a text, 0 for none and for NULL; from a place on (backwards when negative), the n-th occurrence.",
        overload("STRING, STRING -> INTEGER", "coalesce(instr({0}, {1}), 0)::INTEGER"),
        overload("STRING, STRING, INTEGER -> INTEGER", rows("instr", _instr, null=True)),
        overload("STRING, STRING, INTEGER, INTEGER -> INTEGER", rows("instr", _instr, null=True)),
        example="INSTR(message, 'error')",
    ),
    _text(
        "INITCAP",
        "Every word with a capital first letter.",
        overload("STRING -> STRING", rows("initcap", _initcap)),
        example="INITCAP(name)",
    ),
    _text(
        "CHR",
        "The character of a code point, or of text like '\\u004b'.",
        overload(
            "INTEGER -> STRING",
            "CASE WHEN {0} BETWEEN 1 AND 1114111 AND NOT {0} BETWEEN 55296 AND 57343 THEN chr({0}) END",
        ),
        overload("STRING -> STRING", rows("chr", _chr_of_text)),
        example="CHR(75)",
    ),
    _text(
        "LPAD",
        "The text at a length, filled on the left; of 16,777,216 characters at the most.",
        overload("STRING, INTEGER, STRING -> STRING", _pad(True)),
        overload("BYTES, INTEGER, BYTES -> BYTES", rows("lpad", _pad_bytes(True))),
        example="LPAD(id, 8, '0')",
    ),
    _text(
        "RPAD",
        "The text at a length, filled on the right; of 16,777,216 characters at the most.",
        overload("STRING, INTEGER, STRING -> STRING", _pad(False)),
        overload("BYTES, INTEGER, BYTES -> BYTES", rows("rpad", _pad_bytes(False))),
        example="RPAD(id, 8, '.')",
    ),
    _text(
        "SPLIT",
        "The parts between delimiters; an empty delimiter gives the characters.",
        overload(
            "STRING, STRING -> ARRAY<STRING>",
            "CASE WHEN {1} IS NOT NULL THEN CASE WHEN {0} = '' THEN [''] ELSE string_split({0}, {1}) END END",
        ),
        overload("BYTES, BYTES -> ARRAY<BYTES>", rows("split_bytes", _split_bytes)),
        example="SPLIT(path, '/')",
    ),
    _text(
        "SPLIT_TO_MAP",
        "A map from text like 'a:1/b:2', with the delimiters given.",
        overload("STRING, STRING, STRING -> MAP<STRING, STRING>", rows("split_to_map", _split_to_map)),
        example="SPLIT_TO_MAP(tags, '/', ':')",
    ),
    _text(
        "ELT",
        "The n-th of the texts that follow; NULL when there is none.",
        overload(
            "INTEGER, STRING… -> STRING",
            SqlTemplate(lambda a, t, r: f"([{', '.join(a[1:])}])[CASE WHEN {a[0]} > 0 THEN {a[0]} END]"),
        ),
        example="ELT(2, 'a', 'b')",
    ),
    _text(
        "FIELD",
        "The place of a text among those that follow; 0 for none.",
        overload(
            "STRING, STRING… -> INTEGER",
            SqlTemplate(
                lambda a, t, r: (
                    f"CASE WHEN {a[0]} IS NULL THEN 0 ELSE coalesce(list_position([{', '.join(a[1:])}], {a[0]}), 0)::INTEGER END"
                )
            ),
        ),
        example="FIELD(city, 'Lyon', 'Oslo')",
    ),
    _text(
        "QUOTE",
        "The text as a SQL literal.",
        overload("STRING -> STRING", "'''' || replace({0}, '''', '''''') || ''''"),
        example="QUOTE(name)",
    ),
    _text(
        "UUID",
        "A new random UUID, or that of 16 BYTES.",
        overload("-> STRING", "uuid()::VARCHAR"),
        overload("BYTES -> STRING", rows("uuid_of", lambda b: str(uuid.UUID(bytes=b)) if len(b) == 16 else None)),
        example="UUID()",
    ),
    _mask_function("MASK", "Letters, digits and other signs each by a mask: X, x, n and -.", _mask, ""),
    _mask_function("MASK_LEFT", "As MASK, the first n characters only.", _mask_side(False, True), ", INTEGER"),
    _mask_function("MASK_RIGHT", "As MASK, the last n characters only.", _mask_side(False, False), ", INTEGER"),
    _mask_function("MASK_KEEP_LEFT", "As MASK, all but the first n characters.", _mask_side(True, True), ", INTEGER"),
    _mask_function("MASK_KEEP_RIGHT", "As MASK, all but the last n characters.", _mask_side(True, False), ", INTEGER"),
)
