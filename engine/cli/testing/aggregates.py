"""Aggregates that only test cases call: parameters that repeat, at the end, in the middle and among the constants."""

from __future__ import annotations

from typing import Any

from ...sql.udf.declare import UserFunction, udaf


def _size(number: int | None, texts: tuple[str | None, ...]) -> int:
    return (number or 0) + sum(len(t or "") for t in texts)


class _Sizes:
    """The sum of a number and of the lengths of texts."""

    start = 0

    def initialize(self) -> int:
        """Where the sum starts."""
        return self.start

    def merge(self, earlier: int, later: int) -> int:
        """Both, with one start."""
        return earlier + later - self.start

    def map(self, state: int) -> int:
        """The sum."""
        return state


class _VarArg(_Sizes):
    def aggregate(self, number: int | None, *texts: str | None, state: int) -> int:
        return state + _size(number, texts)


class _MiddleVarArg(_VarArg):
    def __init__(self, first: int, second: int) -> None:
        self.start = first + second


class _MultiArg(_Sizes):
    def __init__(self, first: int, *texts: str) -> None:
        self.start = first + _size(0, texts)

    def aggregate(self, number: int | None, text: str | None, state: int) -> int:
        return state + _size(number, (text,))


class _FiveArg(_Sizes):
    def __init__(self, first: int, *texts: str) -> None:
        self.start = first + _size(0, texts)

    def aggregate(
        self, number: int | None, one: str | None, two: str | None, three: str | None, more: int | None, state: int
    ) -> int:
        return state + _size(number, (one, two, three)) + (more or 0)


class _Collected:
    """The first arguments of the rows without a NULL."""

    def initialize(self) -> list[Any]:
        """Nothing yet."""
        return []

    def aggregate(self, first: Any, *rest: Any, state: list[Any]) -> list[Any]:
        """One more."""
        return [*state, first]

    def merge(self, earlier: list[Any], later: list[Any]) -> list[Any]:
        """Both in order."""
        return [*earlier, *later]

    def map(self, state: list[Any]) -> list[Any]:
        """All of them."""
        return state


class _Sum:
    """A sum that can be taken back."""

    def initialize(self) -> int:
        """Zero."""
        return 0

    def aggregate(self, value: int, state: int) -> int:
        """One more."""
        return state + value

    def undo(self, value: int, state: int) -> int:
        """One less."""
        return state - value

    def merge(self, earlier: int, later: int) -> int:
        """Both."""
        return earlier + later

    def map(self, state: int) -> int:
        """The sum."""
        return state


class _SumOfFields:
    """A sum for each field."""

    def initialize(self) -> dict[str, int]:
        """Zeros."""
        return {"A": 0, "B": 0}

    def aggregate(self, row: dict[str, int], state: dict[str, int]) -> dict[str, int]:
        """One more."""
        return {field: state[field] + row[field] for field in state}

    def merge(self, earlier: dict[str, int], later: dict[str, int]) -> dict[str, int]:
        """Both."""
        return {field: earlier[field] + later[field] for field in earlier}

    def map(self, state: dict[str, int]) -> dict[str, int]:
        """The sums."""
        return state


_ROW = "STRUCT<A INTEGER, B INTEGER>"
_LIST = "ARRAY<A>"

TEST_UDAF: tuple[UserFunction, ...] = (
    udaf(_Sum, name="TEST_UDAF", params=["BIGINT"]),
    udaf(_SumOfFields, name="TEST_UDAF", params=[_ROW], state=_ROW, returns=_ROW),
)
AGGREGATES: tuple[UserFunction, ...] = (
    udaf(_VarArg, name="VAR_ARG"),
    udaf(_MiddleVarArg, name="MID_VAR_ARG"),
    udaf(_MultiArg, name="MULTI_ARG"),
    udaf(_FiveArg, name="FIVE_ARG"),
    udaf(_Collected, name="GENERIC_VAR_ARG", params=["A", "B", "C…"], state=_LIST, returns=_LIST),
    udaf(_Collected, name="OBJ_COL_ARG", params=["INTEGER", "ANY…"], state="ARRAY<INTEGER>", returns="ARRAY<INTEGER>"),
)
