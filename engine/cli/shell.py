"""What a prompt carries out: statements, on a server or on an engine of its own, and words of its own."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from ..errors import MergusError, ParseError, UserError
from ..serving.connection.answers import PullRows, PushRows
from ..serving.connection.local import Connection
from ..serving.connection.remote import RemoteConnection
from ..sql.parser.parse import split_statements
from .rendering import line_of, lines_of, write_named, write_told

HELP = """Statements end with a semicolon and may take several lines.

  SHOW STREAMS; SHOW TABLES; SHOW QUERIES; DESCRIBE name; DESCRIBE FUNCTION name;
  SELECT … FROM table WHERE …;         asks once
  SELECT … FROM stream EMIT CHANGES;   goes on until Ctrl-C
  EXPLAIN query;                       how it runs
  RUN SCRIPT 'file';                   carries out a file's statements
  SPOOL 'file'; SPOOL OFF;             keeps what is typed and shown in a file
  help, version, clear, exit (or quit, or Ctrl-D)
"""
LEAVING = ("exit", "quit")
OWN_WORDS = (*LEAVING, "help", "version", "clear")
FOREIGN_WORDS = ("history", "output", "server", "request-pipelining", "cli")
"""Commands of ksqlDB's prompt that this one does not have."""

PROMPT = "mergus> "
Backend = Connection | RemoteConnection
"""Where statements go: an engine in this process, or a server. Both keep SET and DEFINE for the session."""

_RUN_SCRIPT = re.compile(r"RUN\s+SCRIPT\s+'((?:[^']|'')+)'\Z", re.IGNORECASE)
_SPOOL = re.compile(r"SPOOL\s+(?:'((?:[^']|'')+)'|OFF)\Z", re.IGNORECASE)


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


def word_of(text: str) -> str:
    """What was typed as a command, which needs no semicolon; empty where it is none.

    >>> word_of("Quit;"), word_of("output JSON"), word_of("SHOW TABLES;")
    ('quit', 'output', '')
    """
    whole = text.strip().rstrip(";").strip().lower()
    if whole in OWN_WORDS:
        return whole
    first = whole.split(" ", 1)[0]
    return first if first in FOREIGN_WORDS and "\n" not in whole else ""


def whole(text: str) -> bool:
    """Whether what was typed can be carried out: it ends with a semicolon that no string or `$$` body holds.

    >>> whole("SHOW STREAMS;"), whole("help"), whole("SELECT 1"), whole("CREATE FUNCTION f AS $$ x;")
    (True, True, False, False)
    """
    words = text.strip()
    if not words or word_of(words):
        return True
    try:
        list(split_statements(text))
    except ParseError:
        return False
    return words.endswith(";")


def pieces(text: str) -> Iterator[str]:
    r"""A text that was piped in, with each line that is a command apart.

    >>> list(pieces("SHOW TABLES;\nexit\nSHOW TYPES;"))
    ['SHOW TABLES;\n', 'exit', 'SHOW TYPES;']
    """
    gathered = ""
    for line in text.splitlines(keepends=True):
        word = word_of(line)
        if word and whole(gathered):
            yield gathered
            yield line.strip()
            gathered = ""
        else:
            gathered += line
    yield gathered


class Shell:
    """One prompt at work. `left`: it was told to end; `refused`: something could not be done."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.left = False
        self.refused = False
        self._spooled: Path | None = None

    def carry_out(self, text: str) -> None:
        """What was typed: a command, or statements, up to the first that is refused. Ctrl-C ends a push query."""
        if not text.strip():
            return
        self._keep(f"{PROMPT}{text.strip()}\n")
        try:
            for statement in split_statements(word_of(text) or text):
                if self.left:
                    return
                for piece in self._carried_out(statement.text):
                    self._put(piece)
        except MergusError as error:
            self.refused = True
            self._put(f"{error}\n")
        except KeyboardInterrupt:
            print()

    def _carried_out(self, statement: str) -> Iterator[str]:
        match word_of(statement):
            case "exit" | "quit":
                self.left = True
            case "help":
                yield HELP
            case "version":
                yield f"Mergus {version('mergus')}\n"
            case "clear":
                yield "\x1b[2J\x1b[H" if sys.stdout.isatty() else ""
            case "":
                if not self._spools(statement):
                    yield from run(self.backend, statement + ";")
            case word:
                raise UserError(f"{word} is not a command of this prompt", hint="help lists them")

    def _spools(self, statement: str) -> bool:
        """Whether it is SPOOL, and then from now on what is typed and shown is kept in its file, or no more."""
        found = _SPOOL.match(statement)
        if found is None:
            return False
        self._spooled = None
        if found[1] is not None:
            path = Path(found[1].replace("''", "'"))
            try:
                path.write_text("", encoding="utf-8")
            except OSError as why:
                raise UserError(f"{path} cannot be written", detail=str(why)) from None
            self._spooled = path
        return True

    def _put(self, piece: str) -> None:
        sys.stdout.write(piece)
        sys.stdout.flush()
        self._keep(piece)

    def _keep(self, piece: str) -> None:
        if self._spooled is not None:
            with self._spooled.open("a", encoding="utf-8") as file:
                file.write(piece)
