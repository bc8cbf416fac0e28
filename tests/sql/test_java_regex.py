"""Patterns mean what they mean to java.util.regex (the answers are Java 17's), by column and row by row alike."""

from __future__ import annotations

import pyarrow as pa
import pytest

from mergus.engine.sql.builtin import regex
from mergus.engine.sql.builtin.java_regex import translate

from .evaluating import evaluate

ALL = [
    (r"\w+", "é_a1 ö", ["_a1"]),
    (r"\d+", "1٣2", ["1", "2"]),
    (r"\s", "a\x0b\xa0b ", ["\x0b", " "]),
    (r"\S+", "a\xa0b c", ["a\xa0b", "c"]),
    (r"\bx", "éx x", ["x"]),
    (r"\h+", "a \t\u3000b\n", [" \t\u3000"]),
    (r"\R", "a\r\nb\u2028c\n", ["\r\n", "\u2028", "\n"]),
    (r"\v\V", "a\x85b", ["\x85b"]),
    (r".+", "a\rb\u2029c\n", ["a", "b", "c"]),
    (r"(?s)a.b", "a\nb", ["a\nb"]),
    (r"(?d).+", "a\rb\nc", ["a\rb", "c"]),
    (r"b$", "ab\r\n", ["b"]),
    (r"b\z", "ab\n", []),
    (r"(?m)^.", "a\r\nb\n", ["a", "b"]),
    (r"(?m).$", "ab\r\ncd", ["b", "d"]),
    (r"(?i)k", "Kk\u212a", ["K", "k"]),
    (r"(?iu)é", "É", ["É"]),
    (r"(?i)[à-é]x", "ÀX", []),
    (r"a(?i)b|c", "aB C ab", ["aB", "C", "ab"]),
    (r"(?x) a b # all", "ab", ["ab"]),
    (r"[a-z&&[^aeiou]]+", "hello", ["h", "ll"]),
    (r"[a-d[m-p]]+", "amz", ["am"]),
    (r"[&&a]", "&a", ["a"]),
    (r"[]a]+", "[]a", ["]a"]),
    (r"[\d-z]", "5-y", ["5", "-"]),
    (r"\p{Alpha}+", "aé", ["a"]),
    (r"\p{Upper}\p{Lower}*", "Ärger Gut", ["Gut"]),
    (r"\P{Punct}+", "a,b", ["a", "b"]),
    (r"\p{IsLatin}+", "aé Ω", ["aé"]),
    (r"(?i)\p{Lower}+", "aB", ["aB"]),
    (r"\Qa.b*\E+", "a.b** axb", ["a.b**"]),
    (r"(?<n>a)\k<n>", "aab", ["aa"]),
    (r"(a)(b)\2", "abb", ["abb"]),
    (r"(a)\11", "aa1", ["aa1"]),
    (r"a*+a", "aaa", []),
    (r"(?>a|ab)c", "abc", []),
    (r"(?<=a)b(?!c)", "abc ab", ["b"]),
    (r"\x41\u0042\0103\x{1F600}", "ABC\U0001f600", ["ABC\U0001f600"]),
    (r"a*", "baac", ["", "aa", "", ""]),
    (r"|a", "a", ["", ""]),
    (r"(?:a|ab)(?:c|bcd)d*", "abcdd", ["abcdd"]),
    (r"a{2,}?", "aaaaa", ["aa", "aa"]),
]


@pytest.mark.parametrize(("pattern", "text", "found"), ALL)
def test_matches_are_javas(pattern: str, text: str, found: list[str]) -> None:
    assert evaluate("REGEXP_EXTRACT_ALL(P, T)", {"P": "STRING", "T": "STRING"}, [[pattern, text]]) == [found]
    assert regex._extract_all(pattern, text) == found


@pytest.mark.parametrize(
    "pattern", ["(", "a)", "*a", "a**", r"\y", "(?P<x>a)", "[a", "[z-a]", r"\p{Foo}", r"\k<x>", "a{"]
)
def test_what_java_refuses_is_refused_with_its_place(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"position|property"):
        translate(pattern)


