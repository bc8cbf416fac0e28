"""A model in a process of its own: one that hangs is killed, one that crashes takes nothing with it, and when it is let
go all of its memory is.

Engines keep threads, caches and pools as long as the process lives, and no thread can be ended from outside. So TIMEOUT_MS
and ISOLATED put a model behind a pair of sockets: arrays go there and back pickled, some 0.2 ms a call. The process reads
its standard input to the end and goes then, so that it does not outlive who started it. Run as
`python -m mergus.engine.inference.process FD`.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import EnvironmentFault, MergusError, RecordError, UserError
from .program import Program, Source, Tensor, Tensors
from .providers import registry as providers

LOAD_LIMIT_S = 120.0
ENDING_S = 5.0
"""How long a process that has closed its side may take to end of itself."""


class Unanswered(RecordError):
    """A call that was not answered in time."""


class ModelProcess:
    """A program elsewhere. `timeout_s`: how long a call may take, loading aside; None for as long as it takes. Calls of
    several threads go one after another. After a call that failed so the next one starts the process again."""

    def __init__(self, provider: str, source: Source, timeout_s: float | None) -> None:
        self.timeout_s = timeout_s
        self._name = source.name
        self._loading = ("load", provider, source)
        self._lock = threading.Lock()
        self._closed = False
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None
        loaded = self._start()
        self.loader: str = loaded["loader"]
        self.input_tensors: tuple[Tensor, ...] = loaded["inputs"]
        self.output_tensors: tuple[Tensor, ...] = loaded["outputs"]

    @property
    def pid(self) -> int | None:
        """The process that runs now."""
        return None if self._process is None else self._process.pid

    @property
    def resident_bytes(self) -> int:
        """The process's memory."""
        return 0 if self._process is None else resident_bytes(self._process.pid)

    def __call__(self, tensors: Tensors) -> Mapping[str, np.ndarray[Any, Any]]:
        """Run it over a batch; raises Unanswered, or UserError with what it said or how it ended."""
        with self._lock:
            if self._closed:
                raise UserError(f"model {self._name} has been unloaded")
            if self._process is None:
                self._start()
            made: Mapping[str, np.ndarray[Any, Any]] = self._ask(("call", dict(tensors)), self.timeout_s)
            return made

    def unload(self) -> None:
        """End the process, and give back all that it held."""
        with self._lock:
            self._closed = True
            self._end()

    def _start(self) -> dict[str, Any]:
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-m", __spec__.name if __spec__ else __name__, str(theirs.fileno())]
        with theirs:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,  # engines write what they like
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # an interrupt of the terminal is not the model's
            )
        self._connection = Connection(ours.detach())
        try:
            made: dict[str, Any] = self._ask(self._loading, LOAD_LIMIT_S)
        except BaseException:
            self._end()
            raise
        return made

    def _ask(self, question: tuple[Any, ...], limit_s: float | None) -> Any:
        assert self._connection is not None
        try:
            self._connection.send(question)
            if not self._connection.poll(limit_s):
                self._end()
                raise Unanswered(f"model {self._name} gave no answer within {(limit_s or 0) * 1000:g} ms")
            kind, answer = self._connection.recv()
        except (EOFError, OSError):
            how = self._end(ENDING_S)
            raise UserError(f"model {self._name}: its engine ended the process ({how})") from None
        if kind == "environment":
            raise EnvironmentFault(answer[0], detail=answer[1], hint=answer[2])
        if kind == "error":
            raise UserError(answer[0], detail=answer[1], hint=answer[2])
        return answer

    def _end(self, patience_s: float = 0.0) -> str:
        """Kill what has not ended by then; how it ended."""
        process, connection = self._process, self._connection
        self._process = self._connection = None
        if process is None or connection is None:
            return "it had ended"
        connection.close()
        try:
            process.wait(patience_s)
        except subprocess.TimeoutExpired:
            process.kill()
        status = process.wait()
        if process.stdin is not None:
            process.stdin.close()
        return f"killed by {signal.Signals(-status).name}" if status < 0 else f"status {status}"


def resident_bytes(pid: int | None = None) -> int:
    """The memory of a process (this one) that is not on disk; 0 where the system does not tell."""
    try:
        pages = Path(f"/proc/{pid or os.getpid()}/statm").read_text().split()[1]
    except OSError:
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def give_back_memory() -> None:
    """Have the C library return to the system what it keeps of freed memory; nothing where it has no way to (musl, macOS)."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def serve(connection: Connection) -> None:
    """What the process does: load a program, then answer calls until nobody asks."""
    program: Program | None = None
    while True:
        try:
            question = connection.recv()
        except EOFError:
            return
        try:
            if question[0] == "load":
                program = providers.load(question[1], question[2])
                answer: Any = {
                    "loader": program.loader,
                    "inputs": program.input_tensors,
                    "outputs": program.output_tensors,
                }
            else:
                assert program is not None  # loading is the first question
                answer = dict(program(question[1]))
            connection.send(("answer", answer))
        except MergusError as error:
            kind = "environment" if isinstance(error, EnvironmentFault) else "error"
            connection.send((kind, (error.message, error.detail, error.hint)))
        except Exception as error:  # noqa: BLE001 - an engine may raise anything; who asked is told
            connection.send(("error", (f"{type(error).__name__}: {error}", None, None)))


def go_with_the_owner() -> None:
    """Have this process end when its standard input does, which is when whoever started it has ended: also in the middle of
    a call."""

    def wait() -> None:
        while os.read(0, 4096):
            continue
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()


if __name__ == "__main__":
    go_with_the_owner()
    serve(Connection(int(sys.argv[1])))
