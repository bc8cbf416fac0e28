"""`mergus run`: statements from files and the command line, on an engine of its own, and their answers on standard output."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from ..errors import MergusError, UserError
from ..serving.engine import Engine
from ..serving.results import Push, Rows
from ..serving.session import Session
from .failing import UsageError
from .options import log_to_stderr, quiet, settings
from .progress import progress
from .rendering import OutputFormat, write_answer, write_told


def run(
    *files: Path,
    e: Annotated[list[str] | None, Parameter(name=["-e", "--execute"], negative="")] = None,
    data: Path | None = None,
    kafka: str | None = None,
    format: Annotated[OutputFormat, Parameter(name="--format")] = "table",
    set_: Annotated[list[str] | None, Parameter(name="--set", negative="")] = None,
    until: Literal["caught-up"] | None = None,
    config: Path | None = None,
) -> int:
    """Run statements and print what SELECTs answer.

    Standard output holds only the answers of SELECTs; all else goes to standard error. A push SELECT ends with bounded
    input, at LIMIT, or with --until caught-up; queries that were started have caught up before the command ends.

    Parameters
    ----------
    files
        Files of statements, run in order; - is standard input.
    e
        Statements, run after the files; may be repeated.
    data
        The data folder. Without one a private folder, removed afterwards.
    kafka
        Bootstrap servers of a Kafka cluster; without one, topics are embedded.
    format
        How SELECTs answer: table, json (an object a line), csv, or arrow (an IPC stream).
    set_
        A property as name=value, as SET gives it; may be repeated.
    until
        caught-up: push SELECTs end when they have read what is there.
    config
        A TOML file of settings.
    """
    quiet()
    texts = list(texts_of(files, e or []))
    if not texts:
        raise UsageError("there is nothing to run", hint='give a FILE, or -e "SQL"')
    with tempfile.TemporaryDirectory(prefix="mergus-", ignore_cleanup_errors=True) as private:
        given = {"data": private if data is None else str(data), "kafka.bootstrap": kafka}
        chosen = settings(given, config)
        log_to_stderr(chosen, least="error")
        engine = Engine.open(chosen, in_process=chosen["workers"] == 1, bounded=until is not None)
        try:
            return _run(engine, texts, format, set_ or [])
        finally:
            engine.close()


def texts_of(files: Iterable[Path], given: list[str]) -> Iterator[str]:
    """What files hold (- is standard input), then what is given. Raises UserError for a file that cannot be read."""
    for file in files:
        try:
            yield sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
        except OSError as why:
            raise UserError(f"cannot read {file}", detail=why.strerror) from None
        except UnicodeDecodeError as why:
            raise UserError(f"cannot read {file}", detail=str(why)) from None
    yield from given


def _run(engine: Engine, texts: list[str], form: OutputFormat, assignments: list[str]) -> int:
    session = Session()
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals:
            raise UsageError(f"--set takes name=value, not {assignment!r}")
        engine.set_property(session, name.strip(), value.strip())
    try:
        for text in texts:
            for result in engine.execute(text, session, before_reading=lambda: _wait(engine)):
                if isinstance(result, Rows | Push):
                    write_answer(result, form, sys.stdout)
                else:
                    write_told(result, sys.stderr)
    except MergusError as error:
        print(f"mergus: {error}", file=sys.stderr)
        return 1
    failed = _wait(engine)
    for query_id in failed:
        print(f"mergus: query {query_id} has failed: {engine.statuses()[query_id].error}", file=sys.stderr)
    rows = engine.failures()
    if rows["bad"] or rows["late"]:
        print(
            f"mergus: {rows['bad']} rows could not be processed, {rows['late']} came late;"
            " SELECT * FROM MERGUS_PROCESSING_LOG; tells which",
            file=sys.stderr,
        )
    return 1 if failed else 0


def _wait(engine: Engine) -> list[str]:
    with progress(engine, sys.stderr):
        return engine.wait_caught_up()
