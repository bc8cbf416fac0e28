"""The engine as its users see it: statements in, results out; one object a server, one session a client.

Statements that change something go one at a time: worked out (`changes.py`), done, written to the command log, entered in
the catalog. Everything else reads the catalog as it is, which is replaced and never changed.
"""

from __future__ import annotations

import json
import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ..clock import Clock, SystemClock
from ..config import Config
from ..errors import MergusError
from ..io.schemas.opening import forget
from ..io.topics import Consumers, Topics
from ..plan.physical.steps import QueryPlan
from ..runtime.command_log import CommandLog
from ..runtime.data_folder import DataFolder
from ..runtime.flows.flow import FlowStatus
from ..runtime.hosts.lifecycle import Lifecycle
from ..sql.catalog import Catalog
from ..sql.functions import FunctionRegistry
from ..sql.parser.parse import Parsed, iterate_statements
from ..sql.statements.statement import (
    AlterSystem,
    Describe,
    DescribeFunction,
    DescribeModel,
    Explain,
    InsertValues,
    Query,
    RelationalQuery,
    Show,
    Terminate,
)
from ..state.duckdb import connect, seal
from . import opening
from .changes.change import Change, Start, World
from .changes.statement import changes_something, is_there, prepare
from .changes.topics import make_topic, making
from .describe.cluster import consumers_of
from .describe.functions import describe_function
from .describe.models import describe_model, models_used
from .describe.sources import describe_sources, watched_of
from .ending import ClusterTerminated
from .functions import FunctionKeeper
from .inserts import Inserts
from .models.ahead import load_ahead
from .models.dead_letters import again_topic, bring_again, forget_again
from .models.keeper import ModelKeeper, first_table
from .questions.select import Questions, reads_what_is_there
from .restart import TO_DELETE, Restart
from .results import Done, Listing, Push, Result
from .schemas import register
from .session import Session
from .settings import checked_property, known_properties, warnings_about
from .show import Shown, show
from .topic_answers import answer_about_topics

log = logging.getLogger("mergus.engine")


