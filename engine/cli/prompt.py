"""The prompt: statements typed by people, on a server over HTTP or on an engine of its own."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from prompt_toolkit import PromptSession
from prompt_toolkit.completion import WordCompleter
from prompt_toolkit.history import FileHistory, InMemoryHistory

from ..serving.connection.local import Connection
from ..serving.connection.remote import RemoteConnection
from ..serving.engine import Engine
from ..serving.results import Listing
from .options import log_to_stderr, quiet, settings
from .run import texts_of
from .shell import PROMPT, Backend, Shell, pieces, whole

WORDS = """CREATE STREAM TABLE AS SELECT FROM WHERE GROUP BY PARTITION HAVING WINDOW TUMBLING HOPPING CUMULATIVE SIZE STEP
ADVANCE GRACE PERIOD RETENTION EMIT CHANGES FINAL LIMIT INSERT INTO VALUES WITH KAFKA_TOPIC VALUE_FORMAT KEY_FORMAT
PARTITIONS PRIMARY KEY SHOW STREAMS TABLES TOPICS QUERIES FUNCTIONS PROPERTIES DESCRIBE EXTENDED FUNCTION EXPLAIN DROP
TERMINATE PAUSE RESUME SET UNSET DEFINE UNDEFINE LEFT JOIN ON COUNT SUM AVG MIN MAX"""


def names(backend: Backend) -> list[str]:
    """Streams and tables, for completion."""
    bodies = [r.body for r in backend.execute("SHOW STREAMS; SHOW TABLES;") if isinstance(r, Listing)]
    return [each["name"] for body in bodies for each in (*body.get("streams", ()), *body.get("tables", ()))]


def prompt(
    *,
    server: str | None = None,
    data: Path | None = None,
    kafka: str | None = None,
    execute: Annotated[str | None, Parameter(name=["--execute", "-e"])] = None,
    file: Annotated[Path | None, Parameter(name=["--file", "-f"])] = None,
) -> int:
    """Open a prompt on a server (--server URL) or on an engine of its own.

    Parameters
    ----------
    server
        URL of a running server, for example http://127.0.0.1:8088.
    data
        The data folder of an engine of its own; without one a private folder, removed afterwards.
    kafka
        Bootstrap servers of a Kafka cluster for that engine.
    execute
        Carry out these statements, and end.
    file
        Carry out a file's statements, and end.
    """
    quiet()
    given = list(texts_of([] if file is None else [file], [] if execute is None else [execute]))
    if server is not None:
        return loop(RemoteConnection(server), given)
    with tempfile.TemporaryDirectory(prefix="mergus-", ignore_cleanup_errors=True) as private:
        chosen = settings({"data": private if data is None else str(data), "kafka.bootstrap": kafka})
        log_to_stderr(chosen, least="error")
        engine = Engine.open(chosen, in_process=True)
        try:
            return loop(Connection(engine), given)
        finally:
            engine.close()


def loop(backend: Backend, given: list[str]) -> int:
    """Carry out what is given, else what is piped in, else what is typed until the end of input; a typed statement's
    refusal is shown and the prompt goes on, any other's ends it with status 1."""
    shell = Shell(backend)
    if given or not sys.stdin.isatty():
        for text in given or [sys.stdin.read()]:
            for piece in pieces(text):
                if shell.left or shell.refused:
                    break
                shell.carry_out(piece)
        return 1 if shell.refused else 0
    session: PromptSession[str] = PromptSession(history=_history())
    print("Mergus. Type help, or a statement that ends with a semicolon.")
    while not shell.left:
        try:
            shell.carry_out(_read(session, backend))
        except EOFError:
            break
        except KeyboardInterrupt:
            continue
    return 0


def _read(session: PromptSession[str], backend: Backend) -> str:
    completer = WordCompleter([*WORDS.split(), *names(backend)], ignore_case=True)
    text = session.prompt(PROMPT, completer=completer, complete_while_typing=False)
    while not whole(text):
        text += "\n" + session.prompt("     -> ", completer=completer, complete_while_typing=False)
    return str(text)


def _history() -> FileHistory | InMemoryHistory:
    path = Path.home() / ".mergus_history"
    try:
        path.touch(exist_ok=True)
    except OSError:
        return InMemoryHistory()
    return FileHistory(str(path))
