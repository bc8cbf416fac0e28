"""Mergus from Python: `mergus.connect()` opens an engine in this process and speaks Arrow, pandas and rows.

>>> with connect() as db:
...     made = db.execute("CREATE STREAM s (id INT KEY) WITH (kafka_topic='s', value_format='JSON', partitions=1);")
...     db.insert("s", [{"id": 1}])
...     db.query("SELECT * FROM s;").rows()
[{'ID': 1}]
"""

from __future__ import annotations

import atexit
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, overload

import pyarrow as pa

from ...config import load
from ...errors import MergusError, UserError
from ...inference.model_function import ModelFunction
from ...io.formats.json.exact import parse
from ...sql.schema import Schema
from ...sql.udf.declare import UserFunction
from ..arrow import named, named_schema
from ..engine import Engine
from ..json_rows import row_text
from ..results import Push, Rows
from ..session import Session
from .answers import Given, PullRows, PushRows, Statements
from .models import Models
from .remote import RemoteConnection


class Connection(Statements):
    """An engine of this process. Safe to share between threads."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._is_open = True
        self.session = Session()
        self.models = Models(self.execute)

    def results(self, sql: str, *, from_beginning: bool = False) -> Iterator[Given]:
        """Carry out statements, one at a time as the iterator is asked; raises the first refusal."""
        reset = {"auto.offset.reset": "earliest"} if from_beginning else {}
        for result in self.engine.execute(sql, self.session, properties=reset):
            match result:
                case Push():
                    yield PushRows(named_schema(result.schema), _named(result.schema, result), result.close)
                case Rows():
                    yield PullRows(named_schema(result.schema), _named(result.schema, result.tables()), result.close)
                case _:
                    yield result

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

    def _write(self, target: str, rows: Sequence[Mapping[str, Any]]) -> Sequence[MergusError | None]:
        target = target[1:-1] if target.startswith("`") else target.upper()
        return self.engine.insert_rows(target, [parse(row_text(row).encode()) for row in rows])

    def wait(self, timeout_s: float = 3600.0) -> None:
        """Return when the persistent queries have worked in all that is there. Raises UserError where one has failed."""
        failed = self.engine.wait_caught_up(timeout_s)
        if failed:
            raise UserError(f"query {failed[0]} has failed", detail=self.engine.statuses()[failed[0]].error)

    def close(self) -> None:
        """Stop the queries and close the engine; nothing the second time. The interpreter's end does so too."""
        if not self._is_open:
            return
        self._is_open = False
        atexit.unregister(self.engine.close)
        self.engine.close()

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _named(schema: Schema, tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    return (named(schema, table) for table in tables)


@overload
def connect(
    data: str | Path | None = None,
    *,
    kafka: str | None = None,
    server: None = None,
    in_process: bool = True,
    settings: Mapping[str, Any] | None = None,
    **more: Any,
) -> Connection: ...


@overload
def connect(*, server: str) -> RemoteConnection: ...


def connect(
    data: str | Path | None = None,
    *,
    kafka: str | None = None,
    server: str | None = None,
    in_process: bool = True,
    settings: Mapping[str, Any] | None = None,
    **more: Any,
) -> Connection | RemoteConnection:
    """Open an engine, or speak to a server that runs.

    `data`: the data folder; without one a private folder, removed at `close`. `kafka`: bootstrap servers; without them
    topics are embedded. `server`: a server's URL, and then nothing else. `in_process`: queries run as threads of this
    process; False gives them host processes, as a server does. `settings`: any setting of the server by name; or as
    arguments, `_` for the dots: `workers=2, epoch_ms=100`; `data` and `kafka` go before those. Raises UserError for a
    setting that is none, EnvironmentFault where the folder is in use, or no server answers.
    """
    if server is not None:
        if data is not None or kafka is not None or settings or more:
            raise UserError("a server has its own data, topics and settings", hint="connect(server=…) alone")
        return RemoteConnection(server)
    given = {**(settings or {}), **{name.replace("_", "."): value for name, value in more.items()}}
    named = {"data": None if data is None else str(data), "kafka.bootstrap": kafka}
    given |= {name: value for name, value in named.items() if value is not None}
    config = load(given, {}, by="arguments")  # before a folder is made: what is refused leaves none
    private = config["data"] is None
    if private:
        config = load({**given, "data": tempfile.mkdtemp(prefix="mergus-")}, {}, by="arguments")
    made = Connection(Engine.open(config, in_process=in_process, private=private))
    atexit.register(made.engine.close)  # where nobody closes it: its threads must end before the interpreter does
    return made
