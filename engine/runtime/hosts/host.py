"""A host: the flows of one process.

The same class serves a process of its own (`main.py`, which the server speaks to over a pipe) and `mergus run`, where flows
live in the command's process. What is dear is made when first needed: DuckDB, models.
"""

from __future__ import annotations

import atexit
import logging
import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ...clock import SystemClock
from ...errors import EnvironmentFault, UnknownName
from ...io.embedded.store import Durability
from ...io.embedded.topics import EmbeddedTopics
from ...io.topics import Topics
from ...operators.context import Models
from ...plan.physical.calls import models_called
from ...plan.physical.steps import QueryPlan
from ...plan.pull.plan import PullPlan
from ...state.duckdb import connect, seal
from ..flows.control import FlowFailure
from ..flows.dataflow import FlowSettings
from ..flows.delivery import Output
from ..flows.flow import Flow, FlowStatus
from ..flows.work import Query
from ..pipeline import Engine, PlanQuery
from ..pull.reading import away
from ..pull.scan import Scan
from ..telemetry.metrics import QueryMetrics
from .watch import Watch
from .wire import table_bytes, unpack

if TYPE_CHECKING:
    from ...inference.stats import ModelStats
    from ...inference.versions.routes import NumberedVersion
    from ...inference.versions.routing import RoutedRuntime


@dataclass(frozen=True)
class HostSettings:
    """What a host is told at its start. `kafka`: bootstrap servers, None for embedded topics under `data`. `server_id`: what
    transactional ids on Kafka begin with. `threads`: of DuckDB and of one call of a model; `cores`: so many calls at a time."""

    data: Path
    kafka: str | None = None
    kafka_settings: Mapping[str, str] = field(default_factory=dict)
    server_id: str = "mergus"
    durability: Durability = "process"
    memory_mb: int = 512
    threads: int = 1
    cores: int = 1
    idle_park_ms: int = 30_000
    files_allowed: tuple[Path, ...] | None = None

    def open_topics(self) -> Topics:
        """The topics, as every process of the engine opens them."""
        if self.kafka is not None:
            from ...io.kafka.topics import KafkaTopics  # librdkafka costs memory that an embedded engine does not need

            return KafkaTopics(self.kafka, self.kafka_settings, self.server_id)
        return EmbeddedTopics(self.data / "topics", clock=SystemClock(), durability=self.durability)


@dataclass(frozen=True)
class FlowSpec:
    """A query for a host to run. `plan`: `wire.pack`ed for another process. `wants_output`: a plan without a sink whose
    rows are sent back. `trouble`: why it is in ERROR until it has come as far as its records. `paused`: its table is
    read, and nothing worked in. `opener` makes the query in place of the plan (tests)."""

    settings: FlowSettings
    plan: bytes | QueryPlan = b""
    latest: bool = False
    bounded: bool = False
    wants_output: bool = False
    trouble: str = ""
    paused: bool = False
    opener: Callable[[FlowSpec, Topics, QueryMetrics], Query] | None = None


_ALONE_S = 5e-3
"""How long a thread may keep Python to itself for a query of several workers, which has a host of its own: they would take
Python from one another in the middle of a batch, at a fifth more CPU (bench/bench_filter_count.py)."""
log = logging.getLogger("mergus.queries")
Event = tuple[str, str, Any]  # ("changed" | "output", query id, FlowStatus | Arrow IPC bytes)


