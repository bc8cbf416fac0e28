"""Operators, CASE, CAST, constructors and lambdas: SQL text and rows against the values that ksqlDB documents."""

from __future__ import annotations

import datetime
import math
from decimal import Decimal
from typing import Any

import pytest

from mergus.engine.errors import AnalysisError, TypeMismatch, UnknownName, UserError

from .evaluating import analyzed, evaluate

INT_MAX, LONG_MAX = 2**31 - 1, 2**63 - 1
COLUMNS = {
    "I": "INTEGER",
    "B": "BIGINT",
    "D": "DOUBLE",
    "DEC": "DECIMAL(4, 2)",
    "T": "STRING",
    "FLAG": "BOOLEAN",
    "A": "ARRAY<INTEGER>",
    "M": "MAP<STRING, INTEGER>",
    "R": "STRUCT<X INTEGER, Y STRING>",
    "TS": "TIMESTAMP",
    "DAY": "DATE",
}
FULL = [
    INT_MAX,
    LONG_MAX,
    1.5,
    Decimal("10.10"),
    "12",
    True,
    [1, 2, 3],
    {"a": 1},
    {"X": 1, "Y": "y"},
    datetime.datetime(2020, 1, 2, 3, 4, 5, 678000),
    datetime.date(2020, 1, 2),
]
EMPTY: list[Any] = [None] * len(FULL)
NAN = float("nan")


@pytest.mark.parametrize(
    ("text", "type_text", "full", "empty"),
    [
        ("I + 1", "INTEGER", -(2**31), None),
        ("I * I", "INTEGER", 1, None),
        ("-I - 2", "INTEGER", INT_MAX, None),
        ("B + 1", "BIGINT", -(2**63), None),
        ("B * B", "BIGINT", 1, None),
        ("I / 2", "INTEGER", 1073741823, None),
        ("-7 / 2 + 0 * I", "INTEGER", -3, None),
        ("-7 % 3", "INTEGER", -1, -1),
        ("I + B", "BIGINT", -(2**63) + INT_MAX - 1, None),
        ("I / 0", "INTEGER", "FAILS", None),
        ("B % 0", "BIGINT", "FAILS", None),
        ("1 / 0", "INTEGER", None, None),
        ("D / 0", "DOUBLE", math.inf, None),
        ("D + 1", "DOUBLE", 2.5, None),
        ("DEC + DEC", "DECIMAL(5, 2)", Decimal("20.20"), None),
        ("DEC * DEC", "DECIMAL(9, 4)", Decimal("102.0100"), None),
        ("DEC / 3", "DECIMAL(15, 13)", Decimal("3.3666666666667"), None),
        ("DEC / 0", "DECIMAL(15, 13)", "FAILS", None),
        ("DEC % 3", "DECIMAL(4, 2)", Decimal("1.10"), None),
        ("DEC + D", "DOUBLE", 11.6, None),
        ("DEC + 1", "DECIMAL(13, 2)", Decimal("11.10"), None),
        ("12 * 4 + 2", "INTEGER", 50, 50),
        ("T + 'x'", "STRING", "12x", None),
    ],
)
def test_arithmetic(text: str, type_text: str, full: Any, empty: Any) -> None:
    assert str(analyzed(text, COLUMNS).type) == type_text
    got = evaluate(text, COLUMNS, [FULL, EMPTY])
    assert got == [pytest.approx(full) if isinstance(full, float) else full, empty]


@pytest.mark.parametrize(
    ("text", "full", "empty"),
    [
        ("I = 2147483647", True, False),
        ("I <> 1", True, False),
        ("NOT (I = 1)", True, True),
        ("I IS NULL", False, True),
        ("I IS NOT NULL", True, False),
        ("I IS DISTINCT FROM 1", True, True),
        ("I IS NOT DISTINCT FROM B", False, True),
        ("D >= 1.5", True, False),
        ("D = 1.50", True, False),
        ("I < B", True, False),
        ("T < '2'", True, False),
        ("I IN (1, 2147483647)", True, False),
        ("I IN (1, '2147483647')", True, False),
        ("I NOT IN (1, 2)", True, True),
        ("I BETWEEN 1 AND 2", False, False),
        ("T LIKE '1_'", True, False),
        ("T LIKE '1!_' ESCAPE '!'", False, False),
        ("FLAG AND D > 1", True, False),
        ("FLAG OR D > 1", True, None),
        ("A = ARRAY[1, 2, 3]", True, False),
        ("M = MAP('a' := 1)", True, False),
        ("R = STRUCT(X := 1, Y := 'y')", True, False),
        ("TS > '2020-01-02'", True, False),
        ("TS = '2020-01-02T03:04:05.678Z'", True, False),
        ("DAY < TS", True, False),
        ("DAY = '2020-01-02'", True, False),
        ("ROWTIME < '1970-01-01T00:00:00.001'", True, False),
        ("ROWTIME BETWEEN '1970-01-01' AND '1970-01-02'", True, True),
    ],
)
def test_predicates_are_false_where_an_operand_is_null(text: str, full: Any, empty: Any) -> None:
    assert evaluate(text, COLUMNS, [FULL, EMPTY]) == [full, empty]


