"""The prompt: statements typed by people, on a server over HTTP or on an engine of its own."""

from __future__ import annotations

import json
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from pathlib import Path
from typing import Protocol

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import WordCompleter
from prompt_toolkit.history import FileHistory, InMemoryHistory
from rich.console import Console
from rich.table import Table

from ..errors import EnvironmentFault, MergusError, ParseError
from ..serving.engine import Engine
from ..serving.json_rows import row_texts
from ..serving.results import Push, Rows
from ..serving.session import Session
from ..sql.parser import split_statements
from .options import log_to_stderr, quiet, settings
from .rendering import as_text

WORDS = """CREATE STREAM TABLE AS SELECT FROM WHERE GROUP BY PARTITION HAVING WINDOW TUMBLING HOPPING SIZE ADVANCE GRACE PERIOD
RETENTION EMIT CHANGES FINAL LIMIT INSERT INTO VALUES WITH KAFKA_TOPIC VALUE_FORMAT KEY_FORMAT PARTITIONS PRIMARY KEY
SHOW STREAMS TABLES TOPICS QUERIES FUNCTIONS PROPERTIES DESCRIBE EXTENDED FUNCTION EXPLAIN DROP TERMINATE PAUSE RESUME
SET UNSET DEFINE UNDEFINE LEFT JOIN ON COUNT SUM AVG MIN MAX"""
HELP = """Statements end with a semicolon and may take several lines.

  SHOW STREAMS; SHOW TABLES; SHOW QUERIES; DESCRIBE name; DESCRIBE FUNCTION name;
  SELECT … FROM table WHERE …;         asks once
  SELECT … FROM stream EMIT CHANGES;   goes on until Ctrl-C
  EXPLAIN query;                       how it runs
  help, exit (or Ctrl-D)
"""


class Backend(Protocol):
    """Where statements go: gives pieces of text to show."""

    def run(self, text: str) -> Iterator[str]:
        """Carry out statements; what comes is shown as it comes. Raises MergusError."""
        ...

    def names(self) -> list[str]:
        """Streams and tables, for completion."""
        ...


class Local:
    """An engine in this process."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.session = Session()

    def run(self, text: str) -> Iterator[str]:
        """On the engine."""
        for result in self.engine.execute(text, self.session):
            if isinstance(result, Push):
                yield from _pushed(result)
            elif isinstance(result, Rows):
                yield as_text(result)
            else:
                yield as_text(result)

    def names(self) -> list[str]:
        """From the catalog."""
        return list(self.engine.catalog.relations)


def _pushed(result: Push) -> Iterator[str]:
    yield " | ".join(c.name for c in result.schema) + "\n"
    try:
        for table in result:
            for row in row_texts(result.schema, table):
                yield _joined(json.loads(row))
    finally:
        result.close()


def _joined(values: list[object]) -> str:
    shown = ["NULL" if v is None else v if isinstance(v, str) else json.dumps(v, ensure_ascii=False) for v in values]
    return " | ".join(shown) + "\n"


class Remote:
    """A server over HTTP."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self.properties: dict[str, str] = {}
        self._ask("/info", None)

    def _ask(self, path: str, body: dict[str, object] | None) -> object:
        with self._open(path, body) as answer:
            return json.loads(answer.read())

    @contextmanager
    def _open(self, path: str, body: dict[str, object] | None) -> Iterator[HTTPResponse]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request) as answer:
                yield answer
        except urllib.error.HTTPError as error:
            raise _refusal(error.read()) from None
        except urllib.error.URLError as error:
            raise EnvironmentFault(
                f"no server answers at {self.url}", detail=str(error.reason), hint="start one: mergus server"
            ) from None

    def run(self, text: str) -> Iterator[str]:
        """Queries to /query-stream, statements to /ksql."""
        for piece in split_statements(text):
            words = piece.text.split(None, 1)
            if words[0].upper() == "SELECT":
                yield from self._query(piece.text)
            elif words[0].upper() in ("SET", "UNSET"):
                yield self._set(piece.text)
            else:
                answer = self._ask("/ksql", {"ksql": piece.text + ";", "streamsProperties": self.properties})
                for entry in answer if isinstance(answer, list) else []:
                    yield entity_text(entry)

    def _set(self, text: str) -> str:
        quoted = text.split("'")[1::2]
        if not quoted:
            raise MergusError("SET 'name' = 'value', or UNSET 'name'")
        if len(quoted) > 1:
            self.properties[quoted[0]] = quoted[1]
            return f"{quoted[0]} = {quoted[1]}\n"
        self.properties.pop(quoted[0], None)
        return f"{quoted[0]} is not set any more\n"

    def _query(self, text: str) -> Iterator[str]:
        with self._open("/query-stream", {"sql": text, "properties": self.properties}) as answer:
            for number, line in enumerate(answer):
                value = json.loads(line)
                if isinstance(value, dict) and number:
                    raise _refusal(line)
                yield " | ".join(value["columnNames"]) + "\n" if not number else _joined(value)

    def names(self) -> list[str]:
        """From SHOW."""
        answer = self._ask("/ksql", {"ksql": "SHOW STREAMS; SHOW TABLES;"})
        entries = answer if isinstance(answer, list) else []
        return [s["name"] for entry in entries for s in entry.get("streams", entry.get("tables", []))]


