"""Aggregates: final values row by row, the same for every cut into batches, and undone where they can be."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pytest

from mergus.engine.errors import TypeMismatch

from .evaluating import REGISTRY, Folding, evaluate

COLUMNS = {"X": "INTEGER", "Y": "STRING", "B": "BIGINT", "D": "DOUBLE", "DEC": "DECIMAL(4, 1)", "A": "ARRAY<INTEGER>"}
ROWS: list[list[Any]] = [
    [5, "a", 2**63 - 1, 1.5, Decimal("5.4"), [1]],
    [None, "b", 1, None, None, None],
    [7, None, None, -2.5, Decimal("100.1"), [1]],
    [5, "a", 3, 0.0, Decimal("-0.5"), []],
    [2**31 - 1, "c", -9, 4.0, Decimal("1.0"), [None]],
    [3, "b", 0, None, Decimal("0.0"), [2, 1]],
]
CASES: list[tuple[str, str, Any]] = [
    ("COUNT(*)", "BIGINT", 6),
    ("COUNT(X)", "BIGINT", 5),
    ("SUM(X)", "INTEGER", -(2**31) + 19),
    ("SUM(B)", "BIGINT", 2**63 - 6),
    ("SUM(D)", "DOUBLE", 3.0),
    ("SUM(DEC)", "DECIMAL(4, 1)", Decimal("106.0")),
    ("AVG(D)", "DOUBLE", 0.75),
    ("AVG(B)", "DOUBLE", (2**63 - 5) / 5),
    ("MIN(X)", "INTEGER", 3),
    ("MAX(Y)", "STRING", "c"),
    ("MIN(DEC)", "DECIMAL(4, 1)", Decimal("-0.5")),
    ("COUNT_DISTINCT(Y)", "BIGINT", 3),
    ("COLLECT_LIST(X)", "ARRAY<INTEGER>", [5, None, 7, 5, 2**31 - 1, 3]),
    ("COLLECT_LIST(A)", "ARRAY<ARRAY<INTEGER>>", [[1], None, [1], [], [None], [2, 1]]),
    ("COLLECT_SET(Y)", "ARRAY<STRING>", ["a", "b", None, "c"]),
    ("TOPK(X, 3)", "ARRAY<INTEGER>", [2**31 - 1, 7, 5]),
    ("TOPKDISTINCT(Y, 2)", "ARRAY<STRING>", ["c", "b"]),
    ("EARLIEST_BY_OFFSET(X)", "INTEGER", 5),
    ("LATEST_BY_OFFSET(D)", "DOUBLE", 4.0),
    ("LATEST_BY_OFFSET(D, false)", "DOUBLE", None),
    ("LATEST_BY_OFFSET(X, 2)", "ARRAY<INTEGER>", [2**31 - 1, 3]),
    ("EARLIEST_BY_OFFSET(X, 2)", "ARRAY<INTEGER>", [5, 7]),
    ("EARLIEST_BY_OFFSET(X, 2, false)", "ARRAY<INTEGER>", [5, None]),
    ("LATEST_BY_OFFSET(A)", "ARRAY<INTEGER>", [2, 1]),
    ("HISTOGRAM(Y)", "MAP<STRING, BIGINT>", {"a": 2, "b": 2, "c": 1}),
    ("STDDEV_SAMPLE(D)", "DOUBLE", math.sqrt((0.75**2 + 3.25**2 + 0.75**2 + 3.25**2) / 3)),
    ("STDDEV_SAMP(D)", "DOUBLE", (0.75**2 + 3.25**2 + 0.75**2 + 3.25**2) / 3),
    ("CORRELATION(D, D * 2)", "DOUBLE", 1.0),
    ("APPROX_COUNT_DISTINCT(Y)", "BIGINT", 3),
    ("APPROX_PERCENTILE(D, 0.2)", "DOUBLE", -2.48427367383269),
    ("APPROX_PERCENTILE(X, ARRAY[0, 0.25])", "ARRAY<DOUBLE>", [2.974233423476701, 5.002829575110705]),
    ("MEDIAN(X)", "DOUBLE", 5.0),
    ("PERCENTILE(D, 0.5)", "DOUBLE", 0.75),
    ("PERCENTILE(X, ARRAY[0, 0.5, 1])", "ARRAY<DOUBLE>", [3.0, 5.0, 2.0**31 - 1]),
    (
        "TOPKCOUNT(X, 2)",
        "ARRAY<STRUCT<VALUE INTEGER, COUNT BIGINT>>",
        [{"VALUE": 5, "COUNT": 2}, {"VALUE": 3, "COUNT": 1}],
    ),
]


@pytest.mark.parametrize(("text", "type_text", "expected"), CASES)
def test_every_cut_gives_the_same(text: str, type_text: str, expected: Any) -> None:
    for size in (1, 4, len(ROWS)):
        folding = Folding(text, COLUMNS)
        assert str(folding.spec.type) == type_text
        for at in range(0, len(ROWS), size):
            folding.add(ROWS[at : at + size])
        got = folding.result()
        assert got == (pytest.approx(expected, rel=1e-9) if isinstance(expected, float) else expected)


def test_topk_with_further_columns_keeps_rows() -> None:
    folding = Folding("TOPK(X, Y, 2)", COLUMNS)
    for row in [[5, "a", 0, 0, 0, []], [None, "n", 0, 0, 0, []], [9, None, 0, 0, 0, []], [5, "z", 0, 0, 0, []]]:
        folding.add([row])
    assert str(folding.spec.type) == "ARRAY<STRUCT<`sort_col` INTEGER, `col0` STRING>>"
    assert folding.result() == [{"sort_col": 9, "col0": None}, {"sort_col": 5, "col0": "a"}]


@pytest.mark.parametrize(
    "text", ["SUM(X)", "AVG(D)", "MIN(X)", "COUNT(X)", "COLLECT_LIST(X)", "LATEST_BY_OFFSET(X, 2)"]
)
def test_nulls_only(text: str) -> None:
    expected = {"S": 0, "A": 0.0, "M": None, "C": 0, "L": []}[text[0]] if text != "COLLECT_LIST(X)" else [None]
    folding = Folding(text, COLUMNS)
    folding.add([[None] * len(COLUMNS)])
    assert folding.result() == expected


@pytest.mark.parametrize("text", [t for t, _, _ in CASES if Folding(t, COLUMNS).spec.undo])
def test_what_was_added_can_be_taken_back(text: str) -> None:
    expected = Folding(text, COLUMNS)
    expected.add([row for i, row in enumerate(ROWS) if i not in (3, 5)])
    folding = Folding(text, COLUMNS)
    folding.add(ROWS)
    folding.undo([ROWS[3]])
    folding.undo([ROWS[5]])
    wanted = expected.result()
    assert folding.result() == (pytest.approx(wanted, rel=1e-9) if isinstance(wanted, float) else wanted)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("SUM(Y)", "does not take (STRING)"),
        ("TOPK(X, X)", "constant"),
        ("TOPK(X, 0)", "above 0"),
        ("MIN(A)", "does not take"),
        ("MIN(NULL)", "MIN(CAST(NULL AS …))"),
        ("SUM_LIST(NULL)", "which type"),
    ],
)
def test_what_is_refused(text: str, words: str) -> None:
    with pytest.raises(TypeMismatch) as raised:
        Folding(text, COLUMNS)
    assert words in str(raised.value)


def test_an_aggregate_outside_its_place_is_named() -> None:
    assert REGISTRY.find("count") is REGISTRY.find("COUNT")
    with pytest.raises(Exception, match="COUNT is an aggregate"):
        evaluate("COUNT(X) + 1", COLUMNS, ROWS)


def test_sketches_keep_their_bounds_and_their_size() -> None:
    """Of 100,000 values, in batches, and over a range of sizes with negative ones."""
    counted, median, ninth = (
        Folding(f, {"X": "BIGINT"})
        for f in ("APPROX_COUNT_DISTINCT(X)", "APPROX_PERCENTILE(X, 0.5)", "APPROX_PERCENTILE(X, 0.9)")
    )
    rows = [[i * 7919 % 100_000 - 20_000] for i in range(100_000)]
    for at in range(0, len(rows), 25_000):
        for folding in (counted, median, ninth):
            folding.add(rows[at : at + 25_000])
    assert counted.result() == pytest.approx(100_000, rel=0.07)
    assert median.result() == pytest.approx(30_000, rel=0.011)
    assert ninth.result() == pytest.approx(70_000, rel=0.011)


@pytest.mark.parametrize("values", [[0.0], [float("inf"), 1.0], [5e-324], [-1e308], [float("nan")], [None]])
def test_a_percentile_of_odd_numbers(values: list[Any]) -> None:
    folding = Folding("APPROX_PERCENTILE(D, 1)", {"D": "DOUBLE"})
    folding.add([[v] for v in values])
    numbers = [v for v in values if v is not None and not math.isnan(v)]
    expected = max(numbers, default=None)
    assert folding.result() == (expected if expected is None else pytest.approx(expected, rel=0.011, abs=1e-323))


@pytest.mark.parametrize("name", ["APPROX_PERCENTILE", "PERCENTILE"])
def test_a_share_is_from_0_to_1(name: str) -> None:
    for given, words in (("95", "from 0 to 1, not 95"), ("ARRAY[0.5, -1]", "not -1"), ("ARRAY[X, 0.5]", "constant")):
        with pytest.raises(TypeMismatch, match=words):
            Folding(f"{name}(X, {given})", COLUMNS)


@pytest.mark.parametrize("size", [100, 700, 2_000])
def test_the_most_frequent_of_too_many_are_not_told(size: int) -> None:
    """From the 1,001st value on, in whatever order they come."""
    rows = [[i % 1_001] for i in range(2_001)]
    for given in (rows, rows[::-1]):
        folding = Folding("TOPKCOUNT(X, 2)", {"X": "INTEGER"})
        for at in range(0, len(rows), size):
            folding.add(given[at : at + size])
        assert folding.result() is None
    folding = Folding("TOPKCOUNT(X, 2)", {"X": "INTEGER"})
    folding.add([row for row in rows if row != [7]])
    assert folding.result() == [{"VALUE": 0, "COUNT": 2}, {"VALUE": 1, "COUNT": 2}]
