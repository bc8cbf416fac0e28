"""Addresses, percent-encoding and digests, a column at a time.

An address is what java.net.URI takes for one (RFC 2396 with its deviations). One pattern says whether a text is one, others where
its parts are; what is percent-encoded, and only that, goes row by row.
"""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from ..functions import ArrowFunction, Function, ScalarFunction
from .table import function, overload
from .time_columns import constant

_OTHER = r"%[0-9a-fA-F]{2}|[^\x00-\x{9f}\pZ]"
_SEGMENT = rf"(?:[a-zA-Z0-9_\-!.~'()*:@&=+$,;]|{_OTHER})"
_NO_COLON = rf"(?:[a-zA-Z0-9_\-!.~'()*@&=+$,;]|{_OTHER})+"
_PATH = rf"(?:{_SEGMENT}|/)*"
_FIRST = rf"(?:[a-zA-Z0-9_\-!.~'()*;?:@&=+$,\[\]]|{_OTHER})"
_ANY = rf"(?:{_FIRST}|/)*"
_USER = rf"(?:(?:[a-zA-Z0-9_\-!.~'()*;:&=+$,]|{_OTHER})*@)?"
_SIX = r"\[[0-9a-fA-F:.]+(?:%[a-zA-Z0-9_.]+)?\]"
_PORT = r"(?::(?P<port>[0-9]{0,9}))?"
_QUERY = rf"(?:\?{_ANY})?"
_AUTHORITY = rf"(?:(?:[a-zA-Z0-9_\-!.~'()*$,;:@&=+]|{_OTHER})+|{_USER}{_SIX}(?::[0-9]*)?)"
_SCHEME = r"[a-zA-Z][a-zA-Z0-9+.\-]*:"
_HIERARCHY = rf"(?://{_AUTHORITY}(?:/{_PATH})?{_QUERY}|///{_PATH}{_QUERY}|//\?{_ANY}|/(?:{_SEGMENT}{_PATH})?{_QUERY})"
_RELATIVE = rf"(?:{_NO_COLON}(?:/{_PATH})?)?{_QUERY}"
_BODY = rf"(?:{_SCHEME}(?:{_HIERARCHY}|{_FIRST}{_ANY})|{_HIERARCHY}|{_RELATIVE})(?:#{_ANY})?"
_ADDRESS = rf"^(?:{_BODY}|(?:{_SCHEME})?//#{_ANY})$"
_PARTS = (
    r"^(?:(?P<scheme>[^:/?#]+):)?(?P<authority>//[^/?#]*)?(?P<path>[^?#]*)(?P<query>\?[^#]*)?(?P<fragment>#(?s:.*))?$"
)
_LABEL, _LAST_LABEL = (rf"[{first}](?:[a-zA-Z0-9\-]*[a-zA-Z0-9])?" for first in ("a-zA-Z0-9", "a-zA-Z"))
_BYTE = "0*(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"
_HOST = rf"(?:{_LABEL}\.)*{_LAST_LABEL}\.?|{_LABEL}\.?|{_BYTE}(?:\.{_BYTE}){{3}}|{_SIX}"
_SERVER = rf"^//{_USER}(?P<host>{_HOST}){_PORT}$"


def _parts(addresses: pa.Array) -> pa.StructArray:
    """The parts with the signs that set them off; the empty text where there is none."""
    known = pc.match_substring_regex(addresses, _ADDRESS)
    if not pc.all(known).as_py():
        raise ValueError(f"not an address: {addresses.filter(pc.invert(known))[0].as_py()!r}")
    return pc.extract_regex(addresses, _PARTS)


def _hierarchical(parts: pa.StructArray, name: str) -> pa.Array:
    """A part, NULL where an address has none of these, as `mailto:me`."""
    path = pc.struct_field(parts, "path")
    flat = pc.and_(
        pc.and_(pc.not_equal(pc.struct_field(parts, "scheme"), ""), pc.equal(pc.struct_field(parts, "authority"), "")),
        pc.invert(pc.starts_with(path, "/")),
    )
    return pc.if_else(flat, None, pc.struct_field(parts, name))


def _after_sign(part: pa.Array) -> pa.Array:
    """Without the sign that sets it off, decoded; NULL where there is none."""
    text = pc.if_else(pc.equal(part, ""), None, pc.utf8_slice_codeunits(part, 1))
    return _mended(text, "%", urllib.parse.unquote)


