"""BYTES and text in one another's clothes: encodings, and numbers from their bytes."""

from __future__ import annotations

import base64
import binascii
import re
import struct
from collections.abc import Callable
from typing import Any

from ..functions import Function, ScalarFunction
from .table import function, overload, rows


def _to_bytes(text: str, encoding: str) -> bytes:
    match encoding.lower():
        case "utf8":
            return text.encode()
        case "ascii":
            return text.encode("ascii", errors="replace")
        case "hex":
            return binascii.unhexlify(text)
        case "base64":
            return from_base64(text)
    raise ValueError(f"unknown encoding {encoding!r}: hex, utf8, ascii or base64")


def _from_bytes(value: bytes, encoding: str) -> str:
    match encoding.lower():
        case "utf8":
            return value.decode(errors="replace")
        case "ascii":
            return value.decode("ascii", errors="replace")
        case "hex":
            return value.hex().upper()
        case "base64":
            return base64.b64encode(value).decode()
    raise ValueError(f"unknown encoding {encoding!r}: hex, utf8, ascii or base64")


def from_base64(text: str) -> bytes:
    """Padding may be missing; raises ValueError for any sign that is none of the alphabet's."""
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)


_CODE = re.compile(r"[^0-9A-Za-z+/]")


def _from_base64(text: str) -> bytes:
    """Also of the alphabet for URLs, without padding, and with signs between that are none: they are passed over."""
    digits = _CODE.sub("", text.split("=")[0].translate({ord("-"): "+", ord("_"): "/"}))
    whole = digits if len(digits) % 4 != 1 else digits[:-1]  # six bits are no byte
    return from_base64(whole)


def _from_hex(text: str) -> bytes:
    """Hexadecimal digits, two a byte, also as X'12ab' or 0x12ab, where an odd first digit stands for itself."""
    found = re.fullmatch(r"(?:0x([0-9a-fA-F]*)|[xX]'([0-9a-fA-F]*)'|([0-9a-fA-F]*))", text)
    if not found:
        raise ValueError(f"not hexadecimal: {text!r}")
    digits = next(g for g in found.groups() if g is not None)
    return binascii.unhexlify("0" + digits if text.startswith("0x") and len(digits) % 2 else digits)


_LENIENT = {"hex": _from_hex, "base64": _from_base64}


def _encode(text: str, source: str, target: str) -> str:
    if source.lower() == target.lower():
        raise ValueError(f"{source!r} to {target!r} changes nothing")
    lenient = _LENIENT.get(source.lower())
    value = _to_bytes(text, source) if lenient is None else lenient(text)
    made = _from_bytes(value, target)
    return made.lower() if target.lower() == "hex" else made


def _number(code: str) -> Callable[..., Any]:
    def compute(value: bytes, order: str = "BIG_ENDIAN") -> Any:
        if order.upper() not in ("BIG_ENDIAN", "LITTLE_ENDIAN"):
            raise ValueError(f"{order!r} is neither BIG_ENDIAN nor LITTLE_ENDIAN")
        return struct.unpack((">" if order.upper().startswith("BIG") else "<") + code, value)[0]

    return compute


def _of_bytes(name: str, code: str, result: str) -> ScalarFunction:
    made = rows(name.lower(), _number(code))
    return function(
        name,
        f"The {result} that the bytes are, BIG_ENDIAN or LITTLE_ENDIAN.",
        "CONVERSION",
        overload(f"BYTES -> {result}", made),
        overload(f"BYTES, STRING -> {result}", made),
        examples=(f"{name}(payload, 'LITTLE_ENDIAN')",),
    )


FUNCTIONS: tuple[Function, ...] = (
    function(
        "TO_BYTES",
        "The bytes that a text stands for in an encoding: hex, utf8, ascii or base64.",
        "CONVERSION",
        overload("STRING, STRING -> BYTES", rows("to_bytes", _to_bytes)),
        examples=("TO_BYTES(payload, 'base64')",),
    ),
    function(
        "FROM_BYTES",
        "The bytes as text in an encoding: hex, utf8, ascii or base64.",
        "CONVERSION",
        overload("BYTES, STRING -> STRING", rows("from_bytes", _from_bytes)),
        examples=("FROM_BYTES(payload, 'hex')",),
    ),
    function(
        "ENCODE",
        "A text from one encoding in another: hex, utf8, ascii or base64.",
        "CONVERSION",
        overload("STRING, STRING, STRING -> STRING", rows("encode", _encode)),
        examples=("ENCODE(code, 'hex', 'utf8')",),
    ),
    function(
        "INT_FROM_BOOLEAN",
        "1 for true, 0 for false.",
        "CONVERSION",
        overload("BOOLEAN -> INTEGER", "{0}::INTEGER"),
        examples=("INT_FROM_BOOLEAN(is_new)",),
    ),
    _of_bytes("INT_FROM_BYTES", "i", "INTEGER"),
    _of_bytes("BIGINT_FROM_BYTES", "q", "BIGINT"),
    _of_bytes("DOUBLE_FROM_BYTES", "d", "DOUBLE"),
)
