"""`mergus server`: the engine behind HTTP, until it is told to stop."""

from __future__ import annotations

import resource
import tempfile
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ..errors import UserError
from ..runtime.hosts import processes as hosts
from ..serving.engine import Engine
from ..serving.http.server import bind, run
from .options import log_to_stderr, quiet, settings

FILES_MAX = 65_536


def server(
    *,
    config: Path | None = None,
    data: Path | None = None,
    kafka: str | None = None,
    listen: str | None = None,
    queries: Path | None = None,
    workers: int | None = None,
    setting: Annotated[list[str] | None, Parameter(negative="")] = None,
) -> int:
    """Run a server: HTTP, queries, tables.

    Settings come from here, over MERGUS_* of the environment, over --config, over defaults; SHOW PROPERTIES tells which.

    Parameters
    ----------
    config
        A TOML file of settings.
    data
        The data folder. Without one a private folder, removed at the end.
    kafka
        Bootstrap servers of a Kafka cluster; without one, topics are embedded in the data folder.
    listen
        HOST:PORT of the HTTP interface (127.0.0.1:8088); port 0 takes a free one.
    queries
        A file of statements to run at the start.
    workers
        Workers (threads) a query.
    setting
        Any other setting, as name=value; may be repeated.
    """
    quiet()
    open_files_as_allowed()
    given = {
        "data": None if data is None else str(data),
        "kafka.bootstrap": kafka,
        "listen": listen,
        "queries": None if queries is None else str(queries),
        "workers": workers,
    }
    chosen = settings(given, config, setting or ())
    log_to_stderr(chosen)
    listening = bind(chosen["listen"])
    hosts.prepare()
    private = chosen["data"] is None
    if private:
        chosen = settings({**given, "data": tempfile.mkdtemp(prefix="mergus-")}, config, setting or ())
    engine = Engine.open(chosen, private=private, patient=True)
    try:
        if chosen["queries"] is not None:
            _start_queries(engine, Path(chosen["queries"]))
        run(engine, listening, _tell)
    finally:
        listening.close()
        engine.close()
    return 0


def open_files_as_allowed() -> None:
    """Take as many file handles as this process, and those that it starts, may have: a query needs about ten, and what is
    usual at first (1,024) is for programs that call select()."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES_MAX if hard == resource.RLIM_INFINITY else min(hard, FILES_MAX)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _tell(url: str) -> None:
    """Where it is: the first line for programs, the others for people."""
    print(f"mergus listens on {url}", flush=True)
    print(f"  a page for people    {url}/\n  a prompt             mergus --server {url}", flush=True)


def _start_queries(engine: Engine, path: Path) -> None:
    """Run the statements of a file, as soon as what they need can be reached; those whose stream or table is there already
    (a second start) are passed over."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as why:
        raise UserError(f"cannot read {path}", detail=why.strerror) from None
    except UnicodeDecodeError as why:
        raise UserError(f"{path} is not text in UTF-8", detail=str(why)) from None
    engine.restart.when_ready(lambda: engine.execute_all(text, skip_existing=True))
