"""Host processes, as the server sees them: started from a fork server, spoken to over pipes, placed by what they share.

The fork server has imported the engine before anything else happened, so a host costs a fork, not seconds of imports; it
holds no threads, no DuckDB and no model when it forks (DESIGN §7.1). A host that dies is told to whoever asked to know.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import multiprocessing
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from functools import lru_cache
from multiprocessing.context import ForkServerContext
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa

from ...config import usable_cores
from ...errors import EnvironmentFault, MergusError
from ...inference.stats import ModelStats
from ...inference.versions.routes import NumberedVersion
from ...plan.physical.calls import models_called
from ...plan.physical.steps import Evaluate, QueryPlan
from ...plan.pull.plan import PullPlan
from ...plan.pull.shapes import PullShape
from ...sql.expressions import Call, walk
from ...sql.functions import ArrowFunction, PythonAggregate
from ..flows.flow import FlowStatus
from ..pull.scan import Tables
from .host import Event, FlowSpec, HostSettings
from .main import serve
from .wire import pack, table_bytes, table_of

log = logging.getLogger("mergus.queries")
ANSWER_S = 60.0
LOAD_S = 120.0
"""How long a model may take to be in memory; a look at its artefact may take as long."""
STATUS_S = 5.0
"""How long a status may take: a host that a function holds up must not hold up who looks at the others."""
PING_S = 15.0
"""How long a host may take to say that it is there. A thread of it does little else, but on a busy machine TensorFlow's
import keeps that from its turn for seconds."""
LOOK_S = 0.5
_starting = threading.Lock()
_PRELOADED = ["mergus.engine.runtime.hosts.main"]


def fork_server() -> ForkServerContext:
    """The fork server; start it (`prepare`) before the process has threads, so that the first query need not wait."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    return context


def prepare() -> None:
    """Start the fork server in the background of the server's own start."""
    from multiprocessing.forkserver import ensure_running

    fork_server()
    ensure_running()


@contextlib.contextmanager
def _nameless_main() -> Iterator[None]:
    """While a process is started here, the module __main__ has no file: multiprocessing would run a user's script again in
    the child, to its own `connect`. A host needs nothing of it, for functions of __main__ travel by value (wire.py)."""
    with _starting:
        main = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = main