@pytest.mark.parametrize("text", ["D = D", "D > 0", "D >= D", "D < 1E300", "D <> D"])
def test_nothing_compares_with_nan(text: str) -> None:
    assert evaluate(text, {"D": "DOUBLE"}, [[NAN]]) == [False]


def test_maps_are_equal_whatever_the_order_of_their_entries() -> None:
    columns = {"M": "MAP<STRING, INTEGER>", "N": "MAP<STRING, INTEGER>"}
    assert evaluate("M = N", columns, [[{"a": 1, "b": 2}, {"b": 2, "a": 1}]]) == [True]


@pytest.mark.parametrize(
    ("text", "full", "empty"),
    [
        ("CASE WHEN D > 2 THEN 'big' WHEN D > 1 THEN 'mid' ELSE 'small' END", "mid", "small"),
        ("CASE WHEN D > 2 THEN 1 END", None, None),
        ("CASE WHEN D > 1 THEN 1 ELSE 2.5 END", Decimal("1.0"), Decimal("2.5")),
        ("CASE T WHEN '12' THEN B ELSE 0 END", LONG_MAX, 0),
        ("A[1]", 1, None),
        ("A[-1]", 3, None),
        ("A[0]", None, None),
        ("A[9]", None, None),
        ("M['a']", 1, None),
        ("M['z']", None, None),
        ("R->Y", "y", None),
        ("ARRAY[I, NULL, 1]", [INT_MAX, None, 1], [None, None, 1]),
        ("ARRAY[1, 2.5]", [Decimal("1.0"), Decimal("2.5")], [Decimal("1.0"), Decimal("2.5")]),
        ("ARRAY[1, CAST(T + 'x' AS INTEGER)]", [1, None], [1, None]),
        ("MAP('k' := D)", {"k": 1.5}, {"k": None}),
        ("STRUCT(`a` := T, B := 1)", {"a": "12", "B": 1}, {"a": None, "B": 1}),
        ("IFNULL(CAST(T + 'x' AS INTEGER), -1)", -1, -1),
    ],
)
def test_case_access_and_constructors(text: str, full: Any, empty: Any) -> None:
    assert evaluate(text, COLUMNS, [FULL, EMPTY]) == [full, empty]


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("CAST(D AS INTEGER)", 1),
        ("CAST(-1.99E0 AS BIGINT)", -1),
        ("CAST(D * 1E300 AS INTEGER)", INT_MAX),
        ("CAST(D * -1E300 AS BIGINT)", -(2**63)),
        ("CAST(B AS INTEGER)", -1),
        ("CAST(DEC AS INTEGER)", 10),
        ("CAST(DEC AS STRING)", "10.10"),
        ("CAST(D AS DECIMAL(3, 1))", Decimal("1.5")),
        ("CAST(B AS DECIMAL(3, 1))", "FAILS"),
        ("CAST(' ' + T + ' ' AS INTEGER)", 12),
        ("CAST(T + '.0' AS INTEGER)", "FAILS"),
        ("CAST('0x' + T AS INTEGER)", "FAILS"),
        ("CAST(T + '.5e1' AS DOUBLE)", 125.0),
        ("CAST(T AS DECIMAL(4, 1))", Decimal("12.0")),
        ("CAST('5.7' AS INTEGER)", None),
        ("CAST('Yes' AS BOOLEAN)", True),
        ("CAST(D * 1E10 AS STRING)", "1.5E10"),
        ("CAST(D / 1E5 AS STRING)", "1.5E-5"),
        ("CAST(D AS STRING)", "1.5"),
        ("CAST(D / 0 AS STRING)", "Infinity"),
        ("CAST(FLAG AS STRING)", "true"),
        ("CAST(A AS STRING)", "[1, 2, 3]"),
        ("CAST(M AS STRING)", "{a=1}"),
        ("CAST(R AS STRING)", "Struct{X=1,Y=y}"),
        ("CAST(A AS ARRAY<STRING>)", ["1", "2", "3"]),
        ("CAST(M AS MAP<STRING, DOUBLE>)", {"a": 1.0}),
        ("CAST(R AS STRUCT<Y STRING, Z INTEGER>)", {"Y": "y", "Z": None}),
        ("CAST(TS AS STRING)", "2020-01-02T03:04:05.678"),
        ("CAST(TS AS DATE)", datetime.date(2020, 1, 2)),
        ("CAST(DAY AS TIMESTAMP)", datetime.datetime(2020, 1, 2)),
        ("CAST(DAY AS STRING)", "2020-01-02"),
        ("CAST('2022-04-28T21:44:47.943Z' AS TIMESTAMP)", datetime.datetime(2022, 4, 28, 21, 44, 47, 943000)),
    ],
)
def test_casts(text: str, full: Any) -> None:
    assert evaluate(text, COLUMNS, [FULL]) == [full]