PATTERNS = [p for p, _, _ in ALL] + [
    r"(\w+)=(\w*)",
    r"(a)|b",
    r"(a)?b",
    r"x{0,2}",
    r"\B.",
    r"\b",
    r"(\d+)\.(\d+)$",
    ",",
]
TEXTS = [
    "",
    "a",
    "ab",
    "aab\n",
    "user=x1 by=é",
    "10.25\r",
    "10.25",
    "a,b,,c",
    ",",
    "x\x01y",
    "éx a_b",
    "foo bar",
    "aXbx",
]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_by_column_as_row_by_row(pattern: str) -> None:
    texts, same = pa.array(TEXTS), pa.array([pattern] * len(TEXTS))
    for group in (0, 1):
        groups = pa.array([group] * len(TEXTS), pa.int32())
        first = regex._extract_column(same, texts, groups)
        every = regex._extract_all_column(same, texts, groups)
        assert first is None or first.to_pylist() == [regex._extract(pattern, t, group) for t in TEXTS]
        assert every is None or every.to_pylist() == [regex._extract_all(pattern, t, group) for t in TEXTS]
    replaced = regex._replace_column(texts, same, pa.array([r"<$0\$>"] * len(TEXTS)))
    parts = regex._split_column(texts, same)
    assert replaced is None or replaced.to_pylist() == [regex._replace(t, pattern, r"<$0\$>") for t in TEXTS]
    assert parts is None or parts.to_pylist() == [regex._split(t, pattern) for t in TEXTS]


@pytest.mark.parametrize(
    "pattern",
    [r"user=(\w+)", r"[0-9]+", r"(?i)error", r"^\d{4}-\d{2}", r"\bfoo\b", r"[\w.+-]+@[\w-]+\.[\w.]+", r"\p{Alpha}+$"],
)
def test_a_usual_pattern_goes_by_column(pattern: str) -> None:
    assert regex._extract_column(pa.array([pattern] * 2), pa.array(["foo user=x", "a@b.c"])) is not None


def test_a_group_that_takes_no_part_is_null() -> None:
    rows = [["ab"], ["b"], ["c"], [None]]
    assert evaluate("REGEXP_EXTRACT('(a)?b', T, 1)", {"T": "STRING"}, rows) == ["a", None, None, None]
    assert evaluate("REGEXP_EXTRACT_ALL('(a)|b', T, 1)", {"T": "STRING"}, rows) == [["a", None], [None], [], None]
    assert evaluate("REGEXP_EXTRACT('a', T, 1)", {"T": "STRING"}, rows) == [None] * 4


@pytest.mark.parametrize(
    ("replacement", "made"),
    [
        ("$2$1", "ba-"),
        ("${second}", "b-"),
        (r"\$1", "$1-"),
        ("$12", "a2-"),
        ("$3", "FAILS"),
        ("$", "FAILS"),
        ("${none}", "FAILS"),
        ("\\", "FAILS"),
    ],
)
def test_replacements_are_javas(replacement: str, made: str) -> None:
    columns = {"T": "STRING", "R": "STRING"}
    assert evaluate("REGEXP_REPLACE(T, '(a)(?<second>b)', R)", columns, [["ab-", replacement]]) == [made]


def test_splitting_by_what_may_be_empty_leaves_no_empty_end() -> None:
    columns = {"P": "STRING", "T": "STRING"}
    rows = [["", "abc"], ["x*", "axxb"], ["a*", "a"], ["a*", ""], [",", "a,,"], ["(?=[A-Z])", "aBcD"]]
    assert evaluate("REGEXP_SPLIT_TO_ARRAY(T, P)", columns, rows) == [
        ["a", "b", "c"],
        ["a", "", "b"],
        [],
        [""],
        ["a", "", ""],
        ["a", "Bc", "D"],
    ]