def _is_stopped(pid: int) -> bool:
    """Whether the system does not let a process run (SIGSTOP); False where it does not say (/proc is Linux's)."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (OSError, IndexError):
        return False
    return state in "Tt"


class HostAway(EnvironmentFault):
    """A host process has ended, or does not answer: what it was told to run is started by another, or when it answers again."""


class HostProcess:
    """A host in a process of its own. Methods may be called from any thread; `tell` gets its events, `died` is called
    once when it has gone without being asked to."""

    def __init__(
        self, name: str, settings: HostSettings, tell: Callable[[Event], None], died: Callable[[HostProcess], None]
    ) -> None:
        self.name = name
        self.queries: set[str] = set()
        self._tell = tell
        self._died = died
        self._waiting: dict[int, Future[Any]] = {}
        self._numbers = itertools.count(1)
        self._sending = threading.Lock()
        self._ending = False
        self._unanswered: Future[Any] | None = None  # a status that took too long
        self._pinged: tuple[Future[Any], float] | None = None  # a ping that has not been answered, and since when
        self._told: Future[Any] | None = None  # the ping of which the log says that it is not answered
        self._ending_heard: Future[Any] | None = None
        context = fork_server()
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, settings), name=f"mergus {name}", daemon=True)
        with _nameless_main():
            self._process.start()
        theirs.close()
        threading.Thread(target=self._listen, name=f"host {name}", daemon=True).start()

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid or 0

    def ending(self) -> str:
        """How the process came to its end."""
        self._process.join(1.0)
        status = self._process.exitcode
        if status is None or status >= 0:
            return f"status {status}"
        return f"killed by {signal.Signals(-status).name}" if -status in set(signal.Signals) else f"signal {-status}"

    def start(self, spec: FlowSpec) -> None:
        """Run a query; returns when it is on its way."""
        self.queries.add(spec.settings.query_id)
        self._ask("start", spec)

    def pause(self, query_id: str) -> None:
        """Stop it at the end of its epoch."""
        self._ask("pause", query_id)

    def close(self, query_id: str, limit_s: float = ANSWER_S) -> None:
        """Stop it for good."""
        self._ask("close", query_id, limit_s=limit_s)
        self.queries.discard(query_id)

    def pull(self, query_id: str, pull: PullPlan) -> Tables:
        """A pull query's answer. While its reader works on one piece the host makes the next, and no more than that."""
        plan = pack(pull) if pull.shape is None else _packed(pull.shape)
        piece, scan = self._ask("pull", query_id, plan, pull.values)
        try:
            while scan is not None:
                coming = self._send("more", scan)
                yield table_of(piece)
                piece, scan = self._answer(coming)
        finally:
            if scan is not None:
                with contextlib.suppress(EnvironmentFault):  # it has gone, and the scan with it
                    self._send("drop", scan)
        yield table_of(piece)

    def infer(self, model: Any, rows: pa.Table) -> tuple[pa.Table, list[tuple[int, str]]]:
        """A model's answers to rows that no query gave."""
        answers, errors = self._ask("infer", pack(model), table_bytes(rows))
        return table_of(answers), errors

    def ask_load_ahead(self, version: NumberedVersion) -> Callable[[], None]:
        """Have a version of a model in memory before it answers; what is given waits until it is. Raises HostAway where nobody
        is there to say so."""
        asked = self._send("load_ahead", version)
        return lambda: self._answer(asked, LOAD_S)

    def version_stats(self) -> dict[tuple[str, str], ModelStats]:
        """What the versions of models have done there."""
        made: dict[tuple[str, str], ModelStats] = self._ask("version_stats", limit_s=STATUS_S)
        return made

    def ask_statuses(self, *, ends: bool = False) -> Callable[[], list[FlowStatus]]:
        """Ask how its queries stand; what is given waits for the answer. Both raise HostAway: when it does not say so
        in time, and at once for as long as it has not answered after that."""
        if self._unanswered is not None and not self._unanswered.done():
            raise self._no_answer()
        asked, until = self._send("statuses", ends), time.monotonic() + STATUS_S

        def answer() -> list[FlowStatus]:
            try:
                made: list[FlowStatus] = asked.result(max(0.0, until - time.monotonic()))
            except TimeoutError:
                self._unanswered = asked
                self._ping()
                raise self._no_answer() from None
            return made

        return answer

    def end_soon(self) -> None:
        """Have it stop its flows at the end of their epochs, and then the process, without waiting."""
        if not self._ending:
            self._ending = True
            with contextlib.suppress(HostAway):  # it has gone already
                self._ending_heard = self._send("ping")
                self._send("end")

    def end(self, limit_s: float = 30.0) -> None:
        """The same, and wait; ends the process by force after `limit_s`, and sooner where it does not even hear that."""
        self.end_soon()
        with contextlib.suppress(HostAway, TimeoutError):
            if not self.silent and self._ending_heard is not None:
                self._answer(self._ending_heard, min(limit_s, PING_S))
                self._process.join(limit_s)
        self.kill()

    def kill(self) -> None:
        """End the process now; its queries go on from their checkpoints elsewhere."""
        self._ending = True
        self._process.kill()
        self._process.join()

    def die(self) -> None:
        """End the process as a crash would: `died` is called, and its queries are started again."""
        self._process.kill()
        self._process.join()

    @property
    def silent(self) -> bool:
        """Whether it does nothing at all: it is stopped, or has not answered a ping (a function keeps Python to itself)."""
        if self._pinged is None or self._pinged[0].done():
            return False
        return time.monotonic() - self._pinged[1] > PING_S or _is_stopped(self.pid)

    def _ask(self, command: str, *args: Any, limit_s: float = ANSWER_S) -> Any:
        return self._answer(self._send(command, *args), limit_s)

    def _answer(self, asked: Future[Any], limit_s: float = ANSWER_S) -> Any:
        """Who asks a host that does not even answer a ping waits no longer: requests that wait would use up the server's
        threads, and hold up all others."""
        until, wait_s = time.monotonic() + limit_s, 0.0 if self.silent else min(limit_s, STATUS_S)
        while True:
            try:
                return asked.result(wait_s)
            except TimeoutError:
                self._ping()
                left_s = until - time.monotonic()
                if left_s <= 0 or self.silent:
                    raise self._no_answer() from None
                wait_s = min(left_s, LOOK_S)

    def _ping(self) -> None:
        """See to it that a ping is under way, or not answered."""
        if self._pinged is None or self._pinged[0].done():
            self._pinged = self._send("ping"), time.monotonic()

    def _no_answer(self) -> HostAway:
        if self.silent and self._pinged is not None and self._told is not self._pinged[0]:
            self._told = self._pinged[0]
            log.error("host process %d does not answer; queries: %s", self.pid, ", ".join(sorted(self.queries)))
        return HostAway(
            f"host process {self.pid} does not answer",
            hint="a function that one of its queries calls may hang; TERMINATE the query, or end the process",
        )

    def _send(self, command: str, *args: Any) -> Future[Any]:
        answer: Future[Any] = Future()
        with self._sending:
            number = next(self._numbers)
            self._waiting[number] = answer
            try:
                self._pipe.send((number, command, args))
            except OSError:
                self._waiting.pop(number)
                raise self._gone() from None
        return answer

    def _gone(self) -> HostAway:
        return HostAway(f"host process {self.pid} has ended", hint="it is started again; ask again in a moment")

    def _listen(self) -> None:
        try:
            while True:
                kind, *rest = self._pipe.recv()
                if kind == "event":
                    with contextlib.suppress(MergusError):  # what is done about it must not end the listening
                        self._tell(rest[0])
                    continue
                number, result = rest
                answer = self._waiting.pop(number, None)
                if answer is None:
                    continue
                if kind == "done":
                    answer.set_result(result)
                else:
                    answer.set_exception(result)
        except (EOFError, OSError):
            with self._sending:
                waiting, self._waiting = self._waiting, {}
            for answer in waiting.values():
                answer.set_exception(self._gone())
            if not self._ending:
                self._died(self)


