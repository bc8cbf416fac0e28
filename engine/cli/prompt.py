"""The prompt: statements typed by people, on a server over HTTP or on an engine of its own."""

from __future__ import annotations

import io
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import WordCompleter
from prompt_toolkit.history import FileHistory, InMemoryHistory

from ..errors import MergusError, ParseError, UserError
from ..serving.connection.answers import PullRows, PushRows
from ..serving.connection.local import Connection
from ..serving.connection.remote import RemoteConnection
from ..serving.engine import Engine
from ..serving.results import Listing
from ..sql.parser.parse import split_statements
from .options import log_to_stderr, quiet, settings
from .rendering import line_of, lines_of, write_named, write_told

WORDS = """CREATE STREAM TABLE AS SELECT FROM WHERE GROUP BY PARTITION HAVING WINDOW TUMBLING HOPPING CUMULATIVE SIZE STEP
ADVANCE GRACE PERIOD RETENTION EMIT CHANGES FINAL LIMIT INSERT INTO VALUES WITH KAFKA_TOPIC VALUE_FORMAT KEY_FORMAT
PARTITIONS PRIMARY KEY SHOW STREAMS TABLES TOPICS QUERIES FUNCTIONS PROPERTIES DESCRIBE EXTENDED FUNCTION EXPLAIN DROP
TERMINATE PAUSE RESUME SET UNSET DEFINE UNDEFINE LEFT JOIN ON COUNT SUM AVG MIN MAX"""
HELP = """Statements end with a semicolon and may take several lines.

  SHOW STREAMS; SHOW TABLES; SHOW QUERIES; DESCRIBE name; DESCRIBE FUNCTION name;
  SELECT … FROM table WHERE …;         asks once
  SELECT … FROM stream EMIT CHANGES;   goes on until Ctrl-C
  EXPLAIN query;                       how it runs
  RUN SCRIPT 'file';                   carries out a file's statements
  SPOOL 'file'; SPOOL OFF;             keeps what is typed and shown in a file
  help, exit (or Ctrl-D)
"""


Backend = Connection | RemoteConnection
"""Where statements go: an engine in this process, or a server. Both keep SET and DEFINE for the session."""


_RUN_SCRIPT = re.compile(r"RUN\s+SCRIPT\s+'((?:[^']|'')+)'\Z", re.IGNORECASE)
_SPOOL = re.compile(r"SPOOL\s+(?:'((?:[^']|'')+)'|OFF)\s*;?\Z", re.IGNORECASE)


def run(backend: Backend, text: str, within: tuple[Path, ...] = ()) -> Iterator[str]:
    """Carry out statements; what comes is shown as it comes. RUN SCRIPT carries out a file's, `within` the scripts at
    work. Raises MergusError."""
    for statement in split_statements(text):
        script = _RUN_SCRIPT.match(statement.text)
        if script is None:
            yield from _answered(backend, statement.text + ";")
        else:
            path = Path(script[1].replace("''", "'"))
            yield from run(backend, _script(path, within), (*within, path.resolve()))


def _script(path: Path, within: tuple[Path, ...]) -> str:
    if path.resolve() in within:
        raise UserError(f"script {path} runs itself")
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as why:
        raise UserError(f"script {path} cannot be read", detail=str(why)) from None


def _answered(backend: Backend, text: str) -> Iterator[str]:
    for result in backend.results(text):
        if isinstance(result, PushRows):
            yield from _pushed(result)
        else:
            out = io.StringIO()
            if isinstance(result, PullRows):
                write_named(result.answer().arrow(), out)
            else:
                write_told(result, out)
            yield out.getvalue()


def _pushed(rows: PushRows) -> Iterator[str]:
    yield line_of(rows.schema.names)
    try:
        for table in rows.batches():
            yield from lines_of(table)
    finally:
        rows.close()


def names(backend: Backend) -> list[str]:
    """Streams and tables, for completion."""
    bodies = [r.body for r in backend.execute("SHOW STREAMS; SHOW TABLES;") if isinstance(r, Listing)]
    return [each["name"] for body in bodies for each in (*body.get("streams", ()), *body.get("tables", ()))]