def _refusal(body: bytes) -> MergusError:
    try:
        return MergusError(str(json.loads(body)["message"]))
    except (ValueError, KeyError, TypeError):
        return MergusError("the server refused, without words")


def entity_text(entry: dict[str, object]) -> str:
    """One entity of an answer of /ksql, for people."""
    status = entry.get("commandStatus")
    if isinstance(status, dict):
        return f"{status['message']}\n"
    if "message" in entry:
        return f"{entry['message']}\n"
    description = entry.get("queryDescription") or entry.get("sourceDescription")
    if isinstance(description, dict):
        return _described(description)
    lists = [v for v in entry.values() if isinstance(v, list) and v and isinstance(v[0], dict)]
    return _listed(lists[0]) if lists else "nothing\n"


def _described(description: dict[str, object]) -> str:
    if description.get("topology"):
        return f"{description['topology']}\n"
    fields = description.get("fields")
    rows = fields if isinstance(fields, list) else []
    named = [{"Field": f["name"], "Type": f["schema"]["type"] + (" KEY" if "type" in f else "")} for f in rows]
    return _listed(named) + (f"{description['statistics']}\n" if description.get("statistics") else "")


def _listed(rows: list[dict[str, object]]) -> str:
    table = Table()
    for name in rows[0]:
        table.add_column(name)
    for row in rows:
        table.add_row(*(v if isinstance(v, str) else json.dumps(v) for v in row.values()))
    shown = Console(width=160, highlight=False, markup=False)
    with shown.capture() as text:
        shown.print(table)
    return text.get()


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
        loop(Remote(server))
        return 0
    with tempfile.TemporaryDirectory(prefix="mergus-", ignore_cleanup_errors=True) as private:
        chosen = settings({"data": private if data is None else str(data), "kafka.bootstrap": kafka})
        log_to_stderr(chosen, least="error")
        engine = Engine.open(chosen, in_process=True)
        try:
            loop(Local(engine))
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
            show(backend, text)


def _read(session: PromptSession[str], backend: Backend) -> str:
    completer = WordCompleter([*WORDS.split(), *backend.names()], ignore_case=True)
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


def show(backend: Backend, text: str) -> None:
    """Carry out statements and print what comes; Ctrl-C ends a push query."""
    try:
        for piece in backend.run(text):
            sys.stdout.write(piece)
            sys.stdout.flush()
    except MergusError as error:
        print(error)
    except KeyboardInterrupt:
        print()
