"""Addresses are read as java.net.URI reads them (the answers are Java's), encoded text as by URLEncoder and URLDecoder."""

from __future__ import annotations

from typing import Any

import pytest

from .evaluating import evaluate

ADDRESSES = [
    ("https://Docs.org:8443/a%20b?q=x%20y&z=1+2#t%C3%A9", ["https", "Docs.org", 8443, "/a b", "q=x y&z=1+2", "té"]),
    ("HTTP://u:p@h:/", ["HTTP", "h", None, "/", None, None]),
    ("mailto:me@x.y?a=b", ["mailto", None, None, None, None, None]),
    ("", [None, None, None, "", None, None]),
    ("www.example.org", [None, None, None, "www.example.org", None, None]),
    ("file:///etc/x", ["file", None, None, "/etc/x", None, None]),
    ("http://my_host/x", ["http", None, None, "/x", None, None]),
    ("http://[::1]:80/", ["http", "[::1]", 80, "/", None, None]),
    ("http://1.2.3.4:5", ["http", "1.2.3.4", 5, "", None, None]),
    ("http://1.2.3.300/", ["http", None, None, "/", None, None]),
    ("//h/p?#", [None, "h", None, "/p", "", ""]),
    ("http://h/ä?ü=ö", ["http", "h", None, "/ä", "ü=ö", None]),
]
PARTS = [f"URL_EXTRACT_{part}(T)" for part in ("PROTOCOL", "HOST", "PORT", "PATH", "QUERY", "FRAGMENT")]


@pytest.mark.parametrize("number", range(len(PARTS)))
def test_the_parts_of_addresses(number: int) -> None:
    rows: list[list[Any]] = [[address] for address, _ in ADDRESSES]
    wanted = [parts[number] for _, parts in ADDRESSES]
    assert evaluate(PARTS[number], {"T": "STRING"}, [*rows, [None]]) == [*wanted, None]


@pytest.mark.parametrize(
    "text", ["a b", "http://", "//", "1a:b", "http://x/%zz", "http://x#a#b", "http://x/[", "a:", "http://x/|"]
)
def test_what_is_no_address_spoils_its_row_only(text: str) -> None:
    assert evaluate("URL_EXTRACT_PATH(T)", {"T": "STRING"}, [[text], ["/p"]]) == ["FAILS", "/p"]


def test_parameters() -> None:
    columns = {"T": "STRING", "N": "STRING"}
    rows = [["?a=1&b&a=2", n] for n in ("a", "b", "c", "a=1")] + [
        ["/x", "a"],
        ["?a=x=y", "a"],
        [None, "a"],
        ["?a.b=1", "a.b"],
    ]
    wanted = ["1", "", None, None, None, "x=y", None, "1"]
    assert evaluate("URL_EXTRACT_PARAMETER(T, N)", columns, rows) == wanted
    for row, value in zip(rows, wanted, strict=True):
        assert evaluate("URL_EXTRACT_PARAMETER(T, N)", columns, [row]) == [value]


def test_encoding_there_and_back() -> None:
    rows = [["a b~*-._"], ["ä&=+%"], [""], [None]]
    assert evaluate("URL_ENCODE_PARAM(T)", {"T": "STRING"}, rows) == ["a+b%7E*-._", "%C3%A4%26%3D%2B%25", "", None]
    assert evaluate("URL_DECODE_PARAM(URL_ENCODE_PARAM(T))", {"T": "STRING"}, rows) == [r[0] for r in rows]
    broken = [["%"], ["%4"], ["%4g"], ["x%41+%FF"]]
    assert evaluate("URL_DECODE_PARAM(T)", {"T": "STRING"}, broken) == ["FAILS", "FAILS", "FAILS", "xA \ufffd"]
