"""Functions that wait (async def): many rows at a time, each asked once, none for longer than its time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest

import mergus
from mergus.engine.errors import UserError
from mergus.engine.sql.udf.load import function_from_source
from mergus.testing import Failed, call


class Asked:
    """Who was asked, and how many at once."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.now = self.most = 0

    async def answer(self, who: str) -> str:
        self.counts[who] += 1
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0.002)
        self.now -= 1
        if who == "bad":
            raise LookupError("nobody of that name")
        if who == "slow":
            await asyncio.sleep(60)
        return who.upper()


def test_rows_are_asked_side_by_side_and_equal_ones_once():
    asked = Asked()

    @mergus.udf(concurrency=7)
    async def looked_up(who: str) -> str:
        return await asked.answer(who)

    rows = [f"w{n % 50}" for n in range(200)]
    assert call(looked_up, [*rows, None]) == [*(row.upper() for row in rows), None]
    assert asked.most == 7
    assert set(asked.counts.values()) == {1}


def test_a_row_that_fails_or_takes_too_long_costs_itself_and_nobody_is_asked_again():
    asked = Asked()

    @mergus.udf(timeout_s=0.05)
    async def looked_up(who: str) -> str:
        return await asked.answer(who)

    found = call(looked_up, ["a", "bad", "b", "slow", "c"])
    assert found == [
        "A",
        Failed("LookupError: nobody of that name"),
        "B",
        Failed("TimeoutError: no answer within 0.05 s"),
        "C",
    ]
    assert set(asked.counts.values()) == {1}


@pytest.mark.parametrize("end", [SystemExit, KeyboardInterrupt, asyncio.CancelledError])
def test_a_row_that_would_end_the_interpreter_costs_itself(end: type[BaseException]):
    @mergus.udf
    async def ends(who: str) -> str:
        if who == "b":
            raise end
        return who

    assert call(ends, ["a", "b", "c"]) == ["a", Failed(f"RuntimeError: the function raised {end.__name__}"), "c"]
    assert call(ends, ["d"]) == ["d"]


def test_calls_that_are_not_equal_are_kept_apart():
    asked = Asked()

    @mergus.udf(deterministic=False)
    async def looked_up(who: str) -> str:
        return await asked.answer(who)

    assert call(looked_up, ["a", "a"]) == ["A", "A"]
    assert asked.counts["a"] == 2


def test_table_functions_wait_too():
    @mergus.udtf
    async def letters(text: str) -> AsyncIterator[str]:
        for letter in text:
            await asyncio.sleep(0)
            yield letter

    @mergus.udtf
    async def words(text: str) -> list[str]:
        await asyncio.sleep(0)
        return text.split()

    assert call(letters, ["abc", ""]) == [["a", "b", "c"], []]
    assert call(words, ["a b"]) == [["a", "b"]]


def test_what_does_not_fit_is_refused():
    with pytest.raises(UserError, match="concurrency is for functions that wait"):

        @mergus.udf(concurrency=2)
        def plain(a: int) -> int:
            return a

    with pytest.raises(UserError, match="timeout_s is greater than 0, not 0"):

        @mergus.udf(timeout_s=0)
        async def hasty(a: int) -> int:
            return a

    with pytest.raises(UserError, match="is called by row"):

        @mergus.udf(vectorized=True)
        async def columns(a: int) -> int:
            return a

    with pytest.raises(UserError, match="aggregate cannot be async"):

        @mergus.udaf
        class Waits:
            def initialize(self) -> int:
                return 0

            async def aggregate(self, value: int, state: int) -> int:
                return state + value

            def merge(self, a: int, b: int) -> int:
                return a + b

            def map(self, state: int) -> int:
                return state


def test_the_text_of_a_statement_may_wait():
    source = "import asyncio\nasync def later(x: int) -> int:\n    await asyncio.sleep(0)\n    return x + 1"
    function = function_from_source("LATER", source, options={"concurrency": 3, "timeout_s": 2.0})
    made = function.overloads[0].implementation.evaluate
    assert (made.concurrency, made.timeout_s) == (3, 2.0)
