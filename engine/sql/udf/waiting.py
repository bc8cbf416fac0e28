"""Functions that wait (`async def`): look-ups over HTTP and the like, many of a batch at a time.

All run in one event loop of the process, so that a client that one of them keeps (a pool of connections) serves them all. Equal
arguments in a batch are asked about once. A row that fails has its batch evaluated again, as with every function
(operators/salvage.py): what is known of its other rows is kept until then (`remembered`), so that nobody is asked twice.
"""

from __future__ import annotations

import asyncio
import inspect
import itertools
import os
import pickle
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa

from ..types import SqlType
from .types import is_complete, rows_of, to_arrow

CONCURRENCY = 32
TIMEOUT_S = 30.0
Row = tuple[Any, ...]
_known = threading.local()  # .outcomes: what calls of this thread's batch have given, by function and arguments
_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None


@contextmanager
def remembered() -> Iterator[None]:
    """What is asked inside, on this thread, is asked once."""
    _known.outcomes = {}
    try:
        yield
    finally:
        del _known.outcomes


def waits(function: object) -> bool:
    """Whether calling it gives something to wait for."""
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


class Waiting:
    """Calls a function for each row of its columns and waits for the answers, of `concurrency` rows at a time, for none longer
    than `timeout_s`. `takes_null`: by parameter; a row with another NULL is NULL, and not asked. `once`: equal rows are asked
    once. Raises what the first row that failed has raised."""

    def __init__(
        self,
        function: Callable[..., Any],
        takes_null: Sequence[bool],
        *,
        concurrency: int = CONCURRENCY,
        timeout_s: float = TIMEOUT_S,
        once: bool = True,
    ) -> None:
        self.function = function
        self.takes_null = tuple(takes_null)
        self.concurrency = concurrency
        self.timeout_s = timeout_s
        self.once = once

    def __call__(self, *columns: Any, types: Sequence[SqlType], result: SqlType) -> pa.Array:
        rows = rows_of(columns, types)
        asked = [is_complete(row, self.takes_null) for row in rows]
        answers = self._answers(list(itertools.compress(rows, asked)))
        return to_arrow([next(answers) if each else None for each in asked], result)

    def _answers(self, rows: Sequence[Row]) -> Iterator[Any]:
        if not self.once:
            return iter(_whole(_together(self._asked(rows))))
        outcomes: dict[tuple[Any, bytes], Any] = getattr(_known, "outcomes", {})
        keys = [(self.function, pickle.dumps(row)) for row in rows]
        unknown = {key: row for key, row in zip(keys, rows, strict=True) if key not in outcomes}
        outcomes |= zip(unknown, _together(self._asked(list(unknown.values()))), strict=True)
        return iter(_whole([outcomes[key] for key in keys]))

    async def _asked(self, rows: Sequence[Row]) -> list[Any]:
        turn = asyncio.Semaphore(self.concurrency)

        async def one(row: Row) -> Any:
            async with turn:
                try:
                    async with asyncio.timeout(self.timeout_s) as limit:
                        return await self._called(row)
                except TimeoutError:
                    if limit.expired():
                        raise TimeoutError(f"no answer within {self.timeout_s:g} s") from None
                    raise
                except (
                    SystemExit,
                    KeyboardInterrupt,
                    asyncio.CancelledError,
                ) as end:  # would end the loop, or the query
                    raise RuntimeError(f"the function raised {type(end).__name__}") from None

        return await asyncio.gather(*(one(row) for row in rows), return_exceptions=True)

    async def _called(self, row: Row) -> Any:
        made = self.function(*row)
        return [item async for item in made] if inspect.isasyncgen(made) else await made


def _together(asked: Awaitable[list[Any]]) -> list[Any]:
    """Wait, on a thread that is not the loop's, for what is asked on the loop."""

    async def all_of_it() -> list[Any]:
        return await asked

    return asyncio.run_coroutine_threadsafe(all_of_it(), _running()).result()


def _whole(outcomes: Sequence[Any]) -> Sequence[Any]:
    failed = next((outcome for outcome in outcomes if isinstance(outcome, BaseException)), None)
    if failed is not None:
        raise failed
    return outcomes


def _running() -> asyncio.AbstractEventLoop:
    global _loop
    with _lock:
        if _loop is None:
            _loop = asyncio.new_event_loop()
            threading.Thread(target=_loop.run_forever, name="functions that wait", daemon=True).start()
        return _loop


def _of_a_child() -> None:
    """A forked process has none of its parent's threads."""
    global _loop, _lock
    _loop, _lock = None, threading.Lock()


os.register_at_fork(after_in_child=_of_a_child)
