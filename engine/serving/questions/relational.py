"""Pull queries of several blocks or sources, answered in the server's process.

What each stream and table gives is fetched by a simple pull query of its own, from the host that keeps it or from its
topic, one state of each, and laid into a temporary table; then DuckDB evaluates the planned SQL over these, in steps where
models are asked about what one gives. One sealed
instance serves all such queries within one memory limit; what does not fit goes to disk. Each has a connection of its own
and its tables go with it.
"""

from __future__ import annotations

import itertools
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from ...errors import Unsupported, UserError, reason
from ...operators.frame import conform
from ...plan.pull.from_clause import Fetch
from ...plan.pull.relational import RelationalPlan, explain_relational, plan_relational
from ...runtime.data_folder import TRANSIENT
from ...runtime.pull.scan import Tables
from ...runtime.telemetry.processing_log import ProcessingLog
from ...sql.compile.expression import bind_functions
from ...sql.statements.statement import Query, RelationalQuery
from ...sql.types import duckdb_type
from ...state.duckdb import connect, cursor, faults, seal
from ..results import Rows
from .asked import lay

if TYPE_CHECKING:
    from ..engine import Engine

ROWS_A_PIECE = 50_000
FetchRows = Callable[[Query], Iterator[pa.Table]]
"""The rows of a SELECT over one stream or table, whole batches with columns c0, c1 …"""


class RelationalQuestions:
    """Answers such queries of one engine. Methods may be called from any thread."""

    def __init__(self, engine: Engine, *, spill: Path, memory_mb: int) -> None:
        self._engine = engine
        self._spill = spill
        self._memory_mb = memory_mb
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._made: duckdb.DuckDBPyConnection | None = None

    def close(self) -> None:
        """Let go of DuckDB."""
        with self._lock:
            if self._made is not None:
                self._made.close()
                shutil.rmtree(self._spill, ignore_errors=True)

    def ask(
        self, query: Query | RelationalQuery, text: str, settings: Mapping[str, str], fetch_rows: FetchRows
    ) -> Rows:
        """The answer, which has begun. Raises a UserError where the query means nothing, or cannot be evaluated."""
        plan = self._plan(query, settings)
        return Rows.coming(text, plan.schema, self._pieces(plan, fetch_rows))

    def _pieces(self, plan: RelationalPlan, fetch_rows: FetchRows) -> Tables:
        """The answer piece by piece, the first one perhaps empty."""
        with closing(cursor(self._instance())) as connection, _told():
            for fetch in plan.fetches:
                _lay_down(connection, fetch, fetch_rows)
            bind_functions(connection, plan.exprs)
            self._lay(connection, plan)
            reader: pa.RecordBatchReader = connection.execute(plan.sql).to_arrow_reader(ROWS_A_PIECE)
            sent = False
            for batch in reader:
                if batch.num_rows or not sent:
                    yield conform(pa.Table.from_batches([batch]), plan.schema)
                    sent = True
            if not sent:
                yield conform(reader.schema.empty_table(), plan.schema)

    def _lay(self, connection: duckdb.DuckDBPyConnection, plan: RelationalPlan) -> None:
        """Make the tables between, asking models. What one fails on is in the log under a name of the query's own."""
        engine = self._engine
        name = f"{TRANSIENT}pull{next(self._numbers)}_{engine.clock.now_ms()}"
        log = ProcessingLog(name, engine.topics, engine.clock.now_ms, lambda kind: None)
        try:
            for laid in plan.laid:
                lay(connection, laid, engine.lifecycle.infer, log.report)
        finally:
            log.close()

    def explain(self, query: Query | RelationalQuery, settings: Mapping[str, str]) -> str:
        """How such a query would be answered."""
        return explain_relational(self._plan(query, settings))

    def _plan(self, query: Query | RelationalQuery, settings: Mapping[str, str]) -> RelationalPlan:
        return plan_relational(query, self._engine.catalog, self._engine.registry, settings)

    def _instance(self) -> duckdb.DuckDBPyConnection:
        with self._lock:
            if self._made is None:
                shutil.rmtree(self._spill, ignore_errors=True)  # of a server that has died
                self._spill.mkdir(parents=True)
                self._made = connect(memory_limit_mb=self._memory_mb, spill=self._spill)
                seal(self._made, [self._spill])
            return self._made


def _lay_down(connection: duckdb.DuckDBPyConnection, fetch: Fetch, fetch_rows: FetchRows) -> None:
    """Fill a fetch's table, a batch at a time."""
    columns = ", ".join(f"n{i} {duckdb_type(sql_type)}" for i, sql_type in enumerate(fetch.types))
    connection.execute(f"CREATE TEMP TABLE {fetch.name} ({columns})")
    for rows in fetch_rows(fetch.query):
        connection.register("_rows", rows)
        connection.execute(f"INSERT INTO {fetch.name} SELECT * FROM _rows")
    connection.execute("DROP VIEW IF EXISTS _rows")


@contextmanager
def _told() -> Iterator[None]:
    """DuckDB's refusals as errors of the machine or of the query's author."""
    try:
        with faults("cannot answer the query"):
            yield
    except duckdb.Error as why:
        said = reason(why)
        if "More than one row returned by a subquery" in said:
            raise UserError(
                "a sub-query that stands for a value gave more than one row",
                hint="LIMIT 1, or an aggregate, makes it one; IN takes several",
            ) from why
        if isinstance(why, _UNSUPPORTED):
            hint = _SIMPLER if "subquer" in said or "orrelated" in said else None
            raise Unsupported("this query cannot be evaluated", detail=said, hint=hint) from why
        raise UserError("the query has failed", detail=said) from why


_UNSUPPORTED = (duckdb.BinderException, duckdb.NotImplementedException, duckdb.ParserException, duckdb.CatalogException)
_SIMPLER = "write a sub-query that speaks of the query around it as a join"
"""What DuckDB evaluates not: mostly sub-queries too entangled with what is around them."""
