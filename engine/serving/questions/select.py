"""SELECT statements: pull queries answered from what queries keep, push queries that go on until they are ended.

A pull query goes to the host that has the table's state, as a plan; over a stream it reads the topic once, from its
beginning to where it ends now. A push query is a dataflow of its own, thrown away at its end.
"""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

import pyarrow as pa

from ...errors import MergusError, UnknownName, UserError
from ...plan.analysis.predictions import expand_predictions
from ...plan.physical.copartition import check_partitions
from ...plan.physical.steps import QueryPlan
from ...plan.planner import plan_query
from ...plan.pull.plan import PullPlan, check_clauses, explain_pull, plan_pull
from ...plan.pull.relational import is_relational
from ...plan.pull.settings import check_limit, check_stream, check_table
from ...plan.target import SinkTarget
from ...runtime.data_folder import TRANSIENT
from ...runtime.pull.scan import Tables
from ...runtime.telemetry.metrics import QueryMetrics
from ...sql.properties import read_properties
from ...sql.statements.statement import CreateSourceAs, Explain, InsertInto, Print, Query, RelationalQuery, Statement
from ...sql.types import arrow_type
from .. import opening
from ..describe.analyze import analyzed
from ..describe.sources import describe_plan, watched_of
from ..models.libraries import check_libraries
from ..results import Listing, Push, Rows
from .pull import PullPlans
from .relational import RelationalQuestions
from .tail import Tail

if TYPE_CHECKING:
    from ..engine import Engine


def reads_what_is_there(statement: Statement, *, bounded: bool) -> bool:
    """Whether a statement answers of what there is by now: a pull query does, a push query and PRINT in a bounded engine."""
    if isinstance(statement, Print):
        return bounded
    return isinstance(statement, Query | RelationalQuery) and (bounded or not statement.is_push)


