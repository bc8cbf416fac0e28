"""What queries answer in Python, wherever the engine is: Arrow, pandas, rows; and rows that go on coming."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

import pyarrow as pa

from ...errors import MergusError, UserError
from ..python_values import python_rows
from ..results import Done, Listing
from .rows import GivenRows, pieces_of, raise_refused
from .values import with_values

if TYPE_CHECKING:
    import pandas as pd


class Answer:
    """A pull query's rows; `schema` is Arrow's, columns and struct fields by name."""

    def __init__(self, table: pa.Table) -> None:
        self.schema = table.schema
        self._table = table

    def arrow(self) -> pa.Table:
        """An Arrow table."""
        return self._table

    def df(self) -> pd.DataFrame:
        """A pandas data frame. Raises ImportError without the extra `mergus[pandas]`."""
        try:
            return self._table.to_pandas()
        except (ValueError, OverflowError):  # a date that Python's calendar does not have, which is text in rows
            import pandas as pd

            return pd.DataFrame(python_rows(self._table), columns=self._table.column_names)

    def rows(self) -> list[dict[str, Any]]:
        """A dictionary a row."""
        return python_rows(self._table)

    def one(self) -> dict[str, Any] | None:
        """The first row, None when there is none."""
        rows = python_rows(self._table.slice(0, 1))
        return rows[0] if rows else None


class RowsThatCome:
    """A query's rows as they come: iterate with `for` or `async for`; `close` ends it, from any thread."""

    def __init__(self, schema: pa.Schema, tables: Iterator[pa.Table], stop: Callable[[], None]) -> None:
        self.schema = schema
        self._tables = tables
        self._stop = stop

    def batches(self) -> Iterator[pa.Table]:
        """Arrow tables as they come."""
        return self._tables

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for table in self.batches():
            yield from python_rows(table)

    async def __aiter__(self) -> AsyncIterator[dict[str, Any]]:
        # It waits for rows on a thread of its own: the event loop's few would be used up by a few idle queries.
        batches, end = self.batches(), object()
        loop = asyncio.get_running_loop()
        thread = ThreadPoolExecutor(1, thread_name_prefix="mergus-rows")
        try:
            while (table := await loop.run_in_executor(thread, next, batches, end)) is not end:
                assert isinstance(table, pa.Table)
                for row in python_rows(table):
                    yield row
        finally:
            self.close()
            thread.shutdown(wait=False)

    def close(self) -> None:
        """End the query."""
        self._stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class PushRows(RowsThatCome):
    """A push query's rows: without end, unless it has a LIMIT."""


class PullRows(RowsThatCome):
    """A pull query's rows: all are of one moment, and a table that is read is held as it was then until the end, or `close`."""

    def answer(self) -> Answer:
        """All rows."""
        batches = list(self.batches())
        return Answer(pa.concat_tables(batches) if batches else self.schema.empty_table())


Given = Done | Listing | PullRows | PushRows


Kind = TypeVar("Kind", bound=RowsThatCome)


class Statements(ABC):
    """What every connection does with statements, wherever its engine is."""

    @abstractmethod
    def results(self, sql: str, *, from_beginning: bool = False) -> Iterator[Given]:
        """Carry out statements, one at a time as the iterator is asked; raises the first refusal."""

    def execute(self, sql: str, values: Sequence[Any] = ()) -> list[Done | Listing | Answer]:
        """Carry out statements; raises the MergusError of the first that is refused. Push queries go to `push`. Here and below,
        `values` are for the `?` in the text, in order."""
        return answers_of(self.results(with_values(sql, values)))

    def query(self, sql: str, values: Sequence[Any] = ()) -> Answer:
        """One pull query."""
        return one_answer(self.results(with_values(sql, values)))

    sql = query

    def scan(self, sql: str, values: Sequence[Any] = ()) -> PullRows:
        """One pull query, its rows as they come: for answers that are larger than memory should hold."""
        return one_that_comes(self.results(with_values(sql, values)), PullRows, "scan() takes one SELECT without EMIT")

    def push(self, sql: str, values: Sequence[Any] = (), *, from_beginning: bool = False) -> PushRows:
        """One push query; `from_beginning`: with what is there already, else from now on."""
        given = self.results(with_values(sql, values), from_beginning=from_beginning)
        return one_that_comes(given, PushRows, "push() takes one SELECT … EMIT CHANGES")

    def insert(self, target: str, rows: GivenRows) -> None:
        """Write rows: dictionaries of values by column name (in any case), or a table: pandas, polars, Arrow, DuckDB. Raises
        where some are refused, and says how many; the others are written."""
        answers: list[MergusError | None] = []
        for piece in pieces_of(rows):
            answers += self._write(target, piece)
        raise_refused(answers)

    @abstractmethod
    def _write(self, target: str, rows: Sequence[Mapping[str, Any]]) -> Sequence[MergusError | None]:
        """Of each row None, or why it is refused. Raises where `target` takes none."""


def answers_of(results: Iterator[Given]) -> list[Done | Listing | Answer]:
    """The results of statements. Raises UserError at a push query, and ends it."""
    made: list[Done | Listing | Answer] = []
    for result in results:
        if isinstance(result, PushRows):
            result.close()
            raise UserError("a push query goes on until it is ended", hint="call push() instead of execute()")
        made.append(result.answer() if isinstance(result, PullRows) else result)
    return made


def one_answer(results: Iterator[Given]) -> Answer:
    """The answer of the one pull query among the results."""
    answers = [a for a in answers_of(results) if isinstance(a, Answer)]
    if len(answers) != 1:
        raise UserError("query() takes one SELECT without EMIT", hint="execute() takes other statements")
    return answers[0]


def one_that_comes(results: Iterator[Given], kind: type[Kind], otherwise: str) -> Kind:
    """The one result, of that kind; raises UserError with the words `otherwise`, and ends what has begun."""
    given = list(results)
    if len(given) == 1 and isinstance(given[0], kind):
        return given[0]
    for result in given:
        if isinstance(result, RowsThatCome):
            result.close()
    raise UserError(otherwise)