class Host:
    """Flows by query id. Methods may be called from any thread; `tell` gets events from the flows' threads."""

    def __init__(self, settings: HostSettings, tell: Callable[[Event], None], *, alone: bool = False) -> None:
        self.settings = settings
        self._tell = tell
        self._alone = alone
        self._flows: dict[str, Flow] = {}
        self._lock = threading.Lock()
        self._watch: Watch | None = None
        if not alone:
            atexit.register(self.close_all)  # a thread inside Bytewax must not be there when the interpreter ends

    @cached_property
    def topics(self) -> Topics:
        """Opened in this process: connections do not survive a fork."""
        return self.settings.open_topics()

    @cached_property
    def engine(self) -> Engine:
        """The process's DuckDB and the rest that plans run on."""
        state = self.settings.data / "state"
        threads, memory_mb = self.settings.threads, self.settings.memory_mb
        sync = self.settings.durability == "power"
        instance = connect(threads=threads, memory_limit_mb=memory_mb, spill=state / "spill", sync=sync)
        seal(instance, [state])
        embedded = self.settings.kafka is None
        return Engine(
            self.topics,
            instance,
            SystemClock(),
            self._models,
            exactly_once=embedded,
            sync=sync,
            files_allowed=self.settings.files_allowed,
        )

    @cached_property
    def _runtime(self) -> RoutedRuntime:
        from ...inference.versions.routing import RoutedRuntime  # only where a plan infers

        return RoutedRuntime(
            write=self._append,
            intra_op_threads=self.settings.threads,
            at_once=self.settings.cores,
            instance=lambda: self.engine.instance,
        )

    def _append(self, topic: str, values: Sequence[bytes]) -> None:
        """Records of what is beside the queries: shadows of models. On threads of theirs."""
        writer = self.topics.writer()
        try:
            times = pa.repeat(pa.scalar(SystemClock().now_ms(), pa.int64()), len(values))
            writer.write(topic, pa.record_batch({"timestamp": times, "value": pa.array(values, pa.binary())}))
        finally:
            writer.close()

    def _models(self) -> Models:
        return self._runtime

    def start(self, spec: FlowSpec) -> None:
        """Run a query from its checkpoint; one that is here already goes on (after a pause). A paused one can be read."""
        query_id = spec.settings.query_id
        if self._alone and spec.settings.workers > 1:
            sys.setswitchinterval(_ALONE_S)
        with self._lock:
            flow = self._flows.get(query_id)
            if flow is None:
                flow = self._flows[query_id] = self._open(spec)
                self._load_models(flow)
            if self._watch is None:
                park_ms, clock = self.settings.idle_park_ms, SystemClock()
                self._watch = Watch(self.topics, self._flows_now, park_ms, clock, self._clock_put_back)
        if not spec.paused:
            flow.start()

    def _open(self, spec: FlowSpec) -> Flow:
        metrics = QueryMetrics(spec.settings.query_id)
        query: Query
        if spec.opener is not None:
            query = spec.opener(spec, self.topics, metrics)
        else:
            take = self._sender(spec.settings.query_id) if spec.wants_output else None
            query = PlanQuery(
                unpack(spec.plan) if isinstance(spec.plan, bytes) else spec.plan,
                self.engine,
                metrics,
                spec.settings.folder,
                latest=spec.latest,
                bounded=spec.bounded,
                take=take,
            )
        fatal = _die if self._alone and spec.settings.addresses else None
        trouble = "" if spec.paused else spec.trouble
        return Flow(spec.settings, query, metrics, changed=self._changed, fatal=fatal, trouble=trouble)

    def _load_models(self, flow: Flow) -> None:
        """Have its models loaded beside its start. In the process of `mergus run` and `connect`, which may end at any moment,
        its first row does."""
        models = models_called(flow.query.plan) if isinstance(flow.query, PlanQuery) else []
        if models and self._alone:
            threading.Thread(target=self._runtime.load_used, args=(models,), name="models", daemon=True).start()

    def _clock_put_back(self, seconds: float) -> None:
        """The flows of now would rest until the clock is where it was, and cannot even be stopped: another process begins them
        again. In the process of `mergus run` and `connect` they must wait."""
        words = f"the clock was put back by {seconds:.0f} s: queries"
        if self._alone:
            _die(FlowFailure(f"{words} go on from their checkpoints in a new process", "", 0, ""))
        log.warning("%s of this process may rest as long", words)

    def _sender(self, query_id: str) -> Callable[[Output], None]:
        def send(output: Output) -> None:
            for _, batch in output:
                self._tell(("output", query_id, table_bytes(pa.Table.from_batches([batch]))))

        return send

    def _changed(self, query_id: str) -> None:
        flow = self._flows.get(query_id)
        if flow is not None:
            self._tell(("changed", query_id, flow.status()))

    def _flows_now(self) -> list[Flow]:
        with self._lock:
            return list(self._flows.values())

    def _flow(self, query_id: str) -> Flow:
        flow = self._flows.get(query_id)
        if flow is None:
            raise UnknownName(f"query {query_id} does not run here")
        return flow

    def pause(self, query_id: str) -> None:
        """Stop it at the end of its epoch; its table stays readable."""
        self._flow(query_id).pause()

    def close(self, query_id: str, limit_s: float = 30.0) -> None:
        """Stop it for good; raises EnvironmentFault where that takes longer."""
        flow = self._flow(query_id)
        flow.close(limit_s)
        with self._lock:
            self._flows.pop(query_id, None)

    def is_open(self, query_id: str) -> bool:
        """Whether a query's table can be read without waiting for it to start."""
        flow = self._flows.get(query_id)
        return flow is not None and flow.reading.is_open

    def pull(self, query_id: str, pull: PullPlan) -> Scan:
        """A pull query's answer from the state here. Raises EnvironmentFault while the query is not here yet, or any more."""
        flow = self._flows.get(query_id)
        if flow is None:
            raise away(query_id)
        return flow.pull(pull)

    def infer(self, model: Any, rows: pa.Table) -> tuple[pa.Table, list[tuple[int, str]]]:
        """A model's answers to rows that no query gave: c0 the values, c1 the version of each; and the rows that failed."""
        from ...inference.versions.routing import answers_with_versions  # only where a model is called

        return answers_with_versions(self._runtime, model, rows.columns)

    def ask_load_ahead(self, version: NumberedVersion) -> Callable[[], None]:
        """Have a version of a model in memory before it answers, where the model is used here; when it is asked for. Raises
        UserError or EnvironmentFault if it cannot be loaded."""
        return partial(self._runtime.load_ahead, version) if "_runtime" in self.__dict__ else lambda: None

    def version_stats(self) -> dict[tuple[str, str], ModelStats]:
        """What each version of a registered model has done here, by model and number; nothing where none has run."""
        return self._runtime.version_stats() if "_runtime" in self.__dict__ else {}

    def statuses(self, *, ends: bool = False) -> list[FlowStatus]:
        """All flows here; with `ends`, also how far their sources reach. Where the topics cannot be reached each is as it is
        known to be, and none has caught up."""
        made = []
        for flow in self._flows_now():
            try:
                made.append(flow.status(ends=ends))
            except (EnvironmentFault, UnknownName) as error:
                ends = ends and isinstance(error, UnknownName)  # the others' are not waited for: they are away as well
                made.append(replace(flow.status(), under_way=True))
        return made

    def ask_statuses(self, *, ends: bool = False) -> Callable[[], list[FlowStatus]]:
        """The same, when it is asked for."""
        return partial(self.statuses, ends=ends)

    def close_all(self) -> None:
        """Stop everything, each flow at the end of its epoch. A second call does nothing."""
        atexit.unregister(self.close_all)
        if self._watch is not None:
            self._watch.close()
        flows = self._flows_now()
        for flow in flows:
            flow.stop_soon()
        for flow in flows:
            flow.close()
        with self._lock:
            self._flows.clear()
        if "_runtime" in self.__dict__:
            self.__dict__.pop("_runtime").close()
        if "engine" in self.__dict__:
            self.__dict__.pop("engine").instance.close()
        if "topics" in self.__dict__:
            self.__dict__.pop("topics").close()


def _die(failure: FlowFailure) -> None:
    """A flow over several processes cannot end cleanly in one of them: the others must not close another epoch."""
    os.write(2, f"mergus: {failure.message}\n".encode(errors="replace"))
    os._exit(3)