class Engine:
    """Made by `open`. Methods may be called from any thread."""

    def __init__(
        self,
        config: Config,
        clock: Clock,
        folder: DataFolder,
        topics: Topics,
        lifecycle: Lifecycle,
        *,
        bounded: bool,
        patient: bool = False,
    ) -> None:
        self.config = config
        self.clock = clock
        self.folder = folder
        self.topics = topics
        self.lifecycle = lifecycle
        self.commands = CommandLog(folder.commands)
        self.schema_registry = opening.schema_registry(config, folder.path)
        self.models = opening.models(config, folder, topics)
        self.catalog = Catalog()
        self.registry: FunctionRegistry = opening.registry(config)
        self.shipped = frozenset(self.registry.functions)
        self.system: dict[str, str] = {}  # ALTER SYSTEM
        self.plans: dict[str, QueryPlan] = {}
        self.paused: set[str] = set()
        self.terminated = False  # for good
        self.connection = connect()
        seal(self.connection)
        self.bounded = bounded
        self.questions = Questions(self)
        self.changing = threading.RLock()
        self.inserts = Inserts(topics, self.connection, clock)
        self.keeper = ModelKeeper(self)
        self.functions = FunctionKeeper(self, opening.functions_folder(config))
        self.restart = Restart(self, patient=patient)
        self.topics_keeper = opening.topics_keeper(config, topics)

    @classmethod
    def open(
        cls,
        config: Config,
        *,
        clock: Clock | None = None,
        in_process: bool = False,
        bounded: bool = False,
        private: bool = False,
        patient: bool = False,
    ) -> Engine:
        """Open the data folder, read the command log again, and start its queries. `in_process`: without host processes;
        `bounded`: push queries end when they have read what is there; `private`: the folder is removed at the end;
        `patient`: topics that do not answer are waited for (`Restart`). Raises EnvironmentFault where the folder is in use,
        of another version, or the topics cannot be reached."""
        clock = clock or SystemClock()
        folder = DataFolder(Path(config["data"]), private=private)
        try:
            topics = opening.topics(config, folder.path, clock, folder.server_id)
            lifecycle = Lifecycle(
                opening.host_settings(config, folder), topics, opening.run_settings(config, in_process)
            )
            engine = cls(config, clock, folder, topics, lifecycle, bounded=bounded, patient=patient)
            engine.restart.start()
            for keeper in (engine.keeper, engine.functions, engine.topics_keeper):
                keeper.start()
        except BaseException:
            folder.close()
            raise
        return engine

    def close(self) -> None:
        """Stop every query at the end of its epoch, and give the folder back."""
        self.restart.close()
        for keeper in (self.keeper, self.functions, self.topics_keeper):
            keeper.close()
        self.questions.close()
        self.lifecycle.close()
        self.inserts.close()
        self.connection.close()
        self.commands.close()
        self.topics.close()
        forget(self.schema_registry)
        self.folder.close()

    # ------------------------------------------------------------------------------------------------------ statements
    def execute(
        self,
        text: str,
        session: Session | None = None,
        *,
        properties: Mapping[str, str] | None = None,
        before_reading: Callable[[], object] | None = None,
    ) -> Iterator[Result]:
        """Carry out the statements of `text`, one at a time as the iterator is asked. Raises the MergusError of the first
        that is refused; those before it stay done. `before_reading` is called before each that answers of what is there:
        a pull query, and in a bounded engine every other that ends by itself."""
        session = session or Session()
        if known := self.questions.known(text, {**session.properties, **(properties or {})}, before_reading):
            yield known
            return
        for parsed in iterate_statements(text, self.catalog.types, session.variables, session.substitutes(self.system)):
            if before_reading is not None and reads_what_is_there(parsed.statement, bounded=self.bounded):
                before_reading()
            yield self.execute_statement(parsed, session, properties=properties)

    def execute_all(self, text: str, *, skip_existing: bool = False) -> None:
        """Carry out a text whose answers nobody reads (a file at the start). `skip_existing`: what a second start finds
        there already is passed over. Raises the MergusError of the first statement that is refused."""
        session = Session()
        for parsed in iterate_statements(text, self.catalog.types, session.variables, session.substitutes(self.system)):
            if skip_existing and is_there(parsed, self.catalog):
                continue
            result = self.execute_statement(parsed, session)
            if isinstance(result, Push):
                result.close()

    def set_property(self, session: Session, name: str, value: str) -> None:
        """What SET does, from the command line. Raises UserError for a name that is none."""
        name, value = checked_property(name, value, None)
        session.properties[name] = value

    def execute_statement(
        self, parsed: Parsed, session: Session, *, properties: Mapping[str, str] | None = None
    ) -> Result:
        """Carry out one statement."""
        self.check_alive()
        settings = {**self.system, **session.properties, **(properties or {})}
        try:
            if changes_something(parsed.statement):
                return self._change(parsed, {**session.settings_of(parsed.statement), **settings})
            return self._answer(parsed, session, settings)
        except MergusError as error:
            raise error.at(parsed.text, getattr(parsed.statement, "span", None)) from None

    def _answer(self, parsed: Parsed, session: Session, settings: Mapping[str, str]) -> Result:
        text = parsed.text
        match parsed.statement:
            case (Query() | RelationalQuery()) as query:
                return self.questions.ask(query, text, settings)
            case InsertValues() as insert:
                relation = self.catalog.get(insert.name, insert.span)
                self.folder.check()
                self.inserts.values(insert, relation, self.registry)
                return Done(text, "")
            case Show(what=("STREAMS" | "TABLES") as kind, extended=True, span=span):
                return self._describe(Describe(None, True, "STREAM" if kind == "STREAMS" else "TABLE", span), text)
            case Show() as shown:
                return show(shown, text, self._shown(session, ends=shown.extended and shown.what == "QUERIES"))
            case Describe() as describe:
                return self._describe(describe, text)
            case DescribeFunction() as describe:
                return describe_function(describe, text, self.registry)
            case DescribeModel() as describe:
                return describe_model(describe, text, self)
            case Explain() as explain:
                return self.questions.explained(explain, text, settings)
            case AlterSystem(name=name, value=value, span=span):
                name, value = checked_property(name, value, span)
                self.commands.append(text, time_ms=self.clock.now_ms())
                self.system[name] = value
                return Done(
                    text, f"System property '{name}' was set to '{value}'.", warnings=warnings_about(name, value)
                )
            case other:
                return session.answer(other, text) or answer_about_topics(self, other, text)

    def check_alive(self) -> None:
        """Raises ClusterTerminated once the server has been ended for good."""
        if self.terminated:
            raise ClusterTerminated("The cluster has been terminated. No new request will be accepted.")

    # --------------------------------------------------------------------------------------------------------- changes
    def world(self, settings: Mapping[str, str], *, replaying: bool = False, now_ms: int = 0) -> World:
        """What a statement with these settings may know."""
        return World(
            self.catalog,
            self.registry,
            settings,
            (lambda _: None) if replaying else self.topics.describe,
            lambda file: opening.inferred_columns(self.config, file),
            opening.inline_functions(self.config),
            replaying=replaying,
            offline=replaying,
            shipped=self.shipped,
            schema_registry=self.schema_registry,
            now_ms=now_ms or self.clock.now_ms(),
            models=self.models,
            models_used=lambda name: models_used(self.plans, name),
            plans=self.plans,
            ask=partial(first_table, self),
            bring_again=partial(bring_again, self.topics, self.plans),
            on_kafka=self.config["kafka.bootstrap"] is not None,
        )

    def _change(self, parsed: Parsed, settings: Mapping[str, str]) -> Result:
        if isinstance(parsed.statement, Terminate) and (
            pushed := self.questions.named(parsed.statement.query_id or "")
        ):
            self.questions.end(pushed)
            return Done(parsed.text, "Query terminated.", ("terminate", pushed, "execute"))
        with self.changing:
            self.folder.check()
            now_ms = self.clock.now_ms()
            change = prepare(parsed.statement, parsed.text, self.world(settings, now_ms=now_ms))
            sequence, late = -1, tuple[str, ...]()
            if not change.nothing:
                load_ahead(self, change.catalog.models)
                query_id = change.start[0].entry.query_id if change.start else None
                notes = {
                    **change.notes,
                    **({TO_DELETE: json.dumps(change.delete_topics)} if change.delete_topics else {}),
                }
                with making(self.topics, change.create_topics):
                    register(change.register, self.schema_registry)
                    sequence = self.commands.append(
                        parsed.text, settings={**settings, **notes}, query_id=query_id, time_ms=now_ms
                    )
                self.carry_out(change)
                late = self.restart.delete(sequence, change.delete_topics)
        warnings = (*change.warnings, *late)
        return Done(parsed.text, change.message, change.entity, change.query_id, sequence, warnings)

    def carry_out(self, change: Change) -> None:
        """What comes when the change is on record, and not before: it cannot be taken back where that is refused."""
        models, plans = self.catalog.models, self.plans.copy()
        self.enter(change)
        for query_id in change.pause:
            self.lifecycle.pause(query_id)
        for query_id in change.terminate:
            self.lifecycle.terminate(query_id, keep_state=query_id in change.kept)
            if query_id not in change.kept and query_id in plans:
                forget_again(plans[query_id], self.topics)
        if change.catalog.models != models:
            self.models.publish(change.catalog.models)
        for start in change.start:
            self._start(start)
        for query_id in change.resume:
            self.lifecycle.resume(query_id)

    def enter(self, change: Change) -> None:
        self.catalog, self.registry = change.catalog, change.registry
        for query_id in change.terminate:
            self.plans.pop(query_id, None)
            if query_id not in change.kept:
                self.paused.discard(query_id)
        for start in change.start:
            self.plans[start.entry.query_id] = start.plan
        self.paused = (self.paused | set(change.pause)) - set(change.resume)

    def _start(self, start: Start) -> None:
        self.make_again_topics(start.plan)
        self.begin(start.plan)

    def make_again_topics(self, plan: QueryPlan) -> None:
        for source in plan.sources:
            if source.again is not None and self.topics.describe(source.again) is None:
                make_topic(self.topics, again_topic(source, self.topics))

    def begin(self, plan: QueryPlan, trouble: str = "") -> None:
        latest = plan.settings.get("auto.offset.reset", "earliest") == "latest"
        self.lifecycle.start(plan, latest=latest, paused=plan.query_id in self.paused, trouble=trouble)

    def insert_rows(self, target: str, rows: Sequence[Mapping[str, Any]]) -> list[MergusError | None]:
        """Write JSON objects as records; for each, None or why it is refused. Raises where `target` takes none."""
        self.check_alive()
        self.folder.check()
        return self.inserts.rows(self.catalog.get(target), rows)

    # ----------------------------------------------------------------------------------------------------- looking about
    def _shown(self, session: Session, *, ends: bool) -> Shown:
        properties = [*self.config.shown(), *known_properties(self.system, session.properties)]
        return Shown(
            self.catalog,
            self.registry,
            self.topics.list,
            self._consumers,
            self.lifecycle.statuses(ends=ends),
            properties,
            session.variables,
            self.questions.statements(),
            self.plans,
            [*self.restart.told, *self.functions.left],
        )

    def _consumers(self) -> dict[str, Consumers]:
        workers = self.config["workers"] * self.config["processes"]
        return consumers_of(self.plans, self.topics.consumers(), workers)

    def _describe(self, statement: Describe, text: str) -> Listing:
        statuses = self.lifecycle.statuses(ends=statement.extended)
        watched = {query_id: watched_of(status) for query_id, status in statuses.items()}
        return describe_sources(statement, text, self.catalog, self.topics.describe, watched)

    def statuses(self) -> dict[str, FlowStatus]:
        """How the persistent queries stand."""
        known = self.lifecycle.statuses(ends=True)
        return {query_id: status for query_id, status in known.items() if query_id in self.catalog.queries}

    def wait_caught_up(self, timeout_s: float = 3600.0) -> list[str]:
        """Return when the persistent queries have worked in all that their topics hold; the ids of those that failed."""
        if not self.catalog.queries:
            return []
        statuses = self.lifecycle.wait_caught_up(list(self.catalog.queries), timeout_s)
        return [s.query_id for s in statuses if s.state == "ERROR"]

    def failures(self) -> dict[str, int]:
        """Rows that could not be processed and rows that came late, over all queries since their start, and over SELECTs that
        came to their end."""
        made = Counter(self.questions.failures())
        for status in self.lifecycle.statuses().values():
            made.update(bad=status.metrics.rows_bad, late=status.metrics.rows_late)
        return {"bad": made["bad"], "late": made["late"]}

    def health(self) -> dict[str, bool]:
        """What /healthcheck answers: whether the command log and the topics can be reached."""
        commands = opening.reached(self.folder.check) and opening.reached(self.commands.check)
        return {"metastore": commands, "kafka": opening.reached(self.topics.list), "commandRunner": commands}

    def metrics_text(self) -> str:
        """What /metrics answers."""
        return self.lifecycle.metrics(len(self.restart.left_out)).decode()

    def info(self) -> dict[str, Any]:
        """What /info answers."""
        return opening.info(self.config)
