"""Built-in functions where arguments are empty, NULL, out of range or of another kind: as ksqlDB's functions answer."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from mergus.engine.errors import TypeMismatch

from .evaluating import evaluate

FAILS = "FAILS"  # NULL in a query, and told in the processing log
COLUMNS = {
    "LETTERS": "ARRAY<STRING>",
    "NOTHING": "STRING",
    "NO_NUMBER": "INTEGER",
    "NO_UNIT": "STRING",
    "DAY": "DATE",
    "CLOCK": "TIME",
    "AT": "TIMESTAMP",
}
ROW = [
    ["a", "b", "c"],
    None,
    None,
    None,
    datetime.date(1970, 1, 1),
    datetime.time(6, 2, 20, 588000),
    datetime.datetime(2022, 1, 20, 17, 6, 2),
]
COLLECTIONS = [
    ("SLICE(LETTERS, NO_NUMBER, 2)", ["a", "b"]),
    ("SLICE(LETTERS, 2, NO_NUMBER)", ["b", "c"]),
    ("SLICE(LETTERS, 2, 5)", None),
    ("SLICE(LETTERS, 0, 2)", None),
    ("SLICE(LETTERS, 3, 1)", None),
    ("SLICE(LETTERS, 4, 3)", []),
    ("GENERATE_SERIES(0, 10, 0)", FAILS),
    ("GENERATE_SERIES(1, 2147483647)", FAILS),
    ("LEN(LPAD('x', 16777216, 'y'))", 16777216),
    ("LPAD('x', 16777217, 'y')", FAILS),
    ("RPAD('x', 2147483647, 'y')", FAILS),
    ("REPEAT('xy', 8388609)", FAILS),
    ("GENERATE_SERIES(9, 0, 1)", FAILS),
    ("GENERATE_SERIES(5, 5, -1)", [5]),
    ("ARRAY_JOIN(ARRAY[1, 23, -42], NOTHING)", "123-42"),
    ("ARRAY_JOIN(ARRAY[1E10, 1E-5, 0.5E0])", "1.0E10,1.0E-5,0.5"),
    ("ARRAY_JOIN(ARRAY[12345678901234567.89, 2.50], '|')", "12345678901234567.89|2.50"),
    ("AS_MAP(ARRAY['x', NULL], ARRAY[1, 2])", {"x": 1, "null": 2}),
]
TEXT = [
    ("REPLACE('abc', '', 'n')", "nanbncn"),
    ("REPLACE('', '', 'n')", "n"),
    ("REPLACE('abc', NOTHING, 'n')", None),
    ("SPLIT_TO_MAP('a:=1/b:=2', '/', '/')", None),
    ("CONCAT('one')", "one"),
    ("UCASE('Straße')", "STRASSE"),
    ("CONCAT(NOTHING)", ""),
    ("MASK_LEFT('AbC1', 3, NOTHING, 'y', 'z', 'w')", "AyC1"),
    ("ENCODE('w5xiZXJtZW5zY2g', 'base64', 'utf8')", "Übermensch"),
    ("ENCODE('I-Q', 'base64', 'hex')", "23e4"),
    ("ENCODE('ab', 'utf8', 'utf8')", FAILS),
    ("TO_BYTES('IQ', 'base64')", b"!"),
    ("TO_BYTES('0x21', 'hex')", FAILS),
    ("INT_FROM_BOOLEAN(LETTERS[1] = 'a')", 1),
]
JSON = [
    ("JSON_ARRAY_CONTAINS('[1]', 1.0E0)", False),
    ("JSON_ARRAY_CONTAINS('[1.0]', 1)", False),
    ("JSON_ARRAY_CONTAINS('[1, 1.5]', 1.5E0)", True),
    ("""EXTRACTJSONFIELD('{"a": [101, 102]}', '$.a.1')""", "102"),
    ("""EXTRACTJSONFIELD('{"a": {"0": 5}}', '$.a[0]')""", "5"),
    ("""EXTRACTJSONFIELD('{"a": [1]}', '$.a[-1]')""", None),
    ("JSON_KEYS('no json')", FAILS),
    ("TO_JSON_STRING(AT)", '"2022-01-20T17:06:02.000"'),
    ("TO_JSON_STRING(CLOCK)", '"06:02:20"'),
    ("TO_JSON_STRING(PARSE_TIME('06:02', 'HH:mm'))", '"06:02"'),
    ("CAST(CLOCK AS STRING)", "06:02:20"),
]
TIMES = [
    ("PARSE_TIME('2020 000105', 'yyyy HHmmss')", FAILS),
    ("PARSE_TIME('30', 'mm')", FAILS),
    ("PARSE_TIME('10:30 PM', 'hh:mm a')", datetime.time(22, 30)),
    ("PARSE_DATE('2021-12-01 05:40', 'yyyy-MM-dd HH:mm')", FAILS),
    ("PARSE_DATE('2021-12-01 00:00', 'yyyy-MM-dd HH:mm')", datetime.date(2021, 12, 1)),
    ("PARSE_DATE('2021-12', 'yyyy-MM')", datetime.date(2021, 12, 1)),
    ("STRINGTODATE('2021-12', 'yyyy-MM')", FAILS),
    ("STRINGTODATE('2021-12-01 05:40', 'yyyy-MM-dd HH:mm')", 18962),
    ("FORMAT_DATE(DAY, 'HH:mm')", FAILS),
    ("FORMAT_DATE(DAY, 'dd ''of'' MMMM')", "01 of January"),
    ("FORMAT_TIME(CLOCK, 'yyyy HH')", FAILS),
    ("FORMAT_TIMESTAMP(AT, 'HH:mm z')", "17:06 GMT"),
    ("FORMAT_TIMESTAMP(AT, 'HH:mm z', 'UTC')", "17:06 UTC"),
    ("PARSE_TIMESTAMP('2021-12-01 PST', 'yyyy-MM-dd z')", datetime.datetime(2021, 12, 1, 8)),
    ("FORMAT_TIMESTAMP(AT, 'HH:mm', 'PST')", FAILS),
    ("FORMAT_TIMESTAMP(AT, 'O OOOO Z ZZZZ ZZZZZ', 'Asia/Kolkata')", "GMT+5:30 GMT+05:30 +0530 GMT+05:30 +05:30"),
    ("FORMAT_TIMESTAMP(AT, 'O OOOO ZZZZ', 'America/New_York')", "GMT-5 GMT-05:00 GMT-05:00"),
    ("FORMAT_TIMESTAMP(AT, 'O OOOO Z ZZZZ ZZZZZ', '+10:00')", "GMT+10 GMT+10:00 +1000 GMT+10:00 +10:00"),
    ("FORMAT_TIMESTAMP(AT, 'O OOOO Z ZZZZ ZZZZZ')", "GMT GMT +0000 GMT Z"),
    ("FORMAT_TIMESTAMP(AT, 'e ee eee eeee')", "5 05 Thu Thursday"),
    ("STRINGTOTIMESTAMP('2020-05-04', 'yyyy-MM-dd[ HH:mm]')", 1588550400000),
    ("STRINGTOTIMESTAMP('2020-05-04 01:00', 'yyyy-MM-dd[ HH:mm]')", 1588554000000),
    ("STRINGTOTIMESTAMP('1970-01-01 000001000', 'yyyy-MM-dd nnnnnnnnn')", 0),
    ("STRINGTOTIMESTAMP('1970-01-01 001000000', 'yyyy-MM-dd nnnnnnnnn')", 1),
    ("TIMESTAMPTOSTRING(0, 'yyyy G, QQQ[ HH]')", "1970 AD, Q1 00"),
    ("DATESUB(SECONDS, 5, DAY)", datetime.date(1970, 1, 1)),
    ("DATESUB(HOURS, 30, DAY)", datetime.date(1969, 12, 31)),
]
NUMBERS = [
    ("ROUND(1E300)", (1 << 63) - 1),
    ("TRUNC(1E300)", (1 << 63) - 1),
    ("ROUND(-1E300)", -(1 << 63)),
    ("ROUND(0.49999999999999994E0)", 0),
    ("ROUND(-0.5E0)", 0),
    ("ROUND(-2.5E0)", -2),
    ("ROUND(4503599627370495.5E0)", 4503599627370496),
    ("ROUND(4503599627370497E0)", 4503599627370497),
    ("ROUND(CAST('NaN' AS DOUBLE))", 0),
]
PLACES = [
    ("ROUND(GEO_DISTANCE(0.0, 0.0, 1.0, 1.0, NO_UNIT))", 157),
    ("ROUND(GEO_DISTANCE(0.0, 0.0, 1.0, 1.0, ' mi '))", 98),
    ("GEO_DISTANCE(0.0, 0.0, 1.0, 1.0, 'MINUTES')", FAILS),
]


@pytest.mark.parametrize(("text", "expected"), [*COLLECTIONS, *TEXT, *JSON, *TIMES, *NUMBERS, *PLACES])
def test_edges(text: str, expected: Any) -> None:
    assert evaluate(text, COLUMNS, [ROW]) == [expected]


@pytest.mark.parametrize(
    "text",
    [
        "MAP_UNION(NULL, NULL)",
        "AS_MAP(LETTERS, NULL)",
        "ENTRIES(NULL, true)",
        "DATEADD(NULL, 1, DAY)",
        "MAP_KEYS(NULL)",
    ],
)
def test_bare_nulls_that_leave_the_type_open(text: str) -> None:
    with pytest.raises(TypeMismatch):
        evaluate(text, COLUMNS, [ROW])


@pytest.mark.parametrize("text", ["ARRAY_LENGTH(NULL)", "DATEADD(DAYS, NULL, NULL)", "UCASE(NULL)", "ABS(NULL)"])
def test_bare_nulls_that_do_not(text: str) -> None:
    assert evaluate(text, COLUMNS, [ROW]) == [None]