@lru_cache(1024)
def _packed(shape: PullShape) -> bytes:
    """What all plans of one shape send."""
    return pack(shape)


def placement(plan: QueryPlan, workers: int, taken: Sequence[str]) -> str:
    """The name of the host that a query belongs in. Alone: several workers, a row-at-a-time Python function, which holds
    the interpreter, or any function of the user's, which may end the process. Together: those that use one model, which
    is loaded once. Others share, the least full first."""
    if workers > 1 or _runs_python(plan):
        return f"alone {plan.query_id}"
    models = sorted({model.name for model in models_called(plan)})
    if models:
        return model_place(models[0])
    shared = [f"shared {i}" for i in range(max(1, usable_cores() // 2))]
    return min(shared, key=lambda name: sum(t == name for t in taken))


def model_place(name: str) -> str:
    """The name of the host in which a model runs."""
    return f"models {name}"


def _runs_python(plan: QueryPlan) -> bool:
    exprs = []
    for step in (step for stage in plan.stages for step in stage.steps):
        if any(isinstance(call.spec, PythonAggregate) for call in getattr(step, "calls", ()) if hasattr(call, "spec")):
            return True
        if isinstance(step, Evaluate):
            exprs += [*step.columns, *([] if step.where is None else [step.where])]
    calls = [node for expr in exprs for node in walk(expr) if isinstance(node, Call)]
    functions = [c.implementation for c in calls if isinstance(c.implementation, ArrowFunction)]
    return any(function.row_at_a_time or function.users for function in functions)


def free_addresses(count: int) -> tuple[str, ...]:
    """Loopback ports that nobody listens on now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    addresses = tuple(f"127.0.0.1:{s.getsockname()[1]}" for s in sockets)
    for each in sockets:
        each.close()
    return addresses
