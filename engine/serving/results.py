"""What a statement answers: one small class a kind, which HTTP, the prompt and Python each render in their way."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from ..runtime.pull.scan import PIECE_ROWS, Pieces, Tables
from ..sql.schema import Schema


@dataclass(frozen=True)
class Done:
    """A statement that changes something has done so. `entity`: what it made or changed, as ksqlDB's command id says
    it: (kind, name, action), e.g. ("stream", "CLICKS", "create")."""

    statement: str
    message: str
    entity: tuple[str, str, str] | None = None
    query_id: str | None = None
    sequence: int = -1
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Listing:
    """What SHOW and DESCRIBE answer. `kind` is ksqlDB's `@type` (streams, tables, kafka_topics, queries, properties,
    function_names, sourceDescription …); `body` the JSON fields beside it, named as ksqlDB names them; `columns` and
    `rows` the same as a table for people."""

    statement: str
    kind: str
    body: Mapping[str, Any]
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Any, ...], ...] = ()
    text: str = ""
    warnings: tuple[str, ...] = ()


class Rows:
    """A pull query's answer: tables with c0, c1 … of `schema`. `rows` is all of it, or its beginning, and `more` follows: such
    an answer is read once, by `tables` or by `table`, may raise a MergusError on the way, and holds what it is read from
    until its end, or `close`. `of_stream`: it is what a stream's topic held, up to `limit`; ksqlDB tells the end of such
    (`end_of`)."""

    def __init__(
        self,
        statement: str,
        schema: Schema,
        rows: pa.Table,
        query_id: str = "",
        *,
        more: Pieces | None = None,
        of_stream: bool = False,
        limit: int | None = None,
    ) -> None:
        self.of_stream = of_stream
        self.limit = limit
        self.statement = statement
        self.schema = schema
        self.query_id = query_id
        self._rows = rows
        self._more = more

    @classmethod
    def coming(cls, statement: str, schema: Schema, tables: Tables) -> Rows:
        """The answer that `tables` give. The first has come when this returns: what fails, fails mostly there, before a
        client has been told that it succeeds."""
        more = Pieces(tables)
        return cls(statement, schema, next(more), more=more)

    @classmethod
    def of_topic(cls, push: Push, tables: Tables) -> Rows:
        """The same of a push query that ends by itself, whose `tables` these are."""
        more = Pieces(tables, push.close)
        return cls(push.statement, push.schema, next(more), more=more, of_stream=True, limit=push.limit)

    def tables(self) -> Iterator[pa.Table]:
        """The rows, piece by piece: whoever writes them as text needs memory for a piece, not for all."""
        for rows in itertools.chain([self._rows], self._more or ()):
            for start in range(0, max(1, rows.num_rows), PIECE_ROWS):
                yield rows.slice(start, PIECE_ROWS)

    @property
    def table(self) -> pa.Table:
        """All rows."""
        if self._more is not None:
            self._rows, self._more = pa.concat_tables([self._rows, *self._more]), None
        return self._rows

    def close(self) -> None:
        """No more is wanted; from any thread, and more than once."""
        if self._more is not None:
            self._more.close()


def end_of(rows: int, limit: int | None) -> str:
    """What ksqlDB's older form says at the end of a push query, or of a pull query over a stream.

    >>> end_of(3, 3), end_of(3, None)
    ('Limit Reached', 'Query Completed')
    """
    return "Limit Reached" if limit is not None and rows >= limit else "Query Completed"


@dataclass
class Push:
    """A push query at work. Iterating gives Arrow tables (c0, c1 … of `schema`) as they come, ends at LIMIT, at the end
    of bounded input, or after `close`. A `deleted` row of a table's changelog has NULLs in its value columns."""

    statement: str
    schema: Schema
    batches: Iterator[pa.Table]
    stop: Callable[[], None]
    query_id: str = ""
    limit: int | None = None
    closed: bool = field(default=False)

    def __iter__(self) -> Iterator[pa.Table]:
        return self.batches

    def close(self) -> None:
        """End it; safe to call from another thread and more than once."""
        if not self.closed:
            self.closed = True
            self.stop()


Result = Done | Listing | Rows | Push
