"""What is computed a column at a time is what Python gives row by row."""

from __future__ import annotations

import random

import pyarrow as pa
import pytest

from mergus.engine.sql.builtin.datetime import _format_timestamp, _parse_timestamp
from mergus.engine.sql.builtin.time_columns import formatted, parsed

from .evaluating import evaluate

PATTERNS = [
    "yyyy-MM-dd HH:mm:ss.SSS",
    "yyyy-MM-dd'T'HH:mm:ss",
    "dd.MM.yyyy HH:mm",
    "MM/dd/yyyy",
    "HH:mm:ss",
    "yyyyMMddHHmmssSSS",
    "yyyy'-'MM",
]
MILLIS = [
    0,
    -1,
    1_709_251_199_999,
    -62_135_596_800_000,
    253_402_300_799_999,
    *random.Random(1).choices(range(10**13), k=50),
]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_moments_are_written_and_read_as_row_by_row(pattern: str) -> None:
    moments = pa.array(MILLIS, pa.timestamp("ms"))
    patterns = pa.array([pattern] * len(MILLIS))
    written = formatted(moments, patterns)
    assert written is not None
    assert written.to_pylist() == [_format_timestamp(m, pattern) for m in moments.to_pylist()]
    read = parsed(written, patterns)
    assert read is not None
    assert read.to_pylist() == [_parse_timestamp(text, pattern) for text in written.to_pylist()]


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("2024-02-30", "yyyy-MM-dd"),
        ("2024-2-3", "yyyy-MM-dd"),
        ("0000-01-01", "yyyy-MM-dd"),
        ("2024-02-03t10", "yyyy-MM-dd'T'HH"),
        ("3 Mar 2024", "d MMM yyyy"),
        ("24", "yy"),
    ],
)
def test_what_is_not_of_fixed_digits_goes_row_by_row(text: str, pattern: str) -> None:
    assert parsed(pa.array([text]), pa.array([pattern])) is None


def test_a_text_that_does_not_fit_spoils_its_row_only() -> None:
    rows = [["2024-03-01"], ["2024-02-32"], [None], ["2024-02-30"], ["2024-03-02"]]
    got = evaluate("STRINGTODATE(T, 'yyyy-MM-dd')", {"T": "STRING"}, rows)
    assert got == [19783, "FAILS", None, 19782, 19784]  # the 30th is February's last day, as in Java


def test_patterns_that_differ_by_row() -> None:
    rows = [["2024-03-01", "yyyy-MM-dd"], ["01.03.2024", "dd.MM.yyyy"]]
    assert evaluate("STRINGTODATE(T, P)", {"T": "STRING", "P": "STRING"}, rows) == [19783, 19783]


def test_rounding_is_by_the_digits_as_written() -> None:
    numbers = [2.345, -2.345, 1.005, -0.001, 1e300, float("inf"), 12.0, 0.125, None]
    rows = [[n] for n in numbers]
    assert evaluate("ROUND(D, 2)", {"D": "DOUBLE"}, rows) == [
        2.35,
        -2.34,
        1.01,
        -0.0,
        1e300,
        float("inf"),
        12.0,
        0.13,
        None,
    ]
    assert evaluate("TRUNC(D, 2)", {"D": "DOUBLE"}, rows) == [
        2.34,
        -2.34,
        1.0,
        -0.0,
        1e300,
        float("inf"),
        12.0,
        0.12,
        None,
    ]


def test_months_end_where_they_end_and_days_stay_whole() -> None:
    rows = [["2024-01-31", 1], ["2024-03-31", -1], ["1969-12-31", 12]]
    columns = {"T": "STRING", "N": "INTEGER"}
    text = "CAST(DATEADD({}, N, PARSE_DATE(T, 'yyyy-MM-dd')) AS STRING)"
    assert evaluate(text.format("MONTHS"), columns, rows) == ["2024-02-29", "2024-02-29", "1970-12-31"]
    assert evaluate(text.format("HOURS"), columns, rows) == ["2024-01-31", "2024-03-30", "1970-01-01"]
    assert evaluate(text.format("YEAR"), columns, rows) == ["2025-01-31", "2023-03-31", "1981-12-31"]


def test_masks_and_json_keep_what_they_said() -> None:
    rows = [["Ünï Ж9"], [""]]
    assert evaluate("MASK(T)", {"T": "STRING"}, rows) == ["Xxx-Xn", ""]
    texts = [
        ['{"a": 1.2300, "b": "x"} more'],
        ['{"a": 1e400}'],
        ['{"a": 12345678901234567890123}'],
        ['{"a": true}'],
        ["[]"],
    ]
    assert evaluate("EXTRACTJSONFIELD(T, '$.a')", {"T": "STRING"}, texts) == [
        "1.2300",
        "1e400",
        "12345678901234567890123",
        "true",
        None,
    ]
