"""The main of a host process: the commands that its server drives it by, over a pipe."""

from __future__ import annotations

import faulthandler
import os
import pickle
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from multiprocessing.connection import Connection
from typing import Any

from ...errors import InternalError, MergusError
from ...plan.pull.plan import PullPlan
from ...plan.pull.shapes import PullShape
from ..pull.scan import NumberedScans
from .garbage import set_modules_apart
from .host import Event, Host, HostSettings
from .wire import table_bytes, table_of, unpack

_NEIGHBOURLY_S = 2e-4
"""How long a thread may keep Python to itself in a host of several queries: a busy flow holds up its neighbours and pull
queries 25 times shorter than with the default."""


def serve(connection: Connection, settings: HostSettings) -> None:
    """The main of a host process: answers commands until its server goes away."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server decides when its hosts end
    faulthandler.enable()  # a library's crash says where, on standard error
    sys.setswitchinterval(_NEIGHBOURLY_S)
    set_modules_apart()
    sending = threading.Lock()

    def tell(event: Event) -> None:
        with sending:
            connection.send(("event", event))

    host = Host(settings, tell, alone=True)
    scans = NumberedScans()
    pool = ThreadPoolExecutor(8, thread_name_prefix="command")

    def answer(number: int, command: str, args: tuple[Any, ...]) -> None:
        try:
            reply = ("done", number, _do(host, scans, command, args))
        except MergusError as error:
            reply = ("error", number, error)
        except Exception as error:  # noqa: BLE001 - it is the caller's to show
            reply = ("error", number, InternalError(f"{type(error).__name__}: {error}"))
        with sending:
            try:
                connection.send(reply)
            except (TypeError, AttributeError, pickle.PicklingError, RuntimeError) as error:
                # nothing of it has been written: whoever waits must not wait for ever
                connection.send(("error", number, InternalError(f"{command}: {type(error).__name__}: {error}")))

    try:
        while True:
            number, command, args = connection.recv()
            if command == "end":
                break
            if command == "ping" or _is_quick(host, command, args):
                answer(number, command, args)
            else:
                pool.submit(answer, number, command, args)
        host.close_all()
    except (EOFError, OSError):
        os._exit(0)  # the server has died: what it promised is on disk, nothing more must happen
    with sending:
        connection.send(("done", number, None))
    os._exit(0)


_unpacked = lru_cache(256)(unpack)


def _is_quick(host: Host, command: str, args: tuple[Any, ...]) -> bool:
    """Whether a command is the question for a key of an open table. Beside a busy flow it is answered sooner than it would be
    handed to another thread, which had to wait for its turn at the interpreter again."""
    if command != "pull":
        return False
    query_id, plan, _ = args
    asked = _unpacked(plan)
    return isinstance(asked, PullShape) and asked.plan.by_key and host.is_open(query_id)


def _pull_plan(content: bytes, values: tuple[Any, ...]) -> PullPlan:
    """What was sent is a plan, or the shape that many are of."""
    plan: PullPlan | PullShape = _unpacked(content)
    return plan.filled(values) if isinstance(plan, PullShape) else plan


def _do(host: Host, scans: NumberedScans, command: str, args: tuple[Any, ...]) -> Any:
    match command:
        case "start":
            return host.start(*args)
        case "pause":
            return host.pause(*args)
        case "close":
            return host.close(*args)
        case "pull":
            query_id, plan, values = args
            return scans.begin(host.pull(query_id, _pull_plan(plan, values)))
        case "more":
            return scans.more(*args)
        case "drop":
            return scans.drop(*args)
        case "infer":
            answers, errors = host.infer(unpack(args[0]), table_of(args[1]))
            return table_bytes(answers), errors
        case "load_ahead":
            return host.ask_load_ahead(*args)()
        case "version_stats":
            return host.version_stats()
        case "statuses":
            return host.statuses(ends=args[0])
        case "ping":
            return time.monotonic()
        case _:
            raise InternalError(f"a host knows no command {command}")