def _mended(texts: pa.Array, form: str, compute: Callable[[str], str]) -> pa.Array:
    """The texts with those replaced that hold the form: what is encoded differs sign by sign, so these go row by row."""
    chosen = pc.fill_null(pc.match_substring_regex(texts, form), False)
    if not pc.any(chosen).as_py():
        return texts
    return pc.replace_with_mask(texts, chosen, pa.array([compute(t) for t in texts.filter(chosen).to_pylist()]))


def _protocol(addresses: pa.Array) -> pa.Array:
    scheme = pc.struct_field(_parts(addresses), "scheme")
    return pc.if_else(pc.equal(scheme, ""), None, scheme)


def _server(addresses: pa.Array, part: str) -> pa.Array:
    return pc.struct_field(pc.extract_regex(pc.struct_field(_parts(addresses), "authority"), _SERVER), part)


def _port(addresses: pa.Array) -> pa.Array:
    port = _server(addresses, "port")
    return pc.if_else(pc.equal(port, ""), None, port).cast(pa.int32())


def _path(addresses: pa.Array) -> pa.Array:
    return _mended(_hierarchical(_parts(addresses), "path"), "%", urllib.parse.unquote)


def _query(addresses: pa.Array) -> pa.Array:
    return _after_sign(_hierarchical(_parts(addresses), "query"))


def _parameter(addresses: pa.Array, names: pa.Array) -> pa.Array:
    """The first parameter of that name; one without `=` is the empty text. The query is decoded before it is taken apart, as
    ksqlDB does it."""
    queries, name = _query(addresses), constant(names)
    if name is None:
        pairs = zip(queries.to_pylist(), names.to_pylist(), strict=True)
        return pa.array([None if q is None else _first_of(q, n) for q, n in pairs], pa.string())
    if "=" in name or "&" in name:
        return pa.nulls(len(queries), pa.string())
    found = pc.extract_regex(queries, rf"(?:^|&){re.escape(name)}(?P<value>=[^&]*)?(?:&|$)")
    return pc.utf8_slice_codeunits(pc.struct_field(found, "value"), 1)


def _first_of(query: str, name: str) -> str | None:
    parameters = (part.partition("=") for part in query.split("&"))
    return next((value for key, _, value in parameters if key == name), None)


def _decode(texts: pa.Array) -> pa.Array:
    """As Java's URLDecoder: `+` is a space; a percent sign wants two digits."""
    broken = pc.match_substring_regex(texts, "%(?:$|.$|[^0-9a-fA-F]|.[^0-9a-fA-F])")
    if pc.any(broken).as_py():
        raise ValueError(f"a percent sign wants two hexadecimal digits: {texts.filter(broken)[0].as_py()!r}")
    return _mended(pc.replace_substring(texts, "+", " "), "%", urllib.parse.unquote)


def _encode(texts: pa.Array) -> pa.Array:
    """As Java's URLEncoder: letters, digits and `*-._` stay, a space is `+`."""
    coded = _mended(texts, r"[^a-zA-Z0-9*\-._ ]", lambda t: urllib.parse.quote(t, safe="* ").replace("~", "%7E"))
    return pc.replace_substring(coded, " ", "+")


def _url(name: str, description: str, compute: Callable[..., pa.Array], signature: str, example: str) -> ScalarFunction:
    made = overload(signature, ArrowFunction(name.lower(), compute))
    return function(name, description, "URL", made, examples=(example,))


FUNCTIONS: tuple[Function, ...] = (
    _url(
        "URL_EXTRACT_PROTOCOL",
        "The protocol of an address.",
        _protocol,
        "STRING -> STRING",
        "URL_EXTRACT_PROTOCOL(url)",
    ),
    _url(
        "URL_EXTRACT_HOST",
        "The host of an address.",
        lambda a: _server(a, "host"),
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
    _url("URL_EXTRACT_PATH", "The path of an address.", _path, "STRING -> STRING", "URL_EXTRACT_PATH(url)"),
    _url(
        "URL_EXTRACT_QUERY",
        "The query of an address, decoded.",
        _query,
        "STRING -> STRING",
        "URL_EXTRACT_QUERY(url)",
    ),
    _url(
        "URL_EXTRACT_FRAGMENT",
        "The fragment of an address, decoded.",
        lambda a: _after_sign(pc.struct_field(_parts(a), "fragment")),
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
