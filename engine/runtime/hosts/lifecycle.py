"""The queries of a server: which run, in which host, and what becomes of them when something dies.

A query is RUNNING, PAUSED, ERROR (it failed and will be tried again), UNRESPONSIVE (its process does not answer) or
FINISHED (its input was bounded). What must survive the server is in the command log; here is only what runs. Hosts that
die are started again with growing pauses, and their queries go on from their checkpoints.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa

from ...clock import SystemClock
from ...errors import EnvironmentFault, UnknownName
from ...inference.stats import ModelStats, together
from ...inference.versions.routes import NumberedVersion
from ...io.topics import Topics
from ...plan.physical.one_worker import needs_one_worker
from ...plan.physical.steps import QueryPlan
from ...plan.pull.plan import PullPlan
from ..flows.dataflow import FlowSettings
from ..flows.flow import FlowStatus
from ..flows.silence import IDLE_TIMEOUT
from ..pull.reading import away
from ..pull.scan import Tables, in_turn
from ..telemetry.failures import Failures
from ..telemetry.metrics import QueryMetrics, exposition
from .entry import Entry, as_one, last_known, unresponsive, wanted
from .host import Event, FlowSpec, Host, HostSettings
from .processes import HostAway, HostProcess, free_addresses, model_place, placement
from .wire import pack, table_of

T = TypeVar("T")
DEATHS_PAUSE_S = (0.0, 0.2, 1.0, 5.0, 15.0)
"""The wait before a host is started again, by how often it has died within the last minute."""
log = logging.getLogger("mergus.queries")
END_S = 30.0
"""How long all hosts together may take to end when the server does."""
CLOSE_S = 20.0
"""How long a query that is terminated may take to end its epoch before its process is ended."""


@dataclass(frozen=True)
class RunSettings:
    """How queries run unless said otherwise. `in_process`: in threads of this process, without hosts (`mergus run`)."""

    workers: int = 1
    processes: int = 1
    epoch_ms: int = 500
    rows_max: int = 50_000
    bytes_max: int = 64 << 20
    in_process: bool = False


class Lifecycle:
    """Starts, stops and looks after queries. Methods may be called from any thread. `topics`: the server's own."""

    def __init__(self, hosts: HostSettings, topics: Topics, run: RunSettings | None = None) -> None:
        self._settings = hosts
        self._run = run or RunSettings()
        self._topics = topics
        self._entries: dict[str, Entry] = {}
        self._hosts: dict[str, Host | HostProcess] = {}
        self._deaths: dict[str, list[float]] = {}
        self._closing = False
        self._lock = threading.RLock()
        self._failures = Failures(topics, SystemClock().now_ms)

    # -------------------------------------------------------------------------------------------------------- commands
    def start(
        self, plan: QueryPlan, *, latest: bool = False, bounded: bool = False, paused: bool = False, trouble: str = ""
    ) -> None:
        """Run a persistent query, from its checkpoint where it has one. `latest`: a fresh one begins at the topics' ends;
        `bounded`: it is FINISHED when it has read what was there; `paused`: it is known, but waits for `resume`; `trouble`: why
        it will not come far."""
        self._add(plan, self._run.workers, latest=latest, bounded=bounded, paused=paused, trouble=trouble)

    def start_push(
        self,
        plan: QueryPlan,
        take: Callable[[pa.Table], None],
        *,
        ended: Callable[[FlowStatus], None] | None = None,
        latest: bool = True,
        bounded: bool = False,
    ) -> None:
        """Run a push query: a plan without a sink, whose last edge's rows `take` gets batch by batch on a thread of the
        runtime's. `ended` is told when it has FINISHED or failed. Its state is thrown away when it is terminated."""
        shutil.rmtree(self.folder(plan.query_id), ignore_errors=True)
        self._add(plan, 1, latest=latest, bounded=bounded, paused=False, take=take, ended=ended)

    def _add(
        self,
        plan: QueryPlan,
        workers: int,
        *,
        latest: bool,
        bounded: bool,
        paused: bool,
        trouble: str = "",
        take: Callable[[pa.Table], None] | None = None,
        ended: Callable[[FlowStatus], None] | None = None,
    ) -> None:
        run = self._run
        alone = take is not None or needs_one_worker(plan)
        workers, processes = (1, 1) if alone else (workers, run.processes)
        settings = FlowSettings(
            plan.query_id,
            self.folder(plan.query_id),
            workers,
            run.epoch_ms,
            run.rows_max,
            run.bytes_max,
            idle_timeout_ms=int(plan.settings.get(IDLE_TIMEOUT, "0")),
        )
        spec = FlowSpec(settings, plan if run.in_process else pack(plan), latest, bounded, take is not None, trouble)
        with self._lock:
            taken = [entry.place for entry in self._entries.values()]
            place = placement(plan, workers * processes, taken)
            entry = Entry(plan, spec, place, paused=paused, take=take, ended=ended)
            entry.hosts = self._hosts_for(entry, processes)  # before others see it: who asks none gets no answer
            self._entries[plan.query_id] = entry
        self._begin_by_hosts(entry)

    def _begin_by_hosts(self, entry: Entry) -> None:
        """That a host ends, or hangs, is no fault of a persistent query's: it begins when the host is there again. A push
        query is refused."""
        try:
            self._begin(entry)
        except HostAway as error:
            if entry.take is not None:
                self._entries.pop(entry.plan.query_id, None)
                raise
            log.warning("query %s has not begun yet: %s", entry.plan.query_id, error.message)

    def _begin(self, entry: Entry) -> None:
        count = len(entry.hosts)
        addresses = free_addresses(count) if count > 1 else ()
        for process, host in enumerate(entry.hosts):
            settings = replace(entry.spec.settings, addresses=addresses, process=process)
            host.start(replace(entry.spec, settings=settings, paused=entry.paused))
        entry.spec = replace(entry.spec, trouble="")

    def pause(self, query_id: str) -> None:
        """Stop at the end of the epoch; the table stays readable."""
        entry = self._entry(query_id)
        entry.paused = True
        for host in entry.hosts:
            try:
                host.pause(query_id)
            except HostAway as error:  # it is not begun again in the next host
                log.warning("query %s has not come to rest yet: %s", query_id, error.message)

    def resume(self, query_id: str) -> None:
        """Go on after a pause; also tries a failed query again at once."""
        entry = self._entry(query_id)
        entry.paused = False
        self._begin_by_hosts(entry)

    def try_again(self) -> None:
        """Try queries in ERROR at once: what they failed of may be mended."""
        for query_id, status in self.statuses().items():
            entry = self._entries.get(query_id)
            if status.state == "ERROR" and entry is not None and entry.take is None and not entry.paused:
                self._begin_by_hosts(entry)

    def terminate(self, query_id: str, *, keep_state: bool = False) -> None:
        """End it for good and remove its state; with `keep_state` another plan may go on with that."""
        entry = self._entry(query_id)
        with self._lock:
            self._entries.pop(query_id, None)
        self._failures.forget(query_id)
        for host in entry.hosts:
            try:
                host.close(query_id, CLOSE_S)
            except UnknownName:
                continue  # it has not come that far there, or has ended with its process
            except EnvironmentFault as error:
                log.warning("query %s does not stop, and its process is ended: %s", query_id, error.message)
                if isinstance(host, HostProcess):
                    host.die()  # its neighbours go on from their checkpoints
        if entry.place.startswith("alone"):
            for host in entry.hosts:
                self._end_host(host)
        if not keep_state:
            shutil.rmtree(self.folder(query_id), ignore_errors=True)

    def folder(self, query_id: str) -> Path:
        """Where a query's state lies."""
        return self._settings.data / "state" / query_id

    # --------------------------------------------------------------------------------------------------------- answers
    def pull(self, query_id: str, pull: PullPlan) -> Tables:
        """A pull query over the table that a query keeps, piece by piece; sees whole batches."""
        entry = self._entries.get(query_id)
        if entry is None:  # the catalog has it: it is being started, replaced or ended
            raise away(query_id)
        return in_turn([host.pull(query_id, pull) for host in entry.hosts], pull.limit)

    def infer(self, model: Any, rows: pa.Table) -> tuple[pa.Table, list[tuple[int, str]]]:
        """A model's answers to rows that no query gave, from the host where its queries run: c0 the values, c1 the version
        of each; and (row, reason) of those that failed. Raises UserError or EnvironmentFault where it cannot be run."""
        with self._lock:
            host = self._host("here" if self._run.in_process else model_place(model.name))
        return host.infer(model, rows)

    def load_ahead(self, version: NumberedVersion) -> None:
        """Have a version in memory wherever its model is used; raises UserError or EnvironmentFault where it cannot be."""
        for answer in self._asked(lambda host: host.ask_load_ahead(version)):
            with contextlib.suppress(HostAway):  # it has died, and loads what answers when it has started again
                answer()

    def version_stats(self) -> dict[int, dict[tuple[str, str], ModelStats]]:
        """What the versions of models have done, by model and number, for each host by its process (0: this one); who does
        not answer is left out."""
        made = {}
        for host in self._hosts_now():
            with contextlib.suppress(EnvironmentFault):
                made[host.pid if isinstance(host, HostProcess) else 0] = host.version_stats()
        return made

    def statuses(self, *, ends: bool = False) -> dict[str, FlowStatus]:
        """Every query's status; with `ends`, how far its sources reach is asked too."""
        found: dict[str, list[FlowStatus]] = {}
        for answer in self._asked(lambda host: host.ask_statuses(ends=ends)):
            with contextlib.suppress(EnvironmentFault):  # it has just died, or hangs: the last known holds
                for status in answer():
                    found.setdefault(status.query_id, []).append(status)
        made: dict[str, FlowStatus] = {}
        for query_id, entry in list(self._entries.items()):
            known = found.get(query_id)
            entry.last = as_one(known) if known else last_known(query_id, entry)
            status = replace(entry.last, metrics=entry.last.metrics.plus(entry.gone))
            silent = entry.silent
            made[query_id] = status if silent is None else unresponsive(status, silent)
        return made

    def _asked(self, ask: Callable[[Host | HostProcess], Callable[[], T]]) -> list[Callable[[], T]]:
        """What waits for the answer of each host that can be asked: all are asked before any is waited for."""
        answers = []
        for host in self._hosts_now():
            with contextlib.suppress(EnvironmentFault):
                answers.append(ask(host))
        return answers

    def status(self, query_id: str) -> FlowStatus:
        """One query's; raises UnknownName when it does not run."""
        self._entry(query_id)
        return self.statuses(ends=True)[query_id]

    def metrics(self, left_out: int = 0) -> bytes:
        """What /metrics answers of queries, models and processes, and of the statements that are `left_out`."""
        statuses = self.statuses(ends=True)
        queries = [status.metrics for status in statuses.values()]
        states = {query_id: status.state for query_id, status in statuses.items()}
        pids = {host.name: host.pid for host in self.host_processes()} | {"server": os.getpid()}
        return exposition(queries, states, together(self.version_stats().values()), pids, left_out)

    def wait_caught_up(self, query_ids: Collection[str] | None = None, limit_s: float = 3600.0) -> list[FlowStatus]:
        """Return when the queries (None: all) have worked in all that their topics hold, and what they wrote meanwhile,
        or as soon as one has failed: see the statuses. Nobody waits for those that are paused. Raises EnvironmentFault after
        `limit_s`."""
        begun, before = time.monotonic(), ""
        shortest = 0.005 if self._run.in_process else 0.02
        while True:
            all_of_them = self.statuses(ends=True)
            held = {q for q, entry in list(self._entries.items()) if entry.paused}
            statuses = [s for q, s in all_of_them.items() if q not in held and (query_ids is None or q in query_ids)]
            if any(s.state == "ERROR" for s in statuses):
                return statuses
            now = repr([(s.query_id, sorted(s.ends.items())) for s in statuses])
            if all(s.caught_up for s in statuses) and now == before:
                return statuses  # twice in a row with the same ends: no query has written for another in between
            before = now if all(s.caught_up for s in statuses) else ""
            waited = time.monotonic() - begun
            if waited > limit_s:
                raise EnvironmentFault("the queries have not caught up in time")
            time.sleep(min(max(shortest, waited / 100), 0.1))  # a look costs a millisecond

    def close(self) -> None:
        """Stop everything at the end of its epoch."""
        with self._lock:
            self._closing = True
            hosts, self._hosts = list(self._hosts.values()), {}
        for host in hosts:  # all are told before any is waited for; no threads, for the interpreter may be at its end
            if isinstance(host, HostProcess):
                host.end_soon()
        until = time.monotonic() + END_S
        for host in hosts:
            _end(host, max(0.0, until - time.monotonic()))
        self._failures.close()

    # ------------------------------------------------------------------------------------------------------------ hosts
    def _entry(self, query_id: str) -> Entry:
        entry = self._entries.get(query_id)
        if entry is None:
            raise UnknownName(f"query {query_id} does not exist", hint="SHOW QUERIES lists those that do")
        return entry

    def _hosts_now(self) -> list[Host | HostProcess]:
        with self._lock:
            return list(self._hosts.values())

    def host_processes(self) -> list[HostProcess]:
        """The processes that run queries now."""
        return [host for host in self._hosts_now() if isinstance(host, HostProcess)]

    def _hosts_for(self, entry: Entry, processes: int) -> list[Host | HostProcess]:
        if self._run.in_process:
            return [self._host("here")]
        names = [entry.place] if processes == 1 else [f"{entry.place} {i}" for i in range(processes)]
        return [self._host(name) for name in names]

    def _host(self, name: str) -> Host | HostProcess:
        if name not in self._hosts:
            if self._run.in_process:
                self._hosts[name] = Host(self._settings, self._event)
            else:
                self._hosts[name] = HostProcess(name, self._settings, self._event, self._died)
        return self._hosts[name]

    def _end_host(self, host: Host | HostProcess) -> None:
        if isinstance(host, HostProcess):
            with self._lock:
                self._hosts.pop(host.name, None)
            host.end(5.0)

    def _died(self, host: HostProcess) -> None:
        """On the listening thread of a host that has gone: start it and its queries again."""
        with self._lock:
            if self._closing or self._hosts.get(host.name) is not host:
                return
            deaths = [at for at in self._deaths.get(host.name, []) if at > time.monotonic() - 60]
            self._deaths[host.name] = [*deaths, time.monotonic()]
            hit = [entry for entry in self._entries.values() if host in entry.hosts]
        reason = f"its process {host.pid} has ended: {host.ending()}"
        for entry in hit:
            self._lost(entry, reason, again=bool(deaths))
        pause_s = DEATHS_PAUSE_S[min(len(deaths), len(DEATHS_PAUSE_S) - 1)]
        threading.Timer(pause_s, self._start_again, [host, hit]).start()

    def _lost(self, entry: Entry, reason: str, *, again: bool) -> None:
        """A persistent query goes on from its checkpoint; a push query, which cannot take back what it gave, has failed."""
        query_id = entry.plan.query_id
        last = last_known(query_id, entry)
        if entry.take is None:
            self._failures.note(query_id, reason, reason)
            entry.gone = replace(last.metrics.plus(entry.gone), state_bytes=0, parts={})
            state = "ERROR" if again and not entry.paused else last.state
            entry.last = replace(last, error=reason, state=state, metrics=QueryMetrics(query_id))
        elif entry.ended is not None:
            entry.ended(replace(last, error=reason, state="ERROR"))

    def _start_again(self, host: HostProcess, hit: list[Entry]) -> None:
        with self._lock:
            if self._closing or self._hosts.get(host.name) is not host:
                return
            hit = [entry for entry in hit if self._entries.get(entry.plan.query_id) is entry and entry.take is None]
            gone = {h.name: h for entry in hit for h in entry.hosts if isinstance(h, HostProcess)} | {host.name: host}
            for old in gone.values():  # a flow over several processes begins again in all of them
                old.kill()
                self._hosts.pop(old.name, None)
            for entry in hit:
                entry.gone.restarts += 1
                entry.hosts = [self._host(h.name) for h in entry.hosts if isinstance(h, HostProcess)]
                entry.last = replace(last_known(entry.plan.query_id, entry), state=wanted(entry))
        for entry in hit:
            with contextlib.suppress(EnvironmentFault):  # it died again: that is told by itself
                self._begin(entry)

    def _event(self, event: Event) -> None:
        kind, query_id, value = event
        entry = self._entries.get(query_id)
        if entry is None:
            return
        if kind == "output" and entry.take is not None:
            entry.take(table_of(value))
        elif kind == "changed":
            entry.last = value
            if value.state == "ERROR":
                self._failures.note(query_id, value.error or "", value.words or "")
            if value.state in ("ERROR", "FINISHED") and entry.ended is not None:
                entry.ended(value)


def _end(host: Host | HostProcess, limit_s: float) -> None:
    if isinstance(host, HostProcess):
        host.end(limit_s)
    else:
        host.close_all()
