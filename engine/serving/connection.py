"""Mergus from Python: `mergus.connect()` opens an engine in this process and speaks Arrow, pandas and rows.

with mergus.connect() as db:
db.execute("CREATE STREAM s (id INT KEY, v DOUBLE) WITH (kafka_topic='s', value_format='JSON', partitions=1);")
db.execute("INSERT INTO s VALUES (1, 2.5);")
print(db.query("SELECT * FROM s;").rows())
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ..config import load
from ..errors import UserError
from ..inference.model_function import ModelFunction
from ..sql.udf import UserFunction
from .arrow import named
from .engine import Engine
from .results import Done, Listing, Push, Rows
from .session import Session

if TYPE_CHECKING:
    import pandas as pd


class Answer:
    """A pull query's rows."""

    def __init__(self, rows: Rows) -> None:
        self.schema = rows.schema
        self._table = rows.table

    def arrow(self) -> pa.Table:
        """An Arrow table, columns and struct fields by name."""
        return named(self.schema, self._table)

    def df(self) -> pd.DataFrame:
        """A pandas data frame. Raises ImportError without the extra `mergus[pandas]`."""
        return self.arrow().to_pandas()

    def rows(self) -> list[dict[str, Any]]:
        """A dictionary a row."""
        return list(self.arrow().to_pylist())

    def one(self) -> dict[str, Any] | None:
        """The first row, None when there is none."""
        rows = named(self.schema, self._table.slice(0, 1)).to_pylist()
        return rows[0] if rows else None


class PushRows:
    """A push query's rows as they come: iterate with `for` or `async for`; `close` ends it, from any thread."""

    def __init__(self, push: Push) -> None:
        self.schema = push.schema
        self._push = push

    def batches(self) -> Iterator[pa.Table]:
        """Arrow tables as they come."""
        return (named(self.schema, table) for table in self._push)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for table in self.batches():
            yield from table.to_pylist()

    async def __aiter__(self) -> AsyncIterator[dict[str, Any]]:
        batches, end = self.batches(), object()
        try:
            while (table := await asyncio.to_thread(next, batches, end)) is not end:
                assert isinstance(table, pa.Table)
                for row in table.to_pylist():
                    yield row
        finally:
            self.close()

    def close(self) -> None:
        """End the query."""
        self._push.close()

    def __enter__(self) -> PushRows:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Connection:
    """An engine of this process. Safe to share between threads."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.session = Session()

    def execute(self, sql: str) -> list[Done | Listing | Answer]:
        """Carry out statements; raises the MergusError of the first that is refused. Push queries go to `push`."""
        made: list[Done | Listing | Answer] = []
        for result in self.engine.execute(sql, self.session):
            if isinstance(result, Push):
                result.close()
                raise UserError("a push query goes on until it is ended", hint="call push() instead of execute()")
            made.append(Answer(result) if isinstance(result, Rows) else result)
        return made

    def query(self, sql: str) -> Answer:
        """One pull query."""
        answers = [a for a in self.execute(sql) if isinstance(a, Answer)]
        if len(answers) != 1:
            raise UserError("query() takes one SELECT without EMIT", hint="execute() takes other statements")
        return answers[0]

    def push(self, sql: str, *, from_beginning: bool = False) -> PushRows:
        """One push query; `from_beginning`: with what is there already, else from now on."""
        reset = {"auto.offset.reset": "earliest"} if from_beginning else {}
        results = list(self.engine.execute(sql, self.session, properties=reset))
        if len(results) == 1 and isinstance(results[0], Push):
            return PushRows(results[0])
        for result in results:
            if isinstance(result, Push):
                result.close()
        raise UserError("push() takes one SELECT … EMIT CHANGES")

    def register(self, function: UserFunction | ModelFunction | Callable[..., Any]) -> None:
        """Make a function of @mergus.udf, udaf, udtf or mergus.model_function known to SQL, for this connection's life."""
        made = getattr(function, "sql_function", None)
        if made is None:
            raise UserError(
                "this is no SQL function", hint="decorate it with @mergus.udf, @mergus.udaf or @mergus.udtf"
            )
        registry = self.engine.registry.copy()
        registry.add(made(), replace=True)
        self.engine.registry = registry

    def insert(self, target: str, rows: list[Mapping[str, Any]]) -> None:
        """Write rows (JSON values by column name); raises at the first that is refused."""
        for error in self.engine.insert_rows(target, rows):
            if error is not None:
                raise error

    def wait(self, timeout_s: float = 3600.0) -> None:
        """Return when the persistent queries have worked in all that is there. Raises UserError where one has failed."""
        failed = self.engine.wait_caught_up(timeout_s)
        if failed:
            raise UserError(f"query {failed[0]} has failed", detail=self.engine.statuses()[failed[0]].error)

    def close(self) -> None:
        """Stop the queries and close the engine."""
        self.engine.close()

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def connect(
    data: str | Path | None = None,
    *,
    kafka: str | None = None,
    settings: Mapping[str, Any] | None = None,
    in_process: bool = True,
) -> Connection:
    """Open an engine.

    `data`: the data folder; without one a private folder, removed at `close`. `kafka`: bootstrap servers; without them
    topics are embedded. `settings`: any setting of the server by name. `in_process`: queries run as threads of this
    process; False gives them host processes, as a server does. Raises EnvironmentFault where the folder is in use.
    """
    private = data is None
    folder = tempfile.mkdtemp(prefix="mergus-") if data is None else str(data)
    config = load({**(settings or {}), "data": folder, "kafka.bootstrap": kafka}, {})
    return Connection(Engine.open(config, in_process=in_process, private=private))
