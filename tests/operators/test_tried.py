"""The helper for unit tests of users' functions: what it gives is what a query would."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import pytest

import mergus
from mergus.engine.errors import UserError
from mergus.testing import Failed, aggregate, call


def test_a_function_is_called_as_in_a_query():
    @mergus.udf
    def initials(name: str) -> str:
        return "".join(word[0] for word in name.split())

    @mergus.udf(params=["DECIMAL(6, 2)", "TIMESTAMP"], returns="STRUCT<price DECIMAL(7, 2), day STRING>")
    def dated(price: Decimal, at: datetime.datetime) -> dict[str, Any]:
        return {"PRICE": price * 2, "DAY": at.date().isoformat()}

    @mergus.udf
    def number(text: str) -> int:
        return int(text)

    assert call(initials, ["Grace Brewster Hopper", None, ""]) == ["GBH", None, ""]
    assert call(initials, []) == []
    row = (Decimal("2.5"), datetime.datetime(2026, 1, 2, 3))
    assert call(dated, [row]) == [{"PRICE": Decimal("5.00"), "DAY": "2026-01-02"}]
    found = call(number, ["7", "x", "9"])
    assert found == [7, Failed("ValueError: invalid literal for int() with base 10: 'x'"), 9]


def test_table_functions_vectorised_ones_and_types_of_the_arguments():
    @mergus.udtf
    def words(text: str) -> list[str]:
        return text.split()

    @mergus.udf(params=["T"], returns="ARRAY<T>")
    def twice(value: Any) -> list[Any]:
        return [value, value]

    @mergus.udf(vectorized=True, params=["BIGINT"], returns="BIGINT")
    def wrong(column: Any) -> Any:
        return column[:1]

    assert call(words, ["a b", "", None]) == [["a", "b"], [], None]
    assert call(twice, [1, 2], types=["INT"]) == [[1, 1], [2, 2]]
    with pytest.raises(UserError, match="takes several types"):
        call(twice, [1])
    with pytest.raises(UserError, match="takes 1 arguments, a row has 2"):
        call(words, [("a", "b")])
    assert call(wrong, [1]) == [1]
    assert all("must give an Arrow array of" in row.reason for row in call(wrong, [1, 2]) if isinstance(row, Failed))


class _Spread:
    """Greatest less least."""

    def initialize(self) -> list[int]:
        return []

    def aggregate(self, value: int, state: list[int]) -> list[int]:
        return [*state, value]

    def merge(self, earlier: list[int], later: list[int]) -> list[int]:
        return earlier + later

    def map(self, state: list[int]) -> int:
        return max(state) - min(state) if state else 0

    def undo(self, value: int, state: list[int]) -> list[int]:
        left = list(state)
        left.remove(value)
        return left


def test_an_aggregate_is_tried_in_parts_and_with_rows_taken_back():
    class Forgets(_Spread):
        def merge(self, earlier: list[int], later: list[int]) -> list[int]:
            return earlier

    class Keeps(_Spread):
        def undo(self, value: int, state: list[int]) -> list[int]:
            return state

    rows = [3, None, 9, 4]
    assert aggregate(mergus.udaf(_Spread), rows) == 6
    assert aggregate(mergus.udaf(_Spread), []) == 0
    with pytest.raises(AssertionError, match="merge: the first 1 rows and the others give 0, all together 6"):
        aggregate(mergus.udaf(Forgets), rows)
    with pytest.raises(AssertionError, match="undo: without row 0 it gives 6, of the other rows alone 5"):
        aggregate(mergus.udaf(Keeps), rows)
    with pytest.raises(UserError, match=r"mergus\.testing\.aggregate"):
        call(mergus.udaf(_Spread), [1])