class Questions:
    """Runs the SELECTs of one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._plans = PullPlans(engine)
        self._numbers = itertools.count(1)
        self._running: dict[str, Push] = {}
        self._lock = threading.Lock()
        self._failed: Counter[str] = Counter()
        settings = opening.host_settings(engine.config, engine.folder)
        self._relational = RelationalQuestions(engine, spill=settings.data / "spill", memory_mb=settings.memory_mb)

    def close(self) -> None:
        """End all push queries."""
        for push in list(self._running.values()):
            push.close()
        self._relational.close()

    def running(self) -> list[str]:
        """The ids of the push queries at work."""
        return sorted(self._running)

    def failures(self) -> Mapping[str, int]:
        """Rows that were bad, and late, in SELECTs that came to their end."""
        return self._failed

    def statements(self) -> dict[str, str]:
        """The push queries at work as they were written, by id."""
        return {query_id: push.statement for query_id, push in sorted(self._running.items())}

    def named(self, query_id: str) -> str | None:
        """The id of a push query at work, which SQL may write in any case."""
        return next((known for known in list(self._running) if known.upper() == query_id.upper()), None)

    def end(self, query_id: str) -> None:
        """End one push query; raises UnknownName where there is none of that id."""
        push = self._running.get(query_id)
        if push is None:
            raise UnknownName(f"query {query_id} does not exist")
        push.close()

    def ask(self, query: Query | RelationalQuery, text: str, settings: Mapping[str, str]) -> Rows | Push:
        """The answer of a SELECT."""
        if query.is_push:
            return self._push(query, text, settings)
        if self._is_relational(query):
            return self._relational.ask(query, text, settings, lambda part: self._fetched(part, settings))
        assert isinstance(query, Query)
        query = expand_predictions(query, self._engine.catalog, self._engine.registry)
        check_clauses(query, self._engine.registry)
        check_limit(query.limit, settings)
        source = query.sources()[0]
        if not self._engine.catalog.get(source.name, source.span).is_table:
            check_stream(settings)
            push = self._start(query, text, settings, latest=False, pull=True)
            return Rows.of_topic(push, _told(push))
        pull = self._plans.plan(query, text)
        check_table(pull, settings)
        return Rows.coming(text, pull.schema, self._pull(pull))

    def known(self, text: str, settings: Iterable[str], before: Callable[[], object] | None = None) -> Rows | None:
        """The answer of a pull query of a shape that has been asked before, without reading it; None where it must be
        read, or where a setting may forbid it. `before` is called first."""
        statement = text.strip().removesuffix(";").rstrip()
        pull = None if self._may_forbid(settings) else self._plans.known(statement)
        if pull is None:
            return None
        if before is not None:
            before()
        try:
            return Rows.coming(statement, pull.schema, self._pull(pull))
        except MergusError as error:
            raise error.at(statement) from None

    def _may_forbid(self, settings: Iterable[str]) -> bool:
        """Whether one of a session's settings, or of the server's, is about what pull queries may do."""
        return any(name.startswith("ksql.query.pull.") for name in (*settings, *self._engine.system))

    def _is_relational(self, query: Query | RelationalQuery) -> bool:
        return isinstance(query, RelationalQuery) or is_relational(query, self._engine.registry)

    def _fetched(self, query: Query, settings: Mapping[str, str]) -> Iterator[pa.Table]:
        """What a SELECT over one stream or table gives, as it comes."""
        source = query.sources()[0]
        if self._engine.catalog.get(source.name, source.span).is_table:
            pull = plan_pull(query, self._engine.catalog, self._engine.registry)
            check_table(pull, settings)
            yield from self._pull(pull)
            return
        check_stream(settings)
        yield from _told(self._start(query, "", settings, latest=False, pull=True))

    def explain(self, query: Query | RelationalQuery, settings: Mapping[str, str]) -> str:
        """How a pull query would be answered."""
        if self._is_relational(query):
            return self._relational.explain(query, settings)
        assert isinstance(query, Query)
        query = expand_predictions(query, self._engine.catalog, self._engine.registry)
        return explain_pull(plan_pull(query, self._engine.catalog, self._engine.registry))

    def explained(self, statement: Explain, text: str, settings: Mapping[str, str]) -> Listing:
        """EXPLAIN: of a query that runs, or of a statement; EXPLAIN ANALYZE of one that runs."""
        if statement.analyze and not isinstance(statement.subject, str):
            raise UserError(
                "EXPLAIN ANALYZE takes the id of a running query",
                detail="it tells what a query has done; a statement has done nothing yet",
                hint="SHOW QUERIES lists the ids; EXPLAIN without ANALYZE takes a statement",
            )
        match statement.subject:
            case str() as query_id:
                entry = self._engine.catalog.query(query_id, statement.span)
                status = self._engine.lifecycle.statuses().get(entry.query_id)
                plan = self._engine.plans[entry.query_id]
                described = describe_plan(text, plan, entry, None if status is None else watched_of(status))
                if not statement.analyze:
                    return described
                return analyzed(described, plan, self._engine.lifecycle.status(entry.query_id).metrics)
            case (Query() | RelationalQuery()) as query if not query.is_push:
                return Listing(text, "queryDescription", {}, (), (), self.explain(query, settings))
            case (Query() | RelationalQuery()) as query:
                plan = self._plan(query, None, settings)
            case CreateSourceAs(name=name, kind=kind, query=query):
                ttl = read_properties(statement.subject.properties, of_query=True).state_ttl
                plan = self._plan(query, SinkTarget(name, name, kind == "TABLE", state_ttl=ttl), settings)
            case InsertInto(query=query):
                plan = self._plan(query, None, settings)
        return describe_plan(text, plan, None, None)

    def _plan(self, query: Query | RelationalQuery, sink: SinkTarget | None, settings: Mapping[str, str]) -> QueryPlan:
        return plan_query(
            query, self._engine.catalog, self._engine.registry, query_id="EXPLAINED", sink=sink, settings=settings
        )

    def _pull(self, pull: PullPlan) -> Tables:
        relation = self._engine.catalog.get(pull.relation)
        query_id = relation.query_id
        if query_id is None or query_id not in self._engine.catalog.queries:
            raise UnknownName(
                f"table {relation.name} is not kept by a query",
                detail="the query that made it has been terminated"
                if relation.statement.upper().lstrip().startswith("CREATE TABLE") and query_id is None
                else None,
                hint=f"CREATE TABLE … AS SELECT * FROM {relation.name} keeps its rows",
            )
        return self._engine.lifecycle.pull(query_id, pull)

    def _push(self, query: Query | RelationalQuery, text: str, settings: Mapping[str, str]) -> Push:
        latest = settings.get("auto.offset.reset", "latest") == "latest"
        return self._start(query, text, settings, latest=latest)

    def _start(
        self,
        query: Query | RelationalQuery,
        text: str,
        settings: Mapping[str, str],
        *,
        latest: bool,
        pull: bool = False,
    ) -> Push:
        """`pull`: over all that a stream's topic holds now, to its end."""
        engine = self._engine
        query_id = f"{TRANSIENT}{next(self._numbers)}_{engine.clock.now_ms()}"
        plan = plan_query(query, engine.catalog, engine.registry, query_id=query_id, sink=None, settings=settings)
        check_partitions(plan.logical, engine.topics.describe)
        check_libraries(plan)
        bounded = pull or engine.bounded or all(source.file is not None for source in plan.sources)
        tail = Tail(engine, plan, self._forget, self._count)
        push = Push(text, plan.schema, tail.batches(), tail.stop, query_id, plan.limit)
        with self._lock:
            self._running[query_id] = push
        try:
            engine.lifecycle.start_push(
                plan, tail.take, ended=tail.ended, latest=latest and not bounded, bounded=bounded
            )
        except MergusError:
            self._forget(query_id)
            raise
        return push

    def _count(self, metrics: QueryMetrics) -> None:
        with self._lock:
            self._failed.update(bad=metrics.rows_bad, late=metrics.rows_late)

    def _forget(self, query_id: str) -> None:
        with self._lock:
            self._running.pop(query_id, None)


def _told(push: Push) -> Tables:
    """What it gives, without the system columns, at least an empty table."""
    columns, given = [f"c{i}" for i in range(len(push.schema))], False
    try:
        for table in push:
            given = True
            yield table.select(columns)
        if not given:
            yield pa.table(
                {name: pa.array([], arrow_type(c.type)) for name, c in zip(columns, push.schema, strict=True)}
            )
    finally:
        push.close()
