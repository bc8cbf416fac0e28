"""Built-in functions: a table of calls and answers, a family at a time, and NULL in every argument."""

from __future__ import annotations

import datetime
import math
from decimal import Decimal
from typing import Any

import pytest

from mergus.engine.sql.functions import LambdaParam, ScalarFunction
from mergus.engine.sql.signatures import param_text

from .evaluating import REGISTRY, evaluate

COLUMNS = {
    "T": "STRING",
    "I": "INTEGER",
    "D": "DOUBLE",
    "DEC": "DECIMAL(4, 2)",
    "A": "ARRAY<INTEGER>",
    "M": "MAP<STRING, INTEGER>",
    "R": "STRUCT<X INTEGER, Y STRING>",
    "TS": "TIMESTAMP",
    "DAY": "DATE",
    "CLOCK": "TIME",
    "BYT": "BYTES",
    "N": "INTEGER",
}
MOMENT = datetime.datetime(2018, 5, 11, 21, 58, 33, 500000)
ROW = [
    "The quick br0wn fox",
    -5,
    2.5,
    Decimal("10.15"),
    [3, 1, None, 3],
    {"b": 2, "a": 1},
    {"X": 1, "Y": "y"},
    MOMENT,
    MOMENT.date(),
    MOMENT.time(),
    b"ab.c",
    None,
]

