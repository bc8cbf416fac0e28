"""Addresses, percent-encoding and digests."""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Callable

from ..functions import Function, ScalarFunction
from .table import function, overload, rows

_FOREIGN = re.compile(r'[ <>"{}|\\^`]')


def _parts(address: str) -> urllib.parse.SplitResult:
    parts = urllib.parse.urlsplit(address)
    if _FOREIGN.search(address):
        raise ValueError(f"not an address: {address!r}")
    return parts


def _port(address: str) -> int | None:
    return _parts(address).port


def _parameter(address: str, name: str) -> str | None:
    """The first parameter of that name; one without `=` is the empty text."""
    for part in (_parts(address).query or "").split("&"):
        key, _, value = part.partition("=")
        if urllib.parse.unquote_plus(key) == name:
            return urllib.parse.unquote_plus(value)
    return None


def _decode(text: str) -> str:
    return urllib.parse.unquote_plus(text, errors="strict")


def _encode(text: str) -> str:
    """As Java's URLEncoder: letters, digits and `*-._` stay, a space is `+`."""
    return urllib.parse.quote_plus(text, safe="*").replace("~", "%7E")


def _url(name: str, description: str, compute: Callable[..., object], signature: str, example: str) -> ScalarFunction:
    return function(name, description, "URL", overload(signature, rows(name.lower(), compute)), examples=(example,))


FUNCTIONS: tuple[Function, ...] = (
    _url(
        "URL_EXTRACT_PROTOCOL",
        "The protocol of an address.",
        lambda a: _parts(a).scheme or None,
        "STRING -> STRING",
        "URL_EXTRACT_PROTOCOL(url)",
    ),
    _url(
        "URL_EXTRACT_HOST",
        "The host of an address.",
        lambda a: _parts(a).hostname,
        "STRING -> STRING",
        "URL_EXTRACT_HOST(url)",
    ),
    _url(
        "URL_EXTRACT_PORT",
        "The port of an address; NULL when it names none.",
        _port,
        "STRING -> INTEGER",
        "URL_EXTRACT_PORT(url)",
    ),
    _url(
        "URL_EXTRACT_PATH",
        "The path of an address.",
        lambda a: urllib.parse.unquote(_parts(a).path),
        "STRING -> STRING",
        "URL_EXTRACT_PATH(url)",
    ),
    _url(
        "URL_EXTRACT_QUERY",
        "The query of an address, decoded.",
        lambda a: urllib.parse.unquote(_parts(a).query) or None,
        "STRING -> STRING",
        "URL_EXTRACT_QUERY(url)",
    ),
    _url(
        "URL_EXTRACT_FRAGMENT",
        "The fragment of an address, decoded.",
        lambda a: urllib.parse.unquote(_parts(a).fragment) or None,
        "STRING -> STRING",
        "URL_EXTRACT_FRAGMENT(url)",
    ),
    _url(
        "URL_EXTRACT_PARAMETER",
        "One parameter of an address's query.",
        _parameter,
        "STRING, STRING -> STRING",
        "URL_EXTRACT_PARAMETER(url, 'user')",
    ),
    _url("URL_DECODE_PARAM", "Percent-encoded text decoded.", _decode, "STRING -> STRING", "URL_DECODE_PARAM(text)"),
    _url("URL_ENCODE_PARAM", "The text percent-encoded.", _encode, "STRING -> STRING", "URL_ENCODE_PARAM(text)"),
    function(
        "MD5",
        "The MD5 digest of the text, in hexadecimal digits.",
        "STRING",
        overload("STRING -> STRING", "md5({0})"),
        examples=("MD5(email)",),
    ),
)