def test_casts_of_null_are_null() -> None:
    for target in ("BOOLEAN", "INTEGER", "BIGINT", "DOUBLE", "DECIMAL(4, 2)", "STRING", "TIMESTAMP"):
        assert evaluate(f"CAST(T AS {target})", COLUMNS, [EMPTY]) == [None]
    for column in ("I", "D", "DEC", "A", "M", "R", "TS", "DAY", "FLAG"):
        assert evaluate(f"CAST({column} AS STRING)", COLUMNS, [EMPTY]) == [None]
    assert evaluate("CAST(D AS INTEGER)", COLUMNS, [EMPTY]) == [None]


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("TRANSFORM(A, x => x * 2)", [2, 4, 6]),
        ("TRANSFORM(A, x => TRANSFORM(A, y => x + y))", [[2, 3, 4], [3, 4, 5], [4, 5, 6]]),
        ("TRANSFORM(A, x => x + I)", [-(2**31), -(2**31) + 1, -(2**31) + 2]),
        ("TRANSFORM(A, x => x + NULLIF(x, 2))", "FAILS"),
        ("FILTER(A, x => x > 1)", [2, 3]),
        ("REDUCE(A, 10, (s, x) => s + x)", 16),
        ("REDUCE(A, '', (s, x) => CONCAT(s, CAST(x AS STRING)))", "123"),
        ("TRANSFORM(M, (k, v) => UCASE(k), (k, v) => v + LEN(k))", {"A": 2}),
        ("FILTER(M, (k, v) => k = 'b')", {}),
        ("REDUCE(M, 5, (s, k, v) => s + v)", 6),
        ("FILTER(A, x => x > 1 AND 6 / (x - 1) > 3)", [2]),
    ],
)
def test_lambdas(text: str, full: Any) -> None:
    assert evaluate(text, COLUMNS, [FULL]) == [full]


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("FOO + 1", UnknownName, "column FOO does not exist"),
        ("DDEC", UnknownName, "did you mean DEC?"),
        ("S.FOO", UnknownName, "FOO"),
        ("X.I", UnknownName, "source X"),
        ("R->Z", AnalysisError, "field Z does not exist"),
        ("I->Z", TypeMismatch, "-> takes a STRUCT"),
        ("NOSUCH(I)", UnknownName, "function NOSUCH"),
        ("UCAS(T)", UnknownName, "did you mean UCASE?"),
        ("UCASE(I)", TypeMismatch, "does not take (INTEGER)"),
        ("I >= 'x'", TypeMismatch, "INTEGER >= STRING"),
        ("I = NULL", TypeMismatch, "IS NULL"),
        ("A < A", TypeMismatch, "= and <> only"),
        ("T + 1", TypeMismatch, "CONCAT"),
        ("NOT I", TypeMismatch, "NOT takes BOOLEAN"),
        ("I AND FLAG", TypeMismatch, "AND takes BOOLEAN"),
        ("CASE WHEN I THEN 1 END", TypeMismatch, "WHEN takes a BOOLEAN"),
        ("CASE WHEN FLAG THEN 1 ELSE 'x' END", TypeMismatch, "not a valid INTEGER"),
        ("CASE WHEN FLAG THEN NULL END", TypeMismatch, "NULL"),
        ("CAST(T AS ARRAY<INTEGER>)", TypeMismatch, "not supported"),
        ("ARRAY[]", TypeMismatch, "no elements"),
        ("ARRAY[1, 'x']", TypeMismatch, "not a valid INTEGER"),
        ("MAP('a' := NULL)", TypeMismatch, "NULL"),
        ("T LIKE 1", TypeMismatch, "LIKE takes STRING"),
        ("R[1]", TypeMismatch, "use ->"),
        ("A['x']", TypeMismatch, "INTEGER"),
        ("SUM(I)", AnalysisError, "aggregate"),
        ("EXPLODE(A)", AnalysisError, "table function"),
        ("TS > 'yesterday'", TypeMismatch, "not a valid TIMESTAMP"),
        ("ROWTIME > 'yesterday'", TypeMismatch, "not a time"),
        ("9223372036854775808", UserError, "9223372036854775808"),
        ("COALESCE()", TypeMismatch, "does not take ()"),
    ],
)
def test_what_is_refused_says_why(text: str, error: type[UserError], words: str) -> None:
    with pytest.raises(error) as raised:
        analyzed(text, COLUMNS)
    assert words in str(raised.value)
    assert raised.value.span is not None


def test_an_error_points_at_its_place() -> None:
    text = "I + FOO * 2"
    with pytest.raises(UnknownName) as raised:
        analyzed(text, COLUMNS)
    assert str(raised.value.at(text)).splitlines()[1:3] == ["line 1:5: I + FOO * 2", "              ^^^"]