def prompt(*, server: str | None = None, data: Path | None = None, kafka: str | None = None) -> int:
    """Open a prompt on a server (--server URL) or on an engine of its own.

    Parameters
    ----------
    server
        URL of a running server, for example http://127.0.0.1:8088.
    data
        The data folder of an engine of its own; without one a private folder, removed afterwards.
    kafka
        Bootstrap servers of a Kafka cluster for that engine.
    """
    quiet()
    if server is not None:
        loop(RemoteConnection(server))
        return 0
    with tempfile.TemporaryDirectory(prefix="mergus-", ignore_cleanup_errors=True) as private:
        chosen = settings({"data": private if data is None else str(data), "kafka.bootstrap": kafka})
        log_to_stderr(chosen, least="error")
        engine = Engine.open(chosen, in_process=True)
        try:
            loop(Connection(engine))
        finally:
            engine.close()
    return 0


def loop(backend: Backend) -> None:
    """Read statements until the end of input; each one's refusal is shown and the prompt goes on."""
    if not sys.stdin.isatty():
        show(backend, sys.stdin.read())
        return
    session: PromptSession[str] = PromptSession(history=_history())
    print("Mergus. Type help, or a statement that ends with a semicolon.")
    spooled: Path | None = None
    while True:
        try:
            text = _read(session, backend)
        except EOFError:
            return
        except KeyboardInterrupt:
            continue
        word = text.strip().rstrip(";").lower()
        if word in ("exit", "quit"):
            return
        if word == "help":
            print(HELP)
        elif word:
            spooled = _typed(backend, text, spooled)


def _typed(backend: Backend, text: str, spooled: Path | None) -> Path | None:
    try:
        is_spool, spooled = spool(text, spooled)
    except UserError as error:
        print(error)
        return spooled
    if not is_spool:
        show(backend, text, spooled)
    return spooled


def _read(session: PromptSession[str], backend: Backend) -> str:
    completer = WordCompleter([*WORDS.split(), *names(backend)], ignore_case=True)
    text = session.prompt("mergus> ", completer=completer, complete_while_typing=False)
    while not whole(text):
        text += "\n" + session.prompt("     -> ", completer=completer, complete_while_typing=False)
    return str(text)


def whole(text: str) -> bool:
    """Whether what was typed can be carried out: it ends with a semicolon that no string or `$$` body holds.

    >>> whole("SHOW STREAMS;"), whole("help"), whole("SELECT 1"), whole("CREATE FUNCTION f AS $$ x;")
    (True, True, False, False)
    """
    words = text.strip()
    if not words or words.lower() in ("exit", "quit", "help"):
        return True
    try:
        list(split_statements(text))
    except ParseError:
        return False
    return words.endswith(";")


def _history() -> FileHistory | InMemoryHistory:
    path = Path.home() / ".mergus_history"
    try:
        path.touch(exist_ok=True)
    except OSError:
        return InMemoryHistory()
    return FileHistory(str(path))


def show(backend: Backend, text: str, spooled: Path | None = None) -> None:
    """Carry out statements and print what comes, into the file `spooled` too; Ctrl-C ends a push query."""
    _put(f"{text}\n", spooled, on_screen=False)
    try:
        for piece in run(backend, text):
            _put(piece, spooled)
    except MergusError as error:
        _put(f"{error}\n", spooled)
    except KeyboardInterrupt:
        print()


def _put(piece: str, spooled: Path | None, *, on_screen: bool = True) -> None:
    if on_screen:
        sys.stdout.write(piece)
        sys.stdout.flush()
    if spooled is not None:
        with spooled.open("a", encoding="utf-8") as file:
            file.write(piece)


def spool(text: str, spooled: Path | None) -> tuple[bool, Path | None]:
    """Whether `text` is SPOOL, and the file to write into from now on; raises UserError where that cannot be."""
    found = _SPOOL.match(text.strip())
    if found is None:
        return False, spooled
    if found[1] is None:
        return True, None
    path = Path(found[1].replace("''", "'"))
    try:
        path.write_text("", encoding="utf-8")
    except OSError as why:
        raise UserError(f"{path} cannot be written", detail=str(why)) from None
    return True, path