TEXT = [
    ("LCASE(T)", "the quick br0wn fox"),
    ("UCASE(T)", "THE QUICK BR0WN FOX"),
    ("TRIM('  x ')", "x"),
    ("LEN(T)", 19),
    ("LEN(BYT)", 4),
    ("CONCAT('a', CAST(NULL AS STRING), 'b')", "ab"),
    ("CONCAT(BYT, BYT)", b"ab.cab.c"),
    ("CONCAT_WS('-', 'a', CAST(NULL AS STRING), 'b')", "a-b"),
    ("CONCAT_WS(BYT, BYT, BYT)", b"ab.cab.cab.c"),
    ("SUBSTRING(T, 5)", "quick br0wn fox"),
    ("SUBSTRING(T, -3)", "fox"),
    ("SUBSTRING(T, 0, 3)", "The"),
    ("SUBSTRING(T, 5, 5)", "quick"),
    ("SUBSTRING(T, 99, 5)", ""),
    ("SUBSTRING(BYT, 2, 2)", b"b."),
    ("REPLACE(T, 'o', '0')", "The quick br0wn f0x"),
    ("INSTR(T, 'q')", 5),
    ("INSTR('abcabc', 'b', 3)", 5),
    ("INSTR('abcabc', 'b', 1, 2)", 5),
    ("INSTR('abcabc', 'b', -1)", 5),
    ("INSTR('abcabc', 'b', -1, 2)", 2),
    ("INSTR('abc', 'z')", 0),
    ("INSTR(CAST(NULL AS STRING), 'z')", 0),
    ("INSTR('abc', CAST(NULL AS STRING), 1)", 0),
    ("INITCAP(LCASE(T))", "The Quick Br0wn Fox"),
    ("CHR(75)", "K"),
    ("CHR('\\u004b')", "K"),
    ("CHR('75')", None),
    ("CHR(-1)", None),
    ("LPAD('foo', 7, 'Bar')", "BarBfoo"),
    ("RPAD('foo', 5, 'Bar')", "fooBa"),
    ("LPAD('foo', 2, 'Bar')", "fo"),
    ("LPAD('foo', -1, 'Bar')", None),
    ("LPAD(BYT, 6, BYT)", b"abab.c"),
    ("SPLIT('a.b..c', '.')", ["a", "b", "", "c"]),
    ("SPLIT('abc', '')", ["a", "b", "c"]),
    ("SPLIT('', '.')", [""]),
    ("SPLIT('a', CAST(NULL AS STRING))", None),
    ("SPLIT(BYT, TO_BYTES('.', 'utf8'))", [b"ab", b"c"]),
    ("SPLIT_TO_MAP('a:1/b:2/c', '/', ':')", {"a": "1", "b": "2"}),
    ("ELT(2, 'a', 'b')", "b"),
    ("ELT(-1, 'a', 'b')", None),
    ("FIELD('b', 'a', 'b')", 2),
    ("FIELD('z', 'a', 'b')", 0),
    ("QUOTE('it''s')", "'it''s'"),
    ("MASK('My Test $123')", "Xx-Xxxx--nnn"),
    ("MASK('My Test $123', '*', NULL, '1', NULL)", "*y *est $111"),
    ("MASK('a', 'XX', 'x', 'n', '-')", "FAILS"),
    ("MASK_LEFT('abcd', 2)", "xxcd"),
    ("MASK_RIGHT('abcd', 2)", "abxx"),
    ("MASK_KEEP_LEFT('abcd', 1, 'X', '*', 'n', '-')", "a***"),
    ("MASK_KEEP_RIGHT('abcd', 1)", "xxxd"),
    ("LEN(UUID())", 36),
    ("REGEXP_EXTRACT('(\\w+) (\\w+)', T, 2)", "quick"),
    ("REGEXP_EXTRACT('z+', T)", None),
    ("REGEXP_EXTRACT_ALL('\\w+ow', 'low row')", ["low", "row"]),
    ("REGEXP_REPLACE('a1b22', '([0-9]+)', '<$1>')", "a<1>b<22>"),
    ("REGEXP_SPLIT_TO_ARRAY('aabcda', '(ab|cd)')", ["a", "", "a"]),
    ("URL_EXTRACT_PROTOCOL('https://h:81/p?a=1&b=x%20y#f')", "https"),
    ("URL_EXTRACT_HOST('https://u@h.org:81/p')", "h.org"),
    ("URL_EXTRACT_PORT('https://h:81/p')", 81),
    ("URL_EXTRACT_PORT('https://h/p')", None),
    ("URL_EXTRACT_PATH('https://h/p/q?x')", "/p/q"),
    ("URL_EXTRACT_QUERY('https://h/p?a=1&b=2')", "a=1&b=2"),
    ("URL_EXTRACT_FRAGMENT('https://h/p#f')", "f"),
    ("URL_EXTRACT_PARAMETER('https://h/p?a=1&b=x%20y', 'b')", "x y"),
    ("URL_ENCODE_PARAM('?a $b')", "%3Fa+%24b"),
    ("URL_DECODE_PARAM('%3Fa+%24b')", "?a $b"),
    ("MD5('a')", "0cc175b9c0f1b6a831c399e269772661"),
    ("ENCODE('4578', 'hex', 'ascii')", "Ex"),
    ("ENCODE('Ex', 'utf8', 'base64')", "RXg="),
    ("TO_BYTES('6162', 'hex')", b"ab"),
    ("FROM_BYTES(BYT, 'hex')", "61622E63"),
    ("INT_FROM_BYTES(TO_BYTES('000007e5', 'hex'))", 2021),
    ("INT_FROM_BYTES(TO_BYTES('e5070000', 'hex'), 'LITTLE_ENDIAN')", 2021),
]
NUMBERS = [
    ("ABS(I)", 5),
    ("ABS(DEC * -1)", Decimal("10.15")),
    ("CEIL(DEC)", Decimal("11.00")),
    ("FLOOR(-2.5E0)", -3.0),
    ("ROUND(D)", 3),
    ("ROUND(-2.5E0)", -2),
    ("ROUND(DEC)", Decimal("10")),
    ("ROUND(DEC, 1)", Decimal("10.20")),
    ("ROUND(2.345E0, 2)", 2.35),
    ("ROUND(1234.5E0, -2)", 1200.0),
    ("TRUNC(-2.7E0)", -2),
    ("TRUNC(DEC, 1)", Decimal("10.10")),
    ("SIGN(I)", -1),
    ("SQRT(I)", math.nan),
    ("SQRT(6.25E0)", 2.5),
    ("CBRT(-8)", -2.0),
    ("EXP(0)", 1.0),
    ("LN(0)", -math.inf),
    ("LN(-1)", math.nan),
    ("LOG(2, 8)", 3.0),
    ("POWER(2, 10)", 1024.0),
    ("ACOS(2)", math.nan),
    ("COT(0)", math.inf),
    ("ATAN2(1, 1)", math.pi / 4),
    ("DEGREES(PI())", 180.0),
    ("GEO_DISTANCE(0, 0, 0, 90)", 6371 * math.pi / 2),
    ("GREATEST(1, NULL, 2.5)", Decimal("2.5")),
    ("LEAST('b', 'a')", "a"),
    ("COALESCE(N, 7)", 7),
    ("NULLIF(I, -5)", None),
]
COLLECTIONS = [
    ("ARRAY_LENGTH(A)", 4),
    ("ARRAY_CONTAINS(A, 1)", True),
    ("ARRAY_CONTAINS(A, N)", True),
    ("ARRAY_CONTAINS(A, 9)", False),
    ("ARRAY_MAX(A)", 3),
    ("ARRAY_MIN(A)", 1),
    ("ARRAY_POSITION(A, 1)", 2),
    ("ARRAY_POSITION(A, 9)", 0),
    ("ARRAY_POSITION(A, CAST(NULL AS INT))", None),
    ("ARRAY_SORT(A)", [1, 3, 3, None]),
    ("ARRAY_SORT(A, 'DESC')", [3, 3, 1, None]),
    ("ARRAY_SORT(A, 'ascending')", [1, 3, 3, None]),
    ("ARRAY_SORT(A, 'down')", None),
    ("ARRAY_SORT(A, CAST(NULL AS STRING))", None),
    ("ARRAY_REMOVE(A, 3)", [1, None]),
    ("ARRAY_DISTINCT(A)", [3, 1, None]),
    ("ARRAY_EXCEPT(A, ARRAY[1])", [3, None]),
    ("ARRAY_INTERSECT(A, ARRAY[1, 9])", [1]),
    ("ARRAY_UNION(A, ARRAY[1, 9])", [3, 1, None, 9]),
    ("ARRAY_CONCAT(ARRAY[1], ARRAY[1])", [1, 1]),
    ("ARRAY_CONCAT(CAST(NULL AS ARRAY<INT>), A)", [3, 1, None, 3]),
    ("ARRAY_CONCAT(CAST(NULL AS ARRAY<INT>), CAST(NULL AS ARRAY<INT>))", None),
    ("ARRAY_JOIN(A, '-')", "3-1-null-3"),
    ("SLICE(A, 2, 3)", [1, None]),
    ("GENERATE_SERIES(4, 2)", [4, 3, 2]),
    ("GENERATE_SERIES(0, 9, 3)", [0, 3, 6, 9]),
    ("ENTRIES(M, true)", [{"K": "a", "V": 1}, {"K": "b", "V": 2}]),
    ("ARRAY_SORT(MAP_KEYS(M))", ["a", "b"]),
    ("ARRAY_SORT(MAP_VALUES(M))", [1, 2]),
    ("MAP_UNION(M, MAP('a' := 9))", {"a": 9, "b": 2}),
    ("AS_MAP(ARRAY['x', 'y'], ARRAY[1, 2])", {"x": 1, "y": 2}),
]
JSON = [
    ("EXTRACTJSONFIELD('{\"a\": {\"b\": [1, 1.2300]}}', '$.a.b[1]')", "1.2300"),
    ('EXTRACTJSONFIELD(\'{"a": {"b": "x"}}\', \'$.a\')', '{"b":"x"}'),
    ("EXTRACTJSONFIELD('{\"a\": null}', '$.a')", None),
    ("EXTRACTJSONFIELD('no json', '$.a')", "FAILS"),
    ("IS_JSON_STRING('[1]')", True),
    ("IS_JSON_STRING('abc')", False),
    ("JSON_ARRAY_CONTAINS('[\"x\", 2]', 2)", True),
    ("JSON_ARRAY_LENGTH('[1, 2]')", 2),
    ('JSON_KEYS(\'{"b": 1, "a": 2}\')', ["b", "a"]),
    ('JSON_RECORDS(\'{"b": 1, "a": "x"}\')', {"b": "1", "a": "x"}),
    ("JSON_ITEMS('[{\"a\": 1}, 2]')", ['{"a":1}', "2"]),
    ("JSON_CONCAT('{\"a\": 1}', '{\"b\": 2}')", '{"a":1,"b":2}'),
    ("JSON_CONCAT('[1]', '2')", "[1,2]"),
    ("JSON_CONCAT('2')", "2"),
    ("TO_JSON_STRING(R)", '{"X":1,"Y":"y"}'),
    ("TO_JSON_STRING(A)", "[3,1,null,3]"),
]
TIMES = [
    ("FORMAT_TIMESTAMP(TS, 'yyyy-MM-dd HH:mm:ss.SSS')", "2018-05-11 21:58:33.500"),
    ("FORMAT_TIMESTAMP(TS, 'EEE, d MMM yy h:mm a zzz', 'America/Los_Angeles')", "Fri, 11 May 18 2:58 PM PDT"),
    ("PARSE_TIMESTAMP('2018-05-11T21:58:33', 'yyyy-MM-dd''T''HH:mm:ss')", MOMENT.replace(microsecond=0)),
    ("PARSE_TIMESTAMP('11.05.2018', 'dd.MM.yyyy', 'Europe/Berlin')", datetime.datetime(2018, 5, 10, 22)),
    ("STRINGTOTIMESTAMP('2018-05-11T21:58:33Z', 'yyyy-MM-dd''T''HH:mm:ssX')", 1526075913000),
    ("STRINGTOTIMESTAMP('2018-05-11T21:58:33+02:00', 'yyyy-MM-dd''T''HH:mm:ssXXX')", 1526068713000),
    ("TIMESTAMPTOSTRING(1526075913500, 'yyyyMMddHHmmssSSS')", "20180511215833500"),
    ("FORMAT_DATE(DAY, 'dd-MMM-yyyy')", "11-May-2018"),
    ("PARSE_DATE('11/05/18', 'dd/MM/yy')", MOMENT.date()),
    ("FORMAT_TIME(CLOCK, 'HH_mm''h''')", "21_58h"),
    ("PARSE_TIME('21:58', 'HH:mm')", datetime.time(21, 58)),
    ("DATETOSTRING(17662, 'yyyy-MM-dd')", "2018-05-11"),
    ("STRINGTODATE('2018-05-11', 'yyyy-MM-dd')", 17662),
    ("UNIX_TIMESTAMP(TS)", 1526075913500),
    ("UNIX_TIMESTAMP() > 1526075913500", True),
    ("UNIX_DATE(DAY)", 17662),
    ("FROM_UNIXTIME(1526075913500)", MOMENT),
    ("FROM_DAYS(17662)", MOMENT.date()),
    ("CONVERT_TZ(TS, '+0200', '+0500')", MOMENT + datetime.timedelta(hours=3)),
    ("TIMESTAMPADD(HOURS, 3, TS)", MOMENT + datetime.timedelta(hours=3)),
    ("TIMESTAMPSUB(MONTHS, 3, TS)", MOMENT.replace(month=2)),
    ("DATEADD(DAYS, 21, DAY)", datetime.date(2018, 6, 1)),
    ("DATESUB(YEARS, 1, DAY)", datetime.date(2017, 5, 11)),
    ("TIMEADD(HOURS, 3, CLOCK)", datetime.time(0, 58, 33, 500000)),
    ("TIMESUB(DAYS, 1, CLOCK)", MOMENT.time()),
]


@pytest.mark.parametrize(("text", "expected"), [*TEXT, *NUMBERS, *COLLECTIONS, *JSON, *TIMES])
def test_calls(text: str, expected: Any) -> None:
    (got,) = evaluate(text, COLUMNS, [ROW])
    assert got == (pytest.approx(expected, nan_ok=True) if isinstance(expected, float) else expected)


@pytest.mark.parametrize(
    "text",
    [
        "PARSE_DATE(T, 'yyyy-MM-dd')",
        "STRINGTOTIMESTAMP(T, 'yyyy')",
        "FORMAT_TIMESTAMP(TS, T)",
        "CONVERT_TZ(TS, T, 'UTC')",
        "URL_EXTRACT_HOST(T)",
        "TO_BYTES(T, 'hex')",
        "REGEXP_EXTRACT('(', T)",
        "GEO_DISTANCE(D, D, 900 + D, D)",
        "INT_FROM_BYTES(SUBSTRING(BYT, 1, 3))",
    ],
)
def test_a_call_that_fails_spoils_its_row_only(text: str) -> None:
    assert evaluate(text, COLUMNS, [ROW, [None] * len(ROW)]) == ["FAILS", None]


_SAMPLES = {
    "STRING": "T", "INTEGER": "I", "BIGINT": "CAST(I AS BIGINT)", "DOUBLE": "D", "DECIMAL": "DEC", "BYTES": "BYT",
    "BOOLEAN": "I = 1", "TIMESTAMP": "TS", "DATE": "DAY", "TIME": "CLOCK", "INTERVALUNIT": "DAYS", "ANY": "I",
    "ARRAY<STRING>": "SPLIT(T, ' ')", "ARRAY<BOOLEAN>": "ARRAY[I = 1]", "ARRAY<BIGINT>": "ARRAY[CAST(I AS BIGINT)]",
    "ARRAY<DOUBLE>": "ARRAY[D]",
}  # fmt: skip


def _argument(text: str) -> str:
    if text in _SAMPLES:
        return _SAMPLES[text]
    return "A" if text.startswith("ARRAY") else "M" if text.startswith("MAP") else "I"


@pytest.mark.parametrize("name", sorted(n for n, f in REGISTRY.functions.items() if isinstance(f, ScalarFunction)))
def test_every_overload_takes_a_row_of_nulls(name: str) -> None:
    """No overload raises, or gives another type than it says, where every column is NULL."""
    function = REGISTRY.find(name)
    assert isinstance(function, ScalarFunction)
    assert function.description
    assert function.examples
    for overload in function.overloads:
        if any(isinstance(p, LambdaParam) for p in overload.params):
            continue
        call = f"{name}({', '.join(_argument(param_text(p)) for p in overload.params)})"
        (got,) = evaluate(call, COLUMNS, [[None] * len(ROW)])
        assert got != "FAILS", call


def test_names_are_told_once() -> None:
    names = [f.name for f in REGISTRY.functions.values()]
    assert len(names) == len(set(names))
    assert all(name == key for key, name in zip(REGISTRY.functions, names, strict=True))
